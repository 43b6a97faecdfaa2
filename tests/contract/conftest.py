"""The service in process, and a programme with one of everything."""

from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis.python import asgi

from tests.api.conftest import http, make_api, make_world
from tests.conftest import make_programme
from tests.contract.town import Town

__all__ = ["http", "town"]


def _without_lifespan(app: Any) -> Any:
    """Give an app that runs already as one to which requests can be sent."""

    async def running(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)

    return running


@pytest.fixture(scope="module")
def town(http, sessions) -> Iterator[Town]:
    app = _without_lifespan(http.app)
    with asgi.get_client(app) as client:
        yield Town.of(make_world(make_api(http, make_programme(sessions))), app, client)
