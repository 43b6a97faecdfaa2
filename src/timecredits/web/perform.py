"""The one way to change anything from outside: claim the key, act, keep the outcome, commit, and only then answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from http import HTTPStatus
from types import NoneType
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Header
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from timecredits import errors
from timecredits.access import Actor
from timecredits.errors import Refused
from timecredits.web.batches import Batch, Row
from timecredits.web.callers import Caller, Reading
from timecredits.web.idempotency import IdempotencyKey, Ticket, claim, settle
from timecredits.web.problems import status_of
from timecredits.web.refusals import RETRY_SECONDS, Busy
from timecredits.web.sqlstates import RUN_AGAIN, sqlstate

_TRIES = 3
# What is kept of an answer: never text, which may be about a person. A bool is an int, and a datetime is a date.
_KEPT = (UUID, int, StrEnum, date, NoneType)

Out = TypeVar("Out", bound=BaseModel)
Result = TypeVar("Result")
# An answer, the id by which it is built again, and the figures to be kept.
Work = Callable[[Session, Actor], tuple[Out, UUID | None, dict[str, Any]]]
Again = Callable[[Session, Actor, IdempotencyKey], Out]


@dataclass
class Performer:
    """Performs actions for one request."""

    caller: Caller
    key: str | None

    def __call__(
        self,
        action: Callable[..., Row],
        body: BaseModel | None,
        *,
        show: Callable[[Session, Actor, UUID], Out],
        status: HTTPStatus = HTTPStatus.CREATED,
        **extra: object,
    ) -> Out:
        """Run an action in one transaction, and give what `show` makes of its row once that is committed.

        The action gets the body's fields (nested ones as plain dicts and lists), the extra arguments and `now`.
        A repeat with the same Idempotency-Key gives the first outcome: the same refusal, or `show` again with the
        ids, numbers, codes and times of the first answer.
        """

        def work(session: Session, actor: Actor) -> tuple[Out, UUID, dict[str, Any]]:
            row = action(session, actor, **_fields(body), **extra, now=self.caller.now)
            answer = show(session, actor, row.id)
            kept = {name for name, value in answer if isinstance(value, _KEPT)}
            return answer, row.id, answer.model_dump(mode="json", round_trip=True, include=kept)

        def again(session: Session, actor: Actor, first: IdempotencyKey) -> Out:
            assert first.resource_id is not None
            answer = show(session, actor, first.resource_id)
            return answer.model_validate(answer.model_dump(mode="json", round_trip=True) | first.figures)

        return self._perform(body, work, again, status)

    def each(self, action: Callable[..., Sequence[Row | Refused]], body: BaseModel, **extra: object) -> Batch:
        """Run an action on many items in one transaction, each of which is done or refused by itself."""

        def work(session: Session, actor: Actor) -> tuple[Batch, None, dict[str, Any]]:
            answer = Batch.of(action(session, actor, **_fields(body), **extra, now=self.caller.now))
            return answer, None, answer.model_dump(mode="json", round_trip=True)

        def again(_session: Session, _actor: Actor, first: IdempotencyKey) -> Batch:
            return Batch.model_validate(first.figures)

        return self._perform(body, work, again, HTTPStatus.OK)

    def _perform(self, body: BaseModel | None, work: Work[Out], again: Again[Out], status: HTTPStatus) -> Out:
        ticket = self._ticket(body)
        try:
            outcome = run_again_on_deadlock(lambda: self._once(ticket, work, status))
        except Refused as refusal:
            outcome = self._remember(ticket, refusal)
        if isinstance(outcome, IdempotencyKey):
            return self._replay(outcome, again)
        self.caller.response.status_code = status
        return outcome

    def _ticket(self, body: BaseModel | None) -> Ticket | None:
        if self.key is None:
            return None
        request, sent = self.caller.request, body.model_dump(mode="json") if body else None
        return Ticket.of(
            self.key,
            method=request.method,
            path=request.url.path,
            body=sent,
            secret_key=self.caller.service.secret_key,
        )

    def _once(self, ticket: Ticket | None, work: Work[Out], status: HTTPStatus) -> Out | IdempotencyKey:
        with self.caller.begin() as (session, actor):
            first = claim(session, actor, ticket=ticket, now=self.caller.now) if ticket else None
            if first is not None:
                return first
            answer, resource_id, figures = work(session, actor)
            if ticket is not None:
                settle(session, actor, ticket=ticket, status=status, resource_id=resource_id, figures=figures)
        return answer

    def _remember(self, ticket: Ticket | None, refusal: Refused) -> IdempotencyKey:
        """Remember a refusal, now that all else is rolled back, and raise it; or give the outcome that came between."""
        if ticket is not None and refusal.remembered:
            with self.caller.begin() as (session, actor):
                first = claim(session, actor, ticket=ticket, now=self.caller.now)
                if first is not None:
                    return first
                code, status = refusal.code(), status_of(type(refusal))
                settle(session, actor, ticket=ticket, status=status, code=code, figures=refusal.figures)
        raise refusal

    def _replay(self, first: IdempotencyKey, again: Again[Out]) -> Out:
        """Say the first outcome again."""
        assert first.status is not None
        self.caller.request.state.replayed = True
        if first.code is not None:
            raise errors.problems().get(first.code, Refused)(**first.figures)
        self.caller.response.status_code = first.status
        self.caller.response.headers["Idempotency-Replayed"] = "true"
        with self.caller.begin() as (session, actor):
            return again(session, actor, first)


def run_again_on_deadlock(run: Callable[[], Result]) -> Result:
    """Run a whole transaction, and at most twice more where PostgreSQL asks for that. Raises Busy after that."""
    for _ in range(_TRIES):
        try:
            return run()
        except OperationalError as error:
            if sqlstate(error) not in RUN_AGAIN:
                raise
    raise Busy(retry_after_seconds=RETRY_SECONDS)


def _fields(body: BaseModel | None) -> dict[str, Any]:
    return body.model_dump() if body else {}


_KEY = Header(
    alias="Idempotency-Key",
    min_length=1,
    max_length=255,
    pattern=r"^[\x21-\x7e]+$",
    description="Any key that is new for each thing to be done, such as a UUID. A repeat happens only once.",
)


async def get_performer(caller: Reading, key: Annotated[str | None, _KEY] = None) -> Performer:
    """Give a performer whose Idempotency-Key may be left out."""
    return Performer(caller, key)


async def get_performer_with_key(caller: Reading, key: Annotated[str, _KEY]) -> Performer:
    """Give a performer for what moves credits: its Idempotency-Key is required."""
    return Performer(caller, key)


Perform = Annotated[Performer, Depends(get_performer)]
PerformOnce = Annotated[Performer, Depends(get_performer_with_key)]
