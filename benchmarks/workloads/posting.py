"""`post()` in batches and one at a time, without HTTP, from one process."""

from datetime import UTC, datetime
from functools import partial
from time import perf_counter

from benchmarks.measuring import Finding, Report, Run, at_least, ratios, said, said_of_calls, take_turns
from benchmarks.scene import Scene
from timecredits import ledger
from timecredits.ledger import EntryKind, EntryRequest, Posted, TransferKind

BATCH = 500


def post_batch(scene: Scene) -> Report:
    """Post batches of 500, against the bare function called by 8 clients."""
    return _compare(scene, "post-batch", size=BATCH, clients=8, limit=2)


def post_one(scene: Scene) -> Report:
    """Post one at a time, against the bare function called by one client."""
    return _compare(scene, "post-one", size=1, clients=1, limit=0.3)


def run_batches(scene: Scene, *, size: int, seconds: float) -> Run:
    """Post batches of so many entries for so many seconds, each in a transaction of its own."""
    _post_for(scene, size, 1)
    before = scene.server.wal()
    began = perf_counter()
    latencies = _post_for(scene, size, seconds)
    took = perf_counter() - began
    wal = scene.server.wal() - before
    scene.server.check_balance(scene.town.programme_id)
    return Run(len(latencies) * size, took, latencies, wal)


def _compare(scene: Scene, name: str, *, size: int, clients: int, limit: float) -> Report:
    scene.prepare()
    seconds = scene.size.seconds
    ours, bare = take_turns(
        scene.size.runs,
        partial(run_batches, scene, size=size, seconds=seconds),
        partial(scene.bare.run, clients=clients, seconds=seconds),
    )
    findings: list[Finding] = [
        at_least(name, f"entries, to those of the bare function by {clients}", ratios(ours, bare), limit),
        said(name, "entries a second", [run.rate for run in ours]),
        said(name, f"entries a second of the bare function by {clients}", [run.rate for run in bare]),
        *said_of_calls(name, ours),
        said(name, "WAL bytes an entry", [run.wal_bytes / run.done for run in ours]),
    ]
    return Report(findings, {"ours": [run.summary() for run in ours], "bare": [run.summary() for run in bare]})


def _post_for(scene: Scene, size: int, seconds: float) -> list[float]:
    """Post batch after batch, and give the seconds that each took, from the first thought of it to its commit."""
    latencies: list[float] = []
    end = perf_counter() + seconds
    began = perf_counter()
    while began < end:
        requests = [_spend(scene) for _ in range(size)]
        now = datetime.now(UTC)
        with scene.server.begin(scene.town.programme_id) as session:
            outcomes = ledger.post(session, scene.town.programme_id, requests, now=now, today=now.date())
        assert all(type(outcome) is Posted for outcome in outcomes), "everybody has enough"
        ended = perf_counter()
        latencies.append(ended - began)
        began = ended
    return latencies


def _spend(scene: Scene) -> EntryRequest:
    """Ask for one spend of a minute, by somebody, somewhere."""
    town, choose = scene.town, scene.random.choice
    movement = ledger.movement(
        TransferKind.SPEND, choose(town.people).prescribed_account_id, choose(town.venues).account_id, 1
    )
    return EntryRequest(EntryKind.SPEND, town.worker.id, _TODAY, (movement,))


_TODAY = datetime.now(UTC).date()
