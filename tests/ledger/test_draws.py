"""How a draw is split over its sources. Pure: no database."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tests.ledger.books import EXAMPLES, TODAY, asks, code
from timecredits.ledger import MOST_MINUTES, AccountKind, Draw, InsufficientCredits, Outcome, Posted, TransferKind
from timecredits.ledger.judging import judge
from timecredits.ledger.requests import AccountState

OWNER = uuid4()
ORIGIN = uuid4()
DAYS = (None, TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1))


def account(
    kind: AccountKind, balance: int = 0, *, expires_on: date | None = None, closed: bool = False, floor: int = 0
) -> AccountState:
    """Have an account in hand, as if it had been locked and read."""
    return AccountState(
        id=uuid4(),
        kind=kind,
        owner_id=OWNER,
        origin_id=ORIGIN,
        balance=balance,
        floor=floor,
        version=0,
        posted_at=None,
        expires_on=expires_on,
        closed=closed,
    )


amounts = st.one_of(st.integers(0, 5), st.integers(0, 3 * MOST_MINUTES))
wishes = st.one_of(st.none(), st.integers(1, 12), st.integers(1, MOST_MINUTES))
prescriptions = st.lists(
    st.builds(
        account,
        st.sampled_from([AccountKind.PRESCRIBED, AccountKind.COMPANION]),
        amounts,
        expires_on=st.sampled_from(DAYS),
        closed=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def _judge(draw: Draw, *accounts: AccountState) -> Outcome:
    (outcome,) = judge({each.id: each for each in accounts}, [asks(draw.kind, draw)], now=NOW, today=TODAY)
    return outcome


def _taken(outcome: Posted) -> list[tuple[UUID, int]]:
    """Add up what each source gave, in the order of giving."""
    found: dict[UUID, int] = {}
    for leg in outcome.legs:
        found[leg.source_id] = found.get(leg.source_id, 0) + leg.minutes
    return list(found.items())


def _in_order(there: list[tuple[UUID, int]], wanted: int) -> list[tuple[UUID, int]]:
    """Take what is wanted, source by source."""
    taken = []
    for source_id, minutes in there:
        if minutes and wanted:
            taken.append((source_id, min(minutes, wanted)))
            wanted -= taken[-1][1]
    return taken


@EXAMPLES
@given(sources=prescriptions, minutes=wishes, at_most=st.booleans())
def test_a_spend_takes_in_order_what_can_still_be_used_and_is_all_or_nothing(
    *, sources: list[AccountState], minutes: int | None, at_most: bool
) -> None:
    partner = account(AccountKind.PARTNER)
    usable = [
        (each.id, each.balance)
        for each in sources
        if not each.closed and (each.expires_on is None or each.expires_on >= TODAY)
    ]
    there_is = sum(balance for _, balance in usable)
    before = [each.balance for each in sources]
    draw = Draw(TransferKind.SPEND, tuple(each.id for each in sources), partner.id, minutes, at_most=at_most)
    outcome = _judge(draw, partner, *sources)
    if all(each.closed for each in sources):
        assert code(outcome) == "account_closed"
    elif len(sources) == 1 and not usable:
        assert code(outcome) == "credits_expired"
    elif minutes is not None and minutes > there_is and not at_most:
        assert isinstance(outcome, InsufficientCredits)
        assert outcome.figures == {"needed_minutes": minutes, "available_minutes": there_is}
    elif there_is == 0:
        assert code(outcome) == "nothing_to_move"
    else:
        assert isinstance(outcome, Posted)
        assert _taken(outcome) == _in_order(usable, there_is if minutes is None else minutes)
        assert partner.balance == outcome.minutes == sum(before) - sum(each.balance for each in sources)
        return
    assert [each.balance for each in sources] == before


@EXAMPLES
@given(sources=prescriptions, minutes=wishes, at_most=st.booleans())
def test_expiry_and_withdrawal_take_from_what_has_expired_or_is_closed_too(
    *, sources: list[AccountState], minutes: int | None, at_most: bool
) -> None:
    for kind in (TransferKind.EXPIRE, TransferKind.WITHDRAW):
        expired = account(AccountKind.EXPIRED)
        there = [(each.id, each.balance) for each in sources]
        there_is = sum(balance for _, balance in there)
        draw = Draw(kind, tuple(each.id for each in sources), expired.id, minutes, at_most=at_most)
        outcome = _judge(draw, expired, *sources)
        if isinstance(outcome, Posted):
            wanted = there_is if minutes is None else minutes
            assert outcome.minutes == wanted or (at_most and outcome.minutes == there_is < wanted)
            assert _taken(outcome) == _in_order(there, wanted)
        elif there_is == 0 and (minutes is None or at_most):
            assert code(outcome) == "nothing_to_move"
        else:
            assert code(outcome) == "insufficient_credits"


@EXAMPLES
@given(prescriptions)
def test_what_moves_only_when_it_has_ended_stays_until_then(sources: list[AccountState]) -> None:
    expired = account(AccountKind.EXPIRED)
    ended = [
        (each.id, each.balance)
        for each in sources
        if each.closed or (each.expires_on is not None and each.expires_on < TODAY)
    ]
    draw = Draw(TransferKind.EXPIRE, tuple(each.id for each in sources), expired.id, None, when_ended=True)
    outcome = _judge(draw, expired, *sources)
    if any(balance for _, balance in ended):
        assert isinstance(outcome, Posted)
        assert _taken(outcome) == [(source_id, balance) for source_id, balance in ended if balance]
    else:
        assert code(outcome) == "nothing_to_move"


@pytest.mark.parametrize("minutes", [0, -1, -MOST_MINUTES, MOST_MINUTES + 1])
def test_minutes_outside_the_range_are_refused(minutes: int) -> None:
    earned, partner = account(AccountKind.EARNED, 10 * MOST_MINUTES), account(AccountKind.PARTNER)
    for at_most in (False, True):
        draw = Draw(TransferKind.SPEND, (earned.id,), partner.id, minutes, at_most=at_most)
        assert code(_judge(draw, earned, partner)) == "minutes_out_of_range"
    assert (earned.balance, partner.balance) == (10 * MOST_MINUTES, 0)


@pytest.mark.parametrize("minutes", [1, MOST_MINUTES])
def test_the_least_and_the_most_minutes_are_one_movement(minutes: int) -> None:
    earned, partner = account(AccountKind.EARNED, MOST_MINUTES), account(AccountKind.PARTNER)
    outcome = _judge(Draw(TransferKind.SPEND, (earned.id,), partner.id, minutes), earned, partner)
    assert isinstance(outcome, Posted)
    assert [leg.minutes for leg in outcome.legs] == [minutes]


def test_all_there_is_goes_in_several_movements_when_one_is_too_small_for_it() -> None:
    earned, community = account(AccountKind.EARNED, 2 * MOST_MINUTES + 7), account(AccountKind.COMMUNITY_POT)
    outcome = _judge(Draw(TransferKind.DONATE, (earned.id,), community.id, None), earned, community)
    assert isinstance(outcome, Posted)
    assert [leg.minutes for leg in outcome.legs] == [MOST_MINUTES, MOST_MINUTES, 7]
    assert [leg.source_seq for leg in outcome.legs] == [1, 2, 3]


def test_an_account_that_is_named_twice_gives_once() -> None:
    first, second = account(AccountKind.EARNED, 60), account(AccountKind.EARNED, 100)
    partner = account(AccountKind.PARTNER)
    outcome = _judge(Draw(TransferKind.SPEND, (first.id, first.id, second.id), partner.id, 100), first, second, partner)
    assert isinstance(outcome, Posted)
    assert _taken(outcome) == [(first.id, 60), (second.id, 40)]
    short = _judge(Draw(TransferKind.SPEND, (second.id, second.id), partner.id, 100), second, partner)
    assert isinstance(short, InsufficientCredits)
    assert short.figures == {"needed_minutes": 100, "available_minutes": 60}


def test_a_draw_from_no_account_at_all_is_refused() -> None:
    partner = account(AccountKind.PARTNER)
    assert code(_judge(Draw(TransferKind.SPEND, (), partner.id, 5), partner)) == "insufficient_credits"
    assert code(_judge(Draw(TransferKind.SPEND, (), partner.id, None), partner)) == "nothing_to_move"


def test_a_fund_gives_down_to_its_floor_and_takes_back_up_to_zero() -> None:
    fund, pot = account(AccountKind.FUND, -40, floor=-100), account(AccountKind.GROUP_POT, 1_000)
    assert code(_judge(Draw(TransferKind.ALLOCATE, (fund.id,), pot.id, 61), fund, pot)) == "insufficient_credits"
    assert code(_judge(Draw(TransferKind.ALLOCATE, (fund.id,), pot.id, 60), fund, pot)) == "posted"
    back = TransferKind.RETURN_ALLOCATION
    assert code(_judge(Draw(back, (pot.id,), fund.id, 101), fund, pot)) == "fund_over_returned"
    assert code(_judge(Draw(back, (pot.id,), fund.id, 100), fund, pot)) == "posted"
    assert (fund.balance, pot.balance) == (0, 960)


@pytest.mark.parametrize(
    ("kind", "target", "said"),
    [
        (TransferKind.SPEND, AccountKind.PARTNER, "account_closed"),
        (TransferKind.DONATE, AccountKind.COMMUNITY_POT, "account_closed"),
        (TransferKind.GIFT, AccountKind.EARNED, "account_closed"),
        (TransferKind.HOLD, AccountKind.HELD, "account_closed"),
        (TransferKind.MERGE, AccountKind.EARNED, "account_closed"),
        (TransferKind.REVERSE, AccountKind.GROUP_POT, "posted"),
    ],
)
def test_a_closed_account_neither_gives_nor_takes_but_is_tidied_up(
    kind: TransferKind, target: AccountKind, said: str
) -> None:
    for closed in ("source", "target"):
        gives = account(AccountKind.EARNED, 60, closed=closed == "source")
        takes = account(target, closed=closed == "target")
        outcome = _judge(Draw(kind, (gives.id,), takes.id, 60), gives, takes)
        assert code(outcome) == said


def test_a_released_hold_comes_back_to_a_closed_or_expired_prescription() -> None:
    for ended in (
        account(AccountKind.PRESCRIBED, closed=True),
        account(AccountKind.PRESCRIBED, expires_on=TODAY - timedelta(days=1)),
    ):
        held = account(AccountKind.HELD, 60)
        assert code(_judge(Draw(TransferKind.RELEASE, (held.id,), ended.id, 60), held, ended)) == "posted"


def test_credits_can_be_used_on_their_last_day_and_not_on_the_day_after() -> None:
    for kind, target in ((TransferKind.SPEND, AccountKind.PARTNER), (TransferKind.HOLD, AccountKind.HELD)):
        for expires_on, said in ((TODAY, "posted"), (TODAY - timedelta(days=1), "credits_expired")):
            prescribed, takes = account(AccountKind.PRESCRIBED, 60, expires_on=expires_on), account(target)
            assert code(_judge(Draw(kind, (prescribed.id,), takes.id, 60), prescribed, takes)) == said
