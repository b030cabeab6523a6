"""Counts of instructions: what a comparison lets pass, and what it does not."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benches" / "instructions"

if not FOLDER.is_dir():
    pytest.skip("a source distribution has no benches", allow_module_level=True)


def load_counts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("instruction_counts", FOLDER / "counts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where a dataclass looks for the names in its annotations.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


counts = load_counts()

MACHINE = {"arch": "x86_64", "path": "avx2", "profile": "development", "rustc": "1.85", "libc": "glibc 2.36"}
KNOWN = counts.Counts(MACHINE, {"scan": 10_000, "ring": 100})


def found(**stages: int) -> object:
    return counts.Counts(MACHINE, {**KNOWN.stages, **stages})


def of(**machine: str) -> object:
    return counts.Counts({**MACHINE, **machine}, {**KNOWN.stages, "scan": 14_000})


def test_equal_counts_pass_without_a_word() -> None:
    assert counts.compare(found(), KNOWN) == counts.Verdict()


def test_a_stage_within_its_margin_passes() -> None:
    assert counts.compare(found(scan=11_400), KNOWN) == counts.Verdict()


def test_a_stage_beyond_its_margin_fails() -> None:
    verdict = counts.compare(found(scan=11_700), KNOWN)

    assert verdict.failed
    assert verdict.remarks == ["scan: 10,000 → 11,700 instructions (+17.0%), more than 15%"]


def test_a_small_stage_may_grow_by_some_instructions() -> None:
    assert not counts.compare(found(ring=130), KNOWN).failed


def test_a_stage_that_takes_much_less_passes_with_a_hint() -> None:
    verdict = counts.compare(found(scan=5_000), KNOWN)

    assert not verdict.failed
    assert "--bless" in verdict.remarks[0]


def test_a_stage_without_a_count_fails() -> None:
    assert counts.compare(found(resample=1), KNOWN).failed


def test_a_count_without_a_stage_fails_unless_some_were_chosen() -> None:
    some = counts.Counts(MACHINE, {"scan": 10_000})

    assert counts.compare(some, KNOWN).failed
    assert not counts.compare(some, KNOWN, is_whole=False).failed


@pytest.mark.parametrize("other", [{"arch": "aarch64"}, {"path": "scalar"}, {"profile": "release"}])
def test_counts_of_another_kind_of_machine_are_not_compared(other: dict[str, str]) -> None:
    verdict = counts.compare(of(**other), KNOWN)

    assert not verdict.failed
    assert verdict.remarks[0].startswith("not compared")


@pytest.mark.parametrize("other", [{"rustc": "1.99"}, {"libc": "musl 1.2"}])
def test_other_tools_widen_the_margin(other: dict[str, str]) -> None:
    verdict = counts.compare(of(**other), KNOWN)

    assert not verdict.failed
    assert "other tools" in verdict.remarks[0]


def test_counts_are_read_as_they_were_written(tmp_path: Path) -> None:
    counts.save(tmp_path / "counts.json", KNOWN)

    assert counts.load(tmp_path / "counts.json") == KNOWN


def test_the_table_shows_the_change_beside_each_count() -> None:
    assert "11,000   +10.0%" in counts.render(found(scan=11_000), KNOWN)


def test_nothing_is_counted_where_valgrind_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, FOLDER / "run.py", "--check"]

    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert "valgrind is not on PATH" in done.stderr
