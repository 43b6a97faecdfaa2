"""Saying what a party pays before anything is taken."""

from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor
from timecredits.people import actions as people
from timecredits.spending import queries
from timecredits.spending.actions.cards import holder_of
from timecredits.spending.actions.tills import Purse
from timecredits.spending.queries import Asked, Offer


@dataclass(frozen=True, slots=True)
class Quote:
    """The price, and whether there was enough for it: nobody learns that without the PIN."""

    offer: Offer
    enough: bool | None


def quote(
    session: Session,
    actor: Actor,
    *,
    card_number: str,
    pin: str | None = None,
    pin_key: bytes,
    now: datetime,
    **asked: Unpack[Asked],
) -> Quote:
    """Price a party, and with a PIN say whether there is enough.

    Raises what `queries.offer` raises, UnknownCard, CardLocked, WrongPin.
    """
    offer = queries.offer(session, actor, now=now, **asked)
    if pin is None:
        holder_of(session, actor, card_number)
        return Quote(offer, None)
    person_id = people.prove(session, actor, card_number=card_number, pin=pin, pin_key=pin_key, now=now).person_id
    pots = ledger.pots_of(session, actor.programme_id, [person_id])[person_id]
    return Quote(offer, Purse.of(pots, today=actor.today(now)).covers(offer))
