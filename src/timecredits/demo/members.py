"""Who takes part, and how: rhythms and intentions, made up from one seed. No database."""

from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from uuid import UUID

from timecredits.demo.names import DISTRICTS
from timecredits.demo.places import Group, Offer

# Half of the people begin with a prescription. Of those so many go somewhere, and of those so many then give time.
PRESCRIBED_SHARE = 0.5
VISITING_SHARE = 0.65
GIVING_SHARE = 0.4
WEEK = 7


class Story(Enum):
    """How far somebody means to come."""

    VOLUNTEER = auto()
    STAYS_HOME = auto()
    VISITS = auto()
    VISITS_AND_GIVES = auto()


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody means to do. Days are counted from the programme's first; `every` is in days."""

    story: Story
    district: int
    joins_on: int
    leaves_on: int
    visits_every: int
    gives_every: int


@dataclass(frozen=True, slots=True)
class Party:
    """Who comes along with somebody to an offer, and what it costs in minutes."""

    offer: Offer
    adults: int = 1
    children: int = 0

    @property
    def minutes(self) -> int:
        """The price of all of them."""
        return self.adults * self.offer.adult_minutes + self.children * self.offer.child_minutes

    @property
    def others_minutes(self) -> int:
        """The part of those who come along."""
        return self.minutes - self.offer.adult_minutes


@dataclass(slots=True)
class Member:
    """Somebody who has joined, and what they think they have, in minutes: the ledger has the last word."""

    plan: Plan
    group: Group
    person_id: UUID
    card_number: str
    prescription_id: UUID | None = None
    prescribed_minutes: int = 0
    companion_minutes: int = 0
    prescribed_until: int | None = None
    earned_minutes: int = 0
    visits: int = 0
    times_given: int = 0

    def receive(self, prescription_id: UUID, minutes: int, companion_minutes: int, *, until: int | None) -> None:
        """Have a new prescription, and forget what may be left of an old one."""
        self.prescription_id, self.prescribed_until = prescription_id, until
        self.prescribed_minutes, self.companion_minutes = minutes, companion_minutes

    def minutes_on(self, day: int) -> int:
        """Say what they can spend on a day; what has expired is gone."""
        if self.prescribed_until is not None and day > self.prescribed_until:
            self.prescribed_minutes = self.companion_minutes = 0
        return self.prescribed_minutes + self.earned_minutes

    def can_pay(self, party: Party, day: int) -> bool:
        """Tell whether it should be enough."""
        own = self.minutes_on(day)
        return party.minutes - min(party.others_minutes, self.companion_minutes) <= own

    def pay(self, party: Party) -> None:
        """Spend: companion minutes for the others, then prescribed minutes, then earned ones."""
        from_companion = min(party.others_minutes, self.companion_minutes)
        from_prescribed = min(party.minutes - from_companion, self.prescribed_minutes)
        self.companion_minutes -= from_companion
        self.prescribed_minutes -= from_prescribed
        self.earned_minutes = max(0, self.earned_minutes - (party.minutes - from_companion - from_prescribed))
        self.visits += 1


def make_plans(random: Random, *, people: int, days: int) -> list[Plan]:
    """Make up so many plans, in the order of joining. The first is that of one who does all there is, and stays."""
    prescribed = round(people * PRESCRIBED_SHARE)
    visiting = round(prescribed * VISITING_SHARE)
    giving = max(1, round(visiting * GIVING_SHARE))
    stories = [Story.VISITS_AND_GIVES] * (giving - 1) + [Story.VISITS] * (visiting - giving)
    stories += [Story.STAYS_HOME] * (prescribed - visiting) + [Story.VOLUNTEER] * (people - prescribed)
    first = Plan(Story.VISITS_AND_GIVES, district=0, joins_on=0, leaves_on=days, visits_every=WEEK, gives_every=WEEK)
    others = [_make_plan(random, story, days) for story in stories]
    return [first, *sorted(others, key=lambda plan: plan.joins_on)]


def _make_plan(random: Random, story: Story, days: int) -> Plan:
    # A third are there from the beginning; hardly anybody joins in the last days.
    joins_on = 0 if random.random() < 1 / 3 else random.randrange(max(1, days - WEEK))
    stays = days if random.random() < 2 / 3 else random.randint(30, 200)
    return Plan(
        story=story,
        district=random.randrange(len(DISTRICTS)),
        joins_on=joins_on,
        leaves_on=joins_on + stays,
        visits_every=random.choice((7, 7, 10, 14, 14, 21, 28)),
        gives_every=random.choice((3, 7, 7, 7, 10, 14, 14, 28)),
    )
