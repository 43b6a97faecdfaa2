"""Processes are killed under load: what was acknowledged stays, all else is there wholly or not, and never twice."""

import time
from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.service import Client, OwnDatabase, Serving, Town, assert_promises


@pytest.fixture(scope="module")
def serving(database: OwnDatabase) -> Iterator[Serving]:
    made = Serving(database.env)
    yield made
    made.kill()


@pytest.fixture
def client(database: OwnDatabase, serving: Serving, chance: Random) -> Iterator[Client]:
    """Give the clients of a town of the test's own."""
    serving.wait_ready()
    with Client(serving.url, Town(database.sessions), chance) as made:
        yield made


def work_for_a_while(client: Client, chance: Random) -> None:
    """Let some requests be answered, and end anywhere in the midst of the next ones."""
    client.hear(chance.randint(3, 12))
    time.sleep(chance.uniform(0, 0.05))


def assert_once(client: Client) -> None:
    """Assert the promises before anybody asks again, and that asking again under the same keys settles everything."""
    assert_promises(client.town, client)
    client.retry()
    assert_promises(client.town, client, settled=True)


def test_the_database_is_killed_under_load_and_the_service_goes_on_by_itself_when_it_is_back(
    client: Client, database: OwnDatabase, serving: Serving, chance: Random, rounds: int
) -> None:
    process = serving.process.pid
    for _ in range(2 * rounds):
        with client.load():
            work_for_a_while(client, chance)
            database.kill()
            time.sleep(chance.uniform(0, 0.3))
            database.start()
            client.hear(5)
        assert_once(client)
    assert {status for _, status in client.refused} == {503}
    assert (serving.process.pid, serving.process.poll()) == (process, None)


def test_the_service_is_killed_under_load(client: Client, serving: Serving, chance: Random, rounds: int) -> None:
    for _ in range(rounds):
        with client.load():
            work_for_a_while(client, chance)
            serving.kill()
        assert client.unheard
        assert_promises(client.town, client)
        serving.start()
        serving.wait_ready()
        assert_once(client)


def test_the_service_and_its_database_are_killed_under_load(
    client: Client, database: OwnDatabase, serving: Serving, chance: Random, rounds: int
) -> None:
    for _ in range(rounds):
        with client.load():
            work_for_a_while(client, chance)
            for victim in chance.sample([database, serving], 2):
                victim.kill()
        database.start()
        assert_promises(client.town, client)
        serving.start()
        serving.wait_ready()
        assert_once(client)
