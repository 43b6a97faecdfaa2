"""What tests need to have, each as one function: committed or not is up to the session that they are given."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from tests.conftest import NOW
from timecredits import ledger
from timecredits.access import Actor, Role
from timecredits.database import new_id
from timecredits.ledger import AccountKind, EntryKind, EntryRequest, TransferKind
from timecredits.people import actions as people
from timecredits.people.models import Person
from timecredits.programmes import actions as programmes
from timecredits.programmes.models import Fund, Organisation, OrganisationKind, PrescribingPot

PIN = "2580"
PIN_KEY = b"a secret of the tests, and of nothing else"


def actor_in(coordinator: Actor, role: Role, organisation_id: UUID | None = None) -> Actor:
    """Give somebody in the coordinator's programme who holds one role."""
    return Actor(
        id=new_id(),
        programme_id=coordinator.programme_id,
        time_zone=coordinator.time_zone,
        roles=frozenset({(role, organisation_id)}),
    )


def actor_for(coordinator: Actor, person_id: UUID) -> Actor:
    """Give the actor that a person is for themselves."""
    return Actor(
        id=person_id,
        programme_id=coordinator.programme_id,
        time_zone=coordinator.time_zone,
        roles=frozenset({(Role.PERSON, None)}),
        person_id=person_id,
    )


def make_organisation(
    session: Session, coordinator: Actor, kind: OrganisationKind, *, name: str = "An organisation"
) -> Organisation:
    """Add an organisation."""
    return programmes.create_organisation(session, coordinator, kind=kind, name=name, now=NOW)


def make_fund(session: Session, coordinator: Actor, *, minutes: int = 100_000, ends_on: date | None = None) -> Fund:
    """Agree a fund of so many minutes."""
    return programmes.create_fund(
        session,
        coordinator,
        name="A fund",
        funder="A funder",
        authorised_minutes=minutes,
        ends_on=ends_on,
        now=NOW,
    )


def make_service_with_pot(
    session: Session, coordinator: Actor, *, minutes: int = 6_000
) -> tuple[Organisation, Actor, PrescribingPot]:
    """Add a wellbeing service with a pot, and give it with a worker of it and the pot."""
    service = make_organisation(session, coordinator, OrganisationKind.WELLBEING_SERVICE)
    fund = make_fund(session, coordinator)
    programmes.allocate(
        session,
        coordinator,
        fund_id=fund.id,
        to={"kind": "wellbeing_service", "id": service.id},
        minutes=minutes,
        now=NOW,
    )
    pot = session.get_one(PrescribingPot, (coordinator.programme_id, service.id, fund.id))
    return service, actor_in(coordinator, Role.WELLBEING_WORKER, service.id), pot


def make_group_with_pot(session: Session, coordinator: Actor, *, minutes: int = 6_000) -> tuple[Organisation, Actor]:
    """Add a group with minutes in its pot, and give it with a leader of it."""
    group = make_organisation(session, coordinator, OrganisationKind.GROUP)
    fund = make_fund(session, coordinator)
    programmes.allocate(
        session, coordinator, fund_id=fund.id, to={"kind": "group", "id": group.id}, minutes=minutes, now=NOW
    )
    return group, actor_in(coordinator, Role.GROUP_LEADER, group.id)


def make_person(session: Session, actor: Actor, *, given_name: str = "Asha", pin: str | None = PIN) -> Person:
    """Add a person with a card; whoever adds them knows them."""
    return people.register_person(
        session, actor, given_name=given_name, family_name="Example", pin=pin, pin_key=PIN_KEY, now=NOW
    )


def give_earned(session: Session, group: Organisation, person: Person, minutes: int, *, now: datetime = NOW) -> None:
    """Put earned minutes on a person's account, straight from a group's pot."""
    assert group.account_id is not None
    request = EntryRequest(
        EntryKind.EARN,
        new_id(),
        now.date(),
        (ledger.movement(TransferKind.EARN, group.account_id, person.earned_account_id, minutes),),
    )
    ledger.post_one(session, person.programme_id, request, now=now, today=now.date())


def open_account(session: Session, programme_id: UUID, kind: AccountKind, *, owner_id: UUID | None = None) -> UUID:
    """Open a bare account."""
    return ledger.open_account(session, programme_id, kind, owner_id=owner_id, now=NOW)
