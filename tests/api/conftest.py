"""The service over HTTP, with a programme in which everybody has a key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.conftest import NOW, Programme, make_programme
from tests.factories import PIN
from timecredits.access import Role
from timecredits.main import create_app
from timecredits.people import actions as people
from timecredits.settings import Settings


@pytest.fixture(scope="session")
def http(settings: Settings) -> Iterator[TestClient]:
    """Give the running service, at a standing clock."""
    with TestClient(create_app(settings, clock=lambda: NOW), raise_server_exceptions=False) as client:
        yield client


@dataclass
class Api:
    """One programme over HTTP: `as_` names a role that has a key in `keys`, or is a key itself."""

    http: TestClient
    programme: Programme
    keys: dict[str, str] = field(default_factory=dict)

    def send(
        self, method: str, path: str, *, as_: str, json: Any = None, idempotency_key: str | None = None, **more: Any
    ):
        headers = {"Authorization": f"Bearer {self.keys.get(as_, as_)}", **more.pop("headers", {})}
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or str(uuid4())
        return self.http.request(method, path, headers=headers, json=json, **more)

    def get(self, path: str, *, as_: str, **more: Any):
        return self.send("GET", path, as_=as_, **more)

    def post(self, path: str, body: Any = None, *, as_: str, **more: Any):
        return self.send("POST", path, as_=as_, json=body, **more)

    def patch(self, path: str, body: Any, *, as_: str, etag: str, **more: Any):
        return self.send("PATCH", path, as_=as_, json=body, headers={"If-Match": etag}, **more)

    def made(self, path: str, body: Any, *, as_: str) -> dict[str, Any]:
        """Post what has to succeed."""
        answer = self.post(path, body, as_=as_)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def new_key(self, role: Role, **held: str) -> str:
        """Make a key through the API."""
        return self.made("/v1/keys", {"name": "test", "roles": [role.value], **held}, as_="coordinator")["key"]

    def new_person(self, *, as_: str = "coordinator", **more: Any) -> dict[str, Any]:
        """Add a person with the usual PIN."""
        return self.made("/v1/people", {"given_name": "Asha", "pin": PIN, **more}, as_=as_)


def make_api(http: TestClient, programme: Programme) -> Api:
    """Give the API of a programme to its first coordinator."""
    with programme.session() as session, session.begin():
        _, key = people.create_key(
            session,
            programme.coordinator,
            name="test",
            roles=[Role.COORDINATOR],
            owner_id=programme.coordinator.id,
            now=NOW,
        )
    return Api(http, programme, {"coordinator": key})


@pytest.fixture
def api(http: TestClient, programme: Programme) -> Api:
    """Give a programme with nothing but its coordinator."""
    return make_api(http, programme)


@dataclass
class World:
    """A programme in which the whole cycle can run. `api.keys` has a key for each role."""

    api: Api
    fund: dict[str, Any]
    service: dict[str, Any]
    group: dict[str, Any]
    partner: dict[str, Any]
    person: dict[str, Any]


def make_world(api: Api) -> World:
    """Build a fund, a service and a group with pots, a partner, a person known to both, and a key for each role."""
    fund = api.made("/v1/funds", {"name": "F", "funder": "A", "authorised_minutes": 100_000}, as_="coordinator")
    service, group, partner = (
        api.made("/v1/organisations", {"kind": kind, "name": f"The {kind}"}, as_="coordinator")
        for kind in ("wellbeing_service", "group", "partner")
    )
    for organisation in (service, group):
        to = {"kind": organisation["kind"], "id": organisation["id"]}
        api.made("/v1/allocations", {"fund_id": fund["id"], "to": to, "minutes": 6_000}, as_="coordinator")
    for role, organisation in (
        (Role.WELLBEING_WORKER, service),
        (Role.GROUP_LEADER, group),
        (Role.VENUE_STAFF, partner),
    ):
        api.keys[role.value] = api.new_key(role, organisation_id=organisation["id"])
    api.keys["auditor"] = api.new_key(Role.AUDITOR)
    person = api.new_person(as_="group_leader")
    api.keys["person"] = api.new_key(Role.PERSON, person_id=person["id"])
    return World(api, fund, service, group, partner, person)


@pytest.fixture
def world(api: Api) -> World:
    """Give a programme in which the whole cycle can run."""
    return make_world(api)


@pytest.fixture
def other_world(http: TestClient, sessions) -> World:
    """Give a second programme."""
    return make_world(make_api(http, make_programme(sessions)))
