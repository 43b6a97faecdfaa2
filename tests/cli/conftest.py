"""The command line as people run it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import Server
from timecredits.settings import Settings

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(**given: str | None) -> dict[str, str]:
    """Give this process's environment without settings of its own, and with these.

    Each command is a process: what one has compiled should serve the next.
    """
    ours = ("TIMECREDITS_", "PYTHONDONTWRITEBYTECODE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return clean | {f"TIMECREDITS_{name}": value for name, value in given.items() if value is not None}


@pytest.fixture(scope="session")
def own_server(server: Server, settings: Settings) -> dict[str, str]:
    """Give the settings of somebody with a PostgreSQL of their own."""
    return environment(
        DATABASE_URL=server.application.render_as_string(hide_password=False),
        OWNER_DATABASE_URL=server.owner.render_as_string(hide_password=False),
        SECRET_KEY=settings.secret_key.get_secret_value(),
    )


@pytest.fixture
def run(own_server: dict[str, str]) -> Run:
    """Run a command to its end."""

    def command(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "timecredits.cli", *arguments],
            env=own_server if env is None else env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return command
