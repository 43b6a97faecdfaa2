"""Two or three at once, statement by statement: whatever the order, all is as if they had come one after the other."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import permutations
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, create_engine, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from tests.conftest import Programme, Server
from tests.faults.scheduler import Action, Job, Scheduler, Start, job
from tests.faults.stage import Stage
from tests.ledger.books import asks
from timecredits import ledger
from timecredits.database import ProgrammeSession, make_engine, session_maker
from timecredits.ledger import Draw, EntryKind, TransferKind
from timecredits.people.models import Card, Person
from timecredits.settings import Settings

INTERLEAVINGS = 24

Case = Callable[[Stage], Mapping[str, Action]]


def a_hold_and_the_sweep(stage: Stage) -> Mapping[str, Action]:
    asha = stage.person(earned=40)
    prescribed = stage.prescription(asha, 60).prescribed_account_id
    return {"hold": stage.hold(asha, 40, prescribed), "sweep": stage.sweep}


def a_visit_and_a_withdrawal(stage: Stage) -> Mapping[str, Action]:
    asha = stage.person(earned=40)
    found = stage.prescription(asha, 60, companion=30)
    return {"spend": stage.spend(asha, 80, adults=2), "withdraw": stage.withdraw(found)}


def keeping_a_booking_and_cancelling_it(stage: Stage) -> Mapping[str, Action]:
    asha = stage.person(earned=90)
    # The other booking's minutes are there to be taken by mistake.
    hold_id, _other = (stage.hold(asha, 40)(stage.session) for _ in range(2))
    target_id = stage.town.partner.account_id
    capture = stage.once(ledger.capture, asha, hold_id, target_id=target_id, minutes=30)
    return {"capture": capture, "release": stage.once(ledger.release, asha, hold_id)}


def keeping_a_booking_a_withdrawal_and_the_sweep(stage: Stage) -> Mapping[str, Action]:
    asha = stage.person(earned=0)
    found = stage.prescription(asha, 60)
    hold_id = stage.hold(asha, 40, found.prescribed_account_id)(stage.session)
    target_id = stage.town.partner.account_id
    capture = stage.once(ledger.capture, asha, hold_id, target_id=target_id, minutes=30)
    return {"capture": capture, "withdraw": stage.withdraw(found), "sweep": stage.sweep}


def a_merge_a_visit_and_a_gift(stage: Stage) -> Mapping[str, Action]:
    old, new, other = (stage.person(earned=60) for _ in range(3))
    stage.hold(old, 20)(stage.session)
    draws = (
        Draw(TransferKind.MERGE, (old.earned_account_id,), new.earned_account_id, None),
        Draw(TransferKind.MERGE, (old.held_account_id,), new.held_account_id, None),
    )
    merge = asks(EntryKind.MERGE, *draws)
    return {
        "merge": lambda session: stage.post(session, merge),
        "spend": stage.spend(old, 30),
        "give": stage.give(other, old, 15),
    }


def two_reversals(stage: Stage) -> Mapping[str, Action]:
    undo, reverse = stage.visit(stage.person(earned=60), 50)
    return {"undo": undo, "reverse": reverse}


def undoing_a_visit_another_visit_and_a_withdrawal(stage: Stage) -> Mapping[str, Action]:
    asha = stage.person(earned=20)
    found = stage.prescription(asha, 60)
    undo, _ = stage.visit(asha, 70)
    return {"undo": undo, "spend": stage.spend(asha, 40), "withdraw": stage.withdraw(found)}


def two_prescriptions_and_the_last_minutes_of_a_pot(stage: Stage) -> Mapping[str, Action]:
    asha, bilal = stage.person(earned=0), stage.person(earned=0)
    stage.prescription(asha, 5_900)
    return {
        "one": lambda session: stage.town.prescribe(session, asha, 60).minutes,
        "other": lambda session: stage.town.prescribe(session, bilal, 70, companion=10).minutes,
    }


def gifts_both_ways(stage: Stage) -> Mapping[str, Action]:
    asha, bilal = stage.person(earned=30), stage.person(earned=30)
    return {"there": stage.give(asha, bilal, 20), "back": stage.give(bilal, asha, 45)}


def a_visit_a_withdrawal_and_the_sweep(stage: Stage) -> Mapping[str, Action]:
    asha = stage.person(earned=20)
    found = stage.prescription(asha, 60)
    return {"spend": stage.spend(asha, 50), "withdraw": stage.withdraw(found), "sweep": stage.sweep}


CASES: tuple[Case, ...] = (
    a_hold_and_the_sweep,
    a_visit_and_a_withdrawal,
    keeping_a_booking_and_cancelling_it,
    keeping_a_booking_a_withdrawal_and_the_sweep,
    a_merge_a_visit_and_a_gift,
    two_reversals,
    undoing_a_visit_another_visit_and_a_withdrawal,
    two_prescriptions_and_the_last_minutes_of_a_pot,
    gifts_both_ways,
    a_visit_a_withdrawal_and_the_sweep,
)


@pytest.fixture(scope="module")
def watched(settings: Settings) -> Iterator[sessionmaker[ProgrammeSession]]:
    """Give sessions that wait for locks as long as the scheduler makes them."""
    patient = settings.model_copy(
        update={"lock_timeout_milliseconds": 60_000, "statement_timeout_milliseconds": 60_000}
    )
    assert settings.database_url is not None
    made = make_engine(settings.database_url.get_secret_value(), patient)
    yield session_maker(made)
    made.dispose()


@pytest.fixture(scope="module")
def scheduler(engine: Engine, watched: sessionmaker[ProgrammeSession]) -> Iterator[Scheduler]:
    """Give the scheduler of these sessions."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as observer:
        yield Scheduler(watched.kw["bind"], observer)


