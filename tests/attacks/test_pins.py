"""Guessing a PIN: each wrong guess is counted before anybody hears that it was wrong, however many come at once."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import InterfaceError

from tests.attacks.conftest import Clock
from tests.attacks.scene import WRONG_PIN, Scene, outcome, unchanged
from tests.factories import PIN
from timecredits.people.models import Card

COUNTERS = {"card", "idempotency_key"}


def tries(scene: Scene) -> tuple[int, int]:
    """Read the card's counters as everybody else sees them: tries, lock-outs."""
    programme = scene.world.api.programme
    with programme.session() as session, session.begin():
        person = Card.person_id == UUID(scene.ids["person_id"])
        card = session.scalars(select(Card).where(Card.programme_id == programme.id, person)).one()
        return card.tries, card.lockouts


@contextmanager
def nothing_taken(scene: Scene) -> Iterator[None]:
    with unchanged(scene.world, but=COUNTERS):
        yield


def guess(scene: Scene, pin: str = WRONG_PIN) -> tuple[int, str]:
    return outcome(scene.redeem(pin=pin))


def test_a_wrong_pin_is_counted_though_all_else_is_rolled_back(scene: Scene) -> None:
    with nothing_taken(scene):
        for number in range(1, 5):
            assert guess(scene) == (422, "wrong_pin")
            assert tries(scene) == (number, 0)
        assert guess(scene) == (422, "wrong_pin")
        assert tries(scene) == (0, 1)


def test_nobody_hears_that_a_guess_was_wrong_before_it_is_counted(scene: Scene) -> None:
    engine = scene.world.api.http.app.state.service.sessions.kw["bind"]

    def fail(_connection) -> None:
        message = "the connection broke"
        raise InterfaceError(message, None, RuntimeError())

    event.listen(engine, "commit", fail)
    heard = guess(scene)
    event.remove(engine, "commit", fail)
    assert (heard, tries(scene)) == ((503, "database_unavailable"), (0, 0))
    assert (guess(scene), tries(scene)) == ((422, "wrong_pin"), (1, 0))


def test_a_wrong_pin_leaves_its_key_to_the_right_one(scene: Scene) -> None:
    assert outcome(scene.redeem(pin=WRONG_PIN, key="k")) == (422, "wrong_pin")
    done = scene.redeem(key="k")
    assert done.status_code == 201
    assert "Idempotency-Replayed" not in done.headers
    assert scene.redeem(pin=WRONG_PIN, key="k").json() == done.json()
    assert tries(scene) == (0, 0)


def test_a_right_pin_forgets_the_wrong_ones(scene: Scene) -> None:
    for _ in range(4):
        guess(scene)
    assert scene.redeem().status_code == 201
    assert tries(scene) == (0, 0)
    for _ in range(4):
        assert guess(scene) == (422, "wrong_pin")


def test_of_twenty_guesses_at_once_at_most_five_are_compared(scene: Scene) -> None:
    start = threading.Barrier(20)

    def try_one(number: int) -> tuple[int, str]:
        start.wait()
        return guess(scene, f"{number:02}79")

    with nothing_taken(scene), ThreadPoolExecutor(20) as pool:
        heard = Counter(pool.map(try_one, range(20, 40)))
    assert heard == {(422, "wrong_pin"): 5, (429, "card_locked"): 15}
    assert tries(scene) == (0, 1)


def test_a_locked_card_refuses_the_right_pin_and_says_when_to_come_back(scene: Scene, clock: Clock) -> None:
    for _ in range(5):
        guess(scene)
    with unchanged(scene.world):
        for path in ("", "/quote"):
            body = {"opportunity_id": scene.ids["opportunity_id"], "card_number": scene.ids["card_number"], "pin": PIN}
            answer = scene.world.api.post(f"/v1/redemptions{path}", body, as_="venue_staff")
            assert outcome(answer) == (429, "card_locked")
            assert answer.headers["Retry-After"] == "900"
    clock.now += timedelta(minutes=14, seconds=59)
    assert guess(scene, PIN) == (429, "card_locked")
    clock.now += timedelta(seconds=1)
    assert scene.redeem().status_code == 201


