"""Reading people, cards and keys: each person only to those who may see them."""

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, bindparam, exists, select, text, true
from sqlalchemy.orm import Session

from timecredits.access import Actor, Permission, Role
from timecredits.errors import NotFound
from timecredits.people.models import Acquaintance, ApiKey, Card, Identity, Person

# Statements of the till's way are built once: building one costs more than its answer.
_KEY = text(
    """
    SELECT owner_id, roles, organisation_id, person_id, secret_hash, expires_at, revoked_at, time_zone
    FROM api_key JOIN programme ON programme.id = programme_id
    WHERE programme_id = :programme_id AND api_key.id = :key_id AND code = :code
    """
)
_CARD = select(Card).where(
    Card.programme_id == bindparam("programme_id"), Card.number == bindparam("number"), Card.stopped_at.is_(None)
)
_CARD_LOCKED = _CARD.with_for_update(key_share=True).execution_options(populate_existing=True)


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """The parts of a key as somebody presented it."""

    programme_code: str
    key_id: UUID
    secret: str


def authenticate(session: Session, presented: PresentedKey, *, now: datetime) -> Actor | None:
    """Give who acts with this key, or None. The session must be in the key's programme. Read afresh at each request."""
    programme_id = session.info["programme_id"]
    key = (
        session.connection()
        .execute(_KEY, {"programme_id": programme_id, "key_id": presented.key_id, "code": presented.programme_code})
        .one_or_none()
    )
    if key is None:
        return None
    right = hmac.compare_digest(key.secret_hash, hashlib.sha256(presented.secret.encode()).digest())
    if not right or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    return Actor(
        id=key.owner_id,
        programme_id=programme_id,
        time_zone=ZoneInfo(key.time_zone),
        roles=frozenset((Role(role), key.organisation_id) for role in key.roles),
        person_id=key.person_id if Role.PERSON in key.roles else None,
        holder_id=key.person_id,
    )


def key(session: Session, actor: Actor, key_id: UUID) -> ApiKey:
    """Give a key's row. Raises Forbidden, NotFound."""
    actor.require(Permission.MANAGE_KEYS)
    found = session.get(ApiKey, (actor.programme_id, key_id))
    if found is None:
        raise NotFound
    return found


def keys(session: Session, actor: Actor, *, after: UUID | None = None, limit: int) -> list[ApiKey]:
    """Give a page of keys in the order of their ids. Raises Forbidden."""
    actor.require(Permission.MANAGE_KEYS)
    query = select(ApiKey).where(ApiKey.programme_id == actor.programme_id)
    if after is not None:
        query = query.where(ApiKey.id > after)
    return list(session.scalars(query.order_by(ApiKey.id).limit(limit)))


def visible(actor: Actor) -> ColumnElement[bool]:
    """Say in SQL which people the actor may see: all, those whom their organisations know, or themselves."""
    if actor.person_id is not None:
        return Person.id == actor.person_id
    organisations = actor.organisations(Permission.READ_PEOPLE)
    if organisations is None or actor.has(Role.WELLBEING_WORKER):
        return true()
    return exists().where(
        Acquaintance.programme_id == Person.programme_id,
        Acquaintance.person_id == Person.id,
        Acquaintance.organisation_id.in_(organisations),
    )


def person(session: Session, actor: Actor, person_id: UUID) -> Person:
    """Give a person whom the actor may see. Raises Forbidden, NotFound."""
    actor.require(Permission.READ_PEOPLE)
    found = session.scalar(
        select(Person).where(Person.programme_id == actor.programme_id, Person.id == person_id, visible(actor))
    )
    if found is None:
        raise NotFound
    return found


def people(
    session: Session, actor: Actor, *, after: UUID | None = None, limit: int
) -> list[tuple[Person, Identity, Card]]:
    """Give a page of the people whom the actor may see, with name and card, in the order of their ids."""
    actor.require(Permission.READ_PEOPLE)
    query = _described().where(Person.programme_id == actor.programme_id, visible(actor))
    if after is not None:
        query = query.where(Person.id > after)
    rows = session.execute(query.order_by(Person.id).limit(limit))
    return [(found, identity, card) for found, identity, card in rows]


def described(session: Session, actor: Actor, person_id: UUID) -> tuple[Person, Identity, Card]:
    """Give a person whom the actor may see, with name and card. Raises Forbidden, NotFound."""
    actor.require(Permission.READ_PEOPLE)
    query = _described().where(Person.programme_id == actor.programme_id, Person.id == person_id, visible(actor))
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    found, identity, card = row
    return found, identity, card


def find_person(session: Session, actor: Actor, person_id: UUID) -> Person:
    """Give a person of the programme, for an action that has its own check. Raises NotFound."""
    found = session.get(Person, (actor.programme_id, person_id))
    if found is None:
        raise NotFound
    return found


def given_name(session: Session, actor: Actor, person_id: UUID) -> str:
    """Give the first name, which a venue may see on a receipt."""
    identity = session.get(Identity, (actor.programme_id, person_id))
    return identity.given_name if identity is not None else ""


def card(session: Session, actor: Actor, card_id: UUID) -> Card:
    """Give a card of a person whom the actor may see. Raises Forbidden, NotFound."""
    found = session.get(Card, (actor.programme_id, card_id))
    if found is None:
        raise NotFound
    person(session, actor, found.person_id)
    return found


def card_by_number(session: Session, actor: Actor, number: str, *, lock: bool = False) -> Card | None:
    """Find the card in use with this normalised number. `lock` keeps it for this transaction, read afresh."""
    statement = _CARD_LOCKED if lock else _CARD
    return session.scalar(statement, {"programme_id": actor.programme_id, "number": number})


def numbers_in_use(session: Session, actor: Actor, numbers: Collection[str]) -> set[str]:
    """Say which of these card numbers some card has, or has had."""
    return set(
        session.scalars(select(Card.number).where(Card.programme_id == actor.programme_id, Card.number.in_(numbers)))
    )


def card_of(session: Session, actor: Actor, person_id: UUID, *, lock: bool = False) -> Card:
    """Give the card in use of a person whom the actor may see. Raises Forbidden, NotFound."""
    person(session, actor, person_id)
    query = select(Card).where(
        Card.programme_id == actor.programme_id, Card.person_id == person_id, Card.stopped_at.is_(None)
    )
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NotFound
    return found


def _described() -> Select[Person, Identity, Card]:
    return (
        select(Person, Identity, Card)
        .join(Identity, (Identity.programme_id == Person.programme_id) & (Identity.person_id == Person.id))
        .join(
            Card,
            (Card.programme_id == Person.programme_id) & (Card.person_id == Person.id) & Card.stopped_at.is_(None),
        )
    )
