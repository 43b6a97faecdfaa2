"""Runs a few jobs at once on PostgreSQL, one statement at a time, in an order that a test's dice choose.

Each job has a thread and connections of its own. It pauses before every statement, commit and rollback until the
scheduler lets it go on. One that waits for a lock is left waiting, and another goes on. The same dice give the same
order, but for what only PostgreSQL decides: which of two that wait for one row gets it first.
"""

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from tests.conftest import NOW, Programme
from timecredits import ledger
from timecredits.database import ProgrammeSession, transaction
from timecredits.errors import DomainError
from timecredits.schema import METADATA
from timecredits.web.perform import run_again_on_deadlock

# How long a statement may take before we ask whether it waits for a lock, and how long anything may take at all.
QUICK_SECONDS = 0.003
PATIENCE_SECONDS = 30.0
# How likely the same job goes on: every statement by lot, in short runs, or nearly one after the other.
STAY = (0.0, 0.5, 0.8, 0.95)

_WAITING = text(
    "SELECT pid FROM unnest(CAST(:pids AS integer[])) AS pid WHERE pg_blocking_pids(pid) && CAST(:pids AS integer[])"
)

# What is new each time in a row as text: ids, times and hashes.
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME_OR_HASH = re.compile(r"\d{4}-\d\d-\d\dT[^\"]+|\\\\x[0-9a-f]+")
TABLES = [table.name for table in METADATA.sorted_tables if "programme_id" in table.c]

Action = Callable[[Session], object]
Job = Callable[[], object]


class State(Enum):
    """What a job is doing. Whether a running one waits for a lock, only PostgreSQL knows."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"


@dataclass(eq=False)
class Player:
    """A job in its thread."""

    name: str
    job: Job
    state: State = State.RUNNING
    pid: int | None = None
    next_step: str = ""
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@dataclass(frozen=True)
class Played:
    """What came of one interleaving: each job's result, the steps in order, and how often a job waited for a lock."""

    results: dict[str, object]
    steps: list[str]
    waits: int


