"""Prescribing credits: from which pot, and onto accounts that are the prescription's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.database import new_id
from timecredits.errors import DomainError, NotFound, Refused
from timecredits.ledger import AccountKind, EntryKind, EntryRequest, InsufficientCredits, TransferKind
from timecredits.people.actions import acquaint
from timecredits.prescribing import queries
from timecredits.prescribing.models import Prescription
from timecredits.programmes import queries as programmes
from timecredits.programmes.actions import FundNotOpen
from timecredits.programmes.models import Organisation, OrganisationKind
from timecredits.programmes.queries import PotLevel


class ExpiryPassed(Refused):
    """A prescription's last day is today or later."""

    title = "The last day has passed"
    words = "The last day on which these credits could be used has passed already."
    explanation = "`expires_on` is the last day on which the credits can be used: today or later, or none at all."


class OwnPrescription(Refused):
    """Nobody prescribes to themselves."""

    title = "Not to yourself"
    words = "Nobody prescribes credits to themselves. Ask a colleague."
    explanation = "The key belongs to the person to whom credits should be prescribed. Another worker can do it."


class ServiceNotNamed(Refused):
    """Somebody who prescribes for several wellbeing services says for which."""

    title = "For which wellbeing service?"
    words = "You prescribe for several wellbeing services. Say which one this is for."
    explanation = "Give `organisation_id`, the id of the wellbeing service whose pot should pay."


@dataclass(frozen=True, slots=True)
class Dose:
    """What one person should be prescribed, in minutes. `expires_on` is the last day on which it can be used.

    Without a `fund_id` the pot is chosen: of those that are open and have enough, the one whose fund ends soonest.
    """

    person_id: UUID
    minutes: int
    fund_id: UUID | None = None
    companion_minutes: int = 0
    expires_on: date | None = None
    goal: str | None = None

    @property
    def needed_minutes(self) -> int:
        """Minutes that the pot must have."""
        return self.minutes + self.companion_minutes


def prescribe(
    session: Session,
    actor: Actor,
    *,
    person_id: UUID,
    minutes: int,
    fund_id: UUID | None = None,
    organisation_id: UUID | None = None,
    companion_minutes: int = 0,
    expires_on: date | None = None,
    goal: str | None = None,
    now: datetime,
) -> Prescription:
    """Prescribe minutes to a person, and companion minutes where somebody should come along.

    `organisation_id` is the wellbeing service, and can be left out by somebody who has only one. `Dose` says the rest.
    Raises Forbidden, NotFound, ServiceNotNamed, ExpiryPassed, FundNotOpen, ledger.InsufficientCredits.
    Locks the service, then accounts.
    """
    dose = Dose(person_id, minutes, fund_id, companion_minutes, expires_on, goal)
    (outcome,) = prescribe_many(session, actor, items=[dose], organisation_id=organisation_id, now=now)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def prescribe_many(
    session: Session, actor: Actor, *, items: Sequence[Dose], organisation_id: UUID | None = None, now: datetime
) -> list[Prescription | Refused]:
    """Prescribe for one service to many people at once, and give a prescription or a refusal for each, in order.

    Raises Forbidden, ServiceNotNamed, and NotFound where any of the people or funds is not to be seen.
    """
    service = _locked_service(session, actor, organisation_id)
    _check_people(session, actor, items)
    pots = _Pots(programmes.pot_levels(session, actor, organisation_id=service.id), actor.today(now))
    outcomes: list[Prescription | Refused] = []
    planned: list[tuple[Prescription, EntryRequest]] = []
    for dose in items:
        try:
            pot = pots.take(dose)
        except Refused as refusal:
            outcomes.append(refusal)
        else:
            planned.append(_plan(session, actor, dose, pot, now=now))
            outcomes.append(planned[-1][0])
    if planned:
        _issue(session, actor, service.id, planned, now=now)
    return outcomes


