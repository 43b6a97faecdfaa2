"""Organisations, funds, allocations, keys and people over HTTP."""

from uuid import uuid4

from tests.api.conftest import Api, World
from timecredits.access import Role


def test_a_fund_says_what_it_has_issued(world: World) -> None:
    fund = world.api.get(f"/v1/funds/{world.fund['id']}", as_="coordinator").json()
    assert (fund["issued_minutes"], fund["remaining_minutes"]) == (12_000, 88_000)


def test_a_fund_is_changed_only_as_it_was_read(world: World) -> None:
    path = f"/v1/funds/{world.fund['id']}"
    etag = world.api.get(path, as_="coordinator").headers["ETag"]
    changed = world.api.patch(path, {"purpose": "Getting out"}, as_="coordinator", etag=etag)
    assert (changed.status_code, changed.json()["purpose"]) == (200, "Getting out")
    assert world.api.patch(path, {"purpose": "X"}, as_="coordinator", etag=etag).status_code == 412
    fresh = changed.headers["ETag"]
    low = world.api.patch(path, {"authorised_minutes": 11_999}, as_="coordinator", etag=fresh)
    assert (low.status_code, low.json()["code"], low.json()["issued_minutes"]) == (422, "fund_below_issued", 12_000)


def test_dates_of_a_fund_cannot_be_changed_past_each_other(api: Api) -> None:
    body = {"name": "F", "funder": "A", "authorised_minutes": 60, "starts_on": "2026-06-01", "ends_on": "2026-07-01"}
    fund = api.made("/v1/funds", body, as_="coordinator")
    answer = api.patch(f"/v1/funds/{fund['id']}", {"ends_on": "2026-05-01"}, as_="coordinator", etag='"1"')
    assert (answer.status_code, answer.json()["code"]) == (422, "fund_dates_crossed")


def test_a_worker_sees_the_pots_of_their_own_service_only(world: World) -> None:
    path = f"/v1/organisations/{world.service['id']}/pots"
    pots = world.api.get(path, as_="wellbeing_worker").json()["items"]
    assert [pot["remaining_minutes"] for pot in pots] == [6_000]
    other = world.api.made("/v1/organisations", {"kind": "wellbeing_service", "name": "B"}, as_="coordinator")
    answer = world.api.get(f"/v1/organisations/{other['id']}/pots", as_="wellbeing_worker")
    assert answer.status_code == 403


def test_lists_come_by_the_page_and_each_thing_once(api: Api) -> None:
    made = [
        api.made("/v1/organisations", {"kind": "group", "name": f"Group {n}"}, as_="coordinator")["id"]
        for n in range(5)
    ]
    seen, query = [], "?limit=2"
    while query:
        answer = api.get(f"/v1/organisations{query}", as_="coordinator")
        seen += [item["id"] for item in answer.json()["items"]]
        following = answer.json()["next"]
        query = f"?limit=2&cursor={following}" if following else ""
        assert ("Link" in answer.headers) == bool(following)
    assert seen == made


def test_a_keys_text_is_shown_once(api: Api) -> None:
    body = {"name": "an auditor", "roles": ["auditor"]}
    first = api.post("/v1/keys", body, as_="coordinator", idempotency_key="k")
    again = api.post("/v1/keys", body, as_="coordinator", idempotency_key="k")
    assert first.json()["key"].startswith(f"tc_{api.programme.code}-")
    assert (again.json()["id"], again.json()["key"]) == (first.json()["id"], None)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.get(f"/v1/keys/{first.json()['id']}", as_="coordinator").json()["key"] is None


def test_a_key_revoked_a_moment_ago_is_no_key(api: Api) -> None:
    made = api.made("/v1/keys", {"name": "x", "roles": ["auditor"]}, as_="coordinator")
    assert api.get("/v1/journal", as_=made["key"]).status_code == 200
    assert api.send("DELETE", f"/v1/keys/{made['id']}", as_="coordinator").status_code == 204
    answer = api.get("/v1/journal", as_=made["key"])
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_roles_are_held_where_they_belong(world: World) -> None:
    for roles, held in (
        (["venue_staff"], {"organisation_id": world.service["id"]}),
        (["venue_staff"], {}),
        (["coordinator"], {"organisation_id": world.group["id"]}),
        (["person"], {}),
        (["person", "auditor"], {"person_id": world.person["id"]}),
    ):
        answer = world.api.post("/v1/keys", {"name": "x", "roles": roles, **held}, as_="coordinator")
        assert answer.status_code == 422, (roles, answer.text)


def test_a_leader_sees_only_people_whom_the_group_knows(world: World) -> None:
    stranger = world.api.new_person(as_="coordinator")
    assert world.api.get(f"/v1/people/{world.person['id']}", as_="group_leader").status_code == 200
    assert world.api.get(f"/v1/people/{stranger['id']}", as_="group_leader").status_code == 404
    assert world.api.get(f"/v1/people/{uuid4()}", as_="group_leader").status_code == 404
    listed = world.api.get("/v1/people", as_="group_leader").json()["items"]
    assert [person["id"] for person in listed] == [world.person["id"]]


def test_a_person_sees_only_themselves(world: World) -> None:
    other = world.api.new_person()
    assert world.api.get(f"/v1/people/{other['id']}/balance", as_="person").status_code == 404
    me = world.api.get("/v1/me", as_="person").json()
    assert (me["roles"], me["person"]["id"]) == (["person"], world.person["id"])
    assert world.api.get("/v1/me/balance", as_="person").json()["available_minutes"] == 0


