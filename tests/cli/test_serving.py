"""`serve` as a newcomer meets it: an embedded server, a demonstration, keys that work, and nothing left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cli.conftest import Run, environment

ROLES = ("coordinator", "wellbeing_worker", "group_leader", "venue_staff", "person", "auditor")
README = Path(__file__).parents[2] / "README.md"


@dataclass
class Serving:
    """A running `timecredits serve` and what it printed before it was ready."""

    process: subprocess.Popen[str]
    env: dict[str, str]
    lines: list[str]
    url: str

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop, and give its exit code once it has."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def value(self, name: str) -> str:
        """Give what stands behind `name: ` on a line of its own."""
        return next(line.removeprefix(f"{name}: ") for line in self.lines if line.startswith(f"{name}: "))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def start(env: dict[str, str]) -> Serving:
    """Start serving, and wait until it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "timecredits.cli", "serve"],
        env=env | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("curl "):
            break
    url = re.search(r"http://[\d.:]+", lines[0])[0]
    serving = Serving(process, env, lines, url)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return serving
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("it did not get ready")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "data"


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[Serving]:
    started = start(environment(DATA_DIR=str(folder), PORT=str(free_port())))
    yield started
    started.stop()


def test_there_is_a_line_and_a_working_key_for_each_role(serving: Serving) -> None:
    for role in ROLES:
        answer = httpx.get(f"{serving.url}/v1/me", headers={"Authorization": f"Bearer {serving.value(role)}"})
        assert answer.json()["roles"] == [role]


def test_the_curl_line_works_when_it_is_pasted(serving: Serving) -> None:
    answer = subprocess.run(["bash", "-c", serving.lines[-1]], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout)["available_minutes"] > 0


def test_the_data_folder_is_for_one_server_and_for_nobody_else(serving: Serving, run: Run, folder: Path) -> None:
    refused = run("serve", env=serving.env | {"TIMECREDITS_PORT": str(free_port())})
    assert (refused.returncode, len(refused.stderr.strip().splitlines())) == (1, 1), refused.stderr
    assert "in use by another process" in refused.stderr
    for path in (folder / "secret_key", folder / "demonstration.json"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_other_commands_join_the_server_that_runs(serving: Serving, run: Run) -> None:
    verified = run("verify", env=serving.env)
    assert (verified.returncode, "consistent" in verified.stdout) == (0, True), verified.stderr


def test_a_port_in_use_is_one_plain_sentence(serving: Serving, run: Run, own_server: dict[str, str]) -> None:
    port = serving.env["TIMECREDITS_PORT"]
    refused = run("serve", env=own_server | {"TIMECREDITS_PORT": port})
    assert (refused.returncode, len(refused.stderr.strip().splitlines())) == (1, 1), refused.stderr
    assert port in refused.stderr


def test_the_cycle_in_the_readme_gives_the_answers_that_it_shows(serving: Serving) -> None:
    known = {
        "URL": serving.url,
        "WORKER": serving.value("wellbeing_worker"),
        "LEADER": serving.value("group_leader"),
        "VENUE": serving.value("venue_staff"),
        "ACTIVITY": serving.value("activity").split()[0],
        "OPPORTUNITY": serving.value("opportunity").split()[0],
    }
    steps = cycle()
    assert len(steps) == 5
    for command, shown in steps:
        answer = subprocess.run(
            ["bash", "-c", command], env=os.environ | known, capture_output=True, text=True, check=True
        )
        given = json.loads(answer.stdout)
        assert shape(given, shown) == shown
        known.setdefault("PERSON", given.get("id", ""))
        known.setdefault("CARD", given.get("card_number", ""))


def cycle() -> list[tuple[str, dict]]:
    """Give each command of the README's cycle with the answer that it shows."""
    text = README.read_text().split("<!-- cycle:")[1].split("## The flow")[0]
    commands = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    answers = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    return list(zip(commands, answers, strict=True))


def shape(given: object, shown: object) -> object:
    """Give an answer with "…" where the README shows that: what differs each time."""
    if shown == "…":
        assert given is not None
        return "…"
    if isinstance(given, dict) and isinstance(shown, dict):
        return {name: shape(value, shown.get(name)) for name, value in given.items()}
    if isinstance(given, list) and isinstance(shown, list) and len(given) == len(shown):
        return [shape(*pair) for pair in zip(given, shown, strict=True)]
    return given


def test_ctrl_c_leaves_no_process_and_a_second_start_finds_the_same_data(folder: Path) -> None:
    env = environment(DATA_DIR=str(folder.with_name("again")), PORT=str(free_port()))
    first = start(env)
    family = psutil.Process(first.process.pid).children(recursive=True)
    assert family
    assert first.stop(signal.SIGINT) == 0
    assert [process for process in psutil.wait_procs(family, timeout=20)[1] if process.is_running()] == []
    second = start(env)
    assert second.lines == first.lines
    subprocess.run(["bash", "-c", second.lines[-1]], capture_output=True, check=True)
    family = psutil.Process(second.process.pid).children(recursive=True)
    assert second.stop(signal.SIGTERM) == 0
    assert psutil.wait_procs(family, timeout=20)[1] == []


def test_several_workers_serve_together(own_server: dict[str, str]) -> None:
    env = own_server | {"TIMECREDITS_PORT": str(free_port()), "TIMECREDITS_WORKERS": "2", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "timecredits.cli", "serve"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{env['TIMECREDITS_PORT']}"
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        for _ in range(20):
            assert httpx.get(f"{url}/v1/me").status_code == 401
        counted = re.findall(r'requests_total\{.*route="/v1/me",status="401"\} (\S+)', httpx.get(f"{url}/metrics").text)
        assert sum(map(float, counted)) == 20
        # None of them is left idle: all forty at one of two workers would take a very lucky kernel.
        opened = [socket.create_connection(("127.0.0.1", int(env["TIMECREDITS_PORT"]))) for _ in range(40)]
        time.sleep(1)
        workers = [len(child.net_connections("tcp")) for child in psutil.Process(process.pid).children()]
        assert len([connections for connections in workers if connections > 5]) == 2, workers
        for each in opened:
            each.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_demonstration_that_was_broken_off_does_not_leave_the_newcomer_without_keys(tmp_path: Path) -> None:
    env = environment(DATA_DIR=str(tmp_path / "data"), PORT=str(free_port()))
    first = start(env)
    first.stop()
    (tmp_path / "data" / "demonstration.json").unlink()
    second = start(env)
    answer = httpx.get(f"{second.url}/v1/me", headers={"Authorization": f"Bearer {second.value('person')}"})
    second.stop()
    assert (first.value("person") != second.value("person"), answer.status_code) == (True, 200)
