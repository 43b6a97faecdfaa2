"""Withdrawal, expiry, and what becomes of minutes that come back late."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.factories import actor_for, actor_in, make_organisation, make_person, make_service_with_pot
from tests.prescribing.steps import TODAY, TOMORROW, figures, left_in, spend, undo
from timecredits import ledger
from timecredits.access import Role
from timecredits.errors import Forbidden, NotFound
from timecredits.ledger import AccountClosed, Posted
from timecredits.prescribing.actions import PrescriptionEnded, expire_due, prescribe, withdraw
from timecredits.prescribing.models import Prescription, WithdrawalReason
from timecredits.prescribing.queries import Status
from timecredits.programmes.models import Organisation, OrganisationKind
from timecredits.programmes.models import Programme as ProgrammeRow

REASON = WithdrawalReason.MOVED_AWAY
AFTER = NOW + timedelta(days=2)


class Case:
    """A prescription of 120 minutes and 60 for a companion, until tomorrow, and a partner where they can be spent."""

    def __init__(self, session: Session, programme: Programme) -> None:
        """Prescribe it."""
        self.session = session
        self.row = session.get_one(ProgrammeRow, programme.id)
        self.service, self.worker, self.pot = make_service_with_pot(session, programme.coordinator, minutes=600)
        self.person = make_person(session, programme.coordinator)
        self.partner: Organisation = make_organisation(session, programme.coordinator, OrganisationKind.PARTNER)
        self.found: Prescription = prescribe(
            session,
            self.worker,
            person_id=self.person.id,
            minutes=120,
            companion_minutes=60,
            expires_on=TOMORROW,
            now=NOW,
        )

    def spend(self, minutes: int) -> Posted:
        outcome = spend(self.session, self.found, self.partner, minutes)
        assert isinstance(outcome, Posted)
        return outcome

    def left(self) -> list[int]:
        """Give what is in the pot, the prescription, the companion's account and the expired account."""
        assert self.found.companion_account_id is not None
        return left_in(
            self.session,
            self.pot.account_id,
            self.found.prescribed_account_id,
            self.found.companion_account_id,
            self.row.expired_account_id,
        )


@pytest.fixture
def case(session: Session, programme: Programme) -> Case:
    return Case(session, programme)


def test_what_is_unspent_goes_back_to_its_pot_when_it_is_withdrawn(case: Case) -> None:
    case.spend(50)
    withdrawn = withdraw(
        case.session, case.worker, prescription_id=case.found.id, reason=REASON, message="All the best", now=NOW
    )
    assert (withdrawn.withdrawal_reason, withdrawn.withdrawal_message, withdrawn.ended_at) == (
        REASON,
        "All the best",
        NOW,
    )
    assert case.left() == [550, 0, 0, 0]
    assert figures(case.session, case.worker, case.found) == (Status.WITHDRAWN, 50, 0, 0)
    assert isinstance(spend(case.session, case.found, case.partner, 1), AccountClosed)


def test_a_prescription_with_nothing_left_can_be_withdrawn(case: Case) -> None:
    withdraw(case.session, case.worker, prescription_id=case.found.id, reason=REASON, now=NOW)
    used = prescribe(case.session, case.worker, person_id=case.person.id, minutes=60, now=NOW)
    assert isinstance(spend(case.session, used, case.partner, 60), Posted)
    assert figures(case.session, case.worker, used) == (Status.USED, 60, 0, 0)
    withdraw(case.session, case.worker, prescription_id=used.id, reason=REASON, now=NOW)
    assert figures(case.session, case.worker, used) == (Status.WITHDRAWN, 60, 0, 0)


def test_a_prescription_ends_once(case: Case) -> None:
    withdraw(case.session, case.worker, prescription_id=case.found.id, reason=REASON, now=NOW)
    with pytest.raises(PrescriptionEnded):
        withdraw(case.session, case.worker, prescription_id=case.found.id, reason=REASON, now=NOW)
    due = prescribe(case.session, case.worker, person_id=case.person.id, minutes=60, expires_on=TODAY, now=NOW)
    with pytest.raises(PrescriptionEnded):
        withdraw(case.session, case.worker, prescription_id=due.id, reason=REASON, now=NOW + timedelta(days=1))


