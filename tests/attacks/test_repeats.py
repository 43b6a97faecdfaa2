"""One request, sent again and again: one effect, and one outcome that stays."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from tests.attacks.scene import WRITES, WRONG_PIN, Scene, earn, outcome, unchanged
from tests.factories import PIN
from timecredits.access import Role
from timecredits.ledger import JournalEntry

MOVES = [request for request in WRITES if request.path != "/v1/redemptions/quote" and request.method == "POST"]


def entries(scene: Scene) -> int:
    """Count the journal's entries."""
    programme = scene.world.api.programme
    with programme.session() as session, session.begin():
        found = select(func.count()).select_from(JournalEntry).where(JournalEntry.programme_id == programme.id)
        return session.scalar(found) or 0


def test_a_repeat_of_any_request_changes_nothing_and_says_the_same(scene: Scene) -> None:
    for number, request in enumerate(MOVES):
        first = scene.send(request, idempotency_key=f"k{number}")
        assert first.status_code in {200, 201}, request
        with unchanged(scene.world):
            again = scene.send(request, idempotency_key=f"k{number}")
        assert again.status_code == first.status_code
        assert again.headers["Idempotency-Replayed"] == "true"
        # The text of a key is shown once.
        assert again.json() == first.json() | ({"key": None} if request.path == "/v1/keys" else {})


def test_of_ten_equal_redemptions_at_once_one_takes_credits(scene: Scene) -> None:
    before, start = entries(scene), threading.Barrier(10)

    def send(_: int):
        start.wait()
        return scene.redeem(key="k")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(send, range(10)))
    done = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.text for answer in done}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in done) == 1
    assert entries(scene) == before + 1
    assert scene.redeem(key="k").json() == done[0].json()
    assert entries(scene) == before + 1
    # No PIN was wrong, so the card is as open as before.
    assert scene.redeem().status_code == 201


def test_a_refused_spend_stays_refused_though_credits_have_come(scene: Scene) -> None:
    first = scene.redeem(adults=50, key="k")
    assert outcome(first) == (422, "insufficient_credits")
    earn(scene.world, scene.ids["person_id"], 1_000)
    with unchanged(scene.world):
        again = scene.redeem(adults=50, key="k")
        assert (again.status_code, again.json()) == (422, first.json())
        assert again.headers["Idempotency-Replayed"] == "true"
    assert scene.redeem(adults=50, key="another").status_code == 201


def test_a_wrong_pin_is_put_right_with_the_same_key(scene: Scene) -> None:
    before = entries(scene)
    assert outcome(scene.redeem(pin=WRONG_PIN, key="k")) == (422, "wrong_pin")
    assert entries(scene) == before
    right = scene.redeem(pin=PIN, key="k")
    assert (right.status_code, "Idempotency-Replayed" in right.headers) == (201, False)
    with unchanged(scene.world):
        again = scene.redeem(pin=WRONG_PIN, key="k")
        assert (again.status_code, again.json()) == (201, right.json())


def test_a_locked_card_is_not_remembered(scene: Scene) -> None:
    for _ in range(5):
        scene.redeem(pin=WRONG_PIN)
    assert outcome(scene.redeem(key="k")) == (429, "card_locked")
    path = f"/v1/people/{scene.ids['person_id']}/card-unlocking"
    assert scene.world.api.post(path, as_="group_leader").status_code == 200
    assert scene.redeem(key="k").status_code == 201


@pytest.mark.parametrize(
    "other",
    [
        {"adults": 2},
        {"children": 1},
        {"card_number": "<friend>"},
        {"external_reference": "r"},
        {"venue_id": "<venue>", "minutes": 1},
    ],
)
def test_a_key_stands_for_one_request_only(scene: Scene, other: dict[str, object]) -> None:
    known = {"<friend>": scene.ids["friend_card_number"], "<venue>": scene.ids["venue_id"]}
    assert scene.redeem(key="k").status_code == 201
    with unchanged(scene.world):
        answer = scene.redeem(key="k", **{name: known.get(str(value), value) for name, value in other.items()})
        assert outcome(answer) == (422, "idempotency_key_reused")


def test_a_key_stands_for_one_path_only(scene: Scene) -> None:
    first = scene.redeem(key="k").json()
    with unchanged(scene.world):
        answer = scene.world.api.post(f"/v1/redemptions/{first['id']}/undo", as_="venue_staff", idempotency_key="k")
        assert outcome(answer) == (422, "idempotency_key_reused")


def test_a_key_of_another_client_is_another_key(scene: Scene) -> None:
    first = scene.redeem(key="k").json()
    api = scene.world.api
    another = api.new_key(Role.VENUE_STAFF, organisation_id=scene.ids["partner_id"])
    body = {"opportunity_id": scene.ids["opportunity_id"], "card_number": scene.ids["card_number"], "pin": PIN}
    second = api.post("/v1/redemptions", body, as_=another, idempotency_key="k")
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]


def test_the_same_in_another_order_is_the_same_request(scene: Scene) -> None:
    body = {
        "opportunity_id": scene.ids["opportunity_id"],
        "card_number": scene.ids["card_number"],
        "pin": PIN,
        "adults": 1,
    }
    first = scene.world.api.post("/v1/redemptions", body, as_="venue_staff", idempotency_key="k")
    with unchanged(scene.world):
        backwards = dict(reversed(body.items())) | {"children": 0}
        again = scene.world.api.post("/v1/redemptions", backwards, as_="venue_staff", idempotency_key="k")
        assert (again.status_code, again.json()) == (201, first.json())


def test_who_asks_again_without_a_right_to_it_hears_nothing_of_the_outcome(scene: Scene) -> None:
    api = scene.world.api
    key = api.made("/v1/keys", {"name": "one more", "roles": ["auditor"]}, as_="coordinator")
    body = {"opportunity_id": scene.ids["opportunity_id"], "card_number": scene.ids["card_number"], "pin": PIN}
    assert scene.redeem(key="k").status_code == 201
    answer = api.post("/v1/redemptions", body, as_=key["key"], idempotency_key="k")
    assert outcome(answer) == (403, "forbidden")


def test_what_was_not_found_is_looked_for_again(scene: Scene) -> None:
    assert outcome(scene.redeem(opportunity_id=str(uuid4()), key="k")) == (404, "not_found")
    assert scene.redeem(key="k").status_code == 201
