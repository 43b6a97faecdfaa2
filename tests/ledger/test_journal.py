"""Reading the journal: pages of entries, and their transfers."""

from datetime import timedelta

import pytest

from tests.conftest import NOW
from tests.ledger.books import Books, draws, moves
from timecredits import ledger
from timecredits.database import new_id
from timecredits.errors import NotFound
from timecredits.ledger import AccountKind, JournalEntry, JournalLeg, TransferKind


def _pages(books: Books, limit: int) -> list[JournalEntry]:
    found: list[JournalEntry] = []
    with books.transaction() as session:
        while page := ledger.entries(
            session, books.id, before=(found[-1].recorded_at, found[-1].id) if found else None, limit=limit
        ):
            assert len(page) <= limit
            found += page
    return found


def test_pages_of_the_journal_are_newest_first_and_lose_nothing(books: Books) -> None:
    pots = [books.open(AccountKind.FUND, floor=-100) for _ in range(5)]
    for hour in (1, 0):
        requests = [moves(TransferKind.ALLOCATE, pot, books.open(AccountKind.GROUP_POT), 10) for pot in pots]
        books.post(*requests, now=NOW + timedelta(hours=hour))
    whole = [(entry.recorded_at, entry.id) for entry in _pages(books, 100)]
    assert len(whole) == 10
    assert whole == sorted(whole, reverse=True)
    for limit in (1, 3, 4, 10):
        assert [(entry.recorded_at, entry.id) for entry in _pages(books, limit)] == whole


def test_the_legs_of_an_entry_name_the_kinds_of_both_accounts_in_order(books: Books) -> None:
    owner_id = new_id()
    prescribed, earned = books.prescription(owner_id, 40), books.earned(owner_id, 100)
    spend = books.post_one(draws(TransferKind.SPEND, (prescribed, earned), books.partner, 60))
    with books.transaction() as session:
        entry = ledger.entry(session, books.id, spend.entry_id)
        legs = ledger.legs(session, books.id, [spend.entry_id, unknown := new_id()])
    assert (entry.kind, entry.recorded_at, entry.actor_id) == ("spend", spend.recorded_at, spend.request.actor_id)
    partner = (books.partner, AccountKind.PARTNER)
    assert legs == {
        spend.entry_id: [
            JournalLeg(TransferKind.SPEND, prescribed, AccountKind.PRESCRIBED, *partner, 40),
            JournalLeg(TransferKind.SPEND, earned, AccountKind.EARNED, *partner, 20),
        ],
        unknown: [],
    }


def test_an_entry_that_does_not_exist_is_not_found(books: Books) -> None:
    with books.transaction() as session, pytest.raises(NotFound):
        ledger.entry(session, books.id, new_id())
