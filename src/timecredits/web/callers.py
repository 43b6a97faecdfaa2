"""Who calls: the key in the header, and the transaction in which it is believed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from timecredits.access import Actor
from timecredits.database import transaction
from timecredits.people.queries import PresentedKey, authenticate
from timecredits.programmes.queries import programme_by_code
from timecredits.web.parameters import refuse_unknown_parameters
from timecredits.web.refusals import Unauthenticated
from timecredits.web.service import Service, TheService

_KEY = re.compile(r"tc_([a-z][a-z0-9]{1,19})-([0-9a-f]{32})_([A-Za-z0-9_-]{43})", re.ASCII)
_BEARER = HTTPBearer(scheme_name="key", description="`tc_<programme>-<id>_<secret>`", auto_error=False)


@dataclass
class Caller:
    """One request, and whoever sent it."""

    service: Service
    request: Request
    response: Response
    presented: PresentedKey
    now: datetime
    _actor: Actor | None = None

    @contextmanager
    def begin(self) -> Iterator[tuple[Session, Actor]]:
        """Begin a transaction in the caller's programme, which ends with the block. Raises Unauthenticated.

        The key is looked up in the request's first transaction, so that it costs none of its own.
        """
        with self.service.sessions(info={"programme_id": self._programme_id()}) as session, transaction(session):
            if self._actor is None:
                self._actor = authenticate(session, self.presented, now=self.now)
            if self._actor is None:
                raise Unauthenticated
            self.request.state.programme = self.presented.programme_code
            yield session, self._actor

    def _programme_id(self) -> UUID:
        """Find the programme by its code, which never changes, so that each process asks for it once."""
        code, known = self.presented.programme_code, self.service.programme_ids
        if code not in known:
            with self.service.sessions.begin() as session:
                programme = programme_by_code(session, code)
            if programme is None:
                raise Unauthenticated
            known[code] = programme.id
        return known[code]


async def get_caller(
    service: TheService,
    request: Request,
    response: Response,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Caller:
    """Read the key. Raises Unauthenticated where there is none; `begin` finds out whether it is right."""
    parts = _KEY.fullmatch(bearer.credentials) if bearer else None
    if parts is None:
        raise Unauthenticated
    refuse_unknown_parameters(request)
    code, key_id, secret = parts.groups()
    return Caller(service, request, response, PresentedKey(code, UUID(key_id), secret), service.clock())


# A route that reads asks for this and writes `with read.begin() as (session, actor):`.
Reading = Annotated[Caller, Depends(get_caller)]
