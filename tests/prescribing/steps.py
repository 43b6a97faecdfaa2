"""What the tests of prescriptions do again and again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID

from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.factories import make_fund
from timecredits import ledger
from timecredits.access import Actor
from timecredits.database import new_id
from timecredits.errors import DomainError
from timecredits.ledger import Draw, EntryKind, EntryRequest, Posted, TransferKind
from timecredits.prescribing import queries
from timecredits.prescribing.models import Prescription
from timecredits.prescribing.queries import Status
from timecredits.programmes import actions as programmes
from timecredits.programmes.models import Organisation, PrescribingPot

TODAY = NOW.date()
TOMORROW = TODAY + timedelta(days=1)
YESTERDAY = TODAY - timedelta(days=1)


def add_pot(session: Session, coordinator: Actor, service: Organisation, *, minutes: int, **fund) -> PrescribingPot:
    """Give a service a pot from one more fund."""
    made = make_fund(session, coordinator, **fund)
    to = {"kind": "wellbeing_service", "id": service.id}
    programmes.allocate(session, coordinator, fund_id=made.id, to=to, minutes=minutes, now=NOW)
    return session.get_one(PrescribingPot, (coordinator.programme_id, service.id, made.id))


def left_in(session: Session, *account_ids: UUID) -> list[int]:
    """Give the minutes in these accounts."""
    found = ledger.balances(session, session.info["programme_id"], account_ids)
    return [found[account_id] for account_id in account_ids]


def spend(
    session: Session, found: Prescription, at: Organisation, minutes: int, *, now: datetime = NOW
) -> Posted | DomainError:
    """Spend from a prescription as a till does, and give what the ledger says to it."""
    assert at.account_id is not None
    draw = Draw(TransferKind.SPEND, (found.prescribed_account_id,), at.account_id, minutes)
    request = EntryRequest(EntryKind.SPEND, new_id(), now.date(), (draw,))
    (outcome,) = ledger.post(session, found.programme_id, [request], now=now, today=now.date())
    return outcome


def undo(session: Session, spent: Posted, *, now: datetime = NOW, expired_to: UUID | None = None) -> None:
    """Reverse what was spent."""
    programme_id = session.info["programme_id"]
    request = ledger.reversal(
        session, programme_id, spent.entry_id, actor_id=new_id(), effective_on=now.date(), expired_to=expired_to
    )
    ledger.post_one(session, programme_id, request, now=now, today=now.date())


def figures(
    session: Session, actor: Actor, found: Prescription, *, now: datetime = NOW
) -> tuple[Status, int, int, int]:
    """Give the status, what was spent, what remains, and what remains for a companion."""
    seen = queries.prescription(session, actor, found.id, now=now)
    return seen.status, seen.spent_minutes, seen.remaining_minutes, seen.companion_remaining_minutes


def at_once(works: Sequence[Callable[[], object]]) -> list[object]:
    """Run all at the same time, each in a thread of its own, and give what each gave or raised."""
    outcomes: list[object] = [None] * len(works)
    ready = Barrier(len(works))

    def run(place: int, work: Callable[[], object]) -> None:
        ready.wait()
        try:
            outcomes[place] = work()
        except DomainError as refusal:
            outcomes[place] = refusal

    threads = [Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
