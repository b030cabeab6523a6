#!/usr/bin/env python3
"""Write results as Markdown, between the markers of docs/performance.md."""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clients import CLIENTS, HERE

Result = dict[str, Any]
Row = dict[str, Any]
Cell = Callable[[Row, Result], str]

TITLES = {
    "burst": "Burst: all audio as fast as the socket takes it",
    "paced": "Paced: one delta of 100 ms per session and 100 ms",
    "duplex": "Duplex: the same, and a chunk of 20 ms up per session and 20 ms",
    "tls_burst": "Burst over TLS",
    "tls_paced": "Paced over TLS",
    "idle": "Idle: sessions that are open and silent",
    "upstream": "Upstream: a chunk of 20 ms up per session and 20 ms, nothing in return",
    "growth_sessions": "Growth with sessions: CPU per audio event, paced",
    "growth_length": "Growth with length: CPU per audio event of one call in a burst",
}
LABELS = {client.name: client.label for client in CLIENTS}
# Closer than this, two figures are not told apart on a shared machine.
NOISE = 1.05
HAND_BUILD = "picows_orjson"


def render(results: Path, page: Path | None = None) -> str:
    """Return the tables and, with a page, put them and the losses between its markers."""
    found = [
        json.loads(path.read_text(encoding="utf-8")) for work in TITLES if (path := results / f"{work}.json").exists()
    ]
    parts = [*(table(result) for result in found), capacity(results), footprint(found), machines(found)]
    tables = "\n\n".join(part for part in parts if part)
    if page is not None:
        text = page.read_text(encoding="utf-8")
        text = between(text, "tables", tables)
        text = between(text, "losses", losses(found))
        page.write_text(text, encoding="utf-8")
    return f"{tables}\n\n{losses(found)}"


