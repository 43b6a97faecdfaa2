"""Agreeing funds and allocating credits from them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypedDict
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.database import apply_changes, new_id
from timecredits.errors import DomainError, Refused
from timecredits.ledger import AccountKind, EntryKind, EntryRequest, Outcome, TransferKind
from timecredits.programmes import queries
from timecredits.programmes.models import Allocation, Fund, OrganisationKind, PrescribingPot, Programme


class Destination(TypedDict):
    """Whose pot credits go to: `kind` is wellbeing_service, group or community; the community has no `id`."""

    kind: str
    id: UUID | None


class FundBelowIssued(Refused):
    """A fund cannot authorise less than has been issued from it."""

    title = "Less than was issued"
    words = "This fund has issued {issued_minutes} minutes, so it cannot authorise fewer."
    explanation = "Credits that have been given out stay given. Return some of them first."


class FundDatesCrossed(Refused):
    """A fund ends on or after the day on which it starts."""

    title = "The dates are the wrong way round"
    words = "A fund ends on or after the day on which it starts."
    explanation = "One of the two dates was changed past the other. Change both at once."


class FundNotOpen(Refused):
    """A fund gives between its first and its last day."""

    title = "The fund is not open"
    words = "This fund gives credits only between its first and its last day."
    explanation = "Allocate from a fund whose agreement runs today, or change the dates that were agreed."


class FundExhausted(Refused):
    """A fund gives no more than it authorises."""

    title = "The fund has too little left"
    words = "This fund has {available_minutes} minutes left, and {needed_minutes} were asked for."
    explanation = "A fund gives no more minutes than its funder authorised."


def create_fund(
    session: Session,
    actor: Actor,
    *,
    name: str,
    funder: str,
    authorised_minutes: int,
    starts_on: date | None = None,
    ends_on: date | None = None,
    purpose: str | None = None,
    districts: Sequence[str] = (),
    now: datetime,
) -> Fund:
    """Record a funder's agreement to `authorised_minutes`. Raises Forbidden."""
    actor.require(Permission.MANAGE_FUNDS)
    fund_id = new_id()
    account_id = ledger.open_account(
        session, actor.programme_id, AccountKind.FUND, owner_id=fund_id, floor=-authorised_minutes, now=now
    )
    session.flush()
    fund = Fund(
        programme_id=actor.programme_id,
        id=fund_id,
        name=name,
        funder=funder,
        purpose=purpose,
        districts=list(districts),
        authorised_minutes=authorised_minutes,
        starts_on=starts_on,
        ends_on=ends_on,
        account_id=account_id,
        created_at=now,
    )
    session.add(fund)
    audit.record(session, actor, action="create_fund", subject_id=fund_id, now=now)
    session.flush()
    return fund


def change_fund(session: Session, actor: Actor, *, fund_id: UUID, changes: dict[str, object], now: datetime) -> Fund:
    """Change what was agreed. Raises Forbidden, NotFound, FundBelowIssued, FundDatesCrossed."""
    fund = queries.fund(session, actor, fund_id)
    apply_changes(
        fund,
        changes,
        only={"name", "funder", "purpose", "districts", "authorised_minutes", "starts_on", "ends_on"},
    )
    if fund.starts_on is not None and fund.ends_on is not None and fund.ends_on < fund.starts_on:
        raise FundDatesCrossed
    if "authorised_minutes" in changes:
        issued = ledger.authorise_fund(session, actor.programme_id, fund.account_id, minutes=fund.authorised_minutes)
        if issued > fund.authorised_minutes:
            raise FundBelowIssued(issued_minutes=issued)
    audit.record(session, actor, action="change_fund", subject_id=fund_id, fields=sorted(changes), now=now)
    session.flush()
    return fund


class AllocationItem(TypedDict):
    """Minutes to be given from a fund."""

    fund_id: UUID
    to: Destination
    minutes: int


