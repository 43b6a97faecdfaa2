"""Bodies that are too large, or no JSON, or JSON that no form would send."""

import json

import pytest

from tests.attacks.scene import WRITES, Scene, outcome, unchanged
from tests.factories import PIN

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
TAKE_BODIES = [request for request in WRITES if request.body is not None]
names = [f"{request.method} {request.path} {number}" for number, request in enumerate(TAKE_BODIES)]


def send(scene: Scene, request, content, **headers: str):
    ready = request.filled(scene.ids)
    sent = JSON | ({"If-Match": '"1"'} if ready.method == "PATCH" else {}) | headers
    return scene.world.api.send(ready.method, ready.path, as_=ready.role, headers=sent, content=content)


def redeem(scene: Scene, content: bytes | str, **headers: str):
    return scene.world.api.send("POST", "/v1/redemptions", as_="venue_staff", headers=JSON | headers, content=content)


@pytest.mark.parametrize("request_", TAKE_BODIES, ids=names)
def test_a_body_over_a_mebibyte_is_too_large_in_one_piece_and_in_many(still_scene: Scene, request_) -> None:
    sensible = json.dumps(request_.filled(still_scene.ids).body).encode()
    padded = sensible + b" " * (MIB + 1 - len(sensible))
    with unchanged(still_scene.world):
        for content in (padded, (padded[start : start + 65_536] for start in range(0, len(padded), 65_536))):
            answer = send(still_scene, request_, content)
            assert outcome(answer) == (413, "body_too_large")


def test_a_body_of_exactly_a_mebibyte_is_taken(scene: Scene) -> None:
    sensible = json.dumps(
        {"opportunity_id": scene.ids["opportunity_id"], "card_number": scene.ids["card_number"], "pin": PIN}
    )
    assert redeem(scene, sensible.ljust(MIB)).status_code == 201


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        b"{'minutes': 1}",
        b'{"minutes": 1,}',
        b'{"minutes": 01}',
        b"\xff\xfe\x00",
        b'{"\xff": 1}',
        b'{"name": "\xed\xa0\x80"}',
        '{"minutes": 1}'.encode("utf-16"),
        b"[" * 300_000,
        b'{"to":' * 100_000 + b"1" + b"}" * 100_000,
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"\x00",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_a_body_that_cannot_be_read_changes_nothing(still_scene: Scene, content: bytes) -> None:
    with unchanged(still_scene.world):
        for request in TAKE_BODIES:
            answer = send(still_scene, request, content)
            assert outcome(answer) in {(400, "invalid_json"), (422, "invalid_request")}


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\udfff\ud800", "a\x1bb", "a\rb", "\x7f"], ids=ascii)
def test_text_that_no_database_takes_is_refused_wherever_text_is_asked_for(still_scene: Scene, text: str) -> None:
    tried = 0
    with unchanged(still_scene.world):
        for request in TAKE_BODIES:
            body = request.filled(still_scene.ids).body
            for name in body:
                if name in {
                    "name",
                    "title",
                    "given_name",
                    "goal",
                    "funder",
                    "purpose",
                    "district",
                    "description",
                    "postcode",
                    "card_number",
                }:
                    if text == "a\rb" and name in {"goal", "purpose", "description"}:
                        continue
                    answer = send(still_scene, request, json.dumps(body | {name: text}))
                    assert outcome(answer) == (422, "invalid_request"), (name, answer.text)
                    assert answer.json()["errors"][0]["pointer"] == f"/{name}"
                    tried += 1
    assert tried >= 10


def test_of_two_fields_with_one_name_the_last_counts_and_nothing_is_done_twice(scene: Scene) -> None:
    ids = scene.ids
    before = scene.available()
    named = f'"opportunity_id": "{ids["opportunity_id"]}", "card_number": "{ids["card_number"]}", "pin": "{PIN}"'
    twice = "{" + named + ', "adults": %s, "adults": %s}'
    assert redeem(scene, twice % (1, -1)).status_code == 422
    assert scene.available() == before
    answer = redeem(scene, twice % (5, 2))
    assert (answer.status_code, answer.json()["minutes"]) == (201, 20)
    assert scene.available() == before - 19  # and the companion's one minute


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "json",
        "",
    ],
)
def test_json_that_is_sent_as_something_else_is_refused(still_scene: Scene, kind: str) -> None:
    with unchanged(still_scene.world):
        for request in TAKE_BODIES:
            body = json.dumps(request.filled(still_scene.ids).body)
            answer = send(still_scene, request, body, **{"Content-Type": kind})
            assert outcome(answer) == (422, "invalid_request"), answer.text


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/json;charset=latin-1", "application/merge-patch+json"]
)
def test_json_is_json_with_parameters_too(still_scene: Scene, kind: str) -> None:
    body = {"opportunity_id": still_scene.ids["opportunity_id"], "card_number": still_scene.ids["card_number"]}
    headers = {"Content-Type": kind}
    answer = still_scene.world.api.send(
        "POST", "/v1/redemptions/quote", as_="venue_staff", headers=headers, content=json.dumps(body)
    )
    assert answer.status_code == 200


def test_a_body_where_none_is_asked_for_is_not_read(still_scene: Scene) -> None:
    with unchanged(still_scene.world):
        for path, role in (("/v1/me", "person"), (f"/v1/people/{still_scene.ids['person_id']}", "group_leader")):
            answer = still_scene.world.api.send("GET", path, as_=role, headers=JSON, content=b"[" * 100_000)
            assert answer.status_code == 200
