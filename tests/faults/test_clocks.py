"""Clocks that step back, and instances an hour apart: the order of entries, repeats, locks and keys stay right."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby, pairwise
from operator import itemgetter
from random import Random

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.api.conftest import make_api, make_world
from tests.attacks.conftest import Clock
from tests.attacks.scene import WRONG_PIN, Scene, make_scene, outcome
from tests.conftest import NOW, Programme
from tests.ledger.books import Books, draws, moves
from timecredits import ledger
from timecredits.database import new_id
from timecredits.ledger import Line, Posted, TransferKind
from timecredits.main import create_app
from timecredits.settings import Settings

HOUR, MINUTE, TICK = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
LOCK = 15 * MINUTE
TELLERS, TURNS = 4, 12
# Every step on every account, with the entry and the time that it was given.
STEPS = text(
    """
    SELECT source_id AS account_id, source_seq AS seq, entry_id, recorded_at FROM transfer
    UNION ALL SELECT target_id, target_seq, entry_id, recorded_at FROM transfer ORDER BY account_id, seq
    """
)


class Neighbour:
    """Somebody with two prescriptions and time given, so that their statement spans three accounts."""

    def __init__(self, books: Books) -> None:
        """Open them, with something in each."""
        self.id = new_id()
        self.pots = (books.prescription(self.id, 500), books.prescription(self.id, 500), books.earned(self.id, 500))


@pytest.fixture
def books(programme: Programme) -> Books:
    return Books(programme)


def post_some(books: Books, people: list[Neighbour], dice: Random, clock: datetime) -> list[datetime]:
    """Post a few entries between these people, and give their times."""
    who, other = dice.sample(people, 2)
    asked = [
        moves(TransferKind.GIFT, who.pots[2], other.pots[2], dice.randint(1, 5)),
        moves(TransferKind.EARN, books.group, other.pots[2], dice.randint(1, 5)),
        moves(TransferKind.PRESCRIBE, books.pot, who.pots[dice.randint(0, 1)], dice.randint(1, 5)),
        draws(TransferKind.SPEND, other.pots, books.partner, dice.randint(1, 9)),
    ]
    outcomes = books.post(*dice.sample(asked, dice.randint(1, 4)), now=clock)
    return [each.recorded_at for each in outcomes if isinstance(each, Posted)]


def post_with_other_clocks(
    books: Books, people: list[Neighbour], chance: Random, turns: int
) -> list[tuple[datetime, datetime]]:
    """Let several post at once, their clocks up to an hour apart and stepping, and give each entry's clock and time."""

    def tell(dice: Random) -> list[tuple[datetime, datetime]]:
        told, ahead = [], HOUR * dice.uniform(-0.5, 0.5)
        for _ in range(turns):
            clock = NOW + ahead + MINUTE * dice.uniform(-5, 5)
            told += [(clock, recorded_at) for recorded_at in post_some(books, people, dice, clock)]
        return told

    dice = [Random(chance.random()) for _ in range(TELLERS)]
    with ThreadPoolExecutor(TELLERS) as pool:
        return [pair for told in pool.map(tell, dice) for pair in told]


def neighbours(books: Books) -> list[Neighbour]:
    """Have a few people, and enough to give to them."""
    for account_id in (books.pot, books.group):
        books.move(TransferKind.ALLOCATE, books.fund, account_id, 100_000)
    return [Neighbour(books) for _ in range(3)]


def assert_time_rises(books: Books) -> None:
    """Walk along every account: a later step of another entry has a later time, without exception."""
    with books.transaction() as session:
        steps = session.execute(STEPS).all()
    for _, found in groupby(steps, key=itemgetter(0)):
        walk = list(found)
        assert [step.seq for step in walk] == list(range(1, len(walk) + 1))
        assert all(
            before.recorded_at < after.recorded_at or before.entry_id == after.entry_id
            for before, after in pairwise(walk)
        )
    assert books.disagreement() is None


def test_time_rises_on_every_account_though_clocks_are_an_hour_apart_and_step(
    books: Books, chance: Random, rounds: int
) -> None:
    told = post_with_other_clocks(books, neighbours(books), chance, TURNS * rounds)
    assert_time_rises(books)
    assert all(recorded_at >= clock for clock, recorded_at in told)
    assert any(recorded_at > clock + MINUTE for clock, recorded_at in told)


def test_a_clock_that_falls_with_every_posting_puts_each_a_microsecond_after_the_one_before(
    books: Books, chance: Random, rounds: int
) -> None:
    earned, clock = books.earned(new_id(), 1_000), NOW + 400 * 24 * HOUR
    first = books.move(TransferKind.SPEND, earned, books.partner, 1, now=clock).recorded_at
    assert first == clock
    for number in range(1, 10 * rounds + 1):
        clock -= chance.choice((TICK, MINUTE, HOUR, 24 * HOUR, 30 * 24 * HOUR)) * chance.random()
        assert books.move(TransferKind.SPEND, earned, books.partner, 1, now=clock).recorded_at == first + number * TICK
    assert_time_rises(books)


