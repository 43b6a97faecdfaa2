"""How hard to try: a little in the suite, much more with `make torture`. Every choice comes from one seed."""

import os
from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.service import OwnDatabase, own_database

SEED = int(os.environ.get("TIMECREDITS_TORTURE_SEED", "1"))
ROUNDS = int(os.environ.get("TIMECREDITS_TORTURE_ROUNDS", "1"))


def pytest_report_header() -> str:
    """Say what repeats this run."""
    return f"faults: SEED={SEED} ROUNDS={ROUNDS}"


@pytest.fixture(scope="session")
def rounds() -> int:
    """Give what every count is multiplied by."""
    return ROUNDS


@pytest.fixture(scope="module")
def database() -> Iterator[OwnDatabase]:
    """Give a file of tests a durable PostgreSQL of its own, which it may kill."""
    with own_database() as made:
        yield made


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Give this test's own dice, which fall the same way for the same seed."""
    return Random(f"{SEED} {request.node.nodeid}")
