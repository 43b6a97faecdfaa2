"""Gifts both ways between the same people at once: whoever locks in any order but one meets a deadlock here."""

from itertools import permutations
from time import sleep

from benchmarks.measuring import Report, Run, at_most, no_errors, said
from benchmarks.scene import Scene
from benchmarks.serving import Request, serve
from benchmarks.town import give_earned, make_person_key

_CLIENTS = 8
_PEOPLE = 4
# A server process tells of a deadlock within a second.
_TOLD_SECONDS = 1.5


def gifts(scene: Scene) -> Report:
    """Let four people give to each other, every way, from 8 connections."""
    scene.prepare()
    town = scene.town
    friends = town.people[:_PEOPLE]
    give_earned(scene.server, town, friends, 10_000_000)
    keys = {friend.id: make_person_key(scene.server, town, friend) for friend in friends}
    requests = [
        Request("/v1/gifts", keys[giver.id], {"to_card_number": receiver.card_number, "minutes": 1})
        for giver, receiver in permutations(friends, 2)
    ]
    before = _deadlocks(scene)
    runs: list[Run] = []
    with serve(scene.server) as service:
        for _ in range(scene.size.runs):
            run = service.load(requests, connections=_CLIENTS, seconds=scene.size.seconds)
            scene.server.check_balance(town.programme_id)
            runs.append(run)
    findings = [
        at_most("gifts", "deadlocks in all runs", [_deadlocks(scene) - before], 0),
        no_errors("gifts", runs),
        said("gifts", "gifts a second", [run.rate for run in runs]),
    ]
    return Report(findings, {"runs": [run.summary() for run in runs]})


def _deadlocks(scene: Scene) -> int:
    sleep(_TOLD_SECONDS)
    found = scene.server.ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert isinstance(found, int)
    return found
