"""Credits that are not there, or no longer: nothing moves, and nobody learns more than they may."""

from datetime import timedelta
from typing import Any

import pytest

from tests.attacks.conftest import Clock
from tests.attacks.scene import Request, Scene, outcome, unchanged
from tests.conftest import NOW
from tests.factories import PIN
from timecredits import sweeping

# A refusal by a rule is remembered; the try of a PIN was counted and forgotten again.
REMEMBERED = {"idempotency_key"}


def spendthrift(scene: Scene, **prescribed: Any) -> tuple[str, dict[str, Any]]:
    """Add somebody who has nothing but what is prescribed to them, and give the card and the prescription."""
    person = scene.world.api.new_person(as_="group_leader", given_name="Cy")
    if not prescribed:
        return person["card_number"], {}
    body = {"person_id": person["id"], **prescribed}
    return person["card_number"], scene.world.api.made("/v1/prescriptions", body, as_="wellbeing_worker")


def at_the_till(scene: Scene, card: str, **asked: Any):
    swim = {"opportunity_id": scene.ids["opportunity_id"], "card_number": card, "pin": PIN} | asked
    return scene.world.api.post("/v1/redemptions", swim, as_="venue_staff")


def test_a_venue_hears_the_same_words_whatever_the_cause(scene: Scene, clock: Clock) -> None:
    nothing, _ = spendthrift(scene)
    too_little, _ = spendthrift(scene, minutes=9)
    only_for_others, _ = spendthrift(scene, minutes=1, companion_minutes=60)
    withdrawn, prescription = spendthrift(scene, minutes=60)
    withdrawal = f"/v1/prescriptions/{prescription['id']}/withdrawal"
    scene.world.api.made(withdrawal, {"reason": "other"}, as_="wellbeing_worker")
    expired, _ = spendthrift(scene, minutes=60, expires_on="2026-06-15")
    assert at_the_till(scene, expired).status_code == 201
    clock.now += timedelta(days=1)
    heard = set()
    with unchanged(scene.world, but=REMEMBERED):
        for card in (nothing, too_little, only_for_others, withdrawn, expired):
            answer = at_the_till(scene, card)
            assert outcome(answer) == (422, "insufficient_credits")
            heard.add(answer.text)
    assert len(heard) == 1
    problem = answer.json()
    assert problem["needed_minutes"] == 10
    assert set(problem) == {"type", "title", "status", "detail", "code", "needed_minutes"}


def test_a_quote_with_the_pin_says_enough_or_not_and_no_figure(scene: Scene) -> None:
    card, _ = spendthrift(scene, minutes=9)
    body = {"opportunity_id": scene.ids["opportunity_id"], "card_number": card, "pin": PIN}
    with unchanged(scene.world):
        answer = scene.world.api.post("/v1/redemptions/quote", body, as_="venue_staff")
    assert answer.json()["enough"] is False
    assert set(answer.json()) == {"minutes", "credits", "title", "restrictions", "enough"}


@pytest.mark.parametrize("role", ["person", "wellbeing_worker"])
def test_who_may_see_what_there_is_hears_both_figures(scene: Scene, role: str) -> None:
    earned = scene.world.api.get("/v1/me/balance", as_="person").json()
    (there,) = [pot["minutes"] for pot in earned["pots"] if pot["kind"] == "earned"]
    ids = scene.ids
    for path, to in (
        ("/v1/gifts", {"to_card_number": ids["friend_card_number"]}),
        ("/v1/donations", {"to": {"kind": "group", "id": ids["group_id"]}}),
        ("/v1/donations", {"to": {"kind": "community"}}),
    ):
        body = {"from_person_id": ids["person_id"], "minutes": there + 1, **to}
        with unchanged(scene.world, but=REMEMBERED):
            answer = scene.world.api.post(path, body, as_=role)
        problem = answer.json()
        assert outcome(answer) == (422, "insufficient_credits")
        assert (problem["needed_minutes"], problem["available_minutes"]) == (there + 1, there)


