"""Who may read which contributions, and in what pages; and two leaders at once."""

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.earning.steps import make_case
from tests.factories import actor_for, actor_in, make_person
from tests.prescribing.steps import at_once
from timecredits import ledger
from timecredits.access import Role
from timecredits.database import new_id
from timecredits.earning import queries
from timecredits.earning.actions import record_contribution, record_contributions
from timecredits.errors import Forbidden, NotFound
from timecredits.ledger import InsufficientCredits
from timecredits.people.actions import acquaint


def test_a_contribution_is_seen_by_its_group_the_person_and_who_works_with_them(
    session: Session, programme: Programme
) -> None:
    case, other = make_case(session, programme), make_case(session, programme)
    acquaint(session, case.leader, person_ids=[case.person.id], within=[other.group.id], now=NOW)
    made = record_contribution(session, case.leader, **case.item, now=NOW)
    coordinator = programme.coordinator
    for actor in (
        case.leader,
        coordinator,
        actor_in(coordinator, Role.WELLBEING_WORKER, new_id()),
        actor_for(coordinator, case.person.id),
    ):
        assert queries.contribution(session, actor, made.id).contribution is made
        assert len(queries.contributions(session, actor, person_id=case.person.id, limit=9)) == 1
    for actor in (other.leader, actor_for(coordinator, other.person.id)):
        with pytest.raises(NotFound):
            queries.contribution(session, actor, made.id)
        assert queries.contributions(session, actor, limit=9) == []
    assert queries.contributions(session, other.leader, person_id=case.person.id, limit=9) == []
    for role in (Role.AUDITOR, Role.VENUE_STAFF):
        with pytest.raises(Forbidden):
            queries.contribution(session, actor_in(coordinator, role, other.group.id), made.id)
        with pytest.raises(Forbidden):
            queries.contributions(session, actor_in(coordinator, role, other.group.id), limit=9)


def test_contributions_come_by_the_page_of_an_activity_or_a_person(session: Session, programme: Programme) -> None:
    case = make_case(session, programme)
    second = make_person(session, case.leader)
    items = [case.item | {"person_id": one.id} for one in (case.person, second, case.person)]
    ids = [made.id for made in record_contributions(session, case.leader, items=items, now=NOW)]

    def page(**chosen: object) -> list[object]:
        return [found.contribution.id for found in queries.contributions(session, case.leader, **chosen)]

    assert page(activity_id=case.activity.id, limit=2) == ids[:2]
    assert page(activity_id=case.activity.id, after=ids[1], limit=2) == ids[2:]
    assert page(person_id=case.person.id, limit=9) == [ids[0], ids[2]]
    assert page(activity_id=case.activity.id, person_id=second.id, limit=9) == [ids[1]]
    for wrong in ({"activity_id": new_id()}, {"person_id": new_id()}):
        with pytest.raises(NotFound):
            page(**wrong, limit=9)


def test_whether_it_was_put_right_is_read_from_the_journal(session: Session, programme: Programme) -> None:
    case = make_case(session, programme)
    made = record_contribution(session, case.leader, **case.item, now=NOW)
    assert not queries.contribution(session, case.leader, made.id).reversed
    request = ledger.reversal(
        session, programme.id, made.entry_id, actor_id=programme.coordinator.id, effective_on=NOW.date()
    )
    ledger.post_one(session, programme.id, request, now=NOW, today=NOW.date())
    assert queries.contribution(session, case.leader, made.id).reversed
    assert [found.reversed for found in queries.contributions(session, case.leader, limit=9)] == [True]
    assert (case.left(), case.earned()) == (600, 0)


def test_two_leaders_and_the_last_minutes_of_a_pot_end_in_one_contribution(programme: Programme) -> None:
    with programme.session() as session, session.begin():
        case = make_case(session, programme, minutes=100)

    def record() -> object:
        with programme.session() as session, session.begin():
            return record_contribution(session, case.leader, **case.item, now=NOW)

    outcomes = at_once([record] * 2)
    (refused,) = (outcome for outcome in outcomes if isinstance(outcome, InsufficientCredits))
    assert refused.figures == {"needed_minutes": 60, "available_minutes": 40}


def test_leaders_who_record_the_same_register_in_another_order_do_not_lock_each_other_out(
    programme: Programme,
) -> None:
    with programme.session() as session, session.begin():
        case = make_case(session, programme)
        people = [case.person, *(make_person(session, programme.coordinator) for _ in range(4))]
    items = [case.item | {"person_id": person.id, "minutes": 10} for person in people]

    def record(register: list[dict[str, object]]) -> list[object]:
        with programme.session() as session, session.begin():
            return record_contributions(session, programme.coordinator, items=register, now=NOW)

    outcomes = at_once([lambda: record(items), lambda: record(items[::-1]), lambda: record(items)])
    assert [[made.minutes for made in outcome] for outcome in outcomes] == [[10] * 5] * 3
