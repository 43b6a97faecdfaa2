"""The real app with a few routes of the tests' own, on the real database."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from tests.conftest import NOW, Programme, make_programme
from tests.web.notes import router
from timecredits.access import Role
from timecredits.main import create_app
from timecredits.people import actions as people
from timecredits.settings import Settings


@pytest.fixture(scope="session")
def app(settings: Settings):
    quick = settings.model_copy(update={"lock_timeout_milliseconds": 300})
    made = create_app(quick, clock=lambda: NOW)
    made.include_router(router)
    return made


@pytest.fixture(scope="session")
def anonymous(app) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@dataclass
class Client:
    """Somebody with a coordinator's key."""

    http: TestClient
    key: str

    def send(self, method: str, path: str, *, idempotency_key: str | None = None, **more):
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self.http.request(method, path, headers=headers, **more)

    def post(self, path: str, body: object = None, *, idempotency_key: str | None = None, **more):
        return self.send("POST", path, json=body, idempotency_key=idempotency_key, **more)

    def get(self, path: str, **more):
        return self.send("GET", path, **more)


def make_key(programme: Programme) -> str:
    """Make a coordinator's key."""
    with programme.session() as session, session.begin():
        _, key = people.create_key(session, programme.coordinator, name="test", roles=[Role.COORDINATOR], now=NOW)
    return key


@pytest.fixture
def client(anonymous: TestClient, programme: Programme) -> Client:
    return Client(anonymous, make_key(programme))


@pytest.fixture
def another_programme(sessions) -> Programme:
    """Make a second programme."""
    return make_programme(sessions)