@pytest.mark.parametrize("role", ["group_leader", "wellbeing_worker", "coordinator"])
def test_whoever_registers_people_unlocks_a_card(scene: Scene, role: str) -> None:
    for _ in range(5):
        guess(scene)
    for other in ("venue_staff", "auditor", "person"):
        path = f"/v1/people/{scene.ids['person_id']}/card-unlocking"
        assert scene.world.api.post(path, as_=other).status_code == 403
    assert scene.world.api.post(path, as_=role).status_code == 200
    assert scene.redeem().status_code == 201


def test_three_lock_outs_in_a_day_stay_until_somebody_unlocks(scene: Scene, clock: Clock) -> None:
    for _ in range(3):
        for _ in range(5):
            assert guess(scene) == (422, "wrong_pin")
        assert guess(scene) == (429, "card_locked")
        clock.now += timedelta(minutes=15)
    for later in (timedelta(0), timedelta(days=2), timedelta(days=300)):
        clock.now += later
        with unchanged(scene.world):
            answer = scene.redeem()
            assert outcome(answer) == (429, "card_locked")
            assert int(answer.headers["Retry-After"]) >= 3600
    path = f"/v1/people/{scene.ids['person_id']}/card-unlocking"
    assert scene.world.api.post(path, as_="group_leader").status_code == 200
    assert scene.redeem().status_code == 201


def test_lock_outs_of_another_day_do_not_add_up(scene: Scene, clock: Clock) -> None:
    for _ in range(4):
        for _ in range(5):
            assert guess(scene) == (422, "wrong_pin")
        clock.now += timedelta(days=1, seconds=1)
    assert scene.redeem().status_code == 201


def test_guesses_at_two_venues_and_by_quotes_count_together(scene: Scene) -> None:
    venue = {"venue_id": scene.ids["venue_id"], "minutes": 1}
    swim = {"opportunity_id": scene.ids["opportunity_id"]}
    for number in range(5):
        body = {"card_number": scene.ids["card_number"], "pin": WRONG_PIN, **(venue if number % 2 else swim)}
        path = "/v1/redemptions/quote" if number % 3 else "/v1/redemptions"
        assert outcome(scene.world.api.post(path, body, as_="venue_staff")) == (422, "wrong_pin")
    assert guess(scene, PIN) == (429, "card_locked")


def test_a_card_is_one_however_its_number_is_written(scene: Scene) -> None:
    card = scene.ids["card_number"]
    for written in (card, card.lower(), f" {card[:4]}-{card[4:]} ", " ".join(card), card):
        answer = scene.redeem(pin=WRONG_PIN, card_number=written)
        assert outcome(answer) == (422, "wrong_pin")
    assert guess(scene, PIN) == (429, "card_locked")


def test_a_card_without_a_pin_has_no_right_one(scene: Scene) -> None:
    person = scene.world.api.made("/v1/people", {"given_name": "Di"}, as_="group_leader")
    for pin in ("0000", PIN, "1379"):
        assert outcome(scene.redeem(pin=pin, card_number=person["card_number"])) == (422, "wrong_pin")


@pytest.mark.parametrize("pin", ["1234", "4321", "1111", "1212", "0123", "9876"])
def test_a_pin_that_anybody_would_try_first_is_not_taken(scene: Scene, pin: str) -> None:
    with unchanged(scene.world, but={"idempotency_key"}):
        path = f"/v1/people/{scene.ids['person_id']}/pin"
        answer = scene.world.api.send("PUT", path, as_="person", json={"pin": pin})
        assert outcome(answer) == (422, "trivial_pin")
        assert pin not in answer.text


def test_a_right_pin_while_the_database_is_busy_locks_no_card(scene: Scene) -> None:
    programme = scene.world.api.programme
    with programme.session() as holding, holding.begin(), ThreadPoolExecutor(5) as pool:
        holding.execute(text("SELECT id FROM account FOR UPDATE"))
        assert list(pool.map(lambda _: guess(scene, PIN), range(5))) == [(503, "busy")] * 5
    assert tries(scene) == (0, 0)
    assert scene.redeem().status_code == 201


def test_a_group_that_knows_a_card_does_not_get_hold_of_its_pin(scene: Scene) -> None:
    with unchanged(scene.world):
        path = f"/v1/people/{scene.ids['person_id']}/pin"
        for role in ("group_leader", "venue_staff", "auditor"):
            assert outcome(scene.world.api.send("PUT", path, as_=role, json={"pin": WRONG_PIN})) == (403, "forbidden")
    assert scene.redeem().status_code == 201
