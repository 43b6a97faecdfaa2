"""Account, JournalEntry, Transfer, Verification: opaque ids, minutes, kinds and times; never a person or free text.

Seals take in the columns in their order: a new column needs a migration that seals all rows anew.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from timecredits.database import Base, new_id
from timecredits.ledger.chart import MOST_MINUTES, AccountKind, EntryKind, TransferKind


def _one_of(column: str, kinds: type[AccountKind | EntryKind | TransferKind]) -> str:
    return f"{column} IN ({', '.join(repr(kind.value) for kind in kinds)})"


class Account(Base):
    """A place where minutes are. Never below its floor, and only a fund is below zero."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("balance >= floor", name="floor"),
        CheckConstraint("CASE kind WHEN 'fund' THEN balance <= 0 ELSE floor = 0 END", name="fund"),
        CheckConstraint("version >= 0", name="version"),
        CheckConstraint(_one_of("kind", AccountKind), name="kind"),
        ForeignKeyConstraint(["programme_id", "origin_id"], ["account.programme_id", "account.id"]),
        Index(None, "programme_id", "owner_id"),
        # A posting changes only columns that no index holds, so the new version fits in the same page (HOT).
        {"postgresql_with": {"fillfactor": "50"}},
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    owner_id: Mapped[UUID | None]
    origin_id: Mapped[UUID | None]
    balance: Mapped[int] = mapped_column(default=0)
    floor: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    posted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    expires_on: Mapped[date | None]
    seal: Mapped[bytes] = mapped_column(LargeBinary)


class JournalEntry(Base):
    """One atomic event: its transfers all stand or none does. Append-only."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        CheckConstraint(_one_of("kind", EntryKind), name="kind"),
        CheckConstraint("(kind = 'reverse') = (reverses IS NOT NULL)", name="reverses"),
        ForeignKeyConstraint(["programme_id", "reverses"], ["journal_entry.programme_id", "journal_entry.id"]),
        Index(
            "journal_entry_one_reversal_key",
            "programme_id",
            "reverses",
            unique=True,
            postgresql_where="reverses IS NOT NULL",
        ),
        Index(None, "programme_id", "recorded_at", "id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    actor_id: Mapped[UUID]
    recorded_at: Mapped[datetime]
    effective_on: Mapped[date]
    reverses: Mapped[UUID | None]
    correlation_id: Mapped[UUID | None]
    seal: Mapped[bytes] = mapped_column(LargeBinary)


class Transfer(Base):
    """One movement of minutes from a source to a target, with the running balance of both. Append-only."""

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint(f"minutes BETWEEN 1 AND {MOST_MINUTES}", name="minutes"),
        CheckConstraint("source_id <> target_id", name="two_accounts"),
        CheckConstraint("source_seq > 0 AND target_seq > 0", name="seq"),
        CheckConstraint(_one_of("kind", TransferKind), name="kind"),
        ForeignKeyConstraint(["programme_id", "entry_id"], ["journal_entry.programme_id", "journal_entry.id"]),
        ForeignKeyConstraint(["programme_id", "source_id"], ["account.programme_id", "account.id"]),
        ForeignKeyConstraint(["programme_id", "target_id"], ["account.programme_id", "account.id"]),
        UniqueConstraint("programme_id", "source_id", "source_seq"),
        UniqueConstraint("programme_id", "target_id", "target_seq"),
        # A balance at a time, and a page of a statement, are probes into these two.
        Index("transfer_source_time_idx", "programme_id", "source_id", "recorded_at", "entry_id", "source_seq"),
        Index("transfer_target_time_idx", "programme_id", "target_id", "recorded_at", "entry_id", "target_seq"),
    )

    programme_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    leg: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    source_id: Mapped[UUID]
    target_id: Mapped[UUID]
    minutes: Mapped[int]
    source_seq: Mapped[int]
    source_after: Mapped[int]
    target_seq: Mapped[int]
    target_after: Mapped[int]
    recorded_at: Mapped[datetime]


class Verification(Base):
    """One replay of a programme's whole ledger, and the first row that disagreed, if any."""

    __tablename__ = "verification"

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consistent: Mapped[bool]
    entries: Mapped[int]
    accounts: Mapped[int]
    checked_at: Mapped[datetime]
    first_disagreement: Mapped[str | None]
    seal: Mapped[bytes] = mapped_column(LargeBinary)
