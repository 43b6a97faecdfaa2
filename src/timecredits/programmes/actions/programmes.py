"""Starting a programme."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Role
from timecredits.database import new_id
from timecredits.errors import Conflict
from timecredits.ledger import AccountKind
from timecredits.programmes import queries
from timecredits.programmes.models import Programme


class ProgrammeExists(Conflict):
    """A programme's code is its own."""

    title = "There is such a programme"
    words = "There is a programme with this code already."
    explanation = "The code is in every key of a programme, so no two programmes share one."


def create_programme(
    session: Session,
    *,
    code: str,
    name: str,
    time_zone: str,
    expired_credits_return: bool = True,
    now: datetime,
) -> tuple[Programme, Actor]:
    """Start a programme with its own accounts, and give the actor who is its first coordinator.

    Unspent prescribed minutes go back to their pot, or lapse where `expired_credits_return` is false. The session
    must be in the new programme: pass `programme_id` as its info. Raises ProgrammeExists.
    """
    if queries.programme_by_code(session, code) is not None:
        raise ProgrammeExists
    programme = Programme(
        id=session.info["programme_id"],
        code=code,
        name=name,
        time_zone=time_zone,
        expired_credits_return=expired_credits_return,
        community_account_id=new_id(),
        expired_account_id=new_id(),
        created_at=now,
    )
    session.add(programme)
    try:
        session.flush()
    except IntegrityError as error:
        raise ProgrammeExists from error
    for account_id, kind in (
        (programme.community_account_id, AccountKind.COMMUNITY_POT),
        (programme.expired_account_id, AccountKind.EXPIRED),
    ):
        ledger.open_account(session, programme.id, kind, account_id=account_id, now=now)
    actor = Actor(
        id=new_id(),
        programme_id=programme.id,
        time_zone=ZoneInfo(time_zone),
        roles=frozenset({(Role.COORDINATOR, None)}),
    )
    audit.record(session, actor, action="create_programme", subject_id=programme.id, now=now)
    session.flush()
    return programme, actor
