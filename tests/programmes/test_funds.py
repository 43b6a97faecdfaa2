"""Funds, pots and allocations."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.factories import actor_in, make_fund, make_organisation, make_service_with_pot
from timecredits import ledger
from timecredits.access import Role
from timecredits.errors import Forbidden, NotFound
from timecredits.ledger import AccountKind
from timecredits.programmes import actions, queries
from timecredits.programmes.models import OrganisationKind


def test_an_allocation_moves_minutes_from_the_fund_to_the_services_pot(session: Session, programme: Programme) -> None:
    service, worker, pot = make_service_with_pot(session, programme.coordinator, minutes=600)
    levels = queries.pot_levels(session, worker, organisation_id=service.id)
    assert [(level.fund_id, level.remaining_minutes) for level in levels] == [(pot.fund_id, 600)]
    assert ledger.trial_balance(session, programme.id) == {
        AccountKind.COMMUNITY_POT: 0,
        AccountKind.EXPIRED: 0,
        AccountKind.FUND: -600,
        AccountKind.PRESCRIBING_POT: 600,
    }


def test_a_fund_gives_no_more_than_it_authorises(session: Session, programme: Programme) -> None:
    fund = make_fund(session, programme.coordinator, minutes=100)
    with pytest.raises(actions.FundExhausted) as refused:
        actions.allocate(
            session, programme.coordinator, fund_id=fund.id, to={"kind": "community", "id": None}, minutes=101, now=NOW
        )
    assert refused.value.figures == {"needed_minutes": 101, "available_minutes": 100}
    assert ledger.balances(session, programme.id, [fund.account_id]) == {fund.account_id: 0}


def test_a_fund_cannot_be_lowered_below_what_was_issued(session: Session, programme: Programme) -> None:
    fund = make_fund(session, programme.coordinator, minutes=100)
    actions.allocate(
        session, programme.coordinator, fund_id=fund.id, to={"kind": "community", "id": None}, minutes=60, now=NOW
    )
    with pytest.raises(actions.FundBelowIssued) as refused:
        actions.change_fund(
            session, programme.coordinator, fund_id=fund.id, changes={"authorised_minutes": 59}, now=NOW
        )
    assert refused.value.figures == {"issued_minutes": 60}


def test_a_fund_that_has_ended_gives_nothing(session: Session, programme: Programme) -> None:
    fund = make_fund(session, programme.coordinator, ends_on=NOW.date() - timedelta(days=1))
    with pytest.raises(actions.FundNotOpen):
        actions.allocate(
            session, programme.coordinator, fund_id=fund.id, to={"kind": "community", "id": None}, minutes=1, now=NOW
        )


def test_only_a_coordinator_allocates(session: Session, programme: Programme) -> None:
    fund = make_fund(session, programme.coordinator)
    auditor = actor_in(programme.coordinator, Role.AUDITOR)
    with pytest.raises(Forbidden):
        actions.allocate(session, auditor, fund_id=fund.id, to={"kind": "community", "id": None}, minutes=1, now=NOW)


def test_a_pot_goes_only_to_an_organisation_of_the_kind_that_was_named(session: Session, programme: Programme) -> None:
    fund = make_fund(session, programme.coordinator)
    partner = make_organisation(session, programme.coordinator, OrganisationKind.PARTNER)
    for organisation_id in (partner.id, uuid4()):
        with pytest.raises(NotFound):
            actions.allocate(
                session,
                programme.coordinator,
                fund_id=fund.id,
                to={"kind": "group", "id": organisation_id},
                minutes=1,
                now=NOW,
            )
