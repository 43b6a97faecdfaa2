"""Problems: everything that goes wrong is said in one form, and says nothing that it should not."""

import re
import uuid

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from tests.web.notes import hooks
from timecredits.errors import DomainError, problems
from timecredits.web.problems import STATUS, all_problems

HEADERS = {"Content-Type": "application/json"}


def post(client, content: bytes | str, **headers: str):
    return client.send("POST", "/v1/test/notes", content=content, headers=HEADERS | headers)


def pointers(answer) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "invalid_request"
    assert answer.headers["Content-Type"] == "application/problem+json"
    return {error["pointer"]: error["detail"] for error in answer.json()["errors"]}


def test_a_refusal_is_a_problem_with_its_figures(client):
    answer = client.post("/v1/test/notes", {"minutes": 60, "outcome": "refused"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/problems/too_many_notes",
        "title": "Too many notes",
        "status": 422,
        "detail": "90 minutes is too much.",
        "code": "too_many_notes",
        "needed_minutes": 90,
    }


@pytest.mark.parametrize("minutes", [0, -1, 10**9 + 1, 10**30, 1.5, 60.0, "60", True, None, [], {}, float("nan")])
def test_minutes_are_whole_and_in_range(client, minutes):
    answer = post(client, content=f'{{"minutes": {minutes!r}}}'.replace("None", "null").replace("True", "true"))
    assert answer.status_code in {400, 422}
    if answer.status_code == 422:
        assert set(pointers(answer)) == {"/minutes"}


def test_an_unknown_field_is_refused(client):
    assert pointers(client.post("/v1/test/notes", {"minutes": 60, "minuets": 1})) == {
        "/minuets": "There is no such field"
    }


def test_a_missing_field_is_named(client):
    assert pointers(client.post("/v1/test/notes", {})) == {"/minutes": "This is required"}


def test_a_pointer_is_escaped_and_goes_into_lists(client):
    answer = client.post("/v1/test/notes/batch", {"items": [{"minutes": 1, "a/b~c": 1}]}, idempotency_key="k")
    assert set(pointers(answer)) == {"/items/0/a~1b~0c"}


def test_a_parameter_has_a_pointer_too(client):
    assert set(pointers(client.get("/v1/test/notes?limit=0"))) == {"/query/limit"}
    assert set(pointers(client.get("/v1/test/funds/asha"))) == {"/path/fund_id"}


def test_an_unknown_parameter_is_refused(client):
    answer = client.get("/v1/test/notes?limit=1&limti=2")
    assert pointers(answer) == {"/query/limti": "There is no such field"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Asha\x00"),
        ("name", "two\nlines"),
        ("name", "   "),
        ("name", "x" * 201),
        ("name", 7),
        ("text", "Asha\x00"),
        ("text", "x" * 2001),
        ("day", 0),
        ("day", "20260131"),
        ("day", "2026-02-30"),
        ("day", "0001-01-01"),
        ("day", "9999-12-31"),
        ("day", "2026-01-31T00:00:00Z"),
        ("at", 1_700_000_000),
        ("at", "1700000000"),
        ("at", "2026-01-31T09:30:00"),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("urgent", "yes"),
        ("urgent", 1),
    ],
)
def test_nonsense_never_reaches_the_database(client, field, value):
    answer = client.post("/v1/test/notes", {"minutes": 60, field: value})
    assert set(pointers(answer)) == {f"/{field}"}


def test_what_makes_sense_is_taken(client):
    sent = {"minutes": 1, "name": " Åsa ", "text": "two\nlines", "day": "2026-01-31", "at": "2026-01-31T09:30:00+01:00"}
    assert client.post("/v1/test/notes", sent).status_code == 201


