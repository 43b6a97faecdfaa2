"""The last day of credits ends at the programme's own midnight, by the clock of whichever instance is asked."""

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session, sessionmaker

from tests.conftest import NOW, Programme
from tests.ledger.books import draws
from tests.spending.town import Town
from timecredits import ledger
from timecredits.database import ProgrammeSession, new_id
from timecredits.errors import DomainError
from timecredits.ledger import AccountKind, EntryRequest, TransferKind
from timecredits.people.models import Person
from timecredits.prescribing import actions as prescribing
from timecredits.prescribing.models import Prescription, WithdrawalReason
from timecredits.programmes import actions as programmes

HOUR, MINUTE, TICK = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)

# Two places whose midnights are half a day apart; and the day that has 25 hours in London.
DAYS = [
    ("Pacific/Kiritimati", date(2026, 6, 20)),
    ("Europe/London", date(2026, 6, 20)),
    ("Europe/London", date(2026, 10, 25)),
]

Work = Callable[[Session], object]


class Place:
    """A town in a time zone of its own, and what is tried there with credits that have a last day."""

    def __init__(self, sessions: sessionmaker[ProgrammeSession], zone: str, last_day: date) -> None:
        """Build it. `midnight` is when the last day is over."""
        self.last_day, next_day = last_day, last_day + timedelta(days=1)
        self.midnight = datetime.combine(next_day, time(), ZoneInfo(zone)).astimezone(UTC)
        programme_id, code = new_id(), f"t{secrets.token_hex(8)}"
        with sessions(info={"programme_id": programme_id}) as session, session.begin():
            self.row, coordinator = programmes.create_programme(
                session, code=code, name="A test", time_zone=zone, now=NOW
            )
            self.programme = Programme(programme_id, code, coordinator, sessions)
            self.town = Town(self.programme).build(session)

    def somebody(self, *, now: datetime = NOW) -> tuple[Person, Prescription]:
        """Give somebody 60 minutes until the last day."""
        with self.programme.session() as session, session.begin():
            person = self.town.person(session)
            return person, prescribing.prescribe(
                session, self.town.worker, person_id=person.id, minutes=60, expires_on=self.last_day, now=now
            )

    def says(self, work: Work, *, keep: bool = True) -> object:
        """Do something in a transaction, and say what came of it."""
        with self.programme.session() as session, session.begin() as transaction:
            try:
                answer = work(session)
            except DomainError as refusal:
                transaction.rollback()
                return refusal.code()
            if not keep:
                transaction.rollback()
            return answer

    def spend(self, person: Person, clock: datetime) -> Work:
        asked = {"minutes": 10, "venue_id": self.town.venue.id, "now": clock}
        return lambda session: self.town.redeem(session, person, **asked).minutes

    def hold(self, person: Person, found: Prescription, clock: datetime) -> Work:
        request = draws(TransferKind.HOLD, (found.prescribed_account_id,), person.held_account_id, 40)
        return lambda session: self._post(session, request, clock)

    def capture(self, hold_id: object, clock: datetime) -> Work:
        more = {"target_id": self.town.partner.account_id, "minutes": 30, "actor_id": self.town.staff.id}
        on = self.town.staff.today(clock)

        def work(session: Session) -> object:
            return self._post(session, ledger.capture(session, self.row.id, hold_id, effective_on=on, **more), clock)

        return work

    def _post(self, session: Session, request: EntryRequest, clock: datetime) -> object:
        today = self.town.staff.today(clock)
        return ledger.post_one(session, self.row.id, request, now=clock, today=today).entry_id

    def withdraw(self, found: Prescription, clock: datetime) -> Work:
        asked = {"prescription_id": found.id, "reason": WithdrawalReason.OTHER, "now": clock}
        return lambda session: prescribing.withdraw(session, self.town.worker, **asked).ending

    def sweep(self, clock: datetime) -> Work:
        return lambda session: prescribing.expire_due(session, programme=self.row, now=clock, limit=9)

    def has(self, person: Person, clock: datetime) -> Work:
        today = self.town.worker.today(clock)
        return lambda session: ledger.balance(session, self.row.id, person.id, today=today).available_minutes

    def minutes(self) -> dict[AccountKind, int]:
        """Add up each kind of account, once all is replayed and found right."""
        with self.programme.session() as session, session.begin():
            assert ledger.check(session, self.row.id, now=NOW).first_disagreement is None
        with self.programme.session() as session, session.begin():
            return ledger.trial_balance(session, self.row.id)


