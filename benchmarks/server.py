"""The PostgreSQL of one run: its own, durable, and gone afterwards."""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from timecredits import embedded, ledger, schema
from timecredits.database import ProgrammeSession, make_engine, session_maker
from timecredits.embedded import Embedded
from timecredits.settings import Settings

# A figure without these would be of another service: one that may lose what it has said yes to.
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
_NOTED = (*_DURABLE, "shared_buffers", "max_wal_size", "checkpoint_timeout", "wal_sync_method", "jit")


class NotDurable(Exception):
    """The server may lose what it has acknowledged, so that its figures say nothing."""


class Unbalanced(Exception):
    """A workload has left the ledger in disorder."""


@dataclass(frozen=True)
class Server:
    """A running server with the tables migrated, and ways to it."""

    folder: Path
    embedded: Embedded
    engine: Engine
    sessions: sessionmaker[ProgrammeSession]
    admin: psycopg.Connection[tuple[object, ...]]

    @contextmanager
    def begin(self, programme_id: UUID) -> Iterator[Session]:
        """Begin a transaction in a programme, as the application's role."""
        with self.sessions(info={"programme_id": programme_id}) as session, session.begin():
            yield session

    def ask(self, statement: str) -> object:
        """Give the one value that a statement of the administrator gives."""
        row = self.admin.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]

    def settle(self) -> None:
        """Let workloads begin alike: statistics fresh, and everything so far written out."""
        schema.analyse(self.embedded.owner_url)
        self.admin.execute("CHECKPOINT")

    def wal(self) -> int:
        """Give how many bytes of write-ahead log there have been."""
        found = self.ask("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
        assert isinstance(found, int)
        return found

    def check_balance(self, programme_id: UUID) -> None:
        """Raise Unbalanced unless all balances of a programme add up to 0."""
        with self.begin(programme_id) as session:
            together = sum(ledger.trial_balance(session, programme_id).values())
        if together:
            raise Unbalanced(f"All balances together are {together} minutes.")

    def facts(self) -> dict[str, object]:
        """Say what was measured on, with the settings that the application has. Raises NotDurable."""
        with self.engine.connect() as connection:
            settings = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in _NOTED}
        if any(settings[name] != "on" for name in _DURABLE):
            raise NotDurable(str(settings))
        return {
            "timecredits": version("timecredits"),
            "postgresql": self.ask("SHOW server_version"),
            "postgresql_settings": settings,
            "python": platform.python_version(),
            "system": platform.platform(),
            "processors": os.cpu_count(),
        }


@contextmanager
def start() -> Iterator[Server]:
    """Start a server in a temporary folder, and end it with the block."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True))
        )
        running = stack.enter_context(embedded.start(folder / "data"))
        schema.migrate(running.owner_url, application_role=embedded.APPLICATION)
        settings = Settings.model_validate(
            {"database_url": running.application_url, "secret_key": running.secret_key, "threads": 8}
        )
        engine = make_engine(running.application_url, settings)
        stack.callback(engine.dispose)
        admin_url = running.admin_url.replace("/postgres?", f"/{embedded.DATABASE}?")
        admin = stack.enter_context(closing(psycopg.connect(admin_url, autocommit=True)))
        yield Server(folder, running, engine, session_maker(engine), admin)
