"""Bad input at every door: an error of a known type that names argument and value, or what the documentation says."""

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.session_fixtures import simulator

import voicewire as vw
from voicewire import audio

__all__ = ["simulator"]

RATE = 8_000
# 25 ms: neither a whole chunk nor a whole step of anything.
TONE = (6_000 * np.sin(np.arange(200) * 0.3)).astype(np.int16)

Take = Callable[[Any, Path], Any]


def merged_left(left: Any, folder: Path) -> Any:
    return audio.merge_int16_arrays(left, b"").tolist()


def merged_right(right: Any, folder: Path) -> Any:
    return audio.merge_int16_arrays(b"", right).tolist()


def written(samples: Any, folder: Path) -> Any:
    audio.write_wav(folder / "written.wav", samples, RATE)
    with wave.open(str(folder / "written.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").tolist()


def same_rate(samples: Any, folder: Path) -> Any:
    return audio.Resampler(RATE, RATE).process(samples).tolist()


def other_rate(samples: Any, folder: Path) -> Any:
    resampler = audio.Resampler(RATE, 24_000)
    return [*resampler.process(samples).tolist(), *resampler.flush().tolist()]


def ring(samples: Any, folder: Path) -> Any:
    made = audio.AudioRing(100, RATE)
    made.write(samples)
    return made.read().tolist()


def chunker(samples: Any, folder: Path) -> Any:
    made = audio.Chunker(RATE)
    return [chunk.tolist() for chunk in [*made.process(samples), made.flush()]]


def pre_roll(samples: Any, folder: Path) -> Any:
    made = audio.PreRoll(100, RATE)
    made.write(samples)
    return made.take().tolist()


def gate(samples: Any, folder: Path) -> Any:
    made = audio.SpeechGate(RATE, attack_ms=10, threshold_db=0)
    return [*made.process(samples).tolist(), *made.flush().tolist()]


def pacer(samples: Any, folder: Path) -> Any:
    made = vw.Pacer(RATE)
    made.write(samples)
    return made.queued_ms, made.flush()


def user_of_a_recording(samples: Any, folder: Path) -> Any:
    with vw.CallRecorder(folder / "call.wav", RATE, clock=lambda: 0.0) as recorder:
        recorder.write_user(samples, RATE)
    return (folder / "call.wav").read_bytes()


def model_of_a_recording(samples: Any, folder: Path) -> Any:
    with vw.CallRecorder(folder / "call.wav", RATE, clock=lambda: 0.0) as recorder:
        recorder.write_model(samples, RATE)
    return (folder / "call.wav").read_bytes()


def speaker(samples: Any, folder: Path) -> Any:
    made = vw.devices.Speaker(sample_rate=RATE)
    made.play(samples, "item")
    return made.clock.received("item")


# Each door, and what it calls the argument.
DOORS: dict[Take, str] = {
    merged_left: "left",
    merged_right: "right",
    written: "samples",
    same_rate: "samples",
    other_rate: "samples",
    ring: "samples",
    chunker: "samples",
    pre_roll: "samples",
    gate: "samples",
    pacer: "samples",
    user_of_a_recording: "samples",
    model_of_a_recording: "samples",
    speaker: "samples",
    lambda samples, _: audio.base64_encode(samples): "samples",
    lambda samples, _: audio.encode_g711(samples, "ulaw"): "samples",
    lambda samples, _: audio.float_to_pcm16(samples).tolist(): "samples",
    lambda samples, _: audio.pcm16_to_float(samples).tolist(): "samples",
}
NAMES = [take.__name__ for take in list(DOORS)[:-4]] + ["base64_encode", "encode_g711", "float_to_pcm16", "to_float"]
every_door = pytest.mark.parametrize(("take", "name"), DOORS.items(), ids=NAMES)

OTHER_TYPES = [
    *(np.zeros(4, dtype) for dtype in ("f8", "f2", "i4", "i8", "u2", "i1", "u1", "?", "c8", "S2", "O")),
    None,
    7,
    "AAAA",
    [1, 2],
    (0.5,),
    object(),
]
OTHER_SHAPES = [np.zeros((4, 2), np.int16), np.zeros((0, 2), np.float32), np.array(5, np.int16)]


def read_only(samples: Any) -> Any:
    copied = samples.copy()
    copied.flags.writeable = False
    return copied


@every_door
@pytest.mark.parametrize("wrong", OTHER_TYPES, ids=repr)
def test_what_is_no_audio_is_a_type_error_that_names_argument_and_type(
    take: Take, name: str, wrong: Any, tmp_path: Path
) -> None:
    told = getattr(wrong, "dtype", type(wrong).__name__)

    with pytest.raises(TypeError, match=rf"^{name} .*: {told}"):
        take(wrong, tmp_path)


@every_door
@pytest.mark.parametrize("wrong", OTHER_SHAPES, ids=lambda wrong: str(wrong.shape))
def test_another_shape_is_a_value_error_that_tells_the_dimensions(
    take: Take, name: str, wrong: Any, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"^{name} is not 1-D: {wrong.ndim} dimensions"):
        take(wrong, tmp_path)


@every_door
@pytest.mark.parametrize("wrong", [b"\0", bytearray(3), memoryview(bytes(5))], ids=["1", "3", "5"])
def test_half_a_sample_is_a_value_error_that_tells_the_count(take: Take, name: str, wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{name}: odd byte count: {len(wrong)}"):
        take(wrong, tmp_path)


@every_door
def test_nan_is_a_value_error_that_tells_the_place(take: Take, name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{name}: sample is NaN at index 2"):
        take(np.array([0, np.inf, np.nan, np.nan], np.float32), tmp_path)


@every_door
def test_infinities_saturate(take: Take, name: str, tmp_path: Path) -> None:
    saturated = take(np.array([32_767, -32_768, 32_767] * 50, np.int16), tmp_path)

    assert take(np.array([np.inf, -np.inf, 1e30] * 50, np.float32), tmp_path) == saturated


@every_door
@pytest.mark.parametrize("empty", [b"", np.zeros(0, np.int16), np.zeros(0, ">f4")], ids=["bytes", "int16", "float32"])
def test_no_samples_add_nothing(take: Take, name: str, empty: Any, tmp_path: Path) -> None:
    assert take(empty, tmp_path) == take(memoryview(b""), tmp_path)


@every_door
def test_one_sample_is_a_chunk(take: Take, name: str, tmp_path: Path) -> None:
    assert take(b"\1\0", tmp_path) == take(np.array([1], np.int16), tmp_path)


@every_door
@pytest.mark.parametrize(
    "laid_out",
    [
        lambda samples: np.repeat(samples, 3)[::3],
        lambda samples: samples[::-1].copy()[::-1],
        lambda samples: samples.astype(">i2"),
        lambda samples: (samples / 32_768).astype(">f4"),
        lambda samples: (samples / 32_768).astype("<f4"),
        read_only,
        lambda samples: samples.astype("<i2").tobytes(),
        lambda samples: memoryview(samples.astype("<i2").tobytes()),
    ],
    ids=["strided", "backwards", "big_endian", "big_endian_float", "float", "read_only", "bytes", "memoryview"],
)
def test_any_memory_gives_the_same(take: Take, name: str, laid_out: Any, tmp_path: Path) -> None:
    assert take(laid_out(TONE), tmp_path) == take(TONE, tmp_path)


# Rates


RATED: dict[str, Callable[[Any, Path], Any]] = {
    "from_rate": lambda rate, _: audio.Resampler(rate, 24_000),
    "to_rate": lambda rate, _: audio.Resampler(24_000, rate),
    "sample_rate of AudioRing": lambda rate, _: audio.AudioRing(100, rate),
    "sample_rate of Chunker": lambda rate, _: audio.Chunker(rate),
    "sample_rate of PreRoll": lambda rate, _: audio.PreRoll(100, rate),
    "sample_rate of SpeechGate": lambda rate, _: audio.SpeechGate(rate),
    "sample_rate of Pacer": lambda rate, _: vw.Pacer(rate),
    "sample_rate of CallRecorder": lambda rate, folder: vw.CallRecorder(folder / "call.wav", rate),
    "sample_rate of write_user": lambda rate, folder: recorder_in(folder).write_user(TONE, rate),
    "sample_rate of write_model": lambda rate, folder: recorder_in(folder).write_model(TONE, rate),
    "sample_rate of Microphone": lambda rate, _: vw.devices.Microphone(sample_rate=rate),
    "sample_rate of Speaker": lambda rate, _: vw.devices.Speaker(sample_rate=rate),
    "sample_rate of play": lambda rate, _: vw.devices.Speaker().play(TONE, sample_rate=rate),
}
every_rate = pytest.mark.parametrize(("argument", "make"), RATED.items(), ids=RATED)


def recorder_in(folder: Path) -> vw.CallRecorder:
    return vw.CallRecorder(folder / "call.wav", RATE)


@every_rate
@pytest.mark.parametrize("rate", [0, -8_000, 3_999, 192_001, 2**40])
def test_a_rate_out_of_range_is_a_value_error_that_tells_the_range(
    argument: str, make: Callable[[Any, Path], Any], rate: int, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"^{argument.split()[0]} is not within 4000\.\.192000.*: {rate}$"):
        make(rate, tmp_path)


@every_rate
@pytest.mark.parametrize("rate", ["8000", 8_000.5, b"8000", [8_000]], ids=repr)
def test_a_rate_that_is_no_whole_number_is_refused_by_name(
    argument: str, make: Callable[[Any, Path], Any], rate: Any, tmp_path: Path
) -> None:
    with pytest.raises((TypeError, ValueError), match=argument.split()[0]):
        make(rate, tmp_path)


@every_rate
def test_a_rate_may_be_a_number_of_numpy(argument: str, make: Callable[[Any, Path], Any], tmp_path: Path) -> None:
    make(np.int64(16_000), tmp_path)


@pytest.mark.parametrize("rate", [0, -1, 2**31, 8_000.5, "8000"], ids=repr)
def test_a_wav_has_a_rate_that_its_header_can_hold(tmp_path: Path, rate: Any) -> None:
    with pytest.raises(ValueError, match=f"sample_rate is .*{rate}"):
        audio.write_wav(tmp_path / "out.wav", TONE, rate)

    assert not (tmp_path / "out.wav").exists()


# What is no samples


@pytest.mark.parametrize("wrong", [None, b"\0\0\0\0", [[1, 2]], np.zeros((2, 2)), np.zeros((2, 2), "i4")], ids=repr)
def test_what_are_no_two_channels_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^samples are n.*: "):
        audio.mix_down(wrong)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 3), (2, 2, 2), ()])
