"""What is true after any batch of requests, whatever was asked. Pure: no database."""

from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.ledger.books import EXAMPLES, TODAY, asks, code
from tests.ledger.test_chart import LEGAL
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, Outcome, Posted, ReversalShort, TransferKind
from timecredits.ledger.judging import judge
from timecredits.ledger.requests import AccountState

Accounts = dict[UUID, AccountState]

OWNER = uuid4()
IDS = {(kind, number): uuid4() for kind in AccountKind for number in (0, 1)}
MOMENTS = (None, NOW - timedelta(days=1), NOW, NOW + timedelta(hours=1))
PAIRS = sorted(LEGAL)
numbers = st.sampled_from((0, 1))
minutes = st.one_of(st.none(), st.integers(1, 80), st.sampled_from([0, -5, 10**9 + 1]))


def _world(seed: int) -> Accounts:
    """Have two accounts of each kind, tied so that the chart's every transfer has a pair."""
    dice = Random(seed)
    found = {}
    for (kind, number), account_id in IDS.items():
        balance, floor = dice.randint(0, 60), 0
        if kind is AccountKind.FUND:
            balance, floor = -balance, -balance - dice.randint(0, 60)
        feeder = AccountKind.FUND if kind is AccountKind.PRESCRIBING_POT else AccountKind.PRESCRIBING_POT
        found[account_id] = AccountState(
            id=account_id,
            kind=kind,
            owner_id=OWNER,
            origin_id=IDS[feeder, number],
            balance=balance,
            floor=floor,
            version=dice.randint(0, 3),
            posted_at=dice.choice(MOMENTS),
            expires_on=dice.choice([None, None, TODAY, TODAY - timedelta(days=1)]),
            closed=dice.randint(0, 9) == 0,
        )
    return found


worlds = st.builds(_world, st.integers(0, 2**32))


@st.composite
def requests(draw: st.DrawFn) -> EntryRequest:
    """One to three draws of a kind, mostly legal; now and then a reversal, of one of two entries."""
    transfer, source, target = draw(st.sampled_from(PAIRS))
    kind = TransferKind(transfer)
    entry = EntryKind.CAPTURE if kind is TransferKind.RELEASE and draw(st.booleans()) else EntryKind(transfer)
    found = [
        Draw(
            kind,
            tuple(IDS[AccountKind(source), number] for number in draw(st.lists(numbers, min_size=1, max_size=3))),
            IDS[AccountKind(target), draw(numbers)],
            draw(minutes),
            at_most=draw(st.booleans()),
            when_ended=draw(st.integers(0, 4)) == 0,
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    reverses = draw(st.sampled_from([UUID(int=1), UUID(int=2)])) if kind is TransferKind.REVERSE else None
    return asks(entry, *found, reverses=reverses)


batches = st.lists(requests(), min_size=1, max_size=8)


def _judge(accounts: Accounts, batch: list[EntryRequest]) -> list[Outcome]:
    return judge(accounts, batch, now=NOW, today=TODAY)


@EXAMPLES
@given(worlds, batches)
def test_balances_stay_within_bounds_and_add_up_to_what_they_did(accounts: Accounts, batch: list[EntryRequest]) -> None:
    total = sum(account.balance for account in accounts.values())
    _judge(accounts, batch)
    assert sum(account.balance for account in accounts.values()) == total
    assert all(account.balance >= account.floor for account in accounts.values())
    assert all(account.balance <= 0 for account in accounts.values() if account.kind is AccountKind.FUND)


@EXAMPLES
@given(worlds, batches)
def test_sequences_are_dense_and_running_balances_follow(accounts: Accounts, batch: list[EntryRequest]) -> None:
    walked = {account.id: [account.version, account.balance] for account in accounts.values()}
    for outcome in _judge(accounts, batch):
        for leg in outcome.legs if isinstance(outcome, Posted) else ():
            assert 1 <= leg.minutes <= 10**9
            for account_id, change in ((leg.source_id, -leg.minutes), (leg.target_id, leg.minutes)):
                walked[account_id][0] += 1
                walked[account_id][1] += change
            assert walked[leg.source_id] == [leg.source_seq, leg.source_after]
            assert walked[leg.target_id] == [leg.target_seq, leg.target_after]
    assert walked == {account.id: [account.version, account.balance] for account in accounts.values()}


@EXAMPLES
@given(worlds, batches)
def test_an_entry_is_recorded_later_than_all_before_it_on_its_accounts_and_never_before_now(
    accounts: Accounts, batch: list[EntryRequest]
) -> None:
    last: dict[UUID, datetime | None] = {account.id: account.posted_at for account in accounts.values()}
    for outcome in _judge(accounts, batch):
        if isinstance(outcome, Posted):
            assert outcome.recorded_at >= NOW
            for account_id in {leg.source_id for leg in outcome.legs} | {leg.target_id for leg in outcome.legs}:
                before = last[account_id]
                assert before is None or outcome.recorded_at > before
                last[account_id] = outcome.recorded_at
    assert last == {account.id: account.posted_at for account in accounts.values()}


@EXAMPLES
@given(worlds, batches)
def test_what_is_refused_leaves_the_others_as_if_it_had_never_been_asked(
    accounts: Accounts, batch: list[EntryRequest]
) -> None:
    fresh = deepcopy(accounts)
    outcomes = _judge(accounts, batch)
    accepted = [request for request, outcome in zip(batch, outcomes, strict=True) if isinstance(outcome, Posted)]
    assert _judge(fresh, accepted) == [outcome for outcome in outcomes if isinstance(outcome, Posted)]
    assert fresh == accounts


@EXAMPLES
@given(worlds, batches)
def test_an_entry_is_reversed_once_also_within_a_batch(accounts: Accounts, batch: list[EntryRequest]) -> None:
    reversed_ids = {UUID(int=1)}
    outcomes = judge(accounts, batch, reversed_ids=frozenset(reversed_ids), now=NOW, today=TODAY)
    for request, outcome in zip(batch, outcomes, strict=True):
        if request.reverses is not None:
            assert (code(outcome) == "already_reversed") == (request.reverses in reversed_ids)
            if isinstance(outcome, Posted):
                reversed_ids.add(request.reverses)


@EXAMPLES
@given(accounts=worlds, legs=st.lists(st.integers(1, 200), min_size=2, max_size=4), at_most=st.booleans())
def test_a_reversal_that_is_short_says_by_how_much_in_all(
    *, accounts: Accounts, legs: list[int], at_most: bool
) -> None:
    partner, earned = accounts[IDS[AccountKind.PARTNER, 0]], IDS[AccountKind.EARNED, 0]
    there_is = partner.balance
    draws = [Draw(TransferKind.REVERSE, (partner.id,), earned, minutes, at_most=at_most) for minutes in legs]
    (outcome,) = _judge(accounts, [asks(TransferKind.REVERSE, *draws, reverses=UUID(int=1))])
    if at_most and there_is:
        assert isinstance(outcome, Posted)
        assert outcome.minutes == min(sum(legs), there_is)
    elif at_most:
        assert code(outcome) == "nothing_to_move"
    elif sum(legs) > there_is:
        assert isinstance(outcome, ReversalShort)
        assert outcome.figures == {"shortfall_minutes": sum(legs) - there_is}
    else:
        assert isinstance(outcome, Posted)
