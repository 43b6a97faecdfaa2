"""Everything that the contract allows, and much that it does not, with the key of every role."""

import zlib
from collections import Counter
from http import HTTPStatus

import schemathesis
from schemathesis import Case

from tests.contract.town import Town
from timecredits.access import Role
from timecredits.main import create_app
from timecredits.settings import Settings

# What nonsense may be answered with. Not 403, 409 or 429: those come only after a request was found to make sense.
NONSENSE = ["400", "401", "404", "405", "412", "413", "415", "422", "428"]
SETTINGS = {
    "phases": {
        # The contract has no examples of its own; which request follows which is what the tests of the cycle are for.
        "examples": {"enabled": False},
        "stateful": {"enabled": False},
        # Methods that a path does not have are tried in tests/attacks/test_headers_and_paths.py.
        "coverage": {"unexpected-methods": []},
    },
    "generation": {
        "deterministic": True,
        "max-examples": 3,
        "no-shrink": True,
        # Made-up keys are not sent along; that each operation needs a right one is asserted below.
        "with-security-parameters": False,
    },
    "checks": {
        # Off: a request that makes sense may still be refused by a rule, and is for most roles.
        "positive_data_acceptance": {"enabled": False},
        # Off: asks twice more after each success; below that is asked once for each operation.
        "ignored_auth": {"enabled": False},
        # Off: these follow one request with others, and each request stands alone here.
        "use_after_free": {"enabled": False},
        "ensure_resource_availability": {"enabled": False},
        "object_level_authorization": {"enabled": False},
        # Narrower and wider than usual: nonsense is refused as nonsense, and a missing If-Match is 428.
        "negative_data_rejection": {"expected-statuses": NONSENSE},
        "missing_required_header": {"expected-statuses": ["400", "403", "422", "428"]},
    },
}
schema = schemathesis.openapi.from_dict(
    create_app(Settings()).openapi(), config=schemathesis.Config.from_dict(SETTINGS)
)
# Sensible requests that go out with every role's key; each one after that goes out with that of one role.
BY_EVERYBODY = 1
# One in so many pieces of nonsense is sent: the whole has to end within a minute, also on a small machine.
EVERY = 2

by_everybody: Counter[str] = Counter()
reached: set[str] = set()
refused: set[str] = set()


def roles_for(case: Case, town: Town) -> list[str]:
    """Say with whose keys to send a case: the same ones when the same case comes again."""
    roles = sorted(town.world.api.keys)
    number = zlib.crc32(repr(case).encode())
    assert case.meta is not None
    if case.meta.generation.mode.is_negative:
        return [] if number % EVERY else [roles[number // EVERY % len(roles)]]
    by_everybody[case.operation.label] += 1
    return roles if by_everybody[case.operation.label] <= BY_EVERYBODY else [roles[number % len(roles)]]


def assert_closed(case: Case, town: Town) -> None:
    """Assert that what somebody was let in for needs a key, and a right one."""
    right = next(iter(town.world.api.keys.values()))
    for headers in ({}, {"Authorization": f"Bearer {right[:-1]}{'a' if right[-1] != 'a' else 'b'}"}):
        answer = case.call(session=town.http, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), case.operation.label


@schema.parametrize()
def test_every_answer_is_documented_and_no_nonsense_is_accepted(case: Case, town: Town) -> None:
    case.operation.schema.app = case.operation.app = town.app
    roles = roles_for(case, town)
    town.move_in(case)
    let_in = False
    for role in roles:
        answer = case.call_and_validate(session=town.http, headers=town.headers(role))
        let_in = let_in or answer.status_code < HTTPStatus.BAD_REQUEST
    if let_in and case.operation.label not in reached and case.path.startswith("/v1"):
        assert_closed(case, town)
    if roles:
        (reached if let_in else refused).add(case.operation.label)


def test_everything_that_was_tried_was_reached_beyond_its_refusals() -> None:
    unreached = sorted(refused - reached)
    assert not unreached, ", ".join(unreached)


def test_every_role_has_tried(town: Town) -> None:
    assert set(town.world.api.keys) == set(Role)
