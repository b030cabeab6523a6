"""Counts of instructions: kept in a file, compared, shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

# Counts of two machines that differ in these have nothing to do with each other.
SAME = ("arch", "path", "profile", "python")
# Other tools compile other code: worth a look, not a failure, before it is much more.
TOOLS = ("rustc", "libc", "numpy")

MARGIN = 0.15
MARGIN_OF_OTHER_TOOLS = 0.5
# Below this a margin in per cent is a matter of single instructions.
SLACK = 30


@dataclass(frozen=True)
class Counts:
    """Instructions for one turn of each stage, and the machine they were counted on."""

    machine: dict[str, str]
    stages: dict[str, int]


@dataclass
class Verdict:
    """What a comparison has shown."""

    failed: bool = False
    remarks: list[str] = field(default_factory=list)


def load(path: Path) -> Counts:
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Counts(kept["machine"], kept["stages"])


def save(path: Path, counts: Counts) -> None:
    text = json.dumps({"machine": counts.machine, "stages": counts.stages}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def compare(found: Counts, known: Counts, *, is_whole: bool = True) -> Verdict:
    """Say which stages take more than they may, which take much less, and which have no count.

    ``is_whole`` is False where only some of the stages were counted.
    """
    if difference := differences(found, known, SAME):
        return Verdict(remarks=[f"not compared: the counts kept are of another machine: {difference}"])
    margin = MARGIN
    verdict = Verdict()
    if difference := differences(found, known, TOOLS):
        margin = MARGIN_OF_OTHER_TOOLS
        verdict.remarks.append(f"the counts kept were made with other tools, the margin is {margin:.0%}: {difference}")
    for name, count in found.stages.items():
        if name not in known.stages:
            verdict.failed = True
            verdict.remarks.append(f"{name}: no count is kept; --bless takes it in")
        elif count > known.stages[name] * (1 + margin) + SLACK:
            verdict.failed = True
            verdict.remarks.append(f"{name}: {growth(count, known.stages[name])}, more than {margin:.0%}")
        elif count < known.stages[name] * (1 - margin) - SLACK:
            verdict.remarks.append(f"{name}: {growth(count, known.stages[name])}; --bless keeps the gain")
    if is_whole and (gone := known.stages.keys() - found.stages.keys()):
        verdict.failed = True
        verdict.remarks.append(f"no such stage any more: {', '.join(sorted(gone))}; --bless forgets them")
    return verdict


def render(found: Counts, known: Counts | None) -> str:
    """Return a table; the change stands beside a count where both are of one kind of machine."""
    comparable = known if known is not None and not differences(found, known, SAME) else None
    width = max(map(len, found.stages), default=0)
    lines = [", ".join(f"{name} {value}" for name, value in found.machine.items())]
    for name, count in found.stages.items():
        before = comparable.stages.get(name) if comparable else None
        change = f"  {(count - before) / max(before, 1):+7.1%}" if before is not None else ""
        lines.append(f"{name:{width}}  {count:>10,}{change}")
    return "\n".join(lines)


def differences(found: Counts, known: Counts, keys: tuple[str, ...]) -> str:
    pairs = [(key, known.machine.get(key), found.machine.get(key)) for key in keys]
    return ", ".join(f"{key} {before} there, {now} here" for key, before, now in pairs if before != now)


def growth(count: int, before: int) -> str:
    return f"{before:,} → {count:,} instructions ({(count - before) / max(before, 1):+.1%})"
