"""Undoing a redemption at the venue: on its day, once, and wherever the credits belong by then."""

import pytest
from sqlalchemy import create_engine, update
from sqlalchemy.orm import Session

from tests.conftest import NOW, Server
from tests.factories import actor_in, make_organisation
from tests.spending.town import Town, at, has, minutes_of
from timecredits import ledger
from timecredits.access import Role
from timecredits.errors import NotFound
from timecredits.ledger import AccountKind, AlreadyReversed
from timecredits.prescribing import actions as prescribing
from timecredits.prescribing.models import WithdrawalReason
from timecredits.programmes.models import OrganisationKind, Programme
from timecredits.spending import actions

PRESCRIBED, COMPANION, EARNED = AccountKind.PRESCRIBED, AccountKind.COMPANION, AccountKind.EARNED


def test_undoing_gives_every_credit_back_to_where_it_was(session: Session, town: Town) -> None:
    person = town.person(session, earned=60)
    town.prescribe(session, person, 20, companion=60)
    redemption = town.redeem(session, person, adults=2)
    assert has(session, person) == {EARNED: 20}
    actions.undo(session, town.staff, redemption_id=redemption.id, now=NOW)
    assert has(session, person) == {PRESCRIBED: 20, COMPANION: 60, EARNED: 60}
    assert minutes_of(session, town.programme, town.partner.account_id) == 0


def test_a_redemption_is_undone_once(session: Session, town: Town) -> None:
    person = town.person(session, earned=120)
    redemption = town.redeem(session, person)
    actions.undo(session, town.staff, redemption_id=redemption.id, now=NOW)
    with pytest.raises(AlreadyReversed):
        actions.undo(session, town.staff, redemption_id=redemption.id, now=NOW)
    assert has(session, person) == {EARNED: 120}


def test_a_redemption_is_undone_on_its_day_in_the_programmes_zone(session: Session, town: Town) -> None:
    person = town.person(session, earned=120)
    redemption = town.redeem(session, person, now=at("2026-06-15T23:30:00+01:00"))
    other = town.redeem(session, person, now=at("2026-06-15T00:30:00+01:00"))
    just_after = at("2026-06-16T00:10:00+01:00")
    with pytest.raises(actions.UndoTooLate) as refused:
        actions.undo(session, town.staff, redemption_id=redemption.id, now=just_after)
    assert "coordinator" in refused.value.detail
    assert has(session, person) == {}
    actions.undo(session, town.staff, redemption_id=other.id, now=at("2026-06-15T23:50:00+01:00"))


def test_a_clock_that_ran_ahead_does_not_move_the_day_of_what_comes_after(session: Session, town: Town) -> None:
    person = town.person(session, earned=180)
    town.redeem(session, person, now=at("2026-06-16T00:30:00+01:00"))
    redemption = town.redeem(session, person, now=at("2026-06-15T23:31:00+01:00"))
    with pytest.raises(actions.UndoTooLate):
        actions.undo(session, town.staff, redemption_id=redemption.id, now=at("2026-06-16T09:00:00+01:00"))
    actions.undo(session, town.staff, redemption_id=redemption.id, now=at("2026-06-15T23:32:00+01:00"))
    assert has(session, person) == {EARNED: 120}


def test_a_redemption_at_another_partner_is_not_to_be_seen(session: Session, town: Town) -> None:
    redemption = town.redeem(session, town.person(session, earned=60))
    other = make_organisation(session, town.coordinator, OrganisationKind.PARTNER)
    with pytest.raises(NotFound):
        actions.undo(
            session,
            actor_in(town.coordinator, Role.VENUE_STAFF, other.id),
            redemption_id=redemption.id,
            now=NOW,
        )


def test_what_comes_back_to_a_withdrawn_prescription_moves_on_to_its_pot(session: Session, town: Town) -> None:
    person = town.person(session, earned=10)
    prescription = town.prescribe(session, person, 50)
    redemption = town.redeem(session, person)
    prescribing.withdraw(session, town.worker, prescription_id=prescription.id, reason=WithdrawalReason.OTHER, now=NOW)
    before = minutes_of(session, town.programme, town.pot.account_id)
    actions.undo(session, town.staff, redemption_id=redemption.id, now=NOW)
    assert minutes_of(session, town.programme, town.pot.account_id) == before + 50
    assert has(session, person) == {EARNED: 10}


def test_what_comes_back_too_late_lapses_where_the_programme_says_so(
    session: Session, town: Town, server: Server
) -> None:
    owner = create_engine(server.owner.set(drivername="postgresql+psycopg"))
    with owner.begin() as connection:
        connection.execute(
            update(Programme).where(Programme.id == town.programme.id).values(expired_credits_return=False)
        )
    owner.dispose()
    person = town.person(session, earned=60)
    prescription = town.prescribe(session, person, 50)
    redemption = town.redeem(session, person)
    prescribing.withdraw(session, town.worker, prescription_id=prescription.id, reason=WithdrawalReason.OTHER, now=NOW)
    actions.undo(session, town.staff, redemption_id=redemption.id, now=NOW)
    programme = session.get_one(Programme, town.programme.id)
    assert minutes_of(session, town.programme, programme.expired_account_id) == 50
    assert has(session, person) == {EARNED: 60}
    assert sum(ledger.trial_balance(session, town.programme.id).values()) == 0
