"""The state machine's rules for every day: give, allocate, print notes, merge; and what is never possible."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.ledger.books import asks, code
from tests.ledger.machine import Machine, amounts, drawn, pick, requested, some, which
from tests.ledger.shadow import Move
from tests.ledger.test_chart import LEGAL
from timecredits.ledger import Draw, EntryKind, TransferKind

impossible = st.sampled_from([0, -1, 10**9 + 1])


class Everyday(Machine):
    """What moves between pots, and between people."""

    @rule(number=which, minutes=amounts)
    def allocate(self, number: int, minutes: int) -> None:
        target = (self.pot, self.books.group, self.books.community)[number]
        self._move(TransferKind.ALLOCATE, self.fund, target, minutes)

    @rule(number=which, minutes=amounts)
    def return_allocation(self, number: int, minutes: int) -> None:
        source = (self.pot, self.books.group, self.books.community)[number]
        self._move(TransferKind.RETURN_ALLOCATION, source, self.fund, minutes)

    @rule(number=which, minutes=amounts)
    def earn(self, number: int, minutes: int) -> None:
        self._move(TransferKind.EARN, self.books.group, self._person(number).earned, minutes)

    @rule(number=which, other=which, minutes=amounts)
    def gift(self, number: int, other: int, minutes: int) -> None:
        source, target = self._person(number).earned, self._person(other).earned
        if source == target:
            self._post(requested(TransferKind.GIFT, [(source, target, minutes)]), "illegal_transfer")
        else:
            self._move(TransferKind.GIFT, source, target, minutes)

    @rule(gifts=st.lists(st.tuples(which, st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=5))
    def gifts_in_one_call(self, gifts: list[tuple[int, int, int]]) -> None:
        """Let several give to both others in one call: each sees what the accepted ones before have left."""
        entries: list[list[Move]] = []
        for giver, *parts in gifts:
            others = [person for person in self.shadow.people if person is not self._person(giver)]
            entries.append(
                [(self._person(giver).earned, other.earned, part) for other, part in zip(others, parts, strict=True)]
            )
        requests = [requested(TransferKind.GIFT, moves) for moves in entries]
        outcomes = self.books.post(*requests, now=self._now(), today=self.shadow.today)
        for request, outcome, moves in zip(requests, outcomes, entries, strict=True):
            if sum(part for *_, part in moves) > self.shadow.balances[moves[0][0]]:
                assert code(outcome) == "insufficient_credits"
            else:
                assert code(outcome) == "posted"
                self.shadow.apply(request.id, moves)

    @rule(number=which, minutes=st.one_of(st.none(), amounts), to_group=st.booleans())
    def donate(self, number: int, minutes: int | None, *, to_group: bool) -> None:
        source, target = self._person(number).earned, self.books.group if to_group else self.books.community
        if minutes is not None:
            self._move(TransferKind.DONATE, source, target, minutes)
            return
        there_is = self.shadow.balances[source]
        moves = [(source, target, there_is)] if there_is else []
        self._post(drawn(TransferKind.DONATE, [source], target, None), moves or "nothing_to_move")

    @rule(minutes=amounts)
    def grant(self, minutes: int) -> None:
        self._move(TransferKind.GRANT, self.books.community, self.books.group, minutes)

    @rule(minutes=amounts)
    def recycle(self, minutes: int) -> None:
        self._move(TransferKind.RECYCLE, self.books.partner, self.books.community, minutes)

    @rule(number=st.integers(0, 3), step=st.integers(0, 4), minutes=st.integers(1, 60))
    def note(self, number: int, step: int, minutes: int) -> None:
        books = self.books
        somebody = [books.group, *(person.earned for person in self.shadow.people)][number]
        if step in {0, 1}:
            self._move(TransferKind.PRINT_NOTE, somebody, books.notes, minutes)
        elif step == 2:
            target = books.group if number else books.partner
            self._move(TransferKind.REDEEM_NOTE, books.notes, target, minutes)
        elif step == 3 and number:
            self._move(TransferKind.DEPOSIT_NOTE, books.notes, somebody, minutes)
        else:
            self._move(TransferKind.VOID_NOTE, books.notes, somebody, minutes)

    @rule(number=which, other=which)
    def merge(self, number: int, other: int) -> None:
        old, new = self._person(number), self._person(other)
        draws = tuple(
            Draw(TransferKind.MERGE, (source,), target, None)
            for source, target in ((old.earned, new.earned), (old.held, new.held))
        )
        moves = [
            (source, target, self.shadow.balances[source])
            for source, target in ((old.earned, new.earned), (old.held, new.held))
            if self.shadow.balances[source]
        ]
        expected: list[Move] | str = moves or "nothing_to_move"
        self._post(asks(EntryKind.MERGE, *draws), "illegal_transfer" if old is new else expected)

    @rule(minutes=impossible, number=which)
    def impossible_minutes(self, minutes: int, number: int) -> None:
        move = (self._person(number).earned, self.books.partner, minutes)
        self._post(requested(TransferKind.SPEND, [move]), "minutes_out_of_range")

    @rule(kind=st.sampled_from(sorted(TransferKind)), first=some, second=some)
    def nonsense(self, kind: TransferKind, first: int, second: int) -> None:
        accounts = sorted(self.shadow.kinds)
        source, target = pick(accounts, first), pick(accounts, second)
        if (kind.value, self.shadow.kinds[source].value, self.shadow.kinds[target].value) not in LEGAL:
            self._post(requested(kind, [(source, target, 10)]), "illegal_transfer")
