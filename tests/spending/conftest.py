import pytest

from tests.conftest import Programme
from tests.spending.town import Town


@pytest.fixture
def town(programme: Programme) -> Town:
    """Give a town that is committed for real."""
    with programme.session() as session, session.begin():
        return Town(programme).build(session)
