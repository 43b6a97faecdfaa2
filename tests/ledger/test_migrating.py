"""A database of the first release, with data in it, goes forward and loses nothing."""

import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.conftest import NOW, Server
from tests.ledger.books import Books
from timecredits import ledger, schema
from timecredits.database import make_engine, session_maker
from timecredits.settings import Settings

TABLES = ("programme", "account", "journal_entry", "transfer", "verification")


def rows(connection: Connection, table: str, books: Books, columns: str = "*") -> list[dict[str, object]]:
    key = "id" if table == "programme" else "programme_id"
    found = connection.execute(text(f"SELECT {columns} FROM {table} WHERE {key} = :id ORDER BY 1, 2"), {"id": books.id})
    return [dict(row) for row in found.mappings()]


@pytest.fixture
def first_release(server: Server, admin: Engine) -> Iterator[Server]:
    """Make a database as the first release left it."""
    database = f"tc_test_{secrets.token_hex(4)}"
    made = Server(*(url.set(database=database) for url in (server.admin, server.owner, server.application)))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {database} OWNER {server.owner.username}"))
        migrate(made, to="0001")
        yield made
        connection.execute(text(f"DROP DATABASE {database} WITH (FORCE)"))


def migrate(server: Server, *, to: str) -> None:
    assert server.application.username is not None
    schema.migrate(
        server.owner.render_as_string(hide_password=False), application_role=server.application.username, to=to
    )


@pytest.mark.usefixtures("history")
def test_what_the_first_release_posted_is_sealed_and_verifies(
    first_release: Server, settings: Settings, admin: Engine, books: Books
) -> None:
    with books.transaction() as session:
        verification = ledger.check(session, books.id, now=NOW)
    with books.transaction() as session:
        session.add(verification)
    old = create_engine(first_release.admin)
    with admin.connect() as current, old.connect() as connection, connection.begin():
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in TABLES:
            for row in rows(current, table, books):
                row.pop("seal", None)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)

    migrate(first_release, to="head")

    with admin.connect() as current, old.connect() as connection:
        for table in TABLES:
            assert rows(connection, table, books) == rows(current, table, books)
        with pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text("UPDATE journal_entry SET kind = kind"))
    old.dispose()
    application = make_engine(first_release.application.render_as_string(hide_password=False), settings)
    with session_maker(application)(info={"programme_id": books.id}) as session, session.begin():
        assert ledger.check(session, books.id, now=NOW).consistent
    with session_maker(application)() as session, session.begin():
        assert session.scalar(text("SELECT count(*) FROM journal_entry")) == 0
    application.dispose()
