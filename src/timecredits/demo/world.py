"""The programme that is being built: its days, its transactions, and what was refused in it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session, sessionmaker

from timecredits.access import Actor
from timecredits.database import ProgrammeSession, new_id
from timecredits.demo.names import COUNTY
from timecredits.errors import DomainError
from timecredits.programmes import actions as programmes
from timecredits.programmes.models import Programme

# Entries of one posting, in a transaction of its own.
BATCH = 500
# Everybody's, so that anybody can try the till: no card of a demonstration is worth anything.
PIN = "2580"
_ZONE = ZoneInfo("Europe/London")
_MONTH = 365 / 12
# People do something so many days apart, about.
_DAYS_BETWEEN, _LONGEST_PAUSE = 20, 5

_Due = TypeVar("_Due")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class World:
    """A programme from its first day to yesterday. Days are counted from the first, which is 0."""

    sessions: sessionmaker[ProgrammeSession]
    programme: Programme
    coordinator: Actor
    first_day: date
    days: int
    random: Random
    pin_key: bytes
    refusals: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Begin a transaction in the programme, which ends with the block."""
        with self.sessions(info={"programme_id": self.programme.id}) as session, session.begin():
            yield session

    def rounds(self, people: int) -> list[int]:
        """List the days on which things are done, for as many people as make large batches; the last is yesterday.

        The pauses are 1 to 5 days, which is no part of a week, so that all weekdays have their turn.
        """
        pause = min(max(BATCH * _DAYS_BETWEEN // people, 1), _LONGEST_PAUSE)
        return [*range(0, self.days - 1, pause), self.days - 1]

    def date_of(self, day: int) -> date:
        """Give the date of a day."""
        return self.first_day + timedelta(days=day)

    def moment(self, day: int, hour: int) -> datetime:
        """Give the moment of a full hour on a day, as clocks show it there."""
        return _moment(self.date_of(day), hour)

    def batches(self, due: Sequence[_Due], *, day: int, hour: int) -> Iterator[tuple[datetime, Sequence[_Due]]]:
        """Cut what is due into batches, each with a time: from the hour on, a second apart."""
        for number, start in enumerate(range(0, len(due), BATCH)):
            yield self.moment(day, hour) + timedelta(seconds=number), due[start : start + BATCH]

    def done(self, due: Sequence[_Due], outcomes: Sequence[_Made | DomainError]) -> Iterator[tuple[_Due, _Made]]:
        """Give what was done beside what it was done for, and count what was refused."""
        for each, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, DomainError):
                self.refuse(outcome)
            else:
                yield each, outcome

    def refuse(self, refusal: DomainError) -> None:
        """Count a refusal: it happens, as in life."""
        self.refusals[refusal.code()] += 1


def make_world(
    sessions: sessionmaker[ProgrammeSession], *, code: str, months: int, seed: int, pin_key: bytes, now: datetime
) -> World:
    """Start the programme, so many months before now. Raises ProgrammeExists, before anything is made."""
    days = round(months * _MONTH)
    first_day = now.astimezone(_ZONE).date() - timedelta(days=days)
    with sessions(info={"programme_id": new_id()}) as session, session.begin():
        programme, coordinator = programmes.create_programme(
            session,
            code=code,
            name=f"Time Credits in {COUNTY} (a demonstration)",
            time_zone=_ZONE.key,
            now=_moment(first_day, 8),
        )
    return World(sessions, programme, coordinator, first_day, days, Random(seed), pin_key)


def _moment(on: date, hour: int) -> datetime:
    return datetime.combine(on, time(hour), _ZONE).astimezone(UTC)
