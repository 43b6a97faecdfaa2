"""A programme to work on: people with cards and prescriptions, partners with something to offer, and their keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from benchmarks.server import Server
from timecredits import ledger
from timecredits.access import Actor, Role
from timecredits.database import new_id
from timecredits.ledger import AccountKind, EntryKind, EntryRequest, TransferKind
from timecredits.people import actions as people
from timecredits.people.actions import Newcomer
from timecredits.prescribing import actions as prescribing
from timecredits.prescribing.actions import Dose
from timecredits.programmes import actions as programmes
from timecredits.programmes.actions import AllocationItem, Destination
from timecredits.programmes.models import OrganisationKind
from timecredits.spending import actions as spending

PIN = "2580"
PRICE = 30
# Enough to go out 2,000 times.
EACH = 2_000 * PRICE
MOST = 10**9
_BATCH = 500


@dataclass(frozen=True)
class Person:
    """Somebody with a card."""

    id: UUID
    card_number: str
    earned_account_id: UUID
    prescribed_account_id: UUID


@dataclass(frozen=True)
class Venue:
    """A partner with one thing to offer, and the key of its till."""

    partner_id: UUID
    account_id: UUID
    opportunity_id: UUID
    key: str


@dataclass(frozen=True)
class Town:
    """A programme that is there, and whoever is in it."""

    programme_id: UUID
    coordinator: Actor
    worker: Actor
    group_account_id: UUID
    people: Sequence[Person]
    venues: Sequence[Venue]


def make_town(server: Server, *, people_count: int, venue_count: int) -> Town:
    """Make a programme by the service's own actions."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    programme_id = new_id()
    with server.begin(programme_id) as session:
        _, coordinator = programmes.create_programme(
            session, code=f"b{uuid4().hex[:12]}", name="A benchmark", time_zone="Europe/London", now=now
        )
        worker, group_account_id = _fill_pots(session, coordinator, now)
        venues = [_make_venue(session, coordinator, number, now) for number in range(venue_count)]
    found: list[Person] = []
    while len(found) < people_count:
        with server.begin(programme_id) as session:
            found += _add_people(session, server, worker, min(_BATCH, people_count - len(found)), now)
    return Town(programme_id, coordinator, worker, group_account_id, found, venues)


def give_earned(server: Server, town: Town, earners: Sequence[Person], minutes: int) -> None:
    """Let these people earn so many minutes each."""
    _let_earn(server, town, [person.earned_account_id for person in earners], minutes)


def make_person_key(server: Server, town: Town, person: Person) -> str:
    """Give somebody a key of their own."""
    with server.begin(town.programme_id) as session:
        _, key = people.create_key(
            session,
            town.coordinator,
            name="A person's own",
            roles=[Role.PERSON],
            person_id=person.id,
            now=datetime.now(UTC),
        )
    return key


def post_all(session: Session, programme_id: UUID, requests: Sequence[EntryRequest], now: datetime) -> None:
    """Post what is not to be refused."""
    for outcome in ledger.post(session, programme_id, requests, now=now, today=now.date()):
        assert isinstance(outcome, ledger.Posted), outcome


def actor_in(coordinator: Actor, role: Role, organisation_id: UUID) -> Actor:
    """Give somebody who holds one role in one organisation."""
    return Actor(new_id(), coordinator.programme_id, ZoneInfo("Europe/London"), frozenset({(role, organisation_id)}))


def _fill_pots(session: Session, coordinator: Actor, now: datetime) -> tuple[Actor, UUID]:
    """Make a wellbeing service and a group, both with far more in their pots than will be asked for."""
    service, group = (
        programmes.create_organisation(session, coordinator, kind=kind, name=kind.value, now=now)
        for kind in (OrganisationKind.WELLBEING_SERVICE, OrganisationKind.GROUP)
    )
    fund = programmes.create_fund(
        session, coordinator, name="A fund", funder="A funder", authorised_minutes=100 * MOST, now=now
    )
    items = [
        AllocationItem(fund_id=fund.id, to=Destination(kind=to.kind, id=to.id), minutes=MOST) for to in (service, group)
    ]
    for _ in range(10):
        programmes.allocate_each(session, coordinator, items=items, now=now)
    assert group.account_id is not None
    return actor_in(coordinator, Role.WELLBEING_WORKER, service.id), group.account_id


def _make_venue(session: Session, coordinator: Actor, number: int, now: datetime) -> Venue:
    partner = programmes.create_organisation(
        session, coordinator, kind=OrganisationKind.PARTNER, name=f"Partner {number}", now=now
    )
    venue = spending.create_venue(session, coordinator, partner_id=partner.id, name=f"Venue {number}", now=now)
    opportunity = spending.create_opportunity(
        session,
        coordinator,
        partner_id=partner.id,
        venue_id=venue.id,
        title="A swim",
        price_minutes=PRICE,
        restrictions="Not on Saturdays",
        now=now,
    )
    _, key = people.create_key(
        session, coordinator, name="The till", roles=[Role.VENUE_STAFF], organisation_id=partner.id, now=now
    )
    assert partner.account_id is not None
    return Venue(partner.id, partner.account_id, opportunity.id, key)


def _add_people(session: Session, server: Server, worker: Actor, count: int, now: datetime) -> list[Person]:
    """Register people, each with one prescription."""
    registered = people.register_people(
        session,
        worker,
        items=[Newcomer("Asha", "Example", None, PIN) for _ in range(count)],
        pin_key=server.embedded.secret_key.encode(),
        now=now,
    )
    doses = [Dose(person.id, EACH) for person, _ in registered]
    made = []
    outcomes = prescribing.prescribe_many(session, worker, items=doses, now=now)
    for (person, card), prescription in zip(registered, outcomes, strict=True):
        assert not isinstance(prescription, Exception), prescription
        made.append(Person(person.id, card.number, person.earned_account_id, prescription.prescribed_account_id))
    return made


def open_plain_accounts(server: Server, town: Town) -> None:
    """Open accounts whose ids can be worked out from a number: what the bare function pays from and to."""
    now = datetime.now(UTC)
    with server.begin(town.programme_id) as session:
        for number in range(len(town.venues)):
            ledger.open_account(session, town.programme_id, AccountKind.PARTNER, account_id=taker_id(number), now=now)
        for number in range(len(town.people)):
            ledger.open_account(
                session,
                town.programme_id,
                AccountKind.EARNED,
                owner_id=new_id(),
                account_id=payer_id(number),
                now=now,
            )
    _let_earn(server, town, [payer_id(number) for number in range(len(town.people))], EACH)


def _let_earn(server: Server, town: Town, account_ids: Sequence[UUID], minutes: int) -> None:
    """Pay the same from the group's pot to each of these accounts, a batch a transaction."""
    now = datetime.now(UTC)
    for start in range(0, len(account_ids), _BATCH):
        requests = [
            EntryRequest(
                EntryKind.EARN,
                town.coordinator.id,
                now.date(),
                (ledger.movement(TransferKind.EARN, town.group_account_id, account_id, minutes),),
            )
            for account_id in account_ids[start : start + _BATCH]
        ]
        with server.begin(town.programme_id) as session:
            post_all(session, town.programme_id, requests, now)


def payer_id(number: int) -> UUID:
    """Give the id of the account that pays, by number."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


def taker_id(number: int) -> UUID:
    """Give the id of the account that takes, by number."""
    return UUID(f"00000000-0000-7000-9000-{number:012x}")
