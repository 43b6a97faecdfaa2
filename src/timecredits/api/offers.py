"""Venues and opportunities over HTTP: the directory of what credits can be spent on."""

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.spending import actions, queries
from timecredits.spending.models import Opportunity, Venue
from timecredits.web.callers import Reading
from timecredits.web.etags import Edit, tagged
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform
from timecredits.web.schemas import Day, Minutes, Model, ShortText, Text

router = APIRouter(prefix="/v1", tags=["directory"])

Free = Annotated[
    int,
    Field(strict=True, ge=0, le=10**9, description="Whole minutes; 0 is free. Null: children pay what adults pay."),
]


class VenueAbout(Model):
    """What is said about a venue."""

    address: Text | None = None
    postcode: ShortText | None = None
    district: ShortText | None = None
    accessibility: Text | None = None


class VenueIn(VenueAbout):
    """A venue to be added, of a partner or of a group."""

    partner_id: UUID
    name: ShortText


class VenuePatch(VenueAbout):
    """What may change of a venue; what is left out stays."""

    name: ShortText = ""


class VenueOut(Model):
    """A place where credits can be spent."""

    id: UUID
    partner_id: UUID
    name: str
    address: str | None
    postcode: str | None
    district: str | None
    accessibility: str | None
    created_at: datetime
    version: int


class OpportunityAbout(Model):
    """What is said about an opportunity. The dates are the first and the last day on which it can be had."""

    venue_id: UUID | None = None
    child_price_minutes: Free | None = None
    category: ShortText | None = None
    restrictions: Text | None = Field(default=None, description="Shown at the till.")
    description: Text | None = None
    first_visit: Text | None = Field(default=None, description="What to expect, and who meets you.")
    starts_on: Day | None = None
    ends_on: Day | None = None

    @model_validator(mode="after")
    def _end_after_start(self) -> Self:
        if self.starts_on is not None and self.ends_on is not None and self.ends_on < self.starts_on:
            message = "The last day is not before the first"
            raise ValueError(message)
        return self


class OpportunityIn(OpportunityAbout):
    """An opportunity to be offered."""

    partner_id: UUID
    title: ShortText
    price_minutes: Minutes


class OpportunityPatch(OpportunityAbout):
    """What may change of an opportunity; what is left out stays."""

    title: ShortText = ""
    price_minutes: Minutes = 1


class OpportunityOut(Model):
    """Something that credits buy. Prices are minutes for an adult and for a child."""

    id: UUID
    partner_id: UUID
    venue_id: UUID | None
    title: str
    description: str | None
    category: str | None
    price_minutes: int
    child_price_minutes: int | None
    restrictions: str | None
    first_visit: str | None
    starts_on: date | None
    ends_on: date | None
    withdrawn_at: datetime | None
    created_at: datetime
    version: int


def _venue(row: Venue) -> VenueOut:
    return VenueOut(
        id=row.id,
        partner_id=row.organisation_id,
        name=row.name,
        address=row.address,
        postcode=row.postcode,
        district=row.district,
        accessibility=row.accessibility,
        created_at=row.created_at,
        version=row.version,
    )


def _show_venue(session: Session, actor: Actor, venue_id: UUID) -> VenueOut:
    return _venue(queries.venue(session, actor, venue_id))


def _opportunity(row: Opportunity) -> OpportunityOut:
    return OpportunityOut(
        id=row.id,
        partner_id=row.organisation_id,
        venue_id=row.venue_id,
        title=row.title,
        description=row.description,
        category=row.category,
        price_minutes=row.price_minutes,
        child_price_minutes=row.child_price_minutes,
        restrictions=row.restrictions,
        first_visit=row.first_visit,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        withdrawn_at=row.withdrawn_at,
        created_at=row.created_at,
        version=row.version,
    )


def _show_opportunity(session: Session, actor: Actor, opportunity_id: UUID) -> OpportunityOut:
    return _opportunity(queries.opportunity(session, actor, opportunity_id))


@router.post("/venues", status_code=201)
def create_venue(body: VenueIn, perform: Perform) -> VenueOut:
    """Add a venue of a partner's or a group's."""
    return perform(actions.create_venue, body, show=_show_venue)


@router.get("/venues")
def list_venues(read: Reading, paging: Paging, partner_id: Annotated[UUID | None, Query()] = None) -> Page[VenueOut]:
    """List venues."""
    with read.begin() as (session, actor):
        rows = queries.venues(session, actor, partner_id=partner_id, after=paging.after(UUID), limit=paging.fetch)
        return paging.page(rows, show=_venue, key=lambda row: row.id)


@router.get("/venues/{venue_id}")
def read_venue(venue_id: UUID, read: Reading, response: Response) -> VenueOut:
    """Read a venue."""
    with read.begin() as (session, actor):
        return tagged(response, _show_venue(session, actor, venue_id))


@router.patch("/venues/{venue_id}")
def change_venue(venue_id: UUID, body: VenuePatch, edit: Edit) -> VenueOut:
    """Change what is said about a venue."""
    return edit(actions.change_venue, body, show=_show_venue, venue_id=venue_id)


@router.post("/opportunities", status_code=201)
def create_opportunity(body: OpportunityIn, perform: Perform) -> OpportunityOut:
    """Offer something that credits buy."""
    return perform(actions.create_opportunity, body, show=_show_opportunity)


@router.get("/opportunities")
def list_opportunities(
    read: Reading,
    paging: Paging,
    *,
    partner_id: Annotated[UUID | None, Query()] = None,
    venue_id: Annotated[UUID | None, Query()] = None,
    category: Annotated[ShortText | None, Query()] = None,
    q: Annotated[ShortText | None, Query(description="A part of the title.")] = None,
    current: Annotated[bool, Query(description="Only what can be had today.")] = True,
) -> Page[OpportunityOut]:
    """List opportunities."""
    with read.begin() as (session, actor):
        rows = queries.opportunities(
            session,
            actor,
            partner_id=partner_id,
            venue_id=venue_id,
            category=category,
            q=q,
            current_on=actor.today(read.now) if current else None,
            after=paging.after(UUID),
            limit=paging.fetch,
        )
        return paging.page(rows, show=_opportunity, key=lambda row: row.id)


@router.get("/opportunities/{opportunity_id}")
def read_opportunity(opportunity_id: UUID, read: Reading, response: Response) -> OpportunityOut:
    """Read an opportunity."""
    with read.begin() as (session, actor):
        return tagged(response, _show_opportunity(session, actor, opportunity_id))


@router.patch("/opportunities/{opportunity_id}")
def change_opportunity(opportunity_id: UUID, body: OpportunityPatch, edit: Edit) -> OpportunityOut:
    """Change what is offered, from now on."""
    return edit(actions.change_opportunity, body, show=_show_opportunity, opportunity_id=opportunity_id)


@router.post("/opportunities/{opportunity_id}/withdrawal")
def withdraw_opportunity(opportunity_id: UUID, perform: Perform) -> OpportunityOut:
    """Stop offering something, for good."""
    return perform(
        actions.withdraw_opportunity,
        None,
        show=_show_opportunity,
        status=HTTPStatus.OK,
        opportunity_id=opportunity_id,
    )
