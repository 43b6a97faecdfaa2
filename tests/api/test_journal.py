"""The journal, reversals and verification over HTTP."""

from concurrent.futures import ThreadPoolExecutor

from tests.api.conftest import World
from tests.factories import PIN
from timecredits.ledger import AccountKind, EntryKind
from timecredits.web.neutral import neutral_account, neutral_kind


def prescribe(world: World, minutes: int = 120) -> dict:
    body = {"person_id": world.person["id"], "minutes": minutes}
    return world.api.made("/v1/prescriptions", body, as_="wellbeing_worker")


def earn(world: World, minutes: int = 90) -> dict:
    activity = world.api.made("/v1/activities", {"title": "Gardening"}, as_="group_leader")
    body = {
        "activity_id": activity["id"],
        "person_id": world.person["id"],
        "minutes": minutes,
        "given_on": "2026-06-14",
    }
    return world.api.made("/v1/contributions", body, as_="group_leader")


def spend(world: World, minutes: int = 60) -> dict:
    venue = world.api.made("/v1/venues", {"partner_id": world.partner["id"], "name": "Pool"}, as_="coordinator")
    body = {
        "venue_id": venue["id"],
        "minutes": minutes,
        "card_number": world.person["card_number"],
        "pin": PIN,
    }
    return world.api.made("/v1/redemptions", body, as_="venue_staff")


def test_the_journal_says_neither_who_nor_prescription(world: World) -> None:
    prescribe(world)
    earn(world)
    spend(world)
    for role in ("coordinator", "auditor"):
        text = world.api.get("/v1/journal", as_=role).text
        for word in ("prescri", "companion", "earned", world.person["id"], world.service["id"]):
            assert word not in text, word
        kinds = [entry["kind"] for entry in world.api.get("/v1/journal", as_=role).json()["items"]]
        assert kinds == ["spend", "added", "added", "allocate", "allocate"]


def test_the_person_and_the_worker_see_kinds_and_others_neutral_ones(world: World) -> None:
    prescribe(world)
    path = f"/v1/people/{world.person['id']}"
    mine = world.api.get("/v1/me/statement", as_="person").json()["items"]
    assert [(line["kind"], line["description"]) for line in mine] == [("prescribe", "Credits to get you started")]
    leaders = world.api.get(f"{path}/statement", as_="group_leader").json()["items"]
    assert [(line["kind"], line["description"]) for line in leaders] == [("added", "Credits added")]
    assert world.api.get(f"{path}/balance", as_="wellbeing_worker").json()["pots"] is not None
    neutral = world.api.get(f"{path}/balance", as_="group_leader").json()
    assert (neutral["available_minutes"], neutral["pots"], neutral["companion_minutes"]) == (120, None, None)


def test_a_statement_adds_up_line_by_line(world: World) -> None:
    prescribe(world)
    earn(world)
    spend(world, 150)
    lines = world.api.get("/v1/me/statement", as_="person").json()["items"]
    assert [(line["minutes"], line["balance_after_minutes"]) for line in lines] == [(-150, 60), (90, 210), (120, 120)]
    balance = world.api.get("/v1/me/balance", as_="person").json()
    assert (balance["available_minutes"], balance["credits"]) == (60, "1")
    first = lines[-1]["recorded_at"]
    then = world.api.get("/v1/me/balance", as_="person", params={"at": first}).json()
    assert (then["available_minutes"], then["as_of"]) == (120, first)


def test_an_entry_is_put_right_once_by_its_mirror(world: World) -> None:
    earned = earn(world)
    path = f"/v1/journal/{earned['entry_id']}/reversal"
    mirror = world.api.made(path, {"reason": "wrong_amount"}, as_="coordinator")
    assert (mirror["reverses"], mirror["shortfall_minutes"]) == (earned["entry_id"], 0)
    assert world.api.get("/v1/me/balance", as_="person").json()["available_minutes"] == 0
    again = world.api.post(path, {"reason": "mistake"}, as_="coordinator")
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    original = world.api.get(f"/v1/journal/{earned['entry_id']}", as_="auditor").json()
    assert original["reversed_by"] == mirror["id"]


