"""Recording time: who may, for whom, for when, and what it pays."""

from dataclasses import replace
from datetime import date, datetime
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme, make_programme
from tests.earning.steps import DAY, TODAY, Case, knows, make_case
from tests.factories import actor_for, actor_in, make_organisation, make_person
from timecredits import ledger
from timecredits.access import Role
from timecredits.audit import AuditEvent
from timecredits.earning import queries
from timecredits.earning.actions import (
    ActivityClosed,
    DayNotRecordable,
    OwnTime,
    UnknownPerson,
    change_activity,
    record_contribution,
    record_contributions,
)
from timecredits.errors import Forbidden, NotFound
from timecredits.ledger import InsufficientCredits
from timecredits.people.actions import UnknownCard
from timecredits.programmes.models import OrganisationKind


@pytest.fixture
def case(session: Session, programme: Programme) -> Case:
    return make_case(session, programme)


def test_time_given_is_paid_from_the_groups_pot_minute_by_minute(case: Case) -> None:
    made = record_contribution(
        case.session, case.leader, **case.item | {"minutes": 45, "given_on": TODAY - DAY}, now=NOW
    )
    assert (case.left(), case.earned()) == (555, 45)
    entry = ledger.entry(case.session, case.programme.id, made.entry_id)
    assert (entry.kind, entry.effective_on, entry.actor_id) == ("earn", TODAY - DAY, case.leader.id)
    events = case.session.query(AuditEvent).filter_by(subject_id=made.id).all()
    assert [(event.action, event.actor_id) for event in events] == [("record_contribution", case.leader.id)]


def test_a_person_may_be_named_by_card_and_the_group_knows_them_from_then_on(case: Case) -> None:
    stranger = make_person(case.session, case.programme.coordinator)
    number = case.number_of(stranger)
    with pytest.raises(NotFound):
        record_contribution(case.session, case.leader, **case.item | {"person_id": stranger.id}, now=NOW)
    assert not knows(case.session, case.leader, stranger.id)
    item = {**case.item, "person_id": None, "card_number": f"{number[:4].lower()}-{number[4:]}"}
    assert record_contribution(case.session, case.leader, **item, now=NOW).person_id == stranger.id
    assert knows(case.session, case.leader, stranger.id)
    record_contribution(case.session, case.leader, **case.item | {"person_id": stranger.id}, now=NOW)
    assert case.earned(stranger) == 120


@pytest.mark.parametrize("number", ["23456789", "not a card", "A" * 8])
def test_a_card_that_nobody_has_is_refused(case: Case, number: str) -> None:
    with pytest.raises(UnknownCard):
        record_contribution(
            case.session, case.leader, **case.item | {"person_id": None, "card_number": number}, now=NOW
        )


@pytest.mark.parametrize(
    ("given_on", "now", "fits"),
    [
        (TODAY, NOW, True),
        (TODAY + DAY, NOW, False),
        (TODAY + DAY, NOW.replace(hour=23, minute=1), True),
        (TODAY - 366 * DAY, NOW, True),
        (TODAY - 367 * DAY, NOW, False),
    ],
)
def test_time_is_recorded_for_a_day_from_a_year_ago_until_the_programmes_today(
    case: Case, given_on: date, now: datetime, *, fits: bool
) -> None:
    item = case.item | {"given_on": given_on}
    if fits:
        assert record_contribution(case.session, case.leader, **item, now=now).given_on == given_on
    else:
        with pytest.raises(DayNotRecordable):
            record_contribution(case.session, case.leader, **item, now=now)


def test_nobody_records_their_own_time(case: Case) -> None:
    leader = replace(case.leader, person_id=case.person.id)
    for named in ({}, {"person_id": None, "card_number": case.number_of(case.person)}):
        with pytest.raises(OwnTime):
            record_contribution(case.session, leader, **case.item | named, now=NOW)
    with pytest.raises(Forbidden):
        record_contribution(case.session, actor_for(case.leader, case.person.id), **case.item, now=NOW)
    assert case.left() == 600


