"""Who may do what: every action with every role, and every route with no key."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.factories import PIN_KEY, actor_for, actor_in, make_organisation, make_person
from timecredits.access import POLICY, PROGRAMME_WIDE, Actor, Permission, Role
from timecredits.earning import actions as earning
from timecredits.errors import Forbidden
from timecredits.main import create_app
from timecredits.people import actions as people
from timecredits.prescribing import actions as prescribing
from timecredits.programmes import actions as programmes
from timecredits.programmes.models import OrganisationKind
from timecredits.settings import Settings
from timecredits.spending import actions as spending
from timecredits.web.callers import get_caller

# The permission that each action asks for. A new action has to be added here, or the test fails.
ASKS = {
    programmes.create_organisation: Permission.MANAGE_ORGANISATIONS,
    programmes.change_organisation: Permission.MANAGE_ORGANISATIONS,
    programmes.create_fund: Permission.MANAGE_FUNDS,
    programmes.change_fund: Permission.MANAGE_FUNDS,
    programmes.allocate: Permission.MANAGE_FUNDS,
    programmes.allocate_each: Permission.MANAGE_FUNDS,
    programmes.reverse_entry: Permission.REVERSE,
    programmes.record_verification: Permission.READ_JOURNAL,
    people.create_key: Permission.MANAGE_KEYS,
    people.revoke_key: Permission.MANAGE_KEYS,
    people.register_person: Permission.REGISTER_PEOPLE,
    people.register_people: Permission.REGISTER_PEOPLE,
    people.change_person: Permission.REGISTER_PEOPLE,
    people.set_pin: Permission.REGISTER_PEOPLE,
    people.unlock_card: Permission.REGISTER_PEOPLE,
    prescribing.prescribe: Permission.PRESCRIBE,
    prescribing.prescribe_many: Permission.PRESCRIBE,
    prescribing.withdraw: Permission.PRESCRIBE,
    earning.create_activity: Permission.RECORD_TIME,
    earning.change_activity: Permission.RECORD_TIME,
    earning.record_contribution: Permission.RECORD_TIME,
    earning.record_contributions: Permission.RECORD_TIME,
    spending.create_venue: Permission.MANAGE_ORGANISATIONS,
    spending.change_venue: Permission.MANAGE_ORGANISATIONS,
    spending.create_opportunity: Permission.MANAGE_OPPORTUNITIES,
    spending.change_opportunity: Permission.MANAGE_OPPORTUNITIES,
    spending.withdraw_opportunity: Permission.MANAGE_OPPORTUNITIES,
    spending.quote: Permission.REDEEM,
    spending.redeem: Permission.REDEEM,
    spending.redeem_many: Permission.REDEEM,
    spending.undo: Permission.REDEEM,
    spending.give: Permission.GIVE,
    spending.donate: Permission.GIVE,
}
# Parts of other actions, which have asked before.
PARTS = {people.acquaint, people.acquaint_each, people.prove, programmes.expired_to}
# Values for arguments, by name: right in kind, and strange to everybody.
VALUES: dict[str, Any] = {
    "now": NOW,
    "minutes": 60,
    "price_minutes": 60,
    "authorised_minutes": 60,
    "given_on": NOW.date(),
    "changes": {},
    "roles": [Role.AUDITOR],
    "reason": "mistake",
    "kind": OrganisationKind.GROUP,
    "pin": "2580",
    "pin_key": PIN_KEY,
    "card_number": "ABCDEFGH",
    "to": {"kind": "community", "id": None},
    "result": None,
}
# Nobody knows how many items a caller sends: one that is strange to everybody.
ITEMS: dict[str, Any] = {
    "allocate_each": [{"fund_id": uuid4(), "to": {"kind": "community", "id": None}, "minutes": 60}],
    "register_people": [people.Newcomer("Asha")],
    "prescribe_many": [prescribing.Dose(person_id=uuid4(), minutes=60)],
    "record_contributions": [
        {"activity_id": uuid4(), "person_id": uuid4(), "card_number": None, "minutes": 60, "given_on": NOW.date()}
    ],
    "redeem_many": [spending.Visit(uuid4(), uuid4())],
}
WHERE = {
    Role.WELLBEING_WORKER: OrganisationKind.WELLBEING_SERVICE,
    Role.GROUP_LEADER: OrganisationKind.GROUP,
    Role.VENUE_STAFF: OrganisationKind.PARTNER,
}
PUBLIC = {
    "/",
    "/docs",
    "/docs/start.js",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/problems",
    "/problems/{code}",
    "/readyz",
}


def actions() -> Iterator[Callable[..., Any]]:
    """Find everything that acts for somebody."""
    for context in (programmes, people, prescribing, earning, spending):
        for _, found in inspect.getmembers(context, inspect.isfunction):
            if list(inspect.signature(found).parameters)[:2] == ["session", "actor"] and found not in PARTS:
                yield found


def test_every_action_is_known_here() -> None:
    found = set(actions())
    assert len(found) > 20
    assert {action.__name__ for action in found} == {action.__name__ for action in ASKS}


def holder(session: Session, coordinator: Actor, role: Role) -> Actor:
    """Give somebody who holds this role, somewhere."""
    if role is Role.PERSON:
        return actor_for(coordinator, make_person(session, coordinator).id)
    if role in PROGRAMME_WIDE:
        return actor_in(coordinator, role)
    return actor_in(coordinator, role, make_organisation(session, coordinator, WHERE[role]).id)


def arguments(action: Callable[..., Any]) -> dict[str, Any]:
    """Make up the arguments that the action cannot do without."""
    needed = {
        name: parameter
        for name, parameter in list(inspect.signature(action).parameters.items())[2:]
        if parameter.default is parameter.empty and parameter.kind is parameter.KEYWORD_ONLY
    }
    made = {
        name: uuid4() if parameter.annotation is UUID else VALUES.get(name, "Something")
        for name, parameter in needed.items()
    }
    if "items" in made:
        made["items"] = ITEMS[action.__name__]
    if action in {spending.quote, spending.redeem}:
        made |= {"opportunity_id": uuid4()}
    return made


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", ASKS, ids=lambda action: action.__name__)
def test_an_action_is_refused_to_every_role_without_its_permission(
    session: Session, programme: Programme, action: Callable[..., Any], role: Role
) -> None:
    actor = holder(session, programme.coordinator, role)
    if ASKS[action] in POLICY[role]:
        assert actor.may(ASKS[action])
    else:
        with pytest.raises(Forbidden):
            action(session, actor, **arguments(action))


def test_every_permission_is_held_by_somebody() -> None:
    assert set(Permission) == set().union(*POLICY.values())


def test_a_role_held_in_one_organisation_says_nothing_in_another(programme: Programme) -> None:
    here, there = uuid4(), uuid4()
    worker = actor_in(programme.coordinator, Role.WELLBEING_WORKER, here)
    assert worker.may(Permission.PRESCRIBE, within=here)
    assert not worker.may(Permission.PRESCRIBE, within=there)
    assert worker.organisations(Permission.PRESCRIBE) == {here}
    assert programme.coordinator.organisations(Permission.MANAGE_FUNDS) is None


def test_every_route_asks_who_calls_unless_it_is_public(settings: Settings) -> None:
    app = create_app(settings)
    routes = [context for context in iter_route_contexts(app.routes) if isinstance(context.original_route, APIRoute)]
    asked = {context.path for context in routes if get_caller in set(_calls(context.original_route.dependant))}
    every = {context.path for context in routes}
    assert len(asked) > 30
    assert every - asked <= PUBLIC
    assert all(path.startswith("/v1/") for path in asked)


def _calls(dependant: Any) -> Iterator[Any]:
    for needed in dependant.dependencies:
        yield needed.call
        yield from _calls(needed)