def page_by_page(books: Books, who: Neighbour, limit: int, between: Callable[[], object]) -> list[Line]:
    """Read a statement to its end, and let something happen between the pages."""
    found: list[Line] = []
    while True:
        with books.transaction() as session:
            before = (found[-1].recorded_at, found[-1].entry_id) if found else None
            page = ledger.statement(session, books.id, who.id, before=before, limit=limit)
        if not page:
            return found
        found += page
        between()


def test_statements_page_without_loss_or_repeats_while_a_slow_clock_posts(
    books: Books, chance: Random, rounds: int
) -> None:
    for _ in range(rounds):
        people = neighbours(books)
        post_with_other_clocks(books, people, chance, TURNS)
        for who, limit in zip(people, (1, 4, 15), strict=True):
            whole = page_by_page(books, who, 10**6, lambda: None)
            assert whole[0].balance_after_minutes == sum(books.balance(pot) for pot in who.pots)
            for line, before in pairwise(whole):
                assert line.balance_after_minutes - line.minutes == before.balance_after_minutes
            assert page_by_page(books, who, limit, lambda: None) == whole
            # What is posted meanwhile may be on a page that is still to come, and takes no other line's place.
            paged = page_by_page(books, who, limit, partial(post_some, books, people, chance, NOW - HOUR))
            ids = [line.entry_id for line in paged]
            assert len(ids) == len(set(ids))
            assert {line.entry_id for line in whole} <= set(ids)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scene(settings: Settings, programme: Programme, clock: Clock) -> Iterator[Scene]:
    """Give one of everything over HTTP. Nothing stays in a process, so that its clock may stand for another one's."""
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as http:
        yield make_scene(make_world(make_api(http, programme)))


def test_a_repeat_is_known_again_whatever_the_clock_shows_by_then(scene: Scene, clock: Clock) -> None:
    done, refused = scene.redeem(key="done"), scene.redeem(key="refused", adults=50)
    assert (done.status_code, outcome(refused)) == (201, (422, "insufficient_credits"))
    left = scene.available()
    for step in (-TICK, -HOUR, -400 * 24 * HOUR, HOUR):
        clock.now = NOW + step
        again = scene.redeem(key="done")
        assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, done.json(), "true")
        assert scene.redeem(key="refused", adults=50).json() == refused.json()
        assert outcome(scene.redeem(key="done", adults=2)) == (422, "idempotency_key_reused")
        assert scene.available() == left
    clock.now = NOW - HOUR
    assert scene.redeem(key="new").json()["redeemed_at"] > done.json()["redeemed_at"]


def lock_card(scene: Scene) -> None:
    """Guess wrong until the card is locked."""
    assert [outcome(scene.redeem(pin=WRONG_PIN)) for _ in range(5)] == [(422, "wrong_pin")] * 5
    assert outcome(scene.redeem()) == (429, "card_locked")


def test_a_step_of_the_clock_makes_a_lock_out_longer_or_shorter_by_no_more_than_the_step(
    scene: Scene, clock: Clock, chance: Random, rounds: int
) -> None:
    for _ in range(3 * rounds):
        clock.now = NOW
        lock_card(scene)
        step = HOUR * chance.uniform(-1, 0.2)
        for passed in (timedelta(0), (LOCK - step) * chance.random(), LOCK - step - TICK):
            clock.now = NOW + step + passed
            assert outcome(scene.redeem()) == (429, "card_locked")
        clock.now = NOW + LOCK
        assert scene.redeem().status_code == 201


def test_guesses_count_together_whatever_each_clock_shows(scene: Scene, clock: Clock, chance: Random) -> None:
    # Two lock-outs may end at once on an instance that is ahead; the third ends on none.
    clocks = [NOW + HOUR * chance.uniform(-1, 1) for _ in range(20)]
    clocks += [NOW + number * HOUR for number in (2, 3, 4) for _ in range(6)]
    heard = Counter[tuple[int, str]]()
    for clock.now in clocks:
        heard[outcome(scene.redeem(pin=WRONG_PIN))] += 1
    assert heard == {(422, "wrong_pin"): 15, (429, "card_locked"): len(clocks) - 15}
    # However wrong a clock was, somebody who knows the person unlocks the card at once.
    clock.now = NOW - 400 * 24 * HOUR
    assert outcome(scene.redeem()) == (429, "card_locked")
    path = f"/v1/people/{scene.ids['person_id']}/card-unlocking"
    assert scene.world.api.post(path, as_="group_leader").status_code == 200
    assert scene.redeem().status_code == 201


def test_a_key_ends_by_the_clock_that_is_asked_and_a_revoked_one_by_none(scene: Scene, clock: Clock) -> None:
    body = {"name": "one more", "roles": ["auditor"], "expires_at": (NOW + HOUR).isoformat()}
    key = scene.world.api.made("/v1/keys", body, as_="coordinator")
    shown = {TICK - HOUR: 200, HOUR - TICK: 200, HOUR: 401, 2 * HOUR: 401}
    for step, status in (*shown.items(), *reversed(shown.items())):
        clock.now = NOW + step
        assert scene.world.api.get("/v1/me", as_=key["key"]).status_code == status
    assert scene.world.api.send("DELETE", f"/v1/keys/{key['id']}", as_="coordinator").status_code == 204
    for step in shown:
        clock.now = NOW + step - HOUR
        assert scene.world.api.get("/v1/me", as_=key["key"]).status_code == 401
