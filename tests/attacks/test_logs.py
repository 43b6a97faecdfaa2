"""No log line holds anything about a person, whatever was sent, stored, refused or broken."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.api.conftest import World
from tests.attacks.conftest import Clock
from tests.attacks.scene import earn
from tests.conftest import NOW
from timecredits import sweeping

PIN, OTHER_PIN = "8520", "7351"
Marks = Callable[[str], str]


@pytest.fixture
def marks() -> tuple[Marks, set[str]]:
    """Give words that nobody else says, and the set of those that were said."""
    said: set[str] = set()

    def mark(what: str) -> str:
        word = f"Zq{what.replace('_', '')}qZ"
        said.add(word)
        return word

    return mark, said


def live(world: World, mark: Marks) -> dict[str, Any]:
    """Run the whole cycle with words that can be found again, and give what was made."""
    make, api = world.api.made, world.api
    names = {"given_name": mark("given"), "family_name": mark("family"), "district": mark("district")}
    person = api.made("/v1/people", {**names, "pin": PIN}, as_="group_leader")
    friend = api.made("/v1/people", {"given_name": mark("friend"), "pin": PIN}, as_="group_leader")
    partner = make(
        "/v1/organisations",
        {"kind": "partner", "name": mark("partner"), "description": mark("about")},
        as_="coordinator",
    )
    fund = {"name": mark("fund"), "funder": mark("funder"), "authorised_minutes": 60, "purpose": mark("purpose")}
    make("/v1/funds", fund, as_="coordinator")
    about = {"address": mark("address"), "postcode": mark("postcode"), "accessibility": mark("access")}
    venue = make("/v1/venues", {"partner_id": world.partner["id"], "name": mark("venue"), **about}, as_="coordinator")
    words = {name: mark(name) for name in ("title", "category", "restrictions", "description", "first_visit")}
    offer = {"partner_id": world.partner["id"], "venue_id": venue["id"], "price_minutes": 5, **words}
    opportunity = make("/v1/opportunities", offer, as_="venue_staff")
    activity = make("/v1/activities", {"title": mark("activity"), "description": mark("doing")}, as_="group_leader")
    dose = {"person_id": person["id"], "minutes": 60, "goal": mark("goal"), "expires_on": "2026-06-16"}
    prescriptions = [make("/v1/prescriptions", dose, as_="wellbeing_worker") for _ in range(2)]
    given = {
        "activity_id": activity["id"],
        "card_number": person["card_number"],
        "minutes": 30,
        "given_on": "2026-06-15",
    }
    contribution = make("/v1/contributions", given, as_="group_leader")
    visit = {"opportunity_id": opportunity["id"], "card_number": person["card_number"], "pin": PIN}
    redemption = make("/v1/redemptions", visit | {"external_reference": mark("reference")}, as_="venue_staff")
    api.post(f"/v1/redemptions/{redemption['id']}/undo", as_="venue_staff")
    gift = {"from_person_id": person["id"], "to_card_number": friend["card_number"], "minutes": 1}
    make("/v1/gifts", gift, as_="wellbeing_worker")
    end = {"reason": "other", "message": mark("message")}
    make(f"/v1/prescriptions/{prescriptions[0]['id']}/withdrawal", end, as_="wellbeing_worker")
    make(
        f"/v1/journal/{contribution['entry_id']}/reversal",
        {"reason": "mistake", "as_far_as_possible": True},
        as_="coordinator",
    )
    api.send("PUT", f"/v1/people/{person['id']}/pin", as_="wellbeing_worker", json={"pin": OTHER_PIN})
    for path in (f"/v1/people/{person['id']}", f"/v1/people/{person['id']}/balance", "/v1/people", "/v1/me/statement"):
        api.get(path, as_="person" if "me" in path else "group_leader")
    make("/v1/keys", {"name": mark("key_name"), "roles": ["auditor"]}, as_="coordinator")
    return {"person": person, "friend": friend, "visit": visit, "partner": partner, "given": given}


def fail(world: World, mark: Marks, made: dict[str, Any]) -> None:
    """Send what is refused, cannot be read, or is not there, with such words in every place."""
    api, person, visit = world.api, made["person"], made["visit"]
    for _ in range(7):
        api.post("/v1/redemptions", visit | {"external_reference": mark("lost")}, as_="venue_staff")
    api.post("/v1/redemptions", visit | {"pin": mark("pin"), mark("field"): mark("value")}, as_="venue_staff")
    api.post("/v1/redemptions", visit | {"card_number": mark("card")}, as_="venue_staff")
    api.post("/v1/people", {"given_name": [mark("list")], "pin": "1111"}, as_="coordinator")
    api.post("/v1/people", {"given_name": mark("trivial"), "pin": "1111"}, as_="coordinator")
    api.post("/v1/people", {"given_name": mark("nul") + "\x00"}, as_="coordinator")
    api.post(
        "/v1/gifts",
        {"from_person_id": person["id"], "to_card_number": mark("to"), "minutes": 10**9},
        as_="wellbeing_worker",
    )
    api.post("/v1/activities", {"title": mark("forbidden")}, as_="auditor")
    as_json = {"Content-Type": "application/json"}
    for content in (
        b"{" + mark("broken").encode(),
        b'"\xff' + mark("bytes").encode(),
        mark("large").encode() * 200_000,
    ):
        api.send("POST", "/v1/people", as_="coordinator", content=content, headers=as_json)
    for path in (
        f"/v1/people/{mark('path')}",
        f"/v1/{mark('nowhere')}",
        f"/problems/{mark('problem')}",
        f"/docs/files/{mark('file')}",
    ):
        api.get(path, as_="coordinator")
    for query in ({"q": mark("q")}, {mark("parameter"): "1"}, {"cursor": mark("cursor")}, {"partner_id": mark("id")}):
        api.get("/v1/opportunities", as_="person", params=query)
    names = (
        "User-Agent",
        "X-Request-ID",
        "Referer",
        "Cookie",
        "X-Forwarded-For",
        "Accept",
        "If-Match",
        "Origin",
        "Host",
    )
    headers = {name: mark(name.replace("-", "")) for name in names}
    api.get("/v1/me", as_="person", headers=headers)
    api.send(
        "PATCH", f"/v1/people/{person['id']}", as_="group_leader", json={"district": mark("etag")}, headers=headers
    )
    api.post("/v1/people", {"given_name": mark("kept")}, as_="coordinator", idempotency_key=mark("idempotency"))
    api.post("/v1/people", {"given_name": mark("reused")}, as_="coordinator", idempotency_key=mark("idempotency"))
    api.send(mark("METHOD"), "/v1/me", as_="person")
    for key in (
        mark("nokey"),
        f"tc_{mark('code').lower()}-{'0' * 32}_{'A' * 43}",
        f"tc_{world.api.programme.code}-{'0' * 32}_{mark('secret').ljust(43, 'A')}",
    ):
        api.get("/v1/me", as_=key)


def test_no_log_line_names_anybody(world: World, marks: tuple[Marks, set[str]], logged, capfd, clock: Clock) -> None:
    mark, said = marks
    made = live(world, mark)
    fail(world, mark, made)
    clock.now = NOW + timedelta(days=2)
    sweeping.sweep_all(world.api.programme.sessions, now=clock.now)
    world.api.made("/v1/ledger/verification", None, as_="auditor")
    lines = logged()
    assert len(lines) > 50
    written = (json.dumps(lines) + "".join(capfd.readouterr())).lower()
    assert len(said) > 60
    assert {word for word in said if word.lower() in written} == set()
    for people in (made["person"], made["friend"]):
        assert people["card_number"].lower() not in written
        assert people["id"] not in written
    for key in world.api.keys.values():
        assert key[-43:].lower() not in written
    values = {
        str(value)
        for line in lines
        for name, value in line.items()
        if name not in {"timestamp", "milliseconds", "request_id"}
    }
    assert not {PIN, OTHER_PIN, "1111"} & values
    assert {name for line in lines for name in line} == {
        "event",
        "level",
        "method",
        "milliseconds",
        "programme",
        "request_id",
        "route",
        "status",
        "timestamp",
    }


@pytest.mark.parametrize(
    "name", ["timecredits.web.problems", "uvicorn.error", "sqlalchemy.pool", "asyncio", "py.warnings"]
)
def test_an_error_that_anything_logs_says_its_kind_and_place_and_not_its_message(logged, capfd, name: str) -> None:
    try:
        insert_twice()
    except IntegrityError:
        logging.getLogger(name).exception("it went wrong")
    (line,) = logged()
    assert (line["event"], line["error"], line["causes"]) == ("it went wrong", "IntegrityError", ["ValueError"])
    assert any("insert_twice" in place for place in line["places"])
    assert "Zq" not in json.dumps(line) + "".join(capfd.readouterr())


def insert_twice() -> None:
    cause = ValueError("Key (given_name)=(ZqAshaqZ) already exists.")
    raise IntegrityError("INSERT INTO identity VALUES ('ZqAshaqZ')", {"given_name": "ZqAshaqZ"}, cause) from cause


def test_what_the_metrics_say_names_nobody(world: World, marks: tuple[Marks, set[str]]) -> None:
    mark, said = marks
    made = live(world, mark)
    fail(world, mark, made)
    told = world.api.http.get("/metrics").text.lower()
    assert {word for word in said if word.lower() in told} == set()
    assert made["person"]["id"] not in told
    assert made["person"]["card_number"].lower() not in told


def test_what_is_kept_of_requests_and_of_who_did_what_holds_no_text(
    world: World, marks: tuple[Marks, set[str]]
) -> None:
    mark, said = marks
    made = live(world, mark)
    earn(world, made["person"]["id"], 10)
    fail(world, mark, made)
    programme = world.api.programme
    with programme.session() as session, session.begin():
        for table in ("idempotency_key", "audit_event", "journal_entry", "transfer", "account"):
            kept = session.connection().exec_driver_sql(
                f"SELECT coalesce(string_agg(one::text, ' '), '') FROM {table} AS one WHERE programme_id = %s",
                (programme.id,),
            )
            text = kept.scalar_one().lower()
            assert text
            assert {word for word in said if word.lower() in text} == set(), table
            assert made["person"]["card_number"].lower() not in text
