"""Organisations and their pots over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.programmes import actions, queries
from timecredits.programmes.models import Organisation, OrganisationKind
from timecredits.web.callers import Reading
from timecredits.web.etags import Edit, tagged
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform
from timecredits.web.schemas import Day, Districts, Model, ShortText, Text

router = APIRouter(prefix="/v1", tags=["organisations"])


class OrganisationIn(Model):
    """An organisation to be added."""

    kind: OrganisationKind
    name: ShortText
    description: Text | None = None
    districts: Districts = Field(default=[])


class OrganisationPatch(Model):
    """What may change of an organisation; what is left out stays."""

    name: ShortText = ""
    description: Text | None = None
    districts: Districts = Field(default=[])


class OrganisationOut(Model):
    """A wellbeing service, a group, a partner or a referrer."""

    id: UUID
    kind: OrganisationKind
    name: str
    description: str | None
    districts: list[str]
    created_at: datetime
    version: int


class PotOut(Model):
    """What is left of one fund in a wellbeing service's pot."""

    fund_id: UUID
    remaining_minutes: int
    starts_on: Day | None
    ends_on: Day | None


class PotsOut(Model):
    """A wellbeing service's pots, the fund that ends soonest first."""

    items: list[PotOut]


def _organisation(row: Organisation) -> OrganisationOut:
    return OrganisationOut(
        id=row.id,
        kind=OrganisationKind(row.kind),
        name=row.name,
        description=row.description,
        districts=row.districts,
        created_at=row.created_at,
        version=row.version,
    )


def _show_organisation(session: Session, actor: Actor, organisation_id: UUID) -> OrganisationOut:
    return _organisation(queries.organisation(session, actor, organisation_id))


@router.post("/organisations", status_code=201)
def create_organisation(body: OrganisationIn, perform: Perform) -> OrganisationOut:
    """Add a wellbeing service, a group, a partner or a referrer."""
    return perform(actions.create_organisation, body, show=_show_organisation)


@router.get("/organisations")
def list_organisations(
    read: Reading, paging: Paging, kind: Annotated[OrganisationKind | None, Query()] = None
) -> Page[OrganisationOut]:
    """List organisations."""
    with read.begin() as (session, actor):
        rows = queries.organisations(session, actor, kind=kind, after=paging.after(UUID), limit=paging.fetch)
        return paging.page(rows, show=_organisation, key=lambda row: row.id)


@router.get("/organisations/{organisation_id}")
def read_organisation(organisation_id: UUID, read: Reading, response: Response) -> OrganisationOut:
    """Read an organisation."""
    with read.begin() as (session, actor):
        return tagged(response, _show_organisation(session, actor, organisation_id))


@router.patch("/organisations/{organisation_id}")
def change_organisation(organisation_id: UUID, body: OrganisationPatch, edit: Edit) -> OrganisationOut:
    """Change an organisation's name, description or districts."""
    return edit(actions.change_organisation, body, show=_show_organisation, organisation_id=organisation_id)


@router.get("/organisations/{organisation_id}/pots")
def list_pots(organisation_id: UUID, read: Reading) -> PotsOut:
    """Say what a wellbeing service has left to prescribe, fund by fund."""
    with read.begin() as (session, actor):
        queries.organisation(session, actor, organisation_id)
        levels = queries.pot_levels(session, actor, organisation_id=organisation_id)
    return PotsOut(
        items=[
            PotOut(
                fund_id=level.fund_id,
                remaining_minutes=level.remaining_minutes,
                starts_on=level.starts_on,
                ends_on=level.ends_on,
            )
            for level in levels
        ]
    )
