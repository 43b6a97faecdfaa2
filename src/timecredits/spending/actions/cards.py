"""Finding whose card it is."""

from uuid import UUID

from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.people import actions as people
from timecredits.people import queries
from timecredits.people.actions.cards import normalise


def holder_of(session: Session, actor: Actor, card_number: str) -> UUID:
    """Give the id of the person whose card in use has this number. Raises UnknownCard."""
    card = queries.card_by_number(session, actor, normalise(card_number))
    if card is None:
        raise people.UnknownCard
    return card.person_id
