"""What accounts hold now, what they held at a time, and pages of a person's statement. All in minutes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select, text, union_all
from sqlalchemy.orm import Session

from timecredits.bulk import among, array_of
from timecredits.database import table_of
from timecredits.ledger.chart import AVAILABLE, PERSONAL, AccountKind, EntryKind, TransferKind
from timecredits.ledger.models import Account, Transfer


@dataclass(frozen=True, slots=True)
class Pot:
    """One of somebody's accounts, in minutes. `expires_on` is its last day of use."""

    account_id: UUID
    kind: AccountKind
    minutes: int
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Balance:
    """What a person has, in minutes. Companion minutes take somebody along and are not available alone."""

    available_minutes: int
    held_minutes: int
    companion_minutes: int
    pots: tuple[Pot, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry on a person's statement: the net change of what is available, and what was available after it."""

    entry_id: UUID
    recorded_at: datetime
    effective_on: date
    kind: EntryKind
    reverses: UUID | None
    minutes: int
    balance_after_minutes: int


_ACCOUNT = table_of(Account).columns
_POTS = (
    select(_ACCOUNT.owner_id, _ACCOUNT.id, _ACCOUNT.kind, _ACCOUNT.balance, _ACCOUNT.expires_on)
    .where(_ACCOUNT.programme_id == bindparam("programme_id"), among(_ACCOUNT.owner_id, "owner_ids"))
    .order_by(_ACCOUNT.expires_on.nulls_last(), _ACCOUNT.id)
)
# The last running balance of each account at or before a moment: a probe as source, a probe as target, later one wins.
_LAST_AFTER = """
    SELECT after FROM (
        (SELECT source_after AS after, source_seq AS seq FROM transfer
         WHERE programme_id = :programme_id AND source_id = mine.id AND {until}
         ORDER BY recorded_at DESC, entry_id DESC, source_seq DESC LIMIT 1)
        UNION ALL
        (SELECT target_after, target_seq FROM transfer
         WHERE programme_id = :programme_id AND target_id = mine.id AND {until}
         ORDER BY recorded_at DESC, entry_id DESC, target_seq DESC LIMIT 1)
    ) AS either ORDER BY seq DESC LIMIT 1
"""
_MINE = """
    SELECT id, kind, expires_on FROM account
    WHERE programme_id = :programme_id AND owner_id = :owner_id AND kind = ANY(:kinds)
"""
_BALANCES_AT = text(
    f"""
    SELECT mine.id, mine.kind, coalesce(last.after, 0) AS minutes, mine.expires_on
    FROM ({_MINE}) AS mine LEFT JOIN LATERAL ({_LAST_AFTER.format(until="recorded_at <= :at")}) AS last ON true
    ORDER BY mine.expires_on NULLS LAST, mine.id
    """
)
_LINES = text(
    f"""
    WITH mine AS ({_MINE}),
    page AS (
        SELECT DISTINCT recorded_at, entry_id FROM mine CROSS JOIN LATERAL (
            (SELECT DISTINCT recorded_at, entry_id FROM transfer
             WHERE programme_id = :programme_id AND source_id = mine.id
               AND (recorded_at, entry_id) < (:before_at, :before_id)
             ORDER BY recorded_at DESC, entry_id DESC LIMIT :count)
            UNION ALL
            (SELECT DISTINCT recorded_at, entry_id FROM transfer
             WHERE programme_id = :programme_id AND target_id = mine.id
               AND (recorded_at, entry_id) < (:before_at, :before_id)
             ORDER BY recorded_at DESC, entry_id DESC LIMIT :count)
        ) AS moved
        ORDER BY recorded_at DESC, entry_id DESC LIMIT :count
    ),
    line AS (
        SELECT recorded_at, entry_id, (
            SELECT sum(CASE WHEN target_id IN (SELECT id FROM mine) THEN minutes ELSE 0 END
                     - CASE WHEN source_id IN (SELECT id FROM mine) THEN minutes ELSE 0 END)
            FROM transfer WHERE programme_id = :programme_id AND entry_id = page.entry_id
        ) AS minutes FROM page
    ),
    newest AS (SELECT recorded_at, entry_id FROM page ORDER BY recorded_at DESC, entry_id DESC LIMIT 1)
    SELECT line.entry_id, line.recorded_at, entry.effective_on, entry.kind, entry.reverses, line.minutes,
        (SELECT sum(last.after) FROM mine CROSS JOIN newest CROSS JOIN LATERAL (
            {_LAST_AFTER.format(until="(recorded_at, entry_id) <= (newest.recorded_at, newest.entry_id)")}
         ) AS last)
        -- Back from the newest line: each had what the one after it had, without that one's change.
        - coalesce(sum(line.minutes) OVER (
            ORDER BY line.recorded_at DESC, line.entry_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS balance_after_minutes
    FROM line JOIN journal_entry AS entry ON entry.programme_id = :programme_id AND entry.id = line.entry_id
    ORDER BY line.recorded_at DESC, line.entry_id DESC
    """
)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_LAST_ID = UUID(int=2**128 - 1)


def balances(session: Session, programme_id: UUID, account_ids: Collection[UUID]) -> dict[UUID, int]:
    """Give the minutes in each of these accounts now."""
    rows = session.execute(
        select(Account.id, Account.balance).where(Account.programme_id == programme_id, Account.id.in_(account_ids))
    )
    return dict(rows.all())


def pots_of(session: Session, programme_id: UUID, owner_ids: Collection[UUID]) -> dict[UUID, list[Pot]]:
    """List the accounts of each of these people or organisations, soonest-expiring first, as they are now."""
    rows = session.connection().execute(_POTS, {"programme_id": programme_id, "owner_ids": array_of(Uuid, owner_ids)})
    found: dict[UUID, list[Pot]] = {owner_id: [] for owner_id in owner_ids}
    for owner_id, account_id, kind, minutes, expires_on in rows:
        assert owner_id is not None
        found[owner_id].append(Pot(account_id, AccountKind(kind), minutes, expires_on))
    return found


def balance(session: Session, programme_id: UUID, owner_id: UUID, *, today: date) -> Balance:
    """Say what a person has now. What is past its last day is not available, swept or not."""
    return _add_up(pots_of(session, programme_id, [owner_id])[owner_id], today)


def balance_at(session: Session, programme_id: UUID, owner_id: UUID, *, at: datetime, on: date) -> Balance:
    """Say what a person had at a time; `on` is the programme's date at that time. Two index probes an account."""
    rows = session.execute(
        _BALANCES_AT,
        {"programme_id": programme_id, "owner_id": owner_id, "kinds": [kind.value for kind in PERSONAL], "at": at},
    )
    pots = [Pot(account_id, AccountKind(kind), minutes, expires) for account_id, kind, minutes, expires in rows]
    return _add_up(pots, on)


def statement(
    session: Session, programme_id: UUID, owner_id: UUID, *, before: tuple[datetime, UUID] | None = None, limit: int
) -> list[Line]:
    """Give a page of a person's statement, newest first: one line an entry, over all that is theirs to spend.

    `before` is (recorded_at, entry_id) of the last line of the page before. Held and companion minutes have no line
    of their own: promising credits to a booking is a line that takes them from what is available.
    """
    before_at, before_id = before or (_END_OF_TIME, _LAST_ID)
    rows = session.execute(
        _LINES,
        {
            "programme_id": programme_id,
            "owner_id": owner_id,
            "kinds": [kind.value for kind in AVAILABLE],
            "before_at": before_at,
            "before_id": before_id,
            "count": limit,
        },
    )
    return [
        Line(entry_id, recorded_at, effective_on, EntryKind(kind), reverses, int(minutes), int(after))
        for entry_id, recorded_at, effective_on, kind, reverses, minutes, after in rows
    ]


def spent_from(session: Session, programme_id: UUID, account_ids: Collection[UUID]) -> dict[UUID, int]:
    """Add up the minutes that were spent from each of these accounts and not put right since.

    Read from the transfers, which say why minutes moved: what is missing from a balance may as well have been
    withdrawn, expired or held.
    """
    out = select(Transfer.source_id.label("account_id"), Transfer.minutes).where(
        Transfer.programme_id == programme_id,
        Transfer.source_id.in_(account_ids),
        Transfer.kind == TransferKind.SPEND.value,
    )
    back = select(Transfer.target_id, -Transfer.minutes).where(
        Transfer.programme_id == programme_id,
        Transfer.target_id.in_(account_ids),
        Transfer.kind == TransferKind.REVERSE.value,
    )
    both = union_all(out, back).subquery()
    rows = session.execute(select(both.c.account_id, func.sum(both.c.minutes)).group_by(both.c.account_id))
    return {account_id: int(minutes) for account_id, minutes in rows}


def trial_balance(session: Session, programme_id: UUID) -> dict[AccountKind, int]:
    """Add up the minutes of each kind of account. Together they are 0."""
    rows = session.execute(
        select(Account.kind, func.sum(Account.balance))
        .where(Account.programme_id == programme_id)
        .group_by(Account.kind)
        .order_by(Account.kind)
    )
    return {AccountKind(kind): int(minutes) for kind, minutes in rows}


def _add_up(pots: list[Pot], today: date) -> Balance:
    def total(*kinds: AccountKind) -> int:
        return sum(
            pot.minutes for pot in pots if pot.kind in kinds and (pot.expires_on is None or today <= pot.expires_on)
        )

    return Balance(
        available_minutes=total(*AVAILABLE),
        held_minutes=total(AccountKind.HELD),
        companion_minutes=total(AccountKind.COMPANION),
        pots=tuple(pots),
    )
