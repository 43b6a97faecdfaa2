"""An hour of an ordinary day at a modest rate: what grows, what waits, and whether every promise is kept.

`python -m tests.faults.long_run --minutes 60 --seed 1` serves with two workers on a PostgreSQL of its own, and writes
a line a minute. Requests, readings and sweeps go on all the time and the ledger is verified each minute. The workers
are restarted a few times in the first third, so that the rest shows whether they grow. It ends with 1 if anything is
not as it was promised.
"""

import argparse
import json
import statistics
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import httpx

from tests.conftest import NOW
from tests.faults.gauges import Gauges, in_markdown
from tests.faults.places import Elsewhere, enlarge
from tests.faults.service import Client, Serving, Town, assert_promises, own_database, until
from timecredits import ledger
from timecredits.access import Role

PEOPLE = 300
THREADS = 8
RESTARTS = 4
EXPIRING = 10  # prescriptions a minute, for the sweep
READINGS = 0.3  # of all requests
SAMPLES = 2  # a second


@dataclass
class Day:
    """What goes on, and what went wrong."""

    town: Town
    elsewhere: Elsewhere
    client: Client
    auditor: str
    dice: Random
    stop: Event = field(default_factory=Event)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    put_off: int = 0
    unheard: int = 0

    def go_on(self, dice: Random, pause: float) -> None:
        """Ask for something at random moments, `pause` seconds apart on the average, until the day ends."""
        due = time.monotonic()
        while not self.stop.wait(max(0, due - time.monotonic())):
            due = max(due + dice.expovariate(1 / pause), time.monotonic() - 1)
            began = time.perf_counter()
            done = self.look(dice) if dice.random() < READINGS else self.client.send(self.town.request(dice))
            if done:
                self.seconds.append(time.perf_counter() - began)

    def look(self, dice: Random) -> bool:
        """Read what somebody has, or had."""
        what = dice.choice(("balance", "statement"))
        path = f"/v1/people/{dice.choice(self.town.people).id}/{what}"
        return self.ask("GET", path, self.town.keys[Role.WELLBEING_WORKER], 200) is not None

    def verify(self) -> str:
        """Replay the ledger, and say how long that took."""
        began = time.perf_counter()
        found = self.ask("POST", "/v1/ledger/verification", self.auditor, 201)
        if found is None:
            return "no answer to the verification"
        if not found["consistent"]:
            self.wrong.append(found["first_disagreement"])
        return f"{found['entries']} entries verified in {time.perf_counter() - began:.1f} s"

    def ask(self, method: str, path: str, key: str, status: int) -> dict[str, Any] | None:
        """Send a request without an Idempotency-Key, and give what came of it, if that is known."""
        try:
            answer = self.client.http.request(method, path, headers={"Authorization": f"Bearer {key}"})
        except httpx.TransportError:
            self.unheard += 1
            return None
        if answer.status_code == status:
            return answer.json()
        if answer.status_code != 503:
            self.wrong.append(f"{method} {path}: {answer.text}")
        self.put_off += 1
        return None

    def note(self) -> dict[str, Any]:
        """Write down what was answered since the last note."""
        took, self.seconds = sorted(self.seconds), []
        hundredths = statistics.quantiles(took, n=100, method="inclusive") if len(took) > 1 else [0.0] * 99
        return {
            "answers": len(took),
            "p50_ms": round(1_000 * hundredths[49], 1),
            "p99_ms": round(1_000 * hundredths[98], 1),
            "put_off": self.put_off + len(self.client.refused),
            "unheard": self.unheard + len(self.client.unheard),
            "swept": self.elsewhere.count(ended=True),
        }

    def end(self) -> None:
        """Send again what has no outcome, wait for the last sweep, and look whether every promise was kept."""
        try:
            self.client.retry()
            until(lambda: self.elsewhere.count(ended=False) == 0, "the sweep does not end what is due")
            assert_promises(self.town, self.client, settled=True)
            with self.elsewhere.programme.session() as session, session.begin():
                found = ledger.check(session, self.elsewhere.programme.id, now=NOW)
            assert found.consistent, found.first_disagreement
        except AssertionError as broken:
            self.wrong.append(str(broken))


def observe(day: Day, serving: Serving, gauges: Gauges, minutes: int) -> list[dict[str, Any]]:
    """Let the minutes pass, and note what was seen in each."""
    every = max(1, minutes // 3 // RESTARTS)
    restarts = set(range(every, every * RESTARTS + 1, every))
    notes = []
    for minute in range(1, minutes + 1):
        ends = time.monotonic() + 60
        happened = []
        day.elsewhere.run_out(EXPIRING)
        if minute in restarts:
            serving.hangup()
            happened.append("restart")
        happened.append(day.verify())
        while time.monotonic() < ends:
            gauges.sample()
            time.sleep(1 / SAMPLES)
        notes.append({"minute": minute} | day.note() | gauges.note() | {"happened": happened})
        sys.stderr.write(f"{notes[-1]}\n")
    return notes


def run(minutes: int, seed: int, rate: float) -> dict[str, Any]:
    """Live through so many minutes, and give all that is to be said about them."""
    dice = Random(seed)
    with own_database() as database:
        town, elsewhere = Town(database.sessions), Elsewhere(database.sessions)
        auditor = enlarge(town, PEOPLE)
        serving = Serving(database.env, workers=2, SWEEP_SECONDS="15")
        with closing(_Ending(serving)), Client(serving.url, town, dice, threads=THREADS) as client:
            serving.wait_ready()
            day = Day(town, elsewhere, client, auditor, dice)
            pause = THREADS / rate
            threads = [Thread(target=day.go_on, args=(Random(dice.random()), pause)) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            try:
                with Gauges(database, serving) as gauges:
                    notes = observe(day, serving, gauges, minutes)
            finally:
                day.stop.set()
                for thread in threads:
                    thread.join()
            day.end()
            serving.terminate()
            if serving.wait() != 0:
                day.wrong.append("the service did not end well")
    asked = {"minutes": minutes, "seed": seed, "rate": rate, "people": len(town.people)}
    return asked | {"acknowledged": len(client.told), "wrong": day.wrong, "notes": notes}


@dataclass
class _Ending:
    """Sees to it that nothing stays behind, whatever happens."""

    serving: Serving

    def close(self) -> None:
        self.serving.kill()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=20, help="requests a second")
    parser.add_argument("--output", type=Path, help="a file for all of it, as JSON")
    asked = parser.parse_args()
    found = run(asked.minutes, asked.seed, asked.rate)
    if asked.output is not None:
        asked.output.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(in_markdown(found["notes"]))
    said = "" if found["wrong"] else ", each of them there once"
    sys.stdout.write(f"\n{found['acknowledged']} requests were acknowledged{said}.\n")
    for broken in found["wrong"]:
        sys.stdout.write(f"\nBROKEN: {broken}\n")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
