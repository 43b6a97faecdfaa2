"""Balances and statements over HTTP; under `/me` for the person whose key it is."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor, Permission
from timecredits.errors import NotFound
from timecredits.ledger import AccountKind
from timecredits.people import queries
from timecredits.web.callers import Reading
from timecredits.web.neutral import neutral_kind
from timecredits.web.paging import Page, Paging
from timecredits.web.refusals import TimeNotPast
from timecredits.web.schemas import Model, Moment, credits_of

_CLOCKS_DIFFER = timedelta(minutes=1)

router = APIRouter(prefix="/v1", tags=["balances"])

# What a line of a statement says to people.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "prescribe": "Credits to get you started",
        "withdraw": "Credits taken back",
        "expire": "Credits that ran out",
        "earn": "Time given",
        "spend": "Visit",
        "hold": "Kept for a booking",
        "release": "No longer kept for a booking",
        "capture": "Visit that was booked",
        "gift": "Gift",
        "donate": "Donation",
        "reverse": "Put right",
        "merge": "From an old record",
        "print_note": "Paper credits",
        "deposit_note": "Paper credits paid in",
        "void_note": "Paper credits cancelled",
        "added": "Credits added",
        "returned": "Credits returned",
    }
)


class PotOut(Model):
    """One of a person's accounts, in minutes. `expires_on` is the last day on which it can be used."""

    kind: AccountKind
    minutes: int
    credits: str
    expires_on: date | None


class BalanceOut(Model):
    """What a person has. Companion minutes take somebody along, and are not part of what is available."""

    available_minutes: int = Field(
        description="What can be used now. Credits past their last day are not in it; the statement shows them until "
        "they are swept."
    )
    held_minutes: int
    companion_minutes: int | None = Field(description="Only for the care team and the person.")
    credits: str = Field(description="What is available, in Time Credits of 60 minutes.")
    as_of: datetime
    pots: list[PotOut] | None = Field(description="Only for the care team and the person.")


class LineOut(Model):
    """One entry on a statement: the change of what is available, and what was available after it."""

    entry_id: UUID
    recorded_at: datetime
    effective_on: date
    kind: str
    minutes: int
    balance_after_minutes: int
    description: str


def _balance(session: Session, actor: Actor, person_id: UUID, *, at: datetime | None, now: datetime) -> BalanceOut:
    queries.person(session, actor, person_id)
    # The last entry may be a little ahead of this process's clock: another process wrote it, or a microsecond later.
    if at is not None and at - now > _CLOCKS_DIFFER:
        raise TimeNotPast
    if at is None:
        found = ledger.balance(session, actor.programme_id, person_id, today=actor.today(now))
    else:
        found = ledger.balance_at(session, actor.programme_id, person_id, at=at, on=actor.today(at))
    cares = actor.may(Permission.READ_CARE)
    return BalanceOut(
        available_minutes=found.available_minutes,
        held_minutes=found.held_minutes,
        companion_minutes=found.companion_minutes if cares else None,
        credits=credits_of(found.available_minutes),
        as_of=at or now,
        pots=[
            PotOut(kind=pot.kind, minutes=pot.minutes, credits=credits_of(pot.minutes), expires_on=pot.expires_on)
            for pot in found.pots
        ]
        if cares
        else None,
    )


def _statement(session: Session, actor: Actor, person_id: UUID, paging: Paging) -> Page[LineOut]:
    queries.person(session, actor, person_id)
    lines = ledger.statement(
        session,
        actor.programme_id,
        person_id,
        before=paging.after(tuple[datetime, UUID]),
        limit=paging.fetch,
    )
    cares = actor.may(Permission.READ_CARE)

    def show(line: ledger.Line) -> LineOut:
        kind = line.kind.value if cares else neutral_kind(line.kind)
        return LineOut(
            entry_id=line.entry_id,
            recorded_at=line.recorded_at,
            effective_on=line.effective_on,
            kind=kind,
            minutes=line.minutes,
            balance_after_minutes=line.balance_after_minutes,
            description=_WORDS[kind],
        )

    return paging.page(lines, show=show, key=lambda line: (line.recorded_at, line.entry_id))


def _myself(actor: Actor) -> UUID:
    if actor.person_id is None:
        raise NotFound
    return actor.person_id


@router.get("/people/{person_id}/balance")
def read_balance(
    person_id: UUID,
    read: Reading,
    at: Annotated[Moment | None, Query(description="A time in the past.")] = None,
) -> BalanceOut:
    """Say what a person has, now or at a time."""
    with read.begin() as (session, actor):
        return _balance(session, actor, person_id, at=at, now=read.now)


@router.get("/people/{person_id}/statement")
def read_statement(person_id: UUID, read: Reading, paging: Paging) -> Page[LineOut]:
    """List what changed a person's credits, newest first."""
    with read.begin() as (session, actor):
        return _statement(session, actor, person_id, paging)


@router.get("/me/balance", tags=["me"])
def read_my_balance(read: Reading, at: Annotated[Moment | None, Query()] = None) -> BalanceOut:
    """Say what I have, now or at a time."""
    with read.begin() as (session, actor):
        return _balance(session, actor, _myself(actor), at=at, now=read.now)


@router.get("/me/statement", tags=["me"])
def read_my_statement(read: Reading, paging: Paging) -> Page[LineOut]:
    """List what changed my credits, newest first."""
    with read.begin() as (session, actor):
        return _statement(session, actor, _myself(actor), paging)
