"""Requests that follow from an earlier entry: its reversal, and the release or capture of what it held.

They are built from rows that never change, so nothing has to be locked before `post`.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from timecredits.errors import NotFound, Refused
from timecredits.ledger.chart import (
    PUT_RIGHT_BY,
    REVERSIBLE,
    AccountKind,
    EntryKind,
    TransferKind,
)
from timecredits.ledger.models import Account, JournalEntry, Transfer
from timecredits.ledger.requests import Draw, EntryRequest, movement


class NotReversible(Refused):
    """Such an entry is put right by an action of its own."""

    title = "Put right in another way"
    words = "This kind of entry is not reversed. Instead: {instead}."
    explanation = "Some entries have an action of their own that puts them right and keeps everything else in step."


class MoreThanHeld(Refused):
    """A capture takes at most what was held."""

    title = "More than was held"
    words = "That is more than was held for this."
    explanation = "A booking holds credits. Checking in takes at most what was held."


def reversal(
    session: Session,
    programme_id: UUID,
    entry_id: UUID,
    *,
    actor_id: UUID,
    effective_on: date,
    as_far_as_possible: bool = False,
    expired_to: UUID | None = None,
) -> EntryRequest:
    """Build the mirror of an entry, last transfer first.

    `as_far_as_possible` takes what is there and leaves a shortfall instead of being refused. Minutes that come back
    to credits which have ended meanwhile move on to where those came from (or to `expired_to`).
    Raises NotFound, NotReversible.
    """
    entry = session.get(JournalEntry, (programme_id, entry_id))
    if entry is None:
        raise NotFound
    if entry.kind not in REVERSIBLE:
        raise NotReversible(instead=PUT_RIGHT_BY[EntryKind(entry.kind)])
    legs = _legs(session, programme_id, entry_id)
    mirrored = [
        Draw(TransferKind.REVERSE, (leg.target_id,), leg.source_id, leg.minutes, at_most=as_far_as_possible)
        for leg in reversed(legs)
    ]
    move_on = _move_on(session, programme_id, [leg.source_id for leg in legs], expired_to)
    return EntryRequest(
        EntryKind.REVERSE,
        actor_id,
        effective_on,
        (*mirrored, *move_on),
        reverses=entry_id,
        correlation_id=entry.correlation_id,
    )


def release(
    session: Session,
    programme_id: UUID,
    hold_id: UUID,
    *,
    actor_id: UUID,
    effective_on: date,
    expired_to: UUID | None = None,
) -> EntryRequest:
    """Build the entry that gives held minutes back to the accounts they left. Once: the caller locks the booking."""
    legs = _legs(session, programme_id, hold_id)
    released = [movement(TransferKind.RELEASE, leg.target_id, leg.source_id, leg.minutes) for leg in legs]
    move_on = _move_on(session, programme_id, [leg.source_id for leg in legs], expired_to)
    return EntryRequest(EntryKind.RELEASE, actor_id, effective_on, (*released, *move_on), correlation_id=hold_id)


def capture(
    session: Session,
    programme_id: UUID,
    hold_id: UUID,
    *,
    target_id: UUID,
    minutes: int,
    actor_id: UUID,
    effective_on: date,
    expired_to: UUID | None = None,
) -> EntryRequest:
    """Build the entry that releases what was held and spends `minutes` of it, from the accounts that held it.

    Once: the caller locks the booking. Raises MoreThanHeld.
    """
    legs = _legs(session, programme_id, hold_id)
    if minutes > sum(leg.minutes for leg in legs):
        raise MoreThanHeld
    draws = [movement(TransferKind.RELEASE, leg.target_id, leg.source_id, leg.minutes) for leg in legs]
    for leg in legs:
        spent = min(leg.minutes, minutes)
        if spent:
            draws.append(movement(TransferKind.SPEND, leg.source_id, target_id, spent))
            minutes -= spent
    draws += _move_on(session, programme_id, [leg.source_id for leg in legs], expired_to)
    return EntryRequest(EntryKind.CAPTURE, actor_id, effective_on, tuple(draws), correlation_id=hold_id)


def _legs(session: Session, programme_id: UUID, entry_id: UUID) -> Sequence[Transfer]:
    legs = session.scalars(
        select(Transfer)
        .where(Transfer.programme_id == programme_id, Transfer.entry_id == entry_id)
        .order_by(Transfer.leg)
    ).all()
    if not legs:
        raise NotFound
    return legs


def _move_on(session: Session, programme_id: UUID, account_ids: Sequence[UUID], expired_to: UUID | None) -> list[Draw]:
    """Ask that what lies in these prescriptions goes where it would have gone, if they have ended by then."""
    ends = (AccountKind.PRESCRIBED.value, AccountKind.COMPANION.value)
    rows = session.execute(
        select(Account.id, Account.origin_id).where(
            Account.programme_id == programme_id, Account.id.in_(account_ids), Account.kind.in_(ends)
        )
    )
    draws = []
    for account_id, origin_id in rows:
        goes_to = expired_to or origin_id
        assert goes_to is not None, "a prescription is filled only from the pot that it names"
        draws.append(Draw(TransferKind.EXPIRE, (account_id,), goes_to, None, when_ended=True))
    return draws
