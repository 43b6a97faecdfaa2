"""Seals: a digest of what stands in a row, so that an edit is found where no balance depends on it."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
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
_INT2, _INT4, _INT8, _HEAD = Struct(">?"), Struct(">i"), Struct(">q"), Struct(">Ii")
# Each type's number in PostgreSQL, and how a value of it is sent.
_SENT: Mapping[type[TypeEngine[Any]], tuple[int, Callable[[Any], bytes]]] = {
    Boolean: (16, _INT2.pack),
    BigInteger: (20, _INT8.pack),
    Text: (25, str.encode),
    Date: (1082, lambda value: _INT4.pack((value - _EPOCH.date()).days)),
    DateTime: (1184, lambda value: _INT8.pack((value - _EPOCH) // _MICROSECOND)),
    Uuid: (2950, lambda value: value.bytes),
}


def seal(kind: type[Base], values: Mapping[str, object]) -> bytes:
    """Digest a row that is about to be written (SHA-256), from its values by column; one that is left out is null.

    As PostgreSQL's record_send() has it: the number of columns, and for each its type, its length and its value.
    """
    columns = _sealed(kind)
    sent = [_INT4.pack(len(columns))]
    for name, number, write in columns:
        value = values.get(name)
        written = b"" if value is None else write(value)
        sent += (_HEAD.pack(number, -1 if value is None else len(written)), written)
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
def _sealed(kind: type[Base]) -> list[tuple[str, int, Callable[[Any], bytes]]]:
    columns = [column for column in table_of(kind).columns if column.name not in _NOT_SEALED]
    return [(column.name, *_SENT[type(column.type)]) for column in columns]
