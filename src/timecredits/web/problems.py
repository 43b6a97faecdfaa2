"""Every problem: one table from refusals to HTTP, and the handlers that write it as RFC 9457 problem+json."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from timecredits import errors
from timecredits.errors import Conflict, DomainError, NotFound
from timecredits.web import metrics
from timecredits.web.refusals import (
    RETRY_SECONDS,
    BodyTooLarge,
    Busy,
    DatabaseUnavailable,
    IdempotencyKeyInvalid,
    IdempotencyKeyRequired,
    InternalError,
    InvalidJson,
    InvalidRequest,
    MethodNotAllowed,
    PreconditionRequired,
)
from timecredits.web.sqlstates import TOOK_TOO_LONG, is_for_now, sqlstate

# By code, and a refusal that is not here has the status of the nearest kind above it that is.
STATUS: Mapping[str, int] = MappingProxyType(
    {
        "invalid_json": 400,
        "idempotency_key_invalid": 400,
        "idempotency_key_required": 400,
        "unauthenticated": 401,
        "forbidden": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "conflict": 409,
        "idempotency_key_in_use": 409,
        "precondition_failed": 412,
        "body_too_large": 413,
        "refused": 422,
        "invalid_request": 422,
        "invalid_cursor": 422,
        "time_not_past": 422,
        "idempotency_key_reused": 422,
        "precondition_required": 428,
        "card_locked": 429,
        "internal_error": 500,
        "busy": 503,
        "database_unavailable": 503,
        "not_ready": 503,
        "stopping": 503,
    }
)
_FROM_FRAMEWORK: Mapping[int, type[DomainError]] = MappingProxyType(
    {400: InvalidJson, 404: NotFound, 405: MethodNotAllowed, 413: BodyTooLarge}
)
# A header that is missing, and one that is not as it should be.
_FROM_HEADER: Mapping[str, tuple[type[DomainError], type[DomainError]]] = MappingProxyType(
    {
        "idempotency-key": (IdempotencyKeyRequired, IdempotencyKeyInvalid),
        "if-match": (PreconditionRequired, PreconditionRequired),
    }
)
# pydantic's own words for these repeat some of what was sent, or are no plain English.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "extra_forbidden": "There is no such field",
        "missing": "This is required",
        "string_unicode": "This is not text",
        "union_tag_invalid": "This is none of the kinds that there are",
        "uuid_parsing": "This is not a UUID",
    }
)
_MOST_ERRORS = 100
_log = structlog.stdlib.get_logger()


class ProblemResponse(JSONResponse):
    """A problem as JSON. ASCII, because what was sent may hold characters that UTF-8 cannot."""

    media_type = "application/problem+json"

    def render(self, content: object) -> bytes:
        """Write JSON."""
        return json.dumps(content).encode("ascii")


def status_of(kind: type[DomainError]) -> int:
    """Look a kind of refusal up in the table, or else the nearest kind above it."""
    codes = (parent.code() for parent in kind.__mro__ if issubclass(parent, DomainError))
    return next(STATUS[code] for code in codes if code in STATUS)


def all_problems() -> dict[str, tuple[int, type[DomainError]]]:
    """List every problem that an answer may name, with its status, by its code."""
    return {
        code: (status_of(kind), kind) for code, kind in sorted(errors.problems().items()) if kind is not DomainError
    }


def add_handlers(app: FastAPI) -> None:
    """Let the app answer what it refuses with a problem. What it does not expect, the observer answers."""
    for kind in (
        DomainError,
        RequestValidationError,
        HTTPException,
        StaleDataError,
        DBAPIError,
        PoolTimeoutError,
    ):
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> Response:
    """Turn whatever was raised into a problem. Nothing internal is said, and nothing that was sent is said back."""
    if isinstance(error, RequestValidationError):
        return _invalid_request(request, error)
    if isinstance(error, HTTPException):
        headers = {"Allow": _allowed(request)} if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else None
        return problem(request, _FROM_FRAMEWORK[error.status_code](), headers=headers)
    refusal = _refusal(error, request.state.request_id)
    if status_of(type(refusal)) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error(refusal.code(), exc_info=error)
    return problem(request, refusal)


def problem(
    request: Request,
    refusal: DomainError,
    *,
    fields: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write a refusal as an answer, with its figures and the fields that are wrong, and count it."""
    code, status = refusal.code(), status_of(type(refusal))
    metrics.REFUSALS.labels(code).inc()
    content = {
        **refusal.figures,
        "type": f"/problems/{code}",
        "title": refusal.title,
        "status": status,
        "detail": refusal.detail,
        "code": code,
        **({"errors": fields} if fields else {}),
    }
    response = ProblemResponse(content, status, headers)
    if "retry_after_seconds" in refusal.figures:
        response.headers["Retry-After"] = str(refusal.figures["retry_after_seconds"])
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if getattr(request.state, "replayed", False):
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _allowed(request: Request) -> str:
    """List the methods of a path. Starlette's own list has only those of the first route that has the path."""
    routes = [route for route in iter_route_contexts(request.app.routes) if route.methods]
    here = [route for route in routes if route.path_regex.match(request.url.path)]
    # /v1/allocations/batch is no allocation of that id.
    named = [route for route in here if route.path == request.url.path]
    return ", ".join(sorted(set().union(*(route.methods or set() for route in named or here))))


def _refusal(error: Exception, request_id: str) -> DomainError:
    """Say what an error is to the client."""
    match error:
        case DomainError():
            return error
        case StaleDataError():
            return Conflict()
        case DBAPIError() if sqlstate(error) in TOOK_TOO_LONG:
            return Busy(retry_after_seconds=RETRY_SECONDS)
        case DBAPIError() if is_for_now(error):
            return DatabaseUnavailable(retry_after_seconds=RETRY_SECONDS)
        case PoolTimeoutError():
            return DatabaseUnavailable(retry_after_seconds=RETRY_SECONDS)
        case _:
            return InternalError(id=request_id)


def _invalid_request(request: Request, error: RequestValidationError) -> Response:
    """Name each field that is wrong. A body that is no JSON and a header have problems of their own."""
    found = error.errors()[:_MOST_ERRORS]
    for one in found:
        place, name = one["loc"][0], str(one["loc"][-1]).lower()
        if one["type"] == "json_invalid":
            return problem(request, InvalidJson())
        if place == "header" and name in _FROM_HEADER:
            missing, invalid = _FROM_HEADER[name]
            return problem(request, missing() if one["type"] == "missing" else invalid())
    fields = [{"pointer": _pointer(one["loc"]), "detail": _detail(one["type"], one["msg"])} for one in found]
    return problem(request, InvalidRequest(), fields=fields)


def _pointer(place: tuple[str | int, ...]) -> str:
    """Write a place as a JSON pointer (RFC 6901) into the body, or below /query, /path or /header."""
    steps = place[1:] if place[0] == "body" else place
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _detail(kind: str, message: str) -> str:
    """Say what is wrong with a field, without repeating it."""
    return _WORDS.get(kind, message.removeprefix("Value error, "))
