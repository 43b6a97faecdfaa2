"""What the database itself refuses, whoever asks: by privilege, by trigger, by constraint."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from tests.conftest import Server
from tests.ledger.books import Books
from timecredits.database import new_id
from timecredits.ledger import TransferKind

CHANGES = [
    "UPDATE journal_entry SET kind = kind",
    "UPDATE transfer SET minutes = minutes",
    "DELETE FROM journal_entry",
    "DELETE FROM transfer",
    "TRUNCATE transfer",
    "TRUNCATE journal_entry CASCADE",
]


@pytest.fixture
def filled(books: Books) -> Books:
    """Have a transfer to tamper with."""
    books.move(TransferKind.ALLOCATE, books.fund, books.group, 60)
    return books


@pytest.fixture
def application(engine: Engine, filled: Books) -> Iterator[Connection]:
    """Connect as the service does."""
    with engine.connect() as connection:
        yield _inside(connection, filled)


@pytest.fixture
def owner(server: Server, filled: Books) -> Iterator[Connection]:
    """Connect as the owner of the tables."""
    yield from _connected(server.owner, filled)


def _connected(url: URL, books: Books) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.connect() as connection:
        yield _inside(connection, books)
    engine.dispose()


def _inside(connection: Connection, books: Books) -> Connection:
    connection.execute(text(f"SET LOCAL timecredits.programme = '{books.id}'"))
    return connection


@pytest.mark.parametrize("change", CHANGES)
def test_the_application_has_no_right_to_change_the_journal(application: Connection, change: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied for table"):
        application.execute(text(change))


@pytest.mark.parametrize("change", CHANGES)
def test_the_owner_is_refused_by_trigger(owner: Connection, change: str) -> None:
    with pytest.raises(DBAPIError, match="is append-only"):
        owner.execute(text(change))


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM account", "TRUNCATE account", "UPDATE account SET kind = 'earned'", "UPDATE account SET id = id"],
)
def test_the_application_neither_removes_an_account_nor_changes_what_it_is(
    application: Connection, change: str
) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        application.execute(text(change))


def _set(connection: Connection, account_id: UUID, change: str) -> None:
    connection.execute(text(f"UPDATE account SET {change} WHERE id = :id"), {"id": account_id})


@pytest.mark.parametrize("role", ["application", "owner"])
def test_no_balance_is_written_below_its_floor_and_no_fund_above_zero(
    request: pytest.FixtureRequest, filled: Books, role: str
) -> None:
    connection: Connection = request.getfixturevalue(role)
    for account_id, change, constraint in [
        (filled.group, "balance = -1", "account_floor_check"),
        (filled.group, "balance = -1, floor = -1", "account_fund_check"),
        (filled.group, "floor = 1", "account_fund_check"),
        (filled.fund, "balance = floor - 1", "account_floor_check"),
        (filled.fund, "floor = -59", "account_floor_check"),
        (filled.fund, "balance = 1", "account_fund_check"),
        (filled.fund, "version = -1", "account_version_check"),
    ]:
        with pytest.raises(IntegrityError, match=constraint), connection.begin_nested():
            _set(connection, account_id, change)


_INSERT = """
INSERT INTO transfer (programme_id, entry_id, leg, kind, source_id, target_id, minutes,
                      source_seq, source_after, target_seq, target_after, recorded_at)
SELECT programme_id, :entry_id, :leg, :kind, source_id, :target_id, :minutes,
       :source_seq, source_after, :target_seq, target_after, recorded_at FROM transfer
"""


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"minutes": 0}, "transfer_minutes_check"),
        ({"minutes": -60}, "transfer_minutes_check"),
        ({"minutes": 10**9 + 1}, "transfer_minutes_check"),
        ({"kind": "steal"}, "transfer_kind_check"),
        ({"target_id": "itself"}, "transfer_two_accounts_check"),
        ({"target_id": UUID(int=0)}, "transfer_programme_id_target_id_fkey"),
        ({"entry_id": UUID(int=0)}, "transfer_programme_id_entry_id_fkey"),
        ({"source_seq": 0}, "transfer_seq_check"),
        ({"source_seq": 1}, "transfer_programme_id_source_id_source_seq_key"),
        ({"target_seq": 1}, "transfer_programme_id_target_id_target_seq_key"),
        ({"leg": 1}, "transfer_pkey"),
    ],
)
def test_a_transfer_that_cannot_be_is_not_written(
    application: Connection, filled: Books, change: dict[str, object], constraint: str
) -> None:
    entry_id = application.scalar(text("SELECT entry_id FROM transfer"))
    change = {name: filled.fund if value == "itself" else value for name, value in change.items()}
    row: dict[str, object] = {
        "entry_id": entry_id,
        "leg": 2,
        "kind": "allocate",
        "target_id": filled.group,
        "minutes": 60,
        "source_seq": 2,
        "target_seq": 2,
    }
    with application.begin_nested() as fine:
        application.execute(text(_INSERT), row)
        fine.rollback()
    with pytest.raises(IntegrityError, match=constraint):
        application.execute(text(_INSERT), row | change)


def test_an_entry_is_reversed_once_even_behind_the_ledgers_back(application: Connection) -> None:
    insert = text(
        "INSERT INTO journal_entry (programme_id, id, kind, actor_id, recorded_at, effective_on, reverses, seal) "
        "SELECT programme_id, :id, :kind, actor_id, recorded_at, effective_on, :reverses, seal "
        "FROM journal_entry WHERE reverses IS NULL"
    )
    entry_id = application.scalar(text("SELECT id FROM journal_entry"))
    for kind, reverses in (("reverse", None), ("spend", entry_id)):
        with pytest.raises(IntegrityError, match="journal_entry_reverses_check"), application.begin_nested():
            application.execute(insert, {"id": new_id(), "kind": kind, "reverses": reverses})
    application.execute(insert, {"id": new_id(), "kind": "reverse", "reverses": entry_id})
    with pytest.raises(IntegrityError, match="journal_entry_one_reversal_key"):
        application.execute(insert, {"id": new_id(), "kind": "reverse", "reverses": entry_id})
