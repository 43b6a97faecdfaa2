"""Books for each test."""

import pytest

from tests.conftest import Programme
from tests.ledger.books import Books


@pytest.fixture
def books(programme: Programme) -> Books:
    """Open the books of a programme of its own; what is posted in them is committed."""
    return Books(programme)
