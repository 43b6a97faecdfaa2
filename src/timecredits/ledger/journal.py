"""Reading the journal: entries and their transfers, newest first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from timecredits.errors import NotFound
from timecredits.ledger.chart import AccountKind, TransferKind
from timecredits.ledger.models import Account, JournalEntry, Transfer


@dataclass(frozen=True, slots=True)
class JournalLeg:
    """One transfer of an entry, with the kinds of its two accounts. Minutes."""

    kind: TransferKind
    source_id: UUID
    source_kind: AccountKind
    target_id: UUID
    target_kind: AccountKind
    minutes: int


def entry(session: Session, programme_id: UUID, entry_id: UUID) -> JournalEntry:
    """Give one entry. Raises NotFound."""
    found = session.get(JournalEntry, (programme_id, entry_id))
    if found is None:
        raise NotFound
    return found


def entries(
    session: Session, programme_id: UUID, *, before: tuple[datetime, UUID] | None = None, limit: int
) -> list[JournalEntry]:
    """Give a page of entries, newest first. For reading: neither time nor id is the order of commits."""
    query = select(JournalEntry).where(JournalEntry.programme_id == programme_id)
    if before is not None:
        query = query.where(tuple_(JournalEntry.recorded_at, JournalEntry.id) < before)
    newest_first = query.order_by(JournalEntry.recorded_at.desc(), JournalEntry.id.desc())
    return list(session.scalars(newest_first.limit(limit)))


def legs(session: Session, programme_id: UUID, entry_ids: Collection[UUID]) -> dict[UUID, list[JournalLeg]]:
    """Give the transfers of each of these entries, in order."""
    source, target = aliased(Account), aliased(Account)
    rows = session.execute(
        select(
            Transfer.entry_id,
            Transfer.kind,
            Transfer.source_id,
            source.kind,
            Transfer.target_id,
            target.kind,
            Transfer.minutes,
        )
        .join(source, (source.programme_id == programme_id) & (source.id == Transfer.source_id))
        .join(target, (target.programme_id == programme_id) & (target.id == Transfer.target_id))
        .where(Transfer.programme_id == programme_id, Transfer.entry_id.in_(entry_ids))
        .order_by(Transfer.entry_id, Transfer.leg)
    )
    found: dict[UUID, list[JournalLeg]] = {entry_id: [] for entry_id in entry_ids}
    for entry_id, kind, source_id, source_kind, target_id, target_kind, minutes in rows:
        found[entry_id].append(
            JournalLeg(
                TransferKind(kind), source_id, AccountKind(source_kind), target_id, AccountKind(target_kind), minutes
            )
        )
    return found


def is_reversed(
    programme_id: InstrumentedAttribute[UUID], entry_id: InstrumentedAttribute[UUID]
) -> ColumnElement[bool]:
    """Say in SQL, of a row that names an entry, that the entry has been reversed."""
    return exists().where(JournalEntry.programme_id == programme_id, JournalEntry.reverses == entry_id)


def reversed_by(session: Session, programme_id: UUID, entry_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Map each of these entries that has been reversed to the entry that reversed it."""
    rows = session.execute(
        select(JournalEntry.reverses, JournalEntry.id).where(
            JournalEntry.programme_id == programme_id, JournalEntry.reverses.in_(entry_ids)
        )
    )
    return {original: reversal for original, reversal in rows if original is not None}
