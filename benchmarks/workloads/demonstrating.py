"""The demonstration programme: people, prescriptions, time given and visits, all by the service's own actions."""

from datetime import UTC, datetime
from functools import partial
from itertools import count
from time import perf_counter

from benchmarks.measuring import Report, Run, at_least, ratios, said, take_turns
from benchmarks.scene import Scene, check
from benchmarks.workloads.posting import BATCH, run_batches
from timecredits import demo
from timecredits.programmes.queries import programme_by_code


def build_demo(scene: Scene) -> Report:
    """Build demonstrations, against posting in batches."""
    scene.prepare()
    numbers = count(1)
    built, posted = take_turns(
        scene.size.runs,
        lambda: _build(scene, f"demo{next(numbers)}"),
        partial(run_batches, scene, size=BATCH, seconds=scene.size.seconds),
    )
    what = f"entries of {scene.size.demo_people} people and {scene.size.demo_months} months"
    findings = [
        at_least("demo", f"{what}, to those of post-batch", ratios(built, posted), 0.5),
        said("demo", "entries a second", [run.rate for run in built]),
        said("demo", "entries", [float(run.done) for run in built]),
    ]
    return Report(findings, {"demo": [run.summary() for run in built], "post_batch": [run.summary() for run in posted]})


def _build(scene: Scene, code: str) -> Run:
    """Build one, from nothing to the keys of all roles."""
    before = scene.server.wal()
    began = perf_counter()
    demo.build(
        scene.server.sessions,
        code=code,
        people=scene.size.demo_people,
        months=scene.size.demo_months,
        seed=1,
        pin_key=scene.server.embedded.secret_key.encode(),
        now=datetime.now(UTC),
    )
    seconds = perf_counter() - began
    wal = scene.server.wal() - before
    with scene.server.sessions.begin() as session:
        programme = programme_by_code(session, code)
    assert programme is not None
    verification = check(scene.server, programme.id)
    return Run(verification.entries, seconds, wal_bytes=wal)
