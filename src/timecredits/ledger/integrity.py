"""check(): replays a programme's whole ledger in the database and names the first row that disagrees."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from timecredits.database import new_id
from timecredits.ledger.chart import HOLDS, LEGAL, REVERSIBLE
from timecredits.ledger.models import Account, JournalEntry, Verification
from timecredits.ledger.sealing import seal, seal_in_sql

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is always true, and the query that finds the first row where it is not, as a sentence."""

    name: str
    query: str


def _legal_rows() -> Iterator[str]:
    for kind, pairs in LEGAL.items():
        for (source, target), tie in pairs.items():
            yield f"('{kind.value}', '{source.value}', '{target.value}', '{tie.name}')"
            if kind in REVERSIBLE:
                yield f"('reverse', '{target.value}', '{source.value}', 'ANY')"


def _kinds_in_entries() -> Iterator[str]:
    for entry, transfers in HOLDS.items():
        for transfer in sorted(transfers):
            yield f"('{entry.value}', '{transfer.value}')"


RULES = (
    Rule(
        "every entry has transfers, numbered from 1",
        """
        SELECT format('entry %s has %s transfers, the last of them number %s', entry.id, count(leg), max(leg))
        FROM journal_entry AS entry
        LEFT JOIN transfer ON transfer.programme_id = entry.programme_id AND transfer.entry_id = entry.id
        WHERE entry.programme_id = :programme_id
        GROUP BY entry.programme_id, entry.id
        HAVING count(leg) = 0 OR count(leg) <> max(leg) OR min(leg) <> 1
        ORDER BY entry.recorded_at, entry.id LIMIT 1
        """,
    ),
    Rule(
        "every transfer has its entry, its accounts, and the entry's time",
        """
        SELECT format('transfer %s/%s is not in step with its entry or its accounts', entry_id, leg)
        FROM transfer
        LEFT JOIN journal_entry AS entry ON entry.programme_id = :programme_id AND entry.id = entry_id
        LEFT JOIN account AS source ON source.programme_id = :programme_id AND source.id = source_id
        LEFT JOIN account AS target ON target.programme_id = :programme_id AND target.id = target_id
        WHERE transfer.programme_id = :programme_id
          AND (entry.recorded_at IS DISTINCT FROM transfer.recorded_at OR source.id IS NULL OR target.id IS NULL)
        ORDER BY transfer.recorded_at, entry_id, leg LIMIT 1
        """,
    ),
    Rule(
        "every transfer is one that the chart of accounts allows",
        f"""
        SELECT format('transfer %s/%s: %s cannot go from %s to %s', entry_id, leg, transfer.kind, source_id, target_id)
        FROM transfer
        JOIN account AS source ON source.programme_id = :programme_id AND source.id = source_id
        JOIN account AS target ON target.programme_id = :programme_id AND target.id = target_id
        LEFT JOIN (VALUES {", ".join(dict.fromkeys(_legal_rows()))}) AS chart (kind, source, target, tie)
          ON (chart.kind, chart.source, chart.target) = (transfer.kind, source.kind, target.kind)
        WHERE transfer.programme_id = :programme_id AND CASE chart.tie
            WHEN 'ANY' THEN true
            WHEN 'FEEDS' THEN target.origin_id = source_id
            WHEN 'RETURNS' THEN source.origin_id = target_id
            WHEN 'SAME_OWNER' THEN source.owner_id = target.owner_id END IS NOT TRUE
        ORDER BY transfer.recorded_at, entry_id, leg LIMIT 1
        """,
    ),
    Rule(
        "every entry holds only the kinds of transfer that belong in it",
        f"""
        SELECT format('entry %s is a %s and holds a %s', entry.id, entry.kind, transfer.kind)
        FROM journal_entry AS entry JOIN transfer ON transfer.programme_id = :programme_id AND entry_id = entry.id
        WHERE entry.programme_id = :programme_id
          AND (entry.kind, transfer.kind) NOT IN (VALUES {", ".join(_kinds_in_entries())})
        ORDER BY entry.recorded_at, entry.id, leg LIMIT 1
        """,
    ),
    Rule(
        "every running balance follows from the one before it",
        """
        WITH change AS (
            SELECT source_id AS account_id, source_seq AS seq, -minutes AS minutes, source_after AS after,
                   entry_id, leg, recorded_at FROM transfer WHERE programme_id = :programme_id
            UNION ALL
            SELECT target_id, target_seq, minutes, target_after, entry_id, leg, recorded_at
            FROM transfer WHERE programme_id = :programme_id
        ), walked AS (
            SELECT change.*, account.kind, row_number() OVER walk AS due_seq, sum(minutes) OVER walk AS due_after,
                   lag(recorded_at) OVER walk AS before, lag(entry_id) OVER walk AS entry_before
            FROM change LEFT JOIN account ON account.programme_id = :programme_id AND account.id = account_id
            WINDOW walk AS (PARTITION BY account_id ORDER BY seq, recorded_at, entry_id, leg)
        )
        SELECT format('transfer %s/%s: account %s has %s at step %s, and the replay has %s at step %s',
                      entry_id, leg, account_id, after, seq, due_after, due_seq)
        FROM walked
        WHERE seq <> due_seq OR after <> due_after OR (before >= recorded_at AND entry_before <> entry_id)
           OR CASE kind WHEN 'fund' THEN after > 0 ELSE after < 0 END
        ORDER BY recorded_at, entry_id, leg LIMIT 1
        """,
    ),
    Rule(
        "every account is where its last transfer left it",
        """
        WITH change AS (
            SELECT source_id AS account_id, -minutes AS minutes, recorded_at
            FROM transfer WHERE programme_id = :programme_id
            UNION ALL
            SELECT target_id, minutes, recorded_at FROM transfer WHERE programme_id = :programme_id
        ), total AS (
            SELECT account_id, sum(minutes) AS balance, count(*) AS version, max(recorded_at) AS posted_at
            FROM change GROUP BY account_id
        )
        SELECT format('account %s has %s minutes at step %s, and its transfers make %s at step %s', account.id,
                      account.balance, account.version, coalesce(total.balance, 0), coalesce(total.version, 0))
        FROM account LEFT JOIN total ON account_id = account.id
        WHERE account.programme_id = :programme_id
          AND (account.balance <> coalesce(total.balance, 0) OR account.version <> coalesce(total.version, 0)
               OR account.posted_at IS DISTINCT FROM total.posted_at OR account.balance < account.floor)
        ORDER BY account.id LIMIT 1
        """,
    ),
    Rule(
        "every reversal mirrors its original, and no more of it",
        """
        WITH original AS (
            SELECT entry_id, source_id, target_id, sum(minutes) AS minutes
            FROM transfer WHERE programme_id = :programme_id GROUP BY entry_id, source_id, target_id
        ), mirror AS (
            SELECT entry.id, entry.reverses, entry.recorded_at, source_id, target_id, sum(minutes) AS minutes
            FROM journal_entry AS entry
            JOIN transfer ON transfer.programme_id = :programme_id AND entry_id = entry.id
            WHERE entry.programme_id = :programme_id AND entry.reverses IS NOT NULL AND transfer.kind = 'reverse'
            GROUP BY entry.id, entry.reverses, entry.recorded_at, source_id, target_id
        )
        SELECT format('entry %s takes %s minutes from %s to %s, and entry %s put %s there', mirror.id, mirror.minutes,
                      mirror.source_id, mirror.target_id, reverses, coalesce(original.minutes, 0))
        FROM mirror LEFT JOIN original ON original.entry_id = reverses
          AND original.source_id = mirror.target_id AND original.target_id = mirror.source_id
        WHERE mirror.minutes > coalesce(original.minutes, 0)
        ORDER BY mirror.recorded_at, mirror.id LIMIT 1
        """,
    ),
    *(
        Rule(
            f"every {name} is as it was written",
            f"""
            SELECT format('{name} %s is not as it was written', id) FROM {kind.__tablename__}
            WHERE programme_id = :programme_id AND seal <> {seal_in_sql(kind)}
            ORDER BY id LIMIT 1
            """,
        )
        for name, kind in (("account", Account), ("entry", JournalEntry), ("verification", Verification))
    ),
    Rule(
        "all balances together are 0",
        """
        SELECT format('all balances together are %s', sum(balance)) FROM account
        WHERE programme_id = :programme_id HAVING sum(balance) <> 0
        """,
    ),
)


def check(
    session: Session, programme_id: UUID, *, now: datetime, progress: Progress = lambda _name, _done, _of: None
) -> Verification:
    """Replay everything in one snapshot and give the result, not yet stored; right while others post.

    Must be the first thing in its transaction, which becomes REPEATABLE READ and READ ONLY. `progress` is told the
    rule that is being tried, how many are done, and of how many.
    """
    session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
    session.execute(text("SET LOCAL statement_timeout = 0"))
    disagreement = None
    for done, rule in enumerate(RULES):
        progress(rule.name, done, len(RULES))
        disagreement = session.scalar(text(rule.query), {"programme_id": programme_id})
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
