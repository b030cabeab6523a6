"""The stages in Rust: built by cargo, counted on all cores."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from callgrind import per_turn, valgrind
from counts import Counts

ROOT = Path(__file__).resolve().parent.parent.parent

FEW, MANY = 250, 500


def build(profile: str) -> Path:
    """Return the program ``stages``."""
    # The extension is named for its choice of features alone: so its dependencies, built before, are these as well.
    command = ["cargo", "build", "--profile", profile, "--package", "voicewire-instructions", "--bin", "stages"]
    command += ["--package", "voicewire-python", "--message-format", "json-render-diagnostics"]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return next(Path(message["executable"]) for message in messages if message.get("executable"))


def names_of(program: Path) -> list[str]:
    """Return the names of the stages."""
    return valgrind("none", [str(program)]).stdout.splitlines()[1:]


def count_program(program: Path, profile: str, names: list[str]) -> Counts:
    """Count stages on all cores: a neighbour does not change a count."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = threads.map(lambda name: per_turn(lambda turns: [str(program), name, str(turns)], FEW, MANY), names)
        return Counts(machine(program, profile), dict(zip(names, found, strict=True)))


def machine(program: Path, profile: str) -> dict[str, str]:
    # Asked under valgrind: the processor that it shows to a program is not quite the machine's.
    arch, path = valgrind("none", [str(program)]).stdout.splitlines()[0].split()
    told = subprocess.run(["rustc", "--version"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    rustc = ".".join(told.split()[1].split(".")[:2])
    return {"arch": arch, "path": path, "profile": profile, "rustc": rustc, "libc": " ".join(platform.libc_ver())}