def between(text: str, name: str, content: str) -> str:
    pattern = re.compile(f"(<!-- {name}: begin[^>]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"markers not found: {name}")
    return pattern.sub(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)


def table(result: Result) -> str:
    work = result["work"]
    columns = [
        (head.format(label=case["label"], unit=UNITS[work]), case, cell)
        for case in result["cases"]
        for head, cell in COLUMNS[work]
    ]
    heads = " | ".join(head for head, _, _ in columns)
    lines = [f"| client | {heads} |", "|---|" + "--:|" * len(columns)]
    for name, label in LABELS.items():
        if all(name in case["rows"] for case in result["cases"]):
            rows = [(case["rows"][name], case, cell) for _, case, cell in columns]
            cells = (cell(row, case) if row["is_valid"] else "invalid" for row, case, cell in rows)
            lines.append(f"| {label} | {' | '.join(cells)} |")
    return f"### {TITLES[work]}\n\n" + "\n".join(lines) + f"\n\n{origin(result)}"


def cpu_cell(row: Row, case: Result) -> str:
    """CPU and, where other threads work besides, the loop thread's part of it."""
    total, loop = figure(row, case, "cpu_total_s"), figure(row, case, "cpu_loop_s")
    return number(total) if has_one_thread(row) else f"{number(total)} ({number(loop)})"


def ratio_cell(row: Row, case: Result) -> str:
    """CPU as a multiple of what the best hand-made client needs, and the loop thread's part likewise."""
    hand_build = case["rows"].get(HAND_BUILD)
    if not (hand_build and hand_build["is_valid"]):
        return "–"
    total, loop = (paired_ratio(row, hand_build, key) for key in ("cpu_total_s", "cpu_loop_s"))
    return f"{total:.2f}" if has_one_thread(row) else f"{total:.2f} ({loop:.2f})"


def paired_ratio(row: Row, base: Row, key: str) -> float:
    """The median of the rounds' ratios: neighbours in a round met the same machine."""
    pairs = zip(row["rounds"], base["rounds"], strict=True)
    return statistics.median(float(mine[key]) / float(theirs[key]) for mine, theirs in pairs)


def has_one_thread(row: Row) -> bool:
    return float(row["median"]["cpu_loop_s"]) > 0.95 * float(row["median"]["cpu_total_s"])


def wall_cell(row: Row, case: Result) -> str:
    return number(figure(row, case, "wall_s"))


def latency_cell(row: Row, case: Result) -> str:
    if "p99_ms" not in row["median"]:
        return "–"  # too few events to tell
    return f"{number(figure(row, case, 'p50_ms'))} / {number(figure(row, case, 'p99_ms'))}"


def session_cell(row: Row, case: Result) -> str:
    return number(figure(row, case, "kib_per_session"))


def memory_cell(row: Row, case: Result) -> str:
    return number(figure(row, case, "rss_kib") / 1024)


def footprint(found: list[Result]) -> str:
    """Import and memory, from the paced work with most sessions."""
    paced = [result["cases"][-1] for result in found if result["work"] == "paced"]
    if not paced:
        return ""
    lines = ["| client | import, CPU s | MiB at the end | KiB per session |", "|---|--:|--:|--:|"]
    for name, label in LABELS.items():
        row = paced[0]["rows"].get(name)
        if row and row["is_valid"]:
            median = row["median"]
            imported = number(median["cpu_import_s"]) if "cpu_import_s" in median else "–"
            rss = number(median["rss_kib"] / 1024)
            lines.append(f"| {label} | {imported} | {rss} | {number(median['kib_per_session'])} |")
    return f"### Footprint, {paced[0]['label']}\n\n" + "\n".join(lines)


def losses(found: list[Result]) -> str:
    """Rows of ours that are invalid, and every figure in which our better row is behind another Python client."""
    lines = []
    for result in found:
        for case in result["cases"]:
            where = f"{result['work']}, {case['label']}"
            invalid = [name for name, row in case["rows"].items() if is_ours(name) and not row["is_valid"]]
            lines += [f"- {where}: not everything arrived ({LABELS[name]})." for name in invalid]
            for key, what in COMPARED.get(result["work"], {}).items():
                ours, theirs = best(case, key, of_ours=True), best(case, key, of_ours=False)
                if ours and theirs and ours[0] > NOISE * theirs[0]:
                    unit = UNITS[result["work"]] if key.startswith("cpu_") and key != "cpu_import_s" else ""
                    figures = f"{number(ours[0])} against {number(theirs[0])} {unit}".rstrip()
                    lines.append(f"- {where}, {what}: {figures} ({LABELS[ours[1]]}; {LABELS[theirs[1]]}).")
    return "\n".join(lines) or "No figure of these runs."


def best(case: Result, key: str, *, of_ours: bool) -> tuple[float, str] | None:
    candidates = [
        (figure(row, case, key), name)
        for name, row in case["rows"].items()
        if name != "floor" and is_ours(name) == of_ours and row["is_valid"] and key in row["median"]
    ]
    return min(candidates, default=None)


def is_ours(name: str) -> bool:
    return name.startswith("voicewire")


def figure(row: Row, case: Result, key: str) -> float:
    """The median in the unit of the tables."""
    value = float(row["median"][key])
    if key == "wall_s":
        return value * 1000
    return in_unit(value, case) if key in ("cpu_total_s", "cpu_loop_s") else value


def in_unit(cpu_s: float, case: Result) -> float:
    """CPU in the unit of the work's table."""
    match case.get("mode"):
        case "idle":
            return cpu_s * 1e6 / (int(case["sessions"]) * float(case["seconds"]))
        case "upstream":
            return cpu_s * 1e6 / int(case["uplink_chunks"])
    if case["uplink_ms"] > 0:
        return cpu_s * 1000 / float(case["audio_seconds"])
    return cpu_s * 1e6 / int(case["audio_events"])


def origin(result: Result) -> str:
    rounds = len(next(iter(result["cases"][0]["rows"].values()))["rounds"])
    return (
        f"`{result['command']}`, commit {result['commit']}, cargo profile {result['cargo_profile']}, "
        f"{result['date'][:10]}; medians of {rounds} rounds, between whose CPU figures lay "
        f"{100 * spread(result):.0f} % in the median row."
    )


def spread(result: Result) -> float:
    """How far the rounds of a row lie apart: largest CPU figure to smallest, less one, in the median row."""
    found = []
    for case in result["cases"]:
        for row in case["rows"].values():
            figures = [report["cpu_total_s"] for report in row["rounds"] if "cpu_total_s" in report]
            found += [max(figures) / min(figures) - 1] if figures else []
    return statistics.median(found) if found else 0.0


def capacity(results: Path) -> str:
    """Sessions that one core holds, plain and over TLS, where benches/capacity.py has been run."""
    paths = {"plain": results / "capacity.json", "TLS": results / "capacity_tls.json"}
    found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()}
    if not found:
        return ""
    lines = [f"| client | {' | '.join(found)} |", "|---|" + "--:|" * len(found)]
    for name, label in LABELS.items():
        rows = [result["rows"].get(name) for result in found.values()]
        cells = [f"{'≥ ' if row['is_at_least'] else ''}{row['sessions']:,}" if row else "–" for row in rows]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    some = next(iter(found.values()))
    title = f"### Capacity: sessions on one core, duplex, p99 below {some['limit_ms']:g} ms"
    told = [f"`{result['command']}`, commit {result['commit']}, {result['date'][:10]}" for result in found.values()]
    note = f"Trials of {some['seconds']:g} s. {'; '.join(told)}."
    return f"{title}\n\n" + "\n".join(lines) + f"\n\n{note}"


