"""The bank test: whatever many do at once, what is read at any moment adds up to nothing."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from threading import Event
from uuid import UUID

from sqlalchemy import text

from tests.conftest import NOW
from tests.ledger.books import TODAY, Books, code, draws, moves
from timecredits import ledger
from timecredits.database import new_id
from timecredits.ledger import AccountKind, EntryRequest, TransferKind

TELLERS = 4
TURNS = 40


@dataclass(frozen=True)
class Customer:
    """Somebody with a prescription that lasts, one that has expired, time given, and minutes held."""

    lasting: UUID
    ended: UUID
    earned: UUID
    held: UUID


def _customer(books: Books) -> Customer:
    owner_id = new_id()
    return Customer(
        books.prescription(owner_id, 300),
        books.prescription(owner_id, 100, expires_on=TODAY - timedelta(days=1)),
        books.earned(owner_id, 300),
        books.open(AccountKind.HELD, owner_id=owner_id),
    )


def _something(books: Books, customers: list[Customer], dice: Random) -> EntryRequest:
    who, other = dice.sample(customers, 2)
    minutes = dice.randint(1, 60)
    pots = (who.lasting, who.ended, who.earned)
    return dice.choice(
        [
            moves(TransferKind.ALLOCATE, books.fund, books.group, minutes),
            moves(TransferKind.RETURN_ALLOCATION, books.group, books.fund, minutes),
            moves(TransferKind.EARN, books.group, who.earned, minutes),
            moves(TransferKind.PRESCRIBE, books.pot, who.lasting, minutes),
            draws(TransferKind.SPEND, pots, books.partner, minutes),
            draws(TransferKind.SPEND, pots, books.group, minutes, at_most=True),
            draws(TransferKind.HOLD, (who.lasting, who.earned), who.held, minutes),
            moves(TransferKind.RELEASE, who.held, who.earned, minutes),
            moves(TransferKind.GIFT, who.earned, other.earned, minutes),
            moves(TransferKind.DONATE, who.earned, books.community, minutes),
            moves(TransferKind.GRANT, books.community, books.group, minutes),
            moves(TransferKind.RECYCLE, books.partner, books.community, minutes),
            moves(TransferKind.PRINT_NOTE, who.earned, books.notes, minutes),
            moves(TransferKind.DEPOSIT_NOTE, books.notes, other.earned, minutes),
            draws(TransferKind.EXPIRE, (who.ended,), books.pot, None),
        ]
    )


def test_many_post_at_once_and_every_reading_adds_up(books: Books) -> None:
    books.fill(books.pot, 500)
    customers = [_customer(books) for _ in range(4)]
    closing = Event()

    def teller(seed: int) -> Counter[str]:
        dice, said = Random(seed), Counter[str]()
        for _ in range(TURNS):
            requests = [_something(books, customers, dice) for _ in range(dice.randint(1, 4))]
            said.update(code(outcome) for outcome in books.post(*requests))
        return said

    def auditor() -> int:
        readings = 0
        while not closing.is_set() or not readings:
            with books.transaction() as session:
                assert sum(ledger.trial_balance(session, books.id).values()) == 0
                assert session.scalar(text("SELECT sum(balance) FROM account")) == 0
            assert books.disagreement() is None
            readings += 1
        return readings

    with ThreadPoolExecutor(TELLERS + 2) as pool:
        auditors = [pool.submit(auditor) for _ in range(2)]
        said = sum(pool.map(teller, range(TELLERS)), Counter[str]())
        closing.set()
        assert all(each.result(timeout=30) > 1 for each in auditors)
    assert set(said) <= {"posted", "insufficient_credits", "nothing_to_move", "fund_over_returned"}
    assert said["posted"] > TELLERS * TURNS / 2
    with books.transaction() as session:
        found = ledger.check(session, books.id, now=NOW)
    assert found.consistent
    assert found.entries > said["posted"]
