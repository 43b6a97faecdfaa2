"""Requests that make no sense are refused as such, before anything is done."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.scene import READS, WRITES, Request, Scene, outcome, unchanged

HEADERS = {"Content-Type": "application/json"}
# As JSON, because some of them are no values of Python's.
NO_MINUTES = [
    "-1",
    "-0.5",
    "1000000001",
    "1.5",
    "60.0",
    "6e1",
    '"60"',
    "true",
    "null",
    "[]",
    "{}",
    "1e400",
    "NaN",
    "Infinity",
]
NO_MINUTES += ["9" * 30, "9" * 5000, '""', '"sixty"', "[60]"]
IDS_OF_WRITES = [f"{request.method} {request.path} {number}" for number, request in enumerate(WRITES)]


def places(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """List the ways to everything in a body."""
    yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*way, key))


def put(body: Any, way: tuple[str | int, ...], value: Any) -> Any:
    """Give the body with something else in one place."""
    if not way:
        return value
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[way[0]] = put(copy[way[0]], way[1:], value)
    return copy


def at(body: Any, way: tuple[str | int, ...]) -> Any:
    for step in way:
        body = body[step]
    return body


def send_text(scene: Scene, request: Request, content: str):
    """Send a body as it is, with the request's own role."""
    ready = request.filled(scene.ids)
    headers = HEADERS | ({"If-Match": '"1"'} if ready.method == "PATCH" else {})
    return scene.world.api.send(ready.method, ready.path, as_=ready.role, headers=headers, content=content.encode())


def test_every_request_of_the_scene_makes_sense_as_it_is(scene: Scene) -> None:
    """All that follows is worth something only because of this."""
    for request in READS + WRITES:
        answer = scene.send(request)
        assert answer.status_code in {200, 201, 204}, (request, answer.text)


@pytest.mark.parametrize("field", ["minutes", "authorised_minutes", "price_minutes"])
@pytest.mark.parametrize("value", [*NO_MINUTES, "0"], ids=lambda value: value[:12])
def test_what_are_no_minutes_is_refused_wherever_minutes_are_asked_for(
    still_scene: Scene, field: str, value: str
) -> None:
    tried = 0
    with unchanged(still_scene.world):
        for request in WRITES:
            for way in places(request.body):
                if way and way[-1] == field:
                    answer = send_text(
                        still_scene,
                        request,
                        json.dumps(put(request.filled(still_scene.ids).body, way, "?")).replace('"?"', value),
                    )
                    assert outcome(answer) in {(422, "invalid_request"), (400, "invalid_json")}, (request, answer.text)
                    tried += 1
    assert tried >= {"minutes": 9, "authorised_minutes": 1, "price_minutes": 1}[field]


@pytest.mark.parametrize("field", ["companion_minutes", "child_price_minutes"])
@pytest.mark.parametrize("value", [value for value in NO_MINUTES if value != "null"], ids=lambda value: value[:12])
def test_minutes_that_may_be_none_at_all_are_still_whole_and_in_range(
    still_scene: Scene, field: str, value: str
) -> None:
    request = next(request for request in WRITES if request.body and field in request.body)
    with unchanged(still_scene.world):
        content = json.dumps(request.filled(still_scene.ids).body | {field: "?"}).replace('"?"', value)
        answer = send_text(still_scene, request, content)
    assert outcome(answer) in {(422, "invalid_request"), (400, "invalid_json")}, answer.text


@pytest.mark.parametrize("request_", WRITES, ids=IDS_OF_WRITES)
def test_an_unknown_field_is_refused_at_any_depth(still_scene: Scene, request_: Request) -> None:
    body = request_.filled(still_scene.ids).body
    with unchanged(still_scene.world):
        for way in places(body):
            if isinstance(at(body, way), dict):
                spoilt = put(body, way, at(body, way) | {"minuets": 1})
                answer = send_text(still_scene, request_, json.dumps(spoilt))
                assert outcome(answer) == (422, "invalid_request"), answer.text
                assert "/".join(["", *map(str, way), "minuets"]) in {one["pointer"] for one in answer.json()["errors"]}


@pytest.mark.parametrize("request_", WRITES, ids=IDS_OF_WRITES)
def test_a_value_of_another_type_is_refused_in_any_place(still_scene: Scene, request_: Request) -> None:
    body = request_.filled(still_scene.ids).body
    with unchanged(still_scene.world):
        for way in places(body):
            if body is not None:
                for nonsense in (True, 1.5, [1], {"a": 1}, "\x00", "x" * 3000):
                    answer = send_text(still_scene, request_, json.dumps(put(body, way, nonsense)))
                    assert outcome(answer) == (422, "invalid_request"), (way, nonsense, answer.text)


@pytest.mark.parametrize("request_", [*READS, *WRITES], ids=[*(one.path for one in READS), *IDS_OF_WRITES])
def test_an_unknown_parameter_is_refused(still_scene: Scene, request_: Request) -> None:
    mark = "&" if "?" in request_.path else "?"
    with unchanged(still_scene.world):
        answer = still_scene.send(
            Request(request_.method, f"{request_.path}{mark}minuets=1", request_.role, request_.body)
        )
    assert outcome(answer) == (422, "invalid_request")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/query/minuets"]


@pytest.mark.parametrize(
    "nonsense",
    ["0", "-1", "null", "me", "%00", "..", "' OR 1=1 --", "00000000-0000-0000-0000-00000000000g", "ä", "x" * 3000],
)
def test_what_is_no_id_in_a_path_leads_nowhere(still_scene: Scene, nonsense: str) -> None:
    for request in (*READS, *WRITES):
        for name in request.names():
            if f"<{name}>" in request.path:
                answer = still_scene.send(
                    Request(request.method, request.path.replace(f"<{name}>", nonsense), request.role, request.body)
                )
                assert answer.status_code in {404, 405, 422}, (request, answer.text)
                assert answer.headers["Content-Type"] == "application/problem+json"
