"""Prescribing: whom, from which pot, and what is refused."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme, make_programme
from tests.factories import actor_for, actor_in, make_organisation, make_person, make_service_with_pot
from tests.prescribing.steps import TODAY, TOMORROW, YESTERDAY, add_pot, figures, left_in
from timecredits import ledger
from timecredits.access import Role
from timecredits.audit import AuditEvent
from timecredits.errors import Forbidden, NotFound
from timecredits.ledger import AccountKind, InsufficientCredits
from timecredits.people import queries as people
from timecredits.people.models import Acquaintance
from timecredits.prescribing.actions import Dose, ExpiryPassed, ServiceNotNamed, prescribe, prescribe_many
from timecredits.prescribing.queries import Status
from timecredits.programmes.actions import FundNotOpen
from timecredits.programmes.models import OrganisationKind


def test_prescribed_minutes_leave_the_pot_for_accounts_of_their_own(session: Session, programme: Programme) -> None:
    _, worker, pot = make_service_with_pot(session, programme.coordinator, minutes=600)
    person = make_person(session, programme.coordinator)
    found = prescribe(
        session,
        worker,
        person_id=person.id,
        minutes=120,
        companion_minutes=60,
        expires_on=TOMORROW,
        goal="To swim again",
        now=NOW,
    )
    assert found.companion_account_id is not None
    assert left_in(session, pot.account_id, found.prescribed_account_id, found.companion_account_id) == [420, 120, 60]
    assert figures(session, worker, found) == (Status.ACTIVE, 0, 120, 60)
    balance = ledger.balance(session, programme.id, person.id, today=TODAY)
    assert (balance.available_minutes, balance.companion_minutes) == (120, 60)
    assert ledger.balance(session, programme.id, person.id, today=TOMORROW + timedelta(days=1)).available_minutes == 0
    (legs,) = ledger.legs(session, programme.id, [found.entry_id]).values()
    assert [(leg.target_kind, leg.minutes) for leg in legs] == [
        (AccountKind.PRESCRIBED, 120),
        (AccountKind.COMPANION, 60),
    ]


def test_who_prescribed_is_written_down_and_the_service_knows_the_person(
    session: Session, programme: Programme
) -> None:
    service, worker, _ = make_service_with_pot(session, programme.coordinator)
    person = make_person(session, programme.coordinator)
    found = prescribe(session, worker, person_id=person.id, minutes=60, now=NOW)
    prescribe(session, worker, person_id=person.id, minutes=60, now=NOW)
    assert session.get(Acquaintance, (programme.id, person.id, service.id)) is not None
    events = session.query(AuditEvent).filter_by(subject_id=found.id).all()
    assert [(event.action, event.actor_id) for event in events] == [("prescribe", worker.id)]


def test_the_open_pot_whose_fund_ends_soonest_pays_if_it_has_enough(session: Session, programme: Programme) -> None:
    service, worker, endless = make_service_with_pot(session, programme.coordinator, minutes=600)
    soon = add_pot(session, programme.coordinator, service, minutes=100, ends_on=TOMORROW)
    later = add_pot(session, programme.coordinator, service, minutes=300, ends_on=TOMORROW + timedelta(days=30))
    person = make_person(session, programme.coordinator)
    funds = [
        prescribe(session, worker, person_id=person.id, minutes=minutes, now=NOW).fund_id
        for minutes in (60, 60, 240, 60)
    ]
    assert funds == [soon.fund_id, later.fund_id, later.fund_id, endless.fund_id]


def test_a_pot_whose_fund_has_ended_is_passed_over_and_refused_by_name(session: Session, programme: Programme) -> None:
    service, worker, endless = make_service_with_pot(session, programme.coordinator)
    ending = add_pot(session, programme.coordinator, service, minutes=600, ends_on=TODAY)
    person = make_person(session, programme.coordinator)
    on_its_last_day = prescribe(session, worker, person_id=person.id, minutes=60, now=NOW)
    the_day_after = prescribe(session, worker, person_id=person.id, minutes=60, now=NOW + timedelta(days=1))
    assert (on_its_last_day.fund_id, the_day_after.fund_id) == (ending.fund_id, endless.fund_id)
    with pytest.raises(FundNotOpen):
        prescribe(session, worker, person_id=person.id, minutes=60, fund_id=ending.fund_id, now=NOW + timedelta(days=1))


def test_a_pot_with_too_little_is_refused_with_what_is_left_and_nothing_changes(
    session: Session, programme: Programme
) -> None:
    service, worker, pot = make_service_with_pot(session, programme.coordinator, minutes=100)
    other = add_pot(session, programme.coordinator, service, minutes=30, ends_on=TOMORROW)
    person = make_person(session, programme.coordinator)
    for fund_id, available in ((None, 100), (other.fund_id, 30)):
        with pytest.raises(InsufficientCredits) as refused:
            prescribe(session, worker, person_id=person.id, minutes=60, companion_minutes=60, fund_id=fund_id, now=NOW)
        assert refused.value.figures == {"needed_minutes": 120, "available_minutes": available}
    assert left_in(session, pot.account_id, other.account_id) == [100, 30]
    kinds = {pot.kind for pot in ledger.pots_of(session, programme.id, [person.id])[person.id]}
    assert kinds == {AccountKind.EARNED, AccountKind.HELD}


def test_a_last_day_that_has_passed_is_refused_and_today_is_not(session: Session, programme: Programme) -> None:
    _, worker, _ = make_service_with_pot(session, programme.coordinator)
    person = make_person(session, programme.coordinator)
    with pytest.raises(ExpiryPassed):
        prescribe(session, worker, person_id=person.id, minutes=60, expires_on=YESTERDAY, now=NOW)
    assert prescribe(session, worker, person_id=person.id, minutes=60, expires_on=TODAY, now=NOW).expires_on == TODAY


def test_the_programmes_own_midnight_counts(session: Session, programme: Programme) -> None:
    _, worker, _ = make_service_with_pot(session, programme.coordinator)
    person = make_person(session, programme.coordinator)
    half_past_midnight_in_london = NOW.replace(hour=23, minute=30)
    with pytest.raises(ExpiryPassed):
        prescribe(session, worker, person_id=person.id, minutes=60, expires_on=TODAY, now=half_past_midnight_in_london)


def test_only_workers_prescribe_and_only_for_their_own_service(session: Session, programme: Programme) -> None:
    service, _, _ = make_service_with_pot(session, programme.coordinator)
    other = make_organisation(session, programme.coordinator, OrganisationKind.WELLBEING_SERVICE)
    group = make_organisation(session, programme.coordinator, OrganisationKind.GROUP)
    person = make_person(session, programme.coordinator)
    for actor in (
        programme.coordinator,
        actor_for(programme.coordinator, person.id),
        actor_in(programme.coordinator, Role.GROUP_LEADER, group.id),
        actor_in(programme.coordinator, Role.AUDITOR),
        actor_in(programme.coordinator, Role.WELLBEING_WORKER, other.id),
    ):
        with pytest.raises(Forbidden):
            prescribe(session, actor, person_id=person.id, organisation_id=service.id, minutes=60, now=NOW)


def test_a_worker_of_several_services_says_for_which(session: Session, programme: Programme) -> None:
    service, worker, pot = make_service_with_pot(session, programme.coordinator)
    other = make_organisation(session, programme.coordinator, OrganisationKind.WELLBEING_SERVICE)
    both = replace(worker, roles=worker.roles | {(Role.WELLBEING_WORKER, other.id)})
    person = make_person(session, programme.coordinator)
    with pytest.raises(ServiceNotNamed):
        prescribe(session, both, person_id=person.id, minutes=60, now=NOW)
    named = prescribe(session, both, person_id=person.id, organisation_id=service.id, minutes=60, now=NOW)
    assert named.fund_id == pot.fund_id


def test_what_is_not_to_be_seen_is_not_found(session: Session, programme: Programme) -> None:
    _, worker, _ = make_service_with_pot(session, programme.coordinator)
    person = make_person(session, programme.coordinator)
    elsewhere = make_programme(programme.sessions)
    with elsewhere.session() as other_session:
        other_session.begin()
        stranger = make_person(other_session, elsewhere.coordinator)
        other_session.commit()
    for wrong in (
        {"person_id": stranger.id},
        {"person_id": uuid4()},
        {"fund_id": uuid4()},
        {"organisation_id": uuid4()},
    ):
        with pytest.raises(NotFound):
            prescribe(session, worker, **{"person_id": person.id, **wrong}, minutes=60, now=NOW)


def test_many_are_prescribed_in_one_posting_with_an_outcome_for_each(session: Session, programme: Programme) -> None:
    service, worker, pot = make_service_with_pot(session, programme.coordinator, minutes=200)
    asha, ben = (make_person(session, programme.coordinator) for _ in range(2))
    doses = [
        Dose(asha.id, 120, companion_minutes=30),
        Dose(ben.id, 60),
        Dose(ben.id, 50, expires_on=TOMORROW),
        Dose(ben.id, 50, expires_on=YESTERDAY),
    ]
    calls: list[int] = []
    ledger.observers.append(lambda posted, _refused, _seconds: calls.append(posted))
    outcomes = prescribe_many(session, worker, items=doses, now=NOW)
    ledger.observers.pop()
    assert calls == [2]
    assert [getattr(outcome, "minutes", type(outcome)) for outcome in outcomes] == [
        120,
        InsufficientCredits,
        50,
        ExpiryPassed,
    ]
    assert left_in(session, pot.account_id) == [0]
    assert people.person(session, actor_in(programme.coordinator, Role.GROUP_LEADER, service.id), ben.id).id == ben.id
