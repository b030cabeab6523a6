#!/usr/bin/env python3
"""How many paced sessions with microphones a client holds on one core, with a p99 below a limit; by bisection.

    python benches/capacity.py                            # voicewire and all peers, to 10 %, some minutes
    python benches/capacity.py --tls --clients voicewire_handlers picows_orjson
    python benches/capacity.py --most 40 --seconds 1 --results /tmp/trial   # a trial of the script itself

Held means: every event and every chunk arrived, the response did not take longer than it lasts, p99 below the limit.
The load server has a core of its own; where it was late itself, the figure is "at least" and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clients import CLIENTS, HERE, commands, extension_of, voicewire_environment
from results import describe
from server import Server, build, cores
from works import Case

from run import alone, run

UPLINK_MS = 20


def main() -> int:
    options = parse()
    chosen = [client for client in CLIENTS if client.name in options.clients]
    program, floor = build(options.profile)
    python = options.python or voicewire_environment(options.profile)
    started = commands(chosen, floor, python if extension_of(python) else None)
    server_core, client_core = cores()
    if client_core is not None:
        os.sched_setaffinity(0, {client_core})
    facts = describe(options, shlex.join(["python", *sys.argv]), {"server": server_core, "client": client_core})
    with alone(), Server(program, server_core, tls=options.tls) as server:
        rows = {client.name: search(command, server, options) for client, command in started.items()}
    name = "capacity_tls" if options.tls else "capacity"
    result = facts | {"work": name, "limit_ms": options.limit_ms, "seconds": options.seconds, "rows": rows}
    options.results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    (options.results / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps({name: row["sessions"] for name, row in rows.items()}))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", nargs="+", default=[client.name for client in CLIENTS], metavar="CLIENT")
    parser.add_argument("--profile", default="development", help="cargo profile: development or release")
    parser.add_argument("--python", type=Path, metavar="PATH", help="voicewire's interpreter")
    parser.add_argument("--results", type=Path, default=HERE / "results", metavar="DIRECTORY")
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--limit-ms", type=float, default=20.0, help="largest p99 (%(default)g)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a trial (%(default)g)")
    parser.add_argument("--least", type=int, default=20, help="sessions of the first trial (%(default)s)")
    parser.add_argument("--most", type=int, default=4000, help="more are not tried (%(default)s)")
    parser.add_argument("--precision", type=float, default=0.1, help="share of the figure (%(default)g)")
    parser.set_defaults(full=True)
    return parser.parse_args()


def search(command: list[str], server: Server, options: argparse.Namespace) -> dict[str, Any]:
    """The largest number of sessions that one client held, and every trial on the way."""
    trials: list[dict[str, Any]] = []

    def holds(sessions: int) -> bool:
        case = Case(
            label="", mode="paced", sessions=sessions, seconds=options.seconds, uplink_ms=UPLINK_MS, is_tls=options.tls
        )
        report = run(case, command, server)
        trials.append(trial(sessions, report, options))
        print(f"{Path(command[-1]).stem}: {trials[-1]}", file=sys.stderr)
        return bool(trials[-1]["is_held"])

    found = largest(holds, options.least, options.most, options.precision)
    late = [one for one in trials if one["server_late_p99_ms"] > options.limit_ms / 4 and not one["is_held"]]
    return {"sessions": found, "is_at_least": found >= options.most or bool(late), "trials": trials}


def trial(sessions: int, report: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    p99_ms, wall_s = report.get("p99_ms"), report.get("wall_s")
    is_whole = not report["faults"] and wall_s is not None and wall_s < options.seconds * 1.1 + 0.5
    return {
        "sessions": sessions,
        "is_held": is_whole and p99_ms is not None and p99_ms < options.limit_ms,
        "p99_ms": p99_ms,
        "wall_s": wall_s,
        "cpu_total_s": report.get("cpu_total_s"),
        "server_late_p99_ms": report["server"]["late_p99_ms"],
        "faults": report["faults"][:3],
    }


def largest(holds: Callable[[int], bool], least: int, most: int, precision: float) -> int:
    """The largest number that holds, to a share of itself; 0 where ``least`` does not.

    Doubled until one fails, then halved between the two. One more try is given to a number that failed: neighbours on a
    shared machine can spoil a trial, and none can make one pass.
    """

    def held(number: int) -> bool:
        return holds(number) or holds(number)

    good, bad = 0, least
    while held(bad):
        good, bad = bad, min(bad * 2, most)
        if good == most:
            return most
    while good and bad - good > max(1, precision * good):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if held(middle) else (good, middle)
    return good


if __name__ == "__main__":
    sys.exit(main())
