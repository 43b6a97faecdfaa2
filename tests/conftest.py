"""A real PostgreSQL for every test: the embedded one, or the server that TIMECREDITS_TEST_DATABASE_URL names."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.orm import sessionmaker

from timecredits import embedded, schema
from timecredits.access import Actor
from timecredits.database import ProgrammeSession, make_engine, new_id, session_maker
from timecredits.programmes import actions as programmes
from timecredits.settings import Settings

# A machine without a browser runs all but the browser's tests; `.ci/run` sees to it that there is one.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
collect_ignore = [] if CHROMIUM else ["browser"]

NOW = datetime(2026, 6, 15, 10, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Server:
    """A migrated database of its own for one run of the tests."""

    admin: URL
    owner: URL
    application: URL


@dataclass(frozen=True)
class Programme:
    """A programme that is really committed, and its first coordinator. Each test has its own."""

    id: UUID
    code: str
    coordinator: Actor
    sessions: sessionmaker[ProgrammeSession]

    def session(self) -> ProgrammeSession:
        """Open a session that sees this programme. Begin it in plain sight."""
        return self.sessions(info={"programme_id": self.id})


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Make a database with an owner and an application role, migrate it, and drop all of it in the end."""
    with ExitStack() as stack:
        given = os.environ.get("TIMECREDITS_TEST_DATABASE_URL")
        if given is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            given = stack.enter_context(embedded.start(folder / "data")).admin_url
        admin = make_url(given).set(drivername="postgresql+psycopg")
        mark = secrets.token_hex(4)
        database, owner, application = f"tc_test_{mark}", f"tc_owner_{mark}", f"tc_app_{mark}"
        engine = create_engine(admin, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for role in (owner, application):
                connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD '{mark}'"))
            connection.execute(text(f"GRANT {owner} TO CURRENT_USER"))
            connection.execute(text(f"CREATE DATABASE {database} OWNER {owner}"))
        made = Server(
            admin=admin.set(database=database),
            owner=admin.set(database=database, username=owner, password=mark),
            application=admin.set(database=database, username=application, password=mark),
        )
        schema.migrate(_text(made.owner), application_role=application)
        yield made
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {database} WITH (FORCE)"))
            for role in (application, owner):
                connection.execute(text(f"DROP ROLE {role}"))
        engine.dispose()


@pytest.fixture(scope="session")
def settings(server: Server) -> Settings:
    """Give the settings of a service on the test server."""
    return Settings.model_validate(
        {
            "database_url": _text(server.application),
            "owner_database_url": _text(server.owner),
            "secret_key": "a secret of the tests, and of nothing else",
            "threads": 16,
            "sweep_seconds": 0,
        }
    )


@pytest.fixture(scope="session")
def engine(server: Server, settings: Settings) -> Iterator[Engine]:
    """Connect as the application, as the service does."""
    made = make_engine(_text(server.application), settings)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def sessions(engine: Engine) -> sessionmaker[ProgrammeSession]:
    """Give the factory of sessions."""
    return session_maker(engine)


def make_programme(sessions: sessionmaker[ProgrammeSession]) -> Programme:
    """Make a programme that is committed for real; row security keeps it apart from every other test's."""
    programme_id = new_id()
    with sessions(info={"programme_id": programme_id}) as session, session.begin():
        made, coordinator = programmes.create_programme(
            session, code="t" + secrets.token_hex(8), name="A test", time_zone="Europe/London", now=NOW
        )
        code = made.code
    return Programme(programme_id, code, coordinator, sessions)


@pytest.fixture
def programme(sessions: sessionmaker[ProgrammeSession]) -> Programme:
    """Give a programme of the test's own."""
    return make_programme(sessions)


@pytest.fixture
def session(programme: Programme) -> Iterator[ProgrammeSession]:
    """Give a session in the programme, in a transaction that is rolled back in the end."""
    with programme.session() as made:
        made.begin()
        yield made
        made.rollback()
