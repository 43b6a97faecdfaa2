"""The service as it runs for real, on a PostgreSQL of the tests' own; and the crowd that uses it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from sqlalchemy import NullPool, create_engine, make_url

from tests.cli.conftest import environment
from tests.factories import PIN_KEY
from tests.faults.crowd import LONGEST, Client, Request, Town, assert_promises, until
from timecredits import embedded, schema
from timecredits.database import session_maker

__all__ = ["LONGEST", "Client", "OwnDatabase", "Request", "Serving", "Town", "assert_promises", "own_database", "until"]


class OwnDatabase:
    """A PostgreSQL that tests stop, kill and start as they like. Have the folder directly below /tmp.

    Else its socket would lie too deep, and be somewhere else after each start.
    """

    def __init__(self, folder: Path) -> None:
        """Start it, with its tables."""
        self.folder = folder
        self.running = embedded.start(folder / "data")
        self.admin_url, self.owner_url = self.running.admin_url, self.running.owner_url
        self.application_url = self.running.application_url
        schema.migrate(self.owner_url, application_role=embedded.APPLICATION)
        driver = make_url(self.application_url).set(drivername="postgresql+psycopg")
        self.sessions = session_maker(create_engine(driver, poolclass=NullPool))
        self.env = environment(
            DATABASE_URL=self.application_url,
            OWNER_DATABASE_URL=self.owner_url,
            SECRET_KEY=PIN_KEY.decode(),
            SWEEP_SECONDS="0",
        ) | {"TMPDIR": str(folder)}

    def start(self) -> None:
        """Start the server again where it was."""
        self.running = embedded.start(self.folder / "data")
        assert self.running.application_url == self.application_url

    def stop(self) -> None:
        """Stop the server in good order. Stopping it twice is fine."""
        self.running.stop()

    def kill(self) -> None:
        """Kill the server and each process of it, as a power cut would. Where none runs, do nothing."""
        pid = self.folder / "data" / "postgres" / "postmaster.pid"
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            server = psutil.Process(int(pid.read_text().split()[0]))
            server.suspend()  # so that it does not make another process meanwhile
            for process in (*server.children(recursive=True), server):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.running.stop()  # lets go of the folder; there is nothing left to stop


@contextmanager
def own_database() -> Iterator[OwnDatabase]:
    """Give a PostgreSQL for some tests."""
    with tempfile.TemporaryDirectory(prefix="tc-", ignore_cleanup_errors=True) as folder:
        made = OwnDatabase(Path(folder))
        try:
            yield made
        finally:
            made.kill()


class Serving:
    """`timecredits serve`, as processes in a group of their own. It has the same port after each start."""

    def __init__(self, env: dict[str, str], workers: int = 1, **settings: str) -> None:
        """Start serving with the settings of `OwnDatabase.env` and these."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        given = {"PORT": port, "WORKERS": str(workers), **settings}
        self.env = env | {f"TIMECREDITS_{name}": value for name, value in given.items()}
        self.log = Path(env["TMPDIR"]) / f"serve-{port}.log"
        self.workers = workers
        self.start()

    def start(self) -> None:
        """Start it. `wait_ready` waits until it answers."""
        command = [sys.executable, "-m", "timecredits.cli", "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.env, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
            )

    def pids(self) -> list[int]:
        """List the processes that answer requests: the workers, or without any the only one."""
        if self.workers == 1:
            return [self.process.pid]
        return [child.pid for child in psutil.Process(self.process.pid).children() if _is_worker(child)]

    def is_ready(self) -> bool:
        """Tell whether it answers, and all its workers are there."""
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError, HTTPException), closing(HTTPConnection(urlsplit(self.url).netloc, timeout=5)) as asking:
            asking.request("GET", "/readyz")
            return asking.getresponse().status == 200 and len(self.pids()) == self.workers
        return False

    def wait_ready(self) -> None:
        """Wait until it answers."""
        until(self.is_ready, "it did not get ready")

    def hangup(self) -> None:
        """Ask the supervisor to put a new worker in the place of each."""
        self.process.send_signal(signal.SIGHUP)

    def terminate(self) -> None:
        """Ask it to finish what it has begun, and to end. `wait` waits for that."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it has ended, and give its exit code."""
        return self.process.wait(LONGEST)

    def kill(self) -> None:
        """Kill the supervisor and every worker at once. What has been killed already stays so."""
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(LONGEST)
            assert psutil.wait_procs(family, timeout=LONGEST)[1] == []


def _is_worker(child: psutil.Process) -> bool:
    """Tell a worker from one that has just ended, and from the helper that Python itself starts."""
    with suppress(psutil.NoSuchProcess):
        return "--multiprocessing-fork" in child.cmdline()
    return False
