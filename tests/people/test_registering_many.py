"""Many people at once are registered as each of them would be alone."""

import pytest
from sqlalchemy import func, select

from tests.conftest import NOW
from tests.factories import PIN, PIN_KEY, actor_in, make_organisation
from timecredits.access import Role
from timecredits.audit import AuditEvent
from timecredits.people import actions, queries
from timecredits.people.actions import Newcomer, TrivialPin
from timecredits.people.models import Acquaintance, Person
from timecredits.programmes.models import OrganisationKind


@pytest.fixture
def leader(session, programme):
    group = make_organisation(session, programme.coordinator, OrganisationKind.GROUP)
    return actor_in(programme.coordinator, Role.GROUP_LEADER, group.id)


def register(session, actor, *items):
    return actions.register_people(session, actor, items=items, pin_key=PIN_KEY, now=NOW)


def test_each_has_a_name_a_card_and_accounts_and_is_known_to_whoever_added_them(session, leader) -> None:
    made = register(session, leader, Newcomer("Asha", "Example", "Here", PIN), Newcomer("Ben"))
    session.expunge_all()
    for (person, card), name in zip(made, [("Asha", "Example"), ("Ben", None)], strict=True):
        found, identity, its_card = queries.described(session, leader, person.id)
        assert (found.id, identity.given_name, identity.family_name) == (person.id, *name)
        assert its_card.number == card.number
        assert found.earned_account_id != found.held_account_id
    assert (
        actions.prove(session, leader, card_number=made[0][1].number, pin=PIN, pin_key=PIN_KEY, now=NOW).id
        == made[0][1].id
    )
    assert made[1][1].pin_hmac is None


def test_it_is_written_down_for_each(session, leader) -> None:
    made = register(session, leader, Newcomer("Asha"), Newcomer("Ben"))
    events = session.execute(
        select(AuditEvent.subject_id, AuditEvent.actor_id, AuditEvent.fields, AuditEvent.recorded_at).where(
            AuditEvent.action == "register_person"
        )
    ).all()
    assert sorted(events) == sorted((person.id, leader.id, [], NOW) for person, _ in made)


def test_one_trivial_pin_refuses_all(session, leader) -> None:
    with pytest.raises(TrivialPin), session.begin_nested():
        register(session, leader, Newcomer("Asha", pin=PIN), Newcomer("Ben", pin="1234"))
    assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_nobody_is_nobody(session, leader) -> None:
    assert register(session, leader) == []


def test_meeting_again_changes_nothing(session, leader) -> None:
    ((person, _),) = register(session, leader, Newcomer("Asha"))
    (group_id,) = (organisation_id for _, organisation_id in leader.roles)
    actions.acquaint_each(session, leader, pairs=[(person.id, group_id)], now=NOW)
    assert session.scalar(select(func.count()).select_from(Acquaintance)) == 1
