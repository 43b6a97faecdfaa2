"""The till, the directory and gifts over HTTP."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.conftest import World
from tests.factories import PIN, give_earned
from timecredits.access import Role
from timecredits.people.models import Person
from timecredits.programmes.models import Organisation

WRONG = "1379"


@dataclass
class Till:
    """A venue with a swim for 60 minutes, 30 for a child, and somebody with a card and 150 earned minutes."""

    world: World
    venue: dict[str, Any]
    swim: dict[str, Any]

    def send(self, path: str = "", *, pin: str | None = PIN, key: str | None = None, **asked: Any):
        if not asked.keys() & {"opportunity_id", "venue_id"}:
            asked["opportunity_id"] = self.swim["id"]
        body = {"card_number": self.world.person["card_number"], **asked}
        if pin is not None:
            body["pin"] = pin
        return self.world.api.post(f"/v1/redemptions{path}", body, as_="venue_staff", idempotency_key=key)

    def available(self) -> int:
        return self.world.api.get("/v1/me/balance", as_="person").json()["available_minutes"]


def earn(world: World, minutes: int) -> None:
    programme = world.api.programme
    with programme.session() as session, session.begin():
        group = session.get_one(Organisation, (programme.id, UUID(world.group["id"])))
        person = session.get_one(Person, (programme.id, UUID(world.person["id"])))
        give_earned(session, group, person, minutes)


@pytest.fixture
def till(world: World) -> Till:
    earn(world, 150)
    partner_id = world.partner["id"]
    venue = world.api.made("/v1/venues", {"partner_id": partner_id, "name": "The baths"}, as_="coordinator")
    swim = {
        "partner_id": partner_id,
        "venue_id": venue["id"],
        "title": "A swim",
        "price_minutes": 60,
        "child_price_minutes": 30,
        "restrictions": "Not on Mondays",
    }
    return Till(world, venue, world.api.made("/v1/opportunities", swim, as_="venue_staff"))


def test_a_visit_is_quoted_redeemed_listed_and_undone(till: Till) -> None:
    quote = till.send("/quote", pin=None, children=1)
    assert (quote.status_code, quote.json()) == (
        200,
        {"minutes": 90, "credits": "1.5", "title": "A swim", "restrictions": "Not on Mondays", "enough": None},
    )
    assert till.send("/quote", children=1).json()["enough"] is True
    redeemed = till.send(children=1, external_reference="r-1")
    answer = redeemed.json()
    assert (redeemed.status_code, answer["minutes"], answer["credits"]) == (201, 90, "1.5")
    assert (answer["person_display"], answer["remaining_credits"], answer["undone"]) == ("Asha", None, False)
    assert till.world.person["id"] not in redeemed.text
    assert till.available() == 60
    api = till.world.api
    listed = api.get("/v1/redemptions?external_reference=r-1", as_="venue_staff").json()
    assert listed == {"items": [answer], "next": None}
    undone = api.post(f"/v1/redemptions/{answer['id']}/undo", as_="venue_staff")
    assert (undone.status_code, undone.json()) == (200, answer | {"undone": True})
    assert api.get(f"/v1/redemptions/{answer['id']}", as_="venue_staff").json()["undone"] is True
    assert till.available() == 150
    again = api.post(f"/v1/redemptions/{answer['id']}/undo", as_="venue_staff")
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")


def test_a_repeat_with_the_same_key_takes_nothing_more(till: Till) -> None:
    first, again = till.send(key="k"), till.send(key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert till.available() == 90


def test_too_few_credits_are_said_without_a_figure_of_what_there_is(till: Till) -> None:
    answer = till.send(adults=3)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["needed_minutes"]) == (422, "insufficient_credits", 180)
    assert "available_minutes" not in problem
    assert till.send("/quote", adults=3).json()["enough"] is False
    assert till.available() == 150


def test_right_pins_with_too_few_credits_do_not_lock_the_card(till: Till) -> None:
    assert {till.send(adults=3).status_code for _ in range(7)} == {422}
    assert till.send().status_code == 201


def test_repeating_a_remembered_refusal_compares_no_pin_and_forgets_no_try(till: Till) -> None:
    assert till.send(adults=3, key="k").json()["code"] == "insufficient_credits"
    for _ in range(4):
        assert till.send(pin=WRONG).json()["code"] == "wrong_pin"
    for pin in (PIN, WRONG):
        assert till.send(adults=3, key="k", pin=pin).json()["code"] == "insufficient_credits"
    assert till.send(pin=WRONG).json()["code"] == "wrong_pin"
    assert till.send().status_code == 429


def test_five_wrong_pins_lock_the_card_whether_quoting_or_redeeming(till: Till) -> None:
    for n in range(5):
        answer = till.send("/quote" if n % 2 else "", pin=WRONG)
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_pin")
        assert WRONG not in answer.text
    for path in ("", "/quote"):
        answer = till.send(path)
        assert (answer.status_code, answer.json()["code"]) == (429, "card_locked")
        assert answer.headers["Retry-After"] == "900"
    assert till.send("/quote", pin=None).status_code == 200
    assert till.available() == 150


def test_nobody_without_a_till_locks_a_card(till: Till) -> None:
    api = till.world.api
    partner = api.made("/v1/organisations", {"kind": "partner", "name": "Another"}, as_="coordinator")
    api.keys["other_staff"] = api.new_key(Role.VENUE_STAFF, organisation_id=partner["id"])
    body = {"opportunity_id": till.swim["id"], "card_number": till.world.person["card_number"], "pin": WRONG}
    for role, status in (("other_staff", 404), ("wellbeing_worker", 403), ("person", 403), ("coordinator", 403)):
        for path in ("/v1/redemptions", "/v1/redemptions/quote"):
            assert {api.post(path, body, as_=role).status_code for _ in range(6)} == {status}
    assert till.send().status_code == 201


def test_an_unknown_card_is_said_to_be_unknown(till: Till) -> None:
    for path in ("", "/quote"):
        answer = till.send(path, card_number="2222222A")
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_card")


@pytest.mark.parametrize(
    "wrong",
    [
        {"opportunity_id": str(uuid4()), "venue_id": str(uuid4()), "minutes": 60},
        {"opportunity_id": str(uuid4()), "minutes": 60},
        {"venue_id": str(uuid4())},
        {"opportunity_id": None},
        {"minutes": 0, "venue_id": str(uuid4())},
        {"minutes": 1.5, "venue_id": str(uuid4())},
        {"minutes": "60", "venue_id": str(uuid4())},
        {"minutes": 10**9 + 1, "venue_id": str(uuid4())},
        {"adults": -1},
        {"adults": 51},
        {"adults": 0, "children": 0},
        {"adults": 30, "children": 30},
        {"pin": "12345"},
        {"pin": "12a4"},
        {"pin": "١٢٣٤"},
        {"person_id": str(uuid4())},
        {"external_reference": "a\x00b"},
    ],
)
def test_nonsense_at_the_till_is_refused_and_takes_nothing(till: Till, wrong: dict[str, Any]) -> None:
    answer = till.send(**wrong)
    assert answer.status_code == 422, answer.text
    assert till.available() == 150


def test_a_redemption_needs_an_idempotency_key_and_a_quote_does_not(till: Till) -> None:
    api = till.world.api
    body = {"opportunity_id": till.swim["id"], "card_number": till.world.person["card_number"], "pin": PIN}
    headers = {"Authorization": f"Bearer {api.keys['venue_staff']}"}
    answer = api.http.post("/v1/redemptions", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert api.http.post("/v1/redemptions/quote", json=body, headers=headers).status_code == 200


def test_a_reference_is_used_once(till: Till) -> None:
    first = till.send(external_reference="r-1").json()
    answer = till.send(external_reference="r-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "external_reference_used")
    assert answer.json()["redemption_id"] == first["id"]


def test_redemptions_are_listed_by_the_page_newest_first(till: Till) -> None:
    made = [till.send(venue_id=till.venue["id"], minutes=1).json()["id"] for _ in range(5)]
    seen, path = [], "/v1/redemptions?limit=2&since=2026-01-01T00:00:00Z"
    cursor = ""
    while cursor is not None:
        page = till.world.api.get(path + cursor, as_="venue_staff").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert seen == made[::-1]
    assert till.world.api.get("/v1/redemptions", as_="coordinator").status_code == 403


def test_the_directory_is_edited_with_its_etag(till: Till) -> None:
    api, path = till.world.api, f"/v1/opportunities/{till.swim['id']}"
    etag = api.get(path, as_="person").headers["ETag"]
    changed = api.patch(path, {"price_minutes": 45, "ends_on": None}, as_="venue_staff", etag=etag)
    assert (changed.status_code, changed.json()["price_minutes"]) == (200, 45)
    assert api.patch(path, {"price_minutes": 1}, as_="venue_staff", etag=etag).status_code == 412
    fresh = changed.headers["ETag"]
    assert api.patch(path, {"price_minutes": None}, as_="venue_staff", etag=fresh).status_code == 422
    assert api.patch(path, {"title": ""}, as_="venue_staff", etag=fresh).status_code == 422
    assert api.patch(path, {"price_minutes": 1}, as_="group_leader", etag=fresh).status_code == 403
    venue = api.patch(f"/v1/venues/{till.venue['id']}", {"postcode": "LA1 1AA"}, as_="coordinator", etag='"1"')
    assert (venue.status_code, venue.json()["postcode"]) == (200, "LA1 1AA")
    assert [found["id"] for found in api.get("/v1/venues", as_="person").json()["items"]] == [till.venue["id"]]


def test_what_is_withdrawn_is_listed_no_more_and_redeemed_no_more(till: Till) -> None:
    api = till.world.api
    listed = api.get("/v1/opportunities?q=swim", as_="person").json()["items"]
    assert [found["id"] for found in listed] == [till.swim["id"]]
    withdrawal = api.post(f"/v1/opportunities/{till.swim['id']}/withdrawal", as_="venue_staff")
    assert (withdrawal.status_code, withdrawal.json()["withdrawn_at"] is not None) == (200, True)
    assert api.get("/v1/opportunities", as_="person").json()["items"] == []
    assert len(api.get("/v1/opportunities?current=false", as_="person").json()["items"]) == 1
    answer = till.send()
    assert (answer.status_code, answer.json()["code"]) == (422, "opportunity_withdrawn")


def test_an_opportunity_out_of_its_dates_is_not_on(till: Till) -> None:
    body = {"partner_id": till.world.partner["id"], "title": "Past", "price_minutes": 60, "ends_on": "2026-06-14"}
    past = till.world.api.made("/v1/opportunities", body, as_="venue_staff")
    answer = till.send(opportunity_id=past["id"])
    assert (answer.status_code, answer.json()["code"]) == (422, "opportunity_not_on")


def test_another_programmes_till_knows_nothing_of_this_one(till: Till, other_world: World) -> None:
    redemption = till.send().json()
    for path in (
        f"/v1/redemptions/{redemption['id']}",
        f"/v1/opportunities/{till.swim['id']}",
        f"/v1/venues/{till.venue['id']}",
    ):
        assert other_world.api.get(path, as_="venue_staff").status_code == 404
    body = {"opportunity_id": till.swim["id"], "card_number": till.world.person["card_number"], "pin": PIN}
    assert other_world.api.post("/v1/redemptions", body, as_="venue_staff").status_code == 404
    assert other_world.api.get("/v1/opportunities", as_="venue_staff").json()["items"] == []


def test_a_person_gives_and_donates_and_reads_it(till: Till) -> None:
    api, friend = till.world.api, till.world.api.new_person(given_name="Bo")
    gift = api.post("/v1/gifts", {"to_card_number": friend["card_number"], "minutes": 45}, as_="person")
    assert (gift.status_code, gift.json()["minutes"], gift.json()["credits"]) == (201, 45, "0.75")
    assert gift.json()["to_person_id"] is None
    assert api.get(f"/v1/gifts/{gift.json()['id']}", as_="person").json() == gift.json()
    for to in ({"kind": "community"}, {"kind": "group", "id": till.world.group["id"]}):
        donation = api.post("/v1/donations", {"to": to, "minutes": 10}, as_="person")
        assert (donation.status_code, donation.json()["group_id"]) == (201, to.get("id"))
        assert api.get(f"/v1/donations/{donation.json()['id']}", as_="person").json() == donation.json()
    assert till.available() == 85


def test_gifts_that_cannot_be_are_refused(till: Till) -> None:
    api, me, friend = till.world.api, till.world.person, till.world.api.new_person()
    card, community = friend["card_number"], {"kind": "community"}
    for path, body, role, status, code in (
        ("gifts", {"to_card_number": me["card_number"], "minutes": 1}, "person", 422, "gift_to_self"),
        ("gifts", {"to_person_id": friend["id"], "minutes": 1}, "person", 404, "not_found"),
        (
            "gifts",
            {"to_card_number": card, "to_person_id": friend["id"], "minutes": 1},
            "person",
            422,
            "invalid_request",
        ),
        ("gifts", {"minutes": 1}, "person", 422, "invalid_request"),
        ("gifts", {"to_card_number": card, "minutes": 0}, "person", 422, "invalid_request"),
        ("gifts", {"to_card_number": card, "minutes": 1}, "wellbeing_worker", 422, "giver_needed"),
        ("gifts", {"to_card_number": card, "minutes": 1}, "venue_staff", 403, "forbidden"),
        ("donations", {"to": community, "minutes": 1}, "coordinator", 403, "forbidden"),
        ("donations", {"to": {"kind": "group"}, "minutes": 1}, "person", 422, "invalid_request"),
        ("donations", {"to": {"kind": "fund", "id": friend["id"]}, "minutes": 1}, "person", 422, "invalid_request"),
        ("donations", {"to": community, "minutes": 1, "from_person_id": friend["id"]}, "person", 404, "not_found"),
    ):
        answer = api.post(f"/v1/{path}", body, as_=role)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    answer = api.post("/v1/donations", {"to": community, "minutes": 151}, as_="person").json()
    assert (answer["code"], answer["needed_minutes"], answer["available_minutes"]) == ("insufficient_credits", 151, 150)
    assert till.available() == 150
