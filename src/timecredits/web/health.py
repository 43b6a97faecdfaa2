"""Is the process alive, and can it work? Asked past the pool and its threads, so that a busy service looks well."""

from collections.abc import Callable
from typing import Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from sqlalchemy import URL, Connection, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from timecredits.web.openapi import problem_responses
from timecredits.web.refusals import NotReady
from timecredits.web.schemas import Model
from timecredits.web.service import TheService

_SECONDS = 2
_ONE_AT_A_TIME = CapacityLimiter(1)

router = APIRouter(tags=["service"])


class Health(Model):
    """The service is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def read_health() -> Health:
    """Say that the process is alive."""
    return Health()


@router.get("/readyz", responses=problem_responses(503))
async def read_readiness(service: TheService) -> Health:
    """Say whether the database can be reached and has the tables of this version."""
    if not await to_thread.run_sync(service.is_ready, limiter=_ONE_AT_A_TIME):
        raise NotReady(retry_after_seconds=_SECONDS)
    return Health()


def readiness(url: URL, *, revision: Callable[[Connection], str | None], needed: str) -> Callable[[], bool]:
    """Make the question whether the database answers soon and is at the revision that this code needs."""
    options = f"-c statement_timeout={_SECONDS * 1000} -c lock_timeout={_SECONDS * 1000}"
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": _SECONDS, "options": options})

    def is_ready() -> bool:
        try:
            with engine.connect() as connection:
                return revision(connection) == needed
        except SQLAlchemyError:
            return False

    return is_ready
