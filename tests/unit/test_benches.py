"""The scripts of benches/: the works add up, the bisection finds, tables and plots take what the runs write."""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHES = Path(__file__).parents[2] / "benches"
NAMES = ("works", "table", "clients", "server", "results", "run", "capacity", "plots")
pytestmark = pytest.mark.skipif(
    not BENCHES.exists() or sys.platform == "win32", reason="benches need a checkout, POSIX"
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script of benches/ by name, and forget all of them afterwards: their names are anyone's."""
    monkeypatch.syspath_prepend(str(BENCHES))
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in NAMES:
        sys.modules.pop(name, None)


def case_of(bench: Any, label: str, **fields: Any) -> dict[str, Any]:
    row = {
        "is_valid": True,
        "median": {"cpu_total_s": 0.2, "cpu_loop_s": 0.1, "wall_s": 1.0, "rss_kib": 51_200.0, "kib_per_session": 30.0},
        "versions": {},
        "rounds": [{"cpu_total_s": 0.2, "cpu_loop_s": 0.1}],
    }
    rows = {client.name: row for client in bench("clients").CLIENTS}
    return {"label": label, "uplink_ms": 0, "audio_events": 100, "audio_seconds": 10.0, "rows": rows, **fields}


def result_of(work: str, *cases: dict[str, Any]) -> dict[str, Any]:
    facts = {"command": "python benches/run.py", "commit": "abc", "cargo_profile": "development", "date": "2026-01-02"}
    return {**facts, "work": work, "cases": list(cases)}


@pytest.mark.parametrize("is_full", [False, True])
def test_every_work_has_a_title_a_unit_and_columns(bench: Any, is_full: bool) -> None:
    table, works = bench("table"), bench("works").works(is_full)

    names = {work.name for work in works}

    assert names == set(table.TITLES) == set(table.UNITS) == set(table.COLUMNS)
    assert all(work.cases for work in works)


def test_a_case_without_answers_expects_no_audio(bench: Any) -> None:
    case = bench("works").Case(label="", mode="upstream", sessions=3, seconds=2, uplink_ms=20)

    assert (case.audio_events, case.samples, case.uplink_chunks, case.uplink_samples) == (0, 0, 300, 144_000)


def test_an_hour_of_audio_is_as_many_deltas(bench: Any) -> None:
    minutes = bench("works").lengths(1, 60)

    assert [case.audio_seconds for case in minutes] == [60, 3_600]


@pytest.mark.parametrize(
    ("work", "fields", "cell"),
    [
        ("growth_sessions", {}, "2,000 (1,000)"),
        ("idle", {"mode": "idle", "sessions": 10, "seconds": 2.0}, "10,000 (5,000)"),
        ("upstream", {"mode": "upstream", "uplink_ms": 20, "uplink_chunks": 1_000}, "200 (100)"),
    ],
)
def test_cpu_is_told_in_the_unit_of_the_work(bench: Any, work: str, fields: dict[str, Any], cell: str) -> None:
    told = bench("table").table(result_of(work, case_of(bench, "10 sessions", **fields)))

    assert f"| {cell} |" in told


@pytest.mark.parametrize("limit", [0, 19, 20, 21, 137, 640, 4_000, 9_999])
def test_bisection_finds_the_largest_number_to_a_tenth(bench: Any, limit: int) -> None:
    found = bench("capacity").largest(lambda sessions: sessions <= limit, 20, 4_000, 0.1)

    wanted = min(limit, 4_000) if limit >= 20 else 0
    assert wanted * 0.9 <= found <= wanted


def test_bisection_gives_a_second_chance(bench: Any) -> None:
    tries = iter([False, True, False, False])

    assert bench("capacity").largest(lambda _: next(tries), 20, 4_000, 10.0) == 20


def test_sizes_are_read_from_labels(bench: Any) -> None:
    size_of = bench("plots").size_of

    assert [size_of({"label": label}) for label in ("1,000 sessions", "60 min", "2.5 min")] == [1_000, 60, 2.5]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_plots_are_drawn_of_what_was_measured_and_the_rest_is_named(bench: Any, tmp_path: Path) -> None:
    cases = [case_of(bench, f"{size} min") for size in (1, 10)]
    (tmp_path / "growth_length.json").write_text(json.dumps(result_of("growth_length", *cases)))

    ended = subprocess.run(
        [sys.executable, str(BENCHES / "plots.py"), "--results", str(tmp_path), "--to", str(tmp_path / "plots")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["length.svg"]
    assert "left out" in ended.stderr
    assert "minutes of audio" in (tmp_path / "plots" / "length.svg").read_text()
