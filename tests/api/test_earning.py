"""Activities, and the time given to them, over HTTP."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import World

TODAY, TOMORROW = "2026-06-15", "2026-06-16"


@dataclass
class Garden:
    """An activity of the world's group, and an hour given to it."""

    world: World
    activity: dict[str, Any]

    @property
    def hour(self) -> dict[str, Any]:
        return {
            "activity_id": self.activity["id"],
            "person_id": self.world.person["id"],
            "minutes": 60,
            "given_on": TODAY,
        }

    def record(self, **more: Any) -> dict[str, Any]:
        return self.world.api.made("/v1/contributions", {**self.hour, **more}, as_="group_leader")

    def earned(self) -> int:
        return self.world.api.get("/v1/me/balance", as_="person").json()["available_minutes"]


@pytest.fixture
def garden(world: World) -> Garden:
    return make_garden(world)


def make_garden(world: World) -> Garden:
    """Add the activity."""
    return Garden(world, world.api.made("/v1/activities", {"title": "Gardening"}, as_="group_leader"))


def test_an_activity_is_changed_only_as_it_was_read(garden: Garden) -> None:
    api, path = garden.world.api, f"/v1/activities/{garden.activity['id']}"
    etag = api.get(path, as_="person").headers["ETag"]
    changed = api.patch(path, {"title": "Digging", "closed": True}, as_="group_leader", etag=etag)
    assert (changed.status_code, changed.json()["title"], changed.json()["closed"]) == (200, "Digging", True)
    assert api.patch(path, {"title": "X"}, as_="group_leader", etag=etag).status_code == 412
    refused = api.post("/v1/contributions", garden.hour, as_="group_leader")
    assert (refused.status_code, refused.json()["code"]) == (422, "activity_closed")
    opened = api.patch(path, {"closed": False}, as_="group_leader", etag=changed.headers["ETag"])
    assert (opened.json()["closed"], opened.json()["title"]) == (False, "Digging")
    for wrong in ({"title": None}, {"title": ""}, {"closed": None}, {"closed": "yes"}, {"organisation_id": None}):
        assert api.patch(path, wrong, as_="group_leader", etag=opened.headers["ETag"]).status_code == 422, wrong
    assert api.patch(path, {"title": "X"}, as_="person", etag=opened.headers["ETag"]).status_code == 403


def test_activities_are_listed_for_everybody_who_may_see_the_directory(garden: Garden) -> None:
    api = garden.world.api
    second = api.made("/v1/activities", {"title": "Walks", "description": "Slow"}, as_="group_leader")
    for role in ("person", "wellbeing_worker", "venue_staff", "coordinator"):
        listed = api.get(f"/v1/activities?organisation_id={garden.world.group['id']}", as_=role).json()["items"]
        assert listed == [garden.activity, second]
    page = api.get("/v1/activities?limit=1", as_="person").json()
    assert api.get(f"/v1/activities?cursor={page['next']}", as_="person").json()["items"] == [second]
    assert api.get("/v1/activities", as_="auditor").status_code == 403
    assert api.get(f"/v1/activities/{uuid4()}", as_="person").status_code == 404


def test_a_coordinator_names_the_group_of_a_new_activity(world: World) -> None:
    answer = world.api.post("/v1/activities", {"title": "Walks"}, as_="coordinator")
    assert (answer.status_code, answer.json()["code"]) == (422, "group_not_named")
    body = {"title": "Walks", "organisation_id": world.group["id"]}
    assert world.api.made("/v1/activities", body, as_="coordinator")["organisation_id"] == world.group["id"]
    for wrong in (world.partner["id"], str(uuid4())):
        answer = world.api.post("/v1/activities", body | {"organisation_id": wrong}, as_="coordinator")
        assert answer.status_code == 404


def test_time_that_is_recorded_can_be_spent(garden: Garden) -> None:
    made = garden.record(minutes=45)
    assert garden.earned() == 45
    assert {name: made[name] for name in garden.hour} == garden.hour | {"minutes": 45}
    assert made["reversed"] is False
    for role in ("group_leader", "person", "wellbeing_worker", "coordinator"):
        assert garden.world.api.get(f"/v1/contributions/{made['id']}", as_=role).json() == made


