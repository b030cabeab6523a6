"""Programs under valgrind: what they say, and how many instructions they take."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable

# What a stage is run with: a number of turns to the command that takes them.
Command = Callable[[int], list[str]]


def per_turn(command: Command, few: int, many: int, **environment: str) -> int:
    """Instructions of one turn: what two processes differ by.

    Both numbers are as long as the other: the length of a command line is part of what a process does before its work.
    """
    fewer, more = (total(command(turns), **environment) for turns in (few, many))
    return round((more - fewer) / (many - few))


def total(command: list[str], **environment: str) -> int:
    """Instructions of a whole process, all threads."""
    told = valgrind("callgrind", command, "--callgrind-out-file=/dev/null", **environment).stderr
    collected = re.search(r"Collected : (\d+)", told)
    if collected is None:
        raise RuntimeError(f"callgrind tells no count: {told}")
    return int(collected[1])


def valgrind(tool: str, command: list[str], *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # Without the caller's environment, which is part of what a process does before its work.
    done = subprocess.run(
        ["valgrind", f"--tool={tool}", *options, *command],
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"failed with exit code {done.returncode}: {' '.join(command)}: {done.stderr}")
    return done
