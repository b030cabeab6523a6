#!/usr/bin/env python3
"""What samples cost outside a session, stage by stage, each beside what else Python has for it.

    python benches/audio.py                       # some seconds; writes results/audio.json and docs/audio.md
    python benches/audio.py --results /tmp/trial  # prints the tables, leaves ours alone

Needs numpy and soxr. audioop (part of Python up to 3.12, then audioop-lts), pybase64 and webrtcvad are measured where
they are.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import samples
import stages
from results import commit, processor, rounded
from samples import CHUNK_MS, Case
from server import ROOT
from table import between, number

from voicewire import _voicewire

HERE = Path(__file__).resolve().parent
PAGE = ROOT / "docs" / "audio.md"
TITLES = {"g711": "G.711", "samples": "", "stage": ""}


def main() -> int:
    options = parse()
    cases = [measure(case, options.rounds) for case in [*samples.all_cases(), *stages.all_cases()]]
    result = describe(options) | {"cases": cases}
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "audio.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    tables = render(result)
    if options.results == HERE / "results":
        PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), "audio", tables), encoding="utf-8")
    print(tables)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=51, help="rounds per case; figures are medians")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder for audio.json")
    parser.add_argument("--profile", default="development", help="the cargo profile of the extension, as a note")
    return parser.parse_args()


def measure(case: Case, rounds: int) -> Case:
    """Take turns within a round, so that all rows meet the same machine; the first two rounds warm up."""
    works = case.pop("works")
    timer = time.process_time_ns if case.get("timer") == "process" else time.thread_time_ns
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 2):
        for name, work in works.items():
            begun = timer()
            work()
            times[name].append((timer() - begun) / 1000 / case["per"])
    case["rows"] = {name: [rounded(value) for value in found[2:]] for name, found in times.items()}
    return case


def describe(options: argparse.Namespace) -> dict[str, Any]:
    extension = Path(_voicewire.__file__)
    packages = ("numpy", "soxr", "pybase64", "audioop-lts", "webrtcvad")
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": shlex.join(["python", "benches/audio.py", *sys.argv[1:]]),
        "cargo_profile": options.profile,
        "extension": {"file": extension.name, "bytes": extension.stat().st_size},
        "unit": f"µs of CPU of the calling thread per second of audio, in chunks of {CHUNK_MS} ms or as named",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()}",
        },
        "versions": {"python": platform.python_version()}
        | {name: version for name in packages if (version := found(name))},
    }


def found(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def render(result: dict[str, Any]) -> str:
    resampled = [case for case in result["cases"] if case["work"] == "resample"]
    codecs = [case for case in result["cases"] if case["work"] not in ("resample", "stage")]
    between_ends = [case for case in result["cases"] if case["work"] == "stage"]
    tables = [resampler_table(resampled), plain_table("codec", codecs), plain_table("stage", between_ends)]
    return "\n\n".join([*tables, origin(result)])


def resampler_table(cases: list[Case]) -> str:
    lines = [
        "| rates | voicewire | scalar | soxr HQ | ratio to soxr | holds back, ms | soxr, ms |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for case in cases:
        rows, held = case["rows"], case["held_back_ms"]
        figures = [number(statistics.median(rows[name])) for name in ("voicewire", "voicewire, scalar", "soxr HQ")]
        ratio = f"{ratio_of(rows, 'voicewire', 'soxr HQ'):.2f}"
        delays = [f"{held[name]:.1f}" for name in ("voicewire", "soxr HQ")]
        lines.append(f"| {case['label']} | {' | '.join([*figures, ratio, *delays])} |")
    return "\n".join(lines)


def plain_table(title: str, cases: list[Case]) -> str:
    lines = [f"| {title} | voicewire | others | ratio |", "|---|--:|---|--:|"]
    for case in cases:
        rows = case["rows"]
        names = [name for name in rows if name != "voicewire"]
        theirs = ", ".join(f"{name} {number(statistics.median(rows[name]))}" for name in names) or "–"
        ratios = ", ".join(f"{ratio_of(rows, 'voicewire', name):.2f}" for name in names) or "–"
        label = " ".join(filter(None, [TITLES.get(case["work"], case["work"]), case["label"]]))
        lines.append(f"| {label} | {number(statistics.median(rows['voicewire']))} | {theirs} | {ratios} |")
    return "\n".join(lines)


def ratio_of(rows: dict[str, list[float]], ours: str, theirs: str) -> float:
    """The median of the rounds' ratios: neighbours in a round met the same machine."""
    return statistics.median(mine / other for mine, other in zip(rows[ours], rows[theirs], strict=True))


def origin(result: dict[str, Any]) -> str:
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    rounds = len(result["cases"][0]["rows"]["voicewire"])
    return (
        f"In {result['unit']}. `{result['command']}`, commit {result['commit']}, cargo profile "
        f"{result['cargo_profile']}, path {result['cases'][0]['path']}, {result['date'][:10]}; "
        f"medians of {rounds} rounds. "
        f"{machine['processor']}, {machine['cores']} cores, {machine['kernel']}; {versions}."
    )


if __name__ == "__main__":
    sys.exit(main())
