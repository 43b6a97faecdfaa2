"""What a person reads: their balance, what it was, and the pages of their statement."""

from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from uuid import UUID

import pytest

from tests.conftest import NOW
from tests.ledger.books import TODAY, Books, asks, draws, moves
from timecredits import ledger
from timecredits.database import ProgrammeSession, new_id
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, Line, TransferKind

ALL = 10_000
TOMORROW = TODAY + timedelta(days=1)


class Person:
    """Somebody with two prescriptions, companion minutes, time given, and minutes held."""

    def __init__(self, books: Books) -> None:
        """Open their accounts, empty."""
        self.books = books
        self.id = new_id()
        self.soon, self.later, self.companion = (
            books.open(kind, owner_id=self.id, origin_id=books.pot, expires_on=expires_on)
            for kind, expires_on in [
                (AccountKind.PRESCRIBED, TODAY),
                (AccountKind.PRESCRIBED, TOMORROW),
                (AccountKind.COMPANION, TOMORROW),
            ]
        )
        self.earned = books.open(AccountKind.EARNED, owner_id=self.id)
        self.held = books.open(AccountKind.HELD, owner_id=self.id)

    @property
    def pots(self) -> tuple[UUID, ...]:
        """Say from where they spend, in order."""
        return (self.soon, self.later, self.earned)

    def statement(self, *, before: tuple[datetime, UUID] | None = None, limit: int = ALL) -> list[Line]:
        """Read a page."""
        with self.books.transaction() as session:
            return ledger.statement(session, self.books.id, self.id, before=before, limit=limit)

    def pages(self, limit: int) -> list[Line]:
        """Read page after page, until one is empty."""
        found: list[Line] = []
        while page := self.statement(
            before=(found[-1].recorded_at, found[-1].entry_id) if found else None, limit=limit
        ):
            assert len(page) <= limit
            found += page
        return found


@pytest.fixture
def asha(books: Books) -> Person:
    """Have somebody."""
    return Person(books)


@pytest.fixture
def busy(books: Books, asha: Person) -> Person:
    """Have somebody with a long history, of which much happened at one and the same time."""
    bilal = Person(books)
    dice = Random(7)
    for account_id in (books.pot, books.group):
        books.fill(account_id, 10_000)
    for _ in range(12):
        requests = [_something(books, [asha, bilal], dice) for _ in range(12)]
        # Time stands still for most of it: accounts that do not touch each other share their times.
        books.post(*requests, now=NOW + timedelta(hours=dice.randint(0, 2)))
    assert books.disagreement() is None
    return asha


def _something(books: Books, people: list[Person], dice: Random) -> EntryRequest:
    who, other = dice.sample(people, 2)
    minutes = dice.randint(1, 90)
    return dice.choice(
        [
            moves(TransferKind.EARN, books.group, who.earned, minutes),
            moves(TransferKind.PRESCRIBE, books.pot, who.soon, minutes),
            asks(
                EntryKind.PRESCRIBE,
                ledger.movement(TransferKind.PRESCRIBE, books.pot, who.later, minutes),
                ledger.movement(TransferKind.PRESCRIBE, books.pot, who.companion, minutes),
            ),
            draws(TransferKind.SPEND, who.pots, books.partner, minutes),
            draws(TransferKind.SPEND, (who.companion,), books.partner, minutes),
            draws(TransferKind.HOLD, (*who.pots, who.companion), who.held, minutes),
            moves(TransferKind.RELEASE, who.held, who.earned, minutes),
            moves(TransferKind.GIFT, who.earned, other.earned, minutes),
            draws(TransferKind.EXPIRE, (who.soon, who.later), books.pot, None),
        ]
    )


def _figures(lines: list[Line]) -> list[tuple[EntryKind, int, int]]:
    return [(line.kind, line.minutes, line.balance_after_minutes) for line in lines]


def test_a_statement_has_one_line_an_entry_with_the_net_change_newest_first(books: Books, asha: Person) -> None:
    books.fill(asha.soon, 40)
    books.fill(asha.earned, 100)
    spend = books.post_one(draws(TransferKind.SPEND, asha.pots, books.partner, 60))
    lines = asha.statement()
    assert _figures(lines) == [
        (EntryKind.SPEND, -60, 80),
        (EntryKind.EARN, 100, 140),
        (EntryKind.PRESCRIBE, 40, 40),
    ]
    assert (lines[0].entry_id, lines[0].recorded_at) == (spend.entry_id, spend.recorded_at)
    assert (lines[0].effective_on, lines[0].reverses) == (TODAY, None)


def test_a_hold_takes_from_what_is_available_and_a_capture_gives_back_only_the_rest(books: Books, asha: Person) -> None:
    books.fill(asha.earned, 100)
    hold = books.post_one(draws(TransferKind.HOLD, asha.pots, asha.held, 60))
    with books.transaction() as session:
        request = ledger.capture(
            session,
            books.id,
            hold.entry_id,
            target_id=books.partner,
            minutes=45,
            actor_id=new_id(),
            effective_on=TODAY,
        )
    books.post_one(request)
    assert _figures(asha.statement())[:2] == [(EntryKind.CAPTURE, 15, 55), (EntryKind.HOLD, -60, 40)]


def test_companion_minutes_have_no_line_of_their_own_and_are_not_available(books: Books, asha: Person) -> None:
    books.fill(asha.companion, 60)
    assert asha.statement() == []
    with books.transaction() as session:
        found = ledger.balance(session, books.id, asha.id, today=TODAY)
    assert (found.available_minutes, found.companion_minutes, found.held_minutes) == (0, 60, 0)


