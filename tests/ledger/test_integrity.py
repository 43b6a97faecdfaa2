"""A row that was edited behind the ledger's back is found and named."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import InternalError

from tests.conftest import NOW, Server, make_programme
from tests.ledger.books import TODAY, Books, asks, draws, moves
from timecredits import ledger
from timecredits.database import new_id, session_maker
from timecredits.ledger import AccountKind, Draw, EntryKind, Posted, TransferKind

Forge = Callable[[str], None]


class History(NamedTuple):
    """A short history, in which each entry can be told apart."""

    prescribed: UUID
    earned: UUID
    held: UUID
    other: UUID
    prescribe: Posted
    spend: Posted
    hold: Posted
    capture: Posted
    gift: Posted
    reverse: Posted


@pytest.fixture
def history(books: Books) -> History:
    """Prescribe, spend, book, come, give and take back."""
    owner_id = new_id()
    books.fill(books.pot, 100)
    prescribed = books.open(AccountKind.PRESCRIBED, owner_id=owner_id, origin_id=books.pot, expires_on=TODAY)
    prescribe = books.move(TransferKind.PRESCRIBE, books.pot, prescribed, 100)
    earned, other = books.earned(owner_id, 100), books.earned(new_id(), 100)
    held = books.open(AccountKind.HELD, owner_id=owner_id)
    spend = books.post_one(draws(TransferKind.SPEND, (prescribed, earned), books.partner, 120))
    hold = books.post_one(draws(TransferKind.HOLD, (earned,), held, 50))
    with books.transaction() as session:
        request = ledger.capture(
            session, books.id, hold.entry_id, target_id=books.partner, minutes=30, actor_id=new_id(), effective_on=TODAY
        )
    capture = books.post_one(request)
    gift = books.move(TransferKind.GIFT, earned, other, 10)
    mirror = Draw(TransferKind.REVERSE, (other,), earned, 10)
    reverse = books.post_one(asks(EntryKind.REVERSE, mirror, reverses=gift.entry_id))
    return History(prescribed, earned, held, other, prescribe, spend, hold, capture, gift, reverse)


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Engine]:
    """Connect as a superuser, for whom there is neither trigger nor row security."""
    engine = create_engine(server.admin)
    yield engine
    engine.dispose()


@pytest.fixture
def forge(admin: Engine, books: Books, history: History) -> Forge:
    """Give the way to change rows without triggers: names in braces are ids of the history."""
    ids = {name: value.entry_id if isinstance(value, Posted) else value for name, value in history._asdict().items()}
    ids |= {"programme": books.id, "fund": books.fund, "pot": books.pot, "partner": books.partner, "new": new_id()}

    def change(statement: str) -> None:
        with admin.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            changed = connection.execute(text(re.sub(r"\{(\w+)\}", lambda name: f"'{ids[name[1]]}'", statement)))
            assert changed.rowcount == 1

    return change


def test_an_untouched_ledger_is_consistent_and_is_counted(books: Books, history: History) -> None:
    assert books.disagreement() is None
    with books.transaction() as session:
        found = ledger.check(session, books.id, now=NOW)
    assert (found.consistent, found.programme_id, found.checked_at) == (True, books.id, NOW)
    with books.transaction() as session:
        whole = ledger.entries(session, books.id, limit=1_000)
        assert found.entries == len(whole)
        assert {entry.id for entry in whole} >= {each.entry_id for each in history if isinstance(each, Posted)}
        assert found.accounts == session.scalar(text("SELECT count(*) FROM account"))


# What is changed in the second transfer of the spend.
TRANSFER = {
    "entry_id": "entry_id = {gift}",
    "leg": "leg = 9",
    "kind": "kind = 'donate'",
    "kind, to one that those accounts could have": "kind = 'reverse', source_id = target_id, target_id = source_id",
    "source_id": "source_id = {other}",
    "source_id, to none": "source_id = {new}",
    "target_id": "target_id = {new}",
    "minutes, more": "minutes = minutes + 1",
    "minutes, less": "minutes = minutes - 1",
    "source_seq, too late": "source_seq = 77",
    "source_seq, that it has as a target": "source_seq = 1",
    "source_after": "source_after = source_after - 1",
    "target_seq": "target_seq = 77",
    "target_after": "target_after = target_after + 1",
    "recorded_at": "recorded_at = recorded_at + interval '1 microsecond'",
}


@pytest.mark.parametrize("change", TRANSFER.values(), ids=TRANSFER.keys())
def test_a_changed_transfer_is_named(books: Books, history: History, forge: Forge, change: str) -> None:
    forge(f"UPDATE transfer SET {change} WHERE entry_id = {{spend}} AND leg = 2")
    found = books.disagreement()
    assert found is not None
    assert str(history.spend.entry_id) in found or str(history.gift.entry_id) in found, found


ACCOUNT = {
    "balance, more": ("earned", "balance = balance + 1"),
    "balance, less": ("earned", "balance = balance - 1"),
    "version": ("earned", "version = version + 1"),
    "posted_at": ("earned", "posted_at = posted_at + interval '1 second'"),
    "posted_at, never": ("earned", "posted_at = NULL"),
    "the fund's balance": ("fund", "balance = balance - 1"),
}


@pytest.mark.parametrize(("account", "change"), ACCOUNT.values(), ids=ACCOUNT.keys())
def test_a_changed_account_is_named(books: Books, history: History, forge: Forge, account: str, change: str) -> None:
    forge(f"UPDATE account SET {change} WHERE id = {{{account}}}")
    found = books.disagreement()
    assert found is not None
    assert str(books.fund if account == "fund" else history.earned) in found, found


@pytest.mark.parametrize(
    "became",
    [
        ("prescribed", "kind = 'earned'", "prescribe"),
        ("prescribed", "origin_id = NULL", "prescribe"),
        ("prescribed", "origin_id = {fund}", "prescribe"),
        ("held", "owner_id = {other}", "hold"),
        ("held", "owner_id = NULL", "hold"),
        ("held", "kind = 'partner'", "hold"),
    ],
)
def test_an_account_that_became_another_makes_its_first_transfer_illegal(
    books: Books, history: History, forge: Forge, became: tuple[str, str, str]
) -> None:
    account, change, entry = became
    forge(f"UPDATE account SET {change} WHERE id = {{{account}}}")
    posted: Posted = getattr(history, entry)
    assert (books.disagreement() or "").startswith(f"transfer {posted.entry_id}/1: {posted.request.kind} cannot go")


ENTRY = {
    "kind": ("gift", "kind = 'donate'"),
    "recorded_at": ("gift", "recorded_at = recorded_at - interval '1 microsecond'"),
    "reverses, another": ("reverse", "reverses = {spend}"),
    "reverses, though it is a gift": ("gift", "reverses = {spend}, kind = 'reverse'"),
    "id": ("spend", "id = {new}"),
}


@pytest.mark.parametrize(("entry", "change"), ENTRY.values(), ids=ENTRY.keys())
def test_a_changed_entry_is_named(books: Books, history: History, forge: Forge, entry: str, change: str) -> None:
    forge(f"UPDATE journal_entry SET {change} WHERE id = {{{entry}}}")
    found = books.disagreement()
    assert found is not None
    assert str(getattr(history, entry).entry_id) in found or change == "id = {new}", found


def test_an_entry_moved_in_time_with_all_its_transfers_is_named(books: Books, history: History, forge: Forge) -> None:
    for hours in (-1, 1):
        forge(f"UPDATE journal_entry SET recorded_at = recorded_at + interval '{hours} hour' WHERE id = {{hold}}")
        forge(f"UPDATE transfer SET recorded_at = recorded_at + interval '{hours} hour' WHERE entry_id = {{hold}}")
        found = books.disagreement()
        if hours < 0:
            assert str(history.hold.entry_id) in (found or "")
    assert found is None


def test_an_entry_recorded_at_the_very_time_of_the_one_before_it_is_named(
    books: Books, history: History, forge: Forge
) -> None:
    for table, name in (("journal_entry", "id"), ("transfer", "entry_id")):
        forge(f"UPDATE {table} SET recorded_at = '{history.gift.recorded_at}' WHERE {name} = {{reverse}}")
    assert str(history.reverse.entry_id) in (books.disagreement() or "")


def test_a_removed_transfer_is_missed(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM transfer WHERE entry_id = {spend} AND leg = 2")
    assert str(history.earned) in (books.disagreement() or "")


def test_the_first_of_two_transfers_is_missed(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM transfer WHERE entry_id = {spend} AND leg = 1")
    assert (books.disagreement() or "") == f"entry {history.spend.entry_id} has 1 transfers, the last of them number 2"


def test_an_entry_without_transfers_is_named(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM transfer WHERE entry_id = {gift}")
    assert str(history.gift.entry_id) in (books.disagreement() or "")


def test_a_removed_entry_and_a_removed_account_are_missed(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM account WHERE id = {held}")
    assert str(history.hold.entry_id) in (books.disagreement() or "")
    forge("DELETE FROM journal_entry WHERE id = {prescribe}")
    assert str(history.prescribe.entry_id) in (books.disagreement() or "")


def test_a_last_transfer_removed_with_its_balances_put_right_is_still_found(
    books: Books, history: History, forge: Forge
) -> None:
    for account, change in (("earned", "- 10"), ("other", "+ 10")):
        forge(f"UPDATE account SET balance = balance {change}, version = version - 1 WHERE id = {{{account}}}")
    forge("DELETE FROM transfer WHERE entry_id = {reverse}")
    assert str(history.reverse.entry_id) in (books.disagreement() or "")
    forge("DELETE FROM journal_entry WHERE id = {reverse}")
    assert re.match(f"account ({history.earned}|{history.other}) has", books.disagreement() or "")


def test_what_is_wrong_in_one_programme_is_not_anothers(books: Books, forge: Forge) -> None:
    other = Books(make_programme(books.programme.sessions))
    forge("UPDATE account SET balance = balance + 1 WHERE id = {earned}")
    assert books.disagreement() is not None
    assert other.disagreement() is None


def test_the_replay_tells_its_progress_and_writes_nothing(books: Books) -> None:
    told: list[tuple[str, int, int]] = []
    with books.transaction() as session:
        ledger.check(session, books.id, now=NOW, progress=lambda *step: told.append(step))
        with pytest.raises(InternalError, match="read-only transaction"), session.begin_nested():
            session.execute(text("UPDATE account SET version = version"))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert {of for *_, of in told} == {len(told) - 1}
    assert told[-1][0] == "done"


def test_a_connection_that_replayed_is_as_before_when_it_is_used_again(server: Server, books: Books) -> None:
    engine = create_engine(server.application, pool_size=1, max_overflow=0)
    sessions = session_maker(engine)
    with sessions(info={"programme_id": books.id}) as session, session.begin():
        ledger.check(session, books.id, now=NOW)
        assert session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
    with sessions() as session, session.begin():
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert session.scalar(text("SHOW transaction_read_only")) == "off"
    engine.dispose()


def test_the_last_verification_is_the_one_that_was_stored_last(books: Books, forge: Forge) -> None:
    with books.transaction() as session:
        assert ledger.last_verification(session, books.id) is None
    for hours in (0, 1):
        with books.transaction() as session:
            found = ledger.check(session, books.id, now=NOW + timedelta(hours=hours))
        with books.transaction() as session:
            session.add(found)
        if not hours:
            forge("UPDATE account SET balance = balance + 1 WHERE id = {earned}")
    with books.transaction() as session:
        last = ledger.last_verification(session, books.id)
    assert last is not None
    assert (last.checked_at, last.consistent) == (NOW + timedelta(hours=1), False)


def test_the_replay_is_right_while_others_post(books: Books, history: History) -> None:
    def post() -> None:
        for _ in range(20):
            books.post(
                moves(TransferKind.GIFT, history.other, history.earned, 2),
                moves(TransferKind.GIFT, history.earned, history.other, 2),
            )

    with ThreadPoolExecutor(3) as pool:
        posting = [pool.submit(post) for _ in range(3)]
        replays = 0
        while not all(each.done() for each in posting):
            assert books.disagreement() is None
            replays += 1
        for each in posting:
            each.result()
    assert replays > 1
    assert books.disagreement() is None
