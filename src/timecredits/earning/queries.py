"""Reading activities, and the time given to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor, Permission
from timecredits.earning.models import Activity, Contribution
from timecredits.errors import NotFound
from timecredits.people import queries as people


@dataclass(frozen=True, slots=True)
class Recorded:
    """A contribution, and whether it was put right since: that is read from the journal."""

    contribution: Contribution
    reversed: bool


def activity(session: Session, actor: Actor, activity_id: UUID) -> Activity:
    """Give an activity. Raises Forbidden, NotFound."""
    actor.require(Permission.READ_DIRECTORY)
    found = session.get(Activity, (actor.programme_id, activity_id))
    if found is None:
        raise NotFound
    return found


def activities(
    session: Session, actor: Actor, *, organisation_id: UUID | None = None, after: UUID | None = None, limit: int
) -> list[Activity]:
    """Give a page of activities in the order of their ids. Raises Forbidden."""
    actor.require(Permission.READ_DIRECTORY)
    query = select(Activity).where(Activity.programme_id == actor.programme_id)
    if organisation_id is not None:
        query = query.where(Activity.organisation_id == organisation_id)
    if after is not None:
        query = query.where(Activity.id > after)
    return list(session.scalars(query.order_by(Activity.id).limit(limit)))


def contribution(session: Session, actor: Actor, contribution_id: UUID) -> Recorded:
    """Give a contribution that the actor may see. Raises Forbidden, NotFound."""
    found = session.scalar(
        select(Contribution).where(
            Contribution.programme_id == actor.programme_id, Contribution.id == contribution_id, _seen(actor)
        )
    )
    if found is None:
        raise NotFound
    (recorded,) = _followed(session, actor, [found])
    return recorded


def contributions(
    session: Session,
    actor: Actor,
    *,
    activity_id: UUID | None = None,
    person_id: UUID | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Recorded]:
    """Give a page of the contributions that the actor may see, in the order of their ids.

    Raises Forbidden, and NotFound for an activity or a person that the actor may not see.
    """
    query = select(Contribution).where(Contribution.programme_id == actor.programme_id, _seen(actor))
    if activity_id is not None:
        query = query.where(Contribution.activity_id == activity(session, actor, activity_id).id)
    if person_id is not None:
        query = query.where(Contribution.person_id == people.person(session, actor, person_id).id)
    if after is not None:
        query = query.where(Contribution.id > after)
    return _followed(session, actor, session.scalars(query.order_by(Contribution.id).limit(limit)).all())


def _seen(actor: Actor) -> ColumnElement[bool]:
    """Say in SQL which contributions the actor may see: their own, or those to activities of their groups.

    Workers see all, because they work with the person; leaders do not see what somebody gives to another group,
    because a group's name can say something about health. Raises Forbidden.
    """
    if actor.person_id is not None:
        return Contribution.person_id == actor.person_id
    if actor.may(Permission.READ_CARE):
        return true()
    actor.require(Permission.RECORD_TIME)
    groups = actor.organisations(Permission.RECORD_TIME)
    if groups is None:
        return true()
    return Contribution.activity_id.in_(
        select(Activity.id).where(Activity.programme_id == actor.programme_id, Activity.organisation_id.in_(groups))
    )


def _followed(session: Session, actor: Actor, rows: Sequence[Contribution]) -> list[Recorded]:
    undone = ledger.reversed_by(session, actor.programme_id, [row.entry_id for row in rows])
    return [Recorded(row, row.entry_id in undone) for row in rows]
