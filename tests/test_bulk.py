"""What is written as the text of an array is read as it was."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Date, DateTime, Engine, LargeBinary, Text, Uuid, text

from tests.ledger.books import EXAMPLES
from timecredits.bulk import array_of

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read(engine: Engine, written: str, name: str) -> list[object]:
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT unnest(CAST(:array AS {name}[]))"), {"array": written}).scalars())


@EXAMPLES
@given(st.lists(st.none() | WORDS | st.sampled_from(["NULL", "null", "", "{}", '"', "\\", ",", " "]), min_size=1))
def test_words_come_back(engine: Engine, values: list[str | None]) -> None:
    assert read(engine, array_of(Text, values), "text") == values


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        (Uuid, "uuid", [uuid4(), None, UUID(int=0), UUID(int=2**128 - 1)]),
        (BigInteger, "bigint", [0, -1, None, 2**63 - 1, -(2**63)]),
        (LargeBinary, "bytea", [b"", None, bytes(range(256))]),
        (Date, "date", [date(1, 1, 1), None, date(9999, 12, 31)]),
        (DateTime, "timestamptz", [datetime(2026, 6, 15, 10, 30, 1, 5, tzinfo=UTC), None]),
    ],
)
def test_values_come_back(engine: Engine, kind: type, name: str, values: list[object]) -> None:
    assert read(engine, array_of(kind, values), name) == values