def test_another_number_of_channels_is_a_value_error_that_tells_the_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^samples are not of shape \(n, 2\): \("):
        audio.mix_down(np.zeros(shape, np.int16))


@pytest.mark.parametrize("samples", [np.zeros((0, 2), np.int16), read_only(np.zeros((1, 2), ">f4"))], ids=["0", "1"])
def test_two_channels_may_be_short(samples: Any) -> None:
    assert audio.mix_down(samples).tolist() == [0] * len(samples)


@pytest.mark.parametrize("wrong", [None, "AA", 7, [1], np.zeros(2, np.int16), np.zeros(2, np.float32)], ids=repr)
def test_what_is_no_telephony_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match=rf"^data is not bytes-like: {type(wrong).__name__}"):
        audio.decode_g711(wrong, "ulaw")


@pytest.mark.parametrize("law", ["mulaw", "", "ULAW"])
def test_an_unknown_law_is_told(law: Any) -> None:
    with pytest.raises(ValueError, match=f"^law is .*{law}"):
        audio.encode_g711(TONE, law)
    with pytest.raises(ValueError, match=f"^law is .*{law}"):
        audio.decode_g711(b"", law)


@pytest.mark.parametrize("wrong", ["AAA", "A*A=", "AA==\n", "__8=", "é"])
def test_what_is_no_base64_is_a_value_error(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^text is not base64"):
        audio.base64_decode(wrong)


def test_base64_of_half_a_sample_is_a_value_error_that_tells_the_count() -> None:
    with pytest.raises(ValueError, match=r"^text has an odd byte count: 3"):
        audio.base64_decode("AAAA")


@pytest.mark.parametrize("wrong", [None, b"AAA=", 7], ids=repr)
def test_base64_is_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"(?s)is not an instance of 'str'.*text"):
        audio.base64_decode(wrong)


