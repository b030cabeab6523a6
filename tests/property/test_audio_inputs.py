"""What counts as audio, the same for every function that takes samples; and what is refused, by the argument's name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from voicewire.audio import (
    Resampler,
    base64_encode,
    decode_g711,
    encode_g711,
    float_to_pcm16,
    mix_down,
    pcm16_to_float,
)

Samples = NDArray[np.int16]
INT16 = arrays.arrays(np.int16, st.integers(0, 500))


def same_rate(samples: Any) -> Any:
    return Resampler(24_000, 24_000).process(samples).tolist()


def other_rate(samples: Any) -> Any:
    resampler = Resampler(8_000, 24_000)
    return [*resampler.process(samples).tolist(), *resampler.flush().tolist()]


TAKES_SAMPLES = pytest.mark.parametrize(
    "take",
    [
        same_rate,
        other_rate,
        base64_encode,
        lambda samples: encode_g711(samples, "ulaw"),
        lambda samples: float_to_pcm16(samples).tolist(),
        lambda samples: pcm16_to_float(samples).tolist(),
    ],
    ids=["same_rate", "other_rate", "base64_encode", "encode_g711", "float_to_pcm16", "pcm16_to_float"],
)
Take = Callable[[Any], Any]


@TAKES_SAMPLES
@given(samples=INT16)
def test_all_shapes_of_memory_are_read_alike(take: Take, samples: Samples) -> None:
    expected = take(samples)
    data = samples.astype("<i2").tobytes()
    read_only = samples.copy()
    read_only.flags.writeable = False

    assert take(np.repeat(samples, 3)[::3]) == expected
    assert take(samples[::-1].copy()[::-1]) == expected
    assert take(samples.astype(">i2")) == expected
    assert take(read_only) == expected
    assert take(data) == expected
    assert take(bytearray(data)) == expected
    assert take(memoryview(data)) == expected
    assert take((samples / 32_768).astype(np.float32)) == expected
    assert take((samples / 32_768).astype(">f4")) == expected


@TAKES_SAMPLES
def test_infinities_saturate(take: Take) -> None:
    infinite = np.array([np.inf, -np.inf, 1e30, -1e30], np.float32)

    assert take(infinite) == take(np.array([32_767, -32_768, 32_767, -32_768], np.int16))


@TAKES_SAMPLES
@given(place=st.integers(0, 63))
def test_nan_is_refused_by_name_and_place(take: Take, place: int) -> None:
    floats = np.zeros(64, np.float32)
    floats[place] = np.nan

    with pytest.raises(ValueError, match=f"samples: sample is NaN at index {place}$"):
        take(floats)


@TAKES_SAMPLES
@pytest.mark.parametrize("wrong", [b"\0", bytearray(3), memoryview(bytes(5))], ids=repr)
def test_an_odd_number_of_bytes_is_refused_by_name(take: Take, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"samples: odd byte count: \d"):
        take(wrong)


@TAKES_SAMPLES
@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 2), np.int16), np.zeros((1, 1, 1), np.float32), np.int16(3).reshape(())], ids=repr
)
def test_other_dimensions_are_refused_by_name(take: Take, wrong: Any) -> None:
    with pytest.raises(ValueError, match="samples is not 1-D"):
        take(wrong)


@TAKES_SAMPLES
@pytest.mark.parametrize("dtype", ["f8", "f2", "i4", "i8", "u2", "i1", "u1", "?", "c8", "S2"])
def test_arrays_of_another_type_are_refused_by_name(take: Take, dtype: str) -> None:
    with pytest.raises(TypeError, match="samples"):
        take(np.zeros(4, dtype))


@TAKES_SAMPLES
@pytest.mark.parametrize("wrong", [None, "AAAA", 7, [1, 2], (0.5,), object()], ids=str)
def test_what_is_no_audio_is_refused_by_name(take: Take, wrong: Any) -> None:
    with pytest.raises(TypeError, match="samples"):
        take(wrong)


def test_a_refused_chunk_leaves_the_stream_as_it_was() -> None:
    resampler, samples = Resampler(8_000, 24_000), np.arange(-400, 400, dtype=np.int16)
    first = resampler.process(samples).tolist()

    with pytest.raises(ValueError):
        resampler.process(np.array([0, np.nan], np.float32))

    rest = [*resampler.process(samples).tolist(), *resampler.flush().tolist()]
    assert first + rest == other_rate(np.concatenate([samples, samples]))


@pytest.mark.parametrize("wrong", [3_999, 192_001, 0, -8_000, 2**40])
def test_a_rate_out_of_range_is_refused_by_name(wrong: int) -> None:
    with pytest.raises(ValueError, match=f"from_rate is not within 4000..192000 Hz: {wrong}"):
        Resampler(wrong, 24_000)
    with pytest.raises(ValueError, match=f"to_rate is not within 4000..192000 Hz: {wrong}"):
        Resampler(24_000, wrong)


@pytest.mark.parametrize("wrong", [None, "24000", 24_000.5])
def test_a_rate_of_another_type_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match="from_rate"):
        Resampler(wrong, 24_000)


@given(arrays.arrays(np.int16, st.tuples(st.integers(0, 500), st.just(2))))
def test_two_channels_become_their_mean_rounded_to_even(samples: Samples) -> None:
    mixed = mix_down(samples)

    assert mixed.dtype == np.int16
    assert mixed.tolist() == np.round(samples.astype(np.float64).mean(axis=1)).tolist()


@given(arrays.arrays(np.int16, st.tuples(st.integers(0, 200), st.just(2))))
def test_two_channels_come_in_any_memory(samples: Samples) -> None:
    expected = mix_down(samples).tolist()

    assert mix_down(np.asfortranarray(samples)).tolist() == expected
    assert mix_down(np.repeat(samples, 2, axis=0)[::2]).tolist() == expected
    assert mix_down(samples.astype(">i2")).tolist() == expected
    assert mix_down((samples / 32_768).astype(np.float32)).tolist() == expected


@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 3), (2, 2, 2), ()])
def test_only_two_channels_are_mixed(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"samples are not of shape \(n, 2\)"):
        mix_down(np.zeros(shape, np.int16))


@pytest.mark.parametrize("wrong", [None, b"\0\0\0\0", [[1, 2]], np.zeros((2, 2)), np.zeros((2, 2), np.int32)], ids=repr)
def test_channels_of_another_type_are_refused_by_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match="samples are n"):
        mix_down(wrong)


def test_nan_in_a_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="samples: sample is NaN at index 1"):
        mix_down(np.array([[0, np.nan]], np.float32))


@given(st.binary(max_size=500), st.sampled_from(["ulaw", "alaw"]))
def test_decoded_telephony_is_audio_for_everything_else(data: bytes, law: Any) -> None:
    samples = decode_g711(data, law)

    assert same_rate(samples) == samples.tolist()
