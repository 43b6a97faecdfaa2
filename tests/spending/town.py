"""A town with everything that spending needs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Barrier
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.factories import (
    PIN,
    PIN_KEY,
    actor_in,
    give_earned,
    make_group_with_pot,
    make_organisation,
    make_person,
    make_service_with_pot,
)
from timecredits import ledger
from timecredits.access import Actor, Role
from timecredits.errors import DomainError
from timecredits.ledger import AccountKind
from timecredits.people.models import Card, Person
from timecredits.prescribing import actions as prescribing
from timecredits.prescribing.models import Prescription
from timecredits.programmes.models import Organisation, OrganisationKind, PrescribingPot
from timecredits.spending import actions
from timecredits.spending.models import Opportunity, Redemption, Venue


@dataclass
class Town:
    """A service that prescribes, a group that pays for time, a partner with a venue and a swim for 60 minutes."""

    programme: Programme
    coordinator: Actor = field(init=False)
    worker: Actor = field(init=False)
    pot: PrescribingPot = field(init=False)
    group: Organisation = field(init=False)
    partner: Organisation = field(init=False)
    staff: Actor = field(init=False)
    venue: Venue = field(init=False)
    swim: Opportunity = field(init=False)

    def build(self, session: Session) -> "Town":
        self.coordinator = self.programme.coordinator
        _, self.worker, self.pot = make_service_with_pot(session, self.coordinator)
        self.group, _ = make_group_with_pot(session, self.coordinator)
        self.partner = make_organisation(session, self.coordinator, OrganisationKind.PARTNER)
        self.staff = actor_in(self.coordinator, Role.VENUE_STAFF, self.partner.id)
        self.venue = actions.create_venue(
            session, self.coordinator, partner_id=self.partner.id, name="The baths", now=NOW
        )
        self.swim = self.offer(session, title="A swim", venue_id=self.venue.id, child_price_minutes=30)
        return self

    def offer(self, session: Session, *, price_minutes: int = 60, **more: Any) -> Opportunity:
        more = {"title": "Something", "partner_id": self.partner.id, "now": NOW} | more
        return actions.create_opportunity(session, self.coordinator, price_minutes=price_minutes, **more)

    def person(self, session: Session, *, earned: int = 0, given_name: str = "Asha") -> Person:
        person = make_person(session, self.worker, given_name=given_name)
        if earned:
            give_earned(session, self.group, person, earned)
        return person

    def prescribe(
        self, session: Session, person: Person, minutes: int, *, companion: int = 0, until: date | None = None
    ) -> Prescription:
        return prescribing.prescribe(
            session,
            self.worker,
            person_id=person.id,
            minutes=minutes,
            companion_minutes=companion,
            expires_on=until,
            now=NOW,
        )

    def redeem(
        self, session: Session, person: Person, *, by: Actor | None = None, pin: str = PIN, **asked: Any
    ) -> Redemption:
        return actions.redeem(
            session,
            by or self.staff,
            card_number=card_number(session, person),
            pin=pin,
            pin_key=PIN_KEY,
            **self._asked(asked),
        )

    def quote(self, session: Session, person: Person, *, pin: str | None = None, **asked: Any) -> actions.Quote:
        return actions.quote(
            session,
            self.staff,
            card_number=card_number(session, person),
            pin=pin,
            pin_key=PIN_KEY,
            **self._asked(asked),
        )

    def _asked(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not asked.keys() & {"opportunity_id", "venue_id"}:
            asked["opportunity_id"] = self.swim.id
        return {"now": NOW} | asked


def card_number(session: Session, person: Person) -> str:
    return session.scalars(
        select(Card.number).where(Card.programme_id == person.programme_id, Card.person_id == person.id)
    ).one()


def tries_of(session: Session, person: Person) -> int:
    return session.scalars(
        select(Card.tries).where(Card.programme_id == person.programme_id, Card.person_id == person.id)
    ).one()


def has(session: Session, person: Person) -> dict[AccountKind, int]:
    """Say what is on a person's accounts, each kind added up, without what is empty."""
    found: dict[AccountKind, int] = {}
    for pot in ledger.pots_of(session, person.programme_id, [person.id])[person.id]:
        if pot.minutes:
            found[pot.kind] = found.get(pot.kind, 0) + pot.minutes
    return found


def minutes_of(session: Session, programme: Programme, account_id: Any) -> int:
    return ledger.balances(session, programme.id, [account_id])[account_id]


def paid(session: Session, programme: Programme, redemption: Redemption) -> list[tuple[AccountKind, int]]:
    """Say which kinds of accounts paid how much, in order."""
    legs = ledger.legs(session, programme.id, [redemption.entry_id])[redemption.entry_id]
    return [(leg.source_kind, leg.minutes) for leg in legs]


def at_once(programme: Programme, *works: Callable[[Session], Any]) -> list[Any]:
    """Run each work in a transaction of its own, all at the same moment, and give what came of each."""
    together = Barrier(len(works))

    def run(work: Callable[[Session], Any]) -> Any:
        together.wait()
        try:
            with programme.session() as session, session.begin():
                return work(session)
        except DomainError as refusal:
            return refusal

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
