"""``voicewire talk`` as its users run it, with files in the place of devices, and what it shows."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fake_devices import DEVICES, FakeBackend

import voicewire as vw
from voicewire import cli
from voicewire.talk_display import PlainTalkDisplay, QuietTalkDisplay, RichTalkDisplay, bar

COMMAND = [sys.executable, "-m", "voicewire", "talk"]
QUESTION = Path(vw.__file__).parent / "data" / "question.wav"
TIMEOUT_S = 30


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """A machine with devices."""
    backend = FakeBackend()
    for module in ("backend", "microphone", "speaker"):
        monkeypatch.setattr(f"voicewire.devices.{module}.default_backend", lambda: backend)
    monkeypatch.setattr("voicewire.talk.default_backend", lambda: backend)
    return backend


def talk(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    files = ("--microphone-file", QUESTION, "--speaker-file", "heard.wav")
    return subprocess.run(
        [*COMMAND, *map(str, files), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=folder,
        check=False,
    )


@pytest.mark.slow
def test_a_file_speaks_and_the_answer_is_written(tmp_path: Path) -> None:
    ended = talk(folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    for part in (
        "sim/talk (built-in simulator: no key is set)",
        "you:   (speech",
        "reply: You said",
        "heard ",
        "0 gaps",
    ):
        assert part in ended.stdout
    samples, rate = vw.audio.read_wav(tmp_path / "heard.wav")
    assert rate == 24_000
    assert samples.any()


@pytest.mark.slow
def test_with_json_there_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    ended = talk("--json", "--half-duplex", folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    told = json.loads(ended.stdout)
    assert (told["model"], told["turns"], told["interruptions"]) == ("sim/talk", 1, 0)
    assert [said["who"] for said in told["transcript"]] == ["user", "model"]
    assert 200 < told["latencies"][0]["first_heard_ms"] < 5_000
    assert (told["microphone_dropped"], told["dropped_s"]) == (0, 0)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupted_call_tells_what_happened_and_ends_well(tmp_path: Path) -> None:
    files = ("--microphone-file", str(QUESTION), "--speaker-file", "heard.wav")
    with subprocess.Popen([*COMMAND, *files], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        second = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=TIMEOUT_S)

    assert "Ctrl-C" in first
    assert "you:" in second
    assert "the call is over" in rest
    assert process.returncode == 0


def test_without_portaudio_one_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    codes = [cli.main(["talk"]), cli.main(["talk", "--list-devices"])]

    told = capsys.readouterr().err.splitlines()
    assert codes == [1, 1]
    assert len(told) == 2
    assert all("pip install 'voicewire[devices]'" in line for line in told)


def test_devices_are_listed(devices: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["talk", "--list-devices"])

    told = capsys.readouterr().out
    assert code == 0
    for part in ("0: Built-in Microphone", "1 in, 0 out", "48000 Hz, default microphone", "--input-device"):
        assert part in told


def test_devices_are_listed_as_json(devices: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["talk", "--list-devices", "--json"])

    listed = json.loads(capsys.readouterr().out)["devices"]
    assert [device["name"] for device in listed] == [device.name for device in DEVICES]


def test_a_machine_without_devices_says_so(devices: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    devices.known = []

    codes = [cli.main(["talk"]), cli.main(["talk", "--list-devices"])]

    assert codes == [1, 1]
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "part"),
    [(["--input-device", "usb"], "more than one microphone"), (["--output-device", "9"], "no such speaker device=9")],
)
def test_a_wrong_device_is_wrong_use(
    devices: FakeBackend, capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    code = cli.main(["talk", *arguments])

    told = capsys.readouterr().err
    assert code == 2
    assert part in told
    assert told.count("\n") == 1


# What is shown


def test_plain_text_shows_whole_turns(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainTalkDisplay()

    display.level("microphone", -20.0)
    display.transcript("you", " Hel", False)
    display.transcript("you", " Hello.", True)
    display.say("lost")
    display.close()

    assert capsys.readouterr().out == "you:   Hello.\nlost\n"


def test_plain_text_draws_levels_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    display = PlainTalkDisplay()

    display.level("microphone", -30.0)
    display.level("microphone", -30.0)
    display.close()

    told = capsys.readouterr().out
    assert told.count("microphone [##########..........]  speaker [....................]") == 1
    assert told.endswith("\r")


def test_quiet_output_tells_errors_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    display = QuietTalkDisplay()

    display.say("hello")
    display.transcript("you", "Hello.", True)
    display.level("speaker", 0.0)
    display.say("error: wrong")
    display.close()

    assert tuple(capsys.readouterr()) == ("", "error: wrong\n")


def test_rich_shows_turns_and_levels(capsys: pytest.CaptureFixture[str]) -> None:
    display = RichTalkDisplay()

    display.level("speaker", -3.0)
    display.transcript("reply", "Half ", False)
    drawn = str(display._drawn())
    display.transcript("reply", "Half a word.", True)
    display.say("[lost]")
    display.close()

    told = capsys.readouterr().out
    assert drawn.splitlines() == ["reply: Half", "microphone ....................", "speaker    ###################."]
    assert "reply: Half a word." in told
    assert "[lost]" in told


@pytest.mark.parametrize(("level", "count"), [(-96.0, 0), (-60.0, 0), (-57.0, 1), (-3.0, 19), (0.0, 20)])
def test_a_bar_has_a_sign_for_3_db(level: float, count: int) -> None:
    assert bar(level).count("#") == count
    assert len(bar(level)) == 20
