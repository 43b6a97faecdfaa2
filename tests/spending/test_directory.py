"""Venues and opportunities: who offers what, and what the directory lists."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.factories import actor_in, make_organisation
from tests.spending.town import Town
from timecredits.access import Role
from timecredits.errors import Forbidden, NotFound
from timecredits.programmes.models import OrganisationKind
from timecredits.spending import actions, queries
from timecredits.spending.models import Opportunity, Venue

TODAY = NOW.date()


def ids(rows: Sequence[Opportunity | Venue]) -> list[UUID]:
    return [row.id for row in rows]


def test_only_a_coordinator_adds_and_changes_venues(session: Session, town: Town) -> None:
    for actor in (town.staff, town.worker, actor_in(town.coordinator, Role.GROUP_LEADER, town.group.id)):
        with pytest.raises(Forbidden):
            actions.create_venue(session, actor, partner_id=town.partner.id, name="X", now=NOW)
        with pytest.raises(Forbidden):
            actions.change_venue(session, actor, venue_id=town.venue.id, changes={"name": "X"}, now=NOW)
        assert queries.venue(session, actor, town.venue.id).name == "The baths"
    with pytest.raises(Forbidden):
        queries.venues(session, actor_in(town.coordinator, Role.AUDITOR), limit=9)


def test_a_venue_belongs_to_a_partner_or_to_a_group(session: Session, town: Town) -> None:
    service = make_organisation(session, town.coordinator, OrganisationKind.WELLBEING_SERVICE)
    for partner_id in (service.id, uuid4()):
        with pytest.raises(NotFound):
            actions.create_venue(session, town.coordinator, partner_id=partner_id, name="X", now=NOW)
    hall = actions.create_venue(session, town.coordinator, partner_id=town.group.id, name="Hall", now=NOW)
    assert queries.venues(session, town.staff, partner_id=town.group.id, limit=9) == [hall]
    assert queries.venues(session, town.staff, after=town.venue.id, limit=9) == [hall]


def test_staff_offer_things_at_their_own_partner_only(session: Session, town: Town) -> None:
    other = make_organisation(session, town.coordinator, OrganisationKind.PARTNER)
    stranger = actor_in(town.coordinator, Role.VENUE_STAFF, other.id)
    for actor in (stranger, town.worker, actor_in(town.coordinator, Role.GROUP_LEADER, town.group.id)):
        with pytest.raises(Forbidden):
            actions.create_opportunity(session, actor, partner_id=town.partner.id, title="X", price_minutes=60, now=NOW)
        with pytest.raises(Forbidden):
            actions.change_opportunity(
                session, actor, opportunity_id=town.swim.id, changes={"price_minutes": 1}, now=NOW
            )
        with pytest.raises(Forbidden):
            actions.withdraw_opportunity(session, actor, opportunity_id=town.swim.id, now=NOW)
    made = actions.create_opportunity(
        session, town.staff, partner_id=town.partner.id, title="X", price_minutes=60, now=NOW
    )
    assert made.organisation_id == town.partner.id


def test_an_opportunity_is_at_a_venue_of_its_own_partner(session: Session, town: Town) -> None:
    other = make_organisation(session, town.coordinator, OrganisationKind.PARTNER)
    with pytest.raises(actions.VenueOfAnother):
        town.offer(session, partner_id=other.id, venue_id=town.venue.id)
    hall = actions.create_venue(session, town.coordinator, partner_id=town.group.id, name="Hall", now=NOW)
    with pytest.raises(actions.VenueOfAnother):
        actions.change_opportunity(
            session, town.staff, opportunity_id=town.swim.id, changes={"venue_id": hall.id}, now=NOW
        )


def test_dates_cannot_be_changed_past_each_other(session: Session, town: Town) -> None:
    with pytest.raises(actions.OpportunityDatesCrossed):
        town.offer(session, starts_on=TODAY, ends_on=TODAY - timedelta(days=1))
    made = town.offer(session, starts_on=TODAY)
    with pytest.raises(actions.OpportunityDatesCrossed):
        actions.change_opportunity(
            session,
            town.staff,
            opportunity_id=made.id,
            changes={"ends_on": TODAY - timedelta(days=1)},
            now=NOW,
        )


def test_withdrawing_twice_is_the_same_as_once(session: Session, town: Town) -> None:
    later = NOW + timedelta(days=1)
    for now in (NOW, later):
        gone = actions.withdraw_opportunity(session, town.staff, opportunity_id=town.swim.id, now=now)
        assert gone.withdrawn_at == NOW


def test_the_directory_lists_what_can_be_had_today(session: Session, town: Town) -> None:
    over = town.offer(session, ends_on=TODAY - timedelta(days=1))
    coming = town.offer(session, starts_on=TODAY + timedelta(days=1))
    gone = town.offer(session)
    actions.withdraw_opportunity(session, town.staff, opportunity_id=gone.id, now=NOW)
    last_day = town.offer(session, starts_on=TODAY, ends_on=TODAY)
    assert ids(queries.opportunities(session, town.worker, current_on=TODAY, limit=9)) == ids([town.swim, last_day])
    everything = ids([town.swim, over, coming, gone, last_day])
    assert ids(queries.opportunities(session, town.worker, limit=9)) == everything
    assert queries.opportunities(session, town.worker, after=over.id, limit=2) == [coming, gone]
    with pytest.raises(Forbidden):
        queries.opportunities(session, actor_in(town.coordinator, Role.AUDITOR), limit=9)


def test_the_directory_is_searched_by_title_and_the_words_are_no_pattern(session: Session, town: Town) -> None:
    half = town.offer(session, title="50% of a class_room", category="learning")
    for q, found in (("SWIM", [town.swim]), ("%", [half]), ("s_r", [half]), ("a_s", []), ("\\", [])):
        assert ids(queries.opportunities(session, town.worker, q=q, limit=9)) == ids(found), q
    assert queries.opportunities(session, town.worker, category="learning", limit=9) == [half]
    assert ids(queries.opportunities(session, town.worker, venue_id=town.venue.id, limit=9)) == [town.swim.id]
    assert queries.opportunities(session, town.worker, partner_id=town.group.id, limit=9) == []
