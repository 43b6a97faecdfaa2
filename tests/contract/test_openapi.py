"""The contract in the repository is what the service does, and has every name that others rely on."""

import json
from pathlib import Path
from typing import Any

import pytest

from timecredits.main import create_app
from timecredits.settings import Settings

CONTRACT = Path(__file__).parents[2] / "openapi" / "timecredits.json"

# What outside programs rely on: an operation, the fields that it takes, those that it gives. ? marks an optional one.
BALANCE = "available_minutes held_minutes credits as_of pots"
LINES = " ".join(
    f"items.{name}" for name in ("entry_id", "recorded_at", "kind", "minutes", "balance_after_minutes", "description")
)
CHECKED = "consistent entries accounts checked_at first_disagreement"
NAMES = [
    (
        "POST /v1/funds",
        "name funder authorised_minutes starts_on? ends_on? purpose? districts?",
        "id issued_minutes remaining_minutes",
    ),
    ("POST /v1/allocations", "fund_id to.kind to.id? minutes", "id"),
    ("POST /v1/allocations/batch", "items.fund_id items.to.kind items.to.id? items.minutes", "items"),
    ("POST /v1/organisations", "kind name", "id"),
    ("POST /v1/people", "given_name family_name?", "id card_number"),
    ("GET /v1/people/{person_id}", "", "id card_number"),
    ("PATCH /v1/people/{person_id}", "given_name? family_name?", "id"),
    ("GET /v1/people/{person_id}/balance", "", BALANCE),
    ("GET /v1/people/{person_id}/statement", "", f"next {LINES}"),
    ("GET /v1/me", "", "id"),
    ("GET /v1/me/balance", "", BALANCE),
    ("GET /v1/me/statement", "", f"next {LINES}"),
    (
        "POST /v1/prescriptions",
        "person_id minutes fund_id? expires_on? goal? companion_minutes?",
        "id minutes spent_minutes remaining_minutes status",
    ),
    ("GET /v1/prescriptions/{prescription_id}", "", "minutes spent_minutes remaining_minutes status"),
    ("POST /v1/prescriptions/{prescription_id}/withdrawal", "reason message?", "id"),
    ("POST /v1/activities", "title", "id"),
    ("POST /v1/contributions", "person_id? activity_id minutes given_on", "id"),
    ("POST /v1/contributions/batch", "items.person_id? items.activity_id items.minutes items.given_on", "items"),
    ("POST /v1/opportunities", "partner_id title price_minutes child_price_minutes?", "id"),
    ("GET /v1/opportunities", "", "items next"),
    ("POST /v1/redemptions/quote", "card_number opportunity_id? adults? children? pin?", "minutes restrictions enough"),
    (
        "POST /v1/redemptions",
        "opportunity_id? venue_id? minutes? card_number pin adults? children? external_reference?",
        "id minutes entry_id person_display remaining_credits",
    ),
    ("GET /v1/redemptions", "", "items next"),
    ("POST /v1/redemptions/{redemption_id}/undo", "", "id"),
    ("POST /v1/gifts", "minutes", "id"),
    ("POST /v1/donations", "to.kind to.id? minutes", "id"),
    ("GET /v1/journal", "", "items next"),
    ("GET /v1/journal/{entry_id}", "", "id kind transfers"),
    ("POST /v1/journal/{entry_id}/reversal", "reason", "id"),
    ("GET /v1/ledger/verification", "", CHECKED),
    ("POST /v1/ledger/verification", "", CHECKED),
    ("GET /v1/keys", "", "items next"),
    ("POST /v1/keys", "name roles organisation_id?", "id key"),
    ("DELETE /v1/keys/{key_id}", "", ""),
    ("GET /healthz", "", "status"),
    ("GET /readyz", "", "status"),
    ("GET /metrics", "", ""),
]
PARAMETERS = {
    "GET /v1/people/{person_id}/balance": {"at"},
    "GET /v1/opportunities": {"q", "category"},
    "GET /v1/redemptions": {"venue_id", "since", "external_reference"},
}
MOVES_CREDITS = {
    "/v1/allocations",
    "/v1/allocations/batch",
    "/v1/contributions",
    "/v1/contributions/batch",
    "/v1/donations",
    "/v1/gifts",
    "/v1/journal/{entry_id}/reversal",
    "/v1/prescriptions",
    "/v1/prescriptions/{prescription_id}/withdrawal",
    "/v1/redemptions",
    "/v1/redemptions/{redemption_id}/undo",
}

described = create_app(Settings()).openapi()


def schema_of(content: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of a body, through its reference."""
    return resolved(next(iter(content["content"].values()))["schema"])


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow references, into the items of a list, and past "or null"."""
    for inner in schema.get("anyOf", []):
        if inner.get("type") != "null":
            return resolved(inner)
    if "items" in schema:
        return resolved(schema["items"])
    if "$ref" in schema:
        return resolved(described["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return schema


def assert_has(schema: dict[str, Any], name: str, *, asked: bool) -> None:
    """Assert that a schema has a field, which is required or not."""
    *way, last = name.removesuffix("?").split(".")
    for step in way:
        schema = resolved(schema["properties"][step])
    assert last in schema.get("properties", {}), name
    if asked:
        assert (last in schema.get("required", ())) != name.endswith("?"), name


def test_the_contract_in_the_repository_is_what_the_service_does() -> None:
    assert json.loads(CONTRACT.read_text()) == json.loads(json.dumps(described))


@pytest.mark.parametrize(("operation", "asked", "given"), NAMES)
def test_every_name_that_others_rely_on_is_there(operation: str, asked: str, given: str) -> None:
    method, path = operation.split()
    found = described["paths"][path][method.lower()]
    for name in asked.split():
        assert_has(schema_of(found["requestBody"]), name, asked=True)
    done = next(answer for status, answer in found["responses"].items() if status.startswith("2"))
    for name in given.split():
        assert_has(schema_of(done), name, asked=False)
    parameters = {parameter["name"] for parameter in found.get("parameters", [])}
    assert PARAMETERS.get(operation, set()) <= parameters
    if "next" in given.split():
        assert {"limit", "cursor"} <= parameters


def test_a_key_is_asked_for_wherever_credits_move_and_may_be_sent_with_every_other_post() -> None:
    required = {}
    for path, operations in described["paths"].items():
        for parameter in operations.get("post", {}).get("parameters", []):
            if parameter["name"] == "Idempotency-Key":
                required[path] = parameter["required"]
    assert {path for path, is_required in required.items() if is_required} == MOVES_CREDITS
    posts = {path for path, operations in described["paths"].items() if "post" in operations}
    assert posts - required.keys() == {"/v1/redemptions/quote"}


def test_every_problem_is_described_as_one_and_no_answer_has_a_float() -> None:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")):
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
    assert '"number"' not in json.dumps(described)


def test_nothing_unknown_is_taken_by_any_request() -> None:
    requests = [
        schema_of(operation["requestBody"])
        for operations in described["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
    ]
    assert requests
    assert all(schema["additionalProperties"] is False for schema in requests)
