"""What an operator does while people use the service: new workers, a migration, a stop. Nobody is sent away."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from http.client import HTTPConnection
from random import Random
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from sqlalchemy import func, select, text

from tests.faults.service import Client, OwnDatabase, Serving, Town, assert_promises, until
from timecredits.database import ProgrammeSession
from timecredits.ledger.models import Account
from timecredits.people.models import Person

PAUSE = 0.2  # seconds between requests at the most: they leave new workers some of the machine to start on


@pytest.fixture(scope="module")
def serving(database: OwnDatabase) -> Iterator[Serving]:
    made = Serving(database.env, workers=2, LOCK_TIMEOUT_MILLISECONDS="5000")
    yield made
    made.kill()


@pytest.fixture
def client(database: OwnDatabase, serving: Serving, chance: Random) -> Iterator[Client]:
    """Give clients behind a load balancer, which makes a new connection for each request."""
    serving.wait_ready()
    with Client(serving.url, small_town(database), chance, threads=3, keep_alive=False, pause=PAUSE) as made:
        yield made


def small_town(database: OwnDatabase) -> Town:
    """Build a town in which people visit and give, so that new workers have not so much to get used to."""
    town = Town(database.sessions)
    town.kinds = [town.visit, town.gift]
    return town


def assert_nobody_was_sent_away(client: Client) -> None:
    assert (client.refused, client.unheard) == ([], [])
    assert_promises(client.town, client, settled=True)


def test_new_workers_take_over_under_load_and_no_request_is_refused_or_loses_its_answer(
    client: Client, database: OwnDatabase, serving: Serving, chance: Random, rounds: int
) -> None:
    with Client(serving.url, small_town(database), chance, threads=1, pause=PAUSE) as with_kept_connections:
        for _ in range(rounds):
            old = serving.pids()
            with client.load(), with_kept_connections.load():
                client.hear(chance.randint(3, 12))
                serving.hangup()
                until(lambda old=old: serving.is_ready() and not {*old} & {*serving.pids()}, "the old workers stay")
                client.hear(5)
                with_kept_connections.hear(5)
            assert_nobody_was_sent_away(client)
            # A kept connection may close at the moment at which a request is sent on it: only its key helps then.
            with_kept_connections.retry()
            assert_promises(with_kept_connections.town, with_kept_connections, settled=True)


def test_each_worker_is_killed_under_load_and_another_one_takes_its_place(
    client: Client, serving: Serving, chance: Random, rounds: int
) -> None:
    for _ in range(rounds):
        with client.load():
            for victim in chance.sample(serving.pids(), 2):
                client.hear(chance.randint(3, 12))
                os.kill(victim, signal.SIGKILL)
                until(lambda victim=victim: victim not in serving.pids(), "it stays")
                until(serving.is_ready, "nobody took its place")
            client.hear(5)  # from those that took their places: no other is left
        assert client.refused == []
        assert_promises(client.town, client)
        client.retry()
        assert_promises(client.town, client, settled=True)


def test_the_database_is_migrated_under_load_and_no_request_fails(
    client: Client, serving: Serving, chance: Random, rounds: int
) -> None:
    command = [sys.executable, "-m", "timecredits.cli", "migrate"]
    for _ in range(rounds):
        with client.load():
            client.hear(chance.randint(3, 12))
            migrated = subprocess.run(command, env=serving.env, capture_output=True, text=True, check=False)
            client.hear(5)
        assert migrated.returncode == 0, migrated.stderr
        assert_nobody_was_sent_away(client)


def test_a_stop_finishes_what_has_been_asked_for_and_gives_up_what_would_wait_for_ever(
    client: Client, serving: Serving, chance: Random
) -> None:
    slow, stuck = (replace(client.town.gift(chance, name), json=gift) for name, gift in gifts(client.town).items())
    asking = [Thread(target=client.send, args=(request,)) for request in (slow, stuck)]
    late = HTTPConnection(urlsplit(serving.url).netloc)
    with closing(late), client.town.programme.session() as for_a_while, client.town.programme.session() as for_ever:
        hold(for_a_while, slow.json["from_person_id"])
        hold(for_ever, stuck.json["from_person_id"])
        for thread in asking:
            thread.start()
        until(lambda: waiting(for_ever) == 2, "the requests did not come to the locks")
        late.connect()
        workers = [psutil.Process(pid) for pid in serving.pids()]
        until(lambda: any(knows(worker, late.sock) for worker in workers), "nobody took the connection")
        serving.terminate()
        until(lambda: not any(map(listens, workers)), "it did not begin to stop")
        late.request("GET", "/healthz")
        assert late.getresponse().status == 200
        for_a_while.rollback()
        assert serving.wait() == 0
        for thread in asking:
            thread.join()
    assert (list(client.told), client.refused, client.unheard) == ([slow.key], [(stuck.key, 503)], [])
    assert_promises(client.town, client)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_does_not_wait_longer_than_its_limit(database: OwnDatabase, chance: Random, workers: int) -> None:
    for_ever = {f"{wait}_TIMEOUT_MILLISECONDS": str(600_000) for wait in ("LOCK", "STATEMENT")}
    serving = Serving(database.env, workers, STOP_SECONDS="1", **for_ever)
    try:
        serving.wait_ready()
        town = small_town(database)
        with Client(serving.url, town, chance) as client, town.programme.session() as holder:
            stuck = town.gift(chance, "stuck")
            assert stuck.json is not None
            hold(holder, str(stuck.json["from_person_id"]))
            asking = Thread(target=client.send, args=(stuck,))
            asking.start()
            until(lambda: waiting(holder) == 1, "the request did not come to the lock")
            serving.terminate()
            assert serving.wait() == 0
            asking.join()
            until(lambda: waiting(holder) == 0, "the database still works for it")
            assert (client.told, client.refused) == ({}, [(stuck.key, 503)])
            assert_promises(town, client)
    finally:
        serving.kill()


def gifts(town: Town) -> dict[str, dict[str, object]]:
    """Give two gifts between four people, so that neither waits for the other."""
    first, second, third, fourth = (str(person.id) for person in town.people[:4])
    return {
        "slow": {"from_person_id": first, "to_person_id": second, "minutes": 1},
        "stuck": {"from_person_id": third, "to_person_id": fourth, "minutes": 1},
    }


def hold(session: ProgrammeSession, person_id: str) -> None:
    """Lock a person's account, so that whoever wants to move credits of it has to wait."""
    session.begin()
    account_id = select(Person.earned_account_id).where(Person.id == person_id).scalar_subquery()
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update()).one()


def waiting(session: ProgrammeSession) -> int:
    """Count who waits for a lock of another."""
    found = session.scalar(select(func.count()).select_from(text("pg_locks")).where(text("NOT granted")))
    return found or 0


def listens(worker: psutil.Process) -> bool:
    """Tell whether a process takes new connections."""
    return psutil.CONN_LISTEN in {connection.status for connection in connections(worker)}


def knows(worker: psutil.Process, sock: socket.socket) -> bool:
    """Tell whether a process has the other end of a connection."""
    return sock.getsockname() in {tuple(connection.raddr) for connection in connections(worker)}


def connections(worker: psutil.Process) -> list[Any]:
    """List the connections of a process; of one that has ended, none."""
    with suppress(psutil.NoSuchProcess):
        return worker.net_connections("tcp")
    return []
