"""``voicewire bench`` as its users run it: what is told, exit codes, files; no figure is judged."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from voicewire import bench_plot, bench_progress, bench_result, footprint
from voicewire.bench_load import Measured, Tick
from voicewire.cli import BadInput
from voicewire.sim_process import SimulatorProcess

COMMAND = [sys.executable, "-m", "voicewire", "bench"]
SHORT = ["-n", "3", "--seconds", "0.5", "--ramp", "1000"]
TIMEOUT_S = 60
IS_WINDOWS = sys.platform == "win32"
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


def environment(**settings: str) -> dict[str, str]:
    return {**os.environ, "OPENAI_API_KEY": "sk-must-not-be-used", **settings}


def bench(*arguments: object, folder: Path | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=folder,
        env=environment(**settings),
        check=False,
    )


def assert_refused(ended: subprocess.CompletedProcess[str], code: int, part: str) -> None:
    assert ended.returncode == code, ended.stderr
    assert part in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["-n", "0"], "sessions not above 0 and at most 50,000: 0"),
        (["-n", "many"], "many"),
        (["--seconds", "0"], "seconds not above 0 and at most 86,400"),
        (["--seconds", "nan"], "seconds not above 0 and at most 86,400"),
        (["--ramp", "-1"], "ramp not above 0"),
        (["-o", "result.txt"], "result.txt"),
        (["-o", "none/result.json"], "folder of the output does not exist: none"),
        (["-o", "."], "output is a folder"),
        (["--tls", "--url", "ws://127.0.0.1:1"], "--tls"),
        (["--model", "nobody/model"], "nobody"),
    ],
)
def test_wrong_use_ends_with_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], part: str) -> None:
    assert_refused(bench(*arguments, folder=tmp_path), 2, part)


def test_a_first_session_that_cannot_be_opened_ends_it_with_exit_code_1() -> None:
    assert_refused(bench("--url", "ws://127.0.0.1:1/v1", "--api-key", "k"), 1, "connection refused")


@pytest.mark.skipif(IS_WINDOWS, reason="no limit of open files")
def test_too_few_descriptors_are_told_before_anything_is_opened() -> None:
    command = f"ulimit -n 90; exec {sys.executable} -m voicewire bench -n 100"
    ended = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment(), check=False
    )

    assert_refused(ended, 2, "100 sessions need 164 open files, allowed are 90")


@pytest.mark.slow
def test_json_is_one_object_with_everything_in_it(tmp_path: Path) -> None:
    ended = bench(*SHORT, "--json", "-o", "result.json", folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert json.loads((tmp_path / "result.json").read_text()) == found
    assert (found["sessions"], found["opened"], found["failed"], found["lost"], found["silent"]) == (3, 3, 0, 0, 0)
    assert (found["simulated"], found["tls"], found["uplink"], found["interrupted"]) == (True, False, True, False)
    assert found["driver"] == (os.environ.get("VOICEWIRE_DRIVER") or "thread")
    assert found["errors"] == {}
    for name in ("events", "audio_events", "uplink_chunks", "bytes_in", "bytes_out", "cpu_s", "loop_cpu_s", "rss_kib"):
        assert found[name] > 0, name
    assert found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"] <= found["max_ms"]
    assert sum(count for _, count in found["histogram"]) == found["audio_events"]
    assert set(found["connect_ms"]) == set(found["first_audio_ms"]) == {"p50", "p90", "p99", "max"}
    assert found["timeline"][-1]["at_s"] >= 0.5


@pytest.mark.slow
def test_people_get_a_table_and_a_histogram_and_progress_on_stderr(tmp_path: Path) -> None:
    ended = bench(*SHORT, "--no-uplink", "--tls", folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    for part in ("3 of 3", "added latency", "loop thread", "KiB per idle session", "#", "0 missed"):
        assert part in ended.stdout
    assert "no key, no cost" in ended.stderr
    assert "measuring 100 %" in ended.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the inline driver runs on Linux alone")
def test_an_inline_driver_is_told_in_both_forms(tmp_path: Path) -> None:
    ended = bench(*SHORT, "-o", "result.json", folder=tmp_path, VOICEWIRE_DRIVER="inline")

    assert ended.returncode == 0, ended.stderr
    assert json.loads((tmp_path / "result.json").read_text())["driver"] == "inline"
    assert "driver inline" in ended.stdout


@pytest.mark.slow
def test_another_server_is_measured_by_its_address() -> None:
    with SimulatorProcess(script=[{"say": "one two three four " * 50}], tls=True) as simulator:
        ended = bench(*SHORT, "--json", "--url", simulator.url, "--ca", simulator.ca_file, "--api-key", "k")

    found = json.loads(ended.stdout)
    assert (found["simulated"], found["tls"], found["opened"]) == (False, True, 3)


@pytest.mark.slow
def test_gemini_is_measured_like_any_other() -> None:
    found = json.loads(bench(*SHORT, "--json", "--model", "sim/gemini-3.8-live").stdout)

    assert found["model"] == "gemini/gemini-3.8-live"
    assert found["audio_events"] > 0
    assert found["errors"] == {}


@pytest.mark.slow
@pytest.mark.skipif(IS_WINDOWS, reason="signals")
def test_an_interrupted_run_tells_what_it_measured() -> None:
    arguments = [*COMMAND, "-n", "2", "--seconds", "60"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("measuring"))
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 130
    assert "2 of 2" in told
    assert "interrupted; measured for" in told


@pytest.mark.slow
def test_sessions_that_end_are_told_and_make_exit_code_1(tmp_path: Path) -> None:
    script = "from voicewire import Simulator; import sys\n"
    script += "with Simulator(script=[{'say': 'a long story ' * 99}], pace=1, faults=[{'kind': 'drop', 'how': 'rst',"
    script += " 'after_events': 12, 'connection': 1}]) as s: print(s.url, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        ended = bench("-n", "3", "--seconds", "2", "--json", "--url", url, "--api-key", "k")
        server.communicate()

    found = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert found["lost"] == 1
    assert sum(found["errors"].values()) >= 1


@pytest.mark.slow
@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib")
@pytest.mark.parametrize(("name", "begin"), [("plot.svg", b"<?xml"), ("plot.png", b"\x89PNG")])
def test_a_plot_is_written_in_the_format_of_its_name(tmp_path: Path, name: str, begin: bytes) -> None:
    ended = bench(*SHORT, "--json", "-o", name, folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_a_plot_without_matplotlib_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(BadInput, match=r"voicewire\[plot\]"):
        bench_plot.require_matplotlib()


def test_nothing_measured_can_be_told_as_well() -> None:
    found = bench_result.result(Measured(), {"model": "sim/bench", "sessions": 1}, None)

    assert found["p99_ms"] is None
    assert bench_result.histogram(found) == []
    assert ("added latency", "unknown") in {row[:2] for row in bench_result.rows(found)}


@pytest.mark.parametrize(("driver", "path"), [("thread", "I/O thread to handler"), ("inline", "read to handler")])
def test_added_latency_is_told_from_where_the_driver_reads(driver: Any, path: str) -> None:
    found = bench_result.result(Measured(driver=driver), {"model": "sim/bench", "sessions": 1}, None)

    notes = {name: note for name, _, note in bench_result.rows(found)}
    assert notes["added latency"].endswith(f"; {path}")


def test_late_growth_leaves_the_first_half_out() -> None:
    sizes = enumerate([100.0, 900.0, 1_000.0, 1_001.0], start=1)
    timeline = [Tick(at_s=at_s, cpu=0, loop_cpu=0, rss_kib=rss_kib, p99_ms=None) for at_s, rss_kib in sizes]
    measured = Measured(timeline=timeline, cost=footprint.Clocks(4.0, 0, 0))

    found = bench_result.result(measured, {}, None)

    assert found["rss_growth_late_kib"] == 101.0


def test_the_histogram_adds_up_in_steps_of_one_two_and_five() -> None:
    lines = bench_result.histogram({"histogram": [[0.1, 3], [0.1584893, 1], [0.5, 0], [1.0, 4]]})

    assert [line.split()[0] for line in lines[1:]] == ["0.1", "0.2", "0.5", "1"]
    assert [line.split()[-2] for line in lines[1:]] == ["50.0", "0.0", "0.0", "50.0"]


def test_plain_progress_is_a_line_to_each_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    progress = bench_progress.PlainProgress()
    for step in range(101):
        progress.show("opening", step / 100, f"{step} open")
    progress.close()

    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split()[1] for line in told.err.splitlines()] == ["0", "25", "50", "75", "100"]


def test_rich_progress_shows_stages_and_notes(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    progress = bench_progress.RichProgress()
    progress.say("three sessions")
    progress.show("opening", 0.5, "2 open")
    progress.show("opening", 1.0, "3 open")
    progress.close()

    told = capsys.readouterr()
    assert told.out == ""
    assert "three sessions" in told.err
    assert "3 open" in told.err


def test_clocks_tell_what_passed_between_two_readings() -> None:
    begin = footprint.Clocks.read()
    passed: Any = footprint.Clocks.read() - begin

    assert passed.wall_s >= 0
    assert passed.cpu_s >= passed.thread_cpu_s * 0.5 >= 0


def test_a_simulator_that_does_not_start_tells_why() -> None:
    with pytest.raises(Exception, match=r"simulator did not start: .*sai"), SimulatorProcess(script=[{"sai": "no"}]):
        pytest.fail("it started")
