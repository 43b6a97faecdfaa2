"""Engine, sessions, the base of all tables, and the hook that puts row security on each transaction."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from uuid import UUID

import psycopg
from sqlalchemy import (
    BigInteger,
    DateTime,
    Engine,
    MetaData,
    Table,
    Text,
    Uuid,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import (
    DeclarativeBase,
    Session,
    SessionTransaction,
    sessionmaker,
)
from sqlalchemy.pool import ConnectionPoolEntry
from uuid_utils.compat import uuid7

from timecredits.errors import DomainError
from timecredits.settings import Settings


class Base(DeclarativeBase):
    """The base of every table. Every table of a programme has a key that starts with `programme_id`."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
    type_annotation_map = {
        UUID: Uuid(),
        str: Text(),
        int: BigInteger(),
        datetime: DateTime(timezone=True),
    }


def table_of(kind: type[Base]) -> Table:
    """Give the table of a class of rows."""
    table = kind.__table__
    assert isinstance(table, Table)
    return table


def new_id() -> UUID:
    """Make a UUIDv7 (RFC 9562): neither Python 3.11 nor PostgreSQL 15 can."""
    return uuid7()


def apply_changes(row: Base, changes: dict[str, object], *, only: set[str]) -> None:
    """Set the fields that were sent. What a schema let through and the action does not know is a defect."""
    assert set(changes) <= only, sorted(set(changes) - only)
    for name, value in changes.items():
        setattr(row, name, value)


class ProgrammeSession(Session):
    """A session that sees one programme: `info["programme_id"]`. Without it, row security shows nothing."""


@event.listens_for(ProgrammeSession, "after_begin")
def _enter_programme(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Set the programme for this transaction only, so that a pooled connection carries nothing over.

    A plain `SET LOCAL`, not `set_config()`: Citus passes the statement on to its workers and not the function.
    """
    programme_id = session.info.get("programme_id")
    if programme_id is not None:
        connection.exec_driver_sql(f"SET LOCAL timecredits.programme = '{UUID(str(programme_id))}'")


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """Begin, and commit in the end; roll back where something is raised, unless it is a refusal that leaves traces."""
    refusal: DomainError | None = None
    with session.begin():
        try:
            yield
        except DomainError as raised:
            if not raised.leaves_traces:
                raise
            refusal = raised
    if refusal is not None:
        raise refusal


def make_engine(url: str, settings: Settings) -> Engine:
    """Make an engine whose waits all end: for a connection, for a place in the pool, for a lock, for a statement."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=settings.threads,
        max_overflow=2,
        pool_timeout=settings.pool_timeout_seconds,
        connect_args={
            "connect_timeout": settings.connect_timeout_seconds,
            "application_name": "timecredits",
            "options": (
                f"-c lock_timeout={settings.lock_timeout_milliseconds} "
                f"-c statement_timeout={settings.statement_timeout_milliseconds} "
                f"-c idle_in_transaction_session_timeout={settings.statement_timeout_milliseconds} -c timezone=UTC"
            ),
            # A server that is gone without a word is noticed soon after its statement should have ended.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": settings.statement_timeout_milliseconds + 5_000,
        },
    )


@contextmanager
def cancelled_in_the_end(engine: Engine) -> Iterator[None]:
    """Cancel in the end what is still being asked on connections of this engine, so that nobody waits for it."""
    working: set[ConnectionPoolEntry] = set()
    event.listen(engine, "checkout", lambda _, record, *__: working.add(record))
    event.listen(engine, "checkin", lambda _, record: working.discard(record))
    try:
        yield
    finally:
        if working:
            with ThreadPoolExecutor(len(working)) as pool:
                pool.map(_cancel, tuple(working))


def _cancel(record: ConnectionPoolEntry) -> None:
    with suppress(psycopg.Error):
        connection = record.driver_connection
        if connection is not None:
            connection.cancel_safe(timeout=2)


def session_maker(engine: Engine) -> sessionmaker[ProgrammeSession]:
    """Make the factory of sessions: call it with `info={"programme_id": id}` and begin in plain sight.

    Forgetting to begin is an error; what was read stays readable after the commit.
    """
    return sessionmaker(engine, class_=ProgrammeSession, autobegin=False, expire_on_commit=False)
