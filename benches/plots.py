#!/usr/bin/env python3
"""Draw docs/plots/*.svg from the results: cost against sessions, cost against length, latency against sessions.

    python benches/plots.py                                       # from results/, into docs/plots and the page
    python benches/plots.py --results /tmp/trial --to /tmp/plots  # leaves the docs alone

Needs matplotlib. A plot whose work was not measured, or at fewer than two sizes, is left out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients import CLIENTS, HERE
from server import ROOT
from table import between, figure, is_ours

PAGE = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "docs" / "plots"
# Ours in strong colours, peers in pale ones, plain Rust as a dotted line.
COLOURS = ("#d62728", "#ff7f0e", "#4c78a8", "#72b7b2", "#54a24b", "#b279a2", "#e45756", "#999999")

Result = dict[str, Any]
Value = Callable[[Result, Result], float]


@dataclass(frozen=True)
class Panel:
    """One pair of axes: a figure of each row over the size of its case."""

    label: str
    value: Value
    is_log: bool = True


@dataclass(frozen=True)
class Plot:
    """One file: panels side by side over the cases of a work."""

    name: str
    work: str
    title: str
    size_label: str
    panels: tuple[Panel, ...]


def main() -> int:
    options = parse()
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("plots.py: needs matplotlib: pip install matplotlib", file=sys.stderr)
        return 1
    options.to.mkdir(parents=True, exist_ok=True)
    drawn = [plot for plot in PLOTS if draw_from(plot, options)]
    if options.to == FOLDER and drawn:
        images = "\n\n".join(f"![{plot.title}](plots/{plot.name}.svg)" for plot in drawn)
        PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), "plots", images), encoding="utf-8")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="DIRECTORY")
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="DIRECTORY")
    return parser.parse_args()


def draw_from(plot: Plot, options: argparse.Namespace) -> bool:
    """Draw where there is something to draw; say what became of it."""
    source = options.results / f"{plot.work}.json"
    result = json.loads(source.read_text(encoding="utf-8")) if source.exists() else {"cases": []}
    if len(result["cases"]) < 2:
        print(f"left out, fewer than two sizes in {source}: {plot.name}", file=sys.stderr)
        return False
    path = options.to / f"{plot.name}.svg"
    draw(plot, result, path)
    print(path)
    return True


def draw(plot: Plot, result: Result, path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # The same bytes for the same figures; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "benches", "svg.fonttype": "none", "font.size": 9})
    canvas: Any = Figure(figsize=(9, 3.9), layout="constrained")
    for axes, panel in zip(canvas.subplots(1, len(plot.panels), squeeze=False)[0], plot.panels, strict=True):
        draw_panel(axes, plot, panel, result)
    handles, labels = canvas.axes[0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    canvas.suptitle(f"{plot.title} (commit {result['commit']}, {result['date'][:10]})", fontsize=10)
    canvas.savefig(path, metadata={"Date": None, "Creator": None})


def draw_panel(axes: Any, plot: Plot, panel: Panel, result: Result) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    for client, colour in zip(CLIENTS, COLOURS, strict=True):
        points = series(client.name, panel.value, result)
        if points:
            style = {"linestyle": ":" if client.name == "floor" else "-", "linewidth": 2 if is_ours(client.name) else 1}
            label = client.label.replace("`", "")
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, color=colour, label=label, **style)
    sizes = [size_of(case) for case in result["cases"]]
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,g}" for size in sizes])
    axes.minorticks_off()
    if panel.is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:,g}")
    else:
        axes.set_ylim(bottom=0)
    axes.set(xlabel=plot.size_label, ylabel=panel.label)
    axes.grid(alpha=0.3)


def series(client: str, value: Value, result: Result) -> list[tuple[float, float]]:
    """Size and figure of every case in which the client's row is valid and has that figure."""
    points = []
    for case in result["cases"]:
        row = case["rows"].get(client)
        if row and row["is_valid"]:
            try:
                points.append((size_of(case), value(row, case)))
            except KeyError:  # too few events for a percentile
                continue
    return points


def size_of(case: Result) -> float:
    """Sessions, or minutes: the number that the label begins with."""
    found = re.match(r"[\d,.]+", case["label"])
    if found is None:
        raise ValueError(f"label without a size: {case['label']}")
    return float(found[0].replace(",", ""))


def of(key: str, scale: float = 1.0) -> Value:
    return lambda row, case: figure(row, case, key) * scale


CPU = Panel("CPU per audio event, µs", of("cpu_total_s"))
LOOP = Panel("the same, of the loop's thread, µs", of("cpu_loop_s"))
MEMORY = Panel("memory of the process, MiB", of("rss_kib", 1 / 1024))
PLOTS = (
    Plot("sessions", "growth_sessions", "Cost against sessions, paced", "sessions", (CPU, LOOP, MEMORY)),
    Plot("length", "growth_length", "Cost against length of a call, burst", "minutes of audio", (CPU, LOOP, MEMORY)),
    Plot(
        "latency",
        "growth_sessions",
        "Latency against sessions, server to handler, paced",
        "sessions",
        (Panel("median, ms", of("p50_ms")), Panel("p99, ms", of("p99_ms"))),
    ),
)

if __name__ == "__main__":
    sys.exit(main())
