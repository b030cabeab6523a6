"""The recorder against two arrays, on a clock that the test turns."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import voicewire as vw
from voicewire.stereo import StereoFiles

RATE = 8_000
JITTER = RATE // 10


def read(path: Path) -> NDArray[np.int16]:
    """Frames of a file, one row each; the module `wave` finds nothing wrong with it."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        frames = file.readframes(file.getnframes())
        assert len(frames) == 4 * file.getnframes() == path.stat().st_size - 44
    return np.frombuffer(frames, "<i2").reshape(-1, 2)


def whole(paths: list[Path]) -> NDArray[np.int16]:
    return np.concatenate([read(path) for path in paths])


class Clock:
    """Time that passes when it is told to, in whole samples."""

    def __init__(self) -> None:
        self.samples = 5_000

    def __call__(self) -> float:
        return self.samples / RATE

    def pass_ms(self, ms: float) -> None:
        self.samples += round(RATE * ms / 1000)


class Model:
    """What a recorder does, slow and obvious: a dict of samples for each side."""

    def __init__(self) -> None:
        self.sides: list[dict[int, int]] = [{}, {}]
        self.ends = [0, 0]
        self.items: dict[str, list[int]] = {}
        self.began: int | None = None

    def write(self, side: int, now: int, samples: NDArray[np.int16], item: str = "") -> None:
        spoken = len(samples) * (side == 0)
        self.began = now - spoken if self.began is None else self.began
        at = now - spoken - self.began
        begin = at if at > self.ends[side] + JITTER else self.ends[side]
        places = range(begin, begin + len(samples))
        self.sides[side].update(zip(places, samples.tolist(), strict=True))
        self.ends[side] = max(self.ends[side], begin + len(samples))
        if side == 1:
            self.items.setdefault(item, []).extend(places)

    def interrupt(self, item: str, heard: int) -> None:
        places = self.items.get(item)
        if places:
            cut = places[heard] if heard < len(places) else places[-1] + 1
            self.end(cut if heard == 0 or heard >= len(places) else places[heard - 1] + 1)

    def end(self, cut: int) -> None:
        self.ends[1] = min(self.ends[1], cut)
        self.sides[1] = {place: sample for place, sample in self.sides[1].items() if place < cut}
        self.items = {item: [place for place in places if place < cut] for item, places in self.items.items()}

    def frames(self) -> NDArray[np.int16]:
        frames = np.zeros((max(self.ends), 2), np.int16)
        for side, samples in enumerate(self.sides):
            frames[list(samples), side] = list(samples.values())
        return frames


COUNTS = st.integers(1, 600)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(0, 600), st.just("")),
        st.tuples(st.just("user"), COUNTS, st.just("")),
        st.tuples(st.just("model"), COUNTS, st.sampled_from("abc")),
        st.tuples(st.just("interrupt"), st.integers(0, 100), st.sampled_from("abc")),
    ),
    max_size=30,
)


