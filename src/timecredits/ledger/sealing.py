"""Seals: a digest of what stands in a row, so that an edit is found where no balance depends on it."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from operator import attrgetter
from struct import Struct
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Text, Uuid
from sqlalchemy.types import TypeEngine

from timecredits.database import Base, table_of
from timecredits.ledger.models import Account

# Left out: the seal, and what a posting changes, which the replay checks against the transfers.
_NOT_SEALED = frozenset({"seal", "balance", "version", "posted_at"})
# PostgreSQL counts times from here.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BOOL, _INT4, _INT8, _HEAD = Struct(">?"), Struct(">i"), Struct(">q"), Struct(">Ii")
# Each type's number in PostgreSQL, its length (None where that varies), and how a value of it is sent.
_SENT: Mapping[type[TypeEngine[Any]], tuple[int, int | None, Callable[[Any], bytes]]] = {
    Boolean: (16, 1, _BOOL.pack),
    BigInteger: (20, 8, _INT8.pack),
    Text: (25, None, str.encode),
    Date: (1082, 4, lambda value: _INT4.pack((value - _EPOCH.date()).days)),
    DateTime: (1184, 8, lambda value: _INT8.pack((value - _EPOCH) // _MICROSECOND)),
    Uuid: (2950, 16, attrgetter("bytes")),
}


def seal(kind: type[Base], values: Mapping[str, object]) -> bytes:
    """Digest a row that is about to be written (SHA-256), from its values by column; one that is left out is null.

    As PostgreSQL's record_send() has it: the number of columns, and for each its type, its length and its value.
    """
    count, columns = _sealed(kind)
    sent = [count]
    for name, number, null, head, write in columns:
        value = values.get(name)
        if value is None:
            sent.append(null)
        else:
            written = write(value)
            sent += (head or _HEAD.pack(number, len(written)), written)
    return hashlib.sha256(b"".join(sent)).digest()


def seal_in_sql(kind: type[Base]) -> str:
    """Write the same digest of a row in the table as an expression in SQL."""
    names = ", ".join(column.name for column in table_of(kind).columns if column.name not in _NOT_SEALED)
    return f"sha256(record_send(ROW({names})))"


def change_sealed(account: Account, **changes: date | datetime | int) -> None:
    """Change an account and seal it anew. One whose seal was broken keeps it broken: it stays to be found."""
    intact = account.seal == seal(Account, vars(account))
    for name, value in changes.items():
        setattr(account, name, value)
    if intact:
        account.seal = seal(Account, vars(account))


@cache
def _sealed(kind: type[Base]) -> tuple[bytes, list[tuple[str, int, bytes, bytes | None, Callable[[Any], bytes]]]]:
    """Give what stands before all columns; and for each its type, what is sent for null and before a value."""
    columns = []
    for column in table_of(kind).columns:
        if column.name not in _NOT_SEALED:
            number, length, write = _SENT[type(column.type)]
            head = None if length is None else _HEAD.pack(number, length)
            columns.append((column.name, number, _HEAD.pack(number, -1), head, write))
    return _INT4.pack(len(columns)), columns
