"""Few connections, many requests: nobody waits for ever, and nothing is carried from one programme to the next."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, func, select

from tests.api.conftest import make_api, make_world
from tests.attacks.scene import READS, ROLES, Scene, make_scene, outcome, unchanged
from tests.conftest import NOW, make_programme
from timecredits.main import create_app
from timecredits.people.models import Card, Person
from timecredits.settings import Settings

SOON = 0.9


@contextmanager
def served(settings: Settings, **more: int) -> Iterator[TestClient]:
    """Serve with other settings."""
    app = create_app(settings.model_copy(update=more), clock=lambda: NOW)
    with TestClient(app, raise_server_exceptions=False) as http:
        yield http


def engine_of(http: TestClient) -> Engine:
    found: Engine = http.app.state.service.sessions.kw["bind"]
    return found


@pytest.fixture(scope="module")
def narrow(settings: Settings, sessions) -> Iterator[Scene]:
    """Give a scene at a service with two threads, which waits for nothing longer than a second."""
    with served(settings, threads=2, pool_timeout_seconds=1, lock_timeout_milliseconds=1_000) as http:
        yield make_scene(make_world(make_api(http, make_programme(sessions))))


def seconds(http: TestClient, path: str) -> float:
    """Ask, and say how long the answer took."""
    began = time.perf_counter()
    assert http.get(path).status_code == 200
    return time.perf_counter() - began


def test_when_no_connection_is_left_the_client_is_asked_to_come_back(narrow: Scene) -> None:
    http = narrow.world.api.http
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(engine_of(http).connect())
        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(narrow.send, request) for request in READS[:3]]
            time.sleep(0.1)
            assert max(seconds(http, path) for path in ("/healthz", "/readyz", "/healthz")) < SOON
            for one in asked:
                answer = one.result()
                assert outcome(answer) == (503, "database_unavailable")
                assert int(answer.headers["Retry-After"]) >= 1
    assert all(narrow.send(request).status_code == 200 for request in READS)


def test_when_all_threads_wait_for_a_lock_the_service_is_still_seen_to_live(narrow: Scene) -> None:
    http, programme = narrow.world.api.http, narrow.world.api.programme
    with unchanged(narrow.world), ThreadPoolExecutor(6) as pool, programme.session() as session, session.begin():
        person = Card.person_id == UUID(narrow.ids["person_id"])
        session.execute(select(Card.id).where(Card.programme_id == programme.id, person).with_for_update()).one()
        asked = [pool.submit(narrow.redeem) for _ in range(4)]
        time.sleep(0.2)
        assert max(seconds(http, path) for path in ("/healthz", "/readyz", "/healthz")) < SOON
        for one in asked:
            answer = one.result()
            assert outcome(answer) == (503, "busy")
            assert int(answer.headers["Retry-After"]) >= 1
    assert narrow.redeem().status_code == 201


def test_one_connection_serves_one_programme_then_nobody_then_another(settings: Settings, sessions) -> None:
    with served(settings, threads=1) as http:
        here, there = (make_scene(make_world(make_api(http, make_programme(sessions)))) for _ in range(2))
        engine, used = engine_of(http), set()
        event.listen(engine, "checkout", lambda connection, *_: used.add(connection.info.backend_pid))
        for first, then in ((here, there), (there, here)):
            assert first.send(READS[0]).status_code == 200
            assert rows_for_nobody(http) == 0
            for headers in ({}, {"Authorization": "Bearer tc_nowhere-" + "0" * 32 + "_" + "A" * 43}):
                assert outcome(http.get("/v1/me", headers=headers)) == (401, "unauthenticated")
            assert http.get("/problems").status_code == 200
            assert rows_for_nobody(http) == 0
            assert_sees_only_its_own(then, other=first)
        assert len(used) == 1


def rows_for_nobody(http: TestClient) -> int:
    """Count the people whom somebody without a programme sees, on the connection that the last request had."""
    with http.app.state.service.sessions.begin() as session:
        return session.scalar(select(func.count()).select_from(Person)) or 0


def assert_sees_only_its_own(scene: Scene, *, other: Scene) -> None:
    for request in READS:
        if "?" not in request.path:
            assert scene.send(request).status_code == 200
            assert scene.send(request.filled(other.ids)).status_code == 404


def test_programmes_that_take_turns_on_few_connections_never_see_each_other(narrow: Scene, sessions) -> None:
    http = narrow.world.api.http
    other = make_scene(make_world(make_api(http, make_programme(sessions))))
    start = threading.Barrier(8)

    def look(number: int) -> set[str]:
        scene, stranger = (narrow, other) if number % 2 else (other, narrow)
        start.wait()
        foreign = set(stranger.ids.values())
        seen = ""
        for role in ROLES:
            for path in ("/v1/people", "/v1/organisations", "/v1/redemptions", "/v1/journal", "/v1/me"):
                seen += scene.world.api.get(path, as_=role).text
        return {one for one in foreign if one in seen}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(8))) == [set()] * 8
