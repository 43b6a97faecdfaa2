"""The rules of posting, pure: accounts and requests in, outcomes out. No database, no clock."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from timecredits.errors import DomainError, NotFound
from timecredits.ledger.chart import HOLDS, MOST_MINUTES, TIDIES, USES, AccountKind, EntryKind, Tie, TransferKind, tie
from timecredits.ledger.refusals import (
    AccountClosed,
    AlreadyReversed,
    CreditsExpired,
    FundOverReturned,
    IllegalTransfer,
    InsufficientCredits,
    MinutesOutOfRange,
    NothingToMove,
    ReversalShort,
)
from timecredits.ledger.requests import AccountState, Draw, EntryRequest, Leg, Outcome, Posted

_TICK = timedelta(microseconds=1)


def judge(
    accounts: Mapping[UUID, AccountState],
    requests: Sequence[EntryRequest],
    *,
    reversed_ids: frozenset[UUID] = frozenset(),
    now: datetime,
    today: date,
) -> list[Outcome]:
    """Decide each request in order of arrival, each all-or-nothing, and bring `accounts` up to date.

    `reversed_ids` are the entries that have been reversed before. An outcome is the entry as it will be written, or
    the refusal as a value. `recorded_at` is later than anything before it on the same accounts.
    """
    outcomes: list[Outcome] = []
    done = set(reversed_ids)
    for request in requests:
        before: dict[UUID, tuple[int, int]] = {}
        try:
            if request.reverses in done:
                raise AlreadyReversed
            legs = _legs(accounts, request, before, today)
        except DomainError as refusal:
            for account_id, (balance, version) in before.items():
                accounts[account_id].balance, accounts[account_id].version = balance, version
            outcomes.append(refusal)
            continue
        if request.reverses is not None:
            done.add(request.reverses)
        touched = [accounts[account_id] for account_id in before]
        recorded_at = max([now, *(account.posted_at + _TICK for account in touched if account.posted_at is not None)])
        for account in touched:
            account.posted_at = recorded_at
        outcomes.append(Posted(request, recorded_at, tuple(legs)))
    return outcomes


def _legs(
    accounts: Mapping[UUID, AccountState],
    request: EntryRequest,
    before: dict[UUID, tuple[int, int]],
    today: date,
) -> list[Leg]:
    """Move the minutes of all draws, and note in `before` what was there. Raises the refusal."""
    legs: list[Leg] = []
    shortfall = 0
    for draw in request.draws:
        drawn = _draw(accounts, request, draw, before, today)
        if draw.kind is TransferKind.REVERSE and not draw.at_most:
            shortfall += (draw.minutes or 0) - sum(leg.minutes for leg in drawn)
        legs += drawn
    if shortfall:
        raise ReversalShort(shortfall_minutes=shortfall)
    if not legs:
        raise NothingToMove
    return legs


def _draw(
    accounts: Mapping[UUID, AccountState],
    request: EntryRequest,
    draw: Draw,
    before: dict[UUID, tuple[int, int]],
    today: date,
) -> list[Leg]:
    """Split one draw over its sources, and move the minutes. Raises the refusal."""
    sources, target = _named(accounts, request, draw)
    if draw.when_ended:
        sources = [source for source in sources if source.closed or _is_past(source, today)]
    usable = _usable(request, draw, sources, target, today)
    there_is = sum(max(source.free, 0) for source in usable)
    wanted = there_is if draw.minutes is None else draw.minutes
    if there_is < wanted:
        # How much a reversal is short of is said for all of its transfers together.
        if not (draw.at_most or draw.kind is TransferKind.REVERSE):
            raise InsufficientCredits(needed_minutes=wanted, available_minutes=there_is)
        wanted = there_is
    if target.kind is AccountKind.FUND and target.balance + wanted > 0:
        raise FundOverReturned
    legs = []
    for source in usable:
        while wanted and source.free > 0:
            legs.append(_move(draw.kind, source, target, min(wanted, source.free, MOST_MINUTES), before))
            wanted -= legs[-1].minutes
    return legs


def _named(
    accounts: Mapping[UUID, AccountState], request: EntryRequest, draw: Draw
) -> tuple[list[AccountState], AccountState]:
    """Give the sources, each once, and the target, if minutes may move between them at all."""
    if draw.minutes is not None and not 1 <= draw.minutes <= MOST_MINUTES:
        raise MinutesOutOfRange
    try:
        target = accounts[draw.target_id]
        sources = [accounts[source_id] for source_id in dict.fromkeys(draw.source_ids)]
    except KeyError:
        raise NotFound from None
    if draw.kind not in HOLDS[request.kind]:
        raise IllegalTransfer
    for source in sources:
        _check_legal(draw.kind, source, target)
    return sources, target


def _check_legal(kind: TransferKind, source: AccountState, target: AccountState) -> None:
    """Raise IllegalTransfer unless the chart has it."""
    match tie(kind, source.kind, target.kind):
        case Tie.ANY:
            legal = True
        case Tie.FEEDS:
            legal = target.origin_id == source.id
        case Tie.RETURNS:
            legal = source.origin_id == target.id
        case Tie.SAME_OWNER:
            legal = source.owner_id is not None and source.owner_id == target.owner_id
        case None:
            legal = False
    if not legal or source is target:
        raise IllegalTransfer


def _is_past(account: AccountState, today: date) -> bool:
    return account.expires_on is not None and today > account.expires_on


def _usable(
    request: EntryRequest, draw: Draw, sources: list[AccountState], target: AccountState, today: date
) -> list[AccountState]:
    """Leave out what is closed or past its last day; refuse where that leaves a single named source out."""
    # A booking made in time is honoured: a capture spends what it has just released, whatever the date.
    if draw.kind in TIDIES or request.kind is EntryKind.CAPTURE:
        return sources
    if target.closed:
        raise AccountClosed
    opened = [source for source in sources if not source.closed]
    if sources and not opened:
        raise AccountClosed
    usable = [source for source in opened if not (draw.kind in USES and _is_past(source, today))]
    if len(sources) == 1 and not usable:
        raise CreditsExpired
    return usable


def _move(
    kind: TransferKind,
    source: AccountState,
    target: AccountState,
    minutes: int,
    before: dict[UUID, tuple[int, int]],
) -> Leg:
    for account, change in ((source, -minutes), (target, minutes)):
        before.setdefault(account.id, (account.balance, account.version))
        account.balance += change
        account.version += 1
    return Leg(kind, source.id, target.id, minutes, source.version, source.balance, target.version, target.balance)