@given(STEPS, st.integers(300, 8_000))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_files_are_what_the_arrays_are(tmp_path: Path, steps: list[tuple[str, int, str]], frames: int) -> None:
    clock, model, sample = Clock(), Model(), 0
    recorder = vw.CallRecorder(tmp_path / "call.wav", RATE, max_bytes=44 + 4 * frames, clock=clock)

    def chunk(count: int) -> NDArray[np.int16]:
        nonlocal sample
        sample += count
        return (1 + np.arange(sample - count, sample) % 30_000).astype(np.int16)

    def user(count: int, _: str) -> None:
        samples = chunk(count)
        recorder.write_user(samples, RATE)
        model.write(0, clock.samples, samples)

    def speak(count: int, item: str) -> None:
        samples = chunk(count)
        recorder.write_model(samples, RATE, item)
        model.write(1, clock.samples, samples, item)

    def interrupt(ms: int, item: str) -> None:
        known = bool(model.items.get(item))
        recorder.interrupt(item, ms) if known else None
        model.interrupt(item, ms * RATE // 1000)

    does = {"pass": lambda ms, _: clock.pass_ms(ms), "user": user, "model": speak, "interrupt": interrupt}
    for what, number, item in steps:
        does[what](number, item)
    recorder.close()

    expected = model.frames()
    assert np.array_equal(whole(recorder.paths), expected)
    assert all(path.stat().st_size <= 44 + 4 * frames for path in recorder.paths)


def tone(ms: int, rate: int = RATE) -> NDArray[np.int16]:
    return (9_000 * np.sin(2 * np.pi * 300 * np.arange(rate * ms // 1000) / rate)).astype(np.int16)


def test_both_sides_stand_where_they_were_heard(tmp_path: Path) -> None:
    clock = Clock()
    with vw.CallRecorder(tmp_path / "call.wav", RATE, clock=clock) as recorder:
        recorder.write_user(np.full(800, 1, np.int16), RATE)
        clock.pass_ms(500)
        recorder.write_model(np.full(1_600, 2, np.int16), RATE, "a")
        recorder.write_model(np.full(1_600, 3, np.int16), RATE, "a")
        clock.pass_ms(250)
        recorder.write_user(np.full(800, 4, np.int16), RATE)
        recorder.interrupt("a", 250)

    frames = read(tmp_path / "call.wav")
    assert np.flatnonzero(frames[:, 0] == 1).tolist() == list(range(800))
    assert np.flatnonzero(frames[:, 1] == 2).tolist() == list(range(4_800, 6_400))
    assert np.flatnonzero(frames[:, 1] == 3).tolist() == list(range(6_400, 6_800))
    assert np.flatnonzero(frames[:, 0] == 4).tolist() == list(range(6_000, 6_800))
    assert len(frames) == 6_800
    assert recorder.stats() == {"user_ms": 850, "model_ms": 850, "cut_ms": 150, "dropped_ms": 0}


def test_an_interruption_without_a_place_cuts_now(tmp_path: Path) -> None:
    clock = Clock()
    with vw.CallRecorder(tmp_path / "call.wav", RATE, clock=clock) as recorder:
        recorder.write_model(tone(1_000), RATE)
        clock.pass_ms(300)
        recorder.flush()

    assert len(read(tmp_path / "call.wav")) == 2_400


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_sides_of_other_rates_are_resampled(tmp_path: Path, rate: int) -> None:
    with vw.CallRecorder(tmp_path / "call.wav", RATE, clock=Clock()) as recorder:
        for piece in np.array_split(tone(1_000, rate), 37):
            recorder.write_user(piece, rate)
            recorder.write_model(piece, rate, "a")

    frames = read(tmp_path / "call.wav").astype(np.float64)
    expected = tone(1_000).astype(np.float64)
    for side in (0, 1):
        assert len(frames) == pytest.approx(len(expected), abs=2)
        assert frames[400:-400, side] == pytest.approx(expected[400 : len(frames) - 400], abs=60)


def test_a_cut_takes_back_files_that_hold_nothing_else(tmp_path: Path) -> None:
    with vw.CallRecorder(tmp_path / "call.wav", RATE, max_bytes=44 + 4 * 1_000, clock=Clock()) as recorder:
        recorder.write_model(tone(500), RATE, "a")
        recorder.interrupt("a", 150)

    assert [path.name for path in recorder.paths] == ["call.wav", "call-2.wav"]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["call-2.wav", "call.wav"]
    assert whole(recorder.paths)[:, 1].tolist() == tone(500)[:1_200].tolist()


def test_a_pause_longer_than_a_file_leaves_a_silent_file(tmp_path: Path) -> None:
    clock = Clock()
    with vw.CallRecorder(tmp_path / "call.wav", RATE, max_bytes=44 + 4 * 1_000, clock=clock) as recorder:
        recorder.write_user(np.ones(100, np.int16), RATE)
        clock.pass_ms(300)
        recorder.write_user(np.ones(100, np.int16), RATE)

    assert [len(read(path)) for path in recorder.paths] == [1_000, 1_000, 500]


def test_a_header_is_valid_at_every_moment(tmp_path: Path) -> None:
    files = StereoFiles(tmp_path / "call.wav", RATE, 2**20)
    for number in range(5):
        files.write(number % 2, 100 * number, np.full(150, number + 1, np.int16))
        assert len(read(tmp_path / "call.wav")) == 100 * number + 150
    files.truncate(220)
    assert len(read(tmp_path / "call.wav")) == 220
    files.close()


CALL = """
    import sys
    import numpy as np
    import voicewire as vw

    now = 0.0
    recorder = vw.CallRecorder(sys.argv[1], 8_000, clock=lambda: now)
    for number in range(1, 30_000):
        now += 0.02
        recorder.write_user(np.full(160, number, np.int16), 8_000)
        recorder.write_model(np.full(160, -number, np.int16), 8_000, "a")
        print(number, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
@pytest.mark.parametrize("lines", [1, 40, 400])
def test_a_process_that_is_killed_leaves_a_valid_file(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "call.wav"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CALL), str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)

    with wave.open(str(path), "rb") as file:
        count = file.getnframes()
        frames = np.frombuffer(file.readframes(count), "<i2").reshape(-1, 2)
    assert len(frames) == count
    assert 44 + 4 * count <= path.stat().st_size
    expected = 1 + np.arange(count) // 160
    assert np.array_equal(frames[:, 0], expected)
    assert np.array_equal(frames[: max(0, count - 480), 1], -expected[: max(0, count - 480)])


def test_a_disk_that_fails_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    (tmp_path / "call-2.wav").mkdir()
    recorder = vw.CallRecorder(tmp_path / "call.wav", RATE, max_bytes=44 + 4 * 800, clock=Clock())
    recorder.write_user(tone(150), RATE)
    recorder.write_user(tone(150), RATE)

    with pytest.raises(OSError, match="call-2"):
        recorder.close()
    assert isinstance(recorder.error, OSError)
    assert read(tmp_path / "call.wav")[:, 0].tolist() == tone(100).tolist()
    recorder.close()


def test_a_path_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        vw.CallRecorder(tmp_path / "missing" / "call.wav")


def test_a_closed_recorder_takes_no_more(tmp_path: Path) -> None:
    recorder = vw.CallRecorder(tmp_path / "call.wav", RATE, clock=Clock())
    recorder.write_user(tone(100), RATE)
    recorder.close()

    with pytest.raises(vw.VoicewireError, match="recorder is closed"):
        recorder.write_user(tone(100), RATE)
    with pytest.raises(vw.VoicewireError, match="recorder is closed"):
        recorder.write_model(tone(100), RATE)
    with pytest.raises(vw.VoicewireError, match="recorder is closed"):
        recorder.attach(vw.RealtimeClient("sim/demo"))
    recorder.interrupt()
    recorder.flush()

    assert len(read(tmp_path / "call.wav")) == 800


@pytest.mark.parametrize("bad", [b"odd", np.zeros((2, 2), np.int16), np.array([np.nan], np.float32)])
def test_what_is_no_audio_is_refused_by_name(tmp_path: Path, bad: object) -> None:
    with vw.CallRecorder(tmp_path / "call.wav") as recorder, pytest.raises(ValueError, match="samples"):
        recorder.write_user(bad, RATE)


@pytest.mark.parametrize(("name", "value"), [("sample_rate", 100), ("max_bytes", 10), ("max_bytes", 2**33)])
def test_an_option_out_of_range_is_named(tmp_path: Path, name: str, value: int) -> None:
    with pytest.raises(vw.ConfigError, match=name):
        vw.CallRecorder(tmp_path / "call.wav", **{name: value})


def test_what_a_slow_disk_drops_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    write = StereoFiles.write

    def slow(files: StereoFiles, channel: int, at: int, samples: NDArray[np.int16]) -> None:
        assert go.wait(10)
        write(files, channel, at, samples)

    monkeypatch.setattr(StereoFiles, "write", slow)
    monkeypatch.setattr("voicewire.recorder._WAITING_S", 1)
    recorder = vw.CallRecorder(tmp_path / "call.wav", RATE, clock=Clock())
    for number in range(1, 5):
        recorder.write_model(np.full(RATE // 2, number, np.int16), RATE)
    go.set()
    recorder.close()

    lost = round(recorder.stats()["dropped_ms"])
    assert lost in (500, 1_000)
    assert len(read(tmp_path / "call.wav")) == 2 * RATE - lost * RATE // 1000


def test_other_readers_of_wav_files_read_it(tmp_path: Path) -> None:
    with vw.CallRecorder(tmp_path / "call.wav", 48_000, clock=Clock()) as recorder:
        recorder.write_user(np.ones(480, np.int16), 48_000)

    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (48_000, 480)
    samples, rate = vw.audio.read_wav(tmp_path / "call.wav")
    assert (len(samples), rate) == (480, 48_000)
