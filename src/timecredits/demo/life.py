"""Everybody who has joined, and who means to do what on which day."""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum, auto

from timecredits.demo.members import Member
from timecredits.demo.places import Places
from timecredits.demo.world import World


class Doing(Enum):
    """What somebody may do on a day."""

    BE_PRESCRIBED = auto()
    LET_GO = auto()
    GIVE_TIME = auto()
    VISIT = auto()
    GIVE_AWAY = auto()


@dataclass(frozen=True)
class Life:
    """The people of the programme, where they go, and what they mean to do there."""

    world: World
    places: Places
    members: list[Member] = field(default_factory=list)
    _due: defaultdict[tuple[Doing, int], list[Member]] = field(default_factory=lambda: defaultdict(list))
    _next: defaultdict[Doing, int] = field(default_factory=lambda: defaultdict(int))

    def mean_to(self, doing: Doing, member: Member, *, day: int) -> None:
        """Put it down for a day, or the next that has not been looked at.

        What comes after the last day, or after somebody has left, never happens.
        """
        if day < self.world.days and day <= member.plan.leaves_on:
            self._due[doing, max(day, self._next[doing])].append(member)

    def who_means_to(self, doing: Doing, day: int) -> list[tuple[int, Member]]:
        """Give who has it down for days up to this one, each with the day, and cross it out."""
        since, self._next[doing] = self._next[doing], day + 1
        return [(due, member) for due in range(since, day + 1) for member in self._due.pop((doing, due), [])]

    def happens(self, chance: float) -> bool:
        """Throw the dice."""
        return self.world.random.random() < chance

    def soon(self, first: int, last: int) -> int:
        """Give a number of days from `first` to `last`; in a short programme things follow each other faster."""
        return self.world.random.randint(first, max(first, min(last, self.world.days // 5)))
