"""Performing: one effect for one request, whatever goes wrong."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from tests.web import notes
from tests.web.conftest import Client, make_key
from timecredits.web.idempotency import IdempotencyKey

BODY = {"minutes": 60}


@pytest.fixture
def counted(programme):
    """Count rows of the audit on a connection that sees only what is committed."""

    def count() -> int:
        with programme.session() as session, session.begin():
            return notes.count(session)

    return count


@pytest.fixture
def hook(request):
    """Let the action do something besides: give the outcome to ask for."""

    def put(do) -> str:
        notes.hooks[request.node.name] = do
        return request.node.name

    yield put
    notes.hooks.pop(request.node.name, None)


def raise_in_database(session, code: str) -> None:
    session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END $$"))


def test_the_commit_comes_before_the_answer(app, client, counted):
    seen = []

    async def watched(scope, receive, send):
        async def watch(message):
            if message["type"] == "http.response.start":
                seen.append(counted())
            await send(message)

        await app(scope, receive, watch)

    client.http = TestClient(watched)
    assert client.post("/v1/test/notes", BODY).status_code == 201
    assert seen == [1]


def test_without_a_key_each_request_has_its_effect(client, counted):
    first, second = client.post("/v1/test/notes", BODY), client.post("/v1/test/notes", BODY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert counted() == 2


def test_a_repeat_gives_the_first_outcome_and_no_second_effect(client, counted):
    first = client.post("/v1/test/notes", BODY, idempotency_key="k")
    client.post("/v1/test/notes", BODY, idempotency_key="another")
    again = client.post("/v1/test/notes", BODY, idempotency_key="k")
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.json()["notes"] == 1
    assert counted() == 2


def test_a_key_is_kept_as_a_hash_and_an_answer_without_its_text(client, programme):
    client.post("/v1/test/notes", BODY, idempotency_key="k")
    with programme.session() as session, session.begin():
        (kept,) = session.scalars(select(IdempotencyKey))
    assert kept.key_hash != b"k"
    assert set(kept.figures) == {"id", "notes", "recorded_at"}


def test_a_refusal_is_remembered_and_leaves_nothing_else(client, counted):
    sent = {"minutes": 60, "outcome": "refused"}
    first = client.post("/v1/test/notes", sent, idempotency_key="k")
    again = client.post("/v1/test/notes", sent, idempotency_key="k")
    assert first.status_code == again.status_code == 422
    assert again.json() == first.json()
    assert again.json()["needed_minutes"] == 90
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert counted() == 0


@pytest.mark.parametrize("outcome", ["not_found", "forbidden", "conflict", "not_remembered", "broken"])
def test_what_is_no_rule_is_not_remembered(client, counted, outcome):
    for _ in range(2):
        answer = client.post("/v1/test/notes", {"minutes": 60, "outcome": outcome}, idempotency_key="k")
        assert answer.status_code in {403, 404, 409, 422, 500}
        assert "Idempotency-Replayed" not in answer.headers
    assert counted() == 0
    assert client.post("/v1/test/notes", BODY, idempotency_key="k").status_code == 201


def test_a_key_belongs_to_one_request(client, counted):
    client.post("/v1/test/notes", BODY, idempotency_key="k")
    for path, body in (("/v1/test/notes", {"minutes": 61}), ("/v1/test/notes/once", BODY)):
        answer = client.post(path, body, idempotency_key="k")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert counted() == 1


def test_a_pin_is_no_part_of_the_request(client):
    client.post("/v1/test/notes", {"minutes": 60, "pin": "1379"}, idempotency_key="k")
    again = client.post("/v1/test/notes", {"minutes": 60, "pin": "2468"}, idempotency_key="k")
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_key_of_another_client_is_another_key(client, programme, anonymous, counted):
    other = Client(anonymous, make_key(programme))
    client.post("/v1/test/notes", BODY, idempotency_key="k")
    assert "Idempotency-Replayed" not in other.post("/v1/test/notes", BODY, idempotency_key="k").headers
    assert counted() == 2


@pytest.mark.parametrize("outcome", ["done", "refused"])
def test_two_at_once_have_one_effect(client, counted, outcome):
    start = threading.Barrier(2)
    notes.hooks[outcome] = lambda session: session.execute(text("SELECT pg_sleep(0.1)"))

    def send(_):
        start.wait()
        return client.post("/v1/test/notes", {"minutes": 60, "outcome": outcome}, idempotency_key="k")

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(send, range(2)))
    del notes.hooks[outcome]
    assert answers[0].json() == answers[1].json()
    assert sorted(answer.headers.get("Idempotency-Replayed", "") for answer in answers) == ["", "true"]
    assert counted() == (outcome == "done")


def test_the_second_of_two_does_not_wait_for_ever(client, counted, hook):
    working, may_end = threading.Event(), threading.Event()

    def work(_session):
        working.set()
        may_end.wait(10)

    sent = {"minutes": 60, "outcome": hook(work)}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/v1/test/notes", sent, idempotency_key="k")
        working.wait(10)
        second = client.post("/v1/test/notes", sent, idempotency_key="k")
        may_end.set()
        assert first.result().status_code == 201
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_in_use")
    assert counted() == 1


@pytest.mark.parametrize("code", ["40P01", "40001"])
def test_a_deadlock_is_run_again(client, counted, hook, code):
    failures = iter([code, code])

    def fail_twice(session):
        if state := next(failures, None):
            raise_in_database(session, state)

    answer = client.post("/v1/test/notes", {"minutes": 60, "outcome": hook(fail_twice)}, idempotency_key="k")
    assert answer.status_code == 201
    assert counted() == 1


def test_after_three_deadlocks_the_client_is_asked_to_come_back(client, counted, hook):
    outcome = hook(lambda session: raise_in_database(session, "40P01"))
    answer = client.post("/v1/test/notes", {"minutes": 60, "outcome": outcome}, idempotency_key="k")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "busy", "1")
    assert counted() == 0


def test_a_refusal_that_leaves_traces_commits_them_and_frees_the_key(client, counted):
    for effects in (1, 2):
        answer = client.post("/v1/test/notes/once", {"minutes": 60, "outcome": "traced"}, idempotency_key="k")
        assert (answer.status_code, answer.json()["code"]) == (422, "traced")
        assert counted() == effects
    other = client.post("/v1/test/notes/once", {"minutes": 61}, idempotency_key="k")
    again = client.post("/v1/test/notes/once", {"minutes": 61}, idempotency_key="k")
    assert (other.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert counted() == 3


def test_what_a_refusal_leaves_is_committed_before_anybody_hears_of_it(app, client, counted):
    seen = []

    async def watched(scope, receive, send):
        async def watch(message):
            seen.append(counted())
            await send(message)

        await app(scope, receive, watch)

    client.http = TestClient(watched)
    assert client.post("/v1/test/notes", {"minutes": 60, "outcome": "traced"}).status_code == 422
    assert set(seen) == {1}


def test_a_batch_has_an_outcome_for_each_item_and_remembers_them_all(client, counted):
    sent = {"items": [BODY, {"minutes": 60, "outcome": "refused"}, BODY]}
    first = client.post("/v1/test/notes/batch", sent, idempotency_key="k")
    again = client.post("/v1/test/notes/batch", sent, idempotency_key="k")
    items = first.json()["items"]
    assert [item["status"] for item in items] == [201, 422, 201]
    assert (items[1]["code"], items[1]["figures"]) == ("too_many_notes", {"needed_minutes": 90})
    assert again.json() == first.json()
    assert counted() == 2


@pytest.mark.parametrize("key", ["", "two words", "é".encode("latin-1"), "x" * 256])
def test_a_key_is_visible_ascii(client, key):
    answer = client.post("/v1/test/notes", BODY, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


def test_what_moves_credits_needs_a_key(client, counted):
    answer = client.post("/v1/test/notes/once", BODY)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert counted() == 0
