"""Several at once on one pot and on one prescription, each in a transaction that really commits."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker

from tests.conftest import NOW, Programme, make_programme
from tests.factories import make_organisation, make_person, make_service_with_pot
from tests.prescribing.steps import TODAY, add_pot, at_once, left_in, spend
from timecredits import ledger
from timecredits.database import ProgrammeSession
from timecredits.errors import DomainError
from timecredits.ledger import AccountClosed, InsufficientCredits, Posted
from timecredits.prescribing.actions import Dose, PrescriptionEnded, expire_due, prescribe, prescribe_many, withdraw
from timecredits.prescribing.models import Ending, Prescription, WithdrawalReason
from timecredits.programmes.models import OrganisationKind
from timecredits.programmes.models import Programme as ProgrammeRow
from timecredits.sweeping import sweep_all

ROUNDS = 4
REASON = WithdrawalReason.OTHER
TOMORROW_NOON = NOW + timedelta(days=1)


class Stage:
    """A committed service with a pot, a worker, a person and a partner; each step is a transaction of its own."""

    def __init__(self, programme: Programme, *, minutes: int) -> None:
        """Commit it."""
        self.programme = programme
        with programme.session() as session, session.begin():
            coordinator = programme.coordinator
            self.service, self.worker, self.pot = make_service_with_pot(session, coordinator, minutes=minutes)
            self.person = make_person(session, coordinator)
            self.partner = make_organisation(session, coordinator, OrganisationKind.PARTNER)
            self.row = session.get_one(ProgrammeRow, programme.id)

    def prescribe(self, minutes: int = 60, *, expires_on: date | None = None) -> Prescription:
        with self.programme.session() as session, session.begin():
            return prescribe(
                session, self.worker, person_id=self.person.id, minutes=minutes, expires_on=expires_on, now=NOW
            )

    def spend(self, found: Prescription, minutes: int) -> Posted | DomainError:
        with self.programme.session() as session, session.begin():
            return spend(session, found, self.partner, minutes)

    def withdraw(self, found: Prescription) -> Prescription:
        with self.programme.session() as session, session.begin():
            return withdraw(session, self.worker, prescription_id=found.id, reason=REASON, now=NOW)

    def expire(self) -> int:
        with self.programme.session() as session, session.begin():
            return expire_due(session, programme=self.row, now=TOMORROW_NOON, limit=9)

    def left(self, *account_ids: UUID) -> list[int]:
        with self.programme.session() as session, session.begin():
            return left_in(session, *account_ids)

    def is_consistent(self) -> bool:
        with self.programme.session() as session, session.begin():
            return sum(ledger.trial_balance(session, self.programme.id).values()) == 0


def test_two_workers_and_the_last_minutes_of_a_pot_end_in_one_prescription(programme: Programme) -> None:
    stage = Stage(programme, minutes=100)
    outcomes = at_once([stage.prescribe] * 2)
    (refused,) = (outcome for outcome in outcomes if isinstance(outcome, InsufficientCredits))
    assert refused.figures == {"needed_minutes": 60, "available_minutes": 40}
    assert stage.left(stage.pot.account_id) == [40]


def test_workers_who_prescribe_at_once_are_not_refused_while_another_pot_has_enough(programme: Programme) -> None:
    stage = Stage(programme, minutes=120)
    with programme.session() as session, session.begin():
        soon = add_pot(session, programme.coordinator, stage.service, minutes=120, ends_on=TODAY)
    outcomes = at_once([stage.prescribe] * 4)
    assert not [outcome for outcome in outcomes if isinstance(outcome, DomainError)]
    assert stage.left(stage.pot.account_id, soon.account_id) == [0, 0]


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_spending_expiry_and_withdrawal_share_one_prescription_and_no_minute_is_lost(
    programme: Programme, round_: int
) -> None:
    stage = Stage(programme, minutes=600)
    found = stage.prescribe(120, expires_on=TODAY)
    works = [lambda: stage.spend(found, 70), lambda: stage.withdraw(found), stage.expire]
    turned = works[round_ % 3 :] + works[: round_ % 3]
    answers = at_once([*turned, lambda: stage.spend(found, 70)])
    spent = [answer for answer in answers if isinstance(answer, Posted)]
    assert len(spent) <= 1
    assert all(
        isinstance(answer, AccountClosed | InsufficientCredits | PrescriptionEnded | Posted | Prescription | int)
        for answer in answers
    )
    assert stage.partner.account_id is not None
    stage.expire()
    assert stage.left(stage.pot.account_id, found.prescribed_account_id, stage.partner.account_id) == [
        600 - 70 * len(spent),
        0,
        70 * len(spent),
    ]
    assert stage.is_consistent()


def test_somebody_who_saw_it_active_cannot_withdraw_what_was_withdrawn_meanwhile(programme: Programme) -> None:
    stage = Stage(programme, minutes=600)
    found = stage.prescribe()
    with programme.session() as session, session.begin():
        seen = session.get_one(Prescription, (programme.id, found.id))
        stage.withdraw(found)
        assert seen.ended_at is None
        with pytest.raises(PrescriptionEnded):
            withdraw(session, stage.worker, prescription_id=found.id, reason=REASON, now=NOW)


def test_the_sweep_passes_over_what_somebody_is_withdrawing(programme: Programme) -> None:
    stage = Stage(programme, minutes=600)
    held, due = stage.prescribe(expires_on=TODAY), stage.prescribe(expires_on=TODAY)
    with programme.session() as session, session.begin():
        session.execute(select(Prescription).where(Prescription.id == held.id).with_for_update())
        assert stage.expire() == 1
    with programme.session() as session, session.begin():
        ended = {row.id: row.ending for row in session.scalars(select(Prescription))}
    assert ended == {held.id: None, due.id: Ending.EXPIRED}


def test_two_withdrawals_at_once_end_in_one(programme: Programme) -> None:
    stage = Stage(programme, minutes=600)
    found = stage.prescribe()
    outcomes = at_once([lambda: stage.withdraw(found)] * 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Prescription", "PrescriptionEnded"]
    assert stage.left(stage.pot.account_id) == [600]


def test_several_sweeps_at_once_expire_each_prescription_once(programme: Programme) -> None:
    stage = Stage(programme, minutes=6_000)
    with programme.session() as session, session.begin():
        doses = [Dose(stage.person.id, 60, expires_on=TODAY)] * 50
        prescribe_many(session, stage.worker, items=doses, now=NOW)
    outcomes = at_once([lambda: sweep_all(programme.sessions, now=TOMORROW_NOON, batch=7)] * 3)
    swept = [outcome[programme.code] for outcome in outcomes if isinstance(outcome, dict)]
    assert len(swept) == 3
    assert sum(swept) + sweep_all(programme.sessions, now=TOMORROW_NOON)[programme.code] == 50
    assert stage.left(stage.pot.account_id) == [6_000]
    with programme.session() as session, session.begin():
        entries = session.scalar(
            select(func.count()).select_from(ledger.JournalEntry).where(ledger.JournalEntry.kind == "expire")
        )
        not_ended = session.scalar(select(func.count()).where(Prescription.ended_at.is_(None)))
    assert (entries, not_ended) == (50, 0)


def test_a_programme_that_is_being_swept_is_left_alone(programme: Programme) -> None:
    stage = Stage(programme, minutes=600)
    stage.prescribe(expires_on=TODAY)
    number = int.from_bytes(programme.id.bytes[8:], signed=True)
    with programme.session() as session, session.begin():
        session.execute(select(func.pg_advisory_xact_lock(number)))
        assert sweep_all(programme.sessions, now=TOMORROW_NOON)[programme.code] == 0
    assert sweep_all(programme.sessions, now=TOMORROW_NOON)[programme.code] == 1


def test_the_day_ends_at_the_programmes_own_midnight(programme: Programme) -> None:
    stage = Stage(programme, minutes=600)
    stage.prescribe(expires_on=TODAY)
    for now, expected in ((NOW.replace(hour=22, minute=59), 0), (NOW.replace(hour=23, minute=0), 1)):
        assert sweep_all(programme.sessions, now=now)[programme.code] == expected


def test_a_programme_that_cannot_be_swept_keeps_no_other_waiting(sessions: sessionmaker[ProgrammeSession]) -> None:
    stuck, other = sorted((make_programme(sessions) for _ in range(2)), key=lambda made: made.code)
    for made in (stuck, other):
        with made.session() as session, session.begin():
            _, worker, _ = make_service_with_pot(session, made.coordinator)
            person = make_person(session, worker)
        with made.session() as session, session.begin():
            prescribe(session, worker, person_id=person.id, minutes=60, expires_on=NOW.date(), now=NOW)
    with stuck.session() as holding, holding.begin():
        holding.execute(text("SELECT id FROM account FOR UPDATE"))
        with pytest.raises(OperationalError):
            sweep_all(sessions, now=TOMORROW_NOON)
    with other.session() as session, session.begin():
        assert session.scalar(text("SELECT count(*) FROM prescription WHERE ended_at IS NOT NULL")) == 1
    assert sweep_all(sessions, now=TOMORROW_NOON)[stuck.code] == 1
