"""What is said about the demonstration in the end, and the keys to look around in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timecredits import ledger
from timecredits.access import Role
from timecredits.demo.life import Life
from timecredits.demo.world import PIN
from timecredits.evaluation.queries import Funnel, funnel
from timecredits.ledger import AccountKind, JournalEntry
from timecredits.people import actions as people


@dataclass(frozen=True)
class Demonstration:
    """A programme that has been built: lines to print, and a key for each role."""

    summary: list[str]
    keys: dict[str, str]


def tell(life: Life, *, began: float, now: datetime) -> Demonstration:
    """Make the keys, and say what there is. `began` is when the building began, by the performance counter."""
    world = life.world
    with world.begin() as session:
        keys = _make_keys(life, session, now)
        entries = session.scalar(
            select(func.count()).select_from(JournalEntry).where(JournalEntry.programme_id == world.programme.id)
        )
        trial_balance = ledger.trial_balance(session, world.programme.id)
        steps = funnel(session, world.programme.id)
    seconds = perf_counter() - began
    first_line = (
        f"programme: {world.programme.code}, {world.programme.name}; "
        f"{len(life.members)} people since {world.first_day.isoformat()}"
    )
    refused = ", ".join(f"{count} {code}" for code, count in sorted(world.refusals.items())) or "none"
    summary = [
        first_line,
        *_who_is_who(life),
        f"refusals: {refused}",
        *_balance_lines(trial_balance),
        _funnel_line(steps),
        f"entries: {entries}, in {seconds:.1f} s, {(entries or 0) / seconds:.0f} a second",
    ]
    return Demonstration(summary, keys)


def _make_keys(life: Life, session: Session, now: datetime) -> dict[str, str]:
    """Make a key for each role; those of organisations belong to the ones that the first person knows."""
    first = life.members[0]

    def key(
        role: Role, *, organisation_id: UUID | None = None, person_id: UUID | None = None, owner_id: UUID | None = None
    ) -> str:
        _, text = people.create_key(
            session,
            life.world.coordinator,
            name=f"demonstration: {role.value}",
            roles=[role],
            organisation_id=organisation_id,
            person_id=person_id,
            owner_id=owner_id,
            now=now,
        )
        return text

    made = {
        Role.PERSON: key(Role.PERSON, person_id=first.person_id),
        Role.WELLBEING_WORKER: key(
            Role.WELLBEING_WORKER, organisation_id=life.places.service_id, owner_id=life.places.worker.id
        ),
        Role.GROUP_LEADER: key(Role.GROUP_LEADER, organisation_id=first.group.organisation_id),
        Role.VENUE_STAFF: key(Role.VENUE_STAFF, organisation_id=life.places.offers[0][0].partner_id),
        Role.COORDINATOR: key(Role.COORDINATOR, owner_id=life.world.coordinator.id),
        Role.AUDITOR: key(Role.AUDITOR),
    }
    return {role.value: text for role, text in made.items()}


def _who_is_who(life: Life) -> Iterator[str]:
    """Name what a newcomer needs to go through the cycle by hand; the names of roles are kept for keys."""
    first, offer = life.members[0], life.places.offers[0][0]
    yield f"card: {first.card_number}, PIN {PIN}, of the person {first.person_id}"
    yield f"service: {life.places.service_id}"
    yield f"group: {first.group.organisation_id}"
    yield f"activity: {first.group.activity_ids[0]}"
    yield f"partner: {offer.partner_id}"
    yield f"opportunity: {offer.id} ({offer.adult_minutes} minutes)"


def _balance_lines(trial_balance: dict[AccountKind, int]) -> Iterator[str]:
    yield "trial balance, in minutes:"
    for kind, minutes in trial_balance.items():
        yield f"  {kind.value:<16}{minutes:>14,}"
    yield f"  {'together':<16}{sum(trial_balance.values()):>14,}"


def _funnel_line(steps: Funnel) -> str:
    return (
        f"funnel: prescribed {steps.prescribed} -> first spend {steps.first_spend}"
        f" ({_share(steps.first_spend, steps.prescribed)}) -> first earn {steps.first_earn}"
        f" ({_share(steps.first_earn, steps.first_spend)})"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
