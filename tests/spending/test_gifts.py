"""Giving earned credits away."""

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.factories import actor_for, actor_in
from tests.spending.town import Town, card_number, has, minutes_of
from timecredits.access import Actor, Role
from timecredits.errors import Forbidden, NotFound
from timecredits.ledger import AccountKind, InsufficientCredits
from timecredits.people import actions as people
from timecredits.people.models import Person
from timecredits.programmes.models import Programme
from timecredits.spending import actions, queries

EARNED, PRESCRIBED = AccountKind.EARNED, AccountKind.PRESCRIBED


def of(town: Town, person: Person) -> Actor:
    return actor_for(town.coordinator, person.id)


def test_a_person_gives_by_card_number_and_does_not_learn_who_it_is(session: Session, town: Town) -> None:
    giver, receiver = town.person(session, earned=60), town.person(session)
    me = of(town, giver)
    gift = actions.give(session, me, to_card_number=card_number(session, receiver), minutes=45, now=NOW)
    assert (has(session, giver), has(session, receiver)) == ({EARNED: 15}, {EARNED: 45})
    assert queries.receiver_known(session, me, queries.gift(session, me, gift.id)) is None
    assert queries.receiver_known(session, town.worker, gift) == receiver.id


def test_a_person_knows_nobody_by_id(session: Session, town: Town) -> None:
    giver, receiver = town.person(session, earned=60), town.person(session)
    for to_person_id in (receiver.id, uuid4()):
        with pytest.raises(NotFound):
            actions.give(session, of(town, giver), to_person_id=to_person_id, minutes=1, now=NOW)
    with pytest.raises(people.UnknownCard):
        actions.give(session, of(town, giver), to_card_number="2222222A", minutes=1, now=NOW)


def test_a_person_gives_only_their_own(session: Session, town: Town) -> None:
    thief, victim = town.person(session), town.person(session, earned=60)
    with pytest.raises(NotFound):
        actions.give(
            session,
            of(town, thief),
            from_person_id=victim.id,
            to_card_number=card_number(session, thief),
            minutes=1,
            now=NOW,
        )
    with pytest.raises(NotFound):
        actions.donate(
            session,
            of(town, thief),
            from_person_id=victim.id,
            to={"kind": "community", "id": None},
            minutes=1,
            now=NOW,
        )


def test_a_worker_gives_for_a_person_and_says_for_whom(session: Session, town: Town) -> None:
    giver, receiver = town.person(session, earned=60), town.person(session)
    with pytest.raises(actions.GiverNeeded):
        actions.give(session, town.worker, to_person_id=receiver.id, minutes=1, now=NOW)
    gift = actions.give(session, town.worker, from_person_id=giver.id, to_person_id=receiver.id, minutes=60, now=NOW)
    assert (gift.from_person_id, gift.to_person_id, gift.given_by) == (giver.id, receiver.id, town.worker.id)
    assert has(session, receiver) == {EARNED: 60}


def test_nobody_else_gives(session: Session, town: Town) -> None:
    giver = town.person(session, earned=60)
    for actor in (town.coordinator, town.staff, actor_in(town.coordinator, Role.GROUP_LEADER, town.group.id)):
        with pytest.raises(Forbidden):
            actions.donate(
                session,
                actor,
                from_person_id=giver.id,
                to={"kind": "community", "id": None},
                minutes=1,
                now=NOW,
            )


def test_a_gift_to_oneself_is_refused(session: Session, town: Town) -> None:
    giver = town.person(session, earned=60)
    for to in ({"to_person_id": giver.id}, {"to_card_number": card_number(session, giver)}):
        with pytest.raises(actions.GiftToSelf):
            actions.give(session, of(town, giver), minutes=1, now=NOW, **to)


def test_only_earned_credits_are_given_away(session: Session, town: Town) -> None:
    giver, receiver = town.person(session, earned=20), town.person(session)
    town.prescribe(session, giver, 100)
    with pytest.raises(InsufficientCredits) as refused:
        actions.give(session, of(town, giver), to_card_number=card_number(session, receiver), minutes=21, now=NOW)
    assert refused.value.figures == {"needed_minutes": 21, "available_minutes": 20}
    assert has(session, giver) == {EARNED: 20, PRESCRIBED: 100}


def test_donations_go_to_a_group_or_to_the_community_pot(session: Session, town: Town) -> None:
    giver = town.person(session, earned=60)
    me = of(town, giver)
    programme = session.get_one(Programme, town.programme.id)
    before = minutes_of(session, town.programme, town.group.account_id)
    to_group = actions.donate(session, me, to={"kind": "group", "id": town.group.id}, minutes=20, now=NOW)
    to_all = actions.donate(session, me, to={"kind": "community", "id": None}, minutes=30, now=NOW)
    assert minutes_of(session, town.programme, town.group.account_id) == before + 20
    assert minutes_of(session, town.programme, programme.community_account_id) == 30
    assert has(session, giver) == {EARNED: 10}
    assert queries.donation(session, me, to_group.id).to_organisation_id == town.group.id
    with pytest.raises(NotFound):
        queries.gift(session, me, to_all.id)
    with pytest.raises(NotFound):
        actions.donate(session, me, to={"kind": "group", "id": town.partner.id}, minutes=1, now=NOW)


def test_a_gift_is_read_by_its_giver_and_by_nobody_else(session: Session, town: Town) -> None:
    giver, receiver = town.person(session, earned=60), town.person(session)
    number = card_number(session, receiver)
    gift = actions.give(session, of(town, giver), to_card_number=number, minutes=1, now=NOW)
    assert queries.gift(session, of(town, giver), gift.id).id == gift.id
    with pytest.raises(NotFound):
        queries.gift(session, of(town, receiver), gift.id)
    with pytest.raises(NotFound):
        queries.donation(session, of(town, giver), gift.id)
    with pytest.raises(Forbidden):
        queries.gift(session, town.staff, gift.id)
