"""Reading: pages by cursor, versions by ETag."""

import base64

import pytest

from tests.factories import make_fund
from tests.web.conftest import Client, make_key


@pytest.fixture
def fund_path(programme) -> str:
    with programme.session() as session, session.begin():
        return f"/v1/test/funds/{make_fund(session, programme.coordinator).id}"


def walk(client, path: str) -> list[dict[str, object]]:
    """Follow the Link headers to the end of a list."""
    items = []
    for _ in range(20):
        answer = client.get(path)
        items += answer.json()["items"]
        if answer.json()["next"] is None:
            assert "Link" not in answer.headers
            return items
        assert f"cursor={answer.json()['next'].replace('=', '%3D')}" in answer.headers["Link"]
        path = answer.links["next"]["url"]
    raise AssertionError("the list has no end")


def test_pages_follow_each_other_without_gaps(client):
    made = [client.post("/v1/test/notes", {"minutes": 1}).json()["id"] for _ in range(7)]
    for limit in (1, 2, 3, 7, 8):
        assert [item["id"] for item in walk(client, f"/v1/test/notes?limit={limit}")] == made


def test_an_empty_list_is_one_page(client):
    assert client.get("/v1/test/notes").json() == {"items": [], "next": None}


@pytest.mark.parametrize("limit", [0, -1, 201, "x", 1.5, 10**30])
def test_a_page_has_from_1_to_200_items(client, limit):
    assert client.get(f"/v1/test/notes?limit={limit}").status_code == 422


@pytest.mark.parametrize("cursor", ["", "x", "=", "a" * 43, "é", "\x00", base64.urlsafe_b64encode(bytes(40)).decode()])
def test_a_cursor_that_nobody_gave_is_refused(client, cursor):
    answer = client.get("/v1/test/notes", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


def test_a_cursor_that_was_changed_is_refused(client):
    for _ in range(2):
        client.post("/v1/test/notes", {"minutes": 1})
    cursor = client.get("/v1/test/notes?limit=1").json()["next"]
    inside = bytearray(base64.urlsafe_b64decode(cursor))
    for place in range(len(inside)):
        changed = inside.copy()
        changed[place] ^= 1
        answer = client.get("/v1/test/notes", params={"cursor": base64.urlsafe_b64encode(changed).decode()})
        assert answer.json()["code"] == "invalid_cursor"


def test_an_edit_of_what_was_read_is_made_and_gives_the_next_version(client, fund_path):
    etag = client.get(fund_path).headers["ETag"]
    answer = client.send("PATCH", fund_path, json={"name": "Another name"}, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["name"]) == (200, "Another name")
    assert answer.headers["ETag"] == client.get(fund_path).headers["ETag"] != etag


def test_an_edit_of_an_older_version_is_refused(client, fund_path):
    etag = client.get(fund_path).headers["ETag"]
    client.send("PATCH", fund_path, json={"name": "First"}, headers={"If-Match": etag})
    answer = client.send("PATCH", fund_path, json={"name": "Second"}, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert client.get(fund_path).json()["name"] == "First"


@pytest.mark.parametrize("if_match", ["*", "1", 'W/"1"', '"x"', '"1", "2"'])
def test_an_edit_names_one_version(client, fund_path, if_match):
    answer = client.send("PATCH", fund_path, json={"name": "Another"}, headers={"If-Match": if_match})
    assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")


def test_an_edit_without_a_version_is_refused(client, fund_path):
    answer = client.send("PATCH", fund_path, json={"name": "Another name"})
    assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")


def test_only_what_was_sent_is_changed(client, fund_path):
    before = client.get(fund_path)
    answer = client.send("PATCH", fund_path, json={}, headers={"If-Match": before.headers["ETag"]})
    assert answer.json()["name"] == before.json()["name"]


def test_another_programme_sees_nothing(client, anonymous, fund_path, another_programme):
    other = Client(anonymous, make_key(another_programme))
    client.post("/v1/test/notes", {"minutes": 1})
    assert other.get("/v1/test/notes").json()["items"] == []
    assert other.get(fund_path).status_code == 404
    answer = other.send("PATCH", fund_path, json={"name": "x"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 404
