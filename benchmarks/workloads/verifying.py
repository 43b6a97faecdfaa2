"""`verify`: the whole ledger replayed in the database, against reading every transfer into this process."""

from functools import partial
from time import perf_counter

from sqlalchemy import select

from benchmarks.growing import grow
from benchmarks.measuring import Report, Run, at_least, ratios, said, take_turns
from benchmarks.scene import Scene, check
from benchmarks.town import Town, make_town
from timecredits.ledger.models import Transfer

_ROWS_AT_ONCE = 5_000


def verify(scene: Scene) -> Report:
    """Replay a ledger of many entries, and read its transfers through the ORM, without looking at them."""
    town = make_town(scene.server, people_count=scene.size.people, venue_count=scene.size.venues)
    grow(scene.server, town, town.people, entries=scene.size.verified_entries)
    replayed, read = take_turns(scene.size.runs, partial(_replay, scene, town), partial(_read, scene, town))
    findings = [
        at_least("verify", "entries replayed, to those only read through the ORM", ratios(replayed, read), 5),
        said("verify", "entries a second", [run.rate for run in replayed]),
        said("verify", "entries", [float(run.done) for run in replayed]),
    ]
    return Report(findings, {"verify": [run.summary() for run in replayed], "orm": [run.summary() for run in read]})


def _replay(scene: Scene, town: Town) -> Run:
    began = perf_counter()
    verification = check(scene.server, town.programme_id)
    return Run(verification.entries, perf_counter() - began)


def _read(scene: Scene, town: Town) -> Run:
    """Each entry has one transfer here."""
    began = perf_counter()
    with scene.server.begin(town.programme_id) as session:
        rows = select(Transfer).where(Transfer.programme_id == town.programme_id)
        count = sum(1 for _ in session.scalars(rows.execution_options(yield_per=_ROWS_AT_ONCE)))
    return Run(count, perf_counter() - began)
