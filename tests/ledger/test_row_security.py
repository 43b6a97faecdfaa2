"""The wall between programmes: row security in every table, and keys that contain the programme."""

from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, Table, create_engine, inspect, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import StaticPool

from tests.conftest import NOW, Server, make_programme
from tests.ledger.books import Books, moves
from timecredits import ledger, schema
from timecredits.database import new_id, session_maker
from timecredits.errors import NotFound
from timecredits.ledger import AccountKind, TransferKind

WALLED = [table for table in schema.METADATA.sorted_tables if "programme_id" in table.columns]


def test_only_the_table_of_programmes_has_no_programme() -> None:
    assert [table.name for table in schema.METADATA.sorted_tables if table not in WALLED] == ["programme"]
    assert {"account", "journal_entry", "transfer", "verification"} <= {table.name for table in WALLED}


@pytest.mark.parametrize("table", WALLED, ids=str)
def test_every_key_begins_with_the_programme(table: Table, engine: Engine) -> None:
    found = inspect(engine)
    assert found.get_pk_constraint(table.name)["constrained_columns"][0] == "programme_id"
    assert len(table.primary_key.columns) > 1
    for index in found.get_indexes(table.name):
        assert index["column_names"][0] == "programme_id" or not index["unique"], index["name"]
    for key in found.get_foreign_keys(table.name):
        assert key["constrained_columns"][0] == "programme_id", key["name"]
        assert key["referred_columns"][0] == ("id" if key["referred_table"] == "programme" else "programme_id")
    assert found.get_foreign_keys(table.name)


def test_row_security_is_enabled_and_forced_in_every_table_of_a_programme(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
                "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            )
        )
        assert dict(rows.all()) == {table.name: True for table in WALLED} | {
            "programme": False,
            "alembic_version": False,
        }
        policies = connection.execute(
            text("SELECT tablename, cmd, permissive, roles::text, qual, with_check FROM pg_policies")
        ).all()
    assert {policy.tablename for policy in policies} == {table.name for table in WALLED}
    assert len({tuple(policy)[1:] for policy in policies}) == 1
    assert "(programme_id = (NULLIF(current_setting('timecredits.programme'" in policies[0].qual


def test_the_application_is_no_superuser_owns_nothing_and_cannot_bypass_row_security(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(
            text("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        ).one() == (False, False, False)
        assert connection.scalar(text("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")) == 0


def _seen(connection: Connection) -> dict[str, set[UUID]]:
    return {
        table.name: set(connection.scalars(text(f"SELECT DISTINCT programme_id FROM {table.name}"))) for table in WALLED
    }


def test_a_pooled_connection_shows_each_programme_its_own_rows_and_nobody_any(server: Server, books: Books) -> None:
    other = Books(make_programme(books.programme.sessions))
    for each in (books, other):
        each.fill(each.group, 60)
    engine = create_engine(server.application, poolclass=StaticPool)
    sessions = session_maker(engine)
    with sessions() as session, session.begin():
        backend = session.scalar(text("SELECT pg_backend_pid()"))
    for programme_id in (books.id, None, other.id, None, books.id):
        info = {} if programme_id is None else {"programme_id": programme_id}
        with sessions(info=info) as session, session.begin():
            assert session.scalar(text("SELECT pg_backend_pid()")) == backend
            seen = _seen(session.connection())
        assert set().union(*seen.values()) == ({programme_id} if programme_id else set())
        assert bool(seen["transfer"]) == (programme_id is not None)
    engine.dispose()


def test_a_row_of_another_programme_is_not_inserted(books: Books) -> None:
    with books.programme.sessions(info={"programme_id": new_id()}) as session:
        session.begin()
        ledger.open_account(session, books.id, AccountKind.EARNED, now=NOW)
        with pytest.raises(ProgrammingError, match="violates row-level security policy"):
            session.flush()


def test_the_accounts_of_another_programme_are_not_found(books: Books) -> None:
    other = Books(make_programme(books.programme.sessions))
    with pytest.raises(NotFound):
        books.post_one(moves(TransferKind.ALLOCATE, books.fund, other.group, 60))
    with other.transaction() as session:
        assert ledger.balances(session, books.id, [books.group]) == {}
        assert ledger.trial_balance(session, books.id) == {}
