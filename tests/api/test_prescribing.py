"""Prescriptions over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import World
from timecredits.access import Role

TODAY, YESTERDAY, NEXT_MONTH = "2026-06-15", "2026-06-14", "2026-07-15"


def prescribe(world: World, **more: Any) -> dict[str, Any]:
    """Prescribe two hours to the world's person."""
    body = {"person_id": world.person["id"], "minutes": 120, **more}
    return world.api.made("/v1/prescriptions", body, as_="wellbeing_worker")


def test_a_prescription_says_all_that_it_is(world: World) -> None:
    made = prescribe(world, companion_minutes=60, expires_on=NEXT_MONTH, goal="To swim\nagain")
    ids = {name: made.pop(name) for name in ("id", "entry_id", "issued_at")}
    assert made == {
        "person_id": world.person["id"],
        "organisation_id": world.service["id"],
        "fund_id": world.fund["id"],
        "status": "active",
        "minutes": 120,
        "spent_minutes": 0,
        "remaining_minutes": 120,
        "companion_minutes": 60,
        "companion_remaining_minutes": 60,
        "goal": "To swim\nagain",
        "expires_on": NEXT_MONTH,
        "ended_at": None,
        "withdrawal_reason": None,
        "withdrawal_message": None,
    }
    read = world.api.get(f"/v1/prescriptions/{ids['id']}", as_="person").json()
    assert read == made | ids
    assert world.api.get("/v1/me/balance", as_="person").json()["available_minutes"] == 120


def test_a_repeat_prescribes_once_and_says_what_was_said_first(world: World) -> None:
    body = {"person_id": world.person["id"], "minutes": 120}
    first = world.api.post("/v1/prescriptions", body, as_="wellbeing_worker", idempotency_key="k")
    withdrawal = f"/v1/prescriptions/{first.json()['id']}/withdrawal"
    assert world.api.post(withdrawal, {"reason": "other"}, as_="wellbeing_worker").status_code == 201
    again = world.api.post("/v1/prescriptions", body, as_="wellbeing_worker", idempotency_key="k")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == first.json()
    assert len(world.api.get("/v1/prescriptions", as_="wellbeing_worker").json()["items"]) == 1


def test_a_prescription_is_withdrawn_once_with_a_reason_and_a_kind_word(world: World) -> None:
    made = prescribe(world, companion_minutes=60)
    path = f"/v1/prescriptions/{made['id']}"
    answer = world.api.post(
        f"{path}/withdrawal", {"reason": "moved_away", "message": "All the best"}, as_="wellbeing_worker"
    )
    assert answer.status_code == 201
    read = world.api.get(path, as_="person").json()
    assert answer.json() == read
    assert (read["status"], read["remaining_minutes"], read["companion_remaining_minutes"]) == ("withdrawn", 0, 0)
    assert (read["withdrawal_reason"], read["withdrawal_message"]) == ("moved_away", "All the best")
    again = world.api.post(f"{path}/withdrawal", {"reason": "moved_away"}, as_="wellbeing_worker")
    assert (again.status_code, again.json()["code"]) == (409, "prescription_ended")
    (pot,) = world.api.get(f"/v1/organisations/{world.service['id']}/pots", as_="wellbeing_worker").json()["items"]
    assert pot["remaining_minutes"] == 6_000


def test_a_pot_with_too_little_says_to_the_worker_what_it_has(world: World) -> None:
    body = {"person_id": world.person["id"], "minutes": 6_001}
    answer = world.api.post("/v1/prescriptions", body, as_="wellbeing_worker")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "insufficient_credits")
    assert (problem["needed_minutes"], problem["available_minutes"]) == (6_001, 6_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"minutes": -60},
        {"minutes": 10**9 + 1},
        {"minutes": 60.5},
        {"minutes": "60"},
        {"minutes": True},
        {"companion_minutes": -1},
        {"companion_minutes": 1.5},
        {"expires_on": YESTERDAY},
        {"expires_on": "2026-02-30"},
        {"goal": ""},
        {"goal": "a\u0000b"},
        {"person_id": "nobody"},
        {"dose": 60},
    ],
)
def test_nonsense_is_refused_and_prescribes_nothing(world: World, wrong: dict[str, Any]) -> None:
    body = {"person_id": world.person["id"], "minutes": 60, **wrong}
    assert world.api.post("/v1/prescriptions", body, as_="wellbeing_worker").status_code == 422
    assert world.api.get("/v1/prescriptions", as_="wellbeing_worker").json()["items"] == []


def test_credits_move_only_with_an_idempotency_key(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.api.keys['wellbeing_worker']}"}
    body = {"person_id": world.person["id"], "minutes": 60}
    for path, sent in (
        ("/v1/prescriptions", body),
        (f"/v1/prescriptions/{prescribe(world)['id']}/withdrawal", {"reason": "other"}),
    ):
        answer = world.api.http.post(path, headers=headers, json=sent)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_only_the_service_and_the_person_know_of_a_prescription(world: World) -> None:
    made = prescribe(world)
    other = world.api.made("/v1/organisations", {"kind": "wellbeing_service", "name": "B"}, as_="coordinator")
    colleague = world.api.new_key(Role.WELLBEING_WORKER, organisation_id=other["id"])
    stranger = world.api.new_key(Role.PERSON, person_id=world.api.new_person()["id"])
    for key, status in (
        ("coordinator", 403),
        ("group_leader", 403),
        ("venue_staff", 403),
        ("auditor", 403),
        (colleague, 404),
        (stranger, 404),
        ("person", 200),
    ):
        assert world.api.get(f"/v1/prescriptions/{made['id']}", as_=key).status_code == status, key
    for key, status in ((colleague, 404), ("person", 403), ("coordinator", 403)):
        answer = world.api.post(f"/v1/prescriptions/{made['id']}/withdrawal", {"reason": "other"}, as_=key)
        assert answer.status_code == status, key
    assert world.api.get("/v1/prescriptions", as_=colleague).json()["items"] == []


def test_ids_of_another_programme_are_not_found(world: World, other_world: World) -> None:
    theirs = prescribe(other_world)
    worker = "wellbeing_worker"
    assert world.api.get(f"/v1/prescriptions/{theirs['id']}", as_=worker).status_code == 404
    path = f"/v1/prescriptions/{theirs['id']}/withdrawal"
    assert world.api.post(path, {"reason": "other"}, as_=worker).status_code == 404
    for wrong in (
        {"person_id": other_world.person["id"]},
        {"fund_id": other_world.fund["id"]},
        {"organisation_id": other_world.service["id"]},
        {"person_id": str(uuid4())},
    ):
        body = {"person_id": world.person["id"], "minutes": 60, **wrong}
        assert world.api.post("/v1/prescriptions", body, as_=worker).status_code == 404, wrong


def test_prescriptions_are_listed_by_the_page(world: World) -> None:
    made = [prescribe(world)["id"] for _ in range(3)]
    path = f"/v1/prescriptions?person_id={world.person['id']}&limit=2"
    first = world.api.get(path, as_="wellbeing_worker").json()
    rest = world.api.get(f"{path}&cursor={first['next']}", as_="wellbeing_worker").json()
    assert [item["id"] for item in first["items"] + rest["items"]] == made
    assert rest["next"] is None
    mine = world.api.get(f"/v1/prescriptions?organisation_id={world.service['id']}", as_="person").json()["items"]
    assert [item["id"] for item in mine] == made
