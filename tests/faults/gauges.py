"""What PostgreSQL and the workers say about themselves: memory, connections, waits for locks, dead rows, sizes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import psutil
import psycopg
from sqlalchemy import make_url

from tests.faults.service import OwnDatabase, Serving
from timecredits import embedded

TABLES = ("account", "journal_entry", "transfer", "idempotency_key")
_MIB = 2**20
_NOW = """
    SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock')
    FROM pg_stat_activity WHERE usename = %s
"""
_TABLE = """
    SELECT n_live_tup, n_dead_tup, n_tup_upd, n_tup_hot_upd, autovacuum_count, autoanalyze_count,
           pg_relation_size(relid), pg_indexes_size(relid)
    FROM pg_stat_user_tables WHERE relname = %s
"""
_DATABASE = "SELECT deadlocks, pg_database_size(datname) FROM pg_stat_database WHERE datname = current_database()"
# The heading of each column, and where in a note its figure is.
COLUMNS: Mapping[str, Sequence[str]] = {
    "minute": ("minute",),
    "answers": ("answers",),
    "p50 ms": ("p50_ms",),
    "p99 ms": ("p99_ms",),
    "put off so far": ("put_off",),
    "unheard so far": ("unheard",),
    "workers MiB": ("workers_mib",),
    "connections": ("connections",),
    "most waiting": ("most_waiting",),
    "seen waiting": ("seen_waiting",),
    "deadlocks": ("deadlocks",),
    "accounts": ("account", "rows"),
    "dead": ("account", "dead"),
    "HOT %": ("account", "hot_percent"),
    "autovacuums": ("account", "autovacuums"),
    "account MiB": ("account", "mib"),
    "its indexes MiB": ("account", "indexes_mib"),
    "transfer MiB": ("transfer", "mib"),
    "its indexes": ("transfer", "indexes_mib"),
    "database MiB": ("database_mib",),
    "swept": ("swept",),
    "what happened": ("happened",),
}


class Gauges:
    """Read by one thread. Between two notes, `sample` keeps the most that it has seen."""

    def __init__(self, database: OwnDatabase, serving: Serving) -> None:
        """Connect as the superuser, who sees everybody."""
        url = make_url(database.admin_url).set(database=embedded.DATABASE)
        self._connection = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
        self._serving = serving
        self._updates = dict.fromkeys(TABLES, (0, 0))
        self._reset()

    def __enter__(self) -> Self:
        """Give the gauges."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._connection.close()

    def sample(self) -> None:
        """See who is connected now and who of them waits for a lock."""
        connections, waiting = self._connection.execute(_NOW, [embedded.APPLICATION]).fetchone() or (0, 0)
        self._connections = max(self._connections, connections)
        self._most_waiting = max(self._most_waiting, waiting)
        self._seen_waiting += bool(waiting)
        self._samples += 1

    def note(self) -> dict[str, Any]:
        """Write down what was seen since the last note, and what there is now."""
        deadlocks, size = self._connection.execute(_DATABASE).fetchone() or (0, 0)
        noted: dict[str, Any] = {
            "workers_mib": self._memory(),
            "connections": self._connections,
            "most_waiting": self._most_waiting,
            "seen_waiting": f"{self._seen_waiting} of {self._samples}",
            "deadlocks": deadlocks,
            "database_mib": round(size / _MIB, 1),
        }
        self._reset()
        return noted | {name: self._table(name) for name in TABLES}

    def _reset(self) -> None:
        self._connections = self._most_waiting = self._seen_waiting = self._samples = 0

    def _memory(self) -> list[float]:
        found = []
        for pid in self._serving.pids():
            with suppress(psutil.NoSuchProcess):
                found.append(round(psutil.Process(pid).memory_info().rss / _MIB, 1))
        return found

    def _table(self, name: str) -> dict[str, Any]:
        row = self._connection.execute(_TABLE, [name]).fetchone()
        assert row is not None
        rows, dead, updated, hot, autovacuums, autoanalyzes, size, indexes = row
        updated_before, hot_before = self._updates[name]
        self._updates[name] = (updated, hot)
        since = updated - updated_before
        return {
            "rows": rows,
            "dead": dead,
            "hot_percent": round(100 * (hot - hot_before) / since, 1) if since else None,
            "autovacuums": autovacuums,
            "autoanalyzes": autoanalyzes,
            "mib": round(size / _MIB, 2),
            "indexes_mib": round(indexes / _MIB, 2),
        }


def in_markdown(notes: Sequence[Mapping[str, Any]]) -> str:
    """Write the notes as a table."""
    lines = [list(COLUMNS), ["---:"] * len(COLUMNS)]
    for note in notes:
        lines.append([])
        for path in COLUMNS.values():
            value: Any = note
            for step in path:
                value = value[step]
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines[-1].append("" if value is None else shown)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
