"""The database goes away and comes back: the service says so, stays alive, and recovers by itself."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from tests.api.conftest import make_api, make_world
from tests.attacks.scene import READS, WRITES, Scene, make_scene, outcome
from tests.conftest import NOW, make_programme
from timecredits import embedded, schema
from timecredits.database import make_engine, session_maker
from timecredits.embedded import Embedded
from timecredits.main import create_app
from timecredits.settings import Settings


class Database:
    """A PostgreSQL of these tests' own, which they stop and start, whichever server all the others use."""

    def __init__(self, folder: Path) -> None:
        """Start a server with its tables in a folder."""
        self.folder = folder
        self.running: Embedded = embedded.start(folder)
        schema.migrate(self.running.owner_url, application_role=embedded.APPLICATION)
        self.url = self.running.application_url

    def stop(self) -> None:
        """Stop the server. Stopping it twice is fine."""
        self.running.stop()

    def start(self) -> None:
        """Start the server again where it was."""
        self.running = embedded.start(self.folder)
        assert self.running.application_url == self.url


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with ExitStack() as stack:
        # Directly below /tmp, so that the socket's path is short enough to stay the same.
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        made = Database(Path(folder) / "data")
        stack.callback(made.stop)
        yield made


@pytest.fixture(scope="module")
def remote(database: Database, settings: Settings) -> Iterator[Scene]:
    """Give a scene on that server."""
    own = settings.model_copy(update={"database_url": SecretStr(database.url), "threads": 2, "pool_timeout_seconds": 1})
    engine = make_engine(database.url, own)
    with TestClient(create_app(own, clock=lambda: NOW), raise_server_exceptions=False) as http:
        yield make_scene(make_world(make_api(http, make_programme(session_maker(engine)))))
    engine.dispose()


@pytest.fixture
def gone(database: Database) -> Iterator[Database]:
    """Stop the server, and have it running again for the next test."""
    database.stop()
    yield database
    database.stop()
    database.start()


def assert_come_back_later(answer) -> None:
    assert outcome(answer) == (503, "database_unavailable"), answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_without_its_database_every_request_is_asked_to_come_back_and_the_process_lives(
    remote: Scene, gone: Database
) -> None:
    http = remote.world.api.http
    for request in (*READS, *WRITES):
        assert_come_back_later(remote.send(request))
    assert http.get("/healthz").status_code == 200
    assert outcome(http.get("/readyz")) == (503, "not_ready")
    assert "timecredits_requests_total" in http.get("/metrics").text
    assert http.get("/problems/database_unavailable").status_code == 200
    gone.start()
    assert http.get("/readyz").status_code == 200
    for request in READS:
        assert remote.send(request).status_code == 200


def test_what_was_asked_while_it_was_gone_happens_once_when_it_is_back(remote: Scene, gone: Database) -> None:
    for _ in range(3):
        assert_come_back_later(remote.redeem(key="while-it-was-gone"))
    gone.start()
    before = remote.available()
    first, again = remote.redeem(key="while-it-was-gone"), remote.redeem(key="while-it-was-gone")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert before - remote.available() in {9, 10}


def test_a_restart_that_nobody_noticed_costs_one_answer_at_most(remote: Scene, gone: Database) -> None:
    gone.start()
    heard = [remote.world.api.get("/v1/me", as_="person") for _ in range(3)]
    if heard[0].status_code != 200:
        assert_come_back_later(heard[0])
    assert [answer.status_code for answer in heard[1:]] == [200, 200]


def test_no_log_line_of_all_this_says_more_than_where(remote: Scene, gone: Database, logged) -> None:
    remote.redeem(pin="8520", external_reference="Zebulon")
    gone.start()
    lines = logged()
    assert [line["event"] for line in lines] == ["database_unavailable", "request"]
    assert lines[0]["error"] == "OperationalError"
    text = str(lines)
    for sent in ("8520", "Zebulon", remote.ids["card_number"], remote.world.api.keys["venue_staff"]):
        assert sent not in text