def allocate(
    session: Session, actor: Actor, *, fund_id: UUID, to: Destination, minutes: int, now: datetime
) -> Allocation:
    """Give minutes from a fund to a wellbeing service's pot, a group's pot or the community pot.

    Raises Forbidden, NotFound, FundNotOpen, FundExhausted.
    """
    item = AllocationItem(fund_id=fund_id, to=to, minutes=minutes)
    (outcome,) = allocate_each(session, actor, items=[item], now=now)
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def allocate_each(
    session: Session, actor: Actor, *, items: Sequence[AllocationItem], now: datetime
) -> list[Allocation | Refused]:
    """Give minutes from funds to pots, each item done or refused by itself, and one outcome for each.

    Raises Forbidden, and NotFound where any of the funds or organisations is unknown.
    """
    today = actor.today(now)
    funds = {fund_id: queries.fund(session, actor, fund_id) for fund_id in sorted({item["fund_id"] for item in items})}
    for fund_id in funds:
        # The fund's row is the lock: two first allocations to one service open one pot. In the order of ids.
        session.get_one(
            Fund, (actor.programme_id, fund_id), with_for_update={"key_share": True}, populate_existing=True
        )
    pots = [_pot(session, actor, funds[item["fund_id"]], item["to"], now=now) for item in items]
    is_open = {fund.id: _is_open(fund, today) for fund in funds.values()}
    requests = [
        EntryRequest(
            EntryKind.ALLOCATE,
            actor.id,
            today,
            (ledger.movement(TransferKind.ALLOCATE, funds[item["fund_id"]].account_id, pot, item["minutes"]),),
        )
        for item, pot in zip(items, pots, strict=True)
        if is_open[item["fund_id"]]
    ]
    posted = iter(ledger.post(session, actor.programme_id, requests, now=now, today=today) if requests else [])
    outcomes = [
        _outcome(session, actor, item, pot, next(posted), now=now) if is_open[item["fund_id"]] else FundNotOpen()
        for item, pot in zip(items, pots, strict=True)
    ]
    session.flush()
    return outcomes


def _is_open(fund: Fund, today: date) -> bool:
    return (fund.starts_on is None or fund.starts_on <= today) and (fund.ends_on is None or today <= fund.ends_on)


def _outcome(
    session: Session, actor: Actor, item: AllocationItem, pot: UUID, posted: Outcome, *, now: datetime
) -> Allocation | Refused:
    """Write down what was posted, or say what was refused in the words of funds."""
    if isinstance(posted, ledger.InsufficientCredits):
        return FundExhausted(**posted.figures)
    if isinstance(posted, Refused):
        return posted
    if isinstance(posted, DomainError):
        raise posted
    allocation = Allocation(
        programme_id=actor.programme_id,
        id=new_id(),
        fund_id=item["fund_id"],
        organisation_id=item["to"]["id"],
        account_id=pot,
        entry_id=posted.entry_id,
        minutes=item["minutes"],
        created_at=posted.recorded_at,
    )
    session.add(allocation)
    audit.record(session, actor, action="allocate", subject_id=allocation.id, now=now)
    return allocation


def _pot(session: Session, actor: Actor, fund: Fund, to: Destination, *, now: datetime) -> UUID:
    """Find the account that the allocation goes to; open the pot of a service and fund that have none yet."""
    organisation_id = to["id"]
    if organisation_id is None:
        return session.get_one(Programme, actor.programme_id).community_account_id
    organisation = queries.find_organisation(session, actor, organisation_id, kinds={OrganisationKind(to["kind"])})
    if organisation.account_id is not None:
        return organisation.account_id
    key = (actor.programme_id, organisation_id, fund.id)
    pot = session.get(PrescribingPot, key)
    if pot is None:
        account_id = ledger.open_account(
            session,
            actor.programme_id,
            AccountKind.PRESCRIBING_POT,
            owner_id=organisation_id,
            origin_id=fund.account_id,
            now=now,
        )
        session.flush()
        pot = PrescribingPot(
            programme_id=actor.programme_id, organisation_id=organisation_id, fund_id=fund.id, account_id=account_id
        )
        session.add(pot)
        session.flush()
    return pot.account_id
