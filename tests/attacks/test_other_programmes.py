"""What belongs to another programme is not there: not in the answer, not in the log, not for any role."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import make_api, make_world
from tests.attacks.scene import READS, ROLES, WRITES, Request, Scene, make_scene, outcome, rows, unchanged
from tests.conftest import make_programme
from tests.factories import PIN
from timecredits.database import new_id

# What somebody may do anywhere is refused for the organisation that is named, whether or not there is one.
WHEREVER = {403, 404}


@pytest.fixture(scope="module")
def elsewhere(http: TestClient, sessions) -> Scene:
    return make_scene(make_world(make_api(http, make_programme(sessions))))


def said(answer: Any, lines: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Give all that was said about a request, but for its id and the time."""
    own = {"request_id", "timestamp", "milliseconds"}
    plain = [{name: value for name, value in line.items() if name not in own} for line in lines]
    return answer.status_code, answer.text, plain


@pytest.mark.parametrize("role", ROLES)
def test_an_id_of_another_programme_is_like_one_that_nobody_has(
    still_scene: Scene, elsewhere: Scene, logged, role: str
) -> None:
    own, tried = still_scene.ids, 0
    # A batch is remembered, with the refusals in it.
    with unchanged(elsewhere.world), unchanged(still_scene.world, but={"idempotency_key"}):
        for request in (*READS, *WRITES):
            for name in sorted(request.names() - {"card_number"}):
                heard = []
                for id_ in (elsewhere.ids[name], str(new_id())):
                    spoilt = request.filled(own | {name: id_})
                    start = len(logged())
                    answer = still_scene.send(spoilt, as_=role)
                    assert id_ not in answer.text
                    heard.append(said(answer, logged()[start:]))
                assert heard[0] == heard[1], (request, name)
                assert_says_nothing(heard[0], request, may=role == request.role)
                tried += 1
    assert tried > 60


def assert_says_nothing(heard: tuple[Any, ...], request: Request, *, may: bool) -> None:
    """Assert that the answer is 404, or 403 where the role may not, or a list with nothing in it."""
    status, body, lines = heard
    if "?" in request.path and status == 200:
        assert body == '{"items":[],"next":null}'
    elif request.path.endswith("/batch") and status == 200:
        assert '"status":422' in body
    else:
        assert status in ({404} if may else WHEREVER), (request, status, body)
    assert [line["event"] for line in lines] == ["request"]


def test_a_card_of_another_programme_is_unknown(still_scene: Scene, elsewhere: Scene) -> None:
    card = elsewhere.ids["card_number"]
    given = {"activity_id": still_scene.ids["activity_id"], "card_number": card, "minutes": 1, "given_on": "2026-06-15"}
    swim = {"opportunity_id": still_scene.ids["opportunity_id"], "card_number": card, "pin": PIN}
    with unchanged(still_scene.world, elsewhere.world, but={"idempotency_key"}):
        for path, role, body in (
            ("/v1/contributions", "group_leader", given),
            ("/v1/gifts", "person", {"to_card_number": card, "minutes": 1}),
            ("/v1/redemptions", "venue_staff", swim),
            ("/v1/redemptions/quote", "venue_staff", swim),
        ):
            assert outcome(still_scene.world.api.post(path, body, as_=role)) == (422, "unknown_card")


def test_a_key_of_another_programme_is_no_key_here(still_scene: Scene, elsewhere: Scene) -> None:
    here, there = (scene.world.api.programme.code for scene in (still_scene, elsewhere))
    stolen = elsewhere.world.api.keys["coordinator"].replace(there, here)
    with unchanged(still_scene.world, elsewhere.world):
        for request in (*READS, *WRITES):
            assert outcome(still_scene.send(request, as_=stolen)) == (401, "unauthenticated")


def test_a_cursor_of_another_programme_shows_nothing_of_it(still_scene: Scene, elsewhere: Scene) -> None:
    for path, role in (("/v1/organisations", "coordinator"), ("/v1/journal", "coordinator"), ("/v1/venues", "person")):
        page = elsewhere.world.api.get(f"{path}?limit=1", as_=role).json()
        answer = still_scene.world.api.get(f"{path}?limit=200&cursor={page['next'] or ''}", as_=role)
        assert answer.status_code in {200, 422}
        assert page["items"][0]["id"] not in answer.text


def test_lists_hold_only_what_is_of_the_own_programme(still_scene: Scene, elsewhere: Scene) -> None:
    foreign = set(elsewhere.ids.values())
    for path, role in (
        ("/v1/organisations", "coordinator"),
        ("/v1/funds", "coordinator"),
        ("/v1/allocations", "coordinator"),
        ("/v1/keys", "coordinator"),
        ("/v1/people", "coordinator"),
        ("/v1/people", "wellbeing_worker"),
        ("/v1/prescriptions", "wellbeing_worker"),
        ("/v1/activities", "group_leader"),
        ("/v1/contributions", "group_leader"),
        ("/v1/venues", "venue_staff"),
        ("/v1/opportunities", "venue_staff"),
        ("/v1/redemptions", "venue_staff"),
        ("/v1/journal", "auditor"),
        ("/v1/me/statement", "person"),
    ):
        answer = still_scene.world.api.get(f"{path}?limit=200", as_=role)
        assert answer.json()["items"]
        assert not {one for one in foreign if one in answer.text}


def test_two_programmes_have_not_one_row_in_common(still_scene: Scene, elsewhere: Scene) -> None:
    here, there = (rows(scene.world.api.programme) for scene in (still_scene, elsewhere))
    empty = rows(make_programme(still_scene.world.api.programme.sessions))
    assert not [table for table in here if here[table] == there[table] != empty[table]]
