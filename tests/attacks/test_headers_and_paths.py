"""Headers, addresses and methods that no honest client sends."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.attacks.scene import READS, WRITES, Request, Scene, outcome, unchanged
from tests.factories import PIN

SQL = [
    "' OR 1=1 --",
    "'; DROP TABLE person; --",
    "%' UNION SELECT secret_hash FROM api_key --",
    "100%",
    "a_b",
    "\\",
    "$1",
    ":name",
    "%s",
    "{0}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
]


def raw(
    scene: Scene, headers: list[tuple[bytes, bytes]], *, path: bytes = b"/v1/me", method: str = "GET"
) -> dict[str, Any]:
    """Ask the app with headers and a path that no client library would send, and give what it answers."""
    key = scene.world.api.keys["person"].encode()
    answer: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        answer["body"] += message.get("body", b"")
        answer.update({name: message[name] for name in ("status", "headers") if name in message})

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"x"), (b"authorization", b"Bearer " + key), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    asyncio.run(scene.world.api.http.app(scope, receive, send))
    return answer


@pytest.mark.parametrize(
    "value",
    [
        b"x\r\nSet-Cookie: a=b",
        b"01a20000-0000-7000-8000-000000000000\r\nX-Other: 1",
        b"01a20000-0000-7000-8000-000000000000\n",
        b"\xff\xfe",
        b"\x00",
        b"'; DROP TABLE person; --",
        b"x" * 100_000,
        b"{01a20000-0000-7000-8000-000000000000}",
        b"urn:uuid:01a20000-0000-7000-8000-000000000000",
    ],
    ids=lambda value: repr(value[:14]),
)
def test_a_request_id_comes_back_as_a_plain_uuid_or_not_at_all(still_scene: Scene, logged, value: bytes) -> None:
    answer = raw(still_scene, [(b"x-request-id", value)])
    given = dict(answer["headers"])[b"x-request-id"].decode()
    assert str(UUID(given)) == given
    assert not {b"set-cookie", b"x-other"} & dict(answer["headers"]).keys()
    assert [line["request_id"] for line in logged()] == [given]


@pytest.mark.parametrize(
    "name", [b"host", b"user-agent", b"x-forwarded-for", b"accept", b"cookie", b"origin", b"if-none-match", b"range"]
)
@pytest.mark.parametrize(
    "value", [b"", b"\xff\x00", b"x" * 100_000, b"../../etc/passwd"], ids=lambda value: repr(value[:9])
)
def test_other_headers_change_nothing(still_scene: Scene, name: bytes, value: bytes) -> None:
    answer = raw(still_scene, [(name, value)])
    assert answer["status"] == 200
    assert value[:9] not in b"".join(inner for _, inner in answer["headers"]) or not value


@pytest.mark.parametrize("value", [b"", b"\xff", b"Bearer", b"Bearer \xff\x00", b"Bearer " + b"x" * 100_000])
def test_of_two_authorizations_the_first_counts(still_scene: Scene, value: bytes) -> None:
    assert raw(still_scene, [(b"authorization", value)])["status"] == 200


@pytest.mark.parametrize("key", ["x" * 256, "x" * 100_000, "a b", "\t", "ä".encode(), "\x7f", b"\xff" * 40])
def test_a_key_that_is_no_idempotency_key_is_refused_and_nothing_is_done(still_scene: Scene, key: str | bytes) -> None:
    swim = {
        "opportunity_id": still_scene.ids["opportunity_id"],
        "card_number": still_scene.ids["card_number"],
        "pin": PIN,
    }
    with unchanged(still_scene.world):
        answer = still_scene.world.api.post("/v1/redemptions", swim, as_="venue_staff", idempotency_key=key)
        assert outcome(answer) == (400, "idempotency_key_invalid")


def test_what_looks_like_sql_is_text(scene: Scene) -> None:
    api = scene.world.api
    for word in SQL:
        person = api.made("/v1/people", {"given_name": word, "family_name": word, "district": word}, as_="coordinator")
        assert (person["given_name"], person["district"]) == (word, word)
        offer = {"partner_id": scene.ids["partner_id"], "title": word, "category": word, "price_minutes": 1}
        made = api.made("/v1/opportunities", offer, as_="venue_staff")
        for query in ({"q": word}, {"category": word}):
            found = api.get("/v1/opportunities", as_="person", params=query).json()["items"]
            assert [one["id"] for one in found] == [made["id"]]
        taken = scene.redeem(external_reference=word)
        assert taken.status_code == 201
        found = api.get("/v1/redemptions", as_="venue_staff", params={"external_reference": word}).json()["items"]
        assert [one["id"] for one in found] == [taken.json()["id"]]
        assert api.get("/v1/opportunities", as_="person", params={"q": f"{word}{word}"}).json()["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=",
        "q=%ff",
        "category=%0a",
        "limit=1;limit=2",
        "current=maybe",
        "partner_id=%00",
        "cursor=%00",
        "q=" + "x" * 5000,
    ],
)
def test_a_query_that_cannot_be_read_is_refused_or_finds_nothing(still_scene: Scene, query: str) -> None:
    answer = still_scene.world.api.get(f"/v1/opportunities?{query}", as_="person")
    assert answer.status_code == 422 or answer.json()["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/docs/files/../documents.py",
        "/docs/files/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/files/%2e%2e/%2e%2e/etc/passwd",
        "/docs/files/....//....//etc/passwd",
        "/docs/files//etc/passwd",
        "/docs/files/..\\..\\etc\\passwd",
        "/docs/files/%00",
        "/docs/files/swagger-ui.css%00.py",
        "/docs/files/" + "x" * 5000,
        "/docs/files/",
        "/docs/files",
        "/docs/files/~root",
        "/problems/../v1/me",
        "/problems/..%2f..%2fetc%2fpasswd",
        "/problems/%00",
        "/problems/not_found/",
        "/problems/<script>",
        "/problems/" + "x" * 5000,
        "/problems/NOT_FOUND",
        "/v1//me",
        "/v1/me/",
        "/V1/me",
        "//evil.example/v1/me",
        "/.env",
        "/.git/config",
    ],
)
def test_no_path_leads_to_a_file_or_to_anything_that_is_not_served(still_scene: Scene, path: str) -> None:
    answer = raw(still_scene, [], path=path.encode())
    assert answer["status"] in {401, 404, 405}, answer
    assert dict(answer["headers"])[b"content-type"] == b"application/problem+json"
    served = still_scene.world.api.http.get(path)
    assert served.status_code in {401, 404, 405}
    assert "root:" not in served.text


def test_what_is_beside_the_files_of_the_pages_is_not_served(still_scene: Scene) -> None:
    outside = Path(__file__).relative_to("/")
    for ways in range(3, 12):
        answer = raw(still_scene, [], path=f"/docs/files/{'../' * ways}{outside}".encode())
        assert answer["status"] == 404


@pytest.mark.parametrize(
    "method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "DELETE", "PROPFIND", "get", "X" * 1000]
)
def test_no_other_method_does_anything(still_scene: Scene, method: str) -> None:
    with unchanged(still_scene.world):
        for request in (*READS, *WRITES, Request("GET", "/problems", "person"), Request("GET", "/docs", "person")):
            known = {
                one.method for one in (*READS, *WRITES) if one.path.partition("?")[0] == request.path.partition("?")[0]
            }
            if method not in known:
                path = request.filled(still_scene.ids).path.partition("?")[0]
                answer = raw(still_scene, [], path=path.encode(), method=method)
                assert answer["status"] == 405, (method, path)
                allowed = dict(answer["headers"])[b"allow"].decode().split(", ")
                assert method not in allowed
                assert known & {"GET", "POST"} <= set(allowed)


def test_no_answer_of_the_api_may_be_kept_or_framed_or_guessed_at(still_scene: Scene) -> None:
    for path in ("/v1/me", "/v1/nowhere", f"/v1/people/{uuid4()}"):
        headers = still_scene.world.api.get(path, as_="person").headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
        assert "Server" not in headers