def machines(found: list[Result]) -> str:
    """Machine and versions, once for all tables that share them."""
    lines = []
    for result in found:
        machine = result["machine"]
        rows = result["cases"][0]["rows"].values()
        versions = sorted({f"{name} {version}" for row in rows for name, version in row["versions"].items()})
        what = f"{machine['processor']}, {machine['cores']} cores, {machine['kernel']}; {', '.join(versions)}."
        lines += [what] if what not in lines else []
    return "\n\n".join(lines)


def number(value: float) -> str:
    """Three digits at most: more would be noise."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


UNITS = {
    "burst": "µs",
    "paced": "µs",
    "duplex": "ms per s",
    "tls_burst": "µs",
    "tls_paced": "µs",
    "idle": "µs per s",
    "upstream": "µs per chunk",
    "growth_sessions": "µs",
    "growth_length": "µs",
}
Columns = tuple[tuple[str, Cell], ...]
COST: Columns = (("{label}, {unit}", cpu_cell),)
RATIO: Columns = (*COST, ("× hand-build", ratio_cell))
IN_A_BURST: Columns = (*RATIO, ("ms in all", wall_cell))
IN_TIME: Columns = (*RATIO, ("p50 / p99 ms", latency_cell))
GROWTH: Columns = (*COST, ("MiB at the end", memory_cell))
COLUMNS: dict[str, Columns] = {
    "burst": IN_A_BURST,
    "paced": IN_TIME,
    "duplex": IN_TIME,
    "tls_burst": IN_A_BURST,
    "tls_paced": IN_TIME,
    "idle": (("{label}, KiB each", session_cell), ("{unit}", cpu_cell)),
    "upstream": RATIO,
    "growth_sessions": GROWTH,
    "growth_length": GROWTH,
}
CPU = {"cpu_total_s": "CPU", "cpu_loop_s": "CPU of the loop thread"}
LATENCY = {"p50_ms": "median latency in ms", "p99_ms": "p99 latency in ms"}
MEMORY = {"kib_per_session": "KiB per session", "rss_kib": "KiB at the end"}
COMPARED = {
    "burst": CPU | {"wall_s": "time to the last event in ms"},
    "paced": CPU | LATENCY | {"cpu_import_s": "CPU s of the import"} | MEMORY,
    "duplex": CPU | LATENCY,
    "tls_burst": CPU | {"wall_s": "time to the last event in ms"},
    "tls_paced": CPU | LATENCY | {"kib_per_session": "KiB per session"},
    "idle": {"cpu_total_s": "CPU", "kib_per_session": "KiB per session"},
    "upstream": CPU,
}

if __name__ == "__main__":
    print(render(HERE / "results", Path(sys.argv[1]) if len(sys.argv) > 1 else None))
