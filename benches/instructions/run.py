#!/usr/bin/env python3
"""Count the instructions of every stage of the path under callgrind, and compare them with the committed counts.

    python3 benches/instructions/run.py            # a table, beside counts.json
    python3 benches/instructions/run.py --check    # the same; exits with 1 where a stage has grown too much
    python3 benches/instructions/run.py --bless    # writes counts.json
    python3 benches/instructions/run.py --stages openai.audio_delta_100ms scan.audio_delta_100ms
    python3 benches/instructions/run.py --python .venv/bin/python    # the stages in Python, beside counts-python.json

Needs cargo and valgrind. Where valgrind is missing nothing is counted, which is no failure.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import interpreter
import program
from counts import Counts, compare, load, render, save

HERE = Path(__file__).resolve().parent


class Unknown(Exception):
    """A stage that there is not."""


def main() -> int:
    options = parse_arguments()
    if shutil.which("valgrind") is None:
        print("instructions are not counted: valgrind is not on PATH", file=sys.stderr)
        return 0
    try:
        found = count(options)
    except Unknown as unknown:
        print(f"no such stage: {unknown}", file=sys.stderr)
        return 2
    path = HERE / ("counts-python.json" if options.python else "counts.json")
    if options.bless:
        save(path, found)
    known = load(path)
    print(render(found, known), flush=True)
    verdict = compare(found, known, is_whole=not options.stages)
    for remark in verdict.remarks:
        print(remark, file=sys.stderr)
    return 1 if options.check and verdict.failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count the instructions of every stage of the path.")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--check", action="store_true", help="exit with 1 where a stage takes more than it may")
    act.add_argument("--bless", action="store_true", help="write the counts down; takes all stages")
    parser.add_argument("--profile", default="development", help="cargo profile; development is what CI has built")
    parser.add_argument("--stages", nargs="+", default=[], metavar="STAGE", help="these alone")
    parser.add_argument("--python", type=Path, help="the stages in Python, by an interpreter with all that we need")
    options = parser.parse_args()
    if options.bless and options.stages:
        parser.error("--bless takes all stages")
    return options


def count(options: argparse.Namespace) -> Counts:
    if options.python:
        return interpreter.count_python(options.python, chosen(options.stages, interpreter.NAMES))
    built = program.build(options.profile)
    return program.count_program(built, options.profile, chosen(options.stages, program.names_of(built)))


def chosen(wanted: list[str], names: list[str]) -> list[str]:
    if unknown := sorted(set(wanted) - set(names)):
        raise Unknown(f"{', '.join(unknown)}; there are {', '.join(names)}")
    return wanted or names


if __name__ == "__main__":
    sys.exit(main())