@pytest.fixture(params=DAYS, ids=str)
def place(request: pytest.FixtureRequest, sessions: sessionmaker[ProgrammeSession]) -> Place:
    return Place(sessions, *request.param)


def test_the_date_in_the_programmes_time_zone_decides_whatever_the_clock_is_set_to(
    place: Place, chance: Random, rounds: int
) -> None:
    asha, found = place.somebody()
    around = [place.midnight + HOUR * chance.uniform(-1, 1) for _ in range(3 * rounds)]
    for clock in (place.midnight - HOUR, place.midnight - TICK, place.midnight, place.midnight + HOUR, *around):
        over = clock >= place.midnight
        tried = {
            place.has(asha, clock): (60, 0),
            place.spend(asha, clock): (10, "insufficient_credits"),
            place.withdraw(found, clock): ("withdrawn", "prescription_ended"),
            place.sweep(clock): (0, 1),
        }
        for work, (before, after) in tried.items():
            assert place.says(work, keep=False) == (after if over else before), clock
        held = place.says(place.hold(asha, found, clock), keep=False)
        assert (held == "credits_expired") == over


def test_an_instance_that_is_ahead_ends_the_day_early_for_all_and_one_that_is_behind_late_only_for_itself(
    place: Place,
) -> None:
    (asha, _), (bilal, booked) = place.somebody(), place.somebody()
    early, late = place.midnight - 30 * MINUTE, place.midnight + 30 * MINUTE
    hold_id = place.says(place.hold(bilal, booked, early))
    # The one that is an hour ahead refuses what the right one still allows, and its sweep ends it for everybody.
    assert place.says(place.spend(asha, early + HOUR)) == "insufficient_credits"
    assert place.says(place.spend(asha, early)) == 10
    assert place.says(place.sweep(early + HOUR)) == 2
    for clock in (early, early - HOUR, early + HOUR):
        assert place.says(place.spend(asha, clock)) == "insufficient_credits"
    # After midnight the one that is an hour behind still allows what the right one refuses, until that one sweeps.
    cora, _ = place.somebody(now=early)
    assert place.says(place.spend(cora, late)) == "insufficient_credits"
    assert place.says(place.spend(cora, late - HOUR)) == 10
    assert place.says(place.sweep(late - HOUR)) == 0
    assert place.says(place.sweep(late)) == 1
    assert place.says(place.spend(cora, late - HOUR)) == "insufficient_credits"
    # The booking was made in time, and is kept.
    assert isinstance(place.says(place.capture(hold_id, late + 24 * HOUR)), UUID)
    minutes = place.minutes()
    assert minutes[AccountKind.PARTNER] == 10 + 10 + 30
    assert minutes[AccountKind.PRESCRIBED] == minutes[AccountKind.HELD] == 0
    assert minutes[AccountKind.PRESCRIBING_POT] == 6_000 - 50


def test_at_one_moment_the_day_is_over_in_one_programme_and_not_in_another(
    sessions: sessionmaker[ProgrammeSession],
) -> None:
    kiritimati, london = (Place(sessions, zone, date(2026, 6, 20)) for zone in ("Pacific/Kiritimati", "Europe/London"))
    assert kiritimati.midnight + 13 * HOUR == london.midnight
    (asha, _), (bilal, _) = kiritimati.somebody(), london.somebody()
    for clock in (kiritimati.midnight, london.midnight - TICK):
        assert kiritimati.says(kiritimati.spend(asha, clock)) == "insufficient_credits"
        assert london.says(london.spend(bilal, clock)) == 10
    assert london.says(london.sweep(clock)) == 0
    assert kiritimati.says(kiritimati.sweep(clock)) == 1
    assert london.says(london.sweep(london.midnight)) == 1
    assert kiritimati.minutes()[AccountKind.PRESCRIBING_POT] == 6_000
    assert london.minutes()[AccountKind.PRESCRIBING_POT] == 6_000 - 20
