"""A programme with one of everything, for a machine that tries everything."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any, Self
from uuid import UUID

import requests
from schemathesis import Case

from tests.api.conftest import World
from tests.factories import PIN, give_earned
from timecredits.people.models import Person
from timecredits.programmes.models import Organisation

# Fields of which one is to be given, which no schema says: the first is kept, the others are left out.
EITHER = {
    "/v1/contributions": ("person_id", "card_number"),
    "/v1/contributions/batch": ("person_id", "card_number"),
    "/v1/gifts": ("to_card_number", "to_person_id"),
    "/v1/keys": ("roles", "organisation_id", "person_id"),
    "/v1/redemptions": ("opportunity_id", "venue_id", "minutes"),
    "/v1/redemptions/quote": ("opportunity_id", "venue_id", "minutes"),
}
# Where what is done to one thing would spoil it for the other operations, so that they have one of their own.
APART = {
    ("PATCH", "/v1/activities/{activity_id}"): "activity_to_change",
    ("PATCH", "/v1/funds/{fund_id}"): "fund_to_change",
    ("PATCH", "/v1/opportunities/{opportunity_id}"): "opportunity_to_change",
    ("PUT", "/v1/people/{person_id}/pin"): "person_with_another_pin",
    ("POST", "/v1/opportunities/{opportunity_id}/withdrawal"): "opportunity_to_withdraw",
}
# What a sensible request names, other than by an id.
NAMED = {"card_number", "to_card_number", "pin", "given_on", "expires_on", "roles"}


def is_uuid(value: object) -> bool:
    """Tell whether something is written as a UUID."""
    try:
        return isinstance(value, str) and len(value) == 36 and bool(UUID(value))
    except ValueError:
        return False


@dataclass
class Town:
    """One of everything. `real` gives, in turn, what exists here, by the name of the parameter or field for it."""

    world: World
    app: Any
    http: requests.Session
    real: dict[str, Iterator[Any]]
    numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def of(cls, world: World, app: Any, http: requests.Session) -> Self:
        """Furnish a world."""
        return cls(world, app, http, {name: cycle(found) for name, found in furnish(world).items()})

    def headers(self, role: str) -> dict[str, str]:
        """Sign in."""
        return {"Authorization": f"Bearer {self.world.api.keys[role]}"}

    def move_in(self, case: Case) -> None:
        """Put what exists here where a case has made up an id, so that it gets beyond "not found"."""
        assert case.meta is not None
        sensible = case.meta.generation.mode.is_positive
        for name in case.path_parameters:
            known_as = APART.get((case.method, case.path), name)
            case.path_parameters[name] = self._real(known_as, case.path_parameters[name])
        for name in case.query:
            case.query[name] = self._real(name, case.query[name])
        if isinstance(case.body, dict):
            case.body = self._in_body(case.body, sensible=sensible, either=EITHER.get(case.path, ()))
        if sensible:
            self._make_likely(case)

    def _make_likely(self, case: Case) -> None:
        """Give a sensible case an Idempotency-Key of its own, the present version, no cursor."""
        case.query.pop("cursor", None)
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"key-{next(self.numbers)}"
        if case.method == "PATCH":
            read = self.http.get(f"http://testserver{case.formatted_path}", headers=self.headers("coordinator"))
            case.headers["if-match"] = read.headers.get("ETag", '"1"')

    def _real(self, name: str, value: Any) -> Any:
        return next(self.real[name]) if name in self.real and is_uuid(value) else value

    def _in_body(self, value: Any, *, sensible: bool, either: tuple[str, ...], name: str = "") -> Any:
        if isinstance(value, dict):
            if sensible:
                value = self._choose(value, () if "items" in value else either, name)
            return {
                key: self._in_body(inner, sensible=sensible, either=either, name=key) for key, inner in value.items()
            }
        if sensible and name in NAMED:
            return next(self.real[name])
        if sensible and name.endswith("minutes") and isinstance(value, int):
            # Every other time so few that no pot is too small for them.
            return value if next(self.numbers) % 2 else 1
        if isinstance(value, list):
            return [self._in_body(inner, sensible=sensible, either=either, name=name) for inner in value]
        return self._real(name, value)

    def _choose(self, value: dict[str, Any], either: tuple[str, ...], name: str) -> dict[str, Any]:
        """Give what is given instead of something else, and not both."""
        if name == "to":
            kind = value.get("kind")
            return {"kind": kind} if kind == "community" else {"kind": kind, "id": next(self.real[f"{kind}_id"])}
        if either:
            value = {key: inner for key, inner in value.items() if key not in either[1:]}
            value[either[0]] = next(self.real[either[0]])
        return value


def earn(world: World, person: dict[str, Any], minutes: int) -> None:
    """Put earned minutes on a person's account."""
    programme = world.api.programme
    with programme.session() as session, session.begin():
        group = session.get_one(Organisation, (programme.id, UUID(world.group["id"])))
        give_earned(session, group, session.get_one(Person, (programme.id, UUID(person["id"]))), minutes)


