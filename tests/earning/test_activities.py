"""Activities: whose they are, and who changes them."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.earning.steps import make_case
from tests.factories import actor_for, actor_in, make_organisation, make_person
from timecredits.access import Role
from timecredits.earning import queries
from timecredits.earning.actions import GroupNotNamed, change_activity, create_activity
from timecredits.errors import Forbidden, NotFound
from timecredits.programmes.models import OrganisationKind


def test_an_activity_belongs_to_the_group_of_its_leader(session: Session, programme: Programme) -> None:
    case = make_case(session, programme)
    assert case.activity.organisation_id == case.group.id
    assert queries.activity(session, case.leader, case.activity.id) is case.activity


def test_whoever_does_not_lead_one_group_only_names_the_group(session: Session, programme: Programme) -> None:
    case = make_case(session, programme)
    second = make_organisation(session, programme.coordinator, OrganisationKind.GROUP)
    both = replace(case.leader, roles=case.leader.roles | {(Role.GROUP_LEADER, second.id)})
    for actor in (both, programme.coordinator):
        with pytest.raises(GroupNotNamed):
            create_activity(session, actor, title="Walks", now=NOW)
        named = create_activity(session, actor, organisation_id=second.id, title="Walks", now=NOW)
        assert named.organisation_id == second.id


def test_an_activity_belongs_to_a_group_and_to_nothing_else(session: Session, programme: Programme) -> None:
    partner = make_organisation(session, programme.coordinator, OrganisationKind.PARTNER)
    for organisation_id in (partner.id, uuid4()):
        with pytest.raises(NotFound):
            create_activity(session, programme.coordinator, organisation_id=organisation_id, title="Walks", now=NOW)


def test_only_leaders_of_the_group_and_coordinators_add_or_change_activities(
    session: Session, programme: Programme
) -> None:
    case = make_case(session, programme)
    other = make_organisation(session, programme.coordinator, OrganisationKind.GROUP)
    for actor in (
        actor_in(programme.coordinator, Role.GROUP_LEADER, other.id),
        actor_in(programme.coordinator, Role.WELLBEING_WORKER, other.id),
        actor_for(programme.coordinator, make_person(session, case.leader).id),
    ):
        with pytest.raises(Forbidden):
            create_activity(session, actor, organisation_id=case.group.id, title="Walks", now=NOW)
        with pytest.raises(Forbidden):
            change_activity(session, actor, activity_id=case.activity.id, changes={"title": "Walks"}, now=NOW)
    assert case.activity.title == "Gardening"


def test_closing_an_activity_keeps_when_it_was_closed_first(session: Session, programme: Programme) -> None:
    case = make_case(session, programme)
    for now, closed, expected in (
        (NOW, True, NOW),
        (NOW.replace(hour=20), True, NOW),
        (NOW, False, None),
    ):
        change_activity(session, case.leader, activity_id=case.activity.id, changes={"closed": closed}, now=now)
        assert case.activity.closed_at == expected


def test_activities_come_by_the_page_of_a_group_or_of_all(session: Session, programme: Programme) -> None:
    first, second = (make_case(session, programme) for _ in range(2))
    more = create_activity(session, first.leader, title="Walks", now=NOW)
    mine, theirs = [first.activity.id, more.id], second.activity.id

    def page(**chosen: object) -> list[object]:
        return [found.id for found in queries.activities(session, first.leader, **chosen)]

    assert page(organisation_id=first.group.id, limit=9) == mine
    assert page(organisation_id=first.group.id, after=mine[0], limit=9) == mine[1:]
    assert page(limit=2) == [first.activity.id, theirs]
    with pytest.raises(Forbidden):
        queries.activities(session, actor_in(programme.coordinator, Role.AUDITOR), limit=9)
