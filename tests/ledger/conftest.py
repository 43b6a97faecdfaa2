"""Books for each test, a short history in them, and a way to forge it."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.conftest import Programme, Server
from tests.ledger.books import TODAY, Books, asks, draws
from timecredits import ledger
from timecredits.database import new_id
from timecredits.ledger import AccountKind, Draw, EntryKind, Posted, TransferKind

Forge = Callable[[str], None]


@pytest.fixture
def books(programme: Programme) -> Books:
    """Open the books of a programme of its own; what is posted in them is committed."""
    return Books(programme)


class History(NamedTuple):
    """A short history, in which each entry can be told apart."""

    prescribed: UUID
    earned: UUID
    held: UUID
    other: UUID
    prescribe: Posted
    spend: Posted
    hold: Posted
    capture: Posted
    gift: Posted
    reverse: Posted


@pytest.fixture
def history(books: Books) -> History:
    """Prescribe, spend, book, come, give and take back."""
    owner_id = new_id()
    books.fill(books.pot, 100)
    prescribed = books.open(AccountKind.PRESCRIBED, owner_id=owner_id, origin_id=books.pot, expires_on=TODAY)
    prescribe = books.move(TransferKind.PRESCRIBE, books.pot, prescribed, 100)
    earned, other = books.earned(owner_id, 100), books.earned(new_id(), 100)
    held = books.open(AccountKind.HELD, owner_id=owner_id)
    spend = books.post_one(draws(TransferKind.SPEND, (prescribed, earned), books.partner, 120))
    hold = books.post_one(draws(TransferKind.HOLD, (earned,), held, 50))
    with books.transaction() as session:
        request = ledger.capture(
            session, books.id, hold.entry_id, target_id=books.partner, minutes=30, actor_id=new_id(), effective_on=TODAY
        )
    capture = books.post_one(request)
    gift = books.move(TransferKind.GIFT, earned, other, 10)
    mirror = Draw(TransferKind.REVERSE, (other,), earned, 10)
    reverse = books.post_one(asks(EntryKind.REVERSE, mirror, reverses=gift.entry_id))
    return History(prescribed, earned, held, other, prescribe, spend, hold, capture, gift, reverse)


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Engine]:
    """Connect as a superuser, for whom there is neither trigger nor row security."""
    engine = create_engine(server.admin)
    yield engine
    engine.dispose()


@pytest.fixture
def forge(admin: Engine, books: Books, history: History) -> Forge:
    """Give the way to change rows without triggers: names in braces are ids of the history."""
    ids = {name: value.entry_id if isinstance(value, Posted) else value for name, value in history._asdict().items()}
    ids |= {"programme": books.id, "fund": books.fund, "pot": books.pot, "partner": books.partner, "new": new_id()}

    def change(statement: str) -> None:
        with admin.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            changed = connection.execute(text(re.sub(r"\{(\w+)\}", lambda name: f"'{ids[name[1]]}'", statement)))
            assert changed.rowcount == 1

    return change
