"""The state machine's frame: the books and their shadow, one way to post in both, and the comparison."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from sqlalchemy.orm import sessionmaker

from tests.conftest import NOW, make_programme
from tests.ledger.books import TODAY, Books, asks, code
from tests.ledger.shadow import Done, Move, Person, Prescription, Shadow
from timecredits import ledger
from timecredits.database import ProgrammeSession
from timecredits.ledger import AccountKind, Draw, EntryRequest, Posted, TransferKind

FLOOR = -3_000

T = TypeVar("T")
amounts = st.one_of(st.integers(1, 90), st.sampled_from([300, 10**9]))
which = st.integers(0, 2)
# An index into a list whose length is known only later.
some = st.integers(0, 1_000)

REMEMBERED = {
    TransferKind.ALLOCATE,
    TransferKind.EARN,
    TransferKind.GIFT,
    TransferKind.DONATE,
    TransferKind.GRANT,
    TransferKind.RECYCLE,
}


def requested(kind: TransferKind, moves: Sequence[Move]) -> EntryRequest:
    """Ask for these movements in one entry."""
    return asks(kind, *(ledger.movement(kind, *move) for move in moves))


def drawn(kind: TransferKind, sources: Sequence[UUID], target: UUID, minutes: int | None) -> EntryRequest:
    """Ask for one draw."""
    return asks(kind, Draw(kind, tuple(sources), target, minutes))


def pick(found: Sequence[T], index: int) -> T:
    """Choose one, whatever the index."""
    return found[index % len(found)]


def _lines(lines: list[ledger.Line]) -> list[tuple[UUID, int, int]]:
    return [(line.entry_id, line.minutes, line.balance_after_minutes) for line in lines]


class Machine(RuleBasedStateMachine):
    """Three people, one of each other account, and days that pass."""

    sessions: sessionmaker[ProgrammeSession]

    @initialize()
    def open(self) -> None:
        """Open the books."""
        self.books = books = Books(make_programme(self.sessions))
        self.shadow = shadow = Shadow()
        shadow.today = TODAY
        self.seconds = 0
        self.fund = books.open(AccountKind.FUND, floor=FLOOR)
        self.pot = books.open(AccountKind.PRESCRIBING_POT, origin_id=self.fund)
        shadow.add(AccountKind.FUND, self.fund)
        shadow.add(AccountKind.PRESCRIBING_POT, self.pot)
        for kind, account_id in [
            (AccountKind.GROUP_POT, books.group),
            (AccountKind.COMMUNITY_POT, books.community),
            (AccountKind.PARTNER, books.partner),
            (AccountKind.NOTES, books.notes),
            (AccountKind.EXPIRED, books.expired),
        ]:
            shadow.add(kind, account_id)
        for _ in range(3):
            owner_id = uuid4()
            kinds = (AccountKind.EARNED, AccountKind.HELD)
            earned, held = (shadow.add(kind, books.open(kind, owner_id=owner_id)) for kind in kinds)
            shadow.people.append(Person(owner_id, earned, held))
        for move in [(self.fund, self.pot, 600), (self.fund, books.group, 400)]:
            self._post(requested(TransferKind.ALLOCATE, [move]), [move])
        for days, person in enumerate(shadow.people):
            self._prescribe(person, 60, 30, TODAY + timedelta(days=days))
            self._move(TransferKind.EARN, books.group, person.earned, 60)

    def _prescribe(self, person: Person, minutes: int, companion: int, last_day: date | None) -> None:
        """Open a prescription, and fill it if the pot has enough."""
        account, along = (
            self.shadow.add(kind, self.books.open(kind, owner_id=person.id, origin_id=self.pot, expires_on=last_day))
            for kind in (AccountKind.PRESCRIBED, AccountKind.COMPANION)
        )
        person.prescriptions.append(Prescription(account, along, last_day))
        moves = [(self.pot, account, minutes)]
        if companion:
            moves.append((self.pot, along, companion))
        enough = self.shadow.balances[self.pot] >= minutes + companion
        self._post(requested(TransferKind.PRESCRIBE, moves), moves if enough else "insufficient_credits")

    def _now(self) -> datetime:
        """Read a clock that never stands still."""
        self.seconds += 1
        return NOW + (self.shadow.today - TODAY) + timedelta(seconds=self.seconds)

    def _post(self, request: EntryRequest, expected: list[Move] | str) -> UUID | None:
        """Post, and compare the outcome with the moves or the refusal that the shadow expects."""
        (outcome,) = self.books.post(request, now=self._now(), today=self.shadow.today)
        if isinstance(expected, str):
            assert code(outcome) == expected
            return None
        assert isinstance(outcome, Posted), outcome
        assert [(leg.source_id, leg.target_id, leg.minutes) for leg in outcome.legs] == expected
        self.shadow.apply(outcome.entry_id, expected)
        return outcome.entry_id

    def _post_and_move_on(self, request: EntryRequest, moves: list[Move], moved_on: list[Move]) -> None:
        """Expect the moves in order; what moves on after them comes in the order in which the request names it."""
        order = [draw.source_ids[0] for draw in request.draws if draw.when_ended]
        self._post(request, moves + sorted(moved_on, key=lambda move: order.index(move[0])))

    def _move(self, kind: TransferKind, source: UUID, target: UUID, minutes: int) -> None:
        """Post one movement that is legal, and remember it where it may be reversed."""
        there_is = self.shadow.balances[source] - (FLOOR if source == self.fund else 0)
        expected: list[Move] | str = [(source, target, minutes)]
        if minutes > there_is:
            expected = "insufficient_credits"
        elif target == self.fund and self.shadow.balances[target] + minutes > 0:
            expected = "fund_over_returned"
        entry_id = self._post(requested(kind, [(source, target, minutes)]), expected)
        if entry_id and kind in REMEMBERED:
            self.shadow.done.append(Done(entry_id, [(source, target, minutes)]))

    def _person(self, number: int) -> Person:
        return self.shadow.people[number]

    @invariant()
    def both_say_the_same(self) -> None:
        """Compare every balance, and of one person after the other what they can spend and the newest lines."""
        shadow, books = self.shadow, self.books
        person = shadow.people[self.seconds % 3]
        with books.transaction() as session:
            assert ledger.balances(session, books.id, list(shadow.balances)) == shadow.balances
            found = ledger.balance(session, books.id, person.id, today=shadow.today)
            lines = ledger.statement(session, books.id, person.id, limit=3)
        assert (found.available_minutes, found.held_minutes) == (shadow.available(person), shadow.balances[person.held])
        assert _lines(lines) == person.lines[:-4:-1]

    def teardown(self) -> None:
        """Compare whole statements and the trial balance in the end, and replay everything."""
        if not hasattr(self, "shadow"):
            return
        shadow, books = self.shadow, self.books
        with books.transaction() as session:
            found = {kind: minutes for kind, minutes in ledger.trial_balance(session, books.id).items() if minutes}
            assert found == {kind: minutes for kind, minutes in shadow.trial_balance().items() if minutes}
            assert sum(found.values()) == 0
            for person in shadow.people:
                lines = ledger.statement(session, books.id, person.id, limit=1_000)
                assert _lines(lines) == person.lines[::-1]
        assert books.disagreement() is None
