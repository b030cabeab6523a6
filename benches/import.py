#!/usr/bin/env python3
"""What an import costs beyond `import asyncio`: CPU, memory and threads, ours beside what else speaks realtime.

    python benches/import.py                                     # a minute; writes results/import.json and a docs page
    python benches/import.py --peers PYTHON --results /tmp/trial # peers of another interpreter; leaves ours alone

Every measurement is an interpreter of its own; cases take turns, bytecode is cached as after an installation. A peer
that cannot be imported is left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results import commit, processor, rounded
from server import ROOT
from table import between

HERE = Path(__file__).resolve().parent
PAGE = ROOT / "docs" / "compatibility.md"
CLIENT = "import voicewire\nvoicewire.RealtimeClient"
CASES = {
    "voicewire": "import voicewire",
    "voicewire, its client class": CLIENT,
    "voicewire, a client made": CLIENT + "('openai/gpt-realtime', api_key='sk-x')",
    "voicewire, samples read": CLIENT + "\nvoicewire.audio.base64_decode('AAAAAA==')",
}
PEERS = {
    "numpy": "import numpy",
    "websockets": "import websockets.asyncio.client, json, base64",
    "aiohttp": "import aiohttp",
    "picows + orjson + pybase64 + numpy": "import picows, orjson, pybase64, numpy",
    "openai": "import openai\nopenai.AsyncOpenAI(api_key='sk-x').realtime",
    "google-genai": "from google import genai\ngenai.Client(api_key='x').aio.live",
}
# What the case cost is told in one line: CPU of the process in ms, resident KiB, threads.
FRAME = """
import asyncio, os, time
def resident(): return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
memory, cpu = resident(), time.process_time()
{code}
cpu = time.process_time() - cpu
print(cpu * 1000, resident() - memory, len(os.listdir("/proc/self/task")))
"""

VERSIONS = """
import importlib.metadata as metadata, json
names = "aiohttp google-genai numpy openai orjson picows pybase64 websockets".split()
print(json.dumps({each.name: each.version for each in metadata.distributions() if each.name in names}))
"""


def main() -> int:
    options = parse()
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONPATH": str(ROOT / "python")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = {name: (sys.executable, code) for name, code in CASES.items()}
        runs |= {name: (options.peers, code) for name, code in PEERS.items()}
        # The first run writes bytecode, and tells which peers there are.
        runs = {name: run for name, run in runs.items() if measured(*run, environment) is not None}
        values: dict[str, list[Any]] = {name: [] for name in runs}
        for _ in range(options.rounds):
            for name, run in runs.items():
                values[name].append(measured(*run, environment))
    result = describe(options) | {"rows": {name: row(taken) for name, taken in values.items()}}
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "import.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    table = render(result)
    if options.results == HERE / "results":
        PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), "import", table), encoding="utf-8")
    print(table)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="rounds; figures are medians and least values")
    parser.add_argument("--peers", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder for import.json")
    parser.add_argument("--profile", default="development", help="the cargo profile of the extension, as a note")
    return parser.parse_args()


def measured(python: str, code: str, environment: dict[str, str]) -> list[float] | None:
    command = [python, "-c", FRAME.format(code=code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"left out: {code!r}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return [float(word) for word in done.stdout.split()]


def versions(python: str) -> dict[str, str]:
    """Of the peers that an interpreter has."""
    done = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def row(taken: list[Any]) -> dict[str, Any]:
    cpu, memory, threads = ([values[at] for values in taken] for at in range(3))
    return {
        "cpu_ms": {"median": rounded(statistics.median(cpu)), "least": rounded(min(cpu))},
        "rss_kib": {"median": statistics.median(memory), "least": min(memory)},
        "threads": max(threads),
        "rounds": [[rounded(value) for value in values] for values in taken],
    }


def describe(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "work": "import",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": shlex.join(["python", "benches/import.py", *sys.argv[1:]]),
        "cargo_profile": options.profile,
        "load_1min": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": versions(options.peers),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release()},
    }


def render(result: dict[str, Any]) -> str:
    lines = ["| import | CPU, ms: median (least) | MiB | threads |", "|---|--:|--:|--:|"]
    for name, found in result["rows"].items():
        cpu, memory = found["cpu_ms"], found["rss_kib"]["median"] / 1024
        figures = f"{cpu['median']:.1f} ({cpu['least']:.1f}) | {memory:.1f} | {found['threads']:.0f}"
        lines.append(f"| {name} | {figures} |")
    machine, day = result["machine"], result["date"][:10]
    origin = f"Python {result['python']}, {machine['processor']}, {machine['cores']} cores, load {result['load_1min']}"
    packages = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    return "\n".join(lines) + f"\n\n`{result['command']}`, commit {result['commit']}, {day}; {origin}; {packages}."


if __name__ == "__main__":
    sys.exit(main())