def test_a_person_may_be_named_by_the_number_of_their_card(garden: Garden) -> None:
    stranger = garden.world.api.new_person()
    named = {"person_id": None, "card_number": stranger["card_number"]}
    assert garden.record(**named)["person_id"] == stranger["id"]
    assert garden.world.api.get(f"/v1/people/{stranger['id']}", as_="group_leader").status_code == 200
    answer = garden.world.api.post(
        "/v1/contributions", garden.hour | {"person_id": None, "card_number": "23456789"}, as_="group_leader"
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_card")


def test_a_contribution_that_was_put_right_says_so_and_its_replay_does_not(garden: Garden) -> None:
    api = garden.world.api
    first = api.post("/v1/contributions", garden.hour, as_="group_leader", idempotency_key="k").json()
    reversal = api.post(f"/v1/journal/{first['entry_id']}/reversal", {"reason": "wrong_person"}, as_="coordinator")
    assert reversal.status_code == 201, reversal.text
    assert api.get(f"/v1/contributions/{first['id']}", as_="group_leader").json() == first | {"reversed": True}
    again = api.post("/v1/contributions", garden.hour, as_="group_leader", idempotency_key="k")
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", first)
    assert garden.earned() == 0


def test_a_pot_with_too_little_says_to_the_leader_what_it_has(garden: Garden) -> None:
    answer = garden.world.api.post("/v1/contributions", garden.hour | {"minutes": 6_001}, as_="group_leader")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "insufficient_credits")
    assert (problem["needed_minutes"], problem["available_minutes"]) == (6_001, 6_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"minutes": -1},
        {"minutes": 10**9 + 1},
        {"minutes": 0.5},
        {"minutes": "60"},
        {"given_on": TOMORROW},
        {"given_on": "2025-06-13"},
        {"given_on": 20_260_615},
        {"person_id": None},
        {"card_number": "23456789"},
        {"person_id": None, "card_number": "a\u0000"},
        {"hours": 1},
    ],
)
def test_nonsense_is_refused_and_pays_nothing(garden: Garden, wrong: dict[str, Any]) -> None:
    assert garden.world.api.post("/v1/contributions", garden.hour | wrong, as_="group_leader").status_code == 422
    assert garden.earned() == 0


def test_nobody_else_records_time_and_a_person_does_not_pay_themselves(garden: Garden) -> None:
    for role in ("person", "wellbeing_worker", "venue_staff", "auditor"):
        assert garden.world.api.post("/v1/contributions", garden.hour, as_=role).status_code == 403, role
    assert garden.earned() == 0


def test_ids_of_another_programme_are_not_found(garden: Garden, other_world: World) -> None:
    api, theirs = garden.world.api, make_garden(other_world)
    contribution = theirs.record()
    for path in (f"activities/{theirs.activity['id']}", f"contributions/{contribution['id']}"):
        assert api.get(f"/v1/{path}", as_="coordinator").status_code == 404
    for name in ("activity_id", "person_id"):
        answer = api.post("/v1/contributions", garden.hour | {name: theirs.hour[name]}, as_="group_leader")
        assert answer.status_code == 404
        assert api.get(f"/v1/contributions?{name}={theirs.hour[name]}", as_="group_leader").status_code == 404


def test_a_register_is_recorded_at_once_with_an_outcome_for_each_line(garden: Garden) -> None:
    api, path = garden.world.api, "/v1/contributions/batch"
    stranger = api.new_person()
    lines = [
        garden.hour,
        garden.hour | {"person_id": stranger["id"]},
        garden.hour | {"given_on": TOMORROW},
        garden.hour | {"minutes": 6_000},
        garden.hour | {"person_id": None, "card_number": stranger["card_number"]},
    ]
    first = api.post(path, {"items": lines}, as_="group_leader", idempotency_key="k")
    assert first.status_code == 200
    items = first.json()["items"]
    assert [(item["status"], item["code"]) for item in items] == [
        (201, None),
        (422, "unknown_person"),
        (422, "day_not_recordable"),
        (422, "insufficient_credits"),
        (201, None),
    ]
    assert items[3]["figures"] == {"needed_minutes": 6_000, "available_minutes": 5_940}
    assert api.get(f"/v1/contributions/{items[4]['id']}", as_="group_leader").json()["person_id"] == stranger["id"]
    again = api.post(path, {"items": lines}, as_="group_leader", idempotency_key="k")
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", first.json())
    assert garden.earned() == 60


def test_a_register_has_from_one_to_five_hundred_lines(garden: Garden) -> None:
    api, path, line = garden.world.api, "/v1/contributions/batch", garden.hour | {"minutes": 1}
    for count, status in ((0, 422), (501, 422), (500, 200)):
        assert api.post(path, {"items": [line] * count}, as_="group_leader").status_code == status, count
    assert garden.earned() == 500


def test_a_register_of_another_group_is_forbidden_as_a_whole(garden: Garden) -> None:
    api = garden.world.api
    other = api.made("/v1/organisations", {"kind": "group", "name": "B"}, as_="coordinator")
    body = {"title": "Walks", "organisation_id": other["id"]}
    walks = api.made("/v1/activities", body, as_="coordinator")
    lines = [garden.hour, garden.hour | {"activity_id": walks["id"]}]
    assert api.post("/v1/contributions/batch", {"items": lines}, as_="group_leader").status_code == 403
    assert garden.earned() == 0


def test_credits_move_only_with_an_idempotency_key(garden: Garden) -> None:
    headers = {"Authorization": f"Bearer {garden.world.api.keys['group_leader']}"}
    for path, body in (("", garden.hour), ("/batch", {"items": [garden.hour]})):
        answer = garden.world.api.http.post(f"/v1/contributions{path}", headers=headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_contributions_are_listed_by_the_page(garden: Garden) -> None:
    api, made = garden.world.api, [garden.record() for _ in range(3)]
    for query in (f"activity_id={garden.activity['id']}", f"person_id={garden.world.person['id']}"):
        first = api.get(f"/v1/contributions?{query}&limit=2", as_="person").json()
        rest = api.get(f"/v1/contributions?{query}&limit=2&cursor={first['next']}", as_="person").json()
        assert first["items"] + rest["items"] == made
        assert rest["next"] is None
