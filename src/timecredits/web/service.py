"""What one process has for all its requests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.orm import sessionmaker

from timecredits.database import ProgrammeSession


def utc_now() -> datetime:
    """Read the clock. Only the edge does."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Service:
    """Sessions, the secret key, the clock, how to ask for readiness, and the programmes seen so far.

    A programme's code never changes, so what was seen stays true.
    """

    sessions: sessionmaker[ProgrammeSession]
    secret_key: bytes = field(repr=False)
    is_ready: Callable[[], bool]
    clock: Callable[[], datetime] = utc_now
    programme_ids: dict[str, UUID] = field(default_factory=dict)


async def get_service(request: Request) -> Service:
    """Give a request what its process has."""
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(get_service)]
