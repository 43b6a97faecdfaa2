"""Adding people, and letting organisations know them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.bulk import insert_missing
from timecredits.database import apply_changes, new_id
from timecredits.ledger import AccountKind
from timecredits.people import queries
from timecredits.people.actions.cards import issue_card, new_numbers
from timecredits.people.models import Acquaintance, Card, Identity, Person


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody to be added. `pin` is four digits that the person chose; it can be set later."""

    given_name: str
    family_name: str | None = None
    district: str | None = None
    pin: str | None = None


def register_person(
    session: Session,
    actor: Actor,
    *,
    given_name: str,
    family_name: str | None = None,
    district: str | None = None,
    pin: str | None = None,
    pin_key: bytes,
    now: datetime,
) -> Person:
    """Add a person with a card. The organisation of whoever adds them knows them from now on.

    `pin` is four digits that the person chose; it can be set later. `pin_key` is the server's secret.
    Raises Forbidden, TrivialPin.
    """
    newcomer = Newcomer(given_name, family_name, district, pin)
    ((person, _card),) = register_people(session, actor, items=[newcomer], pin_key=pin_key, now=now)
    return person


def register_people(
    session: Session, actor: Actor, *, items: Sequence[Newcomer], pin_key: bytes, now: datetime
) -> list[tuple[Person, Card]]:
    """Add many people as `register_person` adds one, and give each with the card, in order. All or none.

    Raises Forbidden, TrivialPin.
    """
    actor.require(Permission.REGISTER_PEOPLE)
    people = [_open_person(session, actor, newcomer, now=now) for newcomer in items]
    # Accounts, then people, then what refers to people: each flush is one batch a table.
    session.flush()
    session.add_all(people)
    session.flush()
    numbers = new_numbers(session, actor, len(items))
    cards = [
        _describe(session, actor, person, newcomer, number=number, pin_key=pin_key, now=now)
        for person, newcomer, number in zip(people, items, numbers, strict=True)
    ]
    organisations = actor.organisations(Permission.REGISTER_PEOPLE)
    session.flush()
    person_ids = [person.id for person in people]
    acquaint(session, actor, person_ids=person_ids, within=organisations, now=now)
    audit.record_each(session, actor, action="register_person", subject_ids=person_ids, now=now)
    return list(zip(people, cards, strict=True))


def _open_person(session: Session, actor: Actor, newcomer: Newcomer, *, now: datetime) -> Person:
    """Open a person's accounts, and give the person, who is not in the session yet."""
    person_id = new_id()
    earned, held = (
        ledger.open_account(session, actor.programme_id, kind, owner_id=person_id, now=now)
        for kind in (AccountKind.EARNED, AccountKind.HELD)
    )
    return Person(
        programme_id=actor.programme_id,
        id=person_id,
        district=newcomer.district,
        earned_account_id=earned,
        held_account_id=held,
        created_at=now,
    )


def _describe(
    session: Session, actor: Actor, person: Person, newcomer: Newcomer, *, number: str, pin_key: bytes, now: datetime
) -> Card:
    """Write down who a person is, and give them a card. Raises TrivialPin."""
    session.add(
        Identity(
            programme_id=actor.programme_id,
            person_id=person.id,
            given_name=newcomer.given_name,
            family_name=newcomer.family_name,
        )
    )
    return issue_card(session, actor, person_id=person.id, number=number, pin=newcomer.pin, pin_key=pin_key, now=now)


def change_person(
    session: Session, actor: Actor, *, person_id: UUID, changes: dict[str, object], now: datetime
) -> Person:
    """Change a person's names or district. Raises Forbidden, NotFound."""
    actor.require(Permission.REGISTER_PEOPLE)
    person = queries.person(session, actor, person_id)
    identity = session.get_one(Identity, (actor.programme_id, person_id))
    names = {name: value for name, value in changes.items() if name in {"given_name", "family_name"}}
    apply_changes(identity, names, only=set(names))
    apply_changes(person, {name: changes[name] for name in changes.keys() - names.keys()}, only={"district"})
    # The ETag is the person's version, whichever of the two rows changed.
    person.version += 1
    audit.record(session, actor, action="change_person", subject_id=person_id, fields=sorted(changes), now=now)
    session.flush()
    return person


def acquaint(
    session: Session,
    actor: Actor,
    *,
    person_ids: Collection[UUID],
    within: Collection[UUID] | None,
    now: datetime,
) -> None:
    """Let these organisations know these people; already known is fine. `within` None adds none."""
    pairs = [(person_id, found) for found in within or () for person_id in person_ids]
    acquaint_each(session, actor, pairs=pairs, now=now)


def acquaint_each(session: Session, actor: Actor, *, pairs: Collection[tuple[UUID, UUID]], now: datetime) -> None:
    """Let an organisation know a person, for each pair of their ids, person first; already known is fine.

    In the order of the ids, so that two who do the same at once do not wait for each other.
    """
    rows = [
        {"programme_id": actor.programme_id, "person_id": person_id, "organisation_id": found, "since": now}
        for person_id, found in sorted(pairs)
    ]
    insert_missing(session.connection(), Acquaintance, rows)
