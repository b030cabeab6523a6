"""Samples outside a session: what is accepted, what is refused, and WAV files."""

import io
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicewire import audio


def riff(format_chunk: bytes, data: bytes) -> bytes:
    chunks = b"fmt " + struct.pack("<I", len(format_chunk)) + format_chunk
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def pcm_wav(samples: np.ndarray[Any, Any], rate: int, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def float_wav(samples: np.ndarray[Any, Any], rate: int, channels: int = 1) -> bytes:
    header = struct.pack("<HHIIHH", 3, channels, rate, rate * 4 * channels, 4 * channels, 32)
    return riff(header, samples.astype("<f4").tobytes())


def write(folder: Path, content: bytes) -> Path:
    path = folder / "in.wav"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_mono_wav_is_read_as_it_is(tmp_path: Path, rate: int) -> None:
    samples = np.array([0, 1, -1, 32_767, -32_768], np.int16)

    read, read_rate = audio.read_wav(write(tmp_path, pcm_wav(samples, rate)))

    assert read.dtype == np.int16
    assert read.tolist() == samples.tolist()
    assert read_rate == rate


def test_stereo_is_mixed_to_one_channel(tmp_path: Path) -> None:
    samples = np.array([[100, 300], [-100, -300], [32_767, 32_767]], np.int16)

    read, _ = audio.read_wav(write(tmp_path, pcm_wav(samples, 24_000, channels=2)))

    assert read.tolist() == [200, -200, 32_767]


def test_a_float_wav_is_scaled_and_saturates(tmp_path: Path) -> None:
    samples = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 2.0], np.float32)

    read, _ = audio.read_wav(write(tmp_path, float_wav(samples, 24_000)))

    assert read.tolist() == [0, 16_384, -16_384, 32_767, -32_768, 32_767]


def test_stereo_float_is_read(tmp_path: Path) -> None:
    samples = np.array([[0.25, 0.75], [0.0, 0.0]], np.float32)

    read, _ = audio.read_wav(write(tmp_path, float_wav(samples, 48_000, channels=2)))

    assert read.tolist() == [16_384, 0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"ID3\x03" + bytes(100),
        pcm_wav(np.zeros(4), 8_000)[:30],
        b"RIFF\0\0\0\0AVI " + bytes(64),
    ],
    ids=["nothing", "four bytes", "mp3", "half a header", "avi"],
)
def test_what_is_no_wav_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError):
        audio.read_wav(write(tmp_path, content))


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        audio.read_wav(tmp_path / "none.wav")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    samples = np.arange(-500, 500, dtype=np.int16)

    audio.write_wav(tmp_path / "out.wav", samples, 24_000)

    read, rate = audio.read_wav(tmp_path / "out.wav")
    assert rate == 24_000
    assert read.tolist() == samples.tolist()


def test_samples_of_the_other_byte_order_are_written_right(tmp_path: Path) -> None:
    audio.write_wav(tmp_path / "out.wav", np.array([1, 256], ">i2"), 8_000)

    assert audio.read_wav(tmp_path / "out.wav")[0].tolist() == [1, 256]


@pytest.mark.parametrize("samples", [np.zeros(4), np.zeros((2, 2), np.int16), np.zeros(4, np.int32), b"odd"], ids=repr)
def test_what_is_no_audio_makes_no_file(tmp_path: Path, samples: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="samples"):
        audio.write_wav(tmp_path / "out.wav", samples, 8_000)

    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("channels", [2, 3])
def test_channels_are_mixed_as_mix_down_and_numpy_do(tmp_path: Path, channels: int) -> None:
    samples = np.random.default_rng(1).integers(-32_768, 32_768, (2_000, channels)).astype(np.int16)

    read, _ = audio.read_wav(write(tmp_path, pcm_wav(samples, 24_000, channels)))

    assert read.tolist() == np.rint(samples.mean(axis=1)).tolist()


def test_two_channels_of_a_file_and_of_an_array_become_the_same(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-32_768, 32_768, (2_000, 2)).astype(np.int16)

    read, _ = audio.read_wav(write(tmp_path, pcm_wav(samples, 24_000, channels=2)))

    assert read.tolist() == audio.mix_down(samples).tolist()


@pytest.mark.parametrize(("from_rate", "to_rate"), [(3_999, 8_000), (8_000, 192_001), (0, 8_000)])
def test_a_resampler_refuses_rates_out_of_range(from_rate: int, to_rate: int) -> None:
    with pytest.raises(ValueError):
        audio.Resampler(from_rate, to_rate)


def test_a_resampler_tells_its_delay_in_seconds() -> None:
    assert 0 < audio.Resampler(48_000, 24_000).delay < 0.01


def test_the_shipped_question_is_speech_of_two_to_three_seconds() -> None:
    path = Path(audio.__file__).parent / "data" / "question.wav"

    samples, rate = audio.read_wav(path)

    assert rate == 24_000
    assert 1.5 < len(samples) / rate < 3.0
    assert np.abs(samples).max() > 10_000


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.array([1, -2], np.int16), np.array([32_767], np.int16)),
        (b"\1\0\xfe\xff", np.array([32_767], np.int16)),
        (bytearray(b"\1\0\xfe\xff"), memoryview(b"\xff\x7f")),
        (np.array([1, 9, -2, 9], np.int16)[::2], np.array([32_767], ">i2")),
    ],
    ids=["arrays", "bytes", "bytes-like", "strided and big-endian"],
)
def test_two_pieces_of_audio_become_one(left: Any, right: Any) -> None:
    merged = audio.merge_int16_arrays(left, right)

    assert merged.tolist() == [1, -2, 32_767]
    assert merged.dtype == np.int16
    assert merged.flags.c_contiguous
    assert merged.flags.writeable


@pytest.mark.parametrize("empty", [b"", np.zeros(0, np.int16)], ids=["bytes", "array"])
def test_an_empty_piece_adds_nothing_and_the_result_is_a_copy(empty: Any) -> None:
    samples = np.array([1, 2], np.int16)

    merged = audio.merge_int16_arrays(empty, samples)
    samples[0] = 7

    assert merged.tolist() == [1, 2]


@pytest.mark.parametrize("wrong", [None, [1, 2], "AAA=", 7, np.zeros(2), np.zeros(2, np.int32)], ids=repr)
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_piece_of_another_type_is_refused_by_name(side: str, wrong: Any) -> None:
    pieces: dict[str, Any] = {"left": b"", "right": b"", side: wrong}

    with pytest.raises(TypeError, match=side):
        audio.merge_int16_arrays(**pieces)


@pytest.mark.parametrize("wrong", [b"\0", np.zeros((1, 2), np.int16)], ids=["odd", "2-D"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_piece_of_another_shape_is_refused_by_name(side: str, wrong: Any) -> None:
    pieces: dict[str, Any] = {"left": b"", "right": b"", side: wrong}

    with pytest.raises(ValueError, match=side):
        audio.merge_int16_arrays(**pieces)
