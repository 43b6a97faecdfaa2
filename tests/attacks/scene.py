"""A programme with one of everything, and one sensible request of every kind that can be spoilt in many ways."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tests.api.conftest import World
from tests.conftest import Programme
from tests.factories import PIN, give_earned
from timecredits.people.models import Person
from timecredits.programmes.models import Organisation
from timecredits.schema import METADATA

ROLES = ("coordinator", "wellbeing_worker", "group_leader", "venue_staff", "person", "auditor")
WRONG_PIN = "1379"
_NAME = re.compile("<([a-z_]+)>")


@dataclass(frozen=True)
class Request:
    """A request in which <name> stands for an id, and a role that may send it."""

    method: str
    path: str
    role: str
    body: Any = None

    def names(self) -> set[str]:
        """List the ids that it needs."""
        return set(_NAME.findall(self.path + json.dumps(self.body)))

    def filled(self, ids: dict[str, str]) -> "Request":
        """Put ids where their names stand."""
        path, body = (_NAME.sub(lambda found: ids[found[1]], where) for where in (self.path, json.dumps(self.body)))
        return Request(self.method, path, self.role, json.loads(body))


_GIVEN = {"activity_id": "<activity_id>", "person_id": "<person_id>", "minutes": 1, "given_on": "2026-06-15"}
_SWIM = {"opportunity_id": "<opportunity_id>", "card_number": "<card_number>", "pin": PIN}
_HIRE = {"venue_id": "<venue_id>", "minutes": 1, "card_number": "<card_number>", "pin": PIN}
_TO_SERVICE = {"fund_id": "<fund_id>", "to": {"kind": "wellbeing_service", "id": "<service_id>"}, "minutes": 1}
_TO_GROUP = {"fund_id": "<fund_id>", "to": {"kind": "group", "id": "<group_id>"}, "minutes": 1}
_DOSE = {"person_id": "<person_id>", "minutes": 1, "companion_minutes": 1, "goal": "Out of the house"}

READS = [
    Request("GET", path, role)
    for role, paths in {
        "coordinator": (
            "/v1/organisations/<service_id>",
            "/v1/organisations/<service_id>/pots",
            "/v1/funds/<fund_id>",
            "/v1/allocations/<allocation_id>",
            "/v1/allocations?fund_id=<fund_id>",
            "/v1/keys/<key_id>",
            "/v1/journal/<entry_id>",
        ),
        "group_leader": (
            "/v1/people/<person_id>",
            "/v1/people/<person_id>/balance",
            "/v1/people/<person_id>/statement",
            "/v1/activities/<activity_id>",
            "/v1/activities?organisation_id=<group_id>",
            "/v1/contributions/<contribution_id>",
            "/v1/contributions?activity_id=<activity_id>",
            "/v1/contributions?person_id=<person_id>",
        ),
        "wellbeing_worker": (
            "/v1/prescriptions/<prescription_id>",
            "/v1/prescriptions?person_id=<person_id>",
            "/v1/prescriptions?organisation_id=<service_id>",
        ),
        "venue_staff": (
            "/v1/venues/<venue_id>",
            "/v1/venues?partner_id=<partner_id>",
            "/v1/opportunities/<opportunity_id>",
            "/v1/opportunities?partner_id=<partner_id>",
            "/v1/opportunities?venue_id=<venue_id>",
            "/v1/redemptions/<redemption_id>",
            "/v1/redemptions?partner_id=<partner_id>",
            "/v1/redemptions?venue_id=<venue_id>",
        ),
        "person": ("/v1/gifts/<gift_id>", "/v1/donations/<donation_id>"),
    }.items()
    for path in paths
]
WRITES = [
    Request("POST", "/v1/organisations", "coordinator", {"kind": "group", "name": "The walkers"}),
    Request("POST", "/v1/funds", "coordinator", {"name": "F", "funder": "A", "authorised_minutes": 1}),
    Request("POST", "/v1/people", "coordinator", {"given_name": "Cy"}),
    Request("PATCH", "/v1/organisations/<service_id>", "coordinator", {"name": "Another"}),
    Request("PATCH", "/v1/funds/<fund_id>", "coordinator", {"purpose": "Another"}),
    Request("PATCH", "/v1/people/<person_id>", "group_leader", {"district": "Another"}),
    Request("PATCH", "/v1/activities/<activity_id>", "group_leader", {"description": "Another"}),
    Request("PATCH", "/v1/venues/<venue_id>", "coordinator", {"postcode": "LA1 1AA"}),
    Request("PATCH", "/v1/opportunities/<opportunity_id>", "venue_staff", {"venue_id": "<venue_id>"}),
    Request("PUT", "/v1/people/<friend_id>/pin", "wellbeing_worker", {"pin": "4826"}),
    Request("POST", "/v1/people/<friend_id>/card-unlocking", "group_leader"),
    Request("POST", "/v1/allocations", "coordinator", _TO_SERVICE),
    Request("POST", "/v1/allocations/batch", "coordinator", {"items": [_TO_GROUP]}),
    Request(
        "POST",
        "/v1/keys",
        "coordinator",
        {"name": "k", "roles": ["group_leader"], "organisation_id": "<group_id>"},
    ),
    Request("POST", "/v1/keys", "coordinator", {"name": "k", "roles": ["person"], "person_id": "<person_id>"}),
    Request("POST", "/v1/keys", "coordinator", {"name": "k", "roles": ["auditor"], "continues": "<key_id>"}),
    Request("DELETE", "/v1/keys/<key_id>", "coordinator"),
    Request(
        "POST",
        "/v1/prescriptions",
        "wellbeing_worker",
        _DOSE | {"fund_id": "<fund_id>", "organisation_id": "<service_id>"},
    ),
    Request("POST", "/v1/activities", "group_leader", {"organisation_id": "<group_id>", "title": "The garden"}),
    Request("POST", "/v1/contributions", "group_leader", _GIVEN),
    Request("POST", "/v1/contributions/batch", "group_leader", {"items": [_GIVEN]}),
    Request("POST", "/v1/venues", "coordinator", {"partner_id": "<partner_id>", "name": "The hall"}),
    Request(
        "POST",
        "/v1/opportunities",
        "venue_staff",
        {
            "partner_id": "<partner_id>",
            "venue_id": "<venue_id>",
            "title": "A film",
            "price_minutes": 1,
            "child_price_minutes": 1,
        },
    ),
    Request("POST", "/v1/redemptions/quote", "venue_staff", _SWIM),
    Request("POST", "/v1/redemptions/quote", "venue_staff", _HIRE),
    Request("POST", "/v1/redemptions", "venue_staff", _SWIM),
    Request("POST", "/v1/redemptions", "venue_staff", _HIRE),
    Request(
        "POST",
        "/v1/gifts",
        "wellbeing_worker",
        {"from_person_id": "<person_id>", "to_person_id": "<friend_id>", "minutes": 1},
    ),
    Request(
        "POST",
        "/v1/donations",
        "wellbeing_worker",
        {"from_person_id": "<person_id>", "to": {"kind": "group", "id": "<group_id>"}, "minutes": 1},
    ),
    Request("POST", "/v1/redemptions/<redemption_id>/undo", "venue_staff"),
    Request("POST", "/v1/prescriptions/<prescription_id>/withdrawal", "wellbeing_worker", {"reason": "other"}),
    Request("POST", "/v1/opportunities/<opportunity_id>/withdrawal", "venue_staff"),
    Request("POST", "/v1/journal/<entry_id>/reversal", "coordinator", {"reason": "mistake"}),
    Request("POST", "/v1/ledger/verification", "auditor"),
]


@dataclass(frozen=True)
class Scene:
    """One of everything. `ids` has it by name; the person's key is in `world.api.keys`."""

    world: World
    ids: dict[str, str]

    def send(self, request: Request, *, as_: str | None = None, **more: Any):
        """Send a request with this scene's ids where names are left in it."""
        ready = request.filled(self.ids)
        headers = {"If-Match": '"1"'} if ready.method == "PATCH" else {}
        return self.world.api.send(
            ready.method, ready.path, as_=as_ or ready.role, json=ready.body, headers=headers, **more
        )

    def redeem(self, *, pin: str = PIN, key: str | None = None, **asked: Any):
        """Ask for a swim at the till."""
        if not asked.keys() & {"opportunity_id", "venue_id"}:
            asked["opportunity_id"] = self.ids["opportunity_id"]
        body = {"card_number": self.ids["card_number"], "pin": pin, **asked}
        return self.world.api.post("/v1/redemptions", body, as_="venue_staff", idempotency_key=key)

    def available(self) -> int:
        """Say what the person has."""
        minutes: int = self.world.api.get("/v1/me/balance", as_="person").json()["available_minutes"]
        return minutes


