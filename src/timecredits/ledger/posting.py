"""Lock, judge, write: the only code that moves credits."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from time import perf_counter
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from timecredits.errors import DomainError
from timecredits.ledger.accounts import lock_accounts
from timecredits.ledger.judging import judge
from timecredits.ledger.models import JournalEntry
from timecredits.ledger.requests import AccountState, EntryRequest, Outcome, Posted
from timecredits.ledger.sealing import seal

# Told how many entries one call posted, how many it refused, and how many seconds it took.
Observer = Callable[[int, int, float], None]
observers: list[Observer] = []

_INSERT_ENTRIES = text(
    """
    INSERT INTO journal_entry
        (programme_id, id, kind, actor_id, recorded_at, effective_on, reverses, correlation_id, seal)
    SELECT :programme_id, entry.* FROM unnest(
        CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:actor_ids AS uuid[]), CAST(:times AS timestamptz[]),
        CAST(:dates AS date[]), CAST(:reverses AS uuid[]), CAST(:correlation_ids AS uuid[]),
        CAST(:seals AS bytea[])) AS entry
    """
)
_INSERT_TRANSFERS = text(
    """
    INSERT INTO transfer
        (programme_id, entry_id, leg, kind, source_id, target_id, minutes,
         source_seq, source_after, target_seq, target_after, recorded_at)
    SELECT :programme_id, transfer.* FROM unnest(
        CAST(:entry_ids AS uuid[]), CAST(:legs AS bigint[]), CAST(:kinds AS text[]), CAST(:source_ids AS uuid[]),
        CAST(:target_ids AS uuid[]), CAST(:minutes AS bigint[]), CAST(:source_seqs AS bigint[]),
        CAST(:source_afters AS bigint[]), CAST(:target_seqs AS bigint[]), CAST(:target_afters AS bigint[]),
        CAST(:times AS timestamptz[])) AS transfer
    """
)
_UPDATE_ACCOUNTS = text(
    """
    UPDATE account SET balance = new.balance, version = new.version, posted_at = new.posted_at
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:balances AS bigint[]), CAST(:versions AS bigint[]), CAST(:times AS timestamptz[])
    ) AS new (id, balance, version, posted_at)
    WHERE account.programme_id = :programme_id AND account.id = new.id
    """
)


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
    session.execute(
        _INSERT_ENTRIES,
        {
            "programme_id": programme_id,
            "ids": [entry.entry_id for entry in posted],
            "kinds": [entry.request.kind.value for entry in posted],
            "actor_ids": [entry.request.actor_id for entry in posted],
            "times": [entry.recorded_at for entry in posted],
            "dates": [entry.request.effective_on for entry in posted],
            "reverses": [entry.request.reverses for entry in posted],
            "correlation_ids": [entry.request.correlation_id for entry in posted],
            "seals": [_sealed(programme_id, entry) for entry in posted],
        },
    )
    legs = [(entry, number, leg) for entry in posted for number, leg in enumerate(entry.legs, start=1)]
    session.execute(
        _INSERT_TRANSFERS,
        {
            "programme_id": programme_id,
            "entry_ids": [entry.entry_id for entry, _, _ in legs],
            "legs": [number for _, number, _ in legs],
            "kinds": [leg.kind.value for _, _, leg in legs],
            "source_ids": [leg.source_id for _, _, leg in legs],
            "target_ids": [leg.target_id for _, _, leg in legs],
            "minutes": [leg.minutes for _, _, leg in legs],
            "source_seqs": [leg.source_seq for _, _, leg in legs],
            "source_afters": [leg.source_after for _, _, leg in legs],
            "target_seqs": [leg.target_seq for _, _, leg in legs],
            "target_afters": [leg.target_after for _, _, leg in legs],
            "times": [entry.recorded_at for entry, _, _ in legs],
        },
    )
    touched = {account_id for _, _, leg in legs for account_id in (leg.source_id, leg.target_id)}
    session.execute(
        _UPDATE_ACCOUNTS,
        {
            "programme_id": programme_id,
            "ids": list(touched),
            "balances": [accounts[account_id].balance for account_id in touched],
            "versions": [accounts[account_id].version for account_id in touched],
            "times": [accounts[account_id].posted_at for account_id in touched],
        },
    )


def _sealed(programme_id: UUID, entry: Posted) -> bytes:
    request = entry.request
    return seal(
        JournalEntry,
        {
            "programme_id": programme_id,
            "id": entry.entry_id,
            "kind": request.kind,
            "actor_id": request.actor_id,
            "recorded_at": entry.recorded_at,
            "effective_on": request.effective_on,
            "reverses": request.reverses,
            "correlation_id": request.correlation_id,
        },
    )
