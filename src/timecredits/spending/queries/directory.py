"""Venues and opportunities, as everybody who may see the directory sees them."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from timecredits.access import Actor, Permission
from timecredits.errors import NotFound
from timecredits.spending.models import Opportunity, Venue

_OPPORTUNITY = select(Opportunity).where(
    Opportunity.programme_id == bindparam("programme_id"), Opportunity.id == bindparam("id")
)


def venue(session: Session, actor: Actor, venue_id: UUID) -> Venue:
    """Give a venue. Raises Forbidden, NotFound."""
    actor.require(Permission.READ_DIRECTORY)
    return find_venue(session, actor, venue_id)


def find_venue(session: Session, actor: Actor, venue_id: UUID) -> Venue:
    """Give a venue, for an action that has its own check. Raises NotFound."""
    found = session.get(Venue, (actor.programme_id, venue_id))
    if found is None:
        raise NotFound
    return found


def venues(
    session: Session, actor: Actor, *, partner_id: UUID | None = None, after: UUID | None = None, limit: int
) -> list[Venue]:
    """Give a page of venues in the order of their ids. Raises Forbidden."""
    actor.require(Permission.READ_DIRECTORY)
    query = select(Venue).where(Venue.programme_id == actor.programme_id)
    if partner_id is not None:
        query = query.where(Venue.organisation_id == partner_id)
    if after is not None:
        query = query.where(Venue.id > after)
    return list(session.scalars(query.order_by(Venue.id).limit(limit)))


def opportunity(session: Session, actor: Actor, opportunity_id: UUID) -> Opportunity:
    """Give an opportunity, withdrawn or not. Raises Forbidden, NotFound."""
    actor.require(Permission.READ_DIRECTORY)
    return find_opportunity(session, actor, opportunity_id)


def find_opportunity(session: Session, actor: Actor, opportunity_id: UUID) -> Opportunity:
    """Give an opportunity, for an action that has its own check. Raises NotFound."""
    found = session.scalar(_OPPORTUNITY, {"programme_id": actor.programme_id, "id": opportunity_id})
    if found is None:
        raise NotFound
    return found


def opportunities_by_id(session: Session, actor: Actor, opportunity_ids: Collection[UUID]) -> dict[UUID, Opportunity]:
    """Give many opportunities, for an action that has its own check. Raises NotFound unless all are there."""
    rows = session.scalars(
        select(Opportunity).where(Opportunity.programme_id == actor.programme_id, Opportunity.id.in_(opportunity_ids))
    )
    found = {row.id: row for row in rows}
    if found.keys() != set(opportunity_ids):
        raise NotFound
    return found


def opportunities(
    session: Session,
    actor: Actor,
    *,
    partner_id: UUID | None = None,
    venue_id: UUID | None = None,
    category: str | None = None,
    q: str | None = None,
    current_on: date | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Opportunity]:
    """Give a page of opportunities in the order of their ids. Raises Forbidden.

    `q` is a part of the title, in capitals or not. `current_on` leaves out what cannot be had on that day.
    """
    actor.require(Permission.READ_DIRECTORY)
    query = select(Opportunity).where(Opportunity.programme_id == actor.programme_id)
    if partner_id is not None:
        query = query.where(Opportunity.organisation_id == partner_id)
    if venue_id is not None:
        query = query.where(Opportunity.venue_id == venue_id)
    if category is not None:
        query = query.where(Opportunity.category == category)
    if q is not None:
        query = query.where(Opportunity.title.icontains(q, autoescape=True))
    if current_on is not None:
        query = query.where(
            Opportunity.withdrawn_at.is_(None),
            Opportunity.starts_on.is_(None) | (Opportunity.starts_on <= current_on),
            Opportunity.ends_on.is_(None) | (Opportunity.ends_on >= current_on),
        )
    if after is not None:
        query = query.where(Opportunity.id > after)
    return list(session.scalars(query.order_by(Opportunity.id).limit(limit)))
