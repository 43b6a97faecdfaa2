"""The replay itself: what it tells, what it leaves behind, and that it is right while others post."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import InternalError

from tests.conftest import NOW, Server
from tests.ledger.books import Books, moves
from tests.ledger.conftest import Forge, History
from timecredits import ledger
from timecredits.database import session_maker
from timecredits.ledger import TransferKind


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
