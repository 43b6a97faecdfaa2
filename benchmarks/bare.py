"""The bare limit: by pgbench, so that the database has the processors to itself, or through the service's driver."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import psycopg

from benchmarks.measuring import Run
from benchmarks.server import Server
from benchmarks.town import Town, make_town, open_plain_accounts
from timecredits import embedded
from timecredits.embedded.programs import find_programs

_SCRIPT = """
\\set payer random(0, {payers} - 1)
\\set taker random(0, {takers} - 1)
SELECT bare.spend('{programme}',
    ('00000000-0000-7000-8000-' || lpad(to_hex(:payer::bigint), 12, '0'))::uuid,
    ('00000000-0000-7000-9000-' || lpad(to_hex(:taker::bigint), 12, '0'))::uuid, 1);
"""


@dataclass(frozen=True)
class Bare:
    """The hand-written function, in a programme of its own that is like the other one."""

    server: Server
    programme_id: UUID
    script: Path
    payers: int
    takers: int

    def run(self, *, clients: int, seconds: int) -> Run:
        """Call the function once an entry from so many clients in C, each call a transaction."""
        return self._run(self._pgbench, clients, seconds)

    def run_by_driver(self, *, clients: int, seconds: int) -> Run:
        """Do the same from so many threads of two processes, through the driver that the service uses."""
        return self._run(self._driver, clients, seconds)

    def _run(self, call: Callable[[int, int], list[float]], clients: int, seconds: int) -> Run:
        call(clients, 1)
        before = self.server.wal()
        latencies = call(clients, seconds)
        wal = self.server.wal() - before
        self.server.check_balance(self.programme_id)
        return Run(len(latencies), seconds, latencies, wal)

    def _driver(self, clients: int, seconds: int) -> list[float]:
        plan = {
            "url": self.server.embedded.application_url,
            "programme": str(self.programme_id),
            "payers": self.payers,
            "takers": self.takers,
            "threads": clients // 2,
            "seconds": seconds,
        }
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(_run_driver, [json.dumps(plan).encode()] * 2)
            return [latency for latencies in found for latency in latencies]

    def _pgbench(self, clients: int, seconds: int) -> list[float]:
        """Run pgbench with prepared statements, and give the seconds that each call took."""
        programs = find_programs(self.server.folder / "data" / "postgres").folder
        log = self.script.with_name("pgbench_log")
        command: list[str | Path] = [
            programs / "pgbench",
            "--no-vacuum",
            "--protocol=prepared",
            f"--file={self.script}",
        ]
        command += [f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={seconds}"]
        command += ["--log", f"--log-prefix={log}", self.server.embedded.application_url]
        options = f"-c timecredits.programme={self.programme_id} -c timezone=UTC"
        environment = os.environ | {"PGOPTIONS": options}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        latencies = []
        for path in log.parent.glob(f"{log.name}.*"):
            latencies += [int(line.split()[2]) / 1_000_000 for line in path.read_text().splitlines()]
            path.unlink()
        return latencies


def install(server: Server, *, people_count: int, venue_count: int) -> Bare:
    """Put the function in the database, and make a programme for it."""
    town = make_town(server, people_count=people_count, venue_count=venue_count)
    open_plain_accounts(server, town)
    with psycopg.connect(server.embedded.owner_url) as owner:
        owner.execute(files("benchmarks").joinpath("bare.sql").read_bytes())
        owner.execute(f"GRANT USAGE ON SCHEMA bare TO {embedded.APPLICATION}".encode())
    script = _write_script(server, town)
    return Bare(server, town.programme_id, script, payers=len(town.people), takers=len(town.venues))


def _run_driver(plan: bytes) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.driver"]
    latencies: list[float] = json.loads(subprocess.run(command, input=plan, stdout=subprocess.PIPE, check=True).stdout)
    return latencies


def _write_script(server: Server, town: Town) -> Path:
    path = server.folder / "bare.pgbench"
    path.write_text(_SCRIPT.format(programme=town.programme_id, payers=len(town.people), takers=len(town.venues)))
    return path
