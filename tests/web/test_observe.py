"""What is seen from outside: ids, headers, logs, metrics, health."""

import io
import json
import threading
import uuid

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from pydantic import SecretStr

from tests.web.notes import router
from timecredits.main import create_app
from timecredits.web import logs
from timecredits.web.callers import get_caller

PUBLIC = {
    "/",
    "/docs",
    "/docs/start.js",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/problems",
    "/problems/{code}",
    "/readyz",
}


@pytest.fixture
def logged():
    """Read the log lines of the test."""
    stream = io.StringIO()
    logs.configure("DEBUG", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logs.configure("INFO")


@pytest.fixture
def unreachable(settings):
    """Serve without a database."""
    gone = settings.model_copy(update={"database_url": SecretStr("postgresql://a:b@127.0.0.1:1/c")})
    app = create_app(gone)
    app.include_router(router)
    with TestClient(app) as client:
        yield client


def asks_for_caller(dependant) -> bool:
    return dependant.call is get_caller or any(map(asks_for_caller, dependant.dependencies))


def test_every_route_asks_who_calls_unless_it_is_public(app):
    routes = [route for route in iter_route_contexts(app.routes) if getattr(route, "dependant", None)]
    assert len(routes) > len(PUBLIC)
    assert {route.path for route in routes if not asks_for_caller(route.dependant)} == PUBLIC - {"/openapi.json"}


@pytest.mark.parametrize("path", ["/healthz", "/v1/nowhere", "/v1/test/notes", "/problems"])
def test_every_answer_has_the_requests_id(anonymous, path):
    sent = str(uuid.uuid4())
    assert anonymous.get(path, headers={"X-Request-ID": sent}).headers["X-Request-ID"] == sent
    for other in ({}, {"X-Request-ID": "Asha Example"}):
        assert uuid.UUID(anonymous.get(path, headers=other).headers["X-Request-ID"]).version == 7


def test_every_answer_keeps_browsers_safe(client):
    for answer in (client.get("/v1/test/notes"), client.get("/v1/nowhere"), client.post("/v1/test/notes", {})):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_log_line_says_what_is_needed(client, programme, logged):
    answer = client.get(f"/v1/test/funds/{uuid.uuid4()}")
    (line,) = logged()
    assert line.pop("timestamp")
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "route": "/v1/test/funds/{fund_id}",
        "status": 404,
        "programme": programme.code,
        "request_id": answer.headers["X-Request-ID"],
    }


def test_no_log_line_holds_anything_that_was_sent_or_stored(client, logged):
    client.get("/v1/test/notes?q=Asha&Asha=1")
    client.get("/v1/test/funds/Asha")
    client.get("/v1/Asha")
    client.send("ASHA", "/v1/test/notes")
    client.get("/v1/test/notes", headers={"User-Agent": "Asha", "X-Request-ID": "Asha", "Idempotency-Key": "Asha"})
    client.post("/v1/test/notes", {"minutes": 60, "name": "Asha", "pin": "Asha"})
    client.post("/v1/test/notes", {"minutes": "Asha", "Asha": 1})
    client.post("/v1/test/notes", {"minutes": 60, "outcome": "broken", "name": "Asha"})
    client.send("POST", "/v1/test/notes", content=b"{Asha", headers={"Content-Type": "application/json"})
    client.key = "tc_asha-Asha"
    client.get("/v1/test/notes")
    assert len(logged()) == 11
    assert "asha" not in json.dumps(logged()).lower()
    assert client.key not in json.dumps(logged())


def test_our_mistake_is_logged_with_its_kind_and_place(client, logged):
    answer = client.post("/v1/test/notes", {"minutes": 60, "outcome": "broken"})
    mistake, request = logged()
    assert (mistake["event"], mistake["level"], mistake["error"]) == ("internal_error", "error", "RuntimeError")
    assert mistake["request_id"] == request["request_id"] == answer.json()["id"]
    assert any("write_note" in place for place in mistake["places"])


def test_metrics_count_by_template_and_code(client):
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0

    counters = {
        "timecredits_requests_total": {"method": "POST", "route": "/v1/test/notes", "status": "422"},
        "timecredits_request_seconds_count": {"method": "POST", "route": "/v1/test/notes"},
        "timecredits_refusals_total": {"code": "too_many_notes"},
    }
    before = {name: value(name, **labels) for name, labels in counters.items()}
    client.post("/v1/test/notes", {"minutes": 60, "outcome": "refused"})
    assert {name: value(name, **labels) for name, labels in counters.items()} == {
        name: count + 1 for name, count in before.items()
    }
    assert value("timecredits_pool_connections_in_use") == 0
    assert "timecredits_posting_seconds_bucket" in client.get("/metrics").text


def test_it_is_alive_and_ready(anonymous):
    for path in ("/healthz", "/readyz"):
        assert anonymous.get(path).json() == {"status": "ok"}


def test_without_a_database_it_is_alive_and_not_ready(unreachable):
    assert unreachable.get("/healthz").status_code == 200
    ready = unreachable.get("/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")


def test_without_a_database_the_client_is_asked_to_come_back(unreachable, client):
    client.http = unreachable
    for answer in (client.get("/v1/test/notes"), client.post("/v1/test/notes", {"minutes": 1}, idempotency_key="k")):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.headers["Retry-After"] == "1"


def test_what_runs_in_the_background_is_stopped_with_the_app(settings):
    seen = []

    def work(_service, stop: threading.Event) -> None:
        seen.append("began")
        stop.wait(10)
        seen.append("ended")

    with TestClient(create_app(settings, background=work)):
        pass
    assert seen == ["began", "ended"]


def test_the_api_is_described_with_its_problems_and_needs_no_other_host(anonymous):
    described = anonymous.get("/openapi.json").json()
    operation = described["paths"]["/v1/test/notes"]["post"]
    assert {"201", "400", "401", "403", "404", "409", "413", "422", "429", "503"} == set(operation["responses"])
    assert operation["operationId"] == "create_note"
    assert operation["security"] == [{"key": []}]
    assert operation["responses"]["422"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert "HTTPValidationError" not in described["components"]["schemas"]
    assert {"412", "428"} <= set(described["paths"]["/v1/test/funds/{fund_id}"]["patch"]["responses"])
    headers = {parameter["name"]: parameter["required"] for parameter in operation["parameters"]}
    assert headers == {"Idempotency-Key": False}
    page = anonymous.get("/docs").text + anonymous.get("/").text
    assert "://" not in page
    for path in ("/docs/start.js", "/docs/files/swagger-ui-bundle.js", "/docs/files/swagger-ui.css"):
        assert path in page + "/docs/files/swagger-ui.css"
        assert anonymous.get(path).status_code == 200