def test_only_a_worker_of_the_service_withdraws(case: Case, programme: Programme) -> None:
    elsewhere = make_organisation(case.session, programme.coordinator, OrganisationKind.WELLBEING_SERVICE)
    for actor, refusal in (
        (programme.coordinator, Forbidden),
        (actor_for(programme.coordinator, case.person.id), Forbidden),
        (actor_in(programme.coordinator, Role.WELLBEING_WORKER, elsewhere.id), NotFound),
    ):
        with pytest.raises(refusal):
            withdraw(case.session, actor, prescription_id=case.found.id, reason=REASON, now=NOW)


def test_what_is_past_its_last_day_is_expired_swept_or_not(case: Case) -> None:
    case.spend(50)
    assert figures(case.session, case.worker, case.found, now=NOW + timedelta(days=1)) == (Status.ACTIVE, 50, 70, 60)
    assert figures(case.session, case.worker, case.found, now=AFTER) == (Status.EXPIRED, 50, 0, 0)
    assert expire_due(case.session, programme=case.row, now=NOW + timedelta(days=1), limit=9) == 0
    assert expire_due(case.session, programme=case.row, now=AFTER, limit=9) == 1
    assert case.left() == [550, 0, 0, 0]
    assert figures(case.session, case.worker, case.found, now=AFTER) == (Status.EXPIRED, 50, 0, 0)
    assert expire_due(case.session, programme=case.row, now=AFTER, limit=9) == 0


def test_the_journal_says_that_the_programme_itself_expired_it(case: Case) -> None:
    expire_due(case.session, programme=case.row, now=AFTER, limit=9)
    newest = ledger.entries(case.session, case.row.id, limit=1)[0]
    assert (newest.kind, newest.actor_id, newest.correlation_id) == ("expire", case.row.id, case.found.entry_id)


def test_expired_minutes_are_kept_apart_if_the_programme_says_so(case: Case) -> None:
    keeping = ProgrammeRow(
        id=case.row.id,
        time_zone=case.row.time_zone,
        expired_account_id=case.row.expired_account_id,
        expired_credits_return=False,
    )
    spent = case.spend(50)
    expire_due(case.session, programme=keeping, now=AFTER, limit=9)
    assert case.left() == [420, 0, 0, 130]
    undo(case.session, spent, now=AFTER, expired_to=case.row.expired_account_id)
    assert case.left() == [420, 0, 0, 180]


def test_the_longest_overdue_are_swept_first_and_no_more_than_the_limit(case: Case) -> None:
    others = [
        prescribe(case.session, case.worker, person_id=case.person.id, minutes=60, expires_on=TODAY, now=NOW)
        for _ in range(3)
    ]
    assert [expire_due(case.session, programme=case.row, now=AFTER, limit=3) for _ in range(3)] == [3, 1, 0]
    assert all(other.ended_at == AFTER for other in others)
    assert case.left()[0] == 600


def test_used_up_in_time_is_used_and_not_expired(case: Case) -> None:
    used = prescribe(case.session, case.worker, person_id=case.person.id, minutes=60, expires_on=TODAY, now=NOW)
    spent = spend(case.session, used, case.partner, 60)
    assert isinstance(spent, Posted)
    assert expire_due(case.session, programme=case.row, now=AFTER, limit=9) == 2
    assert figures(case.session, case.worker, used, now=AFTER) == (Status.USED, 60, 0, 0)
    undo(case.session, spent, now=AFTER)
    assert figures(case.session, case.worker, used, now=AFTER) == (Status.EXPIRED, 0, 0, 0)
    assert case.left() == [600, 0, 0, 0]


def test_a_visit_that_is_undone_after_the_withdrawal_goes_on_to_the_pot(case: Case) -> None:
    spent = case.spend(50)
    withdraw(case.session, case.worker, prescription_id=case.found.id, reason=REASON, now=NOW)
    undo(case.session, spent)
    assert case.left() == [600, 0, 0, 0]
    assert figures(case.session, case.worker, case.found) == (Status.WITHDRAWN, 0, 0, 0)


def test_a_visit_that_is_undone_in_time_can_be_spent_again(case: Case) -> None:
    spent = case.spend(120)
    assert figures(case.session, case.worker, case.found) == (Status.ACTIVE, 120, 0, 60)
    undo(case.session, spent)
    assert figures(case.session, case.worker, case.found) == (Status.ACTIVE, 0, 120, 60)
