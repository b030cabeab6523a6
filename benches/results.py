"""A result: where, when and how it was measured, medians, and the values of every round."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import subprocess
from pathlib import Path
from typing import Any

from server import ROOT

MEASURES = (
    "cpu_total_s",
    "cpu_loop_s",
    "wall_s",
    "p50_ms",
    "p99_ms",
    "run_queue_wait_s",
    "voluntary_switches",
    "rss_kib",
    "kib_per_session",
    "growth_kib",
    "cpu_import_s",
)


def describe(options: argparse.Namespace, command: str, pinned: dict[str, int | None]) -> dict[str, Any]:
    return {
        "form": "full" if options.full else "short",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": command,
        "cargo_profile": options.profile,
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "kernel": f"{platform.system()} {platform.release()}",
            "pinned": pinned,
        },
    }


def summed_up(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds; one faulty round makes the row invalid."""
    values = {key: [report[key] for report in reports if report.get(key) is not None] for key in MEASURES}
    return {
        "is_valid": not any(report["faults"] for report in reports),
        "median": {key: rounded(statistics.median(found)) for key, found in values.items() if found},
        "versions": reports[-1].get("versions", {}),
        "rounds": [{key: value for key, value in report.items() if key != "versions"} for report in reports],
    }


def rounded(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def commit() -> str:
    """The commit, marked where the tree differs from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
