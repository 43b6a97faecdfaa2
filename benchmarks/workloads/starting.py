"""`serve`: how soon it is ready, and what memory its workers use, at rest and after very many requests."""

import subprocess
import sys
from itertools import cycle
from time import perf_counter

import psutil

from benchmarks.measuring import Finding, Report, Run, at_most, no_errors, said
from benchmarks.scene import Scene
from benchmarks.serving import Request, Service, serve
from benchmarks.workloads.redeeming import redemptions

_CONNECTIONS = 16
_MEGABYTE = 1024 * 1024
# What the second half of the requests may add to a worker's memory before it is called growth: the allocator's grain.
_GRAIN = 1.02


def start_and_serve(scene: Scene) -> Report:
    """Start the service several times, then keep it busy for long."""
    scene.prepare()
    bare, ready = [], []
    for _ in range(scene.size.runs):
        began = perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare.append(perf_counter() - began)
        with serve(scene.server, workers=1) as service:
            ready.append(service.ready_seconds)
    with serve(scene.server) as service:
        memory, runs = _keep_busy(scene, service)
    after = f"megabytes after {scene.size.requests:,} requests"
    findings: list[Finding] = [
        said("serve", "seconds until ready, one worker", ready),
        said("serve", "seconds, to those of `python -c pass`", [a / b for a, b in zip(ready, bare, strict=True)]),
        said("serve", "megabytes of a worker at rest", memory[0]),
        said("serve", f"megabytes after {scene.size.requests // 2:,} requests", memory[1]),
        said("serve", after, memory[2]),
        at_most("serve", f"{after}, to after half of them", [sum(memory[2]) / sum(memory[1])], _GRAIN),
        no_errors("serve", runs),
    ]
    return Report(findings, {"ready_seconds": ready, "bare_start_seconds": bare, "megabytes": memory})


def _keep_busy(scene: Scene, service: Service) -> tuple[list[list[float]], list[Run]]:
    """Send reads and redemptions, and give the memory of each worker before, in the middle and after."""
    memory, runs = [_megabytes(service)], []
    requests = _mixed(scene)
    for _ in range(2):
        runs.append(service.load(requests, connections=_CONNECTIONS, count=scene.size.requests // 2))
        memory.append(_megabytes(service))
    scene.server.check_balance(scene.town.programme_id)
    return memory, runs


def _mixed(scene: Scene) -> list[Request]:
    """Half of them redeem, and half only look at what there is."""
    paid = redemptions(scene, scene.town.venues)
    looked_at = [Request(f"/v1/opportunities/{venue.opportunity_id}", venue.key) for venue in scene.town.venues]
    return [each for both in zip(paid, cycle(looked_at), strict=False) for each in both]


def _megabytes(service: Service) -> list[float]:
    """Give what each worker has in memory: the two largest of the processes that `serve` has started."""
    children = psutil.Process(service.process.pid).children()
    resident = sorted((child.memory_info().rss / _MEGABYTE for child in children), reverse=True)
    return resident[:2]
