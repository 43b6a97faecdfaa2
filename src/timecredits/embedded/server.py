"""One embedded server: its cluster, its process, its end."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from timecredits.embedded.programs import EmbeddedError, Programs

_ADMINISTRATOR = "postgres"
_POSTMASTER = "postmaster.pid"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103  # bytes; the least of what Linux (107) and macOS (103) take
_START_SECONDS = 120  # after a power cut the server replays its log first
_STOP_SECONDS = 60
_NO_ANSWER = 2  # of pg_isready; 0 and 1 are from a server that accepts connections, or does not yet or no longer
_ORPHANS = "pre-existing shared memory block"

_NEW_CLUSTER = (
    f"--username={_ADMINISTRATOR}",
    "--auth=trust",  # the socket's folder is the lock: only the server's own user, and root, can reach it
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
# Durable, and the same on every machine. Terse, because a DETAIL line repeats the values of a row.
_SETTINGS = (
    "--listen_addresses=",
    "--unix_socket_permissions=0700",
    "--fsync=on",
    "--full_page_writes=on",
    "--synchronous_commit=on",
    "--timezone=UTC",
    "--log_timezone=UTC",
    "--log_checkpoints=off",
    "--log_error_verbosity=terse",
    "--log_min_error_statement=panic",
)
# Reads which process to watch over, then waits for our word. When we die without one, it stops that process.
_WATCH = 'read -r server && { read -r _ || kill -INT "$server"; }'


def url(sockets: Path, role: str = _ADMINISTRATOR, database: str = "postgres") -> str:
    """Give the URL of a database on the server with this socket folder."""
    return f"postgresql://{role}@/{database}?host={quote(str(sockets), safe='')}&port=5432"


def rename(half_made: Path, finished: Path) -> None:
    """Give a finished thing its name, durably, so that what was killed half-way never has it."""
    half_made.rename(finished)
    folder = os.open(finished.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def make_cluster(programs: Programs, cluster: Path) -> None:
    """Make the files of a server that has nothing in it yet."""
    half_made = cluster.with_name(f"{cluster.name}.new")
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(mode=0o700)
    programs.own(half_made)
    programs.run("initdb", f"--pgdata={half_made}", *_NEW_CLUSTER)
    rename(half_made, cluster)


def stop_leftover(programs: Programs, cluster: Path) -> None:
    """Stop what an earlier owner of this folder left running, and clear away what names a process long gone.

    The folder's lock is ours, so whatever runs there is nobody's. Only a server that answers in this very folder is
    signalled, for the number in the file may by now be that of any process.
    """
    named = cluster / _POSTMASTER
    if not named.exists():
        return
    sockets = socket_folder(cluster)
    if programs.run("pg_isready", f"--host={sockets}", may_end_with=(0, 1, 2)) != _NO_ANSWER:
        programs.run(
            "pg_ctl", "stop", f"--pgdata={cluster}", "--mode=fast", f"--timeout={_STOP_SECONDS}", may_end_with=(0, 1)
        )
    for stale in (named, sockets / _SOCKET, sockets / f"{_SOCKET}.lock"):
        stale.unlink(missing_ok=True)
    if sockets != cluster and sockets.is_dir():
        sockets.rmdir()


def socket_folder(cluster: Path) -> Path:
    """Give the folder of the socket of a cluster's server, as that server has written it down. Raises OSError."""
    _pid, folder, _started, _port, sockets, *_ = [*(cluster / _POSTMASTER).read_text().splitlines(), *[""] * 5]
    return Path(sockets) if sockets and folder == str(cluster) else cluster


def run_server(programs: Programs, cluster: Path, log: Path, undo: ExitStack) -> Path:
    """Run the server until `undo`, and give the folder of its socket.

    Tries again while processes of a server that was itself killed still hold the cluster: they end by themselves.
    """
    sockets = _make_socket_folder(programs, cluster, undo)
    command: list[str | Path] = [
        programs.folder / "postgres",
        f"-D{cluster}",
        f'--unix_socket_directories="{sockets}"',
        *_SETTINGS,
    ]
    deadline = time.monotonic() + _START_SECONDS
    while not _attempt(programs, command, url(sockets), log, undo):
        reason = _last_fatal(log)
        if _ORPHANS not in reason or time.monotonic() > deadline:
            raise EmbeddedError(f"The embedded PostgreSQL did not start: {reason}. See {log}.")
        time.sleep(0.1)
    return sockets


def _attempt(programs: Programs, command: list[str | Path], address: str, log: Path, undo: ExitStack) -> bool:
    """Begin a server and one who watches over it, and tell whether it answers. Ends both if not."""
    with ExitStack() as attempt:
        watcher = programs.begin("/bin/sh", "-c", _WATCH, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        attempt.callback(watcher.communicate, b"stopped\n")
        with log.open("ab") as output:
            server = programs.begin(*command, stdout=output.fileno())
        attempt.callback(_stop, server)
        assert watcher.stdin is not None, "asked for as a pipe"
        watcher.stdin.write(f"{server.pid}\n".encode())
        watcher.stdin.flush()
        if answers := _answers(server, address):
            undo.enter_context(attempt.pop_all())
        return answers


def _make_socket_folder(programs: Programs, cluster: Path, undo: ExitStack) -> Path:
    """Give the folder for the socket: the cluster, or a temporary one where that lies too deep for a socket."""
    programs.own(cluster)
    if len(os.fsencode(cluster / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        return cluster
    folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="timecredits-")))
    programs.own(folder)
    return folder


def _answers(server: subprocess.Popen[bytes], address: str) -> bool:
    """Wait until the server answers, or ends, or has had time enough."""
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            psycopg.connect(address, connect_timeout=5).close()
            return True
        time.sleep(0.02)
    return False


def _last_fatal(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    words = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return words[-1] if words else "it did not say why"


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # "fast": ends connections, writes everything, ends
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)  # "immediate": what was committed comes back from the log at the next start
        server.wait()
