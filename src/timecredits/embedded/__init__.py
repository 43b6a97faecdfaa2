"""The embedded PostgreSQL: start, two roles, stop."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg.sql import SQL, Identifier

from timecredits.embedded.programs import EmbeddedError, find_programs
from timecredits.embedded.server import make_cluster, rename, run_server, socket_folder, stop_leftover, url

__all__ = ["APPLICATION", "DATABASE", "OWNER", "DataFolderInUse", "Embedded", "EmbeddedError", "join", "start"]

DATABASE = "timecredits"
OWNER = "timecredits_owner"
APPLICATION = "timecredits_app"


class DataFolderInUse(EmbeddedError):
    """Another live process has this data folder."""


@dataclass(frozen=True)
class Embedded:
    """A running server. Leaving the `with` block, or `stop()`, ends it and every process of it.

    `fresh` tells that this start made the database. A start that was killed half-way leaves a database that is no
    longer fresh and still empty, so ask the database what it holds before relying on that. `admin_url` is the
    superuser's, for tests and repairs; the service has no use for it.
    """

    admin_url: str
    owner_url: str
    application_url: str
    secret_key: str = field(repr=False)
    fresh: bool
    _undo: ExitStack = field(repr=False)

    def __enter__(self) -> Self:
        """Give the server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def stop(self) -> None:
        """Stop the server and let go of the data folder. A second time does nothing."""
        self._undo.close()


def start(data_dir: Path) -> Embedded:
    """Start the server of a data folder, which is made where there is none.

    Raises DataFolderInUse, and EmbeddedError for whatever else stands in the way. Should this process die without
    stopping the server, a watcher stops it; should that die too, the next start does.
    """
    folder = data_dir.expanduser().resolve()
    cluster = folder / "postgres"
    with _plain_sentences(folder), ExitStack() as undo:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _take(folder, undo)
        programs = find_programs(cluster)
        secret_key = _secret_key(folder, may_make=not cluster.exists())
        stop_leftover(programs, cluster)
        if not cluster.exists():
            make_cluster(programs, cluster)
        sockets = run_server(programs, cluster, folder / "log", undo)
        fresh = _make_roles_and_database(url(sockets))
        return _embedded(sockets, secret_key, undo.pop_all(), fresh=fresh)


def join(data_dir: Path) -> Embedded:
    """Use the server that another process has started in this data folder. Stopping it here leaves it running.

    Raises EmbeddedError where there is none.
    """
    folder = data_dir.expanduser().resolve()
    with _plain_sentences(folder):
        joined = _embedded(socket_folder(folder / "postgres"), _secret_key(folder, may_make=False), ExitStack())
        psycopg.connect(joined.application_url).close()
        return joined


def _embedded(sockets: Path, secret_key: str, undo: ExitStack, *, fresh: bool = False) -> Embedded:
    return Embedded(
        admin_url=url(sockets),
        owner_url=url(sockets, OWNER, DATABASE),
        application_url=url(sockets, APPLICATION, DATABASE),
        secret_key=secret_key,
        fresh=fresh,
        _undo=undo,
    )


@contextmanager
def _plain_sentences(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbeddedError(f"The data folder {folder} cannot be used: {error}.") from error
    except psycopg.Error as error:
        raise EmbeddedError(f"The embedded PostgreSQL of {folder} refused: {error}.") from error


def _take(folder: Path, undo: ExitStack) -> None:
    """Hold the folder's lock for as long as this process lives: the kernel lets go of it, also after a kill -9."""
    lock = undo.enter_context((folder / "lock").open("ab"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataFolderInUse(
            f"The data folder {folder} is in use by another process: "
            "stop that one first, or name another folder in TIMECREDITS_DATA_DIR."
        ) from error


def _secret_key(folder: Path, *, may_make: bool) -> str:
    """Give the folder's secret key. It is older than the database: with another one no PIN in there would be right."""
    path = folder / "secret_key"
    if not path.exists():
        if not may_make:
            raise EmbeddedError(f"The data folder {folder} has a database but no file secret_key: put that file back.")
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as new:  # mode 0600 from the start
            new.write(secrets.token_urlsafe(48))
            new.flush()
            os.fsync(new.fileno())
        rename(Path(new.name), path)
    return path.read_text().strip()


def _make_roles_and_database(administrator_url: str) -> bool:
    """Make what is missing of the two roles and the database. Tell whether the database was."""
    with psycopg.connect(administrator_url, autocommit=True) as connection:
        for role in (OWNER, APPLICATION):
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                make = SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")
                connection.execute(make.format(Identifier(role)))
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is not None:
            return False
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(DATABASE), Identifier(OWNER)))
        return True
