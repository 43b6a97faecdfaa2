"""Seals: a digest of what stands in a row, so that an edit is found where no balance depends on it."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from struct import pack
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Table, Text, Uuid

from timecredits.database import Base
from timecredits.ledger.models import Account

# Left out: the seal, and what a posting changes, which the replay checks against the transfers.
_NOT_SEALED = frozenset({"seal", "balance", "version", "posted_at"})
# PostgreSQL counts times from here.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# How PostgreSQL sends a value of each type, which `_encoded` does as well.
_SEND = {
    Uuid: "uuid_send({0})",
    BigInteger: "int8send({0})",
    Boolean: "boolsend({0})",
    DateTime: "timestamptz_send({0})",
    Date: "date_send({0})",
    Text: "int4send(octet_length({0})) || textsend({0})",
}


def seal(kind: type[Base], values: Mapping[str, object]) -> bytes:
    """Digest a row that is about to be written (SHA-256), from its values by column; one that is left out is null."""
    return hashlib.sha256(b"".join(_encoded(values.get(column.name)) for column in _sealed(kind))).digest()


def seal_in_sql(kind: type[Base]) -> str:
    """Write the same digest of a row in the table as an expression in SQL."""
    table = kind.__tablename__
    # A foreign key has its type only once all tables are known; it is an id.
    sends = [(column, _SEND[Uuid if column.foreign_keys else type(column.type)]) for column in _sealed(kind)]
    parts = [f"coalesce('\\x01' || {send.format(f'{table}.{column.name}')}, '\\x00')" for column, send in sends]
    return f"sha256({' || '.join(parts)})"


def change_sealed(account: Account, **changes: object) -> None:
    """Change an account and seal it anew. One whose seal was broken keeps it broken: it stays to be found."""
    intact = account.seal == seal(Account, vars(account))
    for name, value in changes.items():
        setattr(account, name, value)
    if intact:
        account.seal = seal(Account, vars(account))


def _sealed(kind: type[Base]) -> Iterator[Column[object]]:
    table = kind.__table__
    assert isinstance(table, Table)
    return (column for column in table.columns if column.name not in _NOT_SEALED)


def _encoded(value: object) -> bytes:
    match value:
        case None:
            return b"\x00"
        case UUID():
            sent = value.bytes
        case bool():
            sent = pack(">?", value)
        case int():
            sent = pack(">q", value)
        case datetime():
            sent = pack(">q", (value - _EPOCH) // _MICROSECOND)
        case date():
            sent = pack(">i", (value - _EPOCH.date()).days)
        case str():
            sent = pack(">i", len(value.encode())) + value.encode()
        case _:
            message = f"a {type(value)} is not sealed"
            raise TypeError(message)
    return b"\x01" + sent
