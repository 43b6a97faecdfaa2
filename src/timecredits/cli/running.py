"""`timecredits serve`, `migrate` and `export-openapi`: what runs and describes the service."""

import json
import os
import signal
import socket
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from timecredits import embedded, schema
from timecredits.access import Role
from timecredits.cli.data import build_demo
from timecredits.cli.opening import Opened, Stop, open_database, owner_url, plainly, refuse_half
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
        with _reserve(settings.host, settings.port) as listening:
            port = listening.getsockname()[1]
            for line in _welcome(opened, f"http://{settings.host}:{port}"):
                typer.echo(line)
            config = uvicorn.Config(
                "timecredits.main:from_environment",
                factory=True,
                workers=settings.workers,
                log_config=None,
                access_log=False,
                server_header=False,
                forwarded_allow_ips=settings.forwarded_allow_ips,
                timeout_graceful_shutdown=20,
            )
            _run(config, listening)


def migrate() -> None:
    """Bring the database up to date, as its owner. Safe to repeat, and while the service runs."""
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


def _reserve(host: str, port: int) -> socket.socket:
    """Take the port before anything is said about it. Raises Stop."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Stop(f"Port {port} on {host} is in use or not ours: name another in TIMECREDITS_PORT.") from error
    return listening


def _run(config: uvicorn.Config, listening: socket.socket) -> None:
    """Run until a signal says stop: in this process, or in as many as were asked for.

    uvicorn finishes what is in flight and then raises the signal again: as an exception, so that the embedded server
    is stopped too.
    """
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_stop, lambda *_: sys.exit(0))
    if config.workers > 1:
        # Where the workers keep their figures, so that each can give those of all.
        with tempfile.TemporaryDirectory(prefix="timecredits-metrics-") as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            Multiprocess(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


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
