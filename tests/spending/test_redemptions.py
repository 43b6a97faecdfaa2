"""Taking credits at the till: who pays from what, and what is refused."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.factories import actor_for, actor_in, make_organisation
from tests.spending.town import Town, card_number, has, minutes_of, paid, tries_of
from timecredits import ledger
from timecredits.access import Role
from timecredits.errors import Forbidden, NotFound
from timecredits.ledger import AccountKind, InsufficientCredits, MinutesOutOfRange
from timecredits.people import actions as people
from timecredits.people import queries as cards
from timecredits.programmes.models import OrganisationKind
from timecredits.spending import actions, queries
from timecredits.spending.actions import Visit
from timecredits.spending.models import Redemption

TODAY = NOW.date()
PRESCRIBED, COMPANION, EARNED = AccountKind.PRESCRIBED, AccountKind.COMPANION, AccountKind.EARNED


def test_a_visit_is_paid_from_what_ends_soonest_and_from_earned_credits_last(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    endless = town.prescribe(session, person, 20)
    later = town.prescribe(session, person, 20, until=TODAY + timedelta(days=9))
    soon = town.prescribe(session, person, 15, until=TODAY)
    redemption = town.redeem(session, person)
    legs = ledger.legs(session, town.programme.id, [redemption.entry_id])[redemption.entry_id]
    assert [(leg.source_id, leg.minutes) for leg in legs] == [
        (soon.prescribed_account_id, 15),
        (later.prescribed_account_id, 20),
        (endless.prescribed_account_id, 20),
        (person.earned_account_id, 5),
    ]
    assert minutes_of(session, town.programme, town.partner.account_id) == 60


def test_companion_minutes_take_others_along_and_never_pay_for_the_person(session: Session, town: Town) -> None:
    person = town.person(session, earned=100)
    town.prescribe(session, person, 50, companion=70)
    redemption = town.redeem(session, person, adults=2)
    assert paid(session, town.programme, redemption) == [(PRESCRIBED, 50), (EARNED, 10), (COMPANION, 60)]
    assert has(session, person) == {EARNED: 90, COMPANION: 10}
    with pytest.raises(InsufficientCredits):
        town.redeem(session, town_guest(session, town))


def town_guest(session: Session, town: Town):
    """Give a person who has companion minutes, and hardly anything else."""
    person = town.person(session)
    town.prescribe(session, person, 1, companion=500)
    return person


def test_others_are_paid_for_by_the_person_once_companion_minutes_are_used_up(session: Session, town: Town) -> None:
    person = town.person(session, earned=100)
    town.prescribe(session, person, 80, companion=40)
    redemption = town.redeem(session, person, adults=2, children=1)
    assert (redemption.minutes, redemption.adults, redemption.children) == (150, 2, 1)
    assert paid(session, town.programme, redemption) == [
        (PRESCRIBED, 60),
        (COMPANION, 40),
        (PRESCRIBED, 20),
        (EARNED, 30),
    ]


def test_children_may_come_alone_and_the_first_is_the_card_holder(session: Session, town: Town) -> None:
    person = town.person(session, earned=30)
    town.prescribe(session, person, 1, companion=30)
    redemption = town.redeem(session, person, adults=0, children=2)
    assert paid(session, town.programme, redemption) == [(PRESCRIBED, 1), (EARNED, 29), (COMPANION, 30)]


def test_free_children_come_along_but_a_party_that_pays_nothing_is_refused(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    free = town.offer(session, child_price_minutes=0).id
    with pytest.raises(queries.NothingToPay):
        town.redeem(session, person, opportunity_id=free, adults=0, children=3)
    assert town.redeem(session, person, opportunity_id=free, children=3).minutes == 60


def test_without_a_price_for_children_they_pay_what_adults_pay(session: Session, town: Town) -> None:
    person = town.person(session, earned=200)
    plain = town.offer(session)
    assert town.redeem(session, person, opportunity_id=plain.id, adults=1, children=2).minutes == 180


@pytest.mark.parametrize(("adults", "children"), [(0, 0), (51, 0), (25, 26), (-1, 5), (5, -1)])
def test_a_party_is_1_to_50_people(session: Session, town: Town, adults: int, children: int) -> None:
    person = town.person(session, earned=60)
    with pytest.raises(queries.PartyOutOfRange):
        town.redeem(session, person, adults=adults, children=children)
    with pytest.raises(queries.PartyOutOfRange):
        town.redeem(session, person, venue_id=town.venue.id, minutes=10, adults=adults, children=children)


def test_a_price_beyond_what_a_movement_can_be_is_refused(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    dear = town.offer(session, price_minutes=10**9)
    with pytest.raises(MinutesOutOfRange):
        town.redeem(session, person, opportunity_id=dear.id, adults=2)


def test_a_venue_asks_for_minutes_without_an_opportunity(session: Session, town: Town) -> None:
    person = town.person(session, earned=100)
    town.prescribe(session, person, 7, companion=100)
    redemption = town.redeem(session, person, venue_id=town.venue.id, minutes=35, adults=1, children=1)
    assert (redemption.opportunity_id, redemption.venue_id, redemption.minutes) == (None, town.venue.id, 35)
    assert paid(session, town.programme, redemption) == [(PRESCRIBED, 7), (EARNED, 11), (COMPANION, 17)]


def test_what_is_spent_at_a_group_goes_to_its_pot(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    before = minutes_of(session, town.programme, town.group.account_id)
    venue = actions.create_venue(session, town.coordinator, partner_id=town.group.id, name="The hall", now=NOW)
    host = actor_in(town.coordinator, Role.VENUE_STAFF, town.group.id)
    town.redeem(session, person, by=host, venue_id=venue.id, minutes=60)
    assert minutes_of(session, town.programme, town.group.account_id) == before + 60


def test_not_enough_is_said_in_the_same_words_whatever_the_cause_and_changes_nothing(
    session: Session, town: Town
) -> None:
    poor = town.person(session, earned=59)
    expired = town.person(session)
    town.prescribe(session, expired, 600, until=TODAY)
    closed = town.person(session)
    ledger.close_accounts(session, town.programme.id, {closed.earned_account_id}, lock_also=set(), now=NOW)
    tomorrow = NOW + timedelta(days=1)
    for person, now in ((poor, NOW), (expired, tomorrow), (closed, NOW), (town.person(session), NOW)):
        with pytest.raises(InsufficientCredits) as refused:
            town.redeem(session, person, adults=3, now=now)
        assert refused.value.figures == {"needed_minutes": 180}
    assert has(session, poor) == {EARNED: 59}
    assert session.scalar(select(func.count()).select_from(Redemption)) == 0


def test_what_is_withdrawn_or_not_on_today_is_refused(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    gone = town.offer(session)
    actions.withdraw_opportunity(session, town.staff, opportunity_id=gone.id, now=NOW)
    over = town.offer(session, ends_on=TODAY - timedelta(days=1))
    coming = town.offer(session, starts_on=TODAY + timedelta(days=1))
    just = town.offer(session, starts_on=TODAY, ends_on=TODAY)
    for found, refusal in (
        (gone, queries.OpportunityWithdrawn),
        (over, queries.OpportunityNotOn),
        (coming, queries.OpportunityNotOn),
    ):
        with pytest.raises(refusal):
            town.redeem(session, person, opportunity_id=found.id)
    assert town.redeem(session, person, opportunity_id=just.id).minutes == 60


def test_the_day_is_the_programmes_own(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    tomorrow = town.offer(session, starts_on=TODAY + timedelta(days=1))
    late = NOW.replace(hour=23, minute=30)  # half past midnight in London, in summer
    assert town.redeem(session, person, opportunity_id=tomorrow.id, now=late).minutes == 60


def test_a_till_takes_credits_only_for_its_own_partner(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    other = make_organisation(session, town.coordinator, OrganisationKind.PARTNER)
    till = actor_in(town.coordinator, Role.VENUE_STAFF, other.id)
    for asked in (
        {"opportunity_id": town.swim.id},
        {"venue_id": town.venue.id, "minutes": 60},
        {"opportunity_id": uuid4()},
        {"venue_id": uuid4(), "minutes": 60},
    ):
        with pytest.raises(NotFound):
            town.redeem(session, person, by=till, **asked)
    redemption = town.redeem(session, person)
    for read in (queries.redemption, queries.receipt):
        with pytest.raises(NotFound):
            read(session, till, redemption.id)
    assert queries.receipts(session, till, limit=9) == []


def test_only_venue_staff_redeem_undo_and_list(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    redemption = town.redeem(session, person)
    for actor in (
        town.coordinator,
        town.worker,
        actor_in(town.coordinator, Role.GROUP_LEADER, town.group.id),
        actor_in(town.coordinator, Role.AUDITOR),
        actor_for(town.coordinator, person.id),
    ):
        with pytest.raises(Forbidden):
            town.redeem(session, person, by=actor)
        with pytest.raises(Forbidden):
            actions.redeem_many(session, actor, items=[], now=NOW)
        with pytest.raises(Forbidden):
            actions.undo(session, actor, redemption_id=redemption.id, now=NOW)
        with pytest.raises(Forbidden):
            queries.receipts(session, actor, limit=9)


def test_a_wrong_pin_takes_nothing_and_a_right_one_forgets_the_tries(session: Session, town: Town) -> None:
    person = town.person(session, earned=120)
    with pytest.raises(people.WrongPin):
        town.redeem(session, person, pin="1379")
    assert (tries_of(session, person), has(session, person)) == (1, {EARNED: 120})
    town.redeem(session, person)
    session.expire_all()
    assert tries_of(session, person) == 0


def test_what_no_pin_could_change_costs_no_try(session: Session, town: Town) -> None:
    person = town.person(session, earned=120)
    town.redeem(session, person, external_reference="till-1")
    for asked, refusal in (
        ({"adults": 0}, queries.PartyOutOfRange),
        ({"opportunity_id": uuid4()}, NotFound),
        ({"external_reference": "till-1"}, actions.ExternalReferenceUsed),
    ):
        with pytest.raises(refusal):
            town.redeem(session, person, pin="1379", **asked)
    assert tries_of(session, person) == 0
    with pytest.raises(people.UnknownCard):
        actions.quote(
            session,
            town.staff,
            card_number="2222222A",
            pin="1379",
            pin_key=b"",
            opportunity_id=town.swim.id,
            now=NOW,
        )


def test_a_reference_of_the_till_is_used_once_at_a_partner(session: Session, town: Town) -> None:
    person, other = town.person(session, earned=120), town.person(session, earned=60)
    first = town.redeem(session, person, external_reference="till-1")
    for again in (person, other):
        with pytest.raises(actions.ExternalReferenceUsed) as refused:
            town.redeem(session, again, external_reference="till-1")
        assert refused.value.figures == {"redemption_id": str(first.id)}
    assert town.redeem(session, other).external_reference is None
    host = actor_in(town.coordinator, Role.VENUE_STAFF, town.group.id)
    hall = actions.create_venue(session, town.coordinator, partner_id=town.group.id, name="Hall", now=NOW)
    elsewhere = town.redeem(session, person, by=host, venue_id=hall.id, minutes=60, external_reference="till-1")
    assert elsewhere.external_reference == "till-1"


def test_a_receipt_has_a_first_name_and_says_what_was_undone(session: Session, town: Town) -> None:
    person = town.person(session, earned=120, given_name="Bo")
    kept, undone = town.redeem(session, person), town.redeem(session, person, external_reference="r")
    actions.undo(session, town.staff, redemption_id=undone.id, now=NOW)
    found = queries.receipts(session, town.staff, partner_id=town.partner.id, venue_id=town.venue.id, limit=9)
    assert [(one.redemption.id, one.person_display, one.undone) for one in found] == [
        (undone.id, "Bo", True),
        (kept.id, "Bo", False),
    ]
    (last,) = queries.receipts(
        session, town.staff, before=(undone.redeemed_at, undone.id), since=kept.redeemed_at, limit=9
    )
    assert last.redemption.id == kept.id
    (by_reference,) = queries.receipts(session, town.staff, external_reference="r", limit=9)
    assert by_reference.redemption.id == undone.id
    assert queries.receipts(session, town.staff, venue_id=uuid4(), limit=9) == []


def test_a_quote_says_the_price_and_with_the_pin_whether_there_is_enough(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    town.prescribe(session, person, 1, companion=50)
    quote = town.quote(session, person, adults=2)
    assert (quote.offer.minutes, quote.offer.title, quote.enough) == (120, "A swim", None)
    assert town.quote(session, person, adults=1, children=1, pin="2580").enough is True
    assert town.quote(session, person, adults=2, pin="2580").enough is False
    with pytest.raises(people.WrongPin):
        town.quote(session, person, pin="1379")
    with pytest.raises(people.UnknownCard):
        actions.quote(session, town.staff, card_number="nonsense", opportunity_id=town.swim.id, pin_key=b"", now=NOW)


def test_companion_minutes_are_not_enough_for_the_person_in_a_quote_either(session: Session, town: Town) -> None:
    assert town.quote(session, town_guest(session, town), pin="2580").enough is False


def test_a_replaced_cards_number_is_unknown_at_the_till(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    number = card_number(session, person)
    cards.card_by_number(session, town.staff, number).stopped_at = NOW
    with pytest.raises(people.UnknownCard):
        actions.quote(session, town.staff, card_number=number, opportunity_id=town.swim.id, pin_key=b"", now=NOW)


def test_many_visits_are_taken_in_one_posting_each_by_itself(session: Session, town: Town) -> None:
    rich, poor = town.person(session, earned=300), town.person(session, earned=10)
    town.prescribe(session, rich, 60, companion=60)
    items = [
        Visit(rich.id, town.swim.id, adults=2),
        Visit(poor.id, town.swim.id),
        Visit(rich.id, town.swim.id, adults=0, children=1),
    ]
    first, refused, last = actions.redeem_many(session, town.staff, items=items, now=NOW)
    assert (first.minutes, last.minutes, refused.figures) == (120, 30, {"needed_minutes": 60})
    assert has(session, rich) == {EARNED: 270}
    assert has(session, poor) == {EARNED: 10}
    assert minutes_of(session, town.programme, town.partner.account_id) == 150
    assert {one.redemption.id for one in queries.receipts(session, town.staff, limit=9)} == {first.id, last.id}


def test_many_visits_are_refused_whole_where_one_is_at_another_partner(session: Session, town: Town) -> None:
    person = town.person(session, earned=300)
    other = make_organisation(session, town.coordinator, OrganisationKind.PARTNER)
    theirs = town.offer(session, partner_id=other.id)
    items = [Visit(person.id, town.swim.id), Visit(person.id, theirs.id)]
    with pytest.raises(NotFound):
        actions.redeem_many(session, town.staff, items=items, now=NOW)
    assert has(session, person) == {EARNED: 300}


def test_many_visits_take_as_many_statements_as_few(session: Session, town: Town) -> None:
    statements: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *args: statements.append(args[2]))
    person, counts = town.person(session, earned=3_000), []
    for visits in (2, 40):
        session.flush()
        statements.clear()
        actions.redeem_many(session, town.staff, items=[Visit(person.id, town.swim.id)] * visits, now=NOW)
        counts.append(len(statements))
    assert counts[0] == counts[1] < 12
