"""Putting entries right, and keeping the results of verifications."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.ledger import JournalEntry, Verification
from timecredits.programmes.models import Programme


class ReversalReason(StrEnum):
    """Why an entry is put right."""

    MISTAKE = "mistake"
    DUPLICATE = "duplicate"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_PERSON = "wrong_person"
    AGREED = "agreed"
    MISUSE = "misuse"
    OTHER = "other"


def reverse_entry(
    session: Session,
    actor: Actor,
    *,
    entry_id: UUID,
    reason: ReversalReason,
    as_far_as_possible: bool = False,
    now: datetime,
) -> JournalEntry:
    """Post the mirror of an entry. `as_far_as_possible` takes what is there; the shortfall is never collected.

    Raises Forbidden, NotFound, NotReversible, AlreadyReversed, ReversalShort.
    """
    actor.require(Permission.REVERSE)
    today = actor.today(now)
    request = ledger.reversal(
        session,
        actor.programme_id,
        entry_id,
        actor_id=actor.id,
        effective_on=today,
        as_far_as_possible=as_far_as_possible,
        expired_to=expired_to(session, actor),
    )
    posted = ledger.post_one(session, actor.programme_id, request, now=now, today=today)
    audit.record(session, actor, action="reverse_entry", subject_id=entry_id, fields=[reason.value], now=now)
    session.flush()
    return ledger.entry(session, actor.programme_id, posted.entry_id)


def expired_to(session: Session, actor: Actor) -> UUID | None:
    """Say where unspent prescribed minutes go: None for the pot they came from, else the programme's account."""
    programme = session.get_one(Programme, actor.programme_id)
    return None if programme.expired_credits_return else programme.expired_account_id


def record_verification(session: Session, actor: Actor, *, result: Verification, now: datetime) -> Verification:
    """Keep the result of a replay. Raises Forbidden."""
    actor.require(Permission.READ_JOURNAL)
    session.add(result)
    audit.record(session, actor, action="verify_ledger", subject_id=result.id, now=now)
    session.flush()
    return result
