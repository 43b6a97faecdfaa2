"""What a party pays at a venue, and who may take it there."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor, Permission
from timecredits.errors import NotFound, Refused
from timecredits.spending.models import Opportunity, Venue
from timecredits.spending.queries.directory import find_opportunity, find_venue

MOST_PEOPLE = 50


class OpportunityWithdrawn(Refused):
    """The venue no longer offers this."""

    title = "No longer offered"
    words = "This is no longer offered for credits."
    explanation = "The opportunity was withdrawn. The list of opportunities shows what is offered now."


class OpportunityNotOn(Refused):
    """An opportunity is on from its first to its last day."""

    title = "Not on today"
    words = "This is not on today."
    explanation = "The opportunity has a first or a last day, and today is not between them."


class PartyOutOfRange(Refused):
    """A party is one person or several, within reason."""

    title = "Not a possible party"
    words = f"A party is 1 to {MOST_PEOPLE} people."
    explanation = f"Adults and children together are at least 1 and at most {MOST_PEOPLE}. Split a larger party."


class NothingToPay(Refused):
    """What is free for the whole party needs no credits."""

    title = "Nothing to pay"
    words = "This costs nothing for this party, so no credits are taken."
    explanation = "Children may be free, and this party has nobody else in it. Let them in; there is nothing to redeem."


class Asked(TypedDict, total=False):
    """What a party asks for: an opportunity, or so many minutes for all of them at a venue. One adult unless said."""

    opportunity_id: UUID | None
    venue_id: UUID | None
    minutes: int | None
    adults: int
    children: int


@dataclass(frozen=True, slots=True)
class Offer:
    """The price for one party, in minutes. `own_minutes` is the part of the person whose card it is."""

    organisation_id: UUID
    venue_id: UUID | None
    opportunity_id: UUID | None
    title: str
    restrictions: str | None
    adults: int
    children: int
    own_minutes: int
    minutes: int


def offer(session: Session, actor: Actor, *, now: datetime, **asked: Unpack[Asked]) -> Offer:
    """Say what a party pays.

    Raises Forbidden, NotFound (also for what another partner offers), OpportunityWithdrawn, OpportunityNotOn,
    PartyOutOfRange, NothingToPay, MinutesOutOfRange.
    """
    actor.require(Permission.REDEEM)
    adults, children = asked.get("adults", 1), asked.get("children", 0)
    opportunity_id, venue_id, minutes = asked.get("opportunity_id"), asked.get("venue_id"), asked.get("minutes")
    if opportunity_id is not None:
        assert venue_id is None
        assert minutes is None
        opportunity = find_opportunity(session, actor, opportunity_id)
        _require_within(actor, opportunity)
        return priced(opportunity, adults=adults, children=children, today=actor.today(now))
    assert venue_id is not None
    assert minutes is not None
    venue = find_venue(session, actor, venue_id)
    _require_within(actor, venue)
    _check_party(adults, children)
    # Nobody said who of them pays what: equal parts, and the odd minutes are the person's own.
    own_minutes = -(-minutes // (adults + children))
    return Offer(venue.organisation_id, venue.id, None, venue.name, None, adults, children, own_minutes, minutes)


def priced(opportunity: Opportunity, *, adults: int, children: int, today: date) -> Offer:
    """Say what a party pays for an opportunity today. Raises what `offer` raises."""
    if opportunity.withdrawn_at is not None:
        raise OpportunityWithdrawn
    if not (opportunity.starts_on or today) <= today <= (opportunity.ends_on or today):
        raise OpportunityNotOn
    _check_party(adults, children)
    adult = opportunity.price_minutes
    child = adult if opportunity.child_price_minutes is None else opportunity.child_price_minutes
    minutes = adults * adult + children * child
    if minutes == 0:
        raise NothingToPay
    if minutes > ledger.MOST_MINUTES:
        raise ledger.MinutesOutOfRange
    return Offer(
        opportunity.organisation_id,
        opportunity.venue_id,
        opportunity.id,
        opportunity.title,
        opportunity.restrictions,
        adults,
        children,
        own_minutes=adult if adults else child,
        minutes=minutes,
    )


def _require_within(actor: Actor, place: Opportunity | Venue) -> None:
    """Let venue staff take credits only for their own partner; of another's offers their till knows nothing."""
    if not actor.may(Permission.REDEEM, within=place.organisation_id):
        raise NotFound


def _check_party(adults: int, children: int) -> None:
    if min(adults, children) < 0 or not 1 <= adults + children <= MOST_PEOPLE:
        raise PartyOutOfRange
