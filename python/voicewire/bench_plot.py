"""The plot of a load test, with matplotlib: how latency is distributed, and CPU over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicewire.bench_result import measured_path
from voicewire.cli import BadInput

__all__ = ["SUFFIXES", "draw", "require_matplotlib"]

SUFFIXES = (".png", ".svg")


def require_matplotlib() -> None:
    """Raise ``BadInput`` where plots cannot be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise BadInput("a plot needs matplotlib: pip install 'voicewire[plot]'") from error


def draw(found: dict[str, Any], path: Path) -> None:
    """Write the plot of a result; the suffix chooses the format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(10, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_latency(left, found)
    _draw_cpu(right, found)
    figure.suptitle(f"{found['model']}: {found['opened']:,} sessions, {found['measured_s']:.0f} s", fontsize=10)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_latency(axes: Any, found: dict[str, Any]) -> None:
    edges = [edge for edge, _ in found["histogram"]]
    total = sum(count for _, count in found["histogram"]) or 1
    shares = [100 * count / total for _, count in found["histogram"]]
    axes.set(xlabel="added latency, ms", ylabel="% of audio events", title=measured_path(found))
    if not edges:
        return
    widths = [edge * (_STEP - 1) for edge in edges]
    axes.bar(edges, shares, width=widths, align="edge", color="#4878a8")
    axes.set_xscale("log")
    for name, style in (("p50_ms", ":"), ("p99_ms", "--")):
        label = f"{name.removesuffix('_ms')} {found[name]:.2f} ms"
        axes.axvline(found[name], color="#333333", linestyle=style, linewidth=1, label=label)
    axes.legend(fontsize=8)


def _draw_cpu(axes: Any, found: dict[str, Any]) -> None:
    times = [tick["at_s"] for tick in found["timeline"]]
    for name, label in (("cpu", "all threads"), ("loop_cpu", "loop thread")):
        shares = [100 * tick[name] for tick in found["timeline"]]
        axes.plot(times, shares, label=label, linewidth=1.5, marker="." if len(times) < _MARKED else "")
    axes.set(xlabel="s", ylabel="% of a core", title="CPU", ylim=(0, None))
    if times:
        axes.legend(fontsize=8)


# Edges of the histogram are a tenth of a decade apart.
_STEP = 10**0.1
_MARKED = 30
