"""The till over HTTP: quotes, redemptions and undoing them."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.spending import actions, queries
from timecredits.web.callers import Reading
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import PerformOnce
from timecredits.web.schemas import Minutes, Model, Moment, Pin, ShortText, credits_of

router = APIRouter(prefix="/v1/redemptions", tags=["redemptions"])

Party = Annotated[int, Field(strict=True, ge=0, le=50)]


class AskedIn(Model):
    """What a party asks for: an opportunity; or at a venue so many minutes, for all of them together."""

    opportunity_id: UUID | None = None
    venue_id: UUID | None = None
    minutes: Minutes | None = None
    adults: Party = 1
    children: Party = 0
    card_number: ShortText

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        at_venue = (self.venue_id is not None, self.minutes is not None)
        if at_venue != ((False, False) if self.opportunity_id is not None else (True, True)):
            message = "Name an opportunity, or a venue and the minutes"
            raise ValueError(message)
        return self


class QuoteIn(AskedIn):
    """A price to be asked; with the PIN also whether there is enough."""

    pin: Pin | None = None


class QuoteOut(Model):
    """A price, before anything is taken."""

    minutes: int
    credits: str
    title: str
    restrictions: str | None
    enough: bool | None = Field(description="Null without the PIN.")


class RedemptionIn(AskedIn):
    """Credits to be taken."""

    pin: Pin
    external_reference: ShortText | None = Field(
        default=None, description="The till's own reference; each is used once at a partner."
    )


class RedemptionOut(Model):
    """Credits that were taken. Who it was and what is left, the venue does not learn."""

    id: UUID
    opportunity_id: UUID | None
    venue_id: UUID | None
    minutes: int
    credits: str
    adults: int
    children: int
    entry_id: UUID
    person_display: str = Field(description="The first name.")
    remaining_credits: None = None
    redeemed_at: datetime
    external_reference: str | None
    undone: bool


def _redemption(receipt: queries.Receipt) -> RedemptionOut:
    row = receipt.redemption
    return RedemptionOut(
        id=row.id,
        opportunity_id=row.opportunity_id,
        venue_id=row.venue_id,
        minutes=row.minutes,
        credits=credits_of(row.minutes),
        adults=row.adults,
        children=row.children,
        entry_id=row.entry_id,
        person_display=receipt.person_display,
        redeemed_at=row.redeemed_at,
        external_reference=row.external_reference,
        undone=receipt.undone,
    )


def _show_redemption(session: Session, actor: Actor, redemption_id: UUID) -> RedemptionOut:
    return _redemption(queries.receipt(session, actor, redemption_id))


@router.post("/quote")
def quote_redemption(body: QuoteIn, read: Reading) -> QuoteOut:
    """Say what a party would pay. A wrong PIN counts as a try, as it does when redeeming."""
    with read.begin() as (session, actor):
        quote = actions.quote(session, actor, **body.model_dump(), pin_key=read.service.secret_key, now=read.now)
    return QuoteOut(
        minutes=quote.offer.minutes,
        credits=credits_of(quote.offer.minutes),
        title=quote.offer.title,
        restrictions=quote.offer.restrictions,
        enough=quote.enough,
    )


@router.post("", status_code=201)
def create_redemption(body: RedemptionIn, perform: PerformOnce) -> RedemptionOut:
    """Take credits at the till, by card and PIN."""
    return perform(actions.redeem, body, show=_show_redemption, pin_key=perform.caller.service.secret_key)


@router.get("")
def list_redemptions(
    read: Reading,
    paging: Paging,
    *,
    partner_id: Annotated[UUID | None, Query()] = None,
    venue_id: Annotated[UUID | None, Query()] = None,
    since: Annotated[Moment | None, Query()] = None,
    external_reference: Annotated[ShortText | None, Query()] = None,
) -> Page[RedemptionOut]:
    """List the redemptions at the key's own partner, newest first."""
    with read.begin() as (session, actor):
        rows = queries.receipts(
            session,
            actor,
            partner_id=partner_id,
            venue_id=venue_id,
            since=since,
            external_reference=external_reference,
            before=paging.after(tuple[datetime, UUID]),
            limit=paging.fetch,
        )
        return paging.page(
            rows, show=_redemption, key=lambda found: (found.redemption.redeemed_at, found.redemption.id)
        )


@router.get("/{redemption_id}")
def read_redemption(redemption_id: UUID, read: Reading) -> RedemptionOut:
    """Read a redemption at the key's own partner."""
    with read.begin() as (session, actor):
        return _show_redemption(session, actor, redemption_id)


@router.post("/{redemption_id}/undo")
def undo_redemption(redemption_id: UUID, perform: PerformOnce) -> RedemptionOut:
    """Give the credits back, on the same day and once."""
    return perform(actions.undo, None, show=_show_redemption, status=HTTPStatus.OK, redemption_id=redemption_id)
