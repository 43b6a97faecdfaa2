"""Engine, sessions, the base of all tables, and the hook that puts row security on each transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CursorResult,
    DateTime,
    Engine,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine import Connection
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Session,
    SessionTransaction,
    make_transient_to_detached,
    sessionmaker,
)
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


def new_id() -> UUID:
    """Make a UUIDv7 (RFC 9562): neither Python 3.11 nor PostgreSQL 15 can."""
    return uuid7()


def apply_changes(row: Base, changes: dict[str, object], *, only: set[str]) -> None:
    """Set the fields that were sent. What a schema let through and the action does not know is a defect."""
    assert set(changes) <= only, sorted(set(changes) - only)
    for name, value in changes.items():
        setattr(row, name, value)


def among(column: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None], ids: str) -> ColumnElement[bool]:
    """Say in SQL that an id is in the list of this name: one array, so that the statement is built once."""
    return column == any_(bindparam(ids, type_=ARRAY(Uuid())))


def add_many(session: Session, rows: Sequence[Base]) -> bool:
    """Insert new objects of one table in one statement, and let the session know them, as a flush would.

    Each has a value for every column. False if one of them is there already: then the transaction is to be given up.
    """
    if rows and insert_many(session, type(rows[0]), [vars(row) for row in rows]) < len(rows):
        return False
    for row in rows:
        make_transient_to_detached(row)
    session.add_all(rows)
    return True


def insert_many(session: Session, kind: type[Base], rows: Sequence[Mapping[str, object]]) -> int:
    """Insert rows, each with a value for every column, and say how many: one that is there already is left out.

    The session does not get to know them. One statement with an array a column costs a fraction of a flush.
    """
    if not rows:
        return 0
    statement, names = _insert_of(kind)
    result = session.execute(
        statement,
        {f"{name}s": [row[name] for row in rows] for name in names},
        execution_options={"preserve_rowcount": True},
    )
    assert isinstance(result, CursorResult)
    return result.rowcount


@cache
def _insert_of(kind: type[Base]) -> tuple[Insert, list[str]]:
    table = kind.__table__
    assert isinstance(table, Table)
    names = [column.name for column in table.columns]
    arrays = [bindparam(f"{column.name}s", type_=ARRAY(column.type)) for column in table.columns]
    rows = func.unnest(*arrays).table_valued(*names).render_derived()
    return insert(table).from_select(names, select(rows)).on_conflict_do_nothing(), names


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
                f"-c statement_timeout={settings.statement_timeout_milliseconds} -c timezone=UTC"
            ),
        },
    )


def session_maker(engine: Engine) -> sessionmaker[ProgrammeSession]:
    """Make the factory of sessions: call it with `info={"programme_id": id}` and begin in plain sight.

    Forgetting to begin is an error; what was read stays readable after the commit.
    """
    return sessionmaker(engine, class_=ProgrammeSession, autobegin=False, expire_on_commit=False)
