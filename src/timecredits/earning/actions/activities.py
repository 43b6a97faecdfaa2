"""Adding, changing and closing activities."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit
from timecredits.access import Actor, Permission
from timecredits.database import apply_changes, new_id
from timecredits.earning import queries
from timecredits.earning.models import Activity
from timecredits.errors import Refused
from timecredits.programmes import queries as programmes
from timecredits.programmes.models import OrganisationKind


class GroupNotNamed(Refused):
    """Somebody who does not lead one group only says which one it is for."""

    title = "For which group?"
    words = "Say which group this activity belongs to."
    explanation = "Give `organisation_id`, the id of the group. Only the leader of a single group can leave it out."


def create_activity(
    session: Session,
    actor: Actor,
    *,
    organisation_id: UUID | None = None,
    title: str,
    description: str | None = None,
    now: datetime,
) -> Activity:
    """Add an activity to a group; by default to the one that the actor leads.

    Raises Forbidden, NotFound, GroupNotNamed.
    """
    actor.require(Permission.RECORD_TIME)
    if organisation_id is None:
        own = actor.organisations(Permission.RECORD_TIME)
        if own is None or len(own) > 1:
            raise GroupNotNamed
        (organisation_id,) = own
    programmes.find_organisation(session, actor, organisation_id, kinds={OrganisationKind.GROUP})
    actor.require(Permission.RECORD_TIME, within=organisation_id)
    activity = Activity(
        programme_id=actor.programme_id,
        id=new_id(),
        organisation_id=organisation_id,
        title=title,
        description=description,
        created_at=now,
    )
    session.add(activity)
    audit.record(session, actor, action="create_activity", subject_id=activity.id, now=now)
    session.flush()
    return activity


def change_activity(
    session: Session, actor: Actor, *, activity_id: UUID, changes: dict[str, object], now: datetime
) -> Activity:
    """Change the title or the description, close it (`closed` is true) or open it again. Raises Forbidden, NotFound."""
    actor.require(Permission.RECORD_TIME)
    activity = queries.activity(session, actor, activity_id)
    actor.require(Permission.RECORD_TIME, within=activity.organisation_id)
    apply_changes(
        activity,
        {name: value for name, value in changes.items() if name != "closed"},
        only={"title", "description"},
    )
    if "closed" in changes:
        activity.closed_at = (activity.closed_at or now) if changes["closed"] else None
    audit.record(session, actor, action="change_activity", subject_id=activity_id, fields=sorted(changes), now=now)
    session.flush()
    return activity
