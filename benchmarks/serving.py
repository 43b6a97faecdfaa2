"""`timecredits serve` on the run's database, and load on it over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from uuid import uuid4

from benchmarks.measuring import Run
from benchmarks.server import Server

_READY_SECONDS = 60
# More than any run asks for: runs of a certain time.
_ENDLESS = 10**12


class NotReady(Exception):
    """The service did not begin to answer."""


@dataclass(frozen=True)
class Request:
    """A request to be sent, without its idempotency key. Without a body it is a GET."""

    path: str
    key: str
    body: Mapping[str, object] | None = None

    def line(self, mark: str) -> list[str]:
        """Write it as the load's plan has it."""
        body = json.dumps(dict(self.body)) if self.body else ""
        return ["POST" if body else "GET", self.path, self.key, mark, body]


@dataclass(frozen=True)
class Service:
    """A running service: its process, its port, and how long it took to be ready."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float

    def load(
        self, requests: Sequence[Request], *, connections: int, seconds: float = _ENDLESS, count: int = _ENDLESS
    ) -> Run:
        """Send these requests over and over, for so many seconds or until so many are done."""
        mark = uuid4().hex
        plan = {
            "address": ["127.0.0.1", self.port],
            "connections": connections,
            "seconds": seconds,
            "count": count,
            "requests": [request.line(mark) for request in requests],
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"],
            input=json.dumps(plan).encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
        said = json.loads(done.stdout)
        good = sum(number for status, number in said["statuses"].items() if status.startswith("2"))
        errors = len(said["latencies"]) - good
        return Run(good, said["seconds"], said["latencies"], errors=errors, refusals=said["refusals"])


@contextmanager
def serve(server: Server, *, workers: int = 2, threads: int | None = None) -> Iterator[Service]:
    """Run the service as anybody would who has a database of their own."""
    port = _free_port()
    settings = {
        "DATABASE_URL": server.embedded.application_url,
        "OWNER_DATABASE_URL": server.embedded.owner_url,
        "SECRET_KEY": server.embedded.secret_key,
        "PORT": str(port),
        "WORKERS": str(workers),
    }
    if threads is not None:
        settings["THREADS"] = str(threads)
    environment = os.environ | {f"TIMECREDITS_{name}": value for name, value in settings.items()}
    began = time.perf_counter()
    log_path = server.folder / "serve.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "timecredits.cli", "serve"], env=environment, stdout=log, stderr=log
        )
    try:
        if not _is_ready(process, port):
            raise NotReady(log_path.read_text()[-2000:])
        yield Service(process, port, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _is_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until it says that it can work, or has ended, or has had time enough."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == HTTPStatus.OK:
                return True
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