def test_no_pot_gives_more_than_it_has(scene: Scene) -> None:
    ids, api = scene.ids, scene.world.api
    (pot,) = api.get(f"/v1/organisations/{ids['service_id']}/pots", as_="wellbeing_worker").json()["items"]
    left = api.get(f"/v1/funds/{ids['fund_id']}", as_="coordinator").json()["remaining_minutes"]
    dose = {"person_id": ids["person_id"], "minutes": pot["remaining_minutes"] + 1}
    given = {"activity_id": ids["activity_id"], "person_id": ids["person_id"], "given_on": "2026-06-15"}
    more = {"fund_id": ids["fund_id"], "to": {"kind": "community"}, "minutes": left + 1}
    with unchanged(scene.world, but=REMEMBERED):
        for path, body, role, code in (
            ("/v1/prescriptions", dose, "wellbeing_worker", "insufficient_credits"),
            ("/v1/prescriptions", dose | {"fund_id": ids["fund_id"]}, "wellbeing_worker", "insufficient_credits"),
            ("/v1/contributions", given | {"minutes": 10**9}, "group_leader", "insufficient_credits"),
            ("/v1/allocations", more, "coordinator", "fund_exhausted"),
        ):
            answer = api.post(path, body, as_=role)
            assert outcome(answer) == (422, code)
            assert answer.json()["available_minutes"] < answer.json()["needed_minutes"]
        batch = api.post("/v1/allocations/batch", {"items": [more]}, as_="coordinator").json()["items"]
        assert [(item["status"], item["code"]) for item in batch] == [(422, "fund_exhausted")]


def test_a_fund_is_not_lowered_below_what_was_issued(scene: Scene) -> None:
    request = Request("PATCH", "/v1/funds/<fund_id>", "coordinator", {"authorised_minutes": 1})
    with unchanged(scene.world):
        answer = scene.send(request)
    assert answer.status_code == 422


def test_a_withdrawn_prescription_neither_pays_nor_is_withdrawn_again(scene: Scene) -> None:
    card, prescription = spendthrift(scene, minutes=60)
    path = f"/v1/prescriptions/{prescription['id']}/withdrawal"
    scene.world.api.made(path, {"reason": "other"}, as_="wellbeing_worker")
    with unchanged(scene.world, but=REMEMBERED):
        assert outcome(at_the_till(scene, card)) == (422, "insufficient_credits")
        again = scene.world.api.post(path, {"reason": "other"}, as_="wellbeing_worker")
        assert outcome(again) == (409, "prescription_ended")


def test_what_the_sweep_took_back_is_spent_no_more(scene: Scene) -> None:
    card, _ = spendthrift(scene, minutes=60, expires_on="2026-06-15")
    sweeping.sweep_all(scene.world.api.programme.sessions, now=NOW + timedelta(days=1))
    with unchanged(scene.world, but=REMEMBERED):
        assert outcome(at_the_till(scene, card)) == (422, "insufficient_credits")


def test_a_closed_activity_takes_no_time(scene: Scene) -> None:
    scene.send(Request("PATCH", "/v1/activities/<activity_id>", "group_leader", {"closed": True}))
    given = {"activity_id": "<activity_id>", "person_id": "<person_id>", "minutes": 1, "given_on": "2026-06-15"}
    with unchanged(scene.world, but=REMEMBERED):
        answer = scene.send(Request("POST", "/v1/contributions", "group_leader", given))
        assert outcome(answer) == (422, "activity_closed")


