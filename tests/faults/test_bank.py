"""The bank test: whatever many do at once, in every way there is, all that is read at any moment adds up."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise
from random import Random
from threading import Event
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from tests.conftest import NOW, make_programme
from tests.ledger.books import TODAY, Books, asks, code, draws, moves
from timecredits import ledger
from timecredits.database import ProgrammeSession, new_id
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, Outcome, Posted, TransferKind

# How many do everything so often, and how many read meanwhile.
TELLERS, TIMES, AUDITORS = 4, 3, 2
REVERSIBLE = {"allocate", "earn", "spend", "gift", "donate", "grant", "recycle"}
REFUSALS = {"already_reversed", "fund_over_returned", "insufficient_credits", "nothing_to_move", "reversal_short"}

# One statement, and so one moment: everything together, what the funds are short of, and what was issued from them.
TOTALS = text(
    """
    SELECT (SELECT sum(balance) FROM account), (SELECT -sum(balance) FROM account WHERE kind = 'fund'),
        (SELECT sum(CASE 'fund' WHEN source.kind THEN minutes WHEN target.kind THEN -minutes ELSE 0 END)
         FROM transfer JOIN account AS source ON source.id = source_id JOIN account AS target ON target.id = target_id)
    """
)
A, T = AccountKind, TransferKind


@dataclass(frozen=True)
class Customer:
    """Somebody's accounts: a prescription that lasts, one that has expired, companion minutes, earned, held."""

    id: UUID
    lasting: UUID
    ended: UUID
    companion: UUID
    earned: UUID
    held: UUID


