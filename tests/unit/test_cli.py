"""The command as its users run it: exit codes, one line on stderr, no traceback."""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "voicewire"]
TIMEOUT_S = 30


def environment() -> dict[str, str]:
    dropped = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
    return {name: value for name, value in os.environ.items() if name not in dropped}


def voicewire(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=folder,
        env=environment(),
        check=False,
    )


def assert_one_line(ended: subprocess.CompletedProcess[str], code: int, part: str) -> None:
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert part in ended.stderr
    assert "Traceback" not in ended.stderr


def write_wav(path: Path, seconds: float, rate: int = 8_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * round(seconds * rate)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_wav(tmp_path / "good.wav", 0.1)
    write_wav(tmp_path / "empty.wav", 0)
    write_wav(tmp_path / "slow.wav", 0.1, rate=100)
    (tmp_path / "text.wav").write_text("This is no WAV.\n")
    (tmp_path / "nothing.wav").write_bytes(b"")
    (tmp_path / "short.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:30])
    (tmp_path / "speech.mp3").write_bytes(b"ID3\x03" + bytes(100))
    (tmp_path / "two\nlines.wav").write_text("no")
    (tmp_path / "sub.wav").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("none.wav", "no such file: none.wav"),
        ("sub.wav", "a folder, not a WAV file: sub.wav"),
        ("speech.mp3", "not a WAV file: speech.mp3"),
        ("text.wav", "not a usable WAV file: text.wav"),
        ("nothing.wav", "not a usable WAV file: nothing.wav"),
        ("short.wav", "not a usable WAV file: short.wav"),
        ("empty.wav", "not a usable WAV file: empty.wav"),
        ("slow.wav", "sample rate not within"),
        ("two\nlines.wav", "not a usable WAV file: two lines.wav"),
        ("", "not a WAV file"),
    ],
)
def test_a_bad_input_is_one_line_and_exit_code_2(folder: Path, name: str, part: str) -> None:
    ended = voicewire("demo", "--input", name, folder=folder)

    assert_one_line(ended, 2, part)
    assert not (folder / "reply.wav").exists()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("none/reply.wav", "folder of the output does not exist: none"),
        ("sub.wav", "output is a folder: sub.wav"),
        ("reply.mp3", "output is not named as a WAV file: reply.mp3"),
        ("good.wav", "input and output are the same file: good.wav"),
        ("./good.wav", "input and output are the same file: good.wav"),
        ("good.wav/reply.wav", "folder of the output does not exist: good.wav"),
    ],
)
def test_a_bad_output_is_one_line_and_exit_code_2(folder: Path, name: str, part: str) -> None:
    ended = voicewire("demo", "--input", "good.wav", "--output", name, folder=folder)

    assert_one_line(ended, 2, part)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_without_permission_is_one_line_and_exit_code_2(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o500)

    ended = voicewire("demo", "--output", "closed/reply.wav", folder=folder)

    assert_one_line(ended, 2, "output cannot be written: closed/reply.wav")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "COMMAND"),
        (["nothing"], "nothing"),
        (["demo", "--nothing"], "--nothing"),
        (["demo", "--input"], "--input"),
        (["demo", "--model", "nobody/model"], "nobody"),
        (["demo", "--url", "ftp://host"], "ftp"),
        (["demo", "--model", "openai/gpt-realtime"], "OPENAI_API_KEY"),
        (["talk", "--microphone-file", "none.wav"], "no such file: none.wav"),
        (["talk", "--microphone-file", "text.wav"], "not a usable WAV file: text.wav"),
        (["talk", "--speaker-file", "sub.wav"], "output is a folder: sub.wav"),
        (["talk", "--microphone-file", "good.wav", "--speaker-file", "good.wav"], "the same file"),
        (["talk", "--microphone-file", "good.wav", "--speaker-file", "o.wav", "--model", "nobody/m"], "nobody"),
        (["talk", "--nothing"], "--nothing"),
        (["sim", "--port", "many"], "many"),
        (["sim", "--port", "65536"], "65536"),
        (["sim", "--port", "-1"], "-1"),
        (["sim", "--beta", "maybe"], "maybe"),
        (["sim", "--dialect", "klingon"], "klingon"),
        (["sim", "--pace", "-1"], "pace"),
        (["sim", "--delta-ms", "0"], "delta_ms"),
        (["sim", "--latency-ms", "-1"], "latency_ms"),
        (["sim", "--seed", "-1"], "seed"),
        (["sim", "--script", "none.toml"], "none.toml"),
        (["sim", "--script", "text.wav"], "text.wav"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(folder: Path, arguments: list[str], part: str) -> None:
    assert_one_line(voicewire(*arguments, folder=folder), 2, part)


def test_a_script_with_a_wrong_rule_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "script.json").write_text('[{"sai": "Hello."}]')

    assert_one_line(voicewire("sim", "--script", "script.json", folder=tmp_path), 2, "sai")


