"""Redemptions over HTTP, all of it: key, idempotency, card and PIN, restrictions, posting, answer."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from benchmarks.measuring import (
    Finding,
    Report,
    Run,
    at_least,
    at_most,
    no_errors,
    percentiles,
    ratios,
    said,
    said_of_calls,
    take_turns,
)
from benchmarks.scene import Scene
from benchmarks.serving import Request, Service, serve
from benchmarks.town import PIN, Venue

_CONNECTIONS = 16
_DIFFERENT = 5_000


def redeem(scene: Scene) -> Report:
    """Redeem at all venues, against the bare function called by 8 clients."""
    scene.prepare()
    requests = redemptions(scene, scene.town.venues)
    with serve(scene.server) as service:
        ours, bare, driver = take_turns(
            scene.size.runs,
            partial(_run, scene, service, requests),
            partial(scene.bare.run, clients=8, seconds=scene.size.seconds),
            partial(scene.bare.run_by_driver, clients=8, seconds=scene.size.seconds),
        )
    findings: list[Finding] = [
        at_least("redeem", "redemptions, to the entries of the bare function by 8 in C", ratios(ours, bare), 0.08),
        at_least("redeem", "the same, to 8 threads of the service's driver", ratios(ours, driver), 0.08),
        at_most("redeem", "p99 to the median of single calls", [_tail(run) for run in ours], 4),
        no_errors("redeem", ours),
        said("redeem", "redemptions a second", [run.rate for run in ours]),
        *said_of_calls("redeem", ours),
        said("redeem", "WAL bytes a redemption", [run.wal_bytes / run.done for run in ours]),
        said("redeem", "entries a second of the bare function by 8 in C", [run.rate for run in bare]),
        said("redeem", "the same, by 8 threads of the service's driver", [run.rate for run in driver]),
    ]
    return Report(
        findings,
        {
            "ours": [run.summary() for run in ours],
            "bare": [run.summary() for run in bare],
            "bare_by_driver": [run.summary() for run in driver],
        },
    )


def redeem_one_venue(scene: Scene) -> Report:
    """Redeem at one venue only, against all venues: everybody waits for one partner's account."""
    scene.prepare()
    everywhere, here = redemptions(scene, scene.town.venues), redemptions(scene, scene.town.venues[:1])
    with serve(scene.server) as service:
        one, all_ = take_turns(
            scene.size.runs,
            partial(_run, scene, service, here),
            partial(_run, scene, service, everywhere),
        )
    findings = [
        at_least("redeem-one-venue", "redemptions, to those spread out", ratios(one, all_), 0.8),
        no_errors("redeem-one-venue", one),
        said("redeem-one-venue", "p99 to the median of single calls", [_tail(run) for run in one]),
        said("redeem-one-venue", "redemptions a second", [run.rate for run in one]),
        *said_of_calls("redeem-one-venue", one),
    ]
    return Report(findings, {"one": [run.summary() for run in one], "spread_out": [run.summary() for run in all_]})


def redemptions(scene: Scene, venues: Sequence[Venue]) -> list[Request]:
    """Let anybody go to any of these venues."""
    choose = scene.random.choice
    requests = []
    for _ in range(_DIFFERENT):
        venue, person = choose(venues), choose(scene.town.people)
        body = {"opportunity_id": str(venue.opportunity_id), "card_number": person.card_number, "pin": PIN}
        requests.append(Request("/v1/redemptions", venue.key, body))
    return requests


def _run(scene: Scene, service: Service, requests: Sequence[Request]) -> Run:
    service.load(requests, connections=_CONNECTIONS, seconds=1)
    before = scene.server.wal()
    run = service.load(requests, connections=_CONNECTIONS, seconds=scene.size.seconds)
    wal = scene.server.wal() - before
    scene.server.check_balance(scene.town.programme_id)
    return replace(run, wal_bytes=wal)


def _tail(run: Run) -> float:
    """Say how much slower the slowest of a hundred is than the one in the middle."""
    found = percentiles(run.latencies)
    return found["p99"] / found["p50"]