@pytest.mark.parametrize(
    ("dates", "code"),
    [
        ({"ends_on": "2026-06-14"}, "opportunity_not_on"),
        ({"starts_on": "2026-06-16"}, "opportunity_not_on"),
        (None, "opportunity_withdrawn"),
    ],
)
def test_what_is_not_offered_is_neither_quoted_nor_redeemed(
    scene: Scene, dates: dict[str, str] | None, code: str
) -> None:
    withdraw = Request("POST", "/v1/opportunities/<opportunity_id>/withdrawal", "venue_staff")
    change = Request("PATCH", "/v1/opportunities/<opportunity_id>", "venue_staff", dates)
    assert scene.send(change if dates else withdraw).status_code == 200
    swim = {"opportunity_id": "<opportunity_id>", "card_number": "<card_number>"}
    with unchanged(scene.world, but=REMEMBERED):
        for path, pin in (("/quote", {}), ("/quote", {"pin": PIN}), ("", {"pin": PIN}), ("", {"pin": "1379"})):
            answer = scene.send(Request("POST", f"/v1/redemptions{path}", "venue_staff", swim | pin))
            assert outcome(answer) == (422, code)


def test_nobody_pays_themselves(scene: Scene) -> None:
    ids, api = scene.ids, scene.world.api
    to_self = [{"to_card_number": ids["card_number"]}, {"to_person_id": ids["person_id"]}]
    with unchanged(scene.world, but=REMEMBERED):
        for to in to_self:
            for role in ("person", "wellbeing_worker"):
                body = {"from_person_id": ids["person_id"], "minutes": 1, **to}
                assert outcome(api.post("/v1/gifts", body, as_=role)) == (422, "gift_to_self")
        given = {
            "activity_id": ids["activity_id"],
            "person_id": ids["person_id"],
            "minutes": 1,
            "given_on": "2026-06-15",
        }
        assert outcome(api.post("/v1/contributions", given, as_="person")) == (403, "forbidden")


def test_nobody_who_works_here_records_time_for_or_prescribes_to_themselves(scene: Scene) -> None:
    ids, api = scene.ids, scene.world.api
    for role, organisation in (("group_leader", "group_id"), ("wellbeing_worker", "service_id")):
        body = {"name": "mine", "roles": [role], "organisation_id": ids[organisation], "person_id": ids["person_id"]}
        api.keys[f"own_{role}"] = api.made("/v1/keys", body, as_="coordinator")["key"]
    given = {"activity_id": ids["activity_id"], "minutes": 1, "given_on": "2026-06-15"}
    by_card = given | {"card_number": ids["card_number"]}
    by_id = given | {"person_id": ids["person_id"]}
    with unchanged(scene.world, but=REMEMBERED):
        for body in (by_card, by_id):
            assert outcome(api.post("/v1/contributions", body, as_="own_group_leader")) == (422, "own_time")
            batch = api.post("/v1/contributions/batch", {"items": [body]}, as_="own_group_leader").json()["items"]
            assert [(item["status"], item["code"]) for item in batch] == [(422, "own_time")]
        dose = {"person_id": ids["person_id"], "minutes": 1}
        assert outcome(api.post("/v1/prescriptions", dose, as_="own_wellbeing_worker")) == (422, "own_prescription")


@pytest.mark.parametrize("given_on", ["2026-06-16", "2025-06-13", "1900-01-01", "2199-12-31"])
def test_time_is_given_neither_in_the_future_nor_long_ago(scene: Scene, given_on: str) -> None:
    given = {"activity_id": "<activity_id>", "person_id": "<person_id>", "minutes": 1, "given_on": given_on}
    with unchanged(scene.world, but=REMEMBERED):
        answer = scene.send(Request("POST", "/v1/contributions", "group_leader", given))
        assert outcome(answer) == (422, "day_not_recordable")


def test_no_one_spends_for_somebody_else_by_an_id(scene: Scene) -> None:
    body = {"opportunity_id": "<opportunity_id>", "person_id": "<person_id>", "pin": PIN}
    with unchanged(scene.world):
        answer = scene.send(Request("POST", "/v1/redemptions", "venue_staff", body))
        assert outcome(answer) == (422, "invalid_request")
        taken = {"from_person_id": scene.ids["friend_id"], "to_card_number": scene.ids["card_number"], "minutes": 1}
        assert outcome(scene.world.api.post("/v1/gifts", taken, as_="person")) == (404, "not_found")