@pytest.fixture
def admin(server: Server) -> Iterator[Connection]:
    """Connect as a superuser, for whom there is neither trigger nor row security."""
    engine = create_engine(server.admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        yield connection
    engine.dispose()


Begin = Callable[[Case], tuple[Start, dict[str, Job]]]


@pytest.fixture
def begin(programme: Programme, admin: Connection, watched: sessionmaker[ProgrammeSession]) -> Begin:
    """Give the way to begin a case: what is there at its start, and its actions."""

    def begin(case: Case) -> tuple[Start, dict[str, Job]]:
        with programme.session() as session, session.begin():
            actions = case(Stage(programme, session))
        return Start(programme, admin), {name: job(programme, watched, action) for name, action in actions.items()}

    return begin


def one_after_the_other(start: Start, jobs: Mapping[str, Job]) -> list[list[str]]:
    """Give how it ends in each order."""
    endings = []
    for order in permutations(jobs):
        start.again()
        endings.append(start.ending({name: jobs[name]() for name in order}))
    return endings


def difference(end: list[str], in_order: list[list[str]]) -> list[str]:
    """Say in what an ending differs from the one in order that is most like it."""
    return min((sorted(set(end) ^ set(other)) for other in in_order), key=len)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_each_interleaving_ends_as_some_order_one_after_the_other(
    case: Case, begin: Begin, scheduler: Scheduler, chance: Random, rounds: int
) -> None:
    start, jobs = begin(case)
    in_order = one_after_the_other(start, jobs)
    seen, waits = set(), 0
    for _ in range(INTERLEAVINGS * rounds):
        start.again()
        played = scheduler.play(jobs, Random(chance.random()))
        end = start.ending(played.results)
        assert end in in_order, "\n".join([*played.steps, "ends otherwise by", *difference(end, in_order)])
        seen.add(in_order.index(end))
        waits += played.waits
    # They did meet, and came out differently.
    assert waits
    assert len(seen) > 1


def test_actions_that_decide_on_what_they_have_not_locked_are_found_out(
    begin: Begin, scheduler: Scheduler, chance: Random
) -> None:
    def careless(stage: Stage) -> Mapping[str, Action]:
        card = select(Card).where(Card.person_id == stage.person(earned=0).id)

        def count(session: Session) -> None:
            tries = session.scalars(card).one().tries
            session.execute(update(Card).values(tries=tries + 1))

        return {"one": count, "other": count}

    start, jobs = begin(careless)
    (end, same) = one_after_the_other(start, jobs)
    assert end == same
    found = []
    for _ in range(INTERLEAVINGS):
        start.again()
        found.append(start.ending(scheduler.play(jobs, chance).results) == end)
    assert set(found) == {False, True}


def test_of_two_that_wait_for_each_other_one_is_run_again(begin: Begin, scheduler: Scheduler, chance: Random) -> None:
    began = Counter[str]()

    def crossing(stage: Stage) -> Mapping[str, Action]:
        people = [stage.person(earned=0).id for _ in range(2)]

        def lock(session: Session, name: str, order: list[UUID]) -> None:
            began[name] += 1
            for person_id in order:
                session.execute(select(Person.id).where(Person.id == person_id).with_for_update())

        return {
            name: partial(lock, name=name, order=order) for name, order in (("one", people), ("other", people[::-1]))
        }

    start, jobs = begin(crossing)
    (end, same) = one_after_the_other(start, jobs)
    assert end == same
    began.clear()
    plays = 0
    while began.total() == 2 * plays:
        plays += 1
        assert start.ending(scheduler.play(jobs, chance).results) == end
    assert began.total() == 2 * plays + 1
