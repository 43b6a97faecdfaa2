"""`python -m benchmarks.chart results.json [docs/performance.svg]`: draws what was reached against what was to be."""

import json
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import typer

from benchmarks.measuring import Finding, Spread, short

_WIDTH, _MARGIN, _ROW, _HEAD = 760, 16, 46, 64
_BAR = 12
# Bars end at so many times what was to be reached.
_MOST = 3.0
_SCALE = (_WIDTH - 2 * _MARGIN) / _MOST
_GOAL = round(_MARGIN + _SCALE, 1)
_TITLE = "What was reached, as a multiple of what was to be reached"
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.small { font-size: 12px; fill: #57606a }
.track { fill: #8c959f; fill-opacity: .18 }
.reached { fill: #1a7f64 } .missed { fill: #bc4c00 }
.spread { stroke: #24292f; stroke-width: 1.5 } .goal { stroke: #24292f; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b1 }
  .reached { fill: #3fb68e } .missed { fill: #f0883e } .spread, .goal { stroke: #e6edf3 }
}
"""


def main() -> None:
    """Read a file of results and write the picture."""
    results, *more = sys.argv[1:]
    picture = Path(more[0] if more else "docs/performance.svg")
    picture.write_text(draw(json.loads(Path(results).read_text())))
    typer.echo(f"{picture} shows {results}.")


def draw(results: Mapping[str, Any]) -> str:
    """Draw one bar for each figure that was to be reached, as a multiple of it: at the line or beyond is good.

    Where less is better the multiple is turned over. What was to be 0 has no multiple, and no bar.
    """
    findings = [
        Finding(**found | {"value": Spread(**found["value"])})
        for workload in results["workloads"].values()
        for found in workload["findings"]
        if found["limit"]
    ]
    height = _HEAD + _ROW * len(findings) + _MARGIN
    facts = results["facts"]
    measured_on = (
        f"timecredits {facts['timecredits']}, PostgreSQL {facts['postgresql']}, {facts['processors']} processors"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{_TITLE}">',
        f"<style>{_STYLE}</style>",
        _text(_MARGIN, 22, f"{_TITLE} (the upright line)"),
        _text(_MARGIN, 42, f"{measured_on}. Bar: median of the runs; line across: least to most.", "small"),
        *(_row(found, _HEAD + _ROW * number) for number, found in enumerate(findings)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(found: Finding, top: float) -> str:
    assert found.limit is not None
    limit, turned = found.limit, found.less_is_better
    value, least, most = (
        _x(limit / figure if turned and figure else figure / limit)
        for figure in (found.value.median, found.value.least, found.value.most)
    )
    kind = "reached" if found.reached else "missed"
    middle = top + 16 + _BAR / 2
    return "\n".join(
        [
            _text(_MARGIN, top + 8, f"{found.workload}: {found.what}"),
            _text(_WIDTH - _MARGIN, top + 8, f"{short(found.value.median)}; {found.target}", "small", anchor="end"),
            f'<rect class="track" x="{_MARGIN}" y="{top + 16}" width="{_WIDTH - 2 * _MARGIN}" height="{_BAR}"/>',
            f'<rect class="{kind}" x="{_MARGIN}" y="{top + 16}" width="{value - _MARGIN:.1f}" height="{_BAR}"/>',
            f'<line class="goal" x1="{_GOAL}" x2="{_GOAL}" y1="{top + 12}" y2="{top + 20 + _BAR}"/>',
            f'<line class="spread" x1="{least:.1f}" x2="{most:.1f}" y1="{middle}" y2="{middle}"/>',
        ]
    )


def _x(multiple: float) -> float:
    return _MARGIN + min(multiple, _MOST) * _SCALE


def _text(x: float, y: float, words: str, kind: str = "", *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


if __name__ == "__main__":
    main()
