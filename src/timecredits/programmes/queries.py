"""Reading programmes, organisations, funds and pots."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Actor, Permission
from timecredits.errors import NotFound
from timecredits.programmes.models import Allocation, Fund, Organisation, OrganisationKind, PrescribingPot, Programme


@dataclass(frozen=True, slots=True)
class PotLevel:
    """What is left of one fund in one wellbeing service's pot, in minutes."""

    fund_id: UUID
    organisation_id: UUID
    account_id: UUID
    remaining_minutes: int
    starts_on: date | None
    ends_on: date | None


def programme_by_code(session: Session, code: str) -> Programme | None:
    """Find a programme by its short code; the only look-up that needs no programme."""
    return session.scalar(select(Programme).where(Programme.code == code))


def programmes(session: Session) -> list[Programme]:
    """List all programmes."""
    return list(session.scalars(select(Programme).order_by(Programme.code)))


def organisation(session: Session, actor: Actor, organisation_id: UUID) -> Organisation:
    """Give an organisation. Raises Forbidden, NotFound."""
    actor.require(Permission.READ_DIRECTORY)
    return find_organisation(session, actor, organisation_id)


def find_organisation(
    session: Session,
    actor: Actor,
    organisation_id: UUID,
    *,
    kinds: Collection[OrganisationKind] = tuple(OrganisationKind),
) -> Organisation:
    """Give an organisation of one of these kinds, for an action that has its own check. Raises NotFound."""
    found = session.get(Organisation, (actor.programme_id, organisation_id))
    if found is None or found.kind not in kinds:
        raise NotFound
    return found


def organisations(
    session: Session, actor: Actor, *, kind: OrganisationKind | None = None, after: UUID | None = None, limit: int
) -> list[Organisation]:
    """Give a page of organisations in the order of their ids. Raises Forbidden."""
    actor.require(Permission.READ_DIRECTORY)
    query = select(Organisation).where(Organisation.programme_id == actor.programme_id)
    if kind is not None:
        query = query.where(Organisation.kind == kind)
    if after is not None:
        query = query.where(Organisation.id > after)
    return list(session.scalars(query.order_by(Organisation.id).limit(limit)))


def fund(session: Session, actor: Actor, fund_id: UUID) -> Fund:
    """Give a fund. Raises Forbidden, NotFound."""
    actor.require(Permission.MANAGE_FUNDS)
    found = session.get(Fund, (actor.programme_id, fund_id))
    if found is None:
        raise NotFound
    return found


def funds(session: Session, actor: Actor, *, after: UUID | None = None, limit: int) -> list[Fund]:
    """Give a page of funds in the order of their ids. Raises Forbidden."""
    actor.require(Permission.MANAGE_FUNDS)
    query = select(Fund).where(Fund.programme_id == actor.programme_id)
    if after is not None:
        query = query.where(Fund.id > after)
    return list(session.scalars(query.order_by(Fund.id).limit(limit)))


def issued_minutes(session: Session, actor: Actor, found: Collection[Fund]) -> dict[UUID, int]:
    """Say for each fund's id how many minutes have been issued from it and not returned."""
    levels = ledger.balances(session, actor.programme_id, [fund.account_id for fund in found])
    return {fund.id: -levels[fund.account_id] for fund in found}


def allocation(session: Session, actor: Actor, allocation_id: UUID) -> Allocation:
    """Give an allocation. Raises Forbidden, NotFound."""
    actor.require(Permission.MANAGE_FUNDS)
    found = session.get(Allocation, (actor.programme_id, allocation_id))
    if found is None:
        raise NotFound
    return found


def allocations(
    session: Session, actor: Actor, *, fund_id: UUID | None = None, after: UUID | None = None, limit: int
) -> list[Allocation]:
    """Give a page of allocations in the order of their ids. Raises Forbidden."""
    actor.require(Permission.MANAGE_FUNDS)
    query = select(Allocation).where(Allocation.programme_id == actor.programme_id)
    if fund_id is not None:
        query = query.where(Allocation.fund_id == fund_id)
    if after is not None:
        query = query.where(Allocation.id > after)
    return list(session.scalars(query.order_by(Allocation.id).limit(limit)))


def pot_levels(session: Session, actor: Actor, *, organisation_id: UUID) -> list[PotLevel]:
    """List a wellbeing service's pots, the fund that ends soonest first.

    Raises Forbidden unless the actor manages funds or prescribes for that service.
    """
    if not actor.may(Permission.MANAGE_FUNDS):
        actor.require(Permission.PRESCRIBE, within=organisation_id)
    rows = session.execute(
        select(PrescribingPot, Fund.starts_on, Fund.ends_on)
        .join(Fund, (Fund.programme_id == PrescribingPot.programme_id) & (Fund.id == PrescribingPot.fund_id))
        .where(PrescribingPot.programme_id == actor.programme_id, PrescribingPot.organisation_id == organisation_id)
        .order_by(Fund.ends_on.nulls_last(), Fund.id)
    ).all()
    levels = ledger.balances(session, actor.programme_id, [pot.account_id for pot, _, _ in rows])
    return [
        PotLevel(pot.fund_id, organisation_id, pot.account_id, levels[pot.account_id], starts_on, ends_on)
        for pot, starts_on, ends_on in rows
    ]
