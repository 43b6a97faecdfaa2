"""The app: everything put together."""

import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import structlog
from anyio import to_thread
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from timecredits import api, ledger, schema, sweeping
from timecredits.database import cancelled_in_the_end, make_engine, session_maker
from timecredits.errors import DomainError
from timecredits.settings import Settings
from timecredits.web import documents, health, logs, metrics, problem_pages
from timecredits.web.body_limit import BodyLimit
from timecredits.web.observe import Observer
from timecredits.web.openapi import Api
from timecredits.web.problems import add_handlers
from timecredits.web.service import Service, utc_now

_DESCRIPTION = """
Time Credits: give an hour and earn a credit, spend an hour at a partner's, or be prescribed the first one.

Send a key as `Authorization: Bearer <key>`, and an `Idempotency-Key` with every POST. Minutes are whole numbers;
60 are one Time Credit. Problems are explained at [/problems](/problems).
"""
_SWEEP_MAY_TAKE_SECONDS = 2
_log = structlog.stdlib.get_logger()

# Runs beside the requests in a thread of its own, until the event is set.
Background = Callable[[Service, threading.Event], None]


def do_nothing(_service: Service, _stop: threading.Event) -> None:
    """Leave the background empty."""


def create_app(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, background: Background = do_nothing
) -> FastAPI:
    """Make the app. It connects to the database when it starts, so that it can be described without one."""
    app = Api(
        title="Time Credits",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda app: _running(app, settings, clock, background),
        generate_unique_id_function=lambda route: route.name,
    )
    for router in (*api.routers, health.router, metrics.router, problem_pages.router, documents.router):
        app.include_router(router)
    app.mount("/docs/files", documents.files)
    add_handlers(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Observer)
    return app


def from_environment() -> FastAPI:
    """Make the app as `serve` runs it, in each of its processes."""
    settings = Settings()
    sweeps = partial(keep_sweeping, pause_seconds=settings.sweep_seconds) if settings.sweep_seconds else do_nothing
    app = create_app(settings, background=sweeps)
    # What there is by now stays: the garbage collector need not look through it during requests (a twentieth of them).
    gc.freeze()
    return app


def keep_sweeping(service: Service, stop: threading.Event, *, pause_seconds: int) -> None:
    """Sweep what has expired until told to stop, and sum up each programme. A database that is away is tried again."""
    while not stop.wait(pause_seconds):
        try:
            sweeping.sweep_all(service.sessions, now=service.clock())
            for code, minutes in sweeping.trial_balances(service.sessions).items():
                metrics.TRIAL_BALANCE.labels(code).set(minutes)
            metrics.SWEEPS.inc()
        except (SQLAlchemyError, DomainError, AssertionError):
            _log.warning("sweep_failed", exc_info=True)


@asynccontextmanager
async def _running(
    app: FastAPI, settings: Settings, clock: Callable[[], datetime], background: Background
) -> AsyncIterator[None]:
    """Keep what the app needs while it runs: connections, threads, and what goes on in the background."""
    assert settings.database_url is not None
    assert settings.secret_key is not None
    logs.configure(settings.log_level)
    # More threads only wait for each other: 40 had ten times the slowest answers of 4.
    to_thread.current_default_thread_limiter().total_tokens = settings.threads
    engine = make_engine(settings.database_url.get_secret_value(), settings)
    metrics.observe_pool(engine)
    if metrics.observe_posting not in ledger.observers:
        ledger.observers.append(metrics.observe_posting)
    app.state.service = Service(
        sessions=session_maker(engine),
        secret_key=settings.secret_key.get_secret_value().encode(),
        is_ready=health.readiness(engine.url, revision=schema.revision, needed=schema.head()),
        clock=clock,
    )
    stop = threading.Event()
    # A daemon: no process stays because of a sweep that is not finished, and which the next one takes up.
    thread = threading.Thread(target=background, args=(app.state.service, stop), daemon=True)
    try:
        with cancelled_in_the_end(engine):
            thread.start()
            yield
            stop.set()
            thread.join(_SWEEP_MAY_TAKE_SECONDS)
    finally:
        stop.set()
        engine.dispose()
