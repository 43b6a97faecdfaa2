"""Keys that are no longer, or not yet, or never were."""

from datetime import timedelta

import pytest

from tests.attacks.conftest import Clock
from tests.attacks.scene import READS, ROLES, WRITES, Scene, outcome, unchanged
from timecredits.access import Role

EVERYTHING = (*READS, *WRITES)


def new_key(scene: Scene, role: str, **more: object) -> dict[str, str]:
    """Make one more key like the one that the role has."""
    held = {
        "wellbeing_worker": {"organisation_id": scene.ids["service_id"]},
        "group_leader": {"organisation_id": scene.ids["group_id"]},
        "venue_staff": {"organisation_id": scene.ids["partner_id"]},
        "person": {"person_id": scene.ids["person_id"]},
    }
    body = {"name": "one more", "roles": [role], **held.get(role, {}), **more}
    made: dict[str, str] = scene.world.api.made("/v1/keys", body, as_="coordinator")
    return made


def test_a_key_that_was_revoked_a_moment_ago_opens_nothing(scene: Scene) -> None:
    for role in ROLES:
        key = new_key(scene, role)
        assert scene.world.api.get("/v1/me", as_=key["key"]).status_code == 200
        assert scene.world.api.send("DELETE", f"/v1/keys/{key['id']}", as_="coordinator").status_code == 204
        with unchanged(scene.world):
            for request in EVERYTHING:
                assert outcome(scene.send(request, as_=key["key"])) == (401, "unauthenticated")


def test_a_key_may_be_revoked_with_itself_and_is_gone(scene: Scene) -> None:
    key = new_key(scene, "coordinator")
    assert scene.world.api.send("DELETE", f"/v1/keys/{key['id']}", as_=key["key"]).status_code == 204
    assert scene.world.api.send("DELETE", f"/v1/keys/{key['id']}", as_=key["key"]).status_code == 401


def test_a_key_opens_nothing_from_the_moment_at_which_it_expires(scene: Scene, clock: Clock) -> None:
    key = new_key(scene, "coordinator", expires_at="2026-06-15T10:31:00Z")["key"]
    clock.now += timedelta(seconds=59)
    assert scene.world.api.get("/v1/me", as_=key).status_code == 200
    clock.now += timedelta(seconds=1)
    with unchanged(scene.world):
        for request in EVERYTHING:
            assert outcome(scene.send(request, as_=key)) == (401, "unauthenticated")


def test_a_wrong_key_hears_the_same_whatever_is_wrong_with_it(still_scene: Scene) -> None:
    right = still_scene.world.api.keys["coordinator"]
    head, secret = right.rsplit("_", 1) if right.count("_") == 2 else (right[:-44], right[-43:])
    code = still_scene.world.api.programme.code
    wrong = [
        f"{head}_{secret[::-1]}",
        f"{head}_{secret.swapcase()}",
        f"{head[:-1]}{'0' if head[-1] != '0' else '1'}_{secret}",
        right.replace(code, "nowhere"),
        right.replace(code, code.upper()),
        right[:-1],
        right + "a",
        right.upper(),
        f"tc_{'x' * 3000}",
        "' OR '1'='1",
        "tc_a-" + "0" * 32 + "_" + "A" * 43,
        f"{right} {right}",
        f"{right},{right}",
    ]
    heard = set()
    with unchanged(still_scene.world):
        for key in wrong:
            answer = still_scene.world.api.get("/v1/me", as_=key)
            assert outcome(answer) == (401, "unauthenticated"), key
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            heard.add(answer.text)
    assert len(heard) == 1


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Bearer:", "bearer\t", ""])
def test_a_right_key_in_another_scheme_is_no_key(still_scene: Scene, scheme: str) -> None:
    right = still_scene.world.api.keys["coordinator"]
    answer = still_scene.world.api.http.get("/v1/me", headers={"Authorization": f"{scheme} {right}".strip()})
    assert outcome(answer) == (401, "unauthenticated")


def test_a_key_in_the_address_or_a_cookie_is_no_key(still_scene: Scene) -> None:
    right = still_scene.world.api.keys["coordinator"]
    for more in (
        {"params": {"key": right}},
        {"params": {"access_token": right}},
        {"headers": {"Cookie": f"key={right}"}},
    ):
        assert outcome(still_scene.world.api.http.get("/v1/me", **more)) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "body",
    [
        {"roles": []},
        {"roles": ["owner"]},
        {"roles": "coordinator"},
        {"roles": ["coordinator"] * 7},
        {"roles": ["wellbeing_worker"]},
        {"roles": ["person"]},
        {"roles": ["coordinator", "person"]},
        {"roles": ["venue_staff"], "organisation_id": "<service_id>"},
        {"roles": ["coordinator"], "organisation_id": "<partner_id>"},
        {"roles": ["person", "coordinator"], "person_id": "<person_id>"},
        {"roles": ["auditor"], "expires_at": "tomorrow"},
        {"roles": ["auditor"], "expires_at": 1},
        {"roles": ["auditor"], "owner_id": "<person_id>"},
        {"roles": ["auditor"], "key": "mine"},
    ],
)
def test_no_key_is_made_that_holds_more_or_other_roles_than_it_can(still_scene: Scene, body: dict[str, object]) -> None:
    sent = {name: still_scene.ids.get(str(value).strip("<>"), value) for name, value in body.items()}
    with unchanged(still_scene.world, but={"idempotency_key"}):
        answer = still_scene.world.api.post("/v1/keys", {"name": "more"} | sent, as_="coordinator")
        assert answer.status_code == 422, answer.text


def test_nobody_but_a_coordinator_makes_lists_or_revokes_keys(still_scene: Scene) -> None:
    with unchanged(still_scene.world):
        for role in set(ROLES) - {Role.COORDINATOR}:
            api = still_scene.world.api
            for answer in (
                api.post("/v1/keys", {"name": "mine", "roles": ["coordinator"]}, as_=role),
                api.get("/v1/keys", as_=role),
                api.get(f"/v1/keys/{still_scene.ids['key_id']}", as_=role),
                api.send("DELETE", f"/v1/keys/{still_scene.ids['key_id']}", as_=role),
            ):
                assert outcome(answer) == (403, "forbidden")