def test_of_two_reversals_at_once_one_succeeds(world: World) -> None:
    path = f"/v1/journal/{earn(world)['entry_id']}/reversal"
    with ThreadPoolExecutor(4) as threads:
        answers = list(
            threads.map(lambda _: world.api.post(path, {"reason": "mistake"}, as_="coordinator").status_code, range(4))
        )
    assert sorted(answers) == [201, 409, 409, 409]


def test_a_reversal_that_is_short_says_so_and_takes_what_is_there_if_told_to(world: World) -> None:
    earned = earn(world)
    spend(world, 60)
    path = f"/v1/journal/{earned['entry_id']}/reversal"
    refused = world.api.post(path, {"reason": "mistake"}, as_="coordinator")
    assert (refused.status_code, refused.json()["code"]) == (422, "reversal_short")
    assert refused.json()["shortfall_minutes"] == 60
    mirror = world.api.made(path, {"reason": "mistake", "as_far_as_possible": True}, as_="coordinator")
    assert mirror["shortfall_minutes"] == 60
    assert world.api.get("/v1/me/balance", as_="person").json()["available_minutes"] == 0


def test_what_has_an_action_of_its_own_is_not_reversed_here(world: World) -> None:
    prescribe(world)
    entry = world.api.get("/v1/journal?limit=1", as_="coordinator").json()["items"][0]
    refused = world.api.post(f"/v1/journal/{entry['id']}/reversal", {"reason": "mistake"}, as_="coordinator")
    assert (refused.status_code, refused.json()["code"]) == (422, "not_reversible")
    assert "prescri" not in refused.text


def test_a_reason_is_one_of_the_codes(world: World) -> None:
    path = f"/v1/journal/{earn(world)['entry_id']}/reversal"
    assert world.api.post(path, {"reason": "because"}, as_="coordinator").status_code == 422
    assert world.api.post(path, {"reason": "mistake"}, as_="auditor").status_code == 403


def test_a_verification_is_made_and_read(world: World) -> None:
    assert world.api.get("/v1/ledger/verification", as_="auditor").status_code == 404
    spend_nothing = world.api.made("/v1/ledger/verification", None, as_="auditor")
    assert (spend_nothing["consistent"], spend_nothing["entries"]) == (True, 2)
    prescribe(world)
    made = world.api.made("/v1/ledger/verification", None, as_="coordinator")
    assert (made["consistent"], made["entries"], made["first_disagreement"]) == (True, 3, None)
    assert world.api.get("/v1/ledger/verification", as_="auditor").json() == made
    for role in ("person", "venue_staff", "group_leader", "wellbeing_worker"):
        assert world.api.post("/v1/ledger/verification", as_=role).status_code == 403


CARE = {EntryKind.PRESCRIBE, EntryKind.WITHDRAW, EntryKind.EXPIRE}
CARE_ACCOUNTS = {AccountKind.PRESCRIBING_POT, AccountKind.PRESCRIBED, AccountKind.COMPANION, AccountKind.EXPIRED}


def test_no_neutral_word_stands_for_prescriptions_alone() -> None:
    ordinary = {neutral_kind(kind) for kind in set(EntryKind) - CARE}
    assert {neutral_kind(kind) for kind in CARE} <= ordinary
    ordinary = {neutral_account(kind) for kind in set(AccountKind) - CARE_ACCOUNTS}
    assert {neutral_account(kind) for kind in CARE_ACCOUNTS} <= ordinary


def test_a_balance_is_not_told_beforehand(world: World) -> None:
    answer = world.api.get("/v1/me/balance", as_="person", params={"at": "2199-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (422, "time_not_past")
