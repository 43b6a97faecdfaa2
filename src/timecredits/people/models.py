"""Person, Identity, Card, ApiKey: who belongs, and how they show it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from timecredits.access import Role
from timecredits.database import Base, new_id


class Person(Base):
    """An opaque id for somebody. Who it is stands in Identity, which can be emptied."""

    __tablename__ = "person"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id", "earned_account_id"], ["account.programme_id", "account.id"]),
        ForeignKeyConstraint(["programme_id", "held_account_id"], ["account.programme_id", "account.id"]),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    district: Mapped[str | None]
    earned_account_id: Mapped[UUID]
    held_account_id: Mapped[UUID]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class Identity(Base):
    """Who a person is: apart from all that refers to a person, so that an erasure has one place to empty."""

    __tablename__ = "identity"
    __table_args__ = (ForeignKeyConstraint(["programme_id", "person_id"], ["person.programme_id", "person.id"]),)

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    given_name: Mapped[str]
    family_name: Mapped[str | None]


class Acquaintance(Base):
    """A person is known to an organisation: who may see whom follows from this."""

    __tablename__ = "acquaintance"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id", "person_id"], ["person.programme_id", "person.id"]),
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(primary_key=True)
    since: Mapped[datetime]


class Card(Base):
    """A card number and the keyed hash of a PIN, with the tries that were made on it."""

    __tablename__ = "card"
    __table_args__ = (
        CheckConstraint("octet_length(pin_hmac) = 32", name="pin_hmac"),
        ForeignKeyConstraint(["programme_id", "person_id"], ["person.programme_id", "person.id"]),
        Index(None, "programme_id", "number", unique=True),
        Index(None, "programme_id", "person_id"),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[UUID]
    number: Mapped[str]
    pin_hmac: Mapped[bytes | None] = mapped_column(LargeBinary)
    stopped_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    lockouts: Mapped[int] = mapped_column(default=0)
    lockouts_since: Mapped[datetime | None]


class ApiKey(Base):
    """A key of somebody or something that acts: roles, each held in an organisation or in the whole programme."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash"),
        ForeignKeyConstraint(["programme_id", "organisation_id"], ["organisation.programme_id", "organisation.id"]),
        ForeignKeyConstraint(["programme_id", "person_id"], ["person.programme_id", "person.id"]),
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # Who acts with it. Stays when the key is rotated, and so do what it did and its idempotency keys.
    owner_id: Mapped[UUID]
    name: Mapped[str]
    roles: Mapped[list[Role]] = mapped_column(ARRAY(Text))
    organisation_id: Mapped[UUID | None]
    person_id: Mapped[UUID | None]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
