"""Redeeming credits at the till, and undoing it on the same day."""

from collections.abc import Sequence
from datetime import datetime
from typing import Unpack
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.errors import DomainError, NotFound, Refused
from timecredits.people import actions as people
from timecredits.programmes.actions import expired_to
from timecredits.spending import queries
from timecredits.spending.actions.tills import Bill, ExternalReferenceUsed, Visit, take
from timecredits.spending.models import Redemption
from timecredits.spending.queries import Asked, Offer


class UndoTooLate(Refused):
    """A venue undoes a redemption on the day on which it was made."""

    title = "Too late to undo"
    words = "A redemption can be undone at the venue only on the same day. Ask a coordinator to put it right."
    explanation = "After the day of the redemption a coordinator puts it right, by reversing its journal entry."


def redeem(
    session: Session,
    actor: Actor,
    *,
    card_number: str,
    pin: str,
    pin_key: bytes,
    external_reference: str | None = None,
    now: datetime,
    **asked: Unpack[Asked],
) -> Redemption:
    """Take a party's credits for an opportunity, or so many minutes at a venue.

    The person's own part comes from prescribed credits, soonest-expiring first, then from earned ones; that of the
    others from companion minutes first. Locks the card, then accounts. Raises what `queries.offer` raises,
    ExternalReferenceUsed, UnknownCard, CardLocked, WrongPin, and InsufficientCredits with `needed_minutes` only.
    """
    offer = _offer(session, actor, external_reference=external_reference, now=now, **asked)
    card = people.prove(session, actor, card_number=card_number, pin=pin, pin_key=pin_key, now=now)
    (outcome,) = take(session, actor, [Bill(card.person_id, offer, external_reference)], now=now)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def redeem_many(
    session: Session, actor: Actor, *, items: Sequence[Visit], now: datetime
) -> list[Redemption | DomainError]:
    """Take the credits for many visits in one posting, and give one outcome a visit, in order.

    Below the API and without PINs: the demonstration has nobody at the till to type one. The rules are those of
    `redeem`. Raises Forbidden, NotFound, and what `queries.priced` raises, for the whole.
    """
    actor.require(Permission.REDEEM)
    found = queries.opportunities_by_id(session, actor, {visit.opportunity_id for visit in items})
    if not all(actor.may(Permission.REDEEM, within=row.organisation_id) for row in found.values()):
        raise NotFound
    today = actor.today(now)
    bills = [
        Bill(
            visit.person_id,
            queries.priced(found[visit.opportunity_id], adults=visit.adults, children=visit.children, today=today),
        )
        for visit in items
    ]
    return take(session, actor, bills, now=now)


def undo(session: Session, actor: Actor, *, redemption_id: UUID, now: datetime) -> Redemption:
    """Give the credits of a redemption back, on its day and once. What came from an ended prescription moves on.

    Raises Forbidden, NotFound, UndoTooLate, AlreadyReversed, ReversalShort.
    """
    redemption = queries.redemption(session, actor, redemption_id)
    today = actor.today(now)
    # Not the day of `redeemed_at`: that may be later, after a clock that ran ahead.
    if ledger.entry(session, actor.programme_id, redemption.entry_id).effective_on != today:
        raise UndoTooLate
    request = ledger.reversal(
        session,
        actor.programme_id,
        redemption.entry_id,
        actor_id=actor.id,
        effective_on=today,
        expired_to=expired_to(session, actor),
    )
    audit.record(session, actor, action="undo_redemption", subject_id=redemption_id, now=now)
    ledger.post_one(session, actor.programme_id, request, now=now, today=today)
    return redemption


def _offer(
    session: Session, actor: Actor, *, external_reference: str | None, now: datetime, **asked: Unpack[Asked]
) -> Offer:
    """Price the party, and refuse a reference that has been used."""
    offer = queries.offer(session, actor, now=now, **asked)
    if external_reference is not None:
        used = queries.redemption_by_reference(
            session, actor, organisation_id=offer.organisation_id, external_reference=external_reference
        )
        if used is not None:
            raise ExternalReferenceUsed(redemption_id=str(used))
    return offer
