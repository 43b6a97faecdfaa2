"""Reading prescriptions: for the service that prescribed and for the person, and for nobody else."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor, Permission
from timecredits.errors import NotFound
from timecredits.people import queries as people
from timecredits.people.models import Person
from timecredits.prescribing.models import Ending, Prescription


class Status(StrEnum):
    """Where a prescription is in its life."""

    ACTIVE = "active"
    USED = "used"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Progress:
    """A prescription and what became of it, in minutes: spent net of what was undone, and what can still be used."""

    prescription: Prescription
    status: Status
    spent_minutes: int
    remaining_minutes: int
    companion_remaining_minutes: int


def seen(actor: Actor) -> ColumnElement[bool]:
    """Say in SQL which prescriptions the actor may see: their own, or those of their services. Raises Forbidden."""
    actor.require(Permission.READ_CARE)
    if actor.person_id is not None:
        return Prescription.person_id == actor.person_id
    return Prescription.organisation_id.in_(actor.organisations(Permission.READ_CARE) or ())


def prescription(session: Session, actor: Actor, prescription_id: UUID, *, now: datetime) -> Progress:
    """Give a prescription that the actor may see. Raises Forbidden, NotFound."""
    found = session.scalar(
        select(Prescription).where(
            Prescription.programme_id == actor.programme_id, Prescription.id == prescription_id, seen(actor)
        )
    )
    if found is None:
        raise NotFound
    (progress,) = _followed(session, actor.programme_id, [found], actor.today(now))
    return progress


def prescriptions(
    session: Session,
    actor: Actor,
    *,
    person_id: UUID | None = None,
    organisation_id: UUID | None = None,
    after: UUID | None = None,
    limit: int,
    now: datetime,
) -> list[Progress]:
    """Give a page of the prescriptions that the actor may see, in the order of their ids. Raises Forbidden."""
    query = select(Prescription).where(Prescription.programme_id == actor.programme_id, seen(actor))
    if person_id is not None:
        query = query.where(Prescription.person_id == person_id)
    if organisation_id is not None:
        query = query.where(Prescription.organisation_id == organisation_id)
    if after is not None:
        query = query.where(Prescription.id > after)
    found = session.scalars(query.order_by(Prescription.id).limit(limit)).all()
    return _followed(session, actor.programme_id, found, actor.today(now))


def visible_people(session: Session, actor: Actor, person_ids: Collection[UUID]) -> set[UUID]:
    """Find out which of these people the actor may see. Raises Forbidden."""
    actor.require(Permission.READ_PEOPLE)
    return set(
        session.scalars(
            select(Person.id).where(
                Person.programme_id == actor.programme_id, Person.id.in_(person_ids), people.visible(actor)
            )
        )
    )


def accounts_of(found: Prescription) -> tuple[UUID, ...]:
    """List the accounts that hold what is left of a prescription."""
    if found.companion_account_id is None:
        return (found.prescribed_account_id,)
    return (found.prescribed_account_id, found.companion_account_id)


def is_past(found: Prescription, today: date) -> bool:
    """Tell whether its last day is over, swept or not."""
    return found.expires_on is not None and found.expires_on < today


def _followed(session: Session, programme_id: UUID, rows: Sequence[Prescription], today: date) -> list[Progress]:
    """Say of each what became of it: two queries, however many there are."""
    account_ids = [account_id for row in rows for account_id in accounts_of(row)]
    left = ledger.balances(session, programme_id, account_ids)
    spent = ledger.spent_from(session, programme_id, account_ids)
    return [_progress(row, left, spent, today) for row in rows]


def _progress(row: Prescription, left: dict[UUID, int], spent: dict[UUID, int], today: date) -> Progress:
    status = _status(row, sum(spent.get(account_id, 0) for account_id in accounts_of(row)), today)
    companion_left = left[row.companion_account_id] if row.companion_account_id is not None else 0
    active = status is Status.ACTIVE
    return Progress(
        prescription=row,
        status=status,
        spent_minutes=spent.get(row.prescribed_account_id, 0),
        remaining_minutes=left[row.prescribed_account_id] if active else 0,
        companion_remaining_minutes=companion_left if active else 0,
    )


def _status(row: Prescription, spent: int, today: date) -> Status:
    """Say where it is in its life. Used up by its last day is used, not expired; held for a booking is not used yet."""
    if row.ending == Ending.WITHDRAWN:
        return Status.WITHDRAWN
    if spent == row.minutes + row.companion_minutes:
        return Status.USED
    return Status.EXPIRED if row.ending == Ending.EXPIRED or is_past(row, today) else Status.ACTIVE
