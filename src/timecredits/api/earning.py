"""Activities, and the time given to them, over HTTP."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.earning import actions, queries
from timecredits.earning.models import Activity
from timecredits.earning.queries import Recorded
from timecredits.web.batches import Batch
from timecredits.web.callers import Reading
from timecredits.web.etags import Edit, tagged
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import Perform, PerformOnce
from timecredits.web.schemas import Day, Flag, Minutes, Model, ShortText, Text

router = APIRouter(prefix="/v1", tags=["earning"])


class ActivityIn(Model):
    """Something that a group does and that people give time to."""

    organisation_id: UUID | None = Field(
        default=None, description="The group; only the leader of a single group can leave it out."
    )
    title: ShortText
    description: Text | None = None


class ActivityPatch(Model):
    """What may change of an activity; what is left out stays. No time is recorded for one that is closed."""

    title: ShortText = ""
    description: Text | None = None
    closed: Flag = False


class ActivityOut(Model):
    """An activity of a group."""

    id: UUID
    organisation_id: UUID
    title: str
    description: str | None
    closed: bool
    created_at: datetime
    version: int


class ContributionIn(Model):
    """Minutes that a person gave on a day. The person is named by an id or by the number of their card."""

    activity_id: UUID
    person_id: UUID | None = None
    card_number: ShortText | None = None
    minutes: Minutes
    given_on: Day = Field(description="Today or a day in the past year.")

    @model_validator(mode="after")
    def _one_person(self) -> Self:
        if (self.person_id is None) == (self.card_number is None):
            message = "Name the person either by person_id or by card_number"
            raise ValueError(message)
        return self


class ContributionsIn(Model):
    """The time that many people gave, such as a whole register."""

    items: list[ContributionIn] = Field(min_length=1, max_length=500)


class ContributionOut(Model):
    """Minutes that a person gave, paid from the group's pot. `reversed` if that was put right since."""

    id: UUID
    activity_id: UUID
    person_id: UUID
    minutes: int
    given_on: Day
    entry_id: UUID
    recorded_at: datetime
    reversed: bool


def _activity(row: Activity) -> ActivityOut:
    return ActivityOut(
        id=row.id,
        organisation_id=row.organisation_id,
        title=row.title,
        description=row.description,
        closed=row.closed_at is not None,
        created_at=row.created_at,
        version=row.version,
    )


def _show_activity(session: Session, actor: Actor, activity_id: UUID) -> ActivityOut:
    return _activity(queries.activity(session, actor, activity_id))


def _contribution(recorded: Recorded) -> ContributionOut:
    row = recorded.contribution
    return ContributionOut(
        id=row.id,
        activity_id=row.activity_id,
        person_id=row.person_id,
        minutes=row.minutes,
        given_on=row.given_on,
        entry_id=row.entry_id,
        recorded_at=row.recorded_at,
        reversed=recorded.reversed,
    )


def _show_contribution(session: Session, actor: Actor, contribution_id: UUID) -> ContributionOut:
    return _contribution(queries.contribution(session, actor, contribution_id))


@router.post("/activities", status_code=201)
def create_activity(body: ActivityIn, perform: Perform) -> ActivityOut:
    """Add an activity to a group."""
    return perform(actions.create_activity, body, show=_show_activity)


@router.get("/activities")
def list_activities(
    read: Reading, paging: Paging, organisation_id: Annotated[UUID | None, Query()] = None
) -> Page[ActivityOut]:
    """List activities, of one group or of all."""
    with read.begin() as (session, actor):
        rows = queries.activities(
            session, actor, organisation_id=organisation_id, after=paging.after(UUID), limit=paging.fetch
        )
        return paging.page(rows, show=_activity, key=lambda row: row.id)


@router.get("/activities/{activity_id}")
def read_activity(activity_id: UUID, read: Reading, response: Response) -> ActivityOut:
    """Read an activity."""
    with read.begin() as (session, actor):
        return tagged(response, _show_activity(session, actor, activity_id))


@router.patch("/activities/{activity_id}")
def change_activity(activity_id: UUID, body: ActivityPatch, edit: Edit) -> ActivityOut:
    """Change an activity's title or description, close it or open it again."""
    return edit(actions.change_activity, body, show=_show_activity, activity_id=activity_id)


@router.post("/contributions", status_code=201)
def create_contribution(body: ContributionIn, perform: PerformOnce) -> ContributionOut:
    """Record the time that a person gave, and pay it from the group's pot."""
    return perform(actions.record_contribution, body, show=_show_contribution)


@router.post("/contributions/batch")
def create_contributions(body: ContributionsIn, perform: PerformOnce) -> Batch:
    """Record the time that many people gave. Each item is done or refused by itself."""
    return perform.each(actions.record_contributions, body)


@router.get("/contributions")
def list_contributions(
    read: Reading,
    paging: Paging,
    activity_id: Annotated[UUID | None, Query()] = None,
    person_id: Annotated[UUID | None, Query()] = None,
) -> Page[ContributionOut]:
    """List the time given: to an activity, by a person, or all that the key may see."""
    with read.begin() as (session, actor):
        rows = queries.contributions(
            session,
            actor,
            activity_id=activity_id,
            person_id=person_id,
            after=paging.after(UUID),
            limit=paging.fetch,
        )
        return paging.page(rows, show=_contribution, key=lambda recorded: recorded.contribution.id)


@router.get("/contributions/{contribution_id}")
def read_contribution(contribution_id: UUID, read: Reading) -> ContributionOut:
    """Read the time that a person gave."""
    with read.begin() as (session, actor):
        return _show_contribution(session, actor, contribution_id)