class Bank:
    """The accounts of a programme, with enough in them for everything to begin, and what can be followed up."""

    def __init__(self, books: Books) -> None:
        """Open the doors."""
        self.books = books
        self.holds: deque[Posted] = deque()
        self.done: list[UUID] = []
        with books.transaction() as session:
            self.customers = [self._customer(session) for _ in range(4)]
            # Two records of one person, which are merged into each other again and again.
            self.records = [self._customer(session) for _ in range(2)]
        opening = [moves(T.ALLOCATE, books.fund, pot, 9_000) for pot in (books.pot, books.group, books.community)]
        for each in (*self.customers, *self.records):
            pots = (each.lasting, each.ended, each.companion)
            opening += [moves(T.EARN, books.group, each.earned, 300)]
            opening += [moves(T.PRESCRIBE, books.pot, pot, 300) for pot in pots]
        for each in self.customers:
            opening += [moves(T.HOLD, each.earned, each.held, 20) for _ in range(3)]
        opening += [moves(T.SPEND, each.earned, books.partner, 100), moves(T.PRINT_NOTE, books.group, books.notes, 900)]
        self.note(books.post(*opening))

    def _customer(self, session: Session) -> Customer:
        owner_id = new_id()
        account = partial(ledger.open_account, session, self.books.id, owner_id=owner_id, now=NOW)
        prescribed = partial(account, origin_id=self.books.pot)
        return Customer(
            owner_id,
            lasting=prescribed(A.PRESCRIBED),
            ended=prescribed(A.PRESCRIBED, expires_on=TODAY - timedelta(days=1)),
            companion=prescribed(A.COMPANION),
            earned=account(A.EARNED),
            held=account(A.HELD),
        )

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Remember what can be followed up: a hold once, by whoever takes it; a reversal as often as anybody likes."""
        posted = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
        records = {record.held for record in self.records}
        holds = [each for each in posted if each.request.kind is EntryKind.HOLD]
        self.holds += [each for each in holds if each.legs[0].target_id not in records]
        self.done += [each.entry_id for each in posted if each.request.kind in REVERSIBLE]


class Turn:
    """What one teller may do next: each method asks for one thing, about customers and minutes by lot."""

    def __init__(self, bank: Bank, session: Session, dice: Random) -> None:
        """Throw the dice."""
        self.bank, self.books, self.session, self.dice = bank, bank.books, session, dice
        self.who, self.other = dice.sample(bank.customers, 2)
        self.minutes = dice.randint(1, 60)
        self.back_to = dice.choice((bank.books.pot, bank.books.expired))
        self.by = {"actor_id": new_id(), "effective_on": TODAY}

    def move(self, kind: TransferKind) -> EntryRequest:
        """Move minutes once, in one of the ways in which the kind may."""
        books, mine = self.books, self.who.earned
        pots, records = (books.pot, books.group, books.community), [record.earned for record in self.bank.records]
        sources, targets = {
            T.ALLOCATE: ((books.fund,), pots),
            T.RETURN_ALLOCATION: (pots, (books.fund,)),
            T.EARN: ((books.group,), (mine, *records)),
            T.GIFT: ((mine,), (self.other.earned,)),
            T.DONATE: ((mine,), (books.community, books.group)),
            T.GRANT: ((books.community,), (books.group,)),
            T.RECYCLE: ((books.partner,), (books.community,)),
            T.PRINT_NOTE: ((books.group, mine), (books.notes,)),
            T.REDEEM_NOTE: ((books.notes,), (books.partner, books.group)),
            T.DEPOSIT_NOTE: ((books.notes,), (mine,)),
            T.VOID_NOTE: ((books.notes,), (books.group, mine)),
        }[kind]
        return moves(kind, self.dice.choice(sources), self.dice.choice(targets), self.minutes)

    def prescribe(self) -> EntryRequest:
        targets = (self.dice.choice((self.who.lasting, self.who.ended)), self.who.companion)
        legs = [ledger.movement(T.PRESCRIBE, self.books.pot, target, self.minutes) for target in targets]
        return asks(EntryKind.PRESCRIBE, *legs)

    def withdraw(self) -> EntryRequest:
        return draws(T.WITHDRAW, (self.who.lasting, self.who.companion), self.back_to, self.minutes)

    def expire(self) -> EntryRequest:
        draw = Draw(T.EXPIRE, (self.who.ended, self.who.lasting), self.back_to, None, when_ended=True)
        return asks(EntryKind.EXPIRE, draw)

    def spend(self) -> EntryRequest:
        sources = (self.who.lasting, self.who.ended, self.who.earned)
        target = self.dice.choice((self.books.partner, self.books.group))
        return draws(T.SPEND, sources, target, self.minutes, at_most=self.dice.random() < 0.5)

    def take_somebody_along(self) -> EntryRequest:
        own = Draw(T.SPEND, (self.who.lasting, self.who.earned), self.books.partner, self.minutes)
        others = (self.who.companion, self.who.lasting, self.who.earned)
        return asks(EntryKind.SPEND, own, Draw(T.SPEND, others, self.books.partner, self.minutes))

    def hold(self) -> EntryRequest:
        return draws(T.HOLD, (self.who.lasting, self.who.earned), self.who.held, self.minutes)

    def hold_of_a_record(self) -> EntryRequest:
        record = self.dice.choice(self.bank.records)
        return moves(T.HOLD, record.earned, record.held, self.minutes)

    def release(self) -> EntryRequest | None:
        hold = self._take_hold()
        return hold and ledger.release(self.session, self.books.id, hold.entry_id, **self.by)

    def capture(self) -> EntryRequest | None:
        hold = self._take_hold()
        minutes = self.dice.randint(0, hold.minutes) if hold else 0
        more = {"target_id": self.books.partner, "minutes": minutes, **self.by}
        return hold and ledger.capture(self.session, self.books.id, hold.entry_id, **more)

    def _take_hold(self) -> Posted | None:
        """Take a hold, so that nobody else follows it up; None where all are taken."""
        try:
            return self.bank.holds.popleft()
        except IndexError:
            return None

    def merge(self) -> EntryRequest:
        old, new = self.dice.sample(self.bank.records, 2)
        pairs = ((old.earned, new.earned), (old.held, new.held))
        return asks(EntryKind.MERGE, *(Draw(T.MERGE, (source,), target, None) for source, target in pairs))

    def reverse(self) -> EntryRequest:
        entry_id, loose = self.dice.choice(self.bank.done), self.dice.random() < 0.5
        return ledger.reversal(self.session, self.books.id, entry_id, as_far_as_possible=loose, **self.by)


SIMPLE = (T.ALLOCATE, T.RETURN_ALLOCATION, T.EARN, T.EARN, T.GIFT, T.DONATE, T.GRANT, T.RECYCLE)
NOTES = (T.PRINT_NOTE, T.REDEEM_NOTE, T.DEPOSIT_NOTE, T.VOID_NOTE)
ACTS: list[Callable[[Turn], EntryRequest | None]] = [
    *(partial(Turn.move, kind=kind) for kind in (*SIMPLE, *NOTES)),
    *(Turn.prescribe, Turn.withdraw, Turn.expire, Turn.spend, Turn.take_somebody_along),
    *(Turn.hold, Turn.hold_of_a_record, Turn.release, Turn.capture, Turn.merge, Turn.reverse),
]


def work(banks: Sequence[Bank], dice: Random, times: int) -> Counter[str]:
    """Do everything so many times in an order by lot, one or a few things in a transaction, and count what was said."""
    acts = dice.sample(ACTS * times, len(ACTS) * times)
    said = Counter[str]()
    while acts:
        bank = dice.choice(banks)
        with bank.books.transaction() as session:
            asked = [acts.pop()(Turn(bank, session, dice)) for _ in range(min(dice.randint(1, 4), len(acts)))]
            requests = [request for request in asked if request is not None]
            outcomes = ledger.post(session, bank.books.id, requests, now=NOW, today=TODAY)
        bank.note(outcomes)
        for request, outcome in zip(requests, outcomes, strict=True):
            said[code(outcome)] += 1
            if isinstance(outcome, Posted):
                said.update({f"entry {request.kind}", *(f"transfer {leg.kind}" for leg in outcome.legs)})
            # What was promised to a booking is there for it.
            assert isinstance(outcome, Posted) or request.kind not in {EntryKind.CAPTURE, EntryKind.RELEASE}
    return said


def read(bank: Bank, dice: Random) -> None:
    """Find everything in order, whatever goes on meanwhile."""
    books = bank.books
    with books.transaction() as session:
        everything, funds_are_short_of, issued = session.execute(TOTALS).one()
        assert (everything, funds_are_short_of) == (0, issued)
        assert sum(ledger.trial_balance(session, books.id).values()) == 0
        lines = ledger.statement(session, books.id, dice.choice(bank.customers).id, limit=40)
    for line, before in pairwise(lines):
        assert line.balance_after_minutes - line.minutes == before.balance_after_minutes
    assert books.disagreement() is None


def test_many_post_in_every_way_at_once_and_every_reading_adds_up(
    sessions: sessionmaker[ProgrammeSession], chance: Random, rounds: int
) -> None:
    banks = [Bank(Books(make_programme(sessions))) for _ in range(2)]
    closing = Event()

    def audit(dice: Random) -> int:
        readings = 0
        while not closing.is_set() or not readings:
            for bank in banks:
                read(bank, dice)
            readings += 1
        return readings

    dice = [Random(chance.random()) for _ in range(TELLERS + AUDITORS)]
    with ThreadPoolExecutor(TELLERS + AUDITORS) as pool:
        auditors = [pool.submit(audit, each) for each in dice[TELLERS:]]
        try:
            tellers = [pool.submit(work, banks, each, TIMES * rounds) for each in dice[:TELLERS]]
            said = sum((teller.result() for teller in tellers), Counter[str]())
        finally:
            closing.set()
        assert all(auditor.result() > 1 for auditor in auditors)
    for bank in banks:
        read(bank, dice[0])
    assert {f"transfer {kind}" for kind in TransferKind} | {f"entry {kind}" for kind in EntryKind} <= set(said)
    assert {word for word in said if " " not in word} <= REFUSALS | {"posted"}
    assert said["posted"] > TELLERS * TIMES * rounds * len(ACTS) / 2