class Scheduler:
    """Watches an engine. Only threads that it has started pause; whoever else uses the engine does not."""

    def __init__(self, engine: Engine, observer: Connection) -> None:
        """Listen to what the engine is about to do. `observer` is a connection that nothing else uses."""
        self._observer = observer
        self._players: dict[int, Player] = {}
        self._changed = threading.Condition()
        event.listen(engine, "before_cursor_execute", self._before_statement)
        event.listen(engine, "commit", lambda connection: self._pause(connection, "COMMIT"))
        event.listen(engine, "rollback", lambda connection: self._pause(connection, "ROLLBACK"))

    def play(self, jobs: Mapping[str, Job], chance: Random) -> Played:
        """Run all jobs to their end, each step chosen by `chance`. Raises what a job raises."""
        players: list[Player] = []
        with ThreadPoolExecutor(len(jobs)) as pool:
            try:
                results = {}
                for name, job in jobs.items():
                    players.append(Player(name, job))
                    results[name] = pool.submit(self._run, players[-1])
                    self._settle(players, players[-1])
                steps, waits = self._choose_until_done(players, chance)
            finally:
                # Where we have failed ourselves, all run on to their end, so that no thread stays behind.
                self._players.clear()
                for player in players:
                    player.go.release()
        return Played({name: result.result() for name, result in results.items()}, steps, waits)

    def _choose_until_done(self, players: list[Player], chance: Random) -> tuple[list[str], int]:
        stay, last = chance.choice(STAY), None
        steps: list[str] = []
        waits = 0
        while ready := self._ready(players):
            same = last in ready and chance.random() < stay
            last = last if same else chance.choice(ready)
            assert last is not None
            steps.append(f"{last.name}: {last.next_step}")
            last.state = State.RUNNING
            last.go.release()
            self._settle(players, last)
            waits += last.state is State.RUNNING
        return steps, waits

    def _ready(self, players: list[Player]) -> list[Player]:
        """Give who may go on: nobody when all are done. In a deadlock, wait until PostgreSQL has ended it."""

        def somebody_is_ready_or_all_are_done() -> bool:
            states = {player.state for player in players}
            return State.PAUSED in states or states == {State.DONE}

        with self._changed:
            assert self._changed.wait_for(somebody_is_ready_or_all_are_done, PATIENCE_SECONDS), players
        return [player for player in players if player.state is State.PAUSED]

    def _settle(self, players: list[Player], last: Player) -> None:
        """Wait until each of these is paused, done, or waiting for another one's lock. The `last` one has moved."""
        with self._changed:
            self._changed.wait_for(lambda: last.state is not State.RUNNING, QUICK_SECONDS)
        for _ in range(int(PATIENCE_SECONDS / QUICK_SECONDS)):
            if self._all_wait(players):
                return
            with self._changed:
                self._changed.wait_for(lambda: not self._running(players), QUICK_SECONDS)
        raise TimeoutError(players)

    @staticmethod
    def _running(players: list[Player]) -> list[Player]:
        return [player for player in players if player.state is State.RUNNING]

    def _all_wait(self, players: list[Player]) -> bool:
        """Ask PostgreSQL whether each running job is held up by another one; a row lock or any other."""
        if not self._running(players):
            return True
        pids = [player.pid for player in players if player.pid is not None]
        waiting = set(self._observer.scalars(_WAITING, {"pids": pids}))
        return all(player.pid in waiting for player in self._running(players))

    def _run(self, player: Player) -> object:
        self._players[threading.get_ident()] = player
        try:
            return player.job()
        finally:
            self._now(player, State.DONE)

    def _before_statement(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        self._pause(connection, " ".join(statement.split())[:60])

    def _pause(self, connection: Connection, next_step: str) -> None:
        player = self._players.get(threading.get_ident())
        if player is not None:
            player.pid = connection.connection.dbapi_connection.info.backend_pid
            player.next_step = next_step
            self._now(player, State.PAUSED)
            player.go.acquire()

    def _now(self, player: Player, state: State) -> None:
        with self._changed:
            player.state = state
            self._changed.notify_all()


def job(programme: Programme, sessions: sessionmaker[ProgrammeSession], action: Action) -> Job:
    """Run an action as the service would: in a transaction, and again where PostgreSQL asks for that."""

    def once() -> object:
        with sessions(info={"programme_id": programme.id}) as session, transaction(session):
            return action(session)

    def run() -> object:
        try:
            return run_again_on_deadlock(once)
        except DomainError as refusal:
            return refusal.code(), refusal.figures

    return run


class Start:
    """Every row of a programme as it is now, to be there again whatever has been done to it."""

    def __init__(self, programme: Programme, admin: Connection) -> None:
        """Remember every row. `admin` may delete what nobody else may."""
        self._programme, self._admin = programme, admin
        mine = f"WHERE programme_id = '{programme.id}'"
        for table in TABLES:
            admin.execute(text(f"CREATE TEMP TABLE start_{table} AS SELECT * FROM {table} {mine}"))
        self._again = "; ".join(
            f"DELETE FROM {table} {mine}; INSERT INTO {table} SELECT * FROM start_{table}" for table in TABLES
        )
        self._every_row = text(
            " UNION ALL ".join(f"SELECT '{table} ' || CAST(to_jsonb(t) AS text) FROM {table} AS t" for table in TABLES)
        )
        self._known = set(ID.findall("".join(self._rows())))

    def again(self) -> None:
        """Put everything back."""
        self._admin.exec_driver_sql(self._again)

    def ending(self, results: Mapping[str, object]) -> list[str]:
        """Give every result and every row, without what is new each time. Nothing in it may be wrong by itself."""
        with self._programme.session() as session, session.begin():
            assert ledger.check(session, self._programme.id, now=NOW).first_disagreement is None
        said = [f"{name}: {result}" for name, result in results.items()] + self._rows()
        return sorted(ID.sub(self._name, TIME_OR_HASH.sub("...", line)) for line in said)

    def _rows(self) -> list[str]:
        with self._programme.session() as session, session.begin():
            return list(session.scalars(self._every_row))

    def _name(self, found: re.Match[str]) -> str:
        return found[0] if found[0] in self._known else "new"
