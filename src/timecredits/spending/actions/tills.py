"""Taking credits for visits, one or many: which accounts pay, in which order, and the row that says so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor
from timecredits.bulk import add_many
from timecredits.database import new_id
from timecredits.errors import Conflict, DomainError
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, Posted, Pot, TransferKind
from timecredits.spending.models import Redemption
from timecredits.spending.queries import Offer

# The accounts of an organisation that credits are spent to.
_TAKES = frozenset({AccountKind.PARTNER, AccountKind.GROUP_POT})
# Whatever the cause, a venue learns one thing: not enough. The others would say that there had been a prescription.
_NOT_ENOUGH = (ledger.InsufficientCredits, ledger.CreditsExpired, ledger.AccountClosed, ledger.NothingToMove)


class ExternalReferenceUsed(Conflict):
    """A partner's reference stands for one redemption, undone or not."""

    title = "This reference has been used"
    words = "Credits have been taken for this reference before."
    explanation = (
        "The till's own reference belongs to an earlier redemption at the same partner. Look that up by its "
        "`external_reference`; for another visit use another reference."
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """A party that comes with somebody's card to an opportunity."""

    person_id: UUID
    opportunity_id: UUID
    adults: int = 1
    children: int = 0


@dataclass(frozen=True, slots=True)
class Bill:
    """What is to be taken from whom."""

    person_id: UUID
    offer: Offer
    external_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Purse:
    """A person's accounts in the order in which they pay: for the person, and for whoever comes along."""

    own: tuple[Pot, ...]
    others: tuple[Pot, ...]

    @classmethod
    def of(cls, pots: Collection[Pot], *, today: date) -> Self:
        """Sort what can be used today; `pots` come soonest-expiring first."""
        usable = [pot for pot in pots if pot.expires_on is None or today <= pot.expires_on]
        companion, prescribed, earned = (
            tuple(pot for pot in usable if pot.kind is kind)
            for kind in (AccountKind.COMPANION, AccountKind.PRESCRIBED, AccountKind.EARNED)
        )
        return cls(prescribed + earned, companion + prescribed + earned)

    def covers(self, offer: Offer) -> bool:
        """Tell whether it was enough when it was read. Only posting knows for sure."""
        own = sum(pot.minutes for pot in self.own)
        return own >= offer.own_minutes and sum(pot.minutes for pot in self.others) >= offer.minutes

    def draws(self, offer: Offer, target_id: UUID) -> tuple[Draw, ...]:
        """Ask for the price as two draws: companion minutes take others along, and never pay the person's own part.

        No amount was decided here: how much each account gives is judged under the lock.
        """
        own = Draw(TransferKind.SPEND, tuple(pot.account_id for pot in self.own), target_id, offer.own_minutes)
        if offer.minutes == offer.own_minutes:
            return (own,)
        others = tuple(pot.account_id for pot in self.others)
        return (own, Draw(TransferKind.SPEND, others, target_id, offer.minutes - offer.own_minutes))


def take(session: Session, actor: Actor, bills: Sequence[Bill], *, now: datetime) -> list[Redemption | DomainError]:
    """Take the credits for each bill that can be paid, and give one outcome a bill, in order.

    A refusal is given as a value. Raises ExternalReferenceUsed, for the whole.
    """
    today = actor.today(now)
    owner_ids = {bill.person_id for bill in bills} | {bill.offer.organisation_id for bill in bills}
    pots = ledger.pots_of(session, actor.programme_id, owner_ids)
    requests = [
        EntryRequest(
            EntryKind.SPEND,
            actor.id,
            today,
            Purse.of(pots[bill.person_id], today=today).draws(bill.offer, _target(pots[bill.offer.organisation_id])),
        )
        for bill in bills
    ]
    outcomes = ledger.post(session, actor.programme_id, requests, now=now, today=today)
    paid = [(bill, posted) for bill, posted in zip(bills, outcomes, strict=True) if isinstance(posted, Posted)]
    made = _write(session, actor, paid, now=now)
    return [
        made[outcome.entry_id] if isinstance(outcome, Posted) else _said_to_a_venue(outcome, bill.offer)
        for bill, outcome in zip(bills, outcomes, strict=True)
    ]


def _target(pots: Collection[Pot]) -> UUID:
    """Say where credits go: to a partner's account, or to a group's pot."""
    (account_id,) = (pot.account_id for pot in pots if pot.kind in _TAKES)
    return account_id


def _write(
    session: Session, actor: Actor, paid: Sequence[tuple[Bill, Posted]], *, now: datetime
) -> Mapping[UUID, Redemption]:
    """Write the redemptions in one statement, and give them by their entry.

    All that goes to one partner waits for that partner's account, so of two equal references the second sees the
    first, and the conflict is a refusal rather than an error of the database.
    """
    made = [
        Redemption(
            programme_id=actor.programme_id,
            id=new_id(),
            organisation_id=bill.offer.organisation_id,
            venue_id=bill.offer.venue_id,
            opportunity_id=bill.offer.opportunity_id,
            person_id=bill.person_id,
            adults=bill.offer.adults,
            children=bill.offer.children,
            minutes=bill.offer.minutes,
            entry_id=posted.entry_id,
            external_reference=bill.external_reference,
            redeemed_by=actor.id,
            redeemed_at=posted.recorded_at,
        )
        for bill, posted in paid
    ]
    if not add_many(session, made):
        raise ExternalReferenceUsed
    audit.record_each(session, actor, action="redeem", subject_ids=[row.id for row in made], now=now)
    return {row.entry_id: row for row in made}


def _said_to_a_venue(refusal: DomainError, offer: Offer) -> DomainError:
    if isinstance(refusal, _NOT_ENOUGH):
        return ledger.InsufficientCredits(needed_minutes=offer.minutes)
    return refusal
