"""A town in which much is asked for, clients that remember what they were told, and what was promised to them."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from threading import Event, Thread
from typing import Any, Self

import httpx
from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from tests.conftest import NOW, make_programme
from tests.factories import (
    PIN,
    give_earned,
    make_group_with_pot,
    make_organisation,
    make_person,
    make_service_with_pot,
)
from timecredits import ledger
from timecredits.access import Role
from timecredits.audit import AuditEvent
from timecredits.database import ProgrammeSession
from timecredits.earning.actions import create_activity
from timecredits.earning.models import Contribution
from timecredits.ledger.models import JournalEntry, Transfer
from timecredits.people.actions import create_key
from timecredits.people.models import Card
from timecredits.prescribing.models import Prescription
from timecredits.programmes.models import OrganisationKind
from timecredits.spending.actions import create_opportunity
from timecredits.spending.models import Gift, Redemption
from timecredits.web.idempotency import IdempotencyKey

LONGEST = 120  # seconds that anything may take here before the test gives up


def until(happened: Callable[[], Any], what: str) -> None:
    """Wait for something to happen."""
    deadline = time.monotonic() + LONGEST
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@dataclass(frozen=True)
class Request:
    """A POST under a key of its own. `role` sends it."""

    role: Role
    path: str
    json: dict[str, Any]
    key: str
    method: str = "POST"


class Town:
    """A programme with a pot of everything, twelve people with cards and earned credits, and a key for each role."""

    def __init__(self, sessions: sessionmaker[ProgrammeSession], people: int = 12) -> None:
        """Build it, committed."""
        self.kinds = [self.visit, self.visit, self.gift, self.register, self.prescription]
        self.programme = make_programme(sessions)
        boss = self.programme.coordinator
        with self.programme.session() as session, session.begin():
            service, worker, _ = make_service_with_pot(session, boss, minutes=100_000)
            group, leader = make_group_with_pot(session, boss, minutes=100_000)
            partner = make_organisation(session, boss, OrganisationKind.PARTNER)
            swim = create_opportunity(session, boss, partner_id=partner.id, title="A swim", price_minutes=1, now=NOW)
            self.swim_id = str(swim.id)
            self.activity_id = str(create_activity(session, leader, title="The garden", now=NOW).id)
            self.people = [make_person(session, worker) for _ in range(people)]
            for person in self.people:
                give_earned(session, group, person, 4_000)
            numbers = dict(session.execute(select(Card.person_id, Card.number)).all())
            self.cards = [numbers[person.id] for person in self.people]
            self.keys = {}
            roles = {Role.WELLBEING_WORKER: service, Role.GROUP_LEADER: group, Role.VENUE_STAFF: partner}
            for role, home in roles.items():
                _, self.keys[role] = create_key(
                    session, boss, name="test", roles=[role], organisation_id=home.id, now=NOW
                )
        with self.programme.session() as session, session.begin():
            self.before = set(session.scalars(select(JournalEntry.id)))

    def request(self, dice: Random) -> Request:
        """Make something that is allowed: a visit, a gift, a register of three, or a prescription. It moves little."""
        return dice.choice(self.kinds)(dice, f"{dice.getrandbits(128):032x}")

    def visit(self, dice: Random, key: str) -> Request:
        """Take a minute for a swim, by card and PIN."""
        asked = {"opportunity_id": self.swim_id, "card_number": dice.choice(self.cards), "pin": PIN}
        return Request(Role.VENUE_STAFF, "/v1/redemptions", asked, key)

    def gift(self, dice: Random, key: str) -> Request:
        """Give a minute to somebody else."""
        giver, receiver = dice.sample(self.people, 2)
        asked = {"from_person_id": str(giver.id), "to_person_id": str(receiver.id), "minutes": 1}
        return Request(Role.WELLBEING_WORKER, "/v1/gifts", asked, key)

    def register(self, dice: Random, key: str) -> Request:
        """Record what three people gave."""
        given = {"activity_id": self.activity_id, "minutes": 1, "given_on": str(datetime.now(UTC).date())}
        items = [given | {"card_number": number} for number in dice.sample(self.cards, 3)]
        return Request(Role.GROUP_LEADER, "/v1/contributions/batch", {"items": items}, key)

    def prescription(self, dice: Random, key: str) -> Request:
        """Prescribe a minute, and one for a companion."""
        asked = {"person_id": str(dice.choice(self.people).id), "minutes": 1, "companion_minutes": 1}
        return Request(Role.WELLBEING_WORKER, "/v1/prescriptions", asked, key)


class Client:
    """Sends requests from several threads, and remembers of each key what it was told.

    `told` has the ids that were acknowledged; `refused` and `unheard` every attempt that was put off or had no
    answer, and `wrong` what should never be answered. With `keep_alive=False` each request has a connection of its own.
    Between two requests each thread pauses for up to `pause` seconds.
    """

    def __init__(
        self, url: str, town: Town, chance: Random, *, threads: int = 4, keep_alive: bool = True, pause: float = 0
    ) -> None:
        """Be ready to send. Leave it with `with`."""
        self.town, self.chance, self.threads, self.pause = town, chance, threads, pause
        self.asked: dict[str, Request] = {}
        self.told: dict[str, list[str]] = {}
        self.refused: list[tuple[str, int]] = []
        self.unheard: list[tuple[str, str]] = []
        self.wrong: list[str] = []
        limits = httpx.Limits(max_keepalive_connections=threads if keep_alive else 0)
        self.http = httpx.Client(base_url=url, limits=limits, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        """Give the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self.http.close()

    def unanswered(self) -> list[str]:
        """List the keys of which nobody knows what came of them."""
        return [key for key in self.asked if key not in self.told]

    def send(self, request: Request) -> bool:
        """Send a request, again or for the first time, and tell whether it was acknowledged."""
        self.asked[request.key] = request
        headers = {"Authorization": f"Bearer {self.town.keys[request.role]}", "Idempotency-Key": request.key}
        try:
            answer = self.http.request(request.method, request.path, json=request.json, headers=headers)
        except httpx.TransportError as error:
            self.unheard.append((request.key, repr(error)))
            return False
        if answer.status_code in {200, 201}:
            body = answer.json()
            ids = [item["id"] for item in body.get("items", [body])]
            if self.told.setdefault(request.key, ids) != ids:
                self.wrong.append(f"{request} was {self.told[request.key]} and then {ids}")
            return True
        if answer.status_code != 503 and "idempotency_key_in_use" not in answer.text:
            self.wrong.append(f"{request}: {answer.status_code} {answer.text}")
        self.refused.append((request.key, answer.status_code))
        return False

    @contextmanager
    def load(self) -> Iterator[None]:
        """Send one request after another from each thread, until the block ends."""
        stop = Event()

        def keep_sending(dice: Random) -> None:
            while not stop.is_set():
                heard = self.send(self.town.request(dice))
                stop.wait(dice.uniform(0, self.pause) if heard else 0.2)

        threads = [Thread(target=keep_sending, args=(Random(self.chance.random()),)) for _ in range(self.threads)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def hear(self, more: int) -> None:
        """Wait until so many more were acknowledged."""
        enough = len(self.told) + more
        until(lambda: len(self.told) >= enough, f"no answers any more: {self.unheard[-1:]} {self.refused[-1:]}")

    def retry(self) -> None:
        """Send what has no outcome again under its key until it has one, and once more a few that have."""
        once_more = self.chance.sample(sorted(self.told), min(5, len(self.told)))
        for key in (*self.unanswered(), *once_more):
            until(lambda key=key: self.send(self.asked[key]), f"no outcome of {self.asked[key]}")


def assert_promises(town: Town, client: Client, *, settled: bool = False) -> None:
    """Assert that what was acknowledged is there, and all else is wholly there or wholly not, and once.

    `settled` when each request has been retried to its end: then each key has exactly one effect.
    """
    assert client.wrong == []
    hashes = {hashlib.sha256(key.encode()).digest(): key for key in client.asked}
    with town.programme.session() as session, session.begin():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        remembered = {hashes.get(row.key_hash): _ids(row) for row in session.scalars(select(IdempotencyKey))}
        effects = {}
        for table in (Redemption, Gift, Contribution, Prescription):
            for row in session.scalars(select(table)):
                effects[str(row.id)] = (row.entry_id, row.minutes + getattr(row, "companion_minutes", 0))
        entries = set(session.scalars(select(JournalEntry.id))) - town.before
        moved = select(Transfer.entry_id, func.sum(Transfer.minutes)).group_by(Transfer.entry_id)
        moves = {entry: int(minutes) for entry, minutes in session.execute(moved) if entry in entries}
        written = Counter(map(str, session.scalars(select(AuditEvent.subject_id))))
    assert Counter(made for ids in remembered.values() for made in ids) == Counter(effects.keys())
    assert sorted(moves.items()) == sorted(effects.values())
    assert set(moves) == entries
    assert {written[made] for made in effects} <= {1}
    for key, ids in client.told.items():
        assert remembered.get(key) == ids, client.asked[key]
    if settled:
        assert set(remembered) == set(client.told) == set(client.asked)
    with town.programme.session() as session, session.begin():
        verified = ledger.check(session, town.programme.id, now=NOW)
        assert verified.consistent, verified.first_disagreement
    with town.programme.session() as session, session.begin():
        assert sum(ledger.trial_balance(session, town.programme.id).values()) == 0


def _ids(row: IdempotencyKey) -> list[str]:
    """List what a remembered request made. None was refused: all that is asked here is allowed."""
    assert row.status in {200, 201}, row.code
    return [str(row.resource_id)] if row.resource_id else [item["id"] for item in row.figures["items"]]
