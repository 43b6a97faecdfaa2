"""A service inside the test's process, on a PostgreSQL of the tests' own that they may take things away from."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import make_url

from tests.attacks.scene import READS, Scene, outcome, unchanged
from tests.conftest import NOW, make_programme
from tests.faults.effects import KINDS, Effects, ids, make_rich_scene, new_key
from tests.faults.service import OwnDatabase
from timecredits import embedded
from timecredits.main import create_app
from timecredits.settings import Settings

# Tables that every request of KINDS writes to, besides the one of its own.
WRITTEN = ("idempotency_key", "audit_event", "journal_entry", "transfer")


@dataclass(frozen=True)
class OwnService:
    """A scene and the database below it."""

    database: OwnDatabase
    scene: Scene

    def get(self, path: str) -> Any:
        """Ask without a key."""
        return self.scene.world.api.http.get(path)

    def hang_up(self) -> None:
        """Let go of all the service's connections to its database."""
        self.get("/healthz").raise_for_status()
        self.scene.world.api.http.app.state.service.sessions.kw["bind"].dispose()

    def as_superuser(self, *statements: str) -> Any:
        """Say something to the database as its superuser, and give the last answer's first value, if any."""
        url = make_url(self.database.admin_url).set(database=embedded.DATABASE)
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            for statement in statements:
                answer = connection.execute(statement)
            return answer.fetchone()[0] if answer.description else None

    def assert_refuses_cleanly(self, chance: Random, code: str = "database_unavailable") -> dict[str, list[str]]:
        """Assert that nothing is written while all is read. Give the keys that were refused, by kind."""
        keys = {kind: [new_key(chance), new_key(chance)] for kind in KINDS}
        with unchanged(self.scene.world):
            for kind, tried in keys.items():
                # One of the two is sent twice, as an impatient client would.
                for key in (*tried, tried[0]):
                    assert_refused(Effects(self.scene, kind).send(key), code)
            for request in READS:
                assert self.scene.send(request).status_code == 200, request
        assert self.get("/healthz").status_code == 200
        return keys

    def assert_bears(
        self, fault: Callable[[str], AbstractContextManager[object]], chance: Random, *, times: int
    ) -> None:
        """Assert that what is asked during a fault is refused and leaves nothing, and happens once afterwards.

        `fault` is told the kind of request, and lasts as long as its block.
        """
        done: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for _ in range(times):
            kind = chance.choice(list(KINDS))
            effects, key = Effects(self.scene, kind), new_key(chance)
            whole, before = effects.one(chance), effects.rows()
            with fault(kind), unchanged(self.scene.world):
                for _ in range(2):
                    assert_refused(effects.send(key), "database_unavailable")
            again = effects.send(key)
            assert again.status_code in {200, 201}, again.text
            assert effects.rows() == before + whole
            done[kind] += ids(again)
        for kind, acknowledged in done.items():
            Effects(self.scene, kind).assert_once(acknowledged)

    def assert_goes_on(self, keys: dict[str, list[str]], chance: Random) -> None:
        """Assert that what was refused happens once now, with the same keys, and that nothing else is left over."""
        assert self.get("/readyz").status_code == 200
        for kind, tried in keys.items():
            effects = Effects(self.scene, kind)
            whole, before, done = effects.one(chance), effects.rows(), []
            for key in tried:
                first, again = effects.send(key), effects.send(key)
                assert first.status_code in {200, 201}, first.text
                assert "Idempotency-Replayed" not in first.headers
                assert first.json() == again.json()
                before += whole
                assert effects.rows() == before
                done += ids(first)
            effects.assert_once(done)


def assert_refused(answer: Any, code: str) -> None:
    """Assert that a client is asked to come back, in words that give nothing away."""
    assert outcome(answer) == (503, code), answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "application/problem+json"


@contextmanager
def own_service(database: OwnDatabase, settings: Settings, **more: int) -> Iterator[OwnService]:
    """Serve on a database of the tests' own."""
    few = {"database_url": SecretStr(database.application_url), "threads": 2, "pool_timeout_seconds": 2}
    app = create_app(settings.model_copy(update=few | more), clock=lambda: NOW)
    with TestClient(app, raise_server_exceptions=False) as http:
        yield OwnService(database, make_rich_scene(http, make_programme(database.sessions)))