def earn(world: World, person_id: str, minutes: int) -> None:
    """Put earned minutes on a person's account."""
    programme = world.api.programme
    with programme.session() as session, session.begin():
        group = session.get_one(Organisation, (programme.id, UUID(world.group["id"])))
        give_earned(session, group, session.get_one(Person, (programme.id, UUID(person_id))), minutes)


def make_scene(world: World) -> Scene:
    """Let everything happen once. The person has earned 300 minutes, of which some are spent and given away again."""
    make, person = world.api.made, world.person
    friend = world.api.new_person(as_="group_leader", given_name="Bo")
    earn(world, person["id"], 300)
    ids = {
        "service_id": world.service["id"],
        "group_id": world.group["id"],
        "partner_id": world.partner["id"],
        "fund_id": world.fund["id"],
        "person_id": person["id"],
        "friend_id": friend["id"],
        "card_number": person["card_number"],
        "friend_card_number": friend["card_number"],
        "key_id": make("/v1/keys", {"name": "spare", "roles": ["auditor"]}, as_="coordinator")["id"],
    }

    def do(name: str, path: str, role: str, body: Any) -> dict[str, Any]:
        made = make(path, Request("POST", path, role, body).filled(ids).body, as_=role)
        ids[name] = made["id"]
        return made

    ids["entry_id"] = do("allocation_id", "/v1/allocations", "coordinator", _TO_GROUP)["entry_id"]
    do("venue_id", "/v1/venues", "coordinator", {"partner_id": "<partner_id>", "name": "The baths"})
    swim = {"partner_id": "<partner_id>", "venue_id": "<venue_id>", "title": "A swim", "price_minutes": 10}
    do("opportunity_id", "/v1/opportunities", "venue_staff", swim)
    do("activity_id", "/v1/activities", "group_leader", {"title": "The garden"})
    do("contribution_id", "/v1/contributions", "group_leader", _GIVEN)
    do("prescription_id", "/v1/prescriptions", "wellbeing_worker", _DOSE)
    do("redemption_id", "/v1/redemptions", "venue_staff", _SWIM)
    do("gift_id", "/v1/gifts", "person", {"to_card_number": "<friend_card_number>", "minutes": 1})
    do("donation_id", "/v1/donations", "person", {"to": {"kind": "community"}, "minutes": 1})
    return Scene(world, ids)


def rows(programme: Programme, *, but: set[str] = frozenset()) -> dict[str, str]:
    """Hash all rows that a programme has, table by table."""
    hashes = {}
    with programme.session() as session, session.begin():
        for table in sorted(METADATA.tables.keys() - but):
            own = "id" if table == "programme" else "programme_id"
            found = session.scalars(
                text(f"SELECT one::text FROM {table} AS one WHERE {own} = :id ORDER BY one::text"), {"id": programme.id}
            )
            hashes[table] = hashlib.sha256("\n".join(found).encode()).hexdigest()
    return hashes


@contextmanager
def unchanged(*worlds: World, but: set[str] = frozenset()) -> Iterator[None]:
    """Assert that no row of these programmes changes, but for those tables."""
    before = [rows(world.api.programme, but=but) for world in worlds]
    yield
    for world, then in zip(worlds, before, strict=True):
        now = rows(world.api.programme, but=but)
        assert not {table for table in then if now[table] != then[table]}


def outcome(answer: Any) -> tuple[int, str]:
    """Give the status and the code of a problem."""
    return answer.status_code, answer.json()["code"]
