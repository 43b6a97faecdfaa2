"""Ending prescriptions: a worker withdraws one, the sweep expires those that are due. What is left goes back."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.errors import Conflict, DomainError, NotFound
from timecredits.ledger import Draw, EntryKind, EntryRequest, TransferKind
from timecredits.prescribing import queries
from timecredits.prescribing.models import Ending, Prescription, WithdrawalReason
from timecredits.programmes.actions import expired_to
from timecredits.programmes.models import PrescribingPot, Programme


class PrescriptionEnded(Conflict):
    """A prescription ends once."""

    title = "The prescription has ended"
    words = "This prescription has ended already."
    explanation = "It was withdrawn, or its last day has passed. What was left of it has gone back, or is about to."


def withdraw(
    session: Session,
    actor: Actor,
    *,
    prescription_id: UUID,
    reason: WithdrawalReason,
    message: str | None = None,
    now: datetime,
) -> Prescription:
    """Take back what is left of a prescription; it may be nothing. `message` is for the person.

    Raises Forbidden, NotFound, PrescriptionEnded. Locks the prescription, then accounts.
    """
    actor.require(Permission.PRESCRIBE)
    today = actor.today(now)
    row = session.execute(
        _locked().where(
            Prescription.programme_id == actor.programme_id, Prescription.id == prescription_id, queries.seen(actor)
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    found, pot_account_id = row
    if found.ended_at is not None or queries.is_past(found, today):
        raise PrescriptionEnded
    found.ended_at = now
    found.ending = Ending.WITHDRAWN
    found.withdrawal_reason = reason
    found.withdrawal_message = message
    audit.record(session, actor, action="withdraw_prescription", subject_id=found.id, now=now)
    target_id = expired_to(session, actor) or pot_account_id
    _return(session, [(found, target_id)], kind=TransferKind.WITHDRAW, actor_id=actor.id, now=now, today=today)
    return found


def expire_due(session: Session, *, programme: Programme, now: datetime, limit: int) -> int:
    """End at most `limit` prescriptions whose last day has passed, longest ago first, and say how many.

    What is left goes back to its pot, or to the programme's expired account if the programme says so. The journal
    names the programme itself as who did it. Prescriptions that somebody is withdrawing are left for the next time.
    Locks prescriptions, then accounts.
    """
    today = now.astimezone(ZoneInfo(programme.time_zone)).date()
    due = session.execute(
        _locked(skip=True)
        .where(
            Prescription.programme_id == programme.id,
            Prescription.ended_at.is_(None),
            Prescription.expires_on < today,
        )
        .order_by(Prescription.expires_on, Prescription.id)
        .limit(limit)
    ).all()
    if not due:
        return 0
    expired_to = None if programme.expired_credits_return else programme.expired_account_id
    ending = [(found, expired_to or pot_account_id) for found, pot_account_id in due]
    session.execute(
        update(Prescription)
        .where(Prescription.programme_id == programme.id, Prescription.id.in_([found.id for found, _ in ending]))
        .values(ended_at=now, ending=Ending.EXPIRED)
    )
    _return(session, ending, kind=TransferKind.EXPIRE, actor_id=programme.id, now=now, today=today)
    return len(ending)


def _locked(*, skip: bool = False) -> Select[Prescription, UUID]:
    """Select prescriptions, locked and read afresh, with the account of the pot that each came from."""
    return (
        select(Prescription, PrescribingPot.account_id)
        .join(
            PrescribingPot,
            (PrescribingPot.programme_id == Prescription.programme_id)
            & (PrescribingPot.organisation_id == Prescription.organisation_id)
            & (PrescribingPot.fund_id == Prescription.fund_id),
        )
        .with_for_update(of=Prescription, key_share=True, skip_locked=skip)
        .execution_options(populate_existing=True)
    )


def _return(
    session: Session,
    ending: Sequence[tuple[Prescription, UUID]],
    *,
    kind: TransferKind,
    actor_id: UUID,
    now: datetime,
    today: date,
) -> None:
    """Close the accounts of each prescription and move all that is left to the account beside it, an entry each.

    Each entry is correlated with the one that prescribed.
    """
    programme_id = ending[0][0].programme_id
    account_ids = {account_id for found, _ in ending for account_id in queries.accounts_of(found)}
    targets = {target_id for _, target_id in ending}
    ledger.close_accounts(session, programme_id, account_ids, lock_also=targets, now=now)
    # Locked by now, so nothing is spent between this reading and the posting.
    left = ledger.balances(session, programme_id, account_ids)
    requests = [
        EntryRequest(
            EntryKind(kind.value),
            actor_id,
            today,
            (Draw(kind, queries.accounts_of(found), target_id, None),),
            correlation_id=found.entry_id,
        )
        for found, target_id in ending
        if any(left[account_id] for account_id in queries.accounts_of(found))
    ]
    if requests:
        for outcome in ledger.post(session, programme_id, requests, now=now, today=today):
            assert not isinstance(outcome, DomainError), outcome
