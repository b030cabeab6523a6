#!/usr/bin/env python3
"""Count the instructions of every stage of the path under callgrind, and compare them with the committed counts.

    python3 benches/instructions/run.py            # a table, beside counts.json
    python3 benches/instructions/run.py --check    # the same; exits with 1 where a stage has grown too much
    python3 benches/instructions/run.py --bless    # writes counts.json
    python3 benches/instructions/run.py --stages openai.audio_delta_100ms scan.audio_delta_100ms

Needs cargo and valgrind. Where valgrind is missing nothing is counted, which is no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from counts import Counts, compare, load, render, save

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COUNTS = HERE / "counts.json"

# Both as long as the other: the length of the command line is part of what a process does before its work.
FEW, MANY = 250, 500


def main() -> int:
    options = parse_arguments()
    if shutil.which("valgrind") is None:
        print("instructions are not counted: valgrind is not on PATH", file=sys.stderr)
        return 0
    program = build(options.profile)
    machine, names = ask(program, options.profile)
    if unknown := set(options.stages) - set(names):
        print(f"no such stage: {', '.join(sorted(unknown))}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    found = Counts(machine, count_all(program, options.stages or names))
    if options.bless:
        save(COUNTS, found)
        print(render(found, None))
        return 0
    known = load(COUNTS)
    print(render(found, known), flush=True)
    verdict = compare(found, known, is_whole=not options.stages)
    for remark in verdict.remarks:
        print(remark, file=sys.stderr)
    return 1 if options.check and verdict.failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count the instructions of every stage of the path.")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--check", action="store_true", help="exit with 1 where a stage takes more than it may")
    act.add_argument("--bless", action="store_true", help="write counts.json; takes all stages")
    parser.add_argument("--profile", default="development", help="cargo profile; development is what CI has built")
    parser.add_argument("--stages", nargs="+", default=[], metavar="STAGE", help="these alone")
    options = parser.parse_args()
    if options.bless and options.stages:
        parser.error("--bless takes all stages")
    return options


def build(profile: str) -> Path:
    """Return the program ``stages``."""
    # The extension is named for its choice of features alone: so its dependencies, built before, are these as well.
    command = ["cargo", "build", "--profile", profile, "--package", "voicewire-instructions", "--bin", "stages"]
    command += ["--package", "voicewire-python", "--message-format", "json-render-diagnostics"]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return next(Path(message["executable"]) for message in messages if message.get("executable"))


def ask(program: Path, profile: str) -> tuple[dict[str, str], list[str]]:
    """Return what the counts depend on, and the names of the stages."""
    # Under valgrind as well: the processor that it shows to a program is not quite the machine's.
    first, *names = valgrind("none", [str(program)]).stdout.splitlines()
    arch, path = first.split()
    rustc = subprocess.run(["rustc", "--version"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    library = " ".join(platform.libc_ver())
    machine = {"arch": arch, "path": path, "profile": profile}
    return {**machine, "rustc": ".".join(rustc.split()[1].split(".")[:2]), "libc": library}, names


def count_all(program: Path, names: list[str]) -> dict[str, int]:
    """Count every stage, on all cores: a neighbour does not change a count."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return dict(zip(names, threads.map(lambda name: count(program, name), names), strict=True))


def count(program: Path, name: str) -> int:
    """Instructions of one turn of a stage: what two runs differ by."""
    few, many = (total([str(program), name, str(turns)]) for turns in (FEW, MANY))
    return round((many - few) / (MANY - FEW))


def total(command: list[str]) -> int:
    """Instructions of a whole process."""
    told = valgrind("callgrind", command, "--callgrind-out-file=/dev/null").stderr
    collected = re.search(r"Collected : (\d+)", told)
    if collected is None:
        raise RuntimeError(f"callgrind tells no count: {told}")
    return int(collected[1])


def valgrind(tool: str, command: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    # Without the caller's environment, which is part of what a process does before its work.
    done = subprocess.run(
        ["valgrind", f"--tool={tool}", *options, *command],
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"failed with exit code {done.returncode}: {' '.join(command)}: {done.stderr}")
    return done


if __name__ == "__main__":
    sys.exit(main())
