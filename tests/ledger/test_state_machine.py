"""Any sequence of events, on PostgreSQL and in the shadow: after each step both say the same."""

from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from sqlalchemy.orm import sessionmaker

from tests.ledger.books import asks
from tests.ledger.everyday import Everyday
from tests.ledger.machine import amounts, drawn, pick, requested, some, which
from tests.ledger.shadow import Done, Hold, Move
from timecredits import ledger
from timecredits.database import ProgrammeSession, new_id
from timecredits.ledger import Draw, EntryKind, EntryRequest, TransferKind

# What follows from an earlier entry follows some days later.
later = st.integers(0, 3)


class LedgerMachine(Everyday):
    """Prescribing, spending and booking, and what puts them right; beside what happens every day."""

    @rule(number=which, minutes=st.integers(1, 120), companion=st.integers(0, 60), days=st.integers(-1, 3))
    def prescribe(self, number: int, minutes: int, companion: int, days: int) -> None:
        last_day = None if days < 0 else self.shadow.today + timedelta(days=days)
        self._prescribe(self._person(number), minutes, companion, last_day)

    @rule(number=which, minutes=amounts, at_group=st.booleans())
    def spend(self, number: int, minutes: int, *, at_group: bool) -> None:
        person, target = self._person(number), self.books.group if at_group else self.books.partner
        taken = self.shadow.share_out(self.shadow.usable(person), minutes)
        request = drawn(TransferKind.SPEND, self.shadow.to_spend(person), target, minutes)
        moves = [(source, target, part) for source, part in taken or []]
        entry_id = self._post(request, moves or "insufficient_credits")
        if entry_id:
            self.shadow.done.append(Done(entry_id, moves))

    @precondition(lambda self: self.shadow.prescriptions())
    @rule(index=some, minutes=st.integers(1, 60), companion=st.booleans())
    def spend_one(self, index: int, minutes: int, *, companion: bool) -> None:
        _, chosen = pick(self.shadow.prescriptions(), index)
        source = chosen.companion if companion else chosen.account
        expected: list[Move] | str = [(source, self.books.partner, minutes)]
        if chosen.withdrawn:
            expected = "account_closed"
        elif chosen.ended(self.shadow.today):
            expected = "credits_expired"
        elif minutes > self.shadow.balances[source]:
            expected = "insufficient_credits"
        self._post(requested(TransferKind.SPEND, [(source, self.books.partner, minutes)]), expected)

    @rule(number=which, minutes=st.integers(1, 120), along=st.booleans())
    def hold(self, number: int, minutes: int, *, along: bool) -> None:
        person, shadow = self._person(number), self.shadow
        companions = [each for each in person.prescriptions if along]
        sources = [each.companion for each in companions] + shadow.to_spend(person)
        usable = [each.companion for each in companions if not each.ended(shadow.today)] + shadow.usable(person)
        taken = shadow.share_out(usable, minutes)
        moves = [(source, person.held, part) for source, part in taken or []]
        entry_id = self._post(drawn(TransferKind.HOLD, sources, person.held, minutes), moves or "insufficient_credits")
        if entry_id:
            shadow.holds.append(Hold(entry_id, person, taken or []))

    @precondition(lambda self: self.shadow.holds)
    @rule(index=some, keep=st.booleans(), days=later)
    def release(self, index: int, *, keep: bool, days: int) -> None:
        self.shadow.today += timedelta(days=days)
        hold = pick(self.shadow.holds, index)
        expired_to = self.books.expired if keep else None
        with self.books.transaction() as session:
            request = ledger.release(
                session,
                self.books.id,
                hold.entry_id,
                actor_id=new_id(),
                effective_on=self.shadow.today,
                expired_to=expired_to,
            )
        self._finish(hold, request, [], expired_to or self.pot)

    @precondition(lambda self: self.shadow.holds)
    @rule(index=some, part=st.integers(0, 100), keep=st.booleans(), days=later)
    def capture(self, index: int, part: int, *, keep: bool, days: int) -> None:
        self.shadow.today += timedelta(days=days)
        hold = pick(self.shadow.holds, index)
        minutes = sum(gave for _, gave in hold.gave) * part // 100
        expired_to = self.books.expired if keep else None
        with self.books.transaction() as session:
            request = ledger.capture(
                session,
                self.books.id,
                hold.entry_id,
                target_id=self.books.partner,
                minutes=minutes,
                actor_id=new_id(),
                effective_on=self.shadow.today,
                expired_to=expired_to,
            )
        spent: list[Move] = []
        for source, gave in hold.gave:
            if min(gave, minutes):
                spent.append((source, self.books.partner, min(gave, minutes)))
                minutes -= min(gave, minutes)
        self._finish(hold, request, spent, expired_to or self.pot)

    def _finish(self, hold: Hold, request: EntryRequest, spent: list[Move], ended_to: UUID) -> None:
        """Post a release or a capture, and expect that it moves on what has ended."""
        moves = [(hold.person.held, source, gave) for source, gave in hold.gave] + spent
        # A merge may have moved what was held to somebody else's record.
        if self.shadow.balances[hold.person.held] < sum(gave for _, gave in hold.gave):
            self._post(request, "insufficient_credits")
            return
        moved_on = self.shadow.leftovers([source for source, _ in hold.gave], moves, ended_to)
        self._post_and_move_on(request, moves, moved_on)
        self.shadow.holds.remove(hold)

    @precondition(lambda self: self.shadow.prescriptions())
    @rule(index=some)
    def withdraw(self, index: int) -> None:
        _, chosen = pick(self.shadow.prescriptions(), index)
        ends = [chosen.account, chosen.companion]
        self.books.close(*ends)
        chosen.withdrawn = True
        moves = [(source, self.pot, self.shadow.balances[source]) for source in ends if self.shadow.balances[source]]
        self._post(drawn(TransferKind.WITHDRAW, ends, self.pot, None), moves or "nothing_to_move")

    @rule(days=st.integers(1, 3))
    def days_pass(self, days: int) -> None:
        self.shadow.today += timedelta(days=days)

    @rule(keep=st.booleans())
    def sweep(self, *, keep: bool) -> None:
        target = self.books.expired if keep else self.pot
        for _, each in self.shadow.prescriptions():
            ends = [each.account, each.companion]
            moves = [(source, target, self.shadow.balances[source]) for source in ends if self.shadow.balances[source]]
            draw = Draw(TransferKind.EXPIRE, tuple(ends), target, None, when_ended=True)
            due = moves and each.ended(self.shadow.today)
            if moves:
                self._post(asks(EntryKind.EXPIRE, draw), moves if due else "nothing_to_move")

    @precondition(lambda self: self.shadow.done)
    @rule(index=some, as_far_as_possible=st.booleans(), keep=st.booleans(), days=later)
    def reverse(self, index: int, *, as_far_as_possible: bool, keep: bool, days: int) -> None:
        self.shadow.today += timedelta(days=days)
        done, shadow = pick(self.shadow.done, index), self.shadow
        expired_to = self.books.expired if keep else None
        with self.books.transaction() as session:
            request = ledger.reversal(
                session,
                self.books.id,
                done.entry_id,
                actor_id=new_id(),
                effective_on=shadow.today,
                as_far_as_possible=as_far_as_possible,
                expired_to=expired_to,
            )
        left = {target: shadow.balances[target] for _, target, _ in done.moves}
        mirror: list[Move] = []
        for source, target, minutes in reversed(done.moves):
            part = min(minutes, left[target])
            left[target] -= part
            if part:
                mirror.append((target, source, part))
        short = sum(minutes for *_, minutes in done.moves) - sum(minutes for *_, minutes in mirror)
        moved_on = shadow.leftovers([source for source, *_ in done.moves], mirror, expired_to or self.pot)
        if done.reversed:
            self._post(request, "already_reversed")
        elif short and not as_far_as_possible:
            self._post(request, "reversal_short")
        elif not mirror and not moved_on:
            self._post(request, "nothing_to_move")
        else:
            self._post_and_move_on(request, mirror, moved_on)
            done.reversed = True


def test_any_sequence_of_events_is_what_the_shadow_says_it_is(sessions: sessionmaker[ProgrammeSession]) -> None:
    LedgerMachine.sessions = sessions
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            derandomize=True,
            deadline=None,
            database=None,
            max_examples=12,
            stateful_step_count=50,
            # A failure is named by its steps; to shrink them takes minutes on a real database.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
