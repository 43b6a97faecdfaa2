"""Redemptions, as the venue may see them: a first name, never who it was nor where the credits came from."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor, Permission
from timecredits.errors import NotFound
from timecredits.people.models import Identity
from timecredits.spending.models import Redemption

_RECEIPTS = select(
    Redemption, Identity.given_name, ledger.is_reversed(Redemption.programme_id, Redemption.entry_id)
).outerjoin(Identity, (Identity.programme_id == Redemption.programme_id) & (Identity.person_id == Redemption.person_id))
_RECEIPT = _RECEIPTS.where(Redemption.programme_id == bindparam("programme_id"), Redemption.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Receipt:
    """A redemption, the first name for it, and whether it was undone: that is read from the journal."""

    redemption: Redemption
    person_display: str
    undone: bool


def redemption(session: Session, actor: Actor, redemption_id: UUID) -> Redemption:
    """Give a redemption at a partner of the actor's. Raises Forbidden, NotFound."""
    actor.require(Permission.REDEEM)
    found = session.get(Redemption, (actor.programme_id, redemption_id))
    if found is None or not actor.may(Permission.REDEEM, within=found.organisation_id):
        raise NotFound
    return found


def redemption_by_reference(
    session: Session, actor: Actor, *, organisation_id: UUID, external_reference: str
) -> UUID | None:
    """Find the redemption at a partner that has this reference, for an action that has its own check."""
    return session.scalar(
        select(Redemption.id).where(
            Redemption.programme_id == actor.programme_id,
            Redemption.organisation_id == organisation_id,
            Redemption.external_reference == external_reference,
        )
    )


def receipt(session: Session, actor: Actor, redemption_id: UUID) -> Receipt:
    """Give the receipt of a redemption at a partner of the actor's. Raises Forbidden, NotFound."""
    actor.require(Permission.REDEEM)
    row = session.execute(_RECEIPT, {"programme_id": actor.programme_id, "id": redemption_id}).one_or_none()
    if row is None:
        raise NotFound
    found, given_name, undone = row
    if not actor.may(Permission.REDEEM, within=found.organisation_id):
        raise NotFound
    return Receipt(found, given_name or "", undone)


def receipts(
    session: Session,
    actor: Actor,
    *,
    partner_id: UUID | None = None,
    venue_id: UUID | None = None,
    since: datetime | None = None,
    external_reference: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int,
) -> list[Receipt]:
    """Give a page of receipts of the actor's partners, newest first. Raises Forbidden.

    `before` is (redeemed_at, id) of the last one on the page before.
    """
    actor.require(Permission.REDEEM)
    query = _RECEIPTS.where(Redemption.programme_id == actor.programme_id)
    partners = actor.organisations(Permission.REDEEM)
    if partners is not None:
        query = query.where(Redemption.organisation_id.in_(partners))
    if partner_id is not None:
        query = query.where(Redemption.organisation_id == partner_id)
    if venue_id is not None:
        query = query.where(Redemption.venue_id == venue_id)
    if since is not None:
        query = query.where(Redemption.redeemed_at >= since)
    if external_reference is not None:
        query = query.where(Redemption.external_reference == external_reference)
    if before is not None:
        query = query.where(tuple_(Redemption.redeemed_at, Redemption.id) < before)
    newest_first = query.order_by(Redemption.redeemed_at.desc(), Redemption.id.desc())
    rows = session.execute(newest_first.limit(limit))
    return [Receipt(found, given_name or "", undone) for found, given_name, undone in rows]
