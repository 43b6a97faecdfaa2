"""Many rows in one statement: an array a column, whatever their number. It costs a fraction of a flush."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
)
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.types import TypeEngine

from timecredits.database import Base, table_of


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# A type's name in SQL, and how PostgreSQL reads a value in the text of an array. The driver's own way of writing that
# takes several times as long.
_TYPES: Mapping[type[TypeEngine[Any]], tuple[str, Callable[[Any], str]]] = {
    Uuid: ("uuid", attrgetter("hex")),
    BigInteger: ("bigint", str),
    DateTime: ("timestamptz", datetime.isoformat),
    Date: ("date", date.isoformat),
    Text: ("text", _quoted),
    LargeBinary: ("bytea", lambda value: f'"\\\\x{value.hex()}"'),
}


def array_of(kind: type[TypeEngine[Any]], values: Iterable[object]) -> str:
    """Write values as the text of an array, to be cast in SQL: `CAST(:ids AS uuid[])`."""
    _, write = _TYPES[kind]
    return "{" + ",".join(["NULL" if value is None else write(value) for value in values]) + "}"


def among(column: ColumnElement[Any], ids: str) -> ColumnElement[bool]:
    """Say in SQL that an id is in the `array_of` ids that is given by this name."""
    return column == any_(cast(bindparam(ids), ARRAY(Uuid())))


def insert_many(connection: Connection, kind: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of one programme, each with a value for every column. A session does not get to know them."""
    if rows:
        connection.exec_driver_sql(_insert_of(kind), _arrays(kind, rows))


def insert_missing(connection: Connection, kind: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows as `insert_many` does, but for those that are there already, and say how many were inserted."""
    if not rows:
        return 0
    return connection.exec_driver_sql(_insert_of(kind, conflict="DO NOTHING"), _arrays(kind, rows)).rowcount


def add_many(session: Session, rows: Sequence[Base]) -> bool:
    """Insert new objects of one table, and let the session know them, as a flush would.

    Each has a value for every column. False if one of them is there already: then the transaction is to be given up.
    """
    if rows and insert_missing(session.connection(), type(rows[0]), [vars(row) for row in rows]) < len(rows):
        return False
    for row in rows:
        make_transient_to_detached(row)
    session.add_all(rows)
    return True


def _arrays(kind: type[Base], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"programme_id": rows[0]["programme_id"]} | {
        column.name: array_of(type(column.type), [row[column.name] for row in rows]) for column in _rest(kind)
    }


@cache
def _insert_of(kind: type[Base], *, conflict: str = "") -> str:
    names = ", ".join(column.name for column in _rest(kind))
    arrays = ", ".join(f"CAST(%({column.name})s AS {_TYPES[type(column.type)][0]}[])" for column in _rest(kind))
    on_conflict = f"ON CONFLICT {conflict}" if conflict else ""
    return (
        f"INSERT INTO {kind.__tablename__} (programme_id, {names}) "
        f"SELECT CAST(%(programme_id)s AS uuid), given.* FROM unnest({arrays}) AS given {on_conflict}"
    )


def _rest(kind: type[Base]) -> list[Column[Any]]:
    """List the columns that differ from row to row: all rows are of one programme."""
    return [column for column in table_of(kind).columns if column.name != "programme_id"]