class _Pots:
    """A service's pots, the fund that ends soonest first, and what is left in each as doses are taken from them."""

    def __init__(self, levels: Sequence[PotLevel], today: date) -> None:
        self.levels = levels
        self.today = today
        self.left = {level.account_id: level.remaining_minutes for level in levels}

    def take(self, dose: Dose) -> PotLevel:
        """Choose the pot of a dose. Raises NotFound, and the refusals of `prescribe`."""
        if dose.expires_on is not None and dose.expires_on < self.today:
            raise ExpiryPassed
        pots = [level for level in self.levels if dose.fund_id in (None, level.fund_id)]
        if dose.fund_id is not None and not pots:
            raise NotFound
        pots = [level for level in pots if self._is_open(level)]
        if dose.fund_id is not None and not pots:
            raise FundNotOpen
        for level in pots:
            if self.left[level.account_id] >= dose.needed_minutes:
                self.left[level.account_id] -= dose.needed_minutes
                return level
        most = max((self.left[level.account_id] for level in pots), default=0)
        raise InsufficientCredits(needed_minutes=dose.needed_minutes, available_minutes=most)

    def _is_open(self, level: PotLevel) -> bool:
        return (level.starts_on is None or level.starts_on <= self.today) and (
            level.ends_on is None or self.today <= level.ends_on
        )


def _locked_service(session: Session, actor: Actor, organisation_id: UUID | None) -> Organisation:
    """Give the service whose pot pays, locked: two who prescribe at once do not both count on the same last minutes."""
    actor.require(Permission.PRESCRIBE)
    if organisation_id is None:
        own = actor.organisations(Permission.PRESCRIBE)
        if own is None or len(own) > 1:
            raise ServiceNotNamed
        (organisation_id,) = own
    service = programmes.find_organisation(session, actor, organisation_id, kinds={OrganisationKind.WELLBEING_SERVICE})
    actor.require(Permission.PRESCRIBE, within=organisation_id)
    session.refresh(service, with_for_update={"key_share": True})
    return service


def _check_people(session: Session, actor: Actor, items: Sequence[Dose]) -> None:
    """Raise NotFound unless the actor may see everybody who is named, and OwnPrescription for themselves."""
    wanted = {dose.person_id for dose in items}
    if any(actor.is_about_themselves(person_id) for person_id in wanted):
        raise OwnPrescription
    if wanted != queries.visible_people(session, actor, wanted):
        raise NotFound


def _plan(
    session: Session, actor: Actor, dose: Dose, pot: PotLevel, *, now: datetime
) -> tuple[Prescription, EntryRequest]:
    """Open the accounts of a dose, and write the prescription and the entry that will fill them."""
    legs = {
        kind: (_open(session, actor, dose, pot, kind, now=now), minutes)
        for kind, minutes in (
            (AccountKind.PRESCRIBED, dose.minutes),
            (AccountKind.COMPANION, dose.companion_minutes),
        )
        if minutes
    }
    request = EntryRequest(
        EntryKind.PRESCRIBE,
        actor.id,
        actor.today(now),
        tuple(
            ledger.movement(TransferKind.PRESCRIBE, pot.account_id, account_id, minutes)
            for account_id, minutes in legs.values()
        ),
    )
    prescription = Prescription(
        programme_id=actor.programme_id,
        id=new_id(),
        person_id=dose.person_id,
        organisation_id=pot.organisation_id,
        fund_id=pot.fund_id,
        minutes=dose.minutes,
        companion_minutes=dose.companion_minutes,
        goal=dose.goal,
        expires_on=dose.expires_on,
        prescribed_account_id=legs[AccountKind.PRESCRIBED][0],
        companion_account_id=legs[AccountKind.COMPANION][0] if dose.companion_minutes else None,
        entry_id=request.id,
        issued_by=actor.id,
    )
    return prescription, request


def _open(session: Session, actor: Actor, dose: Dose, pot: PotLevel, kind: AccountKind, *, now: datetime) -> UUID:
    return ledger.open_account(
        session,
        actor.programme_id,
        kind,
        owner_id=dose.person_id,
        origin_id=pot.account_id,
        expires_on=dose.expires_on,
        now=now,
    )


def _issue(
    session: Session,
    actor: Actor,
    organisation_id: UUID,
    planned: Sequence[tuple[Prescription, EntryRequest]],
    *,
    now: datetime,
) -> None:
    """Post all at once. A pot that has lost minutes meanwhile refuses them all, so that no account stays unused."""
    requests = [request for _, request in planned]
    outcomes = ledger.post(session, actor.programme_id, requests, now=now, today=actor.today(now))
    for (prescription, _), outcome in zip(planned, outcomes, strict=True):
        if isinstance(outcome, DomainError):
            raise outcome
        prescription.issued_at = outcome.recorded_at
        session.add(prescription)
    session.flush()
    issued = [prescription.id for prescription, _ in planned]
    audit.record_each(session, actor, action="prescribe", subject_ids=issued, now=now)
    people = {prescription.person_id for prescription, _ in planned}
    acquaint(session, actor, person_ids=people, within=[organisation_id], now=now)