# Files


@pytest.mark.parametrize("path", [None, 3, b"a.wav", ["a.wav"]], ids=repr)
def test_what_is_no_path_is_a_type_error(path: Any) -> None:
    with pytest.raises(TypeError, match=f"^path is no path: {type(path).__name__}"):
        audio.read_wav(path)
    with pytest.raises(TypeError, match=f"^path is no path: {type(path).__name__}"):
        audio.write_wav(path, TONE, RATE)


def test_a_file_that_is_no_wav_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"ID3" + bytes(100))

    with pytest.raises(ValueError, match=r"^not a usable WAV file: .*song\.wav \(no RIFF"):
        audio.read_wav(tmp_path / "song.wav")


@pytest.mark.parametrize("name", ["none/out.wav", "", "a\0b"], ids=["no folder", "a folder", "NUL"])
def test_a_path_that_cannot_be_written_leaves_no_second_error(tmp_path: Path, name: str) -> None:
    with pytest.raises((OSError, ValueError)):
        audio.write_wav(tmp_path / name, TONE, RATE)


def test_a_speakers_file_that_cannot_be_written_leaves_no_second_error(tmp_path: Path) -> None:
    backend = vw.devices.FileBackend(speaker=tmp_path / "none" / "out.wav")

    with pytest.raises(FileNotFoundError):
        backend.open_output(0, RATE, "low", lambda out, late: None, lambda error: None)


