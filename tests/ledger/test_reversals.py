"""Putting right by a mirror entry: once, wholly or as far as possible."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from tests.ledger.books import TODAY, Books, asks, draws, moves
from timecredits import ledger
from timecredits.database import new_id
from timecredits.errors import NotFound
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, Posted, TransferKind

LATER = TODAY + timedelta(days=30)


def _request(
    books: Books, entry_id: UUID, *, as_far_as_possible: bool = False, expired_to: UUID | None = None
) -> EntryRequest:
    with books.transaction() as session:
        return ledger.reversal(
            session,
            books.id,
            entry_id,
            actor_id=new_id(),
            effective_on=TODAY,
            as_far_as_possible=as_far_as_possible,
            expired_to=expired_to,
        )


def _reverse(books: Books, entry_id: UUID, *, today: date = TODAY, as_far_as_possible: bool = False) -> Posted:
    return books.post_one(_request(books, entry_id, as_far_as_possible=as_far_as_possible), today=today)


def test_every_reversible_kind_is_mirrored_and_all_balances_are_as_before(books: Books) -> None:
    earned, other = books.earned(new_id(), 60), books.earned(new_id(), 60)
    for account_id in (books.group, books.community, books.partner):
        books.fill(account_id, 60)
    with books.transaction() as session:
        before = ledger.trial_balance(session, books.id)
    entries = [
        books.move(kind, source_id, target_id, 60).entry_id
        for kind, source_id, target_id in [
            (TransferKind.ALLOCATE, books.fund, books.pot),
            (TransferKind.EARN, books.group, earned),
            (TransferKind.SPEND, earned, books.partner),
            (TransferKind.GIFT, earned, other),
            (TransferKind.DONATE, other, books.community),
            (TransferKind.GRANT, books.community, books.group),
            (TransferKind.RECYCLE, books.partner, books.community),
        ]
    ]
    reversals = [_reverse(books, entry_id) for entry_id in reversed(entries)]
    with books.transaction() as session:
        assert ledger.trial_balance(session, books.id) == before
        assert ledger.reversed_by(session, books.id, entries) == {
            entry_id: posted.entry_id for entry_id, posted in zip(reversed(entries), reversals, strict=True)
        }
    assert books.disagreement() is None


def test_a_spend_from_several_pots_is_mirrored_last_transfer_first(books: Books) -> None:
    owner_id = new_id()
    prescribed, earned = books.prescription(owner_id, 40), books.earned(owner_id, 100)
    spend = books.post_one(draws(TransferKind.SPEND, (prescribed, earned), books.partner, 60))
    mirror = _reverse(books, spend.entry_id)
    assert [(leg.kind, leg.source_id, leg.target_id, leg.minutes) for leg in mirror.legs] == [
        (TransferKind.REVERSE, books.partner, earned, 20),
        (TransferKind.REVERSE, books.partner, prescribed, 40),
    ]


def test_the_second_reversal_is_refused_also_when_both_are_in_one_call(books: Books) -> None:
    earned = books.earned(new_id(), 200)
    entry_id = books.move(TransferKind.SPEND, earned, books.partner, 60).entry_id
    outcomes = books.post(_request(books, entry_id), _request(books, entry_id))
    assert [type(outcome) for outcome in outcomes] == [Posted, ledger.AlreadyReversed]
    with pytest.raises(ledger.AlreadyReversed):
        _reverse(books, entry_id)
    assert books.balance(earned) == 200


def test_a_reversal_that_is_short_moves_nothing_and_says_by_how_much_in_all(books: Books) -> None:
    owner_id = new_id()
    prescribed, earned = books.prescription(owner_id, 40), books.earned(owner_id, 100)
    spend = books.post_one(draws(TransferKind.SPEND, (prescribed, earned), books.partner, 60))
    books.move(TransferKind.RECYCLE, books.partner, books.community, 55)
    with pytest.raises(ledger.ReversalShort) as refused:
        _reverse(books, spend.entry_id)
    assert refused.value.figures == {"shortfall_minutes": 55}
    assert [books.balance(each) for each in (prescribed, earned, books.partner)] == [0, 80, 5]


def test_a_reversal_as_far_as_possible_takes_what_is_there_and_counts_as_the_one_reversal(books: Books) -> None:
    earned = books.earned(new_id(), 100)
    spend = books.move(TransferKind.SPEND, earned, books.partner, 60)
    books.move(TransferKind.RECYCLE, books.partner, books.community, 35)
    mirror = _reverse(books, spend.entry_id, as_far_as_possible=True)
    assert (mirror.minutes, books.balance(earned), books.balance(books.partner)) == (25, 65, 0)
    with pytest.raises(ledger.AlreadyReversed):
        _reverse(books, spend.entry_id, as_far_as_possible=True)
    assert books.disagreement() is None


def test_as_far_as_possible_is_refused_where_nothing_at_all_is_there(books: Books) -> None:
    spend = books.move(TransferKind.SPEND, books.earned(new_id(), 60), books.partner, 60)
    books.move(TransferKind.RECYCLE, books.partner, books.community, 60)
    with pytest.raises(ledger.NothingToMove):
        _reverse(books, spend.entry_id, as_far_as_possible=True)


def test_what_comes_back_to_expired_credits_goes_on_to_their_pot(books: Books) -> None:
    owner_id = new_id()
    prescribed, earned = books.prescription(owner_id, 40, expires_on=TODAY), books.earned(owner_id, 100)
    spend = books.post_one(draws(TransferKind.SPEND, (prescribed, earned), books.partner, 60))
    in_time = _request(books, spend.entry_id)
    too_late = books.post_one(in_time, today=LATER)
    assert [leg.kind for leg in too_late.legs] == [TransferKind.REVERSE, TransferKind.REVERSE, TransferKind.EXPIRE]
    assert [books.balance(each) for each in (prescribed, earned, books.pot)] == [0, 100, 40]
    assert books.disagreement() is None


def test_what_comes_back_to_a_withdrawn_prescription_lapses_where_the_programme_says_so(books: Books) -> None:
    prescribed = books.prescription(new_id(), 40)
    spend = books.move(TransferKind.SPEND, prescribed, books.partner, 30)
    books.close(prescribed)
    books.post_one(draws(TransferKind.WITHDRAW, (prescribed,), books.expired, None))
    books.post_one(_request(books, spend.entry_id, expired_to=books.expired))
    assert [books.balance(each) for each in (prescribed, books.expired, books.partner)] == [0, 40, 0]
    assert books.disagreement() is None


def test_what_comes_back_in_time_stays(books: Books) -> None:
    prescribed = books.prescription(new_id(), 40, expires_on=TODAY)
    spend = books.move(TransferKind.SPEND, prescribed, books.partner, 30)
    mirror = _reverse(books, spend.entry_id)
    assert [leg.kind for leg in mirror.legs] == [TransferKind.REVERSE]
    assert books.balance(prescribed) == 40


def test_an_allocation_that_has_been_given_on_cannot_be_reversed(books: Books) -> None:
    entry_id = books.move(TransferKind.ALLOCATE, books.fund, books.group, 100).entry_id
    books.move(TransferKind.EARN, books.group, books.earned(new_id()), 30)
    with pytest.raises(ledger.ReversalShort) as refused:
        _reverse(books, entry_id)
    assert refused.value.figures == {"shortfall_minutes": 30}


def test_a_reversal_keeps_the_correlation_of_what_it_reverses(books: Books) -> None:
    correlation_id = new_id()
    spend = ledger.movement(TransferKind.SPEND, books.earned(new_id(), 10), books.partner, 10)
    entry_id = books.post_one(asks(EntryKind.SPEND, spend, correlation_id=correlation_id)).entry_id
    request = _request(books, entry_id)
    assert (request.kind, request.reverses, request.correlation_id) == (EntryKind.REVERSE, entry_id, correlation_id)


def test_what_has_an_action_of_its_own_is_not_reversed_but_named(books: Books) -> None:
    owner_id = new_id()
    earned, held = books.earned(owner_id, 60), books.open(AccountKind.HELD, owner_id=owner_id)
    entry_id = books.move(TransferKind.HOLD, earned, held, 60).entry_id
    with pytest.raises(ledger.NotReversible, match="Instead: cancel the booking"):
        _request(books, entry_id)
    reversal_id = _reverse(books, books.move(TransferKind.ALLOCATE, books.fund, books.pot, 5).entry_id).entry_id
    with pytest.raises(ledger.NotReversible):
        _request(books, reversal_id)


def test_what_does_not_exist_or_is_another_programmes_is_not_found(books: Books) -> None:
    with pytest.raises(NotFound):
        _request(books, new_id())


def test_money_for_a_reversal_is_seen_after_an_earlier_request_of_the_same_call(books: Books) -> None:
    earned = books.earned(new_id(), 60)
    first = books.move(TransferKind.SPEND, earned, books.partner, 60)
    outcomes = books.post(
        moves(TransferKind.RECYCLE, books.partner, books.community, 1),
        _request(books, first.entry_id),
        asks(EntryKind.SPEND, Draw(TransferKind.SPEND, (earned,), books.partner, None)),
    )
    assert [type(outcome) for outcome in outcomes] == [Posted, ledger.ReversalShort, ledger.NothingToMove]
