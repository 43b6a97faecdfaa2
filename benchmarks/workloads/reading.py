"""A balance and a page of a statement, in a small and in a large programme, with one prescription and with many."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from types import MappingProxyType
from uuid import UUID

from sqlalchemy.orm import Session

from benchmarks.growing import grow
from benchmarks.measuring import Finding, Report, at_most, percentiles, said
from benchmarks.scene import Scene, check
from benchmarks.serving import Request, Service, serve
from benchmarks.town import EACH, Person, Town, make_person_key, make_town, post_all
from timecredits import ledger
from timecredits.ledger import EntryKind, EntryRequest, TransferKind
from timecredits.prescribing import actions as prescribing
from timecredits.prescribing.actions import Dose

_PEOPLE = 200
_PAGE = 50
_LINES = 60
_FEW_ENTRIES = 1_000
_PRESCRIPTIONS = (1, 20)
_WITHIN = 1.5
_PATHS = MappingProxyType({"balance": "/v1/me/balance", "statement": f"/v1/me/statement?limit={_PAGE}"})

Read = Callable[[Session, UUID, UUID], object]
# What is read, how many entries the programme has, and how many prescriptions the reader: seconds, run by run.
Latencies = dict[tuple[str, int, int], list[list[float]]]


@dataclass(frozen=True)
class Reader:
    """Somebody with so many prescriptions, spent from all alike, and a key to read that."""

    prescriptions: int
    person: Person
    key: str


def reads(scene: Scene) -> Report:
    """Read in a programme of a thousand entries and in one of a million, in turns."""
    places = {entries: _make_place(scene, entries) for entries in (_FEW_ENTRIES, scene.size.many_entries)}
    scene.server.settle()
    found: Latencies = defaultdict(list)
    with serve(scene.server, workers=1) as service:
        for _ in range(scene.size.runs):
            for entries, (town, readers) in places.items():
                for reader in readers:
                    for what, latencies in _measure(scene, town, reader, service):
                        found[what, entries, reader.prescriptions].append(latencies)
    return Report(_findings(found, scene.size.many_entries), _details(found))


def _make_place(scene: Scene, entries: int) -> tuple[Town, list[Reader]]:
    """Make a programme of so many entries, with a reader for each number of prescriptions."""
    town = make_town(scene.server, people_count=_PEOPLE, venue_count=scene.size.venues)
    readers = [_make_reader(scene, town, town.people[at], count) for at, count in enumerate(_PRESCRIPTIONS)]
    have = check(scene.server, town.programme_id).entries
    grow(scene.server, town, town.people[len(readers) :], entries=entries - have)
    check(scene.server, town.programme_id)
    return town, readers


def _measure(scene: Scene, town: Town, reader: Reader, service: Service) -> list[tuple[str, list[float]]]:
    """Read over and over: over HTTP, and by the ledger's own queries."""
    seconds = scene.size.seconds / 4
    found = []
    for name, path in _PATHS.items():
        run = service.load([Request(path, reader.key)], connections=1, seconds=seconds)
        assert not run.errors, run.refusals
        found.append((f"{name} over HTTP", list(run.latencies)))
    for name, read in _READS.items():
        found.append((f"{name} by the ledger alone", _time(scene, town, reader, read, seconds)))
    return found


def _time(scene: Scene, town: Town, reader: Reader, read: Read, seconds: float) -> list[float]:
    latencies = []
    end = perf_counter() + seconds
    with scene.server.begin(town.programme_id) as session:
        while (began := perf_counter()) < end:
            read(session, town.programme_id, reader.person.id)
            latencies.append(perf_counter() - began)
    return latencies


def _balance(session: Session, programme_id: UUID, person_id: UUID) -> object:
    return ledger.balance(session, programme_id, person_id, today=datetime.now(UTC).date())


def _statement(session: Session, programme_id: UUID, person_id: UUID) -> object:
    return ledger.statement(session, programme_id, person_id, limit=_PAGE)


_READS: Mapping[str, Read] = MappingProxyType({"balance": _balance, "statement": _statement})


def _findings(found: Latencies, many: int) -> list[Finding]:
    """Compare large with small, and many with one: each at its worst."""
    one, twenty = _PRESCRIPTIONS
    findings = []
    for what in dict.fromkeys(what for what, _, _ in found):
        medians = {key[1:]: [median(run) for run in runs] for key, runs in found.items() if key[0] == what}
        large = max((_ratios(medians[many, each], medians[_FEW_ENTRIES, each]) for each in _PRESCRIPTIONS), key=median)
        more = max((_ratios(medians[each, twenty], medians[each, one]) for each in (_FEW_ENTRIES, many)), key=median)
        findings += [
            at_most("reads", f"{what}: at {many:,} entries, to at {_FEW_ENTRIES:,}", large, _WITHIN),
            at_most("reads", f"{what}: with {twenty} prescriptions, to with {one}", more, _WITHIN),
            said("reads", f"{what}: milliseconds, {many:,} entries, {one}", [1000 * run for run in medians[many, one]]),
        ]
    return findings


def _ratios(above: list[float], below: list[float]) -> list[float]:
    return [one / other for one, other in zip(above, below, strict=True)]


def _details(found: Latencies) -> dict[str, object]:
    return {
        f"{what}, {entries} entries, {prescriptions} prescriptions": {
            "milliseconds": percentiles([latency for run in runs for latency in run]),
            "medians": [round(median(run) * 1000, 3) for run in runs],
        }
        for (what, entries, prescriptions), runs in found.items()
    }


def _make_reader(scene: Scene, town: Town, person: Person, prescriptions: int) -> Reader:
    """Prescribe more to somebody, and let them spend from all prescriptions in turn."""
    now = datetime.now(UTC)
    account_ids = [person.prescribed_account_id]
    with scene.server.begin(town.programme_id) as session:
        doses = [Dose(person.id, EACH)] * (prescriptions - 1)
        for made in prescribing.prescribe_many(session, town.worker, items=doses, now=now):
            assert not isinstance(made, Exception), made
            account_ids.append(made.prescribed_account_id)
    for line in range(_LINES):
        source_id = account_ids[line % prescriptions]
        movement = ledger.movement(TransferKind.SPEND, source_id, town.venues[0].account_id, 1)
        request = EntryRequest(EntryKind.SPEND, town.worker.id, now.date(), (movement,))
        with scene.server.begin(town.programme_id) as session:
            post_all(session, town.programme_id, [request], datetime.now(UTC))
    return Reader(prescriptions, person, make_person_key(scene.server, town, person))
