"""check(): replays a programme's whole ledger in the database and names the first row that disagrees."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from timecredits.database import new_id
from timecredits.ledger.models import Account, JournalEntry, Verification
from timecredits.ledger.rules import RULES
from timecredits.ledger.sealing import seal

Progress = Callable[[str, int, int], None]
# As long as it takes; hashed in memory, neither sorted nor row by row, which is what the planner would choose for a new
# programme of which it has no statistics yet; on all processors that the server lets one question have.
_SETTINGS = text(
    """
    SET LOCAL statement_timeout = 0;
    SET LOCAL work_mem = '64MB';
    SET LOCAL enable_mergejoin = off;
    SET LOCAL enable_nestloop = off;
    SET LOCAL parallel_setup_cost = 0;
    SET LOCAL parallel_tuple_cost = 0
    """
)


def check(
    session: Session, programme_id: UUID, *, now: datetime, progress: Progress = lambda _name, _done, _of: None
) -> Verification:
    """Replay everything in one snapshot and give the result, not yet stored; right while others post.

    Must be the first thing in its transaction, which becomes REPEATABLE READ and READ ONLY. `progress` is told the
    rule that is being tried, how many are done, and of how many.
    """
    session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
    session.execute(_SETTINGS)
    disagreement = None
    for done, rule in enumerate(RULES):
        progress(rule.name, done, len(RULES))
        disagreement = session.scalar(text(rule.first_exception), {"programme_id": programme_id})
        if disagreement is not None:
            break
    progress("done", len(RULES), len(RULES))
    found = Verification(
        programme_id=programme_id,
        id=new_id(),
        consistent=disagreement is None,
        entries=_count(session, JournalEntry, programme_id),
        accounts=_count(session, Account, programme_id),
        checked_at=now,
        first_disagreement=disagreement,
    )
    found.seal = seal(Verification, vars(found))
    return found


def _count(session: Session, table: type[JournalEntry | Account], programme_id: UUID) -> int:
    return session.scalar(select(func.count()).select_from(table).where(table.programme_id == programme_id)) or 0


def last_verification(session: Session, programme_id: UUID) -> Verification | None:
    """Give the last stored result, if any."""
    return session.scalar(
        select(Verification)
        .where(Verification.programme_id == programme_id)
        .order_by(Verification.checked_at.desc(), Verification.id.desc())
        .limit(1)
    )
