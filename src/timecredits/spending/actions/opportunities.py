"""Offering what credits can be spent on."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit
from timecredits.access import Actor, Permission
from timecredits.database import apply_changes, new_id
from timecredits.errors import Refused
from timecredits.programmes import queries as programmes
from timecredits.spending import queries
from timecredits.spending.actions.venues import TAKES_CREDITS
from timecredits.spending.models import Opportunity


class VenueOfAnother(Refused):
    """An opportunity is at a venue of the partner that offers it."""

    title = "Another partner's venue"
    words = "This venue does not belong to the partner that offers this."
    explanation = "An opportunity is at a venue of the same partner, or at none in particular."


class OpportunityDatesCrossed(Refused):
    """The last day is not before the first."""

    title = "The dates are the wrong way round"
    words = "The last day cannot be before the first."
    explanation = "`ends_on` is the last day and `starts_on` the first; they may be the same."


def create_opportunity(
    session: Session,
    actor: Actor,
    *,
    partner_id: UUID,
    title: str,
    price_minutes: int,
    child_price_minutes: int | None = None,
    venue_id: UUID | None = None,
    category: str | None = None,
    restrictions: str | None = None,
    description: str | None = None,
    first_visit: str | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
    now: datetime,
) -> Opportunity:
    """Offer something for `price_minutes` an adult. Without a child's price, children pay the same; 0 is free.

    Raises Forbidden, NotFound, VenueOfAnother, OpportunityDatesCrossed.
    """
    actor.require(Permission.MANAGE_OPPORTUNITIES)
    programmes.find_organisation(session, actor, partner_id, kinds=TAKES_CREDITS)
    actor.require(Permission.MANAGE_OPPORTUNITIES, within=partner_id)
    opportunity = Opportunity(
        programme_id=actor.programme_id,
        id=new_id(),
        organisation_id=partner_id,
        venue_id=venue_id,
        title=title,
        description=description,
        category=category,
        price_minutes=price_minutes,
        child_price_minutes=child_price_minutes,
        restrictions=restrictions,
        first_visit=first_visit,
        starts_on=starts_on,
        ends_on=ends_on,
        created_at=now,
    )
    _check(session, actor, opportunity)
    session.add(opportunity)
    audit.record(session, actor, action="create_opportunity", subject_id=opportunity.id, now=now)
    session.flush()
    return opportunity


def change_opportunity(
    session: Session, actor: Actor, *, opportunity_id: UUID, changes: dict[str, object], now: datetime
) -> Opportunity:
    """Change what is offered, from now on. Raises Forbidden, NotFound, VenueOfAnother, OpportunityDatesCrossed."""
    opportunity = _own(session, actor, opportunity_id)
    apply_changes(
        opportunity,
        changes,
        only={
            "title",
            "venue_id",
            "price_minutes",
            "child_price_minutes",
            "category",
            "restrictions",
            "description",
            "first_visit",
            "starts_on",
            "ends_on",
        },
    )
    with session.no_autoflush:
        _check(session, actor, opportunity)
    audit.record(
        session, actor, action="change_opportunity", subject_id=opportunity_id, fields=sorted(changes), now=now
    )
    session.flush()
    return opportunity


def withdraw_opportunity(session: Session, actor: Actor, *, opportunity_id: UUID, now: datetime) -> Opportunity:
    """Stop offering something, for good. Doing it twice is the same. Raises Forbidden, NotFound."""
    opportunity = _own(session, actor, opportunity_id)
    opportunity.withdrawn_at = opportunity.withdrawn_at or now
    audit.record(session, actor, action="withdraw_opportunity", subject_id=opportunity_id, now=now)
    session.flush()
    return opportunity


def _own(session: Session, actor: Actor, opportunity_id: UUID) -> Opportunity:
    """Give an opportunity that the actor may change. Others may know of it, so they are told that they may not."""
    actor.require(Permission.MANAGE_OPPORTUNITIES)
    opportunity = queries.find_opportunity(session, actor, opportunity_id)
    actor.require(Permission.MANAGE_OPPORTUNITIES, within=opportunity.organisation_id)
    return opportunity


def _check(session: Session, actor: Actor, opportunity: Opportunity) -> None:
    if opportunity.starts_on and opportunity.ends_on and opportunity.ends_on < opportunity.starts_on:
        raise OpportunityDatesCrossed
    if opportunity.venue_id is not None:
        venue = queries.find_venue(session, actor, opportunity.venue_id)
        if venue.organisation_id != opportunity.organisation_id:
            raise VenueOfAnother