@pytest.mark.parametrize("value", ["Mrs Asha Example", "1950-13-45", "00000000-asha"])
def test_what_was_sent_is_not_said_back(client, value):
    body = {"minutes": value, "name": {"a": value}, "day": value, "at": value, "urgent": value, "pin": 5}
    assert value not in client.post("/v1/test/notes", body).text
    assert value not in client.get(f"/v1/test/funds/{value}").text
    assert value not in client.get("/v1/test/notes", params={"limit": value, "cursor": value}).text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"minutes": 60,}',
        b'{"minutes": "\xff\xfe"}',
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"minutes": ' + b"9" * 5000 + b"}",
        b'{"minutes": 60, "name": "\\ud800"}',
        b'{"minutes": 60, "\\ud800": 1}',
        b'{"minutes": 60, "\\u0000": 1}',
        b"null",
        b"[]",
        b'"text"',
    ],
)
def test_a_body_that_cannot_be_read_is_the_clients_mistake(client, content):
    answer = post(client, content)
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"invalid_json", "invalid_request"}


def test_many_mistakes_are_not_all_said(client):
    answer = client.post("/v1/test/notes/batch", {"items": [{}] * 5000}, idempotency_key="k")
    assert len(pointers(answer)) == 100


@pytest.mark.parametrize("path", ["/v1/test/notes", "/v1/test/funds/x"])
def test_a_body_is_at_most_a_mebibyte(client, path):
    method = "POST" if path.endswith("notes") else "PATCH"
    fits = client.send(method, path, content=b" " * (1024 * 1024), headers=HEADERS)
    too_large = client.send(method, path, content=b" " * (1024 * 1024 + 1), headers=HEADERS)
    in_pieces = client.send(method, path, content=iter([b" " * 1024] * 1025), headers=HEADERS)
    assert fits.status_code != 413
    for answer in (too_large, in_pieces):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic YTpi", "Bearer nonsense", "Bearer tc_a-b_c", "wrong"])
def test_without_a_valid_key_nobody_comes_in(anonymous, authorization):
    answer = anonymous.get("/v1/test/notes", headers={"Authorization": authorization} if authorization else {})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_with_another_secret_or_of_another_programme_is_not_believed(client):
    code, secret = re.fullmatch(r"tc_(.*)-[0-9a-f]{32}_(.*)", client.key).groups()
    for wrong in (
        client.key.replace(secret, secret[::-1]),
        client.key.replace(code, "nowhere"),
        re.sub(r"-[0-9a-f]{32}_", f"-{uuid.uuid4().hex}_", client.key),
    ):
        client.key = wrong
        assert client.get("/v1/test/notes").status_code == 401


def test_what_is_not_there_is_a_problem_too(client):
    assert client.get("/v1/nowhere").json()["code"] == "not_found"
    answer = client.send("DELETE", "/v1/test/notes")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


def test_our_mistake_says_only_under_which_id_it_is_logged(client):
    answer = client.post("/v1/test/notes", {"minutes": 60, "outcome": "broken"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["id"] == answer.headers["X-Request-ID"]
    assert "Asha" not in answer.text
    assert "RuntimeError" not in answer.text


def test_a_lost_database_connection_is_503_and_the_next_request_has_a_new_one(client):
    hooks["lost"] = lambda session: session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    sent = {"minutes": 60, "outcome": "lost"}
    lost = client.post("/v1/test/notes", sent, idempotency_key="k")
    del hooks["lost"]
    assert (lost.status_code, lost.json()["code"], lost.headers["Retry-After"]) == (503, "database_unavailable", "1")
    assert client.post("/v1/test/notes", sent, idempotency_key="k").status_code == 201
    assert REGISTRY.get_sample_value("timecredits_pool_connections_in_use") == 0


def test_every_line_of_the_table_is_a_problem():
    assert set(STATUS) <= set(all_problems())
    assert all(400 <= status < 600 for status, _ in all_problems().values())


def test_every_problem_has_a_page_that_says_what_to_do(anonymous):
    index = anonymous.get("/problems").text
    for code, kind in problems().items():
        if kind is DomainError or kind.__module__.startswith("tests."):
            continue
        assert f'href="/problems/{code}"' in index
        page = anonymous.get(f"/problems/{code}")
        assert kind.explanation, code
        assert '<html lang="en">' in page.text
        assert "<script" not in page.text
        assert "script-src" not in page.headers["Content-Security-Policy"]
    assert anonymous.get("/problems/no_such_problem").status_code == 404
