"""A small demonstration: it adds up, it is the same again, and its keys open what they should."""

import time
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from tests.conftest import NOW
from tests.factories import PIN_KEY
from timecredits import ledger
from timecredits.access import Role
from timecredits.database import ProgrammeSession, make_engine, session_maker
from timecredits.demo import Demonstration, build
from timecredits.evaluation.queries import funnel
from timecredits.ledger import JournalEntry
from timecredits.main import create_app
from timecredits.prescribing.models import Ending, Prescription
from timecredits.programmes.actions import ProgrammeExists
from timecredits.programmes.models import Programme
from timecredits.programmes.queries import programme_by_code
from timecredits.settings import Settings


def build_small(sessions: sessionmaker[ProgrammeSession], code: str, **more) -> Demonstration:
    given = {"people": 24, "months": 1, "seed": 7, "pin_key": PIN_KEY, "now": NOW} | more
    return build(sessions, code=code, **given)


def programme_of(sessions: sessionmaker[ProgrammeSession], code: str) -> Programme:
    with sessions.begin() as session:
        found = programme_by_code(session, code)
    assert found is not None
    return found


def figures(made: Demonstration) -> list[str]:
    """Leave out what may differ: ids, the code, and the time that it took."""
    kept = ("refusals", "trial balance", "  ", "funnel")
    return [line for line in made.summary if line.startswith(kept)] + [
        line.partition(",")[0] for line in made.summary if line.startswith("entries")
    ]


@pytest.fixture(scope="module")
def demonstration(sessions) -> Demonstration:
    return build_small(sessions, "small")


@pytest.fixture
def small(sessions, demonstration) -> Programme:
    code = demonstration.summary[0].removeprefix("programme: ").partition(",")[0]
    return programme_of(sessions, code)


def test_a_demonstration_that_takes_longer_than_a_transaction_may_wait_is_built_all_the_same(
    settings: Settings,
) -> None:
    hasty = settings.model_copy(update={"statement_timeout_milliseconds": 1_000})
    assert settings.database_url is not None
    engine = make_engine(settings.database_url.get_secret_value(), hasty)
    waits = iter([1.5])
    made = build_small(session_maker(engine), "slow", people=5, progress=lambda *_: time.sleep(next(waits, 0)))
    engine.dispose()
    assert made.keys


@pytest.fixture(scope="module")
def http(settings: Settings):
    with TestClient(create_app(settings, clock=lambda: NOW), raise_server_exceptions=False) as client:
        yield client


def get(http: TestClient, path: str, key: str, **params):
    answer = http.get(path, headers={"Authorization": f"Bearer {key}"}, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_its_ledger_is_consistent_and_adds_up_to_nothing(sessions, small) -> None:
    with sessions(info={"programme_id": small.id}) as session, session.begin():
        result = ledger.check(session, small.id, now=NOW)
    assert result.consistent, result.first_disagreement
    assert result.entries > 50
    with sessions(info={"programme_id": small.id}) as session, session.begin():
        assert sum(ledger.trial_balance(session, small.id).values()) == 0


def test_fewer_people_come_to_each_step_of_the_funnel(sessions, small, demonstration) -> None:
    with sessions(info={"programme_id": small.id}) as session, session.begin():
        steps = funnel(session, small.id)
    assert steps.prescribed > steps.first_spend > steps.first_earn > 0
    assert any(line.startswith(f"funnel: prescribed {steps.prescribed} -> ") for line in demonstration.summary)


def test_the_same_seed_gives_the_same_figures_and_another_gives_others(sessions, demonstration) -> None:
    again = build_small(sessions, "again")
    other = build_small(sessions, "other", seed=8)
    assert len(figures(again)) > 10
    assert figures(again) == figures(demonstration)
    assert figures(other) != figures(demonstration)


def test_a_code_that_is_taken_is_refused_and_nothing_is_changed(sessions, small) -> None:
    def entries() -> int:
        with sessions(info={"programme_id": small.id}) as session, session.begin():
            return session.scalar(select(func.count()).select_from(JournalEntry))

    def programmes() -> int:
        with sessions.begin() as session:
            return session.scalar(select(func.count()).select_from(Programme))

    before = entries(), programmes()
    with pytest.raises(ProgrammeExists):
        build_small(sessions, "small", seed=8)
    assert (entries(), programmes()) == before


def test_it_happened_in_the_past_by_day(sessions, small) -> None:
    with sessions(info={"programme_id": small.id}) as session, session.begin():
        times = session.scalars(select(JournalEntry.recorded_at).order_by(JournalEntry.recorded_at)).all()
    assert NOW - timedelta(days=31) < times[0] < NOW - timedelta(days=29)
    assert NOW - timedelta(days=2) < times[-1] < NOW
    assert {5 <= moment.hour <= 19 for moment in times} == {True}


def test_some_prescriptions_end_before_they_are_used_up(sessions) -> None:
    build_small(sessions, "longer", people=40, months=3)
    longer = programme_of(sessions, "longer")
    with sessions(info={"programme_id": longer.id}) as session, session.begin():
        endings = dict(session.execute(select(Prescription.ending, func.count()).group_by(Prescription.ending)).all())
    assert endings[Ending.EXPIRED] > 0
    assert endings[None] > 0


def test_there_is_a_key_for_every_role_and_it_works(http, demonstration) -> None:
    opens = {
        Role.PERSON: "/v1/me/balance",
        Role.WELLBEING_WORKER: "/v1/prescriptions",
        Role.GROUP_LEADER: "/v1/people",
        Role.VENUE_STAFF: "/v1/redemptions",
        Role.COORDINATOR: "/v1/funds",
        Role.AUDITOR: "/v1/journal",
    }
    assert set(demonstration.keys) == {role.value for role in Role}
    for role, path in opens.items():
        found = get(http, path, demonstration.keys[role.value])
        assert found.get("items", True), path


def test_the_person_has_credits_from_both_sides_and_has_been_somewhere(http, demonstration) -> None:
    key = demonstration.keys["person"]
    assert get(http, "/v1/me/balance", key)["available_minutes"] > 0
    kinds = {line["kind"] for line in get(http, "/v1/me/statement", key)["items"]}
    assert {"prescribe", "spend", "earn"} <= kinds


def test_the_card_that_is_printed_works_at_the_till_that_is_printed(http, demonstration) -> None:
    said = dict(line.split(": ", 1) for line in demonstration.summary if ": " in line)
    card, pin = said["card"].split(", ")[:2]
    answer = http.post(
        "/v1/redemptions/quote",
        headers={"Authorization": f"Bearer {demonstration.keys['venue_staff']}"},
        json={
            "card_number": card,
            "pin": pin.removeprefix("PIN "),
            "opportunity_id": said["opportunity"].partition(" ")[0],
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["enough"] is True


def test_the_progress_is_told_to_the_end(sessions) -> None:
    told: list[tuple[int, int]] = []
    build_small(sessions, "told", people=12, progress=lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert told[-1] == (30, 30)
