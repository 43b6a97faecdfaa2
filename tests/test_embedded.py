"""The embedded PostgreSQL: two roles, one owner of a data folder, nothing lost, nothing left behind."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from timecredits import embedded

PATIENCE_SECONDS = 30

HOLD = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from timecredits import embedded

    try:
        with embedded.start(Path(sys.argv[1])) as server:
            print(server.owner_url, flush=True)
            sys.stdin.read()
    except embedded.EmbeddedError as error:
        sys.exit(str(error))
    """
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Embedded]:
    with embedded.start(tmp_path_factory.mktemp("embedded") / "data") as started:
        yield started


def hold(folder: Path) -> subprocess.Popen[str]:
    """Start a server in a process of its own, which keeps it until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def living(folder: Path) -> list[int]:
    """List the processes, zombies aside, that work in a data folder or watch over one that does."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            works_here = (process / "cwd").readlink() == folder / "postgres"
        except OSError:  # it ended while we looked
            continue
        if words and (works_here or f"-D{folder}".encode() in words):
            found.append(int(process.name))
    return found


def postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone_soon(folder: Path) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while living(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not living(folder)


def write_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('here')")


def read_the_row(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT word FROM kept").fetchone()
    assert row is not None
    return str(row[0])


def test_the_two_roles_can_log_in_and_have_no_power_over_the_server(server):
    with psycopg.connect(server.application_url) as connection:
        rows = connection.execute(
            "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication"
            " FROM pg_roles WHERE rolname LIKE 'timecredits%' ORDER BY rolname"
        ).fetchall()
    assert rows == [
        ("timecredits_app", True, False, False, False, False, False),
        ("timecredits_owner", True, False, False, False, False, False),
    ]


def test_the_owner_owns_the_database_and_the_application_may_make_nothing_in_it(server):
    with psycopg.connect(server.owner_url) as connection:
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        connection.execute("CREATE TABLE made_by_the_owner ()")
    assert owner == ("timecredits_owner",)
    with (
        psycopg.connect(server.application_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE made_by_the_application ()")


def test_commits_are_durable_and_text_is_the_same_on_every_machine(server):
    with psycopg.connect(server.application_url) as connection:
        settings = [
            connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("fsync", "synchronous_commit", "full_page_writes", "server_encoding", "timezone")
        ]
        lowered = connection.execute("SELECT lower('ÉA'), 'Z' < 'a'").fetchone()
    assert settings == ["on", "on", "on", "UTF8", "UTC"]
    assert lowered == ("éa", True)


def test_the_server_listens_on_no_network_address(server):
    with psycopg.connect(server.application_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_the_secret_key_is_long_kept_and_for_nobody_else_to_read(tmp_path):
    with embedded.start(tmp_path / "data") as first:
        kept = tmp_path / "data" / "secret_key"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert len(first.secret_key) >= 32
        assert first.secret_key not in repr(first)
    with embedded.start(tmp_path / "data") as second:
        assert second.secret_key == first.secret_key


def test_a_database_without_its_secret_key_is_refused_in_a_plain_sentence(tmp_path):
    embedded.start(tmp_path).stop()
    (tmp_path / "secret_key").unlink()
    with pytest.raises(embedded.EmbeddedError, match="put that file back"):
        embedded.start(tmp_path)


def test_what_was_written_survives_a_restart_and_only_the_first_start_is_fresh(tmp_path):
    with embedded.start(tmp_path) as first:
        assert first.fresh
        write_a_row(first.owner_url)
    with embedded.start(tmp_path) as second:
        assert not second.fresh
        assert read_the_row(second.owner_url) == "here"


def test_a_stop_leaves_no_process_and_a_second_stop_does_nothing(tmp_path):
    before = children(os.getpid())
    started = embedded.start(tmp_path)
    assert len(living(tmp_path)) > 1
    assert len(children(os.getpid())) == len(before) + 2
    started.stop()
    assert living(tmp_path) == []
    assert children(os.getpid()) == before
    started.stop()


def test_a_folder_in_use_by_another_process_is_refused_in_a_plain_sentence(tmp_path):
    with embedded.start(tmp_path) as started:
        second = hold(tmp_path)
        _, said = second.communicate(timeout=PATIENCE_SECONDS)
        assert second.returncode == 1
        assert said.count("\n") == 1
        assert f"{tmp_path} is in use by another process" in said
        psycopg.connect(started.application_url).close()


def test_a_folder_in_use_by_this_very_process_is_refused_too(tmp_path):
    with embedded.start(tmp_path), pytest.raises(embedded.DataFolderInUse):
        embedded.start(tmp_path)


def test_another_process_may_join_the_server_and_leaves_it_running(tmp_path):
    with hold(tmp_path) as owner:
        write_a_row(first_line(owner))
        with embedded.join(tmp_path) as joined:
            assert read_the_row(joined.owner_url) == "here"
            assert not joined.fresh
        assert read_the_row(joined.owner_url) == "here"
        owner.communicate()
    with pytest.raises(embedded.EmbeddedError):
        embedded.join(tmp_path)
    assert living(tmp_path) == []


def test_a_server_whose_owner_was_killed_stops_by_itself_and_nothing_is_lost(tmp_path):
    with hold(tmp_path) as owner:
        write_a_row(first_line(owner))
        owner.kill()
    assert is_gone_soon(tmp_path)
    with embedded.start(tmp_path) as again:
        assert read_the_row(again.owner_url) == "here"


def test_a_server_left_over_by_a_killed_owner_and_watcher_is_stopped_at_the_next_start(tmp_path):
    with hold(tmp_path) as owner:
        write_a_row(first_line(owner))
        leftover = postmaster(tmp_path)
        for watcher in set(children(owner.pid)) - {leftover}:
            os.kill(watcher, signal.SIGKILL)
        owner.kill()
    assert leftover in living(tmp_path)
    with embedded.start(tmp_path) as again:
        assert read_the_row(again.owner_url) == "here"
        assert leftover not in living(tmp_path)
    assert living(tmp_path) == []


def test_a_start_right_after_the_owner_was_killed_waits_for_its_server_to_end(tmp_path):
    with hold(tmp_path) as owner:
        write_a_row(first_line(owner))
        owner.kill()
    with embedded.start(tmp_path) as again:
        assert read_the_row(again.owner_url) == "here"


def test_a_process_file_that_names_a_stranger_is_cleared_away_and_the_stranger_lives(tmp_path):
    with embedded.start(tmp_path) as first:
        write_a_row(first.owner_url)
        lines = (tmp_path / "postgres" / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        stale = "\n".join([str(stranger.pid), *lines[1:]])
        (tmp_path / "postgres" / "postmaster.pid").write_text(f"{stale}\n")
        with embedded.start(tmp_path) as again:
            assert read_the_row(again.owner_url) == "here"
        assert stranger.poll() is None
        stranger.kill()


def test_a_killed_postgres_loses_nothing_that_was_committed(tmp_path):
    with hold(tmp_path) as owner:
        write_a_row(first_line(owner))
        os.kill(postmaster(tmp_path), signal.SIGKILL)
        owner.kill()
    with embedded.start(tmp_path) as again:
        assert read_the_row(again.owner_url) == "here"


def test_a_start_that_was_killed_while_it_made_the_files_is_made_good(tmp_path):
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "half").touch()
    with embedded.start(tmp_path) as started:
        assert started.fresh


def test_a_folder_too_deep_for_a_socket_works_and_leaves_no_socket_behind(tmp_path):
    deep = tmp_path / ("deep" * 20) / "data"
    with embedded.start(deep) as started, psycopg.connect(started.admin_url) as connection:
        sockets = Path(connection.execute("SHOW unix_socket_directories").fetchone()[0].strip('"'))
        assert deep not in sockets.parents
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


def test_a_folder_that_cannot_be_made_is_refused_in_a_plain_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(embedded.EmbeddedError, match="cannot be used"):
        embedded.start(tmp_path / "file")


def test_a_server_that_does_not_start_says_what_it_said_and_leaves_the_folder_free(tmp_path):
    embedded.start(tmp_path).stop()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    for _ in range(2):
        with pytest.raises(embedded.EmbeddedError, match=r"did not start: database files are incompatible"):
            embedded.start(tmp_path)
    assert living(tmp_path) == []


def test_an_installation_without_the_wheel_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "site-packages" not in place])
    with pytest.raises(embedded.EmbeddedError, match="TIMECREDITS_DATABASE_URL"):
        embedded.start(tmp_path)
