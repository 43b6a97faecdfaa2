"""Activity and Contribution: what a group does, and the time that somebody gave to it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from timecredits.database import Base, new_id


class Activity(Base):
    """Something that a group does and that people give time to."""

    __tablename__ = "activity"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
        Index(None, "programme_id", "organisation_id", "id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[UUID]
    title: Mapped[str]
    description: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class Contribution(Base):
    """Minutes that a person gave on a day, recorded by a leader and paid from the group's pot."""

    __tablename__ = "contribution"
    __table_args__ = (
        CheckConstraint("minutes > 0", name="minutes"),
        ForeignKeyConstraint(["programme_id", "activity_id"], ["activity.programme_id", "activity.id"]),
        ForeignKeyConstraint(["programme_id", "person_id"], ["person.programme_id", "person.id"]),
        ForeignKeyConstraint(["programme_id", "entry_id"], ["journal_entry.programme_id", "journal_entry.id"]),
        Index(None, "programme_id", "activity_id", "id"),
        Index(None, "programme_id", "person_id"),
        Index(None, "programme_id", "entry_id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    activity_id: Mapped[UUID]
    person_id: Mapped[UUID]
    minutes: Mapped[int]
    given_on: Mapped[date]
    entry_id: Mapped[UUID]
    recorded_by: Mapped[UUID]
    recorded_at: Mapped[datetime]
