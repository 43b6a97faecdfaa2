"""Programme, Organisation, Fund: who runs Time Credits in a place, with whom, and with whose credits."""

import re
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from timecredits.database import Base, new_id

# In every key of a programme, and in its cookies and links.
CODE = re.compile(r"[a-z][a-z0-9]{1,19}", re.ASCII)


class OrganisationKind(StrEnum):
    """What an organisation does in a programme."""

    WELLBEING_SERVICE = "wellbeing_service"
    GROUP = "group"
    PARTNER = "partner"
    REFERRER = "referrer"


class Programme(Base):
    """Who runs Time Credits in a place: the wall around everything else. The only table without row security."""

    __tablename__ = "programme"
    __table_args__ = (CheckConstraint(f"code ~ '^{CODE.pattern}$'", name="code"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="Europe/London")
    # Unspent prescribed minutes go back to their pot; or, if the programme says so, to the expired account.
    expired_credits_return: Mapped[bool] = mapped_column(default=True)
    community_account_id: Mapped[UUID]
    expired_account_id: Mapped[UUID]
    created_at: Mapped[datetime]


class Organisation(Base):
    """A wellbeing service, a group, a partner or a referrer. A group and a partner have an account each."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint(f"kind IN ({', '.join(repr(kind.value) for kind in OrganisationKind)})", name="kind"),
        CheckConstraint("(kind IN ('group', 'partner')) = (account_id IS NOT NULL)", name="account"),
        ForeignKeyConstraint(["programme_id", "account_id"], ["account.programme_id", "account.id"]),
        Index(None, "programme_id", "kind", "id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[OrganisationKind] = mapped_column(Text)
    name: Mapped[str]
    description: Mapped[str | None]
    districts: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    account_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class Fund(Base):
    """A funder's agreement: how many minutes may be issued, when, where and what for."""

    __tablename__ = "fund"
    __table_args__ = (
        CheckConstraint("authorised_minutes > 0", name="authorised_minutes"),
        CheckConstraint("ends_on >= starts_on", name="dates"),
        ForeignKeyConstraint(["programme_id", "account_id"], ["account.programme_id", "account.id"]),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    funder: Mapped[str]
    purpose: Mapped[str | None]
    districts: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    authorised_minutes: Mapped[int]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    account_id: Mapped[UUID]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class PrescribingPot(Base):
    """What one wellbeing service may prescribe from one fund."""

    __tablename__ = "prescribing_pot"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
        ForeignKeyConstraint(["programme_id", "fund_id"], ["fund.programme_id", "fund.id"]),
        ForeignKeyConstraint(["programme_id", "account_id"], ["account.programme_id", "account.id"]),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(primary_key=True)
    fund_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]


class Allocation(Base):
    """Minutes given from a fund to a pot: the journal entry says how many, this says to whom."""

    __tablename__ = "allocation"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id", "fund_id"], ["fund.programme_id", "fund.id"]),
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
        ForeignKeyConstraint(["programme_id", "account_id"], ["account.programme_id", "account.id"]),
        ForeignKeyConstraint(["programme_id", "entry_id"], ["journal_entry.programme_id", "journal_entry.id"]),
        Index(None, "programme_id", "entry_id", unique=True),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    fund_id: Mapped[UUID]
    organisation_id: Mapped[UUID | None]
    account_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    minutes: Mapped[int]
    created_at: Mapped[datetime]
