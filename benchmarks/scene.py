"""What the workloads of one run share: made when the first of them asks for it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from random import Random
from uuid import UUID

from benchmarks import bare
from benchmarks.bare import Bare
from benchmarks.server import Server, Unbalanced
from benchmarks.town import Town, make_town
from timecredits import ledger
from timecredits.ledger import Verification


@dataclass(frozen=True)
class Size:
    """How long, how often and on how much."""

    runs: int = 5
    seconds: int = 8
    people: int = 2_000
    venues: int = 50
    # Entries of the large programme, of the one that is verified, and requests before memory is looked at again.
    many_entries: int = 1_000_000
    verified_entries: int = 150_000
    requests: int = 100_000
    demo_people: int = 2_000
    demo_months: int = 12


QUICK = Size(
    runs=2,
    seconds=2,
    people=300,
    venues=20,
    many_entries=20_000,
    verified_entries=10_000,
    requests=4_000,
    demo_people=100,
    demo_months=3,
)


@dataclass
class Scene:
    """The server of this run, and what there is on it."""

    server: Server
    size: Size
    random: Random

    @cached_property
    def town(self) -> Town:
        """Give the programme that the service works on."""
        return make_town(self.server, people_count=self.size.people, venue_count=self.size.venues)

    @cached_property
    def bare(self) -> Bare:
        """Give the bare function, in a programme of its own."""
        return bare.install(self.server, people_count=self.size.people, venue_count=self.size.venues)

    def prepare(self) -> None:
        """Make both programmes unless they are there, and begin alike, whatever came before."""
        for made in (self.town, self.bare):
            self.server.check_balance(made.programme_id)
        self.server.settle()

    def check(self) -> None:
        """Replay the whole ledger of every programme that was worked on. Raises Unbalanced."""
        for name in ("town", "bare"):
            made: Town | Bare | None = self.__dict__.get(name)
            if made is not None:
                check(self.server, made.programme_id)


def check(server: Server, programme_id: UUID) -> Verification:
    """Replay the whole ledger of a programme, and give the result. Raises Unbalanced."""
    with server.begin(programme_id) as session:
        found = ledger.check(session, programme_id, now=datetime.now(UTC))
    if not found.consistent:
        raise Unbalanced(found.first_disagreement)
    return found
