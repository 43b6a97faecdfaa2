"""The sweep: ends what is due, programme by programme, in small transactions; any number of processes may try."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from timecredits import ledger
from timecredits.database import ProgrammeSession
from timecredits.prescribing.actions import expire_due
from timecredits.programmes.models import Programme
from timecredits.programmes.queries import programmes

# Prescriptions of one transaction: few enough that nobody at a till waits for it.
BATCH = 200


def sweep_all(sessions: sessionmaker[ProgrammeSession], *, now: datetime, batch: int = BATCH) -> dict[str, int]:
    """End each prescription whose last day has passed, and say how many in each programme, by its code.

    A transaction ends at most `batch`. A programme that another process is sweeping is left to it. An error in one
    programme keeps none of the others waiting: the first is raised when all have been tried.
    """
    with sessions.begin() as session:
        found = programmes(session)
    swept: dict[str, int] = {}
    errors: list[SQLAlchemyError] = []
    for programme in found:
        try:
            swept[programme.code] = _sweep(sessions, programme, now=now, batch=batch)
        except SQLAlchemyError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return swept


def trial_balances(sessions: sessionmaker[ProgrammeSession]) -> dict[str, int]:
    """Add up all balances of each programme, in minutes. Anything but 0 is a fault."""
    with sessions.begin() as session:
        found = programmes(session)
    sums = {}
    for programme in found:
        with sessions(info={"programme_id": programme.id}) as session, session.begin():
            sums[programme.code] = sum(ledger.trial_balance(session, programme.id).values())
    return sums


def _sweep(sessions: sessionmaker[ProgrammeSession], programme: Programme, *, now: datetime, batch: int) -> int:
    """Sweep one programme. Each round but the last ends `batch` prescriptions, so the rounds come to an end."""
    swept = 0
    while True:
        with sessions(info={"programme_id": programme.id}) as session, session.begin():
            ended = (
                expire_due(session, programme=programme, now=now, limit=batch) if take_turn(session, programme) else 0
            )
        swept += ended
        if ended < batch:
            return swept


def take_turn(session: Session, programme: Programme) -> bool:
    """Take the programme's turn to sweep until the transaction ends, or find that somebody else has it."""
    # The last eight bytes of a UUIDv7 are random, so two programmes do not share a number.
    number = int.from_bytes(programme.id.bytes[8:], signed=True)
    return session.scalar(select(func.pg_try_advisory_xact_lock(number))) is True
