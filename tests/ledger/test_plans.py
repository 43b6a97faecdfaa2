"""How PostgreSQL finds balances and pages in a table that is not small: by the time indexes, never by a scan."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import TextClause, create_engine, text
from sqlalchemy.orm import sessionmaker

from tests.conftest import NOW, Server, make_programme
from tests.ledger.books import Books, moves
from timecredits.database import ProgrammeSession, new_id
from timecredits.ledger import AVAILABLE, PERSONAL, AccountKind, TransferKind, statements

PEOPLE = 40
SPENDS = 5_000


@pytest.fixture(scope="module")
def asha(server: Server, sessions: sessionmaker[ProgrammeSession]) -> tuple[Books, UUID]:
    """Fill the books, tell the planner about them, and give one of many people."""
    books = Books(make_programme(sessions))
    books.fill(books.group, 1_000_000)
    people = [uuid4() for _ in range(PEOPLE)]
    accounts = [books.open(AccountKind.EARNED, owner_id=person_id) for person_id in people]
    books.post(*[moves(TransferKind.EARN, books.group, account_id, 10_000) for account_id in accounts])
    for batch in range(SPENDS // 500):
        requests = [moves(TransferKind.SPEND, accounts[number % PEOPLE], books.partner, 1) for number in range(500)]
        books.post(*requests, now=NOW + timedelta(hours=batch))
    owner = create_engine(server.owner, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("ANALYZE account, journal_entry, transfer"))
    owner.dispose()
    return books, people[0]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _explain(books: Books, query: TextClause, parameters: dict[str, object]) -> list[dict[str, Any]]:
    with books.transaction() as session:
        plan = session.scalar(
            text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query.text}"), {"programme_id": books.id, **parameters}
        )
    return list(_nodes(plan[0]["Plan"]))


def _check_is_probed(nodes: list[dict[str, Any]], *, rows: int) -> None:
    """Check that no table of the ledger is scanned, that both time indexes are read, and few rows of them."""
    for table in ("transfer", "journal_entry"):
        scans = [node for node in nodes if node.get("Relation Name") == table]
        assert {node["Node Type"] for node in scans} <= {"Index Scan", "Index Only Scan"}, scans
    probes = [node for node in nodes if str(node.get("Index Name")).endswith("_time_idx")]
    assert {node["Index Name"] for node in probes} == {"transfer_source_time_idx", "transfer_target_time_idx"}
    assert {node["Scan Direction"] for node in probes} == {"Backward"}
    for node in probes:
        assert node["Actual Rows"] <= rows, node
        assert node.get("Rows Removed by Filter", 0) == 0, node


def test_a_balance_at_a_time_is_two_probes_an_account(asha: tuple[Books, UUID]) -> None:
    books, person_id = asha
    nodes = _explain(
        books,
        statements._BALANCES_AT,
        {"owner_id": person_id, "kinds": list(PERSONAL), "at": NOW + timedelta(hours=5)},
    )
    _check_is_probed(nodes, rows=1)


def test_a_page_of_a_statement_reads_no_more_than_the_page(asha: tuple[Books, UUID]) -> None:
    books, person_id = asha
    nodes = _explain(
        books,
        statements._LINES,
        {
            "owner_id": person_id,
            "kinds": list(AVAILABLE),
            "before_at": NOW + timedelta(hours=7),
            "before_id": new_id(),
            "count": 20,
        },
    )
    # One row more tells that the page is full.
    _check_is_probed(nodes, rows=21)
