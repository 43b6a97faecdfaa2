"""Venue, Opportunity, Redemption, Gift: where credits can be spent, and where they were."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from timecredits.database import Base, new_id


class Venue(Base):
    """A place of a partner's, or of a group's, where credits can be spent."""

    __tablename__ = "venue"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
        Index(None, "programme_id", "organisation_id", "id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[UUID]
    name: Mapped[str]
    address: Mapped[str | None]
    postcode: Mapped[str | None]
    district: Mapped[str | None]
    accessibility: Mapped[str | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class Opportunity(Base):
    """Something that credits buy, with its price in minutes for an adult and for a child."""

    __tablename__ = "opportunity"
    __table_args__ = (
        CheckConstraint("price_minutes > 0 AND child_price_minutes >= 0", name="price"),
        CheckConstraint("ends_on >= starts_on", name="dates"),
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
        ForeignKeyConstraint(["programme_id", "venue_id"], ["venue.programme_id", "venue.id"]),
        Index(None, "programme_id", "organisation_id", "id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[UUID]
    venue_id: Mapped[UUID | None]
    title: Mapped[str]
    description: Mapped[str | None]
    category: Mapped[str | None]
    price_minutes: Mapped[int]
    # Without a child's price, children pay what adults pay. 0 is free.
    child_price_minutes: Mapped[int | None]
    restrictions: Mapped[str | None]
    first_visit: Mapped[str | None]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    withdrawn_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class Redemption(Base):
    """Credits taken at the till. Whether it was undone is read from the journal."""

    __tablename__ = "redemption"
    __table_args__ = (
        CheckConstraint("minutes > 0 AND adults >= 0 AND children >= 0 AND adults + children > 0", name="party"),
        CheckConstraint("opportunity_id IS NOT NULL OR venue_id IS NOT NULL", name="place"),
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
        ForeignKeyConstraint(["programme_id", "venue_id"], ["venue.programme_id", "venue.id"]),
        ForeignKeyConstraint(["programme_id", "opportunity_id"], ["opportunity.programme_id", "opportunity.id"]),
        ForeignKeyConstraint(["programme_id", "person_id"], ["person.programme_id", "person.id"]),
        ForeignKeyConstraint(["programme_id", "entry_id"], ["journal_entry.programme_id", "journal_entry.id"]),
        Index(None, "programme_id", "organisation_id", "redeemed_at", "id"),
        Index(None, "programme_id", "person_id"),
        Index(None, "programme_id", "entry_id"),
        Index(
            "redemption_external_reference_key",
            "programme_id",
            "organisation_id",
            "external_reference",
            unique=True,
            postgresql_where="external_reference IS NOT NULL",
        ),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organisation_id: Mapped[UUID]
    venue_id: Mapped[UUID | None]
    opportunity_id: Mapped[UUID | None]
    person_id: Mapped[UUID]
    adults: Mapped[int]
    children: Mapped[int]
    minutes: Mapped[int]
    entry_id: Mapped[UUID]
    external_reference: Mapped[str | None]
    redeemed_by: Mapped[UUID]
    redeemed_at: Mapped[datetime]


class Gift(Base):
    """Earned credits given away: to a person, to a group, or to the community pot."""

    __tablename__ = "gift"
    __table_args__ = (
        CheckConstraint("minutes > 0", name="minutes"),
        CheckConstraint("to_person_id IS NULL OR to_organisation_id IS NULL", name="one_receiver"),
        CheckConstraint("to_person_id <> from_person_id", name="somebody_else"),
        ForeignKeyConstraint(["programme_id", "from_person_id"], ["person.programme_id", "person.id"]),
        ForeignKeyConstraint(["programme_id", "to_person_id"], ["person.programme_id", "person.id"]),
        ForeignKeyConstraint(["programme_id", "to_organisation_id"], ["organisation.programme_id", "organisation.id"]),
        ForeignKeyConstraint(["programme_id", "entry_id"], ["journal_entry.programme_id", "journal_entry.id"]),
        Index(None, "programme_id", "from_person_id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    from_person_id: Mapped[UUID]
    to_person_id: Mapped[UUID | None]
    to_organisation_id: Mapped[UUID | None]
    minutes: Mapped[int]
    entry_id: Mapped[UUID]
    given_by: Mapped[UUID]
    given_at: Mapped[datetime]