def furnish(world: World) -> dict[str, list[Any]]:
    """Make one of everything, or several of what is used up, and give the ids by the names that ask for them."""
    make, person = world.api.made, world.person
    friend = world.api.new_person(as_="group_leader", given_name="Bo")
    for somebody in (person, friend):
        earn(world, somebody, 600)
    of_partner = {"partner_id": world.partner["id"]}
    swim = {**of_partner, "title": "A swim", "price_minutes": 5}
    offers = [make("/v1/opportunities", swim, as_="venue_staff")["id"] for _ in range(3)]
    activities = [make("/v1/activities", {"title": "The garden"}, as_="group_leader")["id"] for _ in range(2)]
    fund = {"name": "Another", "funder": "A", "authorised_minutes": 1}
    given = {"activity_id": activities[0], "person_id": person["id"], "minutes": 60, "given_on": "2026-06-15"}
    dose = {"person_id": person["id"], "minutes": 60}
    visit = {"opportunity_id": offers[0], "card_number": friend["card_number"], "pin": PIN}
    community = {"to": {"kind": "community"}, "minutes": 1}
    allocation = {"fund_id": world.fund["id"], **community}
    entries = [make("/v1/allocations", allocation, as_="coordinator") for _ in range(12)]
    gift = {"to_card_number": friend["card_number"], "minutes": 1}
    make("/v1/ledger/verification", None, as_="auditor")
    return {
        "organisation_id": [world.service["id"], world.group["id"], world.partner["id"]],
        "wellbeing_service_id": [world.service["id"]],
        "group_id": [world.group["id"]],
        "partner_id": [world.partner["id"]],
        "fund_id": [world.fund["id"]],
        "fund_to_change": [make("/v1/funds", fund, as_="coordinator")["id"]],
        "allocation_id": [entries[0]["id"]],
        "entry_id": [entry["entry_id"] for entry in entries],
        "key_id": [make("/v1/keys", {"name": "spare", "roles": ["auditor"]}, as_="coordinator")["id"]],
        "person_id": [person["id"]],
        "from_person_id": [person["id"]],
        "to_person_id": [friend["id"]],
        "person_with_another_pin": [world.api.new_person(as_="group_leader")["id"]],
        "card_number": [friend["card_number"]],
        "to_card_number": [friend["card_number"]],
        "pin": [PIN],
        "given_on": ["2026-06-15"],
        "expires_on": ["2026-12-31"],
        "roles": [["auditor"]],
        "prescription_id": [make("/v1/prescriptions", dose, as_="wellbeing_worker")["id"] for _ in range(12)],
        "activity_id": [activities[0]],
        "activity_to_change": [activities[1]],
        "contribution_id": [make("/v1/contributions", given, as_="group_leader")["id"]],
        "venue_id": [make("/v1/venues", {**of_partner, "name": "The baths"}, as_="coordinator")["id"]],
        "opportunity_id": [offers[0]],
        "opportunity_to_withdraw": [offers[1]],
        "opportunity_to_change": [offers[2]],
        "redemption_id": [make("/v1/redemptions", visit, as_="venue_staff")["id"] for _ in range(12)],
        "gift_id": [make("/v1/gifts", gift, as_="person")["id"]],
        "donation_id": [make("/v1/donations", community, as_="person")["id"]],
    }