# Options


@pytest.mark.parametrize("wrong", [0, -1, 600_001, float("nan"), float("inf"), 0.01])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("capacity_ms", lambda ms: audio.AudioRing(ms, RATE)),
        ("chunk_ms", lambda ms: audio.Chunker(RATE, ms)),
        ("ms", lambda ms: audio.PreRoll(ms, RATE)),
        ("chunk_ms", lambda ms: vw.Pacer(RATE, chunk_ms=ms)),
    ],
    ids=["AudioRing", "Chunker", "PreRoll", "Pacer"],
)
def test_a_length_out_of_range_is_told(name: str, make: Callable[[float], Any], wrong: float) -> None:
    with pytest.raises(ValueError, match=rf"(?i)^{name} is not within.*: {wrong}"):
        make(wrong)


@pytest.mark.parametrize("name", ["lead_ms", "capacity_ms"])
@pytest.mark.parametrize("wrong", [0, -1, 600_001, float("nan"), "20", None, True], ids=repr)
def test_a_time_of_the_pacer_out_of_range_is_told(name: str, wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match=f"^{name} is (not above 0 and at most 600000|no number).*"):
        vw.Pacer(RATE, **{name: wrong})


@pytest.mark.parametrize("wrong", [-1, 1.5, "3", None, True], ids=repr)
def test_a_count_of_the_playback_clock_is_a_whole_number(wrong: Any) -> None:
    clock = audio.PlaybackClock()

    for call in (
        lambda: clock.receive("item", wrong, RATE),
        lambda: clock.advance(wrong),
        lambda: clock.report("item", wrong),
    ):
        with pytest.raises(vw.ConfigError, match=r"^samples is "):
            call()
    with pytest.raises(vw.ConfigError, match=r"^heard is "):
        clock.flush({"item": wrong})


@pytest.mark.parametrize("wrong", [-1, float("nan"), "3", True], ids=repr)
def test_a_place_of_an_interruption_is_a_number(tmp_path: Path, wrong: Any) -> None:
    with recorder_in(tmp_path) as recorder, pytest.raises(vw.ConfigError, match=r"^heard_ms is "):
        recorder.interrupt("item", wrong)


