"""Clients whose connections break at any byte: what they were told is there, and what they ask again happens once."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.attacks.scene import Scene
from tests.conftest import NOW, make_programme
from tests.faults.effects import KINDS, READ, Effects, ids, make_rich_scene, new_key
from tests.faults.proxy import Fault, Proxy, Then, Way
from timecredits.main import create_app
from timecredits.settings import Settings

ROUGHLY = (Then.CUT, Then.RESET)


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """Serve an app from a thread, and give the port."""
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=5)
    server, listening = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    port: int = listening.getsockname()[1]
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def above(settings: Settings) -> Iterator[Proxy]:
    """Give a proxy between the clients and the service."""
    # Whoever asks again waits for the first try, however slow the machine is.
    patient = {"threads": 4, "lock_timeout_milliseconds": 60_000, "statement_timeout_milliseconds": 60_000}
    app = create_app(settings.model_copy(update=patient), clock=lambda: NOW)
    with serving(app) as port, Proxy(("127.0.0.1", port)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def outside(above: Proxy, sessions) -> Iterator[Scene]:
    """Give a scene beyond that proxy, where each request has a connection of its own."""
    alone = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=f"http://127.0.0.1:{above.port}", limits=alone, timeout=30, trust_env=False) as http:
        yield make_rich_scene(http, make_programme(sessions))


def heard(effects: Effects, key: str) -> Any:
    """Send a request, and give its answer if all of it arrives."""
    try:
        return effects.send(key)
    except httpx.TransportError:
        return None


def points(most: int, chance: Random, count: int) -> list[int]:
    """Choose where to cut so many bytes: at both ends, and anywhere."""
    return [0, 1, most // 2, most - 1, most, *(chance.randrange(2, most) for _ in range(count))]


def measured(proxy: Proxy, effects: Effects, chance: Random) -> tuple[dict[Way, int], Any]:
    """Let a request happen without a fault: how many bytes each side says, and the rows that it makes."""
    before = dict(proxy.passed)
    whole = effects.one(chance)
    return {way: proxy.passed[way] - before[way] for way in Way}, whole


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_cut_anywhere_above_the_service_is_there_wholly_or_not_and_again_it_happens_once(
    kind: str, outside: Scene, above: Proxy, chance: Random, rounds: int
) -> None:
    effects, done = Effects(outside, kind), []
    lengths, whole = measured(above, effects, chance)
    for way, length in lengths.items():
        for after in points(length, chance, 3 * rounds):
            key, before = new_key(chance), effects.rows()
            with above.having(Fault(way, after, then=chance.choice(ROUGHLY))) as fault:
                answer = heard(effects, key)
                assert fault.happened.is_set()
            happened = effects.happened(before, whole)
            assert answer is None or way is Way.ANSWER
            # A part of a request never is one; and a word of the answer is said only when all is committed.
            assert way is Way.ANSWER or after == length or not happened
            assert way is Way.REQUEST or happened
            again = effects.send(key)
            assert again.status_code in {200, 201}, again.text
            assert effects.rows() == before + whole
            assert answer is None or answer.json() == again.json()
            done += ids(again)
    effects.assert_once(done)


def test_an_answer_that_is_cut_anywhere_while_reading_changes_nothing(
    outside: Scene, above: Proxy, chance: Random, rounds: int
) -> None:
    before = dict(above.passed)
    balance = outside.send(READ).json()
    lengths = {way: above.passed[way] - before[way] for way in Way}
    rows = Effects(outside, "gift").rows()
    for way, length in lengths.items():
        for after in points(length, chance, 3 * rounds):
            with above.having(Fault(way, after)) as fault:
                try:
                    assert outside.send(READ).json() == balance
                    assert (way, after) == (Way.ANSWER, length)
                except httpx.TransportError:
                    assert (way, after) != (Way.ANSWER, length)
                assert fault.happened.is_set()
            assert outside.send(READ).json() == balance
    assert Effects(outside, "gift").rows() == rows


def test_clients_that_stop_in_the_middle_of_a_request_keep_nobody_waiting(
    outside: Scene, above: Proxy, chance: Random
) -> None:
    effects = Effects(outside, "gift")
    whole, before = effects.one(chance), effects.rows()
    # More than there are threads. Each has said half of what it wants.
    keys = [new_key(chance) for _ in range(6)]
    lengths, _ = measured(above, effects, chance)
    before += whole
    with ThreadPoolExecutor(len(keys)) as pool, ExitStack() as stack:
        waiting = []
        for key in keys:
            fault = stack.enter_context(above.having(Fault(Way.REQUEST, lengths[Way.REQUEST] - 5, then=Then.STALL)))
            waiting.append(pool.submit(effects.send, key))
            assert fault.happened.wait(60)
        assert effects.rows() == before
        effects.one(chance)
        before += whole
        stack.close()
        assert [one.result().status_code for one in waiting] == [201] * len(keys)
    effects.assert_once([one.result().json()["id"] for one in waiting])
