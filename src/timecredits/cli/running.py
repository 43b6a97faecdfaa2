"""`timecredits serve`, `migrate` and `export-openapi`: what runs and describes the service."""

import json
import os
import signal
import socket
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from timecredits import embedded, schema
from timecredits.access import Role
from timecredits.cli.data import build_demo
from timecredits.cli.opening import Opened, Stop, open_database, owner_url, plainly, refuse_half
from timecredits.cli.patience import PatientProtocol
from timecredits.demo import Demonstration
from timecredits.main import create_app
from timecredits.settings import Settings

_CONTRACT = Path("openapi/timecredits.json")
_DEMO = "demo"
_DEMONSTRATION = "demonstration.json"


def serve() -> None:
    """Serve the API. Without a database URL: start the embedded PostgreSQL, with a demonstration if it is empty."""
    with plainly(), open_database(alone=True) as opened:
        settings = opened.settings
        with ExitStack() as stack:
            sockets = [stack.enter_context(found) for found in _reserve(settings)]
            port = sockets[0].getsockname()[1]
            for line in _welcome(opened, f"http://{settings.host}:{port}"):
                typer.echo(line)
            config = uvicorn.Config(
                "timecredits.main:from_environment",
                factory=True,
                log_config=None,
                access_log=False,
                server_header=False,
                http=PatientProtocol,
                forwarded_allow_ips=settings.forwarded_allow_ips,
                timeout_graceful_shutdown=settings.stop_seconds,
                timeout_worker_healthcheck=60,
            )
            _run(config, sockets)


def migrate() -> None:
    """Bring the database up to date, as its owner. Safe to repeat; the changelog says when the service must stop."""
    with plainly():
        settings = Settings()
        refuse_half(settings)
        if settings.database_url is None:
            with embedded.start(settings.data_dir) as server:
                schema.migrate(server.owner_url, application_role=embedded.APPLICATION)
        else:
            url, role = owner_url(settings)
            schema.migrate(url, application_role=role)
        typer.echo(f"The database is at revision {schema.head()}.")


def export_openapi(
    path: Annotated[Path, typer.Argument(help="Where the contract is kept.")] = _CONTRACT,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the file is up to date.")] = False,
) -> None:
    """Write the HTTP contract as the service has it."""
    with plainly():
        contract = json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False) + "\n"
        if not check:
            path.write_text(contract)
        elif not path.exists() or path.read_text() != contract:
            raise Stop(
                f"{path} is not what the service has: run `timecredits export-openapi` and look at what changed."
            )


def _reserve(settings: Settings) -> list[socket.socket]:
    """Take the port before anything is said about it, once for each worker. Raises Stop.

    The kernel spreads connections over the sockets of a port. One socket for all workers leaves that to chance: of
    sixteen connections, the worker that woke first took sixteen as often as eight.
    """
    # A socket that shares its port would not notice another service there that shares it too.
    alone = _bind(settings.host, settings.port)
    if settings.workers == 1:
        return [alone]
    with alone:
        port = alone.getsockname()[1]
    sockets = [_bind(settings.host, port, socket.SO_REUSEPORT) for _ in range(settings.workers)]
    for listening in sockets:
        listening.listen()
    return sockets


def _bind(host: str, port: int, *options: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    for option in (socket.SO_REUSEADDR, *options):
        listening.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Stop(f"Port {port} on {host} is in use or not ours: name another in TIMECREDITS_PORT.") from error
    return listening


def _run(config: uvicorn.Config, sockets: list[socket.socket]) -> None:
    """Run until a signal says stop: in this process, or in a process for each socket.

    uvicorn finishes what is in flight and then raises the signal again: as an exception, so that the embedded server
    is stopped too.
    """
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_stop, lambda *_: sys.exit(0))
    if len(sockets) > 1:
        # Where the workers keep their figures, so that each can give those of all.
        with tempfile.TemporaryDirectory(prefix="timecredits-metrics-") as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            _run_workers(config, sockets)
    else:
        uvicorn.Server(config).run(sockets=sockets)


def _run_workers(config: uvicorn.Config, sockets: list[socket.socket]) -> None:
    """Keep a worker running on each socket, and pass signals on: SIGHUP replaces all, SIGTERM and SIGINT stop them.

    This process holds the sockets too, so that what arrives while a worker is replaced waits for the next one.
    """
    supervisors = [Multiprocess(config, sockets=[listening]) for listening in sockets]

    def stop(*_: object) -> None:
        for supervisor in supervisors:
            supervisor.should_exit.set()

    def replace(number: int, _frame: FrameType | None) -> None:
        for supervisor in supervisors:
            supervisor.signal_queue.append(number)

    def run(supervisor: Multiprocess) -> None:
        # One whose worker cannot start gives up; the others would leave its part of the connections unanswered.
        try:
            supervisor.run()
        finally:
            stop()

    for number, handler in ((signal.SIGINT, stop), (signal.SIGTERM, stop), (signal.SIGHUP, replace)):
        signal.signal(number, handler)
    with ThreadPoolExecutor(len(supervisors)) as threads:
        list(threads.map(run, supervisors))


def _welcome(opened: Opened, url: str) -> list[str]:
    lines = [f"Open {url}/ in a browser; the interface is described at {url}/docs."]
    demonstration = _demonstration(opened) if opened.is_embedded else None
    if demonstration is not None:
        lines += [*demonstration.summary, *(f"{role}: {key}" for role, key in demonstration.keys.items())]
        lines.append(f'curl -H "Authorization: Bearer {demonstration.keys[Role.PERSON]}" {url}/v1/me/balance')
    return lines


def _demonstration(opened: Opened) -> Demonstration | None:
    """Build the demonstration in an empty embedded server. Its keys stay beside it: the database has only hashes."""
    path = opened.settings.data_dir / _DEMONSTRATION
    codes = [programme.code for programme in opened.programmes()]
    # One whose building was broken off has no keys, and stays: nothing that was posted goes away.
    if not path.exists() and all(code.startswith(_DEMO) for code in codes):
        made = build_demo(opened, people=200, months=3, seed=1, code=f"{_DEMO}{len(codes) or ''}")
        beside = path.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(asdict(made)))
        beside.rename(path)
    return Demonstration(**json.loads(path.read_text())) if path.exists() else None
