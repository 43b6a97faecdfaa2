"""The service's database connection breaks at any byte: no success is claimed, none is forgotten, and it recovers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from random import Random
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from tests.attacks.scene import Scene, earn, outcome
from tests.conftest import NOW, make_programme
from tests.faults.effects import KINDS, READ, Effects, Rows, ids, make_rich_scene, new_key
from tests.faults.proxy import COMMIT, Fault, Proxy, Then, Way, database_address, detour
from tests.faults.service import until
from timecredits.main import create_app
from timecredits.settings import Settings

# PostgreSQL's answer to a COMMIT: that it is done, in 12 bytes, and that the next may come, in 6.
COMMITTED = 18
NEVER = 1_000
LOST = (503, "database_unavailable")


@pytest.fixture(scope="module")
def below(settings: Settings) -> Iterator[Proxy]:
    """Give a proxy between the service and PostgreSQL."""
    assert settings.database_url is not None
    with Proxy(database_address(settings.database_url.get_secret_value())) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def inside(below: Proxy, settings: Settings, sessions) -> Iterator[Scene]:
    """Give a scene in a service that reaches its database only through that proxy."""
    assert settings.database_url is not None
    url = SecretStr(detour(settings.database_url.get_secret_value(), below))
    few = {"threads": 2, "pool_timeout_seconds": 2, "lock_timeout_milliseconds": 300}
    app = create_app(settings.model_copy(update={"database_url": url, **few}), clock=lambda: NOW)
    with TestClient(app, raise_server_exceptions=False) as http:
        yield make_rich_scene(http, make_programme(sessions))


def hang_up(scene: Scene, proxy: Proxy) -> None:
    """Let go of all database connections, so that the next request makes one."""
    scene.world.api.http.app.state.service.sessions.kw["bind"].dispose()
    proxy.join()


def points(length: int, chance: Random, count: int) -> list[int]:
    """Choose where to cut so many bytes. The last are left out: a number in them may have a digit less another time."""
    return [0, 1, *(chance.randrange(2, length - 100) for _ in range(count))]


def measured(proxy: Proxy, effects: Effects, chance: Random) -> tuple[dict[Way, int], Rows]:
    """Let a request happen without a fault: how many bytes each side says, and the rows that it makes."""
    before = dict(proxy.passed)
    whole = effects.one(chance)
    return {way: proxy.passed[way] - before[way] for way in Way}, whole


def once_more(effects: Effects, key: str, *, lost: int = 0) -> Any:
    """Send a request again as its client would, until it is done. So many answers may be lost to broken connections.

    It may also find that the server has not yet noticed that it should give up the first try.
    """
    answers = []

    def done() -> bool:
        answers.append(effects.send(key))
        if answers[-1].status_code in {200, 201}:
            return True
        assert outcome(answers[-1]) in {LOST, (503, "busy"), (409, "idempotency_key_in_use")}, answers[-1].text
        return False

    until(done, "it was not done")
    assert sum(outcome(answer) == LOST for answer in answers[:-1]) <= lost
    return answers[-1]


def assert_come_back(answer: Any) -> None:
    assert outcome(answer) == LOST, answer.text
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("kind", KINDS)
def test_when_the_answer_to_a_commit_is_lost_no_success_is_claimed_and_none_is_forgotten(
    kind: str, inside: Scene, below: Proxy, chance: Random
) -> None:
    effects, done = Effects(inside, kind), []
    with below.having(Fault(Way.REQUEST, mark=COMMIT, nth=NEVER)) as nowhere:
        whole = effects.one(chance)
    cuts = [(Way.REQUEST, after) for after in (0, 1, len(COMMIT) - 1, len(COMMIT))]
    cuts += [(Way.ANSWER, after) for after in (0, 1, COMMITTED - 6, COMMITTED - 1, COMMITTED)]
    assert nowhere.marks >= 1
    for nth, (way, after) in product(range(1, nowhere.marks + 1), cuts):
        key, before = new_key(chance), effects.rows()
        with below.having(Fault(way, after, mark=COMMIT, nth=nth)) as fault:
            answer = effects.send(key)
            assert fault.happened.is_set()
        happened = effects.happened(before, whole)
        if answer.status_code == 503:
            assert_come_back(answer)
            assert (nth, way, after) != (nowhere.marks, Way.ANSWER, COMMITTED)
        else:
            # Cut behind the last COMMIT, a quick server's answer may come through before the cut.
            assert nth == nowhere.marks, answer.text
            assert (way, after) in {(Way.REQUEST, len(COMMIT)), (Way.ANSWER, COMMITTED)}, answer.text
            assert happened
        if (way, after) != (Way.REQUEST, len(COMMIT)):
            assert happened == (nth == nowhere.marks and way is Way.ANSWER)
        again = once_more(effects, key, lost=2)
        assert effects.rows() == before + whole
        assert ("Idempotency-Replayed" in again.headers) == happened or (way, after) == (Way.REQUEST, len(COMMIT))
        done += ids(again)
    effects.assert_once(done)


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_the_database_connection_breaks_the_client_is_asked_to_come_back_and_it_happens_once(
    kind: str, inside: Scene, below: Proxy, chance: Random, rounds: int
) -> None:
    effects, done = Effects(inside, kind), []
    hang_up(inside, below)
    lengths, whole = measured(below, effects, chance)
    for way, length in lengths.items():
        for after in points(length, chance, 4 * rounds):
            hang_up(inside, below)
            key, before = new_key(chance), effects.rows()
            with below.having(Fault(way, after, then=chance.choice((Then.CUT, Then.RESET)))) as fault:
                answer = effects.send(key)
                assert fault.happened.is_set()
            if answer.status_code == 503:
                assert_come_back(answer)
                effects.happened(before, whole)
            else:
                assert answer.status_code in {200, 201}, answer.text
                assert effects.happened(before, whole)
            done += ids(once_more(effects, key, lost=2))
            assert effects.rows() == before + whole
    effects.assert_once(done)


def test_wherever_the_database_connection_breaks_while_reading_the_next_reading_is_right(
    inside: Scene, below: Proxy, chance: Random, rounds: int
) -> None:
    hang_up(inside, below)
    before = dict(below.passed)
    balance = inside.send(READ).json()
    lengths = {way: below.passed[way] - before[way] for way in Way}
    for way, length in lengths.items():
        for after in points(length, chance, 4 * rounds):
            hang_up(inside, below)
            with below.having(Fault(way, after)) as fault:
                answer = inside.send(READ)
                assert fault.happened.is_set()
            if answer.status_code != 200:
                assert_come_back(answer)
                answer = inside.send(READ)
            assert answer.json() == balance
    assert inside.world.api.http.get("/readyz").status_code == 200


@pytest.mark.parametrize("way", Way)
def test_a_refusal_is_remembered_only_if_its_commit_was_done_whatever_was_heard_of_it(
    way: Way, inside: Scene, below: Proxy, chance: Random
) -> None:
    till = Effects(inside, "redemption")
    hire = {"venue_id": inside.ids["venue_id"], "minutes": inside.available() + 100}
    with below.having(Fault(Way.REQUEST, mark=COMMIT, nth=NEVER)) as nowhere:
        assert outcome(inside.redeem(key=new_key(chance), **hire)) == (422, "insufficient_credits")
    key, before = new_key(chance), till.rows()
    with below.having(Fault(way, mark=COMMIT, nth=nowhere.marks)) as fault:
        assert_come_back(inside.redeem(key=key, **hire))
        assert fault.happened.is_set()
    remembered = till.rows() - before
    assert remembered == ({"idempotency_key": 1} if way is Way.ANSWER else {})
    earn(inside.world, inside.ids["person_id"], 200)
    again = inside.redeem(key=key, **hire)
    if way is Way.ANSWER:
        assert outcome(again) == (422, "insufficient_credits")
        assert again.headers["Idempotency-Replayed"] == "true"
        assert till.rows()["redemption"] == before["redemption"]
    else:
        assert again.status_code == 201
        till.assert_once([again.json()["id"]])


def test_while_the_answer_to_one_commit_is_late_others_are_served(inside: Scene, below: Proxy, chance: Random) -> None:
    gift = Effects(inside, "gift")
    whole, before = gift.one(chance), gift.rows()
    with (
        ThreadPoolExecutor(1) as pool,
        below.having(Fault(Way.ANSWER, mark=COMMIT, then=Then.STALL)) as fault,
    ):
        late = pool.submit(gift.send, new_key(chance))
        assert fault.happened.wait(60)
        assert gift.rows() == before + whole
        other = gift.send(new_key(chance))
        assert other.status_code == 201
        assert not late.done()
        fault.released.set()
        assert late.result().status_code == 201
    assert gift.rows() == before + whole + whole
    gift.assert_once([other.json()["id"], late.result().json()["id"]])


def test_what_a_lost_connection_still_holds_is_refused_in_good_time_and_free_when_the_server_hears_of_it(
    inside: Scene, below: Proxy, chance: Random
) -> None:
    till = Effects(inside, "redemption")
    whole, key, before = till.one(chance), new_key(chance), till.rows()
    with below.having(Fault(Way.REQUEST, mark=COMMIT, then=Then.ORPHAN)) as fault:
        assert_come_back(till.send(key))
        assert fault.happened.is_set()
        # The server waits for a COMMIT that will never come, and keeps the key and the accounts locked meanwhile.
        assert outcome(till.send(key)) == (409, "idempotency_key_in_use")
        busy = till.send(new_key(chance))
        assert outcome(busy) == (503, "busy")
        assert int(busy.headers["Retry-After"]) >= 1
        assert inside.send(READ).status_code == 200
        assert till.rows() == before
    again = once_more(till, key)
    assert till.rows() == before + whole
    till.assert_once(ids(again))


def test_when_all_idle_connections_are_gone_one_answer_is_lost_at_most(
    inside: Scene, below: Proxy, chance: Random
) -> None:
    gift = Effects(inside, "gift")
    with ThreadPoolExecutor(2) as pool:
        assert [one.status_code for one in pool.map(gift.send, [new_key(chance), new_key(chance)])] == [201, 201]
    whole, before = gift.one(chance), gift.rows()
    below.cut_all()
    key = new_key(chance)
    again = once_more(gift, key, lost=1)
    assert gift.rows() == before + whole
    gift.assert_once(ids(again))
