"""What Prometheus is told: requests, refusals, postings, sweeps, the pool, the trial balance. No people, no ids."""

import os
from collections.abc import Callable

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Engine, QueuePool, event

REQUESTS = Counter("timecredits_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("timecredits_request_seconds", "Time to answer a request.", ["method", "route"])
REFUSALS = Counter("timecredits_refusals", "Problems answered.", ["code"])
POSTED = Counter("timecredits_posted_entries", "Journal entries posted.")
NOT_POSTED = Counter("timecredits_refused_entries", "Journal entries that the rules of the ledger refused.")
POSTING_SECONDS = Histogram("timecredits_posting_seconds", "Time to post, from locking to writing.")
SWEEPS = Counter("timecredits_sweeps", "Sweeps of expired credits that ended.")
POOL_IN_USE = Gauge("timecredits_pool_connections_in_use", "Database connections at work.", multiprocess_mode="livesum")
TRIAL_BALANCE = Gauge(
    "timecredits_trial_balance_minutes",
    "Sum of all balances of a programme when last summed. Anything but 0 is a fault.",
    ["programme"],
    multiprocess_mode="mostrecent",
)

# Named once more with its type, which the library leaves out.
_collect_from_all: Callable[[CollectorRegistry], object] = MultiProcessCollector

router = APIRouter(tags=["service"])


@router.get("/metrics", response_class=PlainTextResponse)
async def read_metrics() -> Response:
    """Give the metrics in Prometheus' text format; where there are several processes, of all of them."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        _collect_from_all(registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def observe_posting(posted: int, refused: int, seconds: float) -> None:
    """Count what one call of the ledger posted and refused, and how many seconds it took."""
    POSTED.inc(posted)
    NOT_POSTED.inc(refused)
    POSTING_SECONDS.observe(seconds)


def observe_pool(engine: Engine) -> None:
    """Count the connections that are out of the pool."""

    def tell(going: int) -> None:
        # Asked of the pool each time: connections that broke leave it without a word.
        assert isinstance(engine.pool, QueuePool)
        POOL_IN_USE.set(max(0, engine.pool.checkedout() - going))

    event.listen(engine, "checkout", lambda *_: tell(0))
    event.listen(engine, "checkin", lambda *_: tell(1))