def test_no_time_is_recorded_for_a_closed_activity_until_it_opens_again(case: Case) -> None:
    for closed in (True, False):
        change_activity(case.session, case.leader, activity_id=case.activity.id, changes={"closed": closed}, now=NOW)
        if closed:
            with pytest.raises(ActivityClosed):
                record_contribution(case.session, case.leader, **case.item, now=NOW)
    record_contribution(case.session, case.leader, **case.item, now=NOW)


def test_a_pot_with_too_little_pays_nothing_and_says_what_it_has(case: Case) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        record_contribution(case.session, case.leader, **case.item | {"minutes": 601}, now=NOW)
    assert refused.value.figures == {"needed_minutes": 601, "available_minutes": 600}
    assert (case.left(), case.earned()) == (600, 0)


def test_only_leaders_of_the_group_and_coordinators_record_time(case: Case) -> None:
    coordinator = case.programme.coordinator
    other = make_organisation(case.session, coordinator, OrganisationKind.GROUP)
    for actor in (
        actor_in(coordinator, Role.GROUP_LEADER, other.id),
        actor_in(coordinator, Role.WELLBEING_WORKER, other.id),
        actor_in(coordinator, Role.VENUE_STAFF, other.id),
        actor_in(coordinator, Role.AUDITOR),
    ):
        with pytest.raises(Forbidden):
            record_contribution(case.session, actor, **case.item, now=NOW)
        with pytest.raises(Forbidden):
            record_contributions(case.session, actor, items=[case.item], now=NOW)
    record_contribution(case.session, coordinator, **case.item, now=NOW)


def test_activities_and_people_of_another_programme_are_not_found(case: Case) -> None:
    elsewhere = make_programme(case.programme.sessions)
    with elsewhere.session() as session, session.begin():
        theirs = make_case(session, elsewhere)
        number = theirs.number_of(theirs.person)
    for wrong in ({"activity_id": theirs.activity.id}, {"person_id": theirs.person.id}, {"person_id": uuid4()}):
        with pytest.raises(NotFound):
            record_contribution(case.session, case.programme.coordinator, **case.item | wrong, now=NOW)
    with pytest.raises(UnknownCard):
        record_contribution(
            case.session, case.leader, **case.item | {"person_id": None, "card_number": number}, now=NOW
        )


def test_many_are_recorded_in_one_posting_with_an_outcome_for_each(case: Case) -> None:
    stranger = make_person(case.session, case.programme.coordinator)
    items = [
        case.item,
        case.item | {"minutes": 541},
        case.item | {"person_id": stranger.id},
        case.item | {"person_id": None, "card_number": "nonsense"},
        case.item | {"given_on": TODAY + DAY},
        case.item | {"minutes": 540},
    ]
    calls: list[tuple[int, int]] = []
    ledger.observers.append(lambda posted, refused, _seconds: calls.append((posted, refused)))
    outcomes = record_contributions(case.session, case.leader, items=items, now=NOW)
    ledger.observers.pop()
    assert calls == [(2, 1)]
    assert [getattr(outcome, "minutes", type(outcome)) for outcome in outcomes] == [
        60,
        InsufficientCredits,
        UnknownPerson,
        UnknownCard,
        DayNotRecordable,
        540,
    ]
    assert (case.left(), case.earned()) == (0, 600)
    assert len(queries.contributions(case.session, case.leader, activity_id=case.activity.id, limit=9)) == 2


def test_a_register_in_which_everybody_is_refused_changes_nothing(case: Case) -> None:
    outcomes = record_contributions(case.session, case.leader, items=[case.item | {"minutes": 601}] * 2, now=NOW)
    assert [type(outcome) for outcome in outcomes] == [InsufficientCredits] * 2
    assert record_contributions(case.session, case.leader, items=[], now=NOW) == []
    assert case.left() == 600
