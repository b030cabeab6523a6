"""The result of a load test: the fields of ``--json``, and the same as a table and a histogram of text."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from typing import Any

from voicewire.bench_load import Measured

__all__ = ["histogram", "measured_path", "result", "rows"]

Result = dict[str, Any]


def result(measured: Measured, asked: dict[str, Any], simulator_cpu_s: float | None) -> Result:
    """Everything that was measured, with the units in the names; None where there is nothing to tell.

    Args:
        measured: What the load test found.
        asked: What was asked of it; leads the result.
        simulator_cpu_s: CPU of the simulator over the whole test, opening included.
    """
    tally = measured.tally
    return {
        **asked,
        "opened": measured.opened,
        "failed": tally.failed,
        "lost": tally.lost,
        "silent": measured.silent,
        "interrupted": measured.is_interrupted,
        "driver": measured.driver,
        "measured_s": round(measured.cost.wall_s, 3),
        **_traffic(measured),
        **_cpu(measured),
        "p50_ms": tally.delay.percentile(50),
        "p90_ms": tally.delay.percentile(90),
        "p99_ms": tally.delay.percentile(99),
        "max_ms": tally.delay.most,
        "connect_ms": tally.connect.percentiles(),
        "first_audio_ms": tally.first_audio.percentiles(),
        **_memory(measured),
        "simulator_cpu_s": _rounded(simulator_cpu_s),
        "errors": dict(tally.errors),
        "histogram": [list(bucket) for bucket in tally.delay.buckets()],
        "timeline": [asdict(tick) for tick in measured.timeline],
        "machine": _machine(),
    }


def _traffic(measured: Measured) -> Result:
    tally, counters = measured.tally, measured.counters
    due_s = measured.opened * measured.cost.wall_s
    return {
        "events": int(counters.get("events", 0)),
        "audio_events": tally.audio_events,
        "audio_s": _rounded(tally.audio_s),
        "audio_pace": _rounded(tally.audio_s / due_s) if due_s else None,
        "uplink_chunks": tally.chunks,
        "uplink_missed": tally.missed,
        **{name: _rounded(counters.get(name, 0.0)) for name in _COUNTERS},
    }


def _cpu(measured: Measured) -> Result:
    cost, events = measured.cost, measured.tally.audio_events
    session_s = measured.opened * cost.wall_s
    return {
        "cpu_s": _rounded(cost.cpu_s),
        "loop_cpu_s": _rounded(cost.thread_cpu_s),
        "cpu_ms_per_session_s": _rounded(1000 * cost.cpu_s / session_s) if session_s else None,
        "loop_cpu_ms_per_session_s": _rounded(1000 * cost.thread_cpu_s / session_s) if session_s else None,
        "cpu_us_per_audio_event": _rounded(1e6 * cost.cpu_s / events) if events else None,
    }


def _memory(measured: Measured) -> Result:
    first, opened = measured.rss_first_kib, measured.rss_opened_kib
    begin, end = measured.rss_begin_kib, measured.rss_end_kib
    per_session = None
    if first is not None and opened is not None and measured.opened > 1:
        per_session = (opened - first) / (measured.opened - 1)
    return {
        "rss_kib": _rounded(end),
        "rss_opened_kib": _rounded(opened),
        "kib_per_idle_session": _rounded(per_session),
        "rss_growth_kib": None if begin is None or end is None else _rounded(end - begin),
        "rss_growth_late_kib": _late_growth(measured),
    }


def _late_growth(measured: Measured) -> float | None:
    """Growth in the second half: what fills up at the start, such as a backlog that is kept, is over by then."""
    half_s = measured.cost.wall_s / 2
    late = [tick.rss_kib for tick in measured.timeline if tick.at_s >= half_s and tick.rss_kib is not None]
    return _rounded(late[-1] - late[0]) if len(late) > 1 else None


def _machine() -> Result:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def rows(found: Result) -> list[tuple[str, str, str]]:
    """Names, values and notes of the table."""
    return [
        ("sessions", f"{found['opened']:,} of {found['sessions']:,}", _broken(found)),
        ("added latency", _ms(found["p50_ms"]), f"p90 {_ms(found['p90_ms'])}, {_tail(found)}; {measured_path(found)}"),
        ("connect", *_spread(found["connect_ms"])),
        ("first audio", *_spread(found["first_audio_ms"])),
        ("CPU", _share(found, "cpu_s"), f"loop thread {_share(found, 'loop_cpu_s')}; all cores are more than 100 %"),
        ("CPU per session", f"{found['cpu_ms_per_session_s'] or 0:.2f} ms", _per_event(found)),
        ("memory", _mib(found["rss_kib"]), _growth(found)),
        ("received", f"{found['audio_events']:,}", f"pieces of audio, {found['audio_pace'] or 0:.2f} times real time"),
        ("sent", f"{found['uplink_chunks']:,}", f"chunks of 20 ms; {found['uplink_missed']:,} missed"),
        ("traffic", f"{found['bytes_in'] / 1e6:.1f} MB", f"in; {found['bytes_out'] / 1e6:.1f} MB out"),
    ]


def measured_path(found: Result) -> str:
    """Between which points added latency was measured: inline there is no I/O thread."""
    return "I/O thread to handler" if found["driver"] == "thread" else "read to handler"


def histogram(found: Result) -> list[str]:
    """Lines of text: how the added latency is distributed, a bar for each step of 1, 2 and 5."""
    counts: dict[float, int] = {}
    for edge, count in found["histogram"]:
        step = _step(edge)
        counts[step] = counts.get(step, 0) + count
    most, total = max(counts.values(), default=0), sum(counts.values())
    if not total:
        return []
    lines = ["added latency, from … ms"]
    for step in [step for step in _STEPS if min(counts) <= step <= max(counts)]:
        count = counts.get(step, 0)
        bar = "#" * max(round(_BAR * count / most), 1 if count else 0)
        lines.append(f"{step:>8g}  {bar:<{_BAR}}  {100 * count / total:5.1f} %")
    return lines


def _step(edge_ms: float) -> float:
    return max((step for step in _STEPS if step <= edge_ms * 1.0001), default=_STEPS[0])


def _broken(found: Result) -> str:
    told = [f"{found[name]:,} {name}" for name in ("failed", "lost", "silent") if found[name]]
    return ", ".join(told) or "all whole"


def _tail(found: Result) -> str:
    return f"p99 {_ms(found['p99_ms'])}, longest {_ms(found['max_ms'])}"


def _spread(percentiles: dict[str, float | None]) -> tuple[str, str]:
    return _ms(percentiles["p50"]), f"p99 {_ms(percentiles['p99'])}, longest {_ms(percentiles['max'])}"


def _share(found: Result, name: str) -> str:
    return f"{100 * found[name] / (found['measured_s'] or 1):.1f} %"


def _per_event(found: Result) -> str:
    per_event = found["cpu_us_per_audio_event"]
    return "per second" if per_event is None else f"per second; {per_event:.0f} µs per piece of audio, all included"


def _growth(found: Result) -> str:
    per_session, growth = found["kib_per_idle_session"], found["rss_growth_kib"]
    told = [] if per_session is None else [f"{per_session:.1f} KiB per idle session"]
    told += [] if growth is None else [f"{growth / 1024:+.1f} MiB while measuring"]
    return ", ".join(told)


def _mib(kib: float | None) -> str:
    return "unknown" if kib is None else f"{kib / 1024:.1f} MiB"


def _ms(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2f} ms" if value < 10 else f"{value:,.0f} ms"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


_COUNTERS = (
    "bytes_in",
    "bytes_out",
    "messages_in",
    "messages_out",
    "wakes",
    "audio_in_dropped_ms",
    "audio_out_dropped_ms",
    "read_paused_ms",
)
_STEPS = [factor * 10.0**power for power in range(-3, 6) for factor in (1, 2, 5)]
_BAR = 40
