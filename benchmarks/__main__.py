"""`python -m benchmarks`: run the workloads, print a table, write a file."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from types import MappingProxyType

import typer

from benchmarks import server
from benchmarks.measuring import Finding, Report
from benchmarks.scene import QUICK, Scene, Size
from benchmarks.workloads import demonstrating, giving, posting, reading, redeeming, starting, verifying

WORKLOADS: Mapping[str, Callable[[Scene], Report]] = MappingProxyType(
    {
        "post-batch": posting.post_batch,
        "post-one": posting.post_one,
        "redeem": redeeming.redeem,
        "redeem-one-venue": redeeming.redeem_one_venue,
        "gifts": giving.gifts,
        "reads": reading.reads,
        "verify": verifying.verify,
        "demo": demonstrating.build_demo,
        "serve": starting.start_and_serve,
    }
)
_RESULTS = Path(__file__).parent / "results" / f"{version('timecredits')}.json"
_WORDS = MappingProxyType({True: "reached", False: "**not reached**", None: ""})


def main() -> None:
    """Run what was asked for. The table comes line by line; the ledger is replayed in the end."""
    asked = _arguments()
    size = QUICK if asked.quick else Size()
    size = replace(size, runs=asked.runs or size.runs, seconds=asked.seconds or size.seconds)
    reports: dict[str, Report] = {}
    with server.start() as running:
        facts = running.facts()
        typer.echo("\n".join(_head(facts)))
        scene = Scene(running, size, Random(asked.seed))
        for name in asked.only or WORKLOADS:
            reports[name] = WORKLOADS[name](scene)
            typer.echo("\n".join(_lines(reports[name].findings)))
            if asked.output is not None:
                # After each, so that a run that is broken off has not been for nothing.
                asked.output.parent.mkdir(parents=True, exist_ok=True)
                asked.output.write_text(json.dumps(_file(facts, size, reports), indent=1, default=str) + "\n")
        scene.check()
    if asked.output is not None:
        typer.echo(f"\nEverything is in {asked.output}.")


def _head(facts: Mapping[str, object]) -> list[str]:
    return [
        f"PostgreSQL {facts['postgresql']}, Python {facts['python']}, {facts['processors']} processors.",
        "",
        "| workload | what | median (least to most) | to reach | |",
        "|---|---|---|---|---|",
    ]


def _lines(findings: Sequence[Finding]) -> list[str]:
    return [
        f"| {found.workload} | {found.what} | {found.value} | {found.target} | {_WORDS[found.reached]} |"
        for found in findings
    ]


def _file(facts: Mapping[str, object], size: Size, reports: Mapping[str, Report]) -> dict[str, object]:
    return {
        "facts": facts,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": asdict(size),
        "workloads": {
            name: {"findings": [asdict(found) for found in report.findings], "details": report.details}
            for name, report in reports.items()
        },
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs on little: only to see that all works")
    parser.add_argument("--only", type=_names, help="names of workloads, with commas: " + ",".join(WORKLOADS))
    parser.add_argument("--runs", type=int, help="how many runs of each, in turns with what they are compared to")
    parser.add_argument("--seconds", type=int, help="how long each run is")
    parser.add_argument("--seed", type=int, default=1, help="for who goes where")
    parser.add_argument("--output", type=Path, help=f"a file for all figures; {_RESULTS} where everything was run")
    asked = parser.parse_args()
    if asked.output is None and not asked.quick and not asked.only:
        asked.output = _RESULTS
    return asked


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = set(names) - set(WORKLOADS)
    if unknown:
        message = f"unknown: {', '.join(sorted(unknown))}"
        raise argparse.ArgumentTypeError(message)
    return names


if __name__ == "__main__":
    main()
