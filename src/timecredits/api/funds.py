"""Funds and allocations over HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.programmes import actions, queries
from timecredits.programmes.models import Allocation, Fund
from timecredits.web.batches import Batch
from timecredits.web.callers import Reading
from timecredits.web.etags import Edit, tagged
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform, PerformOnce
from timecredits.web.schemas import Day, Districts, Minutes, Model, ShortText, Text

router = APIRouter(prefix="/v1", tags=["funds"])


class FundTerms(Model):
    """What a funder agreed to. The dates are the first and the last day on which the fund gives credits."""

    starts_on: Day | None = None
    ends_on: Day | None = None
    purpose: Text | None = None
    districts: Districts = Field(default=[])

    @model_validator(mode="after")
    def _end_after_start(self) -> Self:
        if self.starts_on is not None and self.ends_on is not None and self.ends_on < self.starts_on:
            message = "A fund ends on or after the day on which it starts"
            raise ValueError(message)
        return self


class FundIn(FundTerms):
    """A fund to be added."""

    name: ShortText
    funder: ShortText
    authorised_minutes: Minutes


class FundPatch(FundTerms):
    """What may change of a fund; what is left out stays."""

    name: ShortText = ""
    funder: ShortText = ""
    authorised_minutes: Minutes = 1


class FundOut(Model):
    """A fund, and how much of it has been issued."""

    id: UUID
    name: str
    funder: str
    purpose: str | None
    districts: list[str]
    authorised_minutes: int
    issued_minutes: int
    remaining_minutes: int
    starts_on: Day | None
    ends_on: Day | None
    created_at: datetime
    version: int


class PotKind(StrEnum):
    """Whose pot an allocation goes to."""

    WELLBEING_SERVICE = "wellbeing_service"
    GROUP = "group"
    COMMUNITY = "community"


class AllocationTo(Model):
    """A wellbeing service's pot, a group's pot, or the community pot, which has no id."""

    kind: PotKind
    id: UUID | None = None

    @model_validator(mode="after")
    def _named_unless_community(self) -> Self:
        if (self.id is None) != (self.kind is PotKind.COMMUNITY):
            message = "Name the service or the group by its id; the community pot has none"
            raise ValueError(message)
        return self


class AllocationIn(Model):
    """Minutes to be given from a fund."""

    fund_id: UUID
    to: AllocationTo
    minutes: Minutes


class AllocationsIn(Model):
    """Many allocations, each of which is done or refused by itself."""

    items: Annotated[list[AllocationIn], Field(min_length=1, max_length=500)]


class AllocationOut(Model):
    """Minutes that were given from a fund; `organisation_id` is null for the community pot."""

    id: UUID
    fund_id: UUID
    organisation_id: UUID | None
    minutes: int
    entry_id: UUID
    created_at: datetime


def _fund(row: Fund, issued_minutes: int) -> FundOut:
    return FundOut(
        id=row.id,
        name=row.name,
        funder=row.funder,
        purpose=row.purpose,
        districts=row.districts,
        authorised_minutes=row.authorised_minutes,
        issued_minutes=issued_minutes,
        remaining_minutes=row.authorised_minutes - issued_minutes,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        created_at=row.created_at,
        version=row.version,
    )


def _show_fund(session: Session, actor: Actor, fund_id: UUID) -> FundOut:
    found = queries.fund(session, actor, fund_id)
    return _fund(found, queries.issued_minutes(session, actor, [found])[fund_id])


def _allocation(row: Allocation) -> AllocationOut:
    return AllocationOut(
        id=row.id,
        fund_id=row.fund_id,
        organisation_id=row.organisation_id,
        minutes=row.minutes,
        entry_id=row.entry_id,
        created_at=row.created_at,
    )


def _show_allocation(session: Session, actor: Actor, allocation_id: UUID) -> AllocationOut:
    return _allocation(queries.allocation(session, actor, allocation_id))


@router.post("/funds", status_code=201)
def create_fund(body: FundIn, perform: Perform) -> FundOut:
    """Record a funder's agreement."""
    return perform(actions.create_fund, body, show=_show_fund)


@router.get("/funds")
def list_funds(read: Reading, paging: Paging) -> Page[FundOut]:
    """List funds, with what has been issued from each."""
    with read.begin() as (session, actor):
        rows = queries.funds(session, actor, after=paging.after(UUID), limit=paging.fetch)
        issued = queries.issued_minutes(session, actor, rows)
        return paging.page(rows, show=lambda row: _fund(row, issued[row.id]), key=lambda row: row.id)


@router.get("/funds/{fund_id}")
def read_fund(fund_id: UUID, read: Reading, response: Response) -> FundOut:
    """Read a fund."""
    with read.begin() as (session, actor):
        return tagged(response, _show_fund(session, actor, fund_id))


@router.patch("/funds/{fund_id}")
def change_fund(fund_id: UUID, body: FundPatch, edit: Edit) -> FundOut:
    """Change what was agreed; never below what has been issued."""
    return edit(actions.change_fund, body, show=_show_fund, fund_id=fund_id)


@router.post("/allocations", status_code=201)
def create_allocation(body: AllocationIn, perform: PerformOnce) -> AllocationOut:
    """Give minutes from a fund to a pot."""
    return perform(actions.allocate, body, show=_show_allocation)


@router.post("/allocations/batch")
def create_allocations(body: AllocationsIn, perform: PerformOnce) -> Batch:
    """Give minutes from funds to many pots: one outcome for each, in the order sent."""
    return perform.each(actions.allocate_each, body)


@router.get("/allocations")
def list_allocations(
    read: Reading, paging: Paging, fund_id: Annotated[UUID | None, Query()] = None
) -> Page[AllocationOut]:
    """List allocations."""
    with read.begin() as (session, actor):
        rows = queries.allocations(session, actor, fund_id=fund_id, after=paging.after(UUID), limit=paging.fetch)
        return paging.page(rows, show=_allocation, key=lambda row: row.id)


@router.get("/allocations/{allocation_id}")
def read_allocation(allocation_id: UUID, read: Reading) -> AllocationOut:
    """Read an allocation."""
    with read.begin() as (session, actor):
        return _show_allocation(session, actor, allocation_id)
