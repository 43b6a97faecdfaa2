"""What is measured, and how: runs that take turns, their median and spread, and the slowest of single calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

_PERCENT = 100


@dataclass(frozen=True)
class Run:
    """One run: how many were done in how many seconds, how long each took, and what the log took for them."""

    done: int
    seconds: float
    latencies: Sequence[float] = field(repr=False, default=())
    wal_bytes: int = 0
    errors: int = 0
    # A few of the answers that were errors.
    refusals: Sequence[str] = ()

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.done / self.seconds

    def summary(self) -> dict[str, object]:
        """Say it in a few figures. Latencies are in milliseconds."""
        return {
            "done": self.done,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.rate, 1),
            "milliseconds": percentiles(self.latencies),
            "wal_bytes_each": round(self.wal_bytes / self.done) if self.done else None,
            "errors": self.errors,
            "refusals": self.refusals,
        }


@dataclass(frozen=True)
class Spread:
    """A median with the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Take it of several runs."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        """Say it in a cell of a table."""
        return f"{short(self.median)} ({short(self.least)} to {short(self.most)})"


@dataclass(frozen=True)
class Finding:
    """One line of the table. `reached` is None where nothing was to be reached but to say it."""

    workload: str
    what: str
    value: Spread
    target: str = "said"
    reached: bool | None = None
    # For the chart: the figure to reach, and whether less is better.
    limit: float | None = None
    less_is_better: bool = False


@dataclass(frozen=True)
class Report:
    """What one workload gives: lines for the table, and everything else for the file."""

    findings: Sequence[Finding]
    details: dict[str, object]


def at_least(workload: str, what: str, values: Sequence[float], limit: float) -> Finding:
    """Ask for a median of at least so much."""
    spread = Spread.of(values)
    return Finding(workload, what, spread, f"at least {limit:g}", spread.median >= limit, limit)


def at_most(workload: str, what: str, values: Sequence[float], limit: float) -> Finding:
    """Ask for a median of at most so much."""
    spread = Spread.of(values)
    return Finding(workload, what, spread, f"at most {limit:g}", spread.median <= limit, limit, less_is_better=True)


def no_errors(workload: str, runs: Sequence[Run]) -> Finding:
    """Ask that every answer of every run was a good one."""
    return at_most(workload, "answers that were errors, in all runs", [sum(run.errors for run in runs)], 0)


def said(workload: str, what: str, values: Sequence[float]) -> Finding:
    """Only say it."""
    return Finding(workload, what, Spread.of(values))


def said_of_calls(workload: str, runs: Sequence[Run]) -> list[Finding]:
    """Say how long single calls took: half of them, all but 5 and all but 1 of a hundred took less."""
    found = [percentiles(run.latencies) for run in runs]
    return [said(workload, f"milliseconds, {name}", [each[name] for each in found]) for name in found[0]]


def take_turns(runs: int, *others: Callable[[], Run]) -> list[list[Run]]:
    """Run one, then the next, and so on, so that what slows the machine down slows all. Gives the runs of each."""
    turns = [[each() for each in others] for _ in range(runs)]
    return [list(found) for found in zip(*turns, strict=True)]


def ratios(above: Sequence[Run], below: Sequence[Run]) -> list[float]:
    """Divide the rates of runs that followed each other."""
    return [one.rate / other.rate for one, other in zip(above, below, strict=True)]


def percentiles(latencies: Sequence[float]) -> dict[str, float]:
    """Give p50, p95 and p99 of seconds, in milliseconds."""
    if len(latencies) <= 1:
        return {}
    cuts = quantiles(latencies, n=_PERCENT, method="inclusive")
    return {f"p{percent}": round(cuts[percent - 1] * 1000, 3) for percent in (50, 95, 99)}


def short(value: float) -> str:
    """Write a figure with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= _PERCENT else f"{value:.3g}"
