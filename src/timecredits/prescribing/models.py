"""Prescription: credits that a worker gave somebody to get started, ring-fenced, from one pot and so one fund."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from timecredits.database import Base, new_id


class Ending(StrEnum):
    """How a prescription came to an end before it was used up."""

    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class WithdrawalReason(StrEnum):
    """Why a worker withdrew a prescription."""

    NO_LONGER_WANTED = "no_longer_wanted"
    NO_LONGER_SUITABLE = "no_longer_suitable"
    MOVED_AWAY = "moved_away"
    ISSUED_IN_ERROR = "issued_in_error"
    OTHER = "other"


class Prescription(Base):
    """Minutes prescribed to a person, in accounts of their own. What is left is the balance of those accounts."""

    __tablename__ = "prescription"
    __table_args__ = (
        CheckConstraint("minutes > 0 AND companion_minutes >= 0", name="minutes"),
        CheckConstraint("(companion_minutes > 0) = (companion_account_id IS NOT NULL)", name="companion"),
        CheckConstraint("(ended_at IS NULL) = (ending IS NULL)", name="ending"),
        CheckConstraint(
            "(ending IS NOT DISTINCT FROM 'withdrawn') = (withdrawal_reason IS NOT NULL)", name="withdrawal"
        ),
        ForeignKeyConstraint(["programme_id", "person_id"], ["person.programme_id", "person.id"]),
        ForeignKeyConstraint(
            ["programme_id", "organisation_id", "fund_id"],
            ["prescribing_pot.programme_id", "prescribing_pot.organisation_id", "prescribing_pot.fund_id"],
        ),
        ForeignKeyConstraint(["programme_id", "prescribed_account_id"], ["account.programme_id", "account.id"]),
        ForeignKeyConstraint(["programme_id", "companion_account_id"], ["account.programme_id", "account.id"]),
        ForeignKeyConstraint(["programme_id", "entry_id"], ["journal_entry.programme_id", "journal_entry.id"]),
        Index(None, "programme_id", "person_id"),
        Index(None, "programme_id", "organisation_id", "id"),
        Index(
            "prescription_due_idx",
            "programme_id",
            "expires_on",
            postgresql_where="ended_at IS NULL AND expires_on IS NOT NULL",
        ),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[UUID]
    organisation_id: Mapped[UUID]
    fund_id: Mapped[UUID]
    minutes: Mapped[int]
    companion_minutes: Mapped[int] = mapped_column(default=0)
    goal: Mapped[str | None]
    expires_on: Mapped[date | None]
    prescribed_account_id: Mapped[UUID]
    companion_account_id: Mapped[UUID | None]
    entry_id: Mapped[UUID]
    issued_by: Mapped[UUID]
    issued_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ending: Mapped[Ending | None] = mapped_column(Text)
    withdrawal_reason: Mapped[WithdrawalReason | None] = mapped_column(Text)
    withdrawal_message: Mapped[str | None]
