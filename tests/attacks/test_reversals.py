"""Putting right what was put right before, or what is not there to be put right."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.attacks.conftest import Clock
from tests.attacks.scene import Request, Scene, outcome, unchanged

REVERSE = Request("POST", "/v1/journal/<entry_id>/reversal", "coordinator", {"reason": "mistake"})
UNDO = Request("POST", "/v1/redemptions/<redemption_id>/undo", "venue_staff")
BOTH = pytest.mark.parametrize("request_", [REVERSE, UNDO], ids=["reversal", "undo"])


@BOTH
def test_a_second_reversal_is_refused_and_changes_nothing(scene: Scene, request_: Request) -> None:
    assert scene.send(request_).status_code in {200, 201}
    with unchanged(scene.world):
        assert outcome(scene.send(request_)) == (409, "already_reversed")


@BOTH
def test_of_ten_reversals_at_once_one_succeeds(scene: Scene, request_: Request) -> None:
    start = threading.Barrier(10)

    def send(_: int) -> int:
        start.wait()
        return scene.send(request_).status_code

    before = scene.available()
    with ThreadPoolExecutor(10) as pool:
        heard = sorted(pool.map(send, range(10)))
    assert heard[0] in {200, 201}
    assert heard[1:] == [409] * 9
    # 10 minutes were spent, of which a companion's minute is no part of what the person has.
    assert scene.available() - before in {0, 10}
    verified = scene.world.api.made("/v1/ledger/verification", None, as_="auditor")
    assert verified["consistent"] is True


def test_an_undone_redemption_is_not_reversed_once_more_by_the_coordinator(scene: Scene) -> None:
    redemption = scene.send(UNDO).json()
    with unchanged(scene.world):
        path = f"/v1/journal/{redemption['entry_id']}/reversal"
        assert outcome(scene.world.api.post(path, {"reason": "mistake"}, as_="coordinator")) == (
            409,
            "already_reversed",
        )


def test_a_reversal_is_not_reversed(scene: Scene) -> None:
    mirror = scene.send(REVERSE).json()
    with unchanged(scene.world, but={"idempotency_key"}):
        answer = scene.world.api.post(f"/v1/journal/{mirror['id']}/reversal", {"reason": "other"}, as_="coordinator")
        assert outcome(answer) == (422, "not_reversible")


def test_a_prescription_is_withdrawn_and_not_reversed(scene: Scene) -> None:
    path = f"/v1/prescriptions/{scene.ids['prescription_id']}"
    entry_id = scene.world.api.get(path, as_="wellbeing_worker").json()["entry_id"]
    with unchanged(scene.world, but={"idempotency_key"}):
        answer = scene.world.api.post(f"/v1/journal/{entry_id}/reversal", {"reason": "other"}, as_="coordinator")
        assert outcome(answer) == (422, "not_reversible")


def test_what_was_given_on_is_not_taken_back_in_part(scene: Scene) -> None:
    """The person earned a minute, and has given everything away since."""
    ids, api = scene.ids, scene.world.api
    earned = next(pot for pot in api.get("/v1/me/balance", as_="person").json()["pots"] if pot["kind"] == "earned")
    gift = {"to_card_number": ids["friend_card_number"], "minutes": earned["minutes"]}
    assert api.post("/v1/gifts", gift, as_="person").status_code == 201
    entry_id = api.get(f"/v1/contributions/{ids['contribution_id']}", as_="group_leader").json()["entry_id"]
    with unchanged(scene.world, but={"idempotency_key"}):
        answer = api.post(f"/v1/journal/{entry_id}/reversal", {"reason": "mistake"}, as_="coordinator")
        assert outcome(answer) == (422, "reversal_short")
        assert answer.json()["shortfall_minutes"] == 1


def test_a_venue_undoes_nothing_on_the_next_day(scene: Scene, clock: Clock) -> None:
    clock.now += timedelta(days=1)
    with unchanged(scene.world, but={"idempotency_key"}):
        assert outcome(scene.send(UNDO)) == (422, "undo_too_late")


@pytest.mark.parametrize("reason", ["", "because", None, 1, "mistake ", "MISTAKE"])
def test_a_reason_is_one_of_the_codes(still_scene: Scene, reason: object) -> None:
    with unchanged(still_scene.world):
        answer = still_scene.send(Request(REVERSE.method, REVERSE.path, REVERSE.role, {"reason": reason}))
        assert outcome(answer) == (422, "invalid_request")


def test_only_a_coordinator_reverses_and_only_the_venue_undoes(still_scene: Scene) -> None:
    with unchanged(still_scene.world):
        for request in (REVERSE, UNDO):
            for role in still_scene.world.api.keys.keys() - {request.role}:
                assert outcome(still_scene.send(request, as_=role)) == (403, "forbidden")
