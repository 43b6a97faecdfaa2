"""The service over HTTP at a clock that tests put forward, with a programme in which everything has happened once."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import World, api, make_api, make_world, other_world, world
from tests.attacks.scene import Scene, make_scene
from tests.conftest import NOW, make_programme
from timecredits.main import create_app
from timecredits.settings import Settings
from timecredits.web import logs

__all__ = ["api", "other_world", "world"]


class Clock:
    """A clock that stands until a test puts it forward."""

    now = NOW

    def __call__(self) -> datetime:
        """Read the clock."""
        return self.now


@pytest.fixture(scope="session")
def standing_clock() -> Clock:
    return Clock()


@pytest.fixture
def clock(standing_clock: Clock) -> Iterator[Clock]:
    """Give the service's clock, and put it back in the end."""
    yield standing_clock
    standing_clock.now = NOW


@pytest.fixture(scope="session")
def http(settings: Settings, standing_clock: Clock) -> Iterator[TestClient]:
    with TestClient(create_app(settings, clock=standing_clock), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def scene(world: World) -> Scene:
    return make_scene(world)


@pytest.fixture(scope="module")
def still_scene(http: TestClient, sessions) -> Scene:
    """Give a scene that many tests share, because none of them changes it."""
    return make_scene(make_world(make_api(http, make_programme(sessions))))


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Read the log lines of the test, down to the least important."""
    stream = io.StringIO()
    logs.configure("DEBUG", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logs.configure("INFO")
