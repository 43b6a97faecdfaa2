"""Routes of the tests' own: notes are rows of the audit, which need nothing of any context."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.audit import AuditEvent
from timecredits.database import new_id
from timecredits.errors import Conflict, Forbidden, NotFound, Refused
from timecredits.programmes import actions as programmes
from timecredits.programmes import queries
from timecredits.web.batches import Batch
from timecredits.web.callers import Reading
from timecredits.web.etags import Edit, tagged
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform, PerformOnce
from timecredits.web.schemas import Day, Flag, Minutes, Model, Moment, ShortText, Text

router = APIRouter(prefix="/v1/test")


class TooManyNotes(Refused):
    title = "Too many notes"
    words = "{needed_minutes} minutes is too much."


class NotRemembered(Refused):
    title = "Not remembered"
    words = "Not remembered."
    remembered = False


class Traced(NotRemembered):
    leaves_traces = True


class NoteIn(Model):
    minutes: Minutes
    name: ShortText = "a name"
    text: Text | None = None
    day: Day | None = None
    at: Moment | None = None
    urgent: Flag = False
    pin: str | None = None
    outcome: str = "done"


class NotesIn(Model):
    items: list[NoteIn] = Field(min_length=1)


class NoteOut(Model):
    id: UUID
    notes: int
    name: str
    recorded_at: datetime


class FundIn(Model):
    name: ShortText = "a fund"


class FundOut(Model):
    id: UUID
    name: str
    version: int


# What an action does besides, by the `outcome` that is asked for; a test may put one in.
hooks: dict[str, Callable[[Session], object]] = {}
REFUSALS = {
    "refused": lambda: TooManyNotes(needed_minutes=90),
    "not_remembered": NotRemembered,
    "traced": Traced,
    "not_found": NotFound,
    "forbidden": Forbidden,
    "conflict": Conflict,
    "broken": lambda: RuntimeError("Asha Example, born 1950"),
}


def write_note(session: Session, actor: Actor, *, minutes: int, outcome: str, now: datetime, **_: object) -> AuditEvent:
    note = AuditEvent(
        programme_id=actor.programme_id,
        id=new_id(),
        actor_id=actor.id,
        action="note",
        subject_id=new_id(),
        fields=[str(minutes)],
        recorded_at=now,
    )
    session.add(note)
    session.flush()
    if outcome in hooks:
        hooks[outcome](session)
    if outcome in REFUSALS:
        error = REFUSALS[outcome]()
        raise error
    return note


def write_notes(
    session: Session, actor: Actor, *, items: list[dict[str, object]], now: datetime
) -> list[AuditEvent | Refused]:
    return [
        TooManyNotes(needed_minutes=90) if item["outcome"] == "refused" else write_note(session, actor, **item, now=now)
        for item in items
    ]


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "note"))


def show_note(session: Session, actor: Actor, note_id: UUID) -> NoteOut:
    note = session.get_one(AuditEvent, (actor.programme_id, note_id))
    return NoteOut(id=note.id, notes=count(session), name="Asha", recorded_at=note.recorded_at)


def show_fund(session: Session, actor: Actor, fund_id: UUID) -> FundOut:
    fund = queries.fund(session, actor, fund_id)
    return FundOut(id=fund.id, name=fund.name, version=fund.version)


@router.post("/notes", status_code=201)
def create_note(body: NoteIn, perform: Perform) -> NoteOut:
    return perform(write_note, body, show=show_note)


@router.post("/notes/once", status_code=201)
def create_note_once(body: NoteIn, perform: PerformOnce) -> NoteOut:
    return perform(write_note, body, show=show_note)


@router.post("/notes/batch", status_code=200)
def create_notes(body: NotesIn, perform: PerformOnce) -> Batch:
    return perform.each(write_notes, body)


@router.get("/notes")
def list_notes(read: Reading, paging: Paging) -> Page[NoteOut]:
    after = paging.after(tuple[datetime, UUID])
    with read.begin() as (session, actor):
        query = select(AuditEvent).where(AuditEvent.action == "note").order_by(AuditEvent.id).limit(paging.fetch)
        if after is not None:
            query = query.where(AuditEvent.id > after[1])
        return paging.page(
            list(session.scalars(query)),
            show=lambda note: show_note(session, actor, note.id),
            key=lambda note: (note.recorded_at, note.id),
        )


@router.get("/funds/{fund_id}")
def read_test_fund(fund_id: UUID, read: Reading) -> FundOut:
    with read.begin() as (session, actor):
        return tagged(read.response, show_fund(session, actor, fund_id))


@router.patch("/funds/{fund_id}")
def change_test_fund(fund_id: UUID, body: FundIn, edit: Edit) -> FundOut:
    return edit(programmes.change_fund, body, show=show_fund, fund_id=fund_id)
