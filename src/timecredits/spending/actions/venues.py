"""Adding and changing venues."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit
from timecredits.access import Actor, Permission
from timecredits.database import apply_changes, new_id
from timecredits.programmes import queries as programmes
from timecredits.programmes.models import OrganisationKind
from timecredits.spending import queries
from timecredits.spending.models import Venue

# Whose venues there are: a group is a place to spend at, too, and what is spent there goes to its pot.
TAKES_CREDITS = frozenset({OrganisationKind.PARTNER, OrganisationKind.GROUP})


def create_venue(
    session: Session,
    actor: Actor,
    *,
    partner_id: UUID,
    name: str,
    address: str | None = None,
    postcode: str | None = None,
    district: str | None = None,
    accessibility: str | None = None,
    now: datetime,
) -> Venue:
    """Add a venue of a partner's or a group's. Raises Forbidden, NotFound."""
    actor.require(Permission.MANAGE_ORGANISATIONS)
    programmes.find_organisation(session, actor, partner_id, kinds=TAKES_CREDITS)
    venue = Venue(
        programme_id=actor.programme_id,
        id=new_id(),
        organisation_id=partner_id,
        name=name,
        address=address,
        postcode=postcode,
        district=district,
        accessibility=accessibility,
        created_at=now,
    )
    session.add(venue)
    audit.record(session, actor, action="create_venue", subject_id=venue.id, now=now)
    session.flush()
    return venue


def change_venue(session: Session, actor: Actor, *, venue_id: UUID, changes: dict[str, object], now: datetime) -> Venue:
    """Change what is said about a venue. Raises Forbidden, NotFound."""
    actor.require(Permission.MANAGE_ORGANISATIONS)
    venue = queries.find_venue(session, actor, venue_id)
    apply_changes(venue, changes, only={"name", "address", "postcode", "district", "accessibility"})
    audit.record(session, actor, action="change_venue", subject_id=venue_id, fields=sorted(changes), now=now)
    session.flush()
    return venue
