"""Gifts and donations, as their giver sees them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from timecredits.access import Actor, Permission
from timecredits.errors import NotFound
from timecredits.people import queries as people
from timecredits.people.models import Person
from timecredits.spending.models import Gift


def gift(session: Session, actor: Actor, gift_id: UUID) -> Gift:
    """Give what somebody gave to somebody, to whoever may see the giver. Raises Forbidden, NotFound."""
    found = _given(session, actor, gift_id)
    if found.to_person_id is None:
        raise NotFound
    return found


def donation(session: Session, actor: Actor, donation_id: UUID) -> Gift:
    """Give what somebody gave to a group or to the community, to whoever may see the giver.

    Raises Forbidden, NotFound.
    """
    found = _given(session, actor, donation_id)
    if found.to_person_id is not None:
        raise NotFound
    return found


def receiver_known(session: Session, actor: Actor, found: Gift) -> UUID | None:
    """Say who got it, to those who may see that person: a card number is no introduction."""
    return session.scalar(
        select(Person.id).where(
            Person.programme_id == actor.programme_id, Person.id == found.to_person_id, people.visible(actor)
        )
    )


def _given(session: Session, actor: Actor, gift_id: UUID) -> Gift:
    actor.require(Permission.GIVE)
    found = session.get(Gift, (actor.programme_id, gift_id))
    if found is None:
        raise NotFound
    people.person(session, actor, found.from_person_id)
    return found
