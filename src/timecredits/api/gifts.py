"""Gifts and donations over HTTP."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.spending import actions, queries
from timecredits.web.callers import Reading
from timecredits.web.perform import PerformOnce
from timecredits.web.schemas import Minutes, Model, ShortText, credits_of

router = APIRouter(prefix="/v1", tags=["gifts"])

Giver = Annotated[UUID | None, Field(description="Whose credits; left out, those of the person whose key it is.")]


class GiftIn(Model):
    """Earned credits to be given to somebody, by id or by card number."""

    from_person_id: Giver = None
    to_person_id: UUID | None = None
    to_card_number: ShortText | None = None
    minutes: Minutes

    @model_validator(mode="after")
    def _one_receiver(self) -> Self:
        if (self.to_person_id is None) == (self.to_card_number is None):
            message = "Name the receiver by id or by card number"
            raise ValueError(message)
        return self


class GiftOut(Model):
    """Credits that were given to somebody."""

    id: UUID
    from_person_id: UUID
    to_person_id: UUID | None = Field(description="Null unless the key may see that person.")
    minutes: int
    credits: str
    entry_id: UUID
    given_at: datetime


class DonationTo(Model):
    """A group's pot, or the community pot, which has no id."""

    kind: Literal["group", "community"]
    id: UUID | None = None

    @model_validator(mode="after")
    def _named_unless_community(self) -> Self:
        if (self.id is None) != (self.kind == "community"):
            message = "Name the group by its id; the community pot has none"
            raise ValueError(message)
        return self


class DonationIn(Model):
    """Earned credits to be given to a group or to the community."""

    from_person_id: Giver = None
    to: DonationTo
    minutes: Minutes


class DonationOut(Model):
    """Credits that were given to a group or, where `group_id` is null, to the community."""

    id: UUID
    from_person_id: UUID
    group_id: UUID | None
    minutes: int
    credits: str
    entry_id: UUID
    given_at: datetime


def _show_gift(session: Session, actor: Actor, gift_id: UUID) -> GiftOut:
    row = queries.gift(session, actor, gift_id)
    return GiftOut(
        id=row.id,
        from_person_id=row.from_person_id,
        to_person_id=queries.receiver_known(session, actor, row),
        minutes=row.minutes,
        credits=credits_of(row.minutes),
        entry_id=row.entry_id,
        given_at=row.given_at,
    )


def _show_donation(session: Session, actor: Actor, donation_id: UUID) -> DonationOut:
    row = queries.donation(session, actor, donation_id)
    return DonationOut(
        id=row.id,
        from_person_id=row.from_person_id,
        group_id=row.to_organisation_id,
        minutes=row.minutes,
        credits=credits_of(row.minutes),
        entry_id=row.entry_id,
        given_at=row.given_at,
    )


@router.post("/gifts", status_code=201)
def create_gift(body: GiftIn, perform: PerformOnce) -> GiftOut:
    """Give earned credits to somebody."""
    return perform(actions.give, body, show=_show_gift)


@router.get("/gifts/{gift_id}")
def read_gift(gift_id: UUID, read: Reading) -> GiftOut:
    """Read a gift, as its giver."""
    with read.begin() as (session, actor):
        return _show_gift(session, actor, gift_id)


@router.post("/donations", status_code=201)
def create_donation(body: DonationIn, perform: PerformOnce) -> DonationOut:
    """Give earned credits to a group or to the community."""
    return perform(actions.donate, body, show=_show_donation)


@router.get("/donations/{donation_id}")
def read_donation(donation_id: UUID, read: Reading) -> DonationOut:
    """Read a donation, as its giver."""
    with read.begin() as (session, actor):
        return _show_donation(session, actor, donation_id)
