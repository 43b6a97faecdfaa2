"""Every column of every table of the ledger, edited behind the application's back in one row at a time, is named."""

import re
from collections.abc import Iterator
from enum import StrEnum

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Connection, Date, DateTime, Engine, LargeBinary, Text, Uuid, text
from sqlalchemy.exc import IntegrityError

from tests.conftest import NOW, Programme, make_programme
from tests.ledger.books import Books
from tests.ledger.conftest import History
from timecredits import ledger
from timecredits.ledger import AccountKind, EntryKind, TransferKind
from timecredits.ledger.models import Account, JournalEntry, Transfer, Verification

TABLES = {kind.__tablename__: kind.__table__ for kind in (Account, JournalEntry, Transfer, Verification)}
COLUMNS = [(name, column.name) for name, table in TABLES.items() for column in table.columns]
WORDS: dict[str, type[StrEnum]] = {"account": AccountKind, "journal_entry": EntryKind, "transfer": TransferKind}
NAMED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What a value of each type becomes: another one, or one where there was none.
ANOTHER = {
    Uuid: ["gen_random_uuid()"],
    BigInteger: ["{0} + 1000", "{0} - 1", str(2**63 - 1), str(-(2**63))],
    Boolean: ["NOT {0}"],
    DateTime: ["coalesce({0}, now()) + interval '1 microsecond'", "coalesce({0}, now()) - interval '1 day'"],
    Date: ["coalesce({0}, current_date) + 1"],
    LargeBinary: ["sha256({0})", "''"],
}


def edits(table: str, column: Column[object]) -> Iterator[str]:
    if isinstance(column.type, Text):
        yield from (f"'{word}'" for word in WORDS.get(table, ["All is well."]))
    elif column.name == "programme_id":
        yield "'{another}'"
    else:
        yield from (edit.format(column.name) for edit in ANOTHER[Uuid if column.foreign_keys else type(column.type)])
    if column.nullable:
        yield "NULL"


@pytest.fixture
def verified(books: Books, history: History) -> Books:
    """Verify once, so that there is a verification to tamper with, and close an account."""
    with books.transaction() as session:
        found = ledger.check(session, books.id, now=NOW)
    with books.transaction() as session:
        session.add(found)
    books.close(history.prescribed)
    return books


def disagreement(programme: Programme) -> str | None:
    with programme.session() as session, session.begin():
        return ledger.check(session, programme.id, now=NOW).first_disagreement


def set_value(connection: Connection, table: str, row: str, name: str, value: str, **given: object) -> str | None:
    """Change one row without triggers, and give its new place; None where it is so already or cannot be."""
    try:
        with connection.begin():
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            return connection.scalar(
                text(
                    f"UPDATE {table} SET {name} = {value} "
                    f"WHERE ctid = '{row}' AND {name} IS DISTINCT FROM {value} RETURNING ctid::text"
                ),
                given,
            )
    except IntegrityError:
        return None


@pytest.mark.parametrize(("table", "name"), COLUMNS, ids=[f"{table}.{name}" for table, name in COLUMNS])
def test_an_edit_of_any_row_is_named(verified: Books, admin: Engine, table: str, name: str) -> None:
    another = make_programme(verified.programme.sessions)
    column = TABLES[table].columns[name]
    original = f"CAST(:was AS {column.type.compile(admin.dialect)})"
    found_out = 0
    with admin.connect() as connection:
        with connection.begin():
            statement = text(f"SELECT ctid::text, {name} FROM {table} WHERE programme_id = :id ORDER BY ctid")
            rows = connection.execute(statement, {"id": verified.id}).all()
        for place, was in rows:
            row = place
            for edit in edits(table, column):
                edited = set_value(connection, table, row, name, edit.format(another=another.id))
                if edited is None:
                    continue
                seen = disagreement(verified.programme) or disagreement(another)
                assert NAMED.search(seen or ""), f"{table}.{name} of {was} became {edit}: {seen}"
                found_out += 1
                row = set_value(connection, table, edited, name, original, was=was) or ""
    assert found_out
    assert disagreement(verified.programme) is None
