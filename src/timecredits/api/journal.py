"""The journal, reversals and verifications over HTTP: account ids and neutral kinds, never a person."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor, Permission
from timecredits.errors import NotFound
from timecredits.ledger import JournalEntry, JournalLeg, Verification
from timecredits.programmes import actions
from timecredits.programmes.actions import ReversalReason
from timecredits.web.callers import Reading
from timecredits.web.metrics import TRIAL_BALANCE
from timecredits.web.neutral import neutral_account, neutral_kind
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform, PerformOnce
from timecredits.web.schemas import Flag, Model

router = APIRouter(prefix="/v1", tags=["ledger"])


class TransferOut(Model):
    """One movement of minutes between two accounts."""

    kind: str
    source_id: UUID
    source_kind: str
    target_id: UUID
    target_kind: str
    minutes: int


class EntryOut(Model):
    """One entry of the journal: all its transfers stand, or none does."""

    id: UUID
    kind: str
    recorded_at: datetime
    effective_on: date
    reverses: UUID | None
    reversed_by: UUID | None
    transfers: list[TransferOut]


class ReversalIn(Model):
    """Why an entry is put right."""

    reason: ReversalReason
    as_far_as_possible: Flag = Field(
        default=False, description="Take back what is there; what is missing is said, and never collected."
    )


class ReversalOut(EntryOut):
    """The mirror entry, and the minutes that it could not bring back."""

    shortfall_minutes: int


class VerificationOut(Model):
    """What a replay of the whole ledger found."""

    id: UUID
    consistent: bool
    entries: int
    accounts: int
    checked_at: datetime
    first_disagreement: str | None


def _entry(row: JournalEntry, legs: Sequence[JournalLeg], reversed_by: UUID | None) -> EntryOut:
    return EntryOut(
        id=row.id,
        kind=neutral_kind(ledger.EntryKind(row.kind)),
        recorded_at=row.recorded_at,
        effective_on=row.effective_on,
        reverses=row.reverses,
        reversed_by=reversed_by,
        transfers=[
            TransferOut(
                kind=neutral_kind(leg.kind),
                source_id=leg.source_id,
                source_kind=neutral_account(leg.source_kind),
                target_id=leg.target_id,
                target_kind=neutral_account(leg.target_kind),
                minutes=leg.minutes,
            )
            for leg in legs
        ],
    )


def _show_entry(session: Session, actor: Actor, entry_id: UUID) -> EntryOut:
    actor.require(Permission.READ_JOURNAL)
    row = ledger.entry(session, actor.programme_id, entry_id)
    legs = ledger.legs(session, actor.programme_id, [entry_id])
    undone = ledger.reversed_by(session, actor.programme_id, [entry_id])
    return _entry(row, legs[entry_id], undone.get(entry_id))


def _show_reversal(session: Session, actor: Actor, entry_id: UUID) -> ReversalOut:
    mirror = _show_entry(session, actor, entry_id)
    assert mirror.reverses is not None
    original = _show_entry(session, actor, mirror.reverses)
    mirrored = sum(leg.minutes for leg in mirror.transfers if leg.kind == ledger.TransferKind.REVERSE)
    shortfall = sum(leg.minutes for leg in original.transfers) - mirrored
    return ReversalOut(**dict(mirror), shortfall_minutes=shortfall)


def _verification(row: Verification) -> VerificationOut:
    return VerificationOut(
        id=row.id,
        consistent=row.consistent,
        entries=row.entries,
        accounts=row.accounts,
        checked_at=row.checked_at,
        first_disagreement=row.first_disagreement,
    )


def _show_verification(session: Session, actor: Actor, verification_id: UUID) -> VerificationOut:
    actor.require(Permission.READ_JOURNAL)
    return _verification(session.get_one(Verification, (actor.programme_id, verification_id)))


@router.get("/journal")
def list_entries(read: Reading, paging: Paging) -> Page[EntryOut]:
    """List entries, newest first: for reading, not as a feed of changes."""
    with read.begin() as (session, actor):
        actor.require(Permission.READ_JOURNAL)
        before = paging.after(tuple[datetime, UUID])
        rows = ledger.entries(session, actor.programme_id, before=before, limit=paging.fetch)
        ids = [row.id for row in rows]
        legs = ledger.legs(session, actor.programme_id, ids)
        undone = ledger.reversed_by(session, actor.programme_id, ids)
        return paging.page(
            rows,
            show=lambda row: _entry(row, legs[row.id], undone.get(row.id)),
            key=lambda row: (row.recorded_at, row.id),
        )


@router.get("/journal/{entry_id}")
def read_entry(entry_id: UUID, read: Reading) -> EntryOut:
    """Read an entry with its transfers."""
    with read.begin() as (session, actor):
        return _show_entry(session, actor, entry_id)


@router.post("/journal/{entry_id}/reversal", status_code=201)
def reverse_entry(entry_id: UUID, body: ReversalIn, perform: PerformOnce) -> ReversalOut:
    """Put an entry right by its mirror image, once."""
    return perform(actions.reverse_entry, body, show=_show_reversal, entry_id=entry_id)


@router.get("/ledger/verification")
def read_verification(read: Reading) -> VerificationOut:
    """Read the last verification."""
    with read.begin() as (session, actor):
        actor.require(Permission.READ_JOURNAL)
        last = ledger.last_verification(session, actor.programme_id)
        if last is None:
            raise NotFound
        return _verification(last)


@router.post("/ledger/verification", status_code=201)
def verify(perform: Perform) -> VerificationOut:
    """Replay the whole ledger and keep the result."""
    with perform.caller.begin() as (session, actor):
        actor.require(Permission.READ_JOURNAL)
    # A transaction of its own, for the snapshot; the result is kept in the next one.
    with perform.caller.begin() as (session, actor):
        result = ledger.check(session, actor.programme_id, now=perform.caller.now)
        total = sum(ledger.trial_balance(session, actor.programme_id).values())
    TRIAL_BALANCE.labels(perform.caller.presented.programme_code).set(total)
    return perform(actions.record_verification, None, show=_show_verification, result=result)