def test_a_person_is_changed_only_as_they_were_read(world: World) -> None:
    path = f"/v1/people/{world.person['id']}"
    etag = world.api.get(path, as_="group_leader").headers["ETag"]
    changed = world.api.patch(path, {"family_name": "Khan"}, as_="group_leader", etag=etag)
    assert (changed.status_code, changed.json()["family_name"]) == (200, "Khan")
    assert world.api.patch(path, {"family_name": "X"}, as_="group_leader", etag=etag).status_code == 412


def test_trivial_pins_are_refused_and_a_good_one_is_taken(world: World) -> None:
    path = f"/v1/people/{world.person['id']}/pin"
    for pin in ("0000", "1234", "9876", "1212"):
        answer = world.api.send("PUT", path, as_="person", json={"pin": pin})
        assert (answer.status_code, answer.json()["code"]) == (422, "trivial_pin")
        assert pin not in answer.text
    assert world.api.send("PUT", path, as_="person", json={"pin": "1937"}).status_code == 200
    assert world.api.send("PUT", path, as_="venue_staff", json={"pin": "1937"}).status_code == 403


def test_everything_of_another_programme_is_not_found(world: World, other_world: World) -> None:
    for path, role in (
        (f"/v1/people/{other_world.person['id']}", "coordinator"),
        (f"/v1/people/{other_world.person['id']}/balance", "wellbeing_worker"),
        (f"/v1/funds/{other_world.fund['id']}", "coordinator"),
        (f"/v1/organisations/{other_world.group['id']}", "person"),
    ):
        answer = world.api.get(path, as_=role)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_a_key_belongs_to_the_programme_that_it_names(world: World, other_world: World) -> None:
    mine, theirs = world.api.programme.code, other_world.api.programme.code
    forged = other_world.api.keys["coordinator"].replace(theirs, mine)
    assert world.api.get("/v1/funds", as_=forged).status_code == 401


def test_every_role_may_say_who_it_is(world: World) -> None:
    for role in Role:
        assert world.api.get("/v1/me", as_=role.value).json()["roles"] == [role.value]


def test_a_new_key_goes_on_for_the_owner_of_an_earlier_one(world: World) -> None:
    body = {"fund_id": world.fund["id"], "to": {"kind": "community"}, "minutes": 60}
    old = world.api.made("/v1/keys", {"name": "old", "roles": ["coordinator"]}, as_="coordinator")
    new = world.api.made(
        "/v1/keys", {"name": "new", "roles": ["coordinator"], "continues": old["id"]}, as_="coordinator"
    )
    first = world.api.post("/v1/allocations", body, as_=old["key"], idempotency_key="k")
    again = world.api.post("/v1/allocations", body, as_=new["key"], idempotency_key="k")
    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (first.json()["id"], "true")
    stranger = world.api.post("/v1/allocations", body, as_="coordinator", idempotency_key="k")
    assert stranger.json()["id"] != first.json()["id"]


def test_a_group_that_knows_somebody_by_the_card_cannot_replace_the_pin(world: World) -> None:
    stranger = world.api.new_person(as_="coordinator")
    activity = world.api.made("/v1/activities", {"title": "Gardening"}, as_="group_leader")
    body = {"activity_id": activity["id"], "card_number": stranger["card_number"], "minutes": 1}
    world.api.made("/v1/contributions", body | {"given_on": "2026-06-15"}, as_="group_leader")
    path = f"/v1/people/{stranger['id']}"
    assert world.api.get(path, as_="group_leader").status_code == 200
    assert world.api.send("PUT", f"{path}/pin", as_="group_leader", json={"pin": "1937"}).status_code == 403
    assert world.api.post(f"{path}/card-unlocking", as_="group_leader").status_code == 200
    assert world.api.send("PUT", f"{path}/pin", as_="wellbeing_worker", json={"pin": "1937"}).status_code == 200
    newcomer = world.api.new_person(as_="group_leader", pin=None)
    first = world.api.send("PUT", f"/v1/people/{newcomer['id']}/pin", as_="group_leader", json={"pin": "1937"})
    assert (first.status_code, first.json()["has_pin"]) == (200, True)


def test_nobody_pays_or_prescribes_to_themselves(world: World) -> None:
    me = world.api.new_person(as_="group_leader")
    held = {"person_id": me["id"]}
    leader = world.api.new_key(Role.GROUP_LEADER, organisation_id=world.group["id"], **held)
    worker = world.api.new_key(Role.WELLBEING_WORKER, organisation_id=world.service["id"], **held)
    activity = world.api.made("/v1/activities", {"title": "Gardening"}, as_="group_leader")
    for known_by in ({"person_id": me["id"]}, {"card_number": me["card_number"]}):
        body = {"activity_id": activity["id"], **known_by, "minutes": 60, "given_on": "2026-06-15"}
        paid = world.api.post("/v1/contributions", body, as_=leader)
        assert (paid.status_code, paid.json()["code"]) == (422, "own_time")
    prescribed = world.api.post("/v1/prescriptions", {"person_id": me["id"], "minutes": 60}, as_=worker)
    assert (prescribed.status_code, prescribed.json()["code"]) == (422, "own_prescription")
    assert world.api.get("/v1/me", as_=leader).json()["person"] is None
    other = {"activity_id": activity["id"], "person_id": world.person["id"], "minutes": 60, "given_on": "2026-06-15"}
    assert world.api.post("/v1/contributions", other, as_=leader).status_code == 201
