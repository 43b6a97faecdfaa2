"""What is always true of the ledger, as queries that find where it is not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from timecredits.ledger.chart import HOLDS, LEGAL, REVERSIBLE, AccountKind, Tie, TransferKind
from timecredits.ledger.models import Account, JournalEntry, Verification
from timecredits.ledger.sealing import seal_in_sql

# More than all minutes of a programme in thousands of years.
_MOST = 10**18


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is always true, and the query for where it is not: a sentence each, and what comes first."""

    name: str
    exceptions: str

    @property
    def first_exception(self) -> str:
        """Ask for the first sentence. Behind a fence: without it the planner, who expects many, looks at row by row."""
        return f"SELECT said FROM ({self.exceptions} OFFSET 0) AS found ORDER BY place LIMIT 1"


def _legal_rows() -> Iterator[str]:
    """List what may be: the kind of an entry, that of its transfer, those of the two accounts, and their tie."""
    for entry, transfers in HOLDS.items():
        for kind in sorted(transfers):
            for pair, tie in _pairs(kind):
                yield f"('{entry.value}', '{kind.value}', '{pair[0].value}', '{pair[1].value}', '{tie.name}')"


def _pairs(kind: TransferKind) -> Iterable[tuple[tuple[AccountKind, AccountKind], Tie]]:
    if kind is not TransferKind.REVERSE:
        return LEGAL[kind].items()
    mirrored = {(target, source) for reversible in REVERSIBLE for source, target in LEGAL[reversible]}
    return ((pair, Tie.ANY) for pair in sorted(mirrored))


RULES = (
    Rule(
        "every entry has transfers, numbered from 1",
        """
        SELECT id AS place, format('entry %s has no transfer number %s', id, number) AS said FROM (
            SELECT id, 1 AS number FROM journal_entry WHERE programme_id = :programme_id AND NOT EXISTS (
                SELECT FROM transfer WHERE transfer.programme_id = :programme_id AND entry_id = id AND leg = 1)
            UNION ALL
            SELECT entry_id, leg::numeric - 1 FROM transfer AS later WHERE programme_id = :programme_id AND leg <> 1
            AND NOT EXISTS (
                SELECT FROM transfer WHERE programme_id = :programme_id AND entry_id = later.entry_id
                AND leg = later.leg::numeric - 1)
        ) AS missing
        """,
    ),
    Rule(
        "every transfer is in step with its entry and its accounts, and one that the chart of accounts allows",
        f"""
        SELECT (transfer.recorded_at, entry_id, leg) AS place,
            format('transfer %s/%s: %s from %s to %s does not agree with its entry, its accounts or the chart',
                   entry_id, leg, transfer.kind, source_id, target_id) AS said
        FROM transfer
        LEFT JOIN journal_entry AS entry ON entry.programme_id = :programme_id AND entry.id = entry_id
        LEFT JOIN account AS source ON source.programme_id = :programme_id AND source.id = source_id
        LEFT JOIN account AS target ON target.programme_id = :programme_id AND target.id = target_id
        LEFT JOIN (VALUES {", ".join(_legal_rows())}) AS chart (entry, kind, source, target, tie)
          ON (chart.entry, chart.kind, chart.source, chart.target)
           = (entry.kind, transfer.kind, source.kind, target.kind)
        WHERE transfer.programme_id = :programme_id AND (
            entry.recorded_at IS DISTINCT FROM transfer.recorded_at
            OR CASE chart.tie
                WHEN 'ANY' THEN true
                WHEN 'FEEDS' THEN target.origin_id = source_id
                WHEN 'RETURNS' THEN source.origin_id = target_id
                WHEN 'SAME_OWNER' THEN source.owner_id = target.owner_id END IS NOT TRUE
            -- Within bounds, so that the next rule can reckon with it.
            OR CASE source.kind WHEN 'fund' THEN source_after BETWEEN -{_MOST} AND 0
                ELSE source_after BETWEEN 0 AND {_MOST} END IS NOT TRUE
            OR CASE target.kind WHEN 'fund' THEN target_after BETWEEN -{_MOST} AND 0
                ELSE target_after BETWEEN 0 AND {_MOST} END IS NOT TRUE)
        """,
    ),
    Rule(
        "every running balance follows from the one before it",
        """
        WITH change AS NOT MATERIALIZED (
            SELECT source_id AS account_id, source_seq AS seq, -minutes AS minutes, source_after AS after,
                   entry_id, leg, recorded_at FROM transfer WHERE programme_id = :programme_id
            UNION ALL
            SELECT target_id, target_seq, minutes, target_after, entry_id, leg, recorded_at
            FROM transfer WHERE programme_id = :programme_id
        )
        SELECT (recorded_at, entry_id, leg) AS place,
            format('transfer %s/%s: account %s has %s at step %s, which does not follow from the step before',
                   entry_id, leg, account_id, after, seq) AS said
        FROM change AS later WHERE (seq <> 1 OR after <> minutes) AND NOT EXISTS (
            SELECT FROM change AS earlier
            WHERE earlier.account_id = later.account_id AND earlier.seq = later.seq - 1
              AND earlier.after = later.after - later.minutes
              AND (earlier.recorded_at < later.recorded_at OR earlier.entry_id = later.entry_id))
        """,
    ),
    Rule(
        "every account is where its last transfer left it",
        """
        WITH change AS (
            SELECT source_id AS account_id, source_seq AS seq, -minutes AS minutes, recorded_at
            FROM transfer WHERE programme_id = :programme_id
            UNION ALL
            SELECT target_id, target_seq, minutes, recorded_at FROM transfer WHERE programme_id = :programme_id
        ), total AS (
            -- Each step follows from one before it, so as many steps as the last one's number are each there once.
            SELECT account_id, sum(minutes) AS balance, count(*) AS version, max(seq) AS last,
                   max(recorded_at) AS posted_at
            FROM change GROUP BY account_id
        )
        SELECT account.id AS place,
            format('account %s has %s minutes at step %s, and its transfers make %s at step %s', account.id,
                   account.balance, account.version, coalesce(total.balance, 0), coalesce(total.version, 0)) AS said
        FROM account LEFT JOIN total ON account_id = account.id
        WHERE account.programme_id = :programme_id
          AND (account.balance <> coalesce(total.balance, 0) OR account.version <> coalesce(total.version, 0)
               OR account.version <> coalesce(total.last, 0)
               OR account.posted_at IS DISTINCT FROM total.posted_at OR account.balance < account.floor)
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
        SELECT (mirror.recorded_at, mirror.id) AS place,
            format('entry %s takes %s minutes from %s to %s, and entry %s put %s there', mirror.id, mirror.minutes,
                   mirror.source_id, mirror.target_id, reverses, coalesce(original.minutes, 0)) AS said
        FROM mirror LEFT JOIN original ON original.entry_id = reverses
          AND original.source_id = mirror.target_id AND original.target_id = mirror.source_id
        WHERE mirror.minutes > coalesce(original.minutes, 0)
        """,
    ),
    *(
        Rule(
            f"every {name} is as it was written",
            f"""
            SELECT id AS place, format('{name} %s is not as it was written', id) AS said FROM {kind.__tablename__}
            WHERE programme_id = :programme_id AND seal IS DISTINCT FROM {seal_in_sql(kind)}
            """,
        )
        for name, kind in (("account", Account), ("entry", JournalEntry), ("verification", Verification))
    ),
    Rule(
        "all balances together are 0",
        """
        SELECT 1 AS place, format('all balances together are %s', sum(balance)) AS said FROM account
        WHERE programme_id = :programme_id HAVING sum(balance) <> 0
        """,
    ),
)
