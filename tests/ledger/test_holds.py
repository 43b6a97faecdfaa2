"""Holds, and what follows from them: release and capture, in time and too late."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest

from tests.ledger.books import TODAY, Books, asks, draws
from timecredits import ledger
from timecredits.database import new_id
from timecredits.errors import NotFound
from timecredits.ledger import AccountKind, EntryKind, Posted, TransferKind

LATER = TODAY + timedelta(days=30)


class Somebody(NamedTuple):
    """A person with a prescription of 40 minutes that ends today, and 100 earned minutes."""

    id: UUID
    prescribed: UUID
    earned: UUID
    held: UUID

    def minutes(self, books: Books) -> list[int]:
        """Read prescribed, earned and held minutes."""
        return [books.balance(account_id) for account_id in self[1:]]


@pytest.fixture
def asha(books: Books) -> Somebody:
    """Have somebody with minutes of both kinds."""
    owner_id = new_id()
    return Somebody(
        owner_id,
        books.prescription(owner_id, 40, expires_on=TODAY),
        books.earned(owner_id, 100),
        books.open(AccountKind.HELD, owner_id=owner_id),
    )


def _hold(books: Books, who: Somebody, minutes: int) -> UUID:
    posted = books.post_one(draws(TransferKind.HOLD, (who.prescribed, who.earned), who.held, minutes))
    return posted.entry_id


def _capture(
    books: Books, hold_id: UUID, minutes: int, *, today: date = TODAY, expired_to: UUID | None = None
) -> Posted:
    with books.transaction() as session:
        request = ledger.capture(
            session,
            books.id,
            hold_id,
            target_id=books.partner,
            minutes=minutes,
            actor_id=new_id(),
            effective_on=today,
            expired_to=expired_to,
        )
    return books.post_one(request, today=today)


def _release(books: Books, hold_id: UUID, *, today: date = TODAY) -> Posted:
    with books.transaction() as session:
        request = ledger.release(session, books.id, hold_id, actor_id=new_id(), effective_on=today)
    return books.post_one(request, today=today)


def _legs(posted: Posted) -> Sequence[tuple[TransferKind, UUID, UUID, int]]:
    return [(leg.kind, leg.source_id, leg.target_id, leg.minutes) for leg in posted.legs]


def test_held_minutes_cannot_be_spent_elsewhere(books: Books, asha: Somebody) -> None:
    _hold(books, asha, 90)
    assert asha.minutes(books) == [0, 50, 90]
    with pytest.raises(ledger.InsufficientCredits) as refused:
        books.post_one(draws(TransferKind.SPEND, (asha.prescribed, asha.earned), books.partner, 51))
    assert refused.value.figures == {"needed_minutes": 51, "available_minutes": 50}


def test_a_release_gives_each_account_back_what_it_had_given(books: Books, asha: Somebody) -> None:
    hold_id = _hold(books, asha, 90)
    posted = _release(books, hold_id)
    assert asha.minutes(books) == [40, 100, 0]
    assert (posted.request.kind, posted.request.correlation_id) == (EntryKind.RELEASE, hold_id)
    assert books.disagreement() is None


def test_a_capture_releases_and_then_spends_from_the_pots_that_had_paid(books: Books, asha: Somebody) -> None:
    posted = _capture(books, _hold(books, asha, 90), 90)
    assert _legs(posted) == [
        (TransferKind.RELEASE, asha.held, asha.prescribed, 40),
        (TransferKind.RELEASE, asha.held, asha.earned, 50),
        (TransferKind.SPEND, asha.prescribed, books.partner, 40),
        (TransferKind.SPEND, asha.earned, books.partner, 50),
    ]
    assert asha.minutes(books) == [0, 50, 0]
    assert books.disagreement() is None


@pytest.mark.parametrize(
    ("minutes", "left"), [(60, [0, 80, 0]), (40, [0, 100, 0]), (15, [25, 100, 0]), (0, [40, 100, 0])]
)
def test_a_smaller_party_spends_less_and_keeps_the_rest(
    books: Books, asha: Somebody, minutes: int, left: list[int]
) -> None:
    _capture(books, _hold(books, asha, 90), minutes)
    assert asha.minutes(books) == left
    assert books.balance(books.partner) == minutes


def test_a_capture_of_more_than_was_held_is_refused(books: Books, asha: Somebody) -> None:
    hold_id = _hold(books, asha, 90)
    with pytest.raises(ledger.MoreThanHeld):
        _capture(books, hold_id, 91)
    assert asha.minutes(books) == [0, 50, 90]


def test_a_booking_made_in_time_is_honoured_and_what_is_left_of_expired_credits_goes_back_to_the_pot(
    books: Books, asha: Somebody
) -> None:
    posted = _capture(books, _hold(books, asha, 90), 30, today=LATER)
    assert _legs(posted)[-2:] == [
        (TransferKind.SPEND, asha.prescribed, books.partner, 30),
        (TransferKind.EXPIRE, asha.prescribed, books.pot, 10),
    ]
    assert asha.minutes(books) == [0, 100, 0]
    assert (books.balance(books.partner), books.balance(books.pot)) == (30, 10)
    assert books.disagreement() is None


def test_a_capture_honours_a_booking_although_the_prescription_was_withdrawn_since(
    books: Books, asha: Somebody
) -> None:
    hold_id = _hold(books, asha, 30)
    books.close(asha.prescribed)
    books.post_one(draws(TransferKind.WITHDRAW, (asha.prescribed,), books.pot, None))
    assert books.balance(books.pot) == 10
    _capture(books, hold_id, 20)
    assert (asha.minutes(books), books.balance(books.partner), books.balance(books.pot)) == ([0, 100, 0], 20, 20)
    assert books.disagreement() is None


def test_expired_minutes_lapse_where_the_programme_keeps_them(books: Books, asha: Somebody) -> None:
    _capture(books, _hold(books, asha, 40), 30, today=LATER, expired_to=books.expired)
    assert (books.balance(books.expired), books.balance(books.pot)) == (10, 0)
    assert books.disagreement() is None


def test_a_release_after_the_last_day_moves_on_in_the_same_entry(books: Books, asha: Somebody) -> None:
    posted = _release(books, _hold(books, asha, 90), today=LATER)
    assert _legs(posted)[-1] == (TransferKind.EXPIRE, asha.prescribed, books.pot, 40)
    assert (asha.minutes(books), books.balance(books.pot)) == ([0, 100, 0], 40)


def test_a_hold_from_expired_credits_is_refused(books: Books, asha: Somebody) -> None:
    with pytest.raises(ledger.CreditsExpired):
        books.post_one(draws(TransferKind.HOLD, (asha.prescribed,), asha.held, 10), today=LATER)


def test_a_second_release_finds_nothing_held(books: Books, asha: Somebody) -> None:
    hold_id = _hold(books, asha, 90)
    _release(books, hold_id)
    with pytest.raises(ledger.InsufficientCredits):
        _release(books, hold_id)


def test_a_hold_that_does_not_exist_is_not_found(books: Books) -> None:
    with pytest.raises(NotFound):
        _release(books, new_id())


def test_what_is_no_hold_cannot_be_released(books: Books, asha: Somebody) -> None:
    spend = books.post_one(draws(TransferKind.SPEND, (asha.earned,), books.partner, 10))
    with pytest.raises(ledger.IllegalTransfer):
        _release(books, spend.entry_id)


def test_an_entry_that_claims_to_be_a_capture_holds_nothing_else(books: Books, asha: Somebody) -> None:
    books.close(asha.earned)
    gift = ledger.movement(TransferKind.GIFT, asha.earned, books.open(AccountKind.EARNED), 10)
    with pytest.raises(ledger.IllegalTransfer):
        books.post_one(asks(EntryKind.CAPTURE, gift))
