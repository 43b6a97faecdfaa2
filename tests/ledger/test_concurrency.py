"""Real transactions at once: each decision is made on what is there, and nobody waits for ever."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from itertools import pairwise
from threading import Barrier
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import select

from tests.conftest import NOW
from tests.ledger.books import TODAY, Books, asks, code, draws, moves
from timecredits import ledger
from timecredits.database import new_id
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, TransferKind
from timecredits.ledger.models import Account

T = TypeVar("T")


def _at_once(*jobs: Callable[[], T]) -> list[T]:
    """Run each job in a thread of its own, all starting together."""
    start = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        start.wait(timeout=10)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_an_account_that_the_session_has_seen_before_is_not_spent_twice(books: Books) -> None:
    earned = books.earned(new_id(), 60)
    with books.programme.session() as first:
        first.begin()
        seen = first.scalars(select(Account).where(Account.id == earned)).one()
        assert seen.balance == 60
        books.move(TransferKind.SPEND, earned, books.partner, 50)
        with pytest.raises(ledger.InsufficientCredits) as refused:
            ledger.post_one(first, books.id, moves(TransferKind.SPEND, earned, books.partner, 50), now=NOW, today=TODAY)
        assert refused.value.figures == {"needed_minutes": 50, "available_minutes": 10}
        first.commit()
    assert (books.balance(earned), books.balance(books.partner)) == (10, 50)
    assert books.disagreement() is None


def test_a_spend_waits_for_the_one_before_it_and_then_sees_what_is_left(books: Books) -> None:
    earned = books.earned(new_id(), 60)
    with books.programme.session() as first, ThreadPoolExecutor(1) as pool:
        first.begin()
        ledger.post(first, books.id, [moves(TransferKind.SPEND, earned, books.partner, 50)], now=NOW, today=TODAY)
        second = pool.submit(books.post, moves(TransferKind.SPEND, earned, books.partner, 50))
        wait([second], timeout=0.3)
        assert not second.done()
        first.commit()
        assert [code(outcome) for outcome in second.result(timeout=10)] == ["insufficient_credits"]
    assert books.balance(earned) == 10


def test_a_locked_account_can_still_be_read_and_referred_to(books: Books) -> None:
    with books.transaction() as session:
        ledger.post(session, books.id, [moves(TransferKind.ALLOCATE, books.fund, books.pot, 60)], now=NOW, today=TODAY)
        assert books.balance(books.pot) == 0
        books.open(AccountKind.PRESCRIBED, origin_id=books.pot)


def test_gifts_in_opposite_directions_do_not_deadlock(books: Books) -> None:
    asha, bilal = books.earned(new_id(), 1_000), books.earned(new_id(), 1_000)

    def give(source_id: UUID, target_id: UUID) -> list[str]:
        return [code(books.post(moves(TransferKind.GIFT, source_id, target_id, 7))[0]) for _ in range(15)]

    outcomes = _at_once(*[lambda: give(asha, bilal), lambda: give(bilal, asha)] * 3)
    assert {each for outcome in outcomes for each in outcome} == {"posted"}
    assert (books.balance(asha), books.balance(bilal)) == (1_000, 1_000)
    assert books.disagreement() is None


def test_batches_over_the_same_accounts_in_any_order_do_not_deadlock(books: Books) -> None:
    people = [books.earned(new_id(), 1_000) for _ in range(6)]

    def give(order: Sequence[UUID]) -> set[str]:
        said = set()
        for _ in range(10):
            requests = [moves(TransferKind.GIFT, *pair, 3) for pair in pairwise(order)]
            said |= {code(outcome) for outcome in books.post(*requests)}
        return said

    orders = (people, people[::-1], people[3:] + people[:3], people[::2] + people[1::2])
    assert _at_once(*[lambda order=order: give(order) for order in orders]) == [{"posted"}] * 4
    assert sum(books.balance(each) for each in people) == 6_000


def _race(books: Books, *requests: EntryRequest) -> list[str]:
    """Post each in a transaction of its own, at once; half of them on the day after the last."""
    late = TODAY + timedelta(days=1)
    jobs = [
        lambda request=request: books.post(request, today=late if request.kind is EntryKind.EXPIRE else TODAY)
        for request in requests
    ]
    return [code(outcome) for (outcome,) in _at_once(*jobs)]


@pytest.mark.parametrize("attempt", range(5))
def test_hold_spend_expiry_and_withdrawal_racing_for_one_prescription_share_out_what_there_is(
    books: Books, attempt: int
) -> None:
    owner_id = new_id()
    prescribed = books.prescription(owner_id, 60, expires_on=TODAY)
    held = books.open(AccountKind.HELD, owner_id=owner_id)
    requests = [
        draws(TransferKind.HOLD, (prescribed,), held, 40),
        draws(TransferKind.SPEND, (prescribed,), books.partner, 40),
        asks(EntryKind.EXPIRE, Draw(TransferKind.EXPIRE, (prescribed,), books.pot, None, when_ended=True)),
        draws(TransferKind.WITHDRAW, (prescribed,), books.pot, None),
    ]
    order = [(attempt + place) % 4 for place in range(4)]
    said = dict(zip(order, _race(books, *(requests[place] for place in order)), strict=True))
    hold, spend, expiry, withdrawal = (said[place] == "posted" for place in range(4))
    assert not (hold and spend)
    assert expiry or withdrawal
    assert books.balance(prescribed) == 0
    assert (books.balance(held), books.balance(books.partner)) == (40 * hold, 40 * spend)
    assert books.balance(books.pot) == 60 - 40 * (hold or spend)
    assert books.disagreement() is None


def test_of_two_reversals_at_once_one_succeeds(books: Books) -> None:
    earned = books.earned(new_id(), 600)
    for _ in range(5):
        spend = books.move(TransferKind.SPEND, earned, books.partner, 60)
        books.fill(books.partner, 60)

        def reverse(entry_id: UUID = spend.entry_id) -> str:
            with books.transaction() as session:
                request = ledger.reversal(session, books.id, entry_id, actor_id=new_id(), effective_on=TODAY)
                return code(ledger.post(session, books.id, [request], now=NOW, today=TODAY)[0])

        assert sorted(_at_once(reverse, reverse, reverse)) == ["already_reversed", "already_reversed", "posted"]
    assert books.balance(earned) == 600
    assert books.disagreement() is None


def test_closing_a_prescription_and_spending_it_at_once_leaves_nothing_behind(books: Books) -> None:
    for _ in range(5):
        prescribed = books.prescription(new_id(), 60)
        before = books.balance(books.partner) + books.balance(books.pot)

        def withdraw(account_id: UUID = prescribed) -> str:
            with books.transaction() as session:
                ledger.close_accounts(session, books.id, {account_id}, lock_also={books.pot}, now=NOW)
                request = draws(TransferKind.WITHDRAW, (account_id,), books.pot, None)
                return code(ledger.post(session, books.id, [request], now=NOW, today=TODAY)[0])

        def spend(account_id: UUID = prescribed) -> str:
            return code(books.post(moves(TransferKind.SPEND, account_id, books.partner, 60))[0])

        assert tuple(_at_once(withdraw, spend)) in {("posted", "account_closed"), ("nothing_to_move", "posted")}
        assert books.balance(prescribed) == 0
        assert books.balance(books.partner) + books.balance(books.pot) == before + 60


def test_withdrawing_locks_at_once_what_it_will_empty_so_that_a_sweep_does_not_deadlock_with_it(books: Books) -> None:
    prescribed = books.prescription(new_id(), 60)
    assert books.pot < prescribed
    with books.programme.session() as session, ThreadPoolExecutor(1) as pool:
        session.begin()
        ledger.close_accounts(session, books.id, {prescribed}, lock_also={books.pot}, now=NOW)
        sweep = pool.submit(books.post, draws(TransferKind.EXPIRE, (prescribed,), books.pot, None))
        wait([sweep], timeout=0.3)
        request = draws(TransferKind.WITHDRAW, (prescribed,), books.pot, None)
        ledger.post_one(session, books.id, request, now=NOW, today=TODAY)
        session.commit()
        assert [code(outcome) for outcome in sweep.result(timeout=10)] == ["nothing_to_move"]


def test_a_fund_is_not_lowered_below_what_is_allocated_at_the_same_time(books: Books) -> None:
    for _ in range(5):
        fund = books.open(AccountKind.FUND, floor=-100)

        def lower(account_id: UUID = fund) -> int:
            with books.transaction() as session:
                return ledger.authorise_fund(session, books.id, account_id, minutes=50)

        def allocate(account_id: UUID = fund) -> int:
            outcome = books.post(moves(TransferKind.ALLOCATE, account_id, books.group, 80))[0]
            return 80 * (code(outcome) == "posted")

        issued, allocated = _at_once(lower, allocate)
        assert (issued, allocated) in {(80, 80), (0, 0)}
        assert books.balance(fund) == -allocated
