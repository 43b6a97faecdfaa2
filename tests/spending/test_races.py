"""Many at once, each in a transaction of its own."""

from collections import Counter
from functools import partial

from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.factories import actor_for
from tests.spending.town import Town, at_once, card_number, has, minutes_of
from timecredits import ledger
from timecredits.database import transaction
from timecredits.ledger import AccountKind, AlreadyReversed, InsufficientCredits
from timecredits.people import actions as people
from timecredits.people.models import Person
from timecredits.spending import actions
from timecredits.spending.models import Gift, Redemption

EARNED = AccountKind.EARNED


def committed(town: Town, *earned: int) -> list[Person]:
    with town.programme.session() as session, session.begin():
        return [town.person(session, earned=minutes) for minutes in earned]


def kinds(outcomes: list[object]) -> Counter[type]:
    return Counter(type(outcome) for outcome in outcomes)


def test_many_tills_and_credits_for_one_visit_let_exactly_one_in(town: Town) -> None:
    (person,) = committed(town, 60)
    with town.programme.session() as session, session.begin():
        town.prescribe(session, person, 20)
    outcomes = at_once(town.programme, *[partial(town.redeem, person=person, minutes=80, venue_id=town.venue.id)] * 8)
    assert kinds(outcomes) == {Redemption: 1, InsufficientCredits: 7}
    with town.programme.session() as session, session.begin():
        assert has(session, person) == {}
        assert minutes_of(session, town.programme, town.partner.account_id) == 80
    with town.programme.session() as session, session.begin():
        assert ledger.check(session, town.programme.id, now=NOW).consistent


def test_wrong_pins_at_many_tills_are_compared_at_most_five_times(town: Town) -> None:
    (person,) = committed(town, 60)

    def till(_: Session) -> None:
        with town.programme.session() as session, transaction(session):
            town.redeem(session, person, pin="1379")

    outcomes = at_once(town.programme, *[till] * 8)
    assert kinds(outcomes) == {people.WrongPin: 5, people.CardLocked: 3}
    (right,) = at_once(town.programme, partial(town.redeem, person=person))
    assert isinstance(right, people.CardLocked)


def test_two_undo_at_once_and_one_of_them_does(town: Town) -> None:
    (person,) = committed(town, 60)
    with town.programme.session() as session, session.begin():
        redemption = town.redeem(session, person)

    def undo(session: Session) -> Redemption:
        return actions.undo(session, town.staff, redemption_id=redemption.id, now=NOW)

    assert kinds(at_once(town.programme, *[undo] * 4)) == {Redemption: 1, AlreadyReversed: 3}
    with town.programme.session() as session, session.begin():
        assert has(session, person) == {EARNED: 60}


def test_one_reference_at_many_tills_is_used_once_and_the_others_are_told(town: Town) -> None:
    people_ = committed(town, *[60] * 6)
    works = [partial(town.redeem, person=person, external_reference="till-1") for person in people_]
    outcomes = at_once(town.programme, *works)
    assert kinds(outcomes) == {Redemption: 1, actions.ExternalReferenceUsed: 5}
    with town.programme.session() as session, session.begin():
        assert minutes_of(session, town.programme, town.partner.account_id) == 60


def test_gifts_both_ways_at_once_do_not_wait_for_each_other_in_a_circle(town: Town) -> None:
    one, other = committed(town, 300, 300)

    def give(session: Session, *, giver: Person, receiver: Person) -> Gift:
        me = actor_for(town.coordinator, giver.id)
        return actions.give(session, me, to_card_number=card_number(session, receiver), minutes=10, now=NOW)

    for _ in range(5):
        works = [partial(give, giver=one, receiver=other), partial(give, giver=other, receiver=one)] * 3
        assert kinds(at_once(town.programme, *works)) == {Gift: 6}
    with town.programme.session() as session, session.begin():
        assert (has(session, one), has(session, other)) == ({EARNED: 300}, {EARNED: 300})
