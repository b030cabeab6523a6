#!/usr/bin/env python3
"""Measure voicewire and its peers against one load server, in interleaved rounds, and write down the figures.

    python benches/run.py                  # short form, about 3 minutes behind the builds
    python benches/run.py --full           # all sizes and session counts
    python benches/run.py --profile release                # voicewire as its wheels are, in a virtualenv of its own
    python benches/run.py --works burst --clients voicewire_handlers picows_orjson

Needs Linux, cargo and, for voicewire, an interpreter that can import it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clients import CLIENTS, HERE, Client, commands, extension_of, voicewire_environment
from results import describe, rounded, summed_up
from server import ROOT, Server, build, cores
from table import render
from works import Case, Work, works

LONGEST_RUN_S = 180


def main() -> int:
    options = parse_arguments()
    is_all = options.works == ["all"]
    chosen_works = [work for work in works(options.full) if is_all or work.name in options.works]
    chosen = [client for client in CLIENTS if client.name in options.clients]
    bench_server, floor = build(options.profile)
    python = options.python or voicewire_environment(options.profile)
    extension = extension_of(python)
    started = commands(chosen, floor, python if extension else None)
    server_core, client_core = cores()
    if client_core is not None:
        # Inherited by every client; the server leaves for its own core.
        os.sched_setaffinity(0, {client_core})
    facts = describe(options, shlex.join(["python", *sys.argv]), {"server": server_core, "client": client_core})
    facts["voicewire"] = {"python": str(python), "extension": extension}
    options.results.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 1:
        print(f"others are at work here, load average {os.getloadavg()[0]}: figures will be bad", file=sys.stderr)
    with alone(), serving(bench_server, server_core, chosen_works) as servers:
        for work in chosen_works:
            result = facts | {"work": work.name, "cases": measure(work, started, servers)}
            text = json.dumps(result, indent=1, ensure_ascii=False)
            (options.results / f"{work.name}.json").write_text(text + "\n", encoding="utf-8")
    if options.results == HERE / "results" and len(started) == len(CLIENTS):
        render(options.results, ROOT / "docs" / "performance.md")
    else:
        print(render(options.results))
    return 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other run of this script is measuring on this machine: they would share two cores."""
    with (Path(tempfile.gettempdir()) / "voicewire-benches.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another run is measuring: waiting for it", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def serving(program: Path, core: int | None, chosen: list[Work]) -> Iterator[dict[bool, Server]]:
    """Serve plain, or with TLS, or both, as the works need it."""
    needed = {case.is_tls for work in chosen for case in work.cases}
    with contextlib.ExitStack() as stack:
        yield {tls: stack.enter_context(Server(program, core, tls=tls)) for tls in sorted(needed)}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure voicewire and its peers.")
    parser.add_argument("--full", action="store_true", help="all sizes and session counts, 5 rounds")
    names = ["all", *(work.name for work in works(False))]
    parser.add_argument(
        "--works", nargs="+", default=["burst", "paced", "duplex"], choices=names, metavar="WORK", help=", ".join(names)
    )
    parser.add_argument("--clients", nargs="+", default=[client.name for client in CLIENTS], metavar="CLIENT")
    parser.add_argument("--profile", default="development", help="cargo profile: development or release")
    parser.add_argument("--python", type=Path, metavar="PATH", help="voicewire's interpreter, instead of that profile")
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="DIRECTORY")
    return parser.parse_args()


def measure(work: Work, started: dict[Client, list[str]], servers: dict[bool, Server]) -> list[dict[str, Any]]:
    cases = []
    for case in work.cases:
        rounds: dict[str, list[dict[str, Any]]] = {client.name: [] for client in started}
        for number in range(work.rounds):
            for client, command in started.items():
                print(f"{work.name}, {case.label}, round {number + 1}: {client.name}", file=sys.stderr)
                rounds[client.name].append(run(case, command, servers[case.is_tls]))
        cases.append(
            {
                "label": case.label,
                "arguments": case.arguments,
                "mode": case.mode,
                "sessions": case.sessions,
                "seconds": case.seconds,
                "tls": case.is_tls,
                "uplink_chunks": case.uplink_chunks,
                "audio_events": case.audio_events,
                "audio_seconds": case.audio_seconds,
                "uplink_ms": case.uplink_ms,
                "rows": {name: summed_up(reports) for name, reports in rounds.items()},
            }
        )
    return cases


def run(case: Case, command: list[str], server: Server) -> dict[str, Any]:
    """One client, one round: its report, the server's, and what does not add up."""
    load, stolen = os.getloadavg()[0], stolen_s()
    report: dict[str, Any] = {}
    try:
        done = subprocess.run(
            [*command, *server.arguments, *case.arguments],
            capture_output=True,
            text=True,
            timeout=LONGEST_RUN_S,
            check=False,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )
        report = json.loads(done.stdout) if done.returncode == 0 else failure(done.returncode, done.stderr)
    except subprocess.TimeoutExpired:
        report = failure(None, f"not done within {LONGEST_RUN_S} s")
    sent = server.summary()
    faults = faults_of(case, report, sent)
    for fault in faults:
        print(f"  invalid: {fault}", file=sys.stderr)
    time.sleep(0.1)
    return {key: rounded(value) for key, value in report.items()} | {
        "server": sent,
        "load_average": load,
        "stolen_s": rounded(stolen_s() - stolen),
        "faults": faults,
    }


def stolen_s() -> float:
    """Time in which the machine's cores were given to other guests of the host."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=9)
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def failure(code: int | None, told: str) -> dict[str, Any]:
    return {"errors": [f"exit code {code}: {told.strip()[-2000:]}"]}


def faults_of(case: Case, report: dict[str, Any], sent: dict[str, Any]) -> list[str]:
    """Every sample must have been sent and have arrived, in both directions."""
    if "samples" not in report:
        return list(report["errors"])
    expected = {
        "audio events received": (report.get("events"), case.audio_events),
        "samples received": (report.get("samples"), case.samples),
        "samples announced": (report.get("expected_samples"), case.samples),
        "audio events sent": (sent["audio_events"], case.audio_events),
        "sessions": (sent["connections"], case.sessions),
        "uplink samples sent": (report.get("uplink_samples"), case.uplink_samples),
        "uplink samples received": (sent["uplink_samples"], case.uplink_samples),
    }
    wrong = [f"{what}: {is_}, expected {was}" for what, (is_, was) in expected.items() if is_ != was]
    return [*report.get("errors", []), *wrong]


if __name__ == "__main__":
    sys.exit(main())
