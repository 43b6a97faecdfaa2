"""Keys over HTTP: made, listed and revoked by a coordinator."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from timecredits.access import Actor, Role
from timecredits.people import actions, queries
from timecredits.people.models import ApiKey
from timecredits.web.callers import Reading
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform
from timecredits.web.schemas import Model, Moment, ShortText

router = APIRouter(prefix="/v1", tags=["keys"])


class KeyIn(Model):
    """A key to be made: roles held in one organisation, in the whole programme, or for one person."""

    name: ShortText
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
    organisation_id: UUID | None = None
    person_id: UUID | None = Field(default=None, description="Whom a person's key acts for; whose any other key is.")
    expires_at: Moment | None = None
    continues: UUID | None = Field(default=None, description="An earlier key, whose owner goes on with this one.")


class KeyOut(Model):
    """A key. Its text is shown once, in the answer that made it, and in no other."""

    id: UUID
    name: str
    roles: list[Role]
    organisation_id: UUID | None
    person_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    key: str | None = None


def _key(row: ApiKey) -> KeyOut:
    return KeyOut(
        id=row.id,
        name=row.name,
        roles=[Role(role) for role in row.roles],
        organisation_id=row.organisation_id,
        person_id=row.person_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _show_key(session: Session, actor: Actor, key_id: UUID) -> KeyOut:
    return _key(queries.key(session, actor, key_id))


@router.get("/keys")
def list_keys(read: Reading, paging: Paging) -> Page[KeyOut]:
    """List keys, those that no longer work too."""
    with read.begin() as (session, actor):
        rows = queries.keys(session, actor, after=paging.after(UUID), limit=paging.fetch)
        return paging.page(rows, show=_key, key=lambda row: row.id)


@router.get("/keys/{key_id}")
def read_key(key_id: UUID, read: Reading) -> KeyOut:
    """Read a key, without its text."""
    with read.begin() as (session, actor):
        return _show_key(session, actor, key_id)


@router.post("/keys", status_code=201)
def create_key(body: KeyIn, perform: Perform) -> KeyOut:
    """Make a key. A repeat with the same Idempotency-Key makes no other one, and does not show its text again."""
    text: list[str] = []

    def make(session: Session, actor: Actor, **fields: Any) -> ApiKey:
        row, shown_once = actions.create_key(session, actor, **fields)
        text.append(shown_once)
        return row

    answer = perform(make, body, show=_show_key)
    return answer.model_copy(update={"key": text[-1] if text else None})


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(key_id: UUID, read: Reading) -> None:
    """Make a key useless from the next request on."""
    with read.begin() as (session, actor):
        actions.revoke_key(session, actor, key_id=key_id, now=read.now)
