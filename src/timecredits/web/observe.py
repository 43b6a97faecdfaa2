"""Around every request: its id, one line in the log, the metrics, the headers that keep browsers safe."""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPMethod
from types import MappingProxyType
from uuid import UUID

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from timecredits.database import new_id
from timecredits.web import metrics
from timecredits.web.problems import answer
from timecredits.web.refusals import RETRY_SECONDS, Stopping

_METHODS = frozenset(HTTPMethod)
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
)
_log = structlog.stdlib.get_logger()


class Observer:
    """Sees each request come and go. It stands outside all else, so that it also sees what goes wrong there."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand around an app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        request = Request(scope)
        request.state.request_id = _request_id(request)
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), request)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request.state.request_id):
            try:
                await self.app(scope, receive, send_with_headers)
            except (Exception, asyncio.CancelledError) as error:
                if status is not None:
                    raise
                known = error if isinstance(error, Exception) else Stopping(retry_after_seconds=RETRY_SECONDS)
                response = await answer(request, known)
                await response(scope, receive, send_with_headers)
            finally:
                _record(request, status, time.perf_counter() - began)


def _request_id(request: Request) -> str:
    """Take the client's id if it is a UUID, which says nothing about anybody, or else make one."""
    try:
        return str(UUID(request.headers.get("x-request-id", "")))
    except ValueError:
        return str(new_id())


def _add_headers(headers: MutableHeaders, request: Request) -> None:
    headers["X-Request-ID"] = request.state.request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if request.url.path.startswith("/v1"):
        headers.setdefault("Cache-Control", "no-store")


def _record(request: Request, status: int | None, seconds: float) -> None:
    """Write the request down by its route's template: the path itself may name somebody."""
    method = request.method if request.method in _METHODS else "other"
    route = getattr(request.scope.get("route"), "path", "none")
    metrics.REQUESTS.labels(method, route, status).inc()
    metrics.REQUEST_SECONDS.labels(method, route).observe(seconds)
    _log.info(
        "request",
        method=method,
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
        programme=getattr(request.state, "programme", None),
    )
