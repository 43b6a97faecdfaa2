"""A refused request leaves every byte as it was, alone and among others that are accepted."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.conftest import NOW
from tests.ledger.books import TODAY, Books, asks, code, draws, every_byte, moves
from timecredits import ledger
from timecredits.database import new_id
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, Posted, TransferKind

SPEND = TransferKind.SPEND


def _too_much(books: Books) -> EntryRequest:
    return moves(SPEND, books.earned(new_id(), 60), books.partner, 61)


def _second_leg_too_much(books: Books) -> EntryRequest:
    prescribed, earned = books.prescription(new_id(), 40), books.earned(new_id(), 60)
    return asks(
        EntryKind.SPEND,
        ledger.movement(SPEND, earned, books.partner, 60),
        ledger.movement(SPEND, prescribed, books.partner, 40),
        ledger.movement(SPEND, earned, books.group, 1),
    )


def _second_leg_illegal(books: Books) -> EntryRequest:
    earned = books.earned(new_id(), 60)
    return asks(
        EntryKind.SPEND,
        ledger.movement(SPEND, earned, books.partner, 30),
        ledger.movement(SPEND, earned, books.notes, 30),
    )


def _second_leg_unknown(books: Books) -> EntryRequest:
    earned = books.earned(new_id(), 60)
    return asks(
        EntryKind.SPEND, ledger.movement(SPEND, earned, books.partner, 30), ledger.movement(SPEND, earned, new_id(), 30)
    )


def _closed(books: Books) -> EntryRequest:
    earned = books.earned(new_id(), 60)
    books.close(earned)
    return moves(SPEND, earned, books.partner, 10)


def _expired(books: Books) -> EntryRequest:
    prescribed = books.prescription(new_id(), 60, expires_on=TODAY - timedelta(days=1))
    return moves(SPEND, prescribed, books.partner, 10)


def _nothing(books: Books) -> EntryRequest:
    return draws(SPEND, (books.earned(new_id()),), books.partner, None)


def _out_of_range(books: Books) -> EntryRequest:
    return moves(SPEND, books.earned(new_id(), 60), books.partner, -10)


def _over_returned(books: Books) -> EntryRequest:
    books.fill(books.group, 60)
    other_fund = books.open(AccountKind.FUND, floor=-100)
    return moves(TransferKind.RETURN_ALLOCATION, books.group, other_fund, 60)


def _reversed_before(books: Books) -> EntryRequest:
    earned = books.earned(new_id(), 60)
    spend = books.move(SPEND, earned, books.partner, 60)
    mirror = Draw(TransferKind.REVERSE, (books.partner,), earned, 30)
    books.post_one(asks(EntryKind.REVERSE, mirror, reverses=spend.entry_id))
    return asks(EntryKind.REVERSE, mirror, reverses=spend.entry_id)


def _short(books: Books) -> EntryRequest:
    first, second = books.earned(new_id(), 60), books.earned(new_id(), 60)
    spend = books.post_one(draws(SPEND, (first, second), books.partner, 120))
    books.move(TransferKind.RECYCLE, books.partner, books.community, books.balance(books.partner) - 90)
    return asks(
        EntryKind.REVERSE,
        Draw(TransferKind.REVERSE, (books.partner,), second, 60),
        Draw(TransferKind.REVERSE, (books.partner,), first, 60),
        reverses=spend.entry_id,
    )


REFUSED: dict[str, Callable[[Books], EntryRequest]] = {
    "insufficient_credits": _too_much,
    "insufficient_credits after two good legs": _second_leg_too_much,
    "illegal_transfer after a good leg": _second_leg_illegal,
    "not_found after a good leg": _second_leg_unknown,
    "account_closed": _closed,
    "credits_expired": _expired,
    "nothing_to_move": _nothing,
    "minutes_out_of_range": _out_of_range,
    "fund_over_returned": _over_returned,
    "already_reversed": _reversed_before,
    "reversal_short after a good leg": _short,
}


def _code_of(why: str) -> str:
    return why.partition(" ")[0]


def _digest(books: Books) -> list[str]:
    with books.transaction() as session:
        return every_byte(session)


@pytest.mark.parametrize("why", REFUSED)
def test_a_refused_request_changes_no_byte(books: Books, why: str) -> None:
    request = REFUSED[why](books)
    before = _digest(books)
    (outcome,) = books.post(request)
    assert code(outcome) == _code_of(why)
    assert _digest(books) == before


def test_refused_requests_in_a_batch_leave_only_what_the_accepted_ones_did(books: Books) -> None:
    refused = [make(books) for make in REFUSED.values()]
    earned = books.earned(new_id(), 600)
    batch = []
    for request in refused:
        batch += [request, moves(TransferKind.DONATE, earned, books.community, 10)]
    before = _rows(books)
    outcomes = books.post(*batch)
    assert [code(outcome) for outcome in outcomes[::2]] == [_code_of(why) for why in REFUSED]
    posted = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
    assert [outcome.request for outcome in posted] == batch[1::2]
    after = _rows(books)
    changed = {each for each in after if after[each] != before.get(each)}
    assert changed == {str(outcome.entry_id) for outcome in posted} | {str(earned), str(books.community)}
    assert set(before) <= set(after)
    assert books.balance(earned) == 600 - 10 * len(refused)
    assert books.disagreement() is None


def _rows(books: Books) -> dict[str, str]:
    """Give the text of each account and of each entry with its transfers, by id."""
    with books.transaction() as session:
        return dict(
            session.connection()
            .exec_driver_sql(
                "SELECT id::text, account::text FROM account UNION ALL "
                "SELECT id::text, entry::text || string_agg(transfer::text, '|' ORDER BY leg) "
                "FROM journal_entry AS entry JOIN transfer ON entry_id = id GROUP BY id, entry"
            )
            .all()
        )


def test_what_was_posted_before_a_refusal_in_one_transaction_goes_when_that_is_not_committed(books: Books) -> None:
    earned = books.earned(new_id(), 60)
    before = _digest(books)
    with books.programme.session() as session:
        session.begin()
        ledger.post_one(session, books.id, moves(SPEND, earned, books.partner, 60), now=NOW, today=TODAY)
        with pytest.raises(ledger.InsufficientCredits):
            ledger.post_one(session, books.id, moves(SPEND, earned, books.partner, 60), now=NOW, today=TODAY)
    assert _digest(books) == before
