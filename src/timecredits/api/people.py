"""People, their cards, balances and statements over HTTP; `/me` is the same for the person whose key it is."""

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.people import actions, queries
from timecredits.people.models import Card, Identity, Person
from timecredits.web.callers import Reading
from timecredits.web.etags import Edit, tagged
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform
from timecredits.web.schemas import Model, Pin, ShortText

router = APIRouter(prefix="/v1", tags=["people"])


class PersonIn(Model):
    """Somebody to be added. A first name is enough; the PIN can be chosen later."""

    given_name: ShortText
    family_name: ShortText | None = None
    district: ShortText | None = None
    pin: Pin | None = None


class PersonPatch(Model):
    """What may change of a person; what is left out stays."""

    given_name: ShortText = ""
    family_name: ShortText | None = None
    district: ShortText | None = None


class PersonOut(Model):
    """A person with the number of the card."""

    id: UUID
    given_name: str
    family_name: str | None
    district: str | None
    card_number: str
    has_pin: bool
    created_at: datetime
    version: int


class PinIn(Model):
    """A PIN that the person chose."""

    pin: Pin


class CardOut(Model):
    """The state of a person's card."""

    id: UUID
    person_id: UUID
    card_number: str
    has_pin: bool
    locked_until: datetime | None


class MeOut(Model):
    """Who acts with this key."""

    id: UUID
    roles: list[str]
    organisation_ids: list[UUID]
    person: PersonOut | None


def _person(row: tuple[Person, Identity, Card]) -> PersonOut:
    person, identity, card = row
    return PersonOut(
        id=person.id,
        given_name=identity.given_name,
        family_name=identity.family_name,
        district=person.district,
        card_number=card.number,
        has_pin=card.pin_hmac is not None,
        created_at=person.created_at,
        version=person.version,
    )


def _show_person(session: Session, actor: Actor, person_id: UUID) -> PersonOut:
    return _person(queries.described(session, actor, person_id))


def _show_card(session: Session, actor: Actor, card_id: UUID) -> CardOut:
    card = queries.card(session, actor, card_id)
    return CardOut(
        id=card.id,
        person_id=card.person_id,
        card_number=card.number,
        has_pin=card.pin_hmac is not None,
        locked_until=card.locked_until,
    )


@router.post("/people", status_code=201)
def create_person(body: PersonIn, perform: Perform) -> PersonOut:
    """Add a person, who gets a card."""
    return perform(actions.register_person, body, show=_show_person, pin_key=perform.caller.service.secret_key)


@router.get("/people")
def list_people(read: Reading, paging: Paging) -> Page[PersonOut]:
    """List the people whom the key may see."""
    with read.begin() as (session, actor):
        rows = queries.people(session, actor, after=paging.after(UUID), limit=paging.fetch)
        return paging.page(rows, show=_person, key=lambda row: row[0].id)


@router.get("/people/{person_id}")
def read_person(person_id: UUID, read: Reading, response: Response) -> PersonOut:
    """Read a person."""
    with read.begin() as (session, actor):
        return tagged(response, _show_person(session, actor, person_id))


@router.patch("/people/{person_id}")
def change_person(person_id: UUID, body: PersonPatch, edit: Edit) -> PersonOut:
    """Change a person's names or district."""
    return edit(actions.change_person, body, show=_show_person, person_id=person_id)


@router.put("/people/{person_id}/pin")
def set_pin(person_id: UUID, body: PinIn, read: Reading) -> CardOut:
    """Set the PIN that the person chose, and unlock the card. A PUT needs no Idempotency-Key: twice is as once."""
    pin_key = read.service.secret_key
    with read.begin() as (session, actor):
        card = actions.set_pin(session, actor, person_id=person_id, pin=body.pin, pin_key=pin_key, now=read.now)
        return _show_card(session, actor, card.id)


@router.post("/people/{person_id}/card-unlocking")
def unlock_card(person_id: UUID, perform: Perform) -> CardOut:
    """Unlock a card after too many wrong PINs."""
    return perform(actions.unlock_card, None, show=_show_card, status=HTTPStatus.OK, person_id=person_id)


@router.get("/me", tags=["me"])
def read_me(read: Reading) -> MeOut:
    """Say who acts with this key."""
    with read.begin() as (session, actor):
        return MeOut(
            id=actor.id,
            roles=sorted({role.value for role, _ in actor.roles}),
            organisation_ids=sorted({held for _, held in actor.roles if held is not None}),
            person=_show_person(session, actor, actor.person_id) if actor.person_id is not None else None,
        )
