"""Which database a command works on: the one that the environment names, or the embedded one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.orm import sessionmaker

from timecredits import embedded, schema
from timecredits.access import Actor, Role
from timecredits.database import ProgrammeSession, make_engine, session_maker
from timecredits.errors import DomainError
from timecredits.programmes import queries as programmes
from timecredits.programmes.models import Programme
from timecredits.settings import Settings


class Stop(Exception):
    """A command cannot go on; the message is one plain sentence."""


@dataclass(frozen=True)
class Opened:
    """A database that is ready for a command: sessions as the application, and the server's secret."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[ProgrammeSession]
    secret_key: bytes
    is_embedded: bool

    def programme(self, code: str) -> Programme:
        """Find a programme by its code. Raises Stop."""
        with self.sessions.begin() as session:
            found = programmes.programme_by_code(session, code)
        if found is None:
            raise Stop(f"There is no programme with the code {code}: `timecredits programmes list` shows all.")
        return found

    def programmes(self) -> list[Programme]:
        """List all programmes."""
        with self.sessions.begin() as session:
            return programmes.programmes(session)


def now() -> datetime:
    """Read the clock. Only the edge does."""
    return datetime.now(UTC)


def operator(programme: Programme) -> Actor:
    """Give who acts when a command is used: whoever runs the service, in a coordinator's place."""
    return Actor(
        id=programme.id,
        programme_id=programme.id,
        time_zone=ZoneInfo(programme.time_zone),
        roles=frozenset({(Role.COORDINATOR, None)}),
    )


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what can go wrong outside the code into one plain sentence and exit code 1."""
    try:
        yield
    except (Stop, embedded.EmbeddedError) as stop:
        sentence = str(stop)
    except DomainError as refusal:
        sentence = refusal.detail
    except schema.NewerDatabase:
        sentence = "The database has been migrated by a newer version of timecredits: use that version, or a newer one."
    except ValidationError as error:
        first = error.errors()[0]
        name = "TIMECREDITS_" + "_".join(str(part) for part in first["loc"]).upper()
        sentence = f"The setting {name} is not usable: {first['msg']}."
    except ArgumentError:
        sentence = "A database URL is not usable: one looks like postgresql://role:password@host/database."
    except ProgrammingError as error:
        sentence = f"The database refused: {str(error.orig).strip().splitlines()[0]}"
    except OperationalError as error:
        first_line = str(error.orig).strip().splitlines()[0]
        sentence = f"The database cannot be reached: {first_line}"
    else:
        return
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


@contextmanager
def open_database(*, alone: bool = False) -> Iterator[Opened]:
    """Open the database that the environment names, or the embedded one: start it and migrate it, or join it.

    `alone` refuses to join a server that another process has started. Raises Stop where the database is not migrated
    or the connection's role could get around the walls.
    """
    settings = Settings()
    if settings.database_url is not None:
        with _open(settings, is_embedded=False) as opened:
            yield opened
        return
    refuse_half(settings)
    with _start_or_join(settings.data_dir, alone=alone) as server:
        # In the environment, so that the processes which `serve` starts find it.
        os.environ["TIMECREDITS_DATABASE_URL"] = server.application_url
        os.environ["TIMECREDITS_OWNER_DATABASE_URL"] = server.owner_url
        os.environ["TIMECREDITS_SECRET_KEY"] = server.secret_key
        schema.migrate(server.owner_url, application_role=embedded.APPLICATION)
        with _open(Settings(), is_embedded=True) as opened:
            yield opened


def _start_or_join(data_dir: Path, *, alone: bool) -> embedded.Embedded:
    try:
        return embedded.start(data_dir)
    except embedded.DataFolderInUse:
        if alone:
            raise
        return embedded.join(data_dir)


@contextmanager
def _open(settings: Settings, *, is_embedded: bool) -> Iterator[Opened]:
    if settings.database_url is None or settings.secret_key is None:
        raise Stop("Set TIMECREDITS_SECRET_KEY to 32 characters or more that only this service knows, and keep it.")
    engine = make_engine(settings.database_url.get_secret_value(), settings)
    try:
        with engine.connect() as connection:
            check_role(connection)
            check_migrated(connection)
        yield Opened(
            settings=settings,
            engine=engine,
            sessions=session_maker(engine),
            secret_key=settings.secret_key.get_secret_value().encode(),
            is_embedded=is_embedded,
        )
    finally:
        engine.dispose()


def check_role(connection: Connection) -> None:
    """Raise Stop where the connection's role is a superuser, bypasses row security, or owns the tables."""
    row = connection.execute(
        text(
            """
            SELECT rolsuper OR rolbypassrls, EXISTS (
                SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE nspname = current_schema AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'MEMBER')
            ) OR pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER')
            FROM pg_roles WHERE rolname = current_user
            """
        )
    ).one()
    if any(row):
        raise Stop(
            "TIMECREDITS_DATABASE_URL connects as a superuser, an owner or a role that bypasses row security: "
            "use the application's role, which can only do what the service needs."
        )


def check_migrated(connection: Connection) -> None:
    """Raise Stop where the database is older than the code, and NewerDatabase where it is newer."""
    try:
        found = schema.revision(connection)
    except ProgrammingError:
        found = None
    schema.check_not_newer(found)
    if found != schema.head():
        raise Stop("The database is not up to date with this version: run `timecredits migrate` first.")


def refuse_half(settings: Settings) -> None:
    """Raise Stop where the owner's URL stands alone: the embedded server would be a surprise."""
    if settings.owner_database_url is not None and settings.database_url is None:
        raise Stop("Set TIMECREDITS_DATABASE_URL too: TIMECREDITS_OWNER_DATABASE_URL alone does not name the database.")


def owner_url(settings: Settings) -> tuple[str, str]:
    """Give the owner's URL and the application's role, as `migrate` needs them. Raises Stop."""
    if settings.owner_database_url is None or settings.database_url is None:
        raise Stop("Set TIMECREDITS_DATABASE_URL (application) and TIMECREDITS_OWNER_DATABASE_URL (owner).")
    role = make_url(settings.database_url.get_secret_value()).username
    if role is None:
        raise Stop("TIMECREDITS_DATABASE_URL names no role.")
    return settings.owner_database_url.get_secret_value(), role


def programme_session(opened: Opened, programme_id: UUID) -> ProgrammeSession:
    """Open a session in a programme. Begin it in plain sight."""
    return opened.sessions(info={"programme_id": programme_id})