def test_a_refused_port_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    ended = voicewire("demo", "--url", f"ws://127.0.0.1:{port}", "--api-key", "sk-secret", folder=tmp_path)

    assert_one_line(ended, 1, str(port))
    assert "sk-secret" not in ended.stderr
    assert not (tmp_path / "reply.wav").exists()


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        ended = voicewire("sim", "--port", taken.getsockname()[1])

    assert_one_line(ended, 1, "in use")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["demo", "--help"], ["talk", "--help"], ["bench", "--help"], ["sim", "--help"], ["--version"]],
)
def test_help_and_version_go_to_stdout_with_exit_code_0(arguments: list[str]) -> None:
    ended = voicewire(*arguments)

    assert ended.returncode == 0
    assert "voicewire" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.slow
def test_the_demo_writes_a_spoken_reply(tmp_path: Path) -> None:
    ended = voicewire("demo", folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    for part in (
        "100 %",
        "you:",
        "Lisbon today?",
        "reply:",
        "time to first audio",
        "CPU per second of audio",
    ):
        assert part in ended.stdout
    with wave.open(str(tmp_path / "reply.wav")) as reply:
        assert (reply.getnchannels(), reply.getsampwidth(), reply.getframerate()) == (1, 2, 24_000)
        assert reply.getnframes() > 24_000


@pytest.mark.slow
def test_the_demo_with_json_prints_one_object_and_nothing_else(tmp_path: Path) -> None:
    ended = voicewire("demo", "--json", "--output", "answer.wav", folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    report = json.loads(ended.stdout)
    assert report["output"] == "answer.wav"
    assert report["status"] == "completed"
    assert report["input_transcript"] == "What is the weather like in Lisbon today?"
    assert "Lisbon" in report["transcript"]
    assert 0 < report["first_audio_ms"] < 5_000
    assert report["rtt_ms"] > 0
    assert report["audio_sent_s"] > 2
    assert report["audio_received_s"] > 1
    assert report["cpu_ms_per_audio_s"] > 0


@pytest.mark.slow
def test_the_demo_asks_for_an_answer_where_no_speech_is_heard(folder: Path) -> None:
    ended = voicewire("demo", "--input", "good.wav", folder=folder)

    assert ended.returncode == 0, ended.stderr
    assert "no end of speech" in ended.stdout
    assert (folder / "reply.wav").exists()


@pytest.mark.slow
def test_a_pause_makes_two_turns_and_both_are_answered(tmp_path: Path) -> None:
    tone = array("h", (round(9_000 * math.sin(0.4 * index)) for index in range(3_200)))
    with wave.open(str(tmp_path / "two.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(tone.tobytes() + bytes(2 * 8_000) + tone.tobytes())

    ended = voicewire("demo", "--input", "two.wav", folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("you:   (speech") == 2
    assert "response completed" in ended.stdout


@pytest.fixture
def simulator() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "sim", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_tells_its_address_and_stops_at_a_signal(
    simulator: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert simulator.stdout is not None
    told = json.loads(simulator.stdout.readline())

    simulator.send_signal(number)
    rest, errors = simulator.communicate(timeout=TIMEOUT_S)

    assert told["url"].startswith("ws://127.0.0.1:")
    assert told["http_url"].startswith("http://127.0.0.1:")
    assert told["gemini_url"] + "/v1" == told["url"]
    assert told["ca_file"] is None
    assert (simulator.returncode, rest, errors) == (0, "", "")


def test_the_simulator_tells_people_both_of_its_addresses() -> None:
    arguments = [*COMMAND, "sim", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)

    assert re.fullmatch(r"listening on (ws://127\.0\.0\.1:\d+)/v1, Gemini on \1 \(Ctrl-C stops it\)\n", line)


def test_the_simulator_stops_where_its_input_ends() -> None:
    arguments = [*COMMAND, "sim", "--port", "0", "--json", "--until-eof"]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        rest, errors = process.communicate(timeout=TIMEOUT_S)

    assert (process.returncode, rest, errors) == (0, "", "")


def test_the_simulator_serves_tls_and_takes_its_file_along() -> None:
    arguments = ["sim", "--port", "0", "--json", "--tls", "--beta", "--dialect", "azure"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        existed = Path(told["ca_file"]).exists()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)

    assert told["url"].startswith("wss://127.0.0.1:")
    assert told["http_url"].startswith("https://127.0.0.1:")
    assert existed
    assert not Path(told["ca_file"]).exists()


@pytest.mark.slow
def test_the_demo_talks_to_a_simulator_of_another_process(simulator: subprocess.Popen[str], tmp_path: Path) -> None:
    assert simulator.stdout is not None
    url = json.loads(simulator.stdout.readline())["url"]

    ended = voicewire("demo", "--url", url, "--api-key", "any", "--json", folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["simulated"] is False


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupted_demo_ends_quietly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT_S)

    assert (process.returncode, errors) == (130, "")
