"""Lock, judge, write: the only code that moves credits."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from time import perf_counter
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Uuid, select
from sqlalchemy.orm import Session

from timecredits.bulk import array_of, insert_many
from timecredits.errors import DomainError
from timecredits.ledger.accounts import lock_accounts
from timecredits.ledger.judging import judge
from timecredits.ledger.models import JournalEntry, Transfer
from timecredits.ledger.requests import AccountState, EntryRequest, Outcome, Posted
from timecredits.ledger.sealing import seal

# Told how many entries one call posted, how many it refused, and how many seconds it took.
Observer = Callable[[int, int, float], None]
observers: list[Observer] = []

_UPDATE_ACCOUNTS = """
    UPDATE account SET balance = new.balance, version = new.version, posted_at = new.posted_at
    FROM unnest(
        CAST(%(ids)s AS uuid[]), CAST(%(balances)s AS bigint[]), CAST(%(versions)s AS bigint[]),
        CAST(%(times)s AS timestamptz[])
    ) AS new (id, balance, version, posted_at)
    WHERE account.programme_id = %(programme_id)s AND account.id = new.id
"""


def post(
    session: Session, programme_id: UUID, requests: Sequence[EntryRequest], *, now: datetime, today: date
) -> list[Outcome]:
    """Post each request that the rules allow, and give one outcome a request, in order.

    A refusal is given as a value, and leaves nothing behind. One call a transaction, after all other locks: it locks
    the accounts of all requests in the order of their ids. `today` is the programme's date.
    """
    began = perf_counter()
    accounts = lock_accounts(session, programme_id, set().union(*(request.account_ids() for request in requests)))
    reversed_ids = _reversed(session, programme_id, requests)
    outcomes = judge(accounts, requests, reversed_ids=reversed_ids, now=now, today=today)
    posted = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
    if posted:
        _write(session, programme_id, posted, accounts)
    for observe in observers:
        observe(len(posted), len(outcomes) - len(posted), perf_counter() - began)
    return outcomes


def post_one(session: Session, programme_id: UUID, request: EntryRequest, *, now: datetime, today: date) -> Posted:
    """Post one request. Raises the refusal."""
    (outcome,) = post(session, programme_id, [request], now=now, today=today)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _reversed(session: Session, programme_id: UUID, requests: Sequence[EntryRequest]) -> frozenset[UUID]:
    """Find which of the entries to be reversed have been so: read under the locks, so that there is one winner."""
    wanted = [request.reverses for request in requests if request.reverses is not None]
    if not wanted:
        return frozenset()
    found = session.scalars(
        select(JournalEntry.reverses).where(
            JournalEntry.programme_id == programme_id, JournalEntry.reverses.in_(wanted)
        )
    )
    return frozenset(entry_id for entry_id in found if entry_id is not None)


def _write(session: Session, programme_id: UUID, posted: Sequence[Posted], accounts: dict[UUID, AccountState]) -> None:
    """Write all entries, transfers and balances: three statements, however many there are."""
    connection = session.connection()
    insert_many(connection, JournalEntry, [_entry_row(programme_id, entry) for entry in posted])
    legs = [(entry, number, leg) for entry in posted for number, leg in enumerate(entry.legs, start=1)]
    insert_many(
        connection,
        Transfer,
        [
            {
                "programme_id": programme_id,
                "entry_id": entry.entry_id,
                "leg": number,
                "kind": leg.kind,
                "source_id": leg.source_id,
                "target_id": leg.target_id,
                "minutes": leg.minutes,
                "source_seq": leg.source_seq,
                "source_after": leg.source_after,
                "target_seq": leg.target_seq,
                "target_after": leg.target_after,
                "recorded_at": entry.recorded_at,
            }
            for entry, number, leg in legs
        ],
    )
    touched = [
        accounts[account_id] for account_id in {id_ for _, _, leg in legs for id_ in (leg.source_id, leg.target_id)}
    ]
    connection.exec_driver_sql(
        _UPDATE_ACCOUNTS,
        {
            "programme_id": programme_id,
            "ids": array_of(Uuid, [account.id for account in touched]),
            "balances": array_of(BigInteger, [account.balance for account in touched]),
            "versions": array_of(BigInteger, [account.version for account in touched]),
            "times": array_of(DateTime, [account.posted_at for account in touched]),
        },
    )


def _entry_row(programme_id: UUID, entry: Posted) -> dict[str, object]:
    request = entry.request
    row: dict[str, object] = {
        "programme_id": programme_id,
        "id": entry.entry_id,
        "kind": request.kind,
        "actor_id": request.actor_id,
        "recorded_at": entry.recorded_at,
        "effective_on": request.effective_on,
        "reverses": request.reverses,
        "correlation_id": request.correlation_id,
    }
    return row | {"seal": seal(JournalEntry, row)}
