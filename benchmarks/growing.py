"""Very many entries, made in SQL: posting them one after another would take too long for a preparation."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from benchmarks.server import Server
from benchmarks.town import Person, Town

# Of one statement, which keeps them in memory.
_AT_ONCE = 100_000


def grow(server: Server, town: Town, payers: Sequence[Person], *, entries: int) -> None:
    """Let these people pay so many single minutes to the town's venues, a microsecond apart from now on."""
    statement = files("benchmarks").joinpath("grow.sql").read_bytes()
    began = datetime.now(UTC)
    for start in range(0, entries, _AT_ONCE):
        server.admin.execute(
            statement,
            {
                "programme": town.programme_id,
                "payers": [person.prescribed_account_id for person in payers],
                "takers": [venue.account_id for venue in town.venues],
                "since": began + timedelta(microseconds=start),
                "count": min(_AT_ONCE, entries - start),
            },
        )
    server.settle()