@pytest.mark.parametrize("wrong", [3, None, "sim/demo", vw.RealtimeClient], ids=repr)
def test_only_a_client_is_recorded(tmp_path: Path, wrong: Any) -> None:
    with recorder_in(tmp_path) as recorder, pytest.raises(TypeError, match=r"^client is neither a RealtimeClient nor"):
        recorder.attach(wrong)


@pytest.mark.parametrize("name", ["microphone", "speaker"])
def test_a_file_of_a_device_is_a_path(name: str) -> None:
    with pytest.raises(vw.ConfigError, match=f"^{name} is no path: 3"):
        vw.devices.FileBackend(**{name: 3})


async def asynchronous(*arguments: object) -> None:
    """Would never be awaited."""


@pytest.mark.parametrize("make", [vw.devices.Microphone, vw.devices.Speaker])
@pytest.mark.parametrize("wrong", [3, "print", asynchronous, list], ids=repr)
def test_a_level_is_told_to_a_plain_function(make: Any, wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match=r"^on_level (cannot be called|is async|is a class).*: "):
        make(on_level=wrong)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"microphone": 3}, "microphone has no __aiter__: 3"),
        ({"microphone": vw.devices.Microphone}, "microphone has no __aiter__: .*Microphone"),
        ({"speaker": 4}, "speaker has no play: 4"),
        ({"gate": 5}, "gate"),
        ({"half_duplex": 1}, "half_duplex is neither True nor False: 1"),
        ({"on_transcript": 6}, "on_transcript cannot be called: 6"),
        ({"on_latency": asynchronous}, "on_latency is async"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_call_names_what_it_cannot_use_before_it_opens_anything(wrong: dict[str, Any], part: str) -> None:
    client = vw.RealtimeClient("sim/demo")
    devices: dict[str, Any] = {"microphone": vw.devices.Microphone(), "speaker": vw.devices.Speaker()}

    with pytest.raises(ValueError, match=part):
        await client.run_voice(**devices | wrong)

    assert client.state == "idle"


def test_a_class_is_no_hook() -> None:
    with pytest.raises(vw.ConfigError, match=r"^on_usage is a class, not an instance of it: .*CostCollector"):
        vw.Hooks(on_usage=vw.CostCollector)


def test_a_refused_chunk_leaves_a_stream_as_it_was() -> None:
    resampler, made = audio.Resampler(RATE, 24_000), audio.Chunker(RATE)
    expected = [*resampler.process(TONE).tolist(), *resampler.process(TONE).tolist()]
    resampler.reset()

    first = [resampler.process(TONE), made.process(TONE)]
    for take in (resampler.process, made.process):
        with pytest.raises(ValueError):
            take(b"odd")

    assert [*first[0].tolist(), *resampler.process(TONE).tolist()] == expected
    assert [chunk.tolist() for chunk in [*first[1], *made.process(TONE)]] == [
        TONE[:160].tolist(),
        [*TONE[160:].tolist(), *TONE[:120].tolist()],
    ]


# The session


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        *((wrong, TypeError) for wrong in OTHER_TYPES),
        *((wrong, ValueError) for wrong in OTHER_SHAPES),
        (b"\0\0\0", ValueError),
        (np.array([0, np.nan], np.float32), ValueError),
    ],
    ids=repr,
)
async def test_a_session_refuses_the_same_by_name(simulator: vw.Simulator, wrong: Any, error: type[Exception]) -> None:
    async with vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test") as client:
        with pytest.raises(error, match=r"^samples"):
            client.send_audio(wrong)


@pytest.mark.parametrize("rate", [0, -8_000, 3_999, 192_001, 2**40, "8000", 8_000.5], ids=repr)
async def test_a_session_refuses_the_same_rates_by_name(simulator: vw.Simulator, rate: Any) -> None:
    async with vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test") as client:
        with pytest.raises((TypeError, ValueError), match="sample_rate"):
            client.send_audio(TONE, rate)
