"""Prescriptions over HTTP."""

from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.prescribing import actions, queries
from timecredits.prescribing.models import WithdrawalReason
from timecredits.prescribing.queries import Progress, Status
from timecredits.web.callers import Reading
from timecredits.web.paging import Page, Paging
from timecredits.web.perform import PerformOnce
from timecredits.web.schemas import Day, Minutes, Model, Text

router = APIRouter(prefix="/v1", tags=["prescribing"])

CompanionMinutes = Annotated[
    int, Field(strict=True, ge=0, le=10**9, description="Whole minutes that take somebody along.")
]


class PrescriptionIn(Model):
    """Minutes to be prescribed to a person, from one pot of the wellbeing service."""

    person_id: UUID
    minutes: Minutes
    fund_id: UUID | None = Field(
        default=None, description="Without it, the open pot that has enough and whose fund ends soonest."
    )
    organisation_id: UUID | None = Field(
        default=None, description="The wellbeing service; needed only by somebody who works for several."
    )
    companion_minutes: CompanionMinutes = 0
    expires_on: Day | None = Field(default=None, description="The last day on which the credits can be used.")
    goal: Text | None = Field(default=None, description="In the person's own words.")


class WithdrawalIn(Model):
    """Why a prescription ends now, and a kind word to the person."""

    reason: WithdrawalReason
    message: Text | None = None


class PrescriptionOut(Model):
    """A prescription and what became of it, in minutes."""

    id: UUID
    person_id: UUID
    organisation_id: UUID
    fund_id: UUID
    status: Status
    minutes: int
    spent_minutes: int = Field(description="Spent, without what was undone.")
    remaining_minutes: int = Field(description="What can still be used.")
    companion_minutes: int
    companion_remaining_minutes: int
    goal: str | None
    expires_on: Day | None
    entry_id: UUID
    issued_at: datetime
    ended_at: datetime | None
    withdrawal_reason: WithdrawalReason | None
    withdrawal_message: str | None


def _prescription(progress: Progress) -> PrescriptionOut:
    row = progress.prescription
    return PrescriptionOut(
        id=row.id,
        person_id=row.person_id,
        organisation_id=row.organisation_id,
        fund_id=row.fund_id,
        status=progress.status,
        minutes=row.minutes,
        spent_minutes=progress.spent_minutes,
        remaining_minutes=progress.remaining_minutes,
        companion_minutes=row.companion_minutes,
        companion_remaining_minutes=progress.companion_remaining_minutes,
        goal=row.goal,
        expires_on=row.expires_on,
        entry_id=row.entry_id,
        issued_at=row.issued_at,
        ended_at=row.ended_at,
        withdrawal_reason=WithdrawalReason(row.withdrawal_reason) if row.withdrawal_reason else None,
        withdrawal_message=row.withdrawal_message,
    )


def _show(session: Session, actor: Actor, prescription_id: UUID, *, now: datetime) -> PrescriptionOut:
    return _prescription(queries.prescription(session, actor, prescription_id, now=now))


@router.post("/prescriptions", status_code=201)
def create_prescription(body: PrescriptionIn, perform: PerformOnce) -> PrescriptionOut:
    """Prescribe Time Credits to a person."""
    return perform(actions.prescribe, body, show=partial(_show, now=perform.caller.now))


@router.get("/prescriptions")
def list_prescriptions(
    read: Reading,
    paging: Paging,
    person_id: Annotated[UUID | None, Query()] = None,
    organisation_id: Annotated[UUID | None, Query()] = None,
) -> Page[PrescriptionOut]:
    """List prescriptions: of a worker's own services, or of the person whose key it is."""
    with read.begin() as (session, actor):
        rows = queries.prescriptions(
            session,
            actor,
            person_id=person_id,
            organisation_id=organisation_id,
            after=paging.after(UUID),
            limit=paging.fetch,
            now=read.now,
        )
        return paging.page(rows, show=_prescription, key=lambda progress: progress.prescription.id)


@router.get("/prescriptions/{prescription_id}")
def read_prescription(prescription_id: UUID, read: Reading) -> PrescriptionOut:
    """Read a prescription, and what became of it."""
    with read.begin() as (session, actor):
        return _show(session, actor, prescription_id, now=read.now)


@router.post("/prescriptions/{prescription_id}/withdrawal", status_code=201)
def withdraw_prescription(prescription_id: UUID, body: WithdrawalIn, perform: PerformOnce) -> PrescriptionOut:
    """Take back what is left of a prescription."""
    return perform(
        actions.withdraw,
        body,
        show=partial(_show, now=perform.caller.now),
        prescription_id=prescription_id,
    )