def test_a_reversal_names_what_it_reverses(books: Books, asha: Person) -> None:
    books.fill(asha.earned, 60)
    spend = books.post_one(draws(TransferKind.SPEND, asha.pots, books.partner, 60))
    with books.transaction() as session:
        mirror = ledger.reversal(session, books.id, spend.entry_id, actor_id=new_id(), effective_on=TODAY)
    books.post_one(mirror)
    assert asha.statement()[0].reverses == spend.entry_id
    assert _figures(asha.statement())[0] == (EntryKind.REVERSE, 60, 60)


def test_the_running_balance_is_what_the_lines_add_up_to(busy: Person) -> None:
    lines = busy.statement()[::-1]
    assert len(lines) > 30
    assert [line.balance_after_minutes for line in lines] == list(accumulate(line.minutes for line in lines))
    assert lines == sorted(lines, key=lambda line: (line.recorded_at, line.entry_id))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 10, 16, 25, 50, ALL])
def test_pages_of_any_size_give_the_same_lines_as_one_big_page(busy: Person, limit: int) -> None:
    assert busy.pages(limit) == busy.statement()


def test_an_entry_of_several_legs_is_one_line_wherever_the_page_ends(books: Books, asha: Person) -> None:
    for _ in range(3):
        for account_id in asha.pots:
            books.fill(account_id, 10)
        for minutes in (3, 2):
            places = (books.partner, books.group)
            parts = [Draw(TransferKind.SPEND, (each,), place, minutes) for each in asha.pots for place in places]
            books.post_one(asks(EntryKind.SPEND, *parts))
    whole = asha.statement()
    assert [line.minutes for line in whole[:5]] == [-12, -18, 10, 10, 10]
    assert len(whole) == 15
    for limit in (1, 2, 3, 4, 14):
        assert asha.pages(limit) == whole


def test_entries_that_share_a_time_are_all_on_the_statement_and_paged_without_loss(books: Books, asha: Person) -> None:
    books.fill(books.pot, 100)
    origins = [books.open(AccountKind.PRESCRIBING_POT, origin_id=books.fund) for _ in range(6)]
    targets = [books.open(AccountKind.PRESCRIBED, owner_id=asha.id, origin_id=origin_id) for origin_id in origins]
    books.post(*[moves(TransferKind.ALLOCATE, books.fund, origin_id, 10) for origin_id in origins])
    later = NOW + timedelta(days=1)
    pairs = zip(origins, targets, strict=True)
    books.post(*[moves(TransferKind.PRESCRIBE, *pair, 10) for pair in pairs], now=later)
    lines = asha.statement()
    assert {line.recorded_at for line in lines} == {later}
    assert [line.balance_after_minutes for line in lines] == [60, 50, 40, 30, 20, 10]
    for limit in (1, 2, 4, 5):
        assert asha.pages(limit) == lines


def _available_at(session: ProgrammeSession, who: Person, at: datetime) -> int:
    found = ledger.balance_at(session, who.books.id, who.id, at=at, on=TODAY)
    return found.available_minutes


def test_the_balance_at_a_time_is_the_last_line_at_or_before_it(books: Books, busy: Person) -> None:
    last_of: dict[datetime, int] = {}
    for line in busy.statement()[::-1]:
        last_of[line.recorded_at] = line.balance_after_minutes
    times = sorted(last_of)
    with books.transaction() as session:
        assert _available_at(session, busy, times[0] - timedelta(microseconds=1)) == 0
        for at in times:
            assert _available_at(session, busy, at) == last_of[at]
        assert ledger.balance_at(session, books.id, busy.id, at=times[-1], on=TODAY) == ledger.balance(
            session, books.id, busy.id, today=TODAY
        )


def test_what_is_past_its_last_day_is_not_available_swept_or_not(books: Books, asha: Person) -> None:
    for account_id, minutes in ((asha.soon, 10), (asha.later, 20), (asha.companion, 5), (asha.earned, 40)):
        books.fill(account_id, minutes)
    held = asks(EntryKind.HOLD, Draw(TransferKind.HOLD, (asha.soon,), asha.held, 3))
    books.post_one(held)
    for days, available, companion in [(0, 67, 5), (1, 60, 5), (2, 40, 0)]:
        with books.transaction() as session:
            today = TODAY + timedelta(days=days)
            found = ledger.balance(session, books.id, asha.id, today=today)
            at_a_time = ledger.balance_at(session, books.id, asha.id, at=NOW + timedelta(hours=1), on=today)
        assert found == at_a_time
        assert (found.available_minutes, found.companion_minutes, found.held_minutes) == (available, companion, 3)


def test_a_persons_pots_are_listed_soonest_expiring_first(books: Books, asha: Person) -> None:
    with books.transaction() as session:
        pots = ledger.pots_of(session, books.id, [asha.id, other := new_id()])
    assert pots[other] == []
    kinds = [pot.kind for pot in pots[asha.id]]
    assert kinds[0] is AccountKind.PRESCRIBED
    assert set(kinds[1:3]) == {AccountKind.PRESCRIBED, AccountKind.COMPANION}
    assert set(kinds[3:]) == {AccountKind.EARNED, AccountKind.HELD}


def test_the_trial_balance_adds_up_each_kind(books: Books, asha: Person) -> None:
    books.fill(asha.earned, 60)
    books.fill(asha.soon, 40)
    books.post_one(draws(TransferKind.SPEND, asha.pots, books.partner, 50))
    with books.transaction() as session:
        found = ledger.trial_balance(session, books.id)
    assert {kind: minutes for kind, minutes in found.items() if minutes} == {
        AccountKind.FUND: -100,
        AccountKind.EARNED: 50,
        AccountKind.PARTNER: 50,
    }
