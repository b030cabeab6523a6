"""G.711 against the recommendation's decision values, over every sample and every byte."""

from itertools import accumulate
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from voicewire.audio import decode_g711, encode_g711

Law = Literal["ulaw", "alaw"]
LAWS = pytest.mark.parametrize("law", ["ulaw", "alaw"])
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype(np.int16)
EVERY_BYTE = bytes(range(256))
# Lower bounds of the 128 intervals, and the bound behind them: tables 2a and 1a of the recommendation.
WIDTHS = {
    "ulaw": [1] + [2] * 15 + [width for segment in range(7) for width in [4 << segment] * 16],
    "alaw": [1] * 32 + [width for segment in range(6) for width in [2 << segment] * 16],
}
BOUNDS = {law: np.array([0, *accumulate(widths)]) for law, widths in WIDTHS.items()}
# What a unit of the bounds is in 16-bit samples.
UNIT = {"ulaw": 4, "alaw": 16}
# Written behind the interval's number: all bits inverted, every other bit inverted.
MASK = {"ulaw": 0x7F, "alaw": 0x55}


def slow_encode(samples: NDArray[np.int16], law: Law) -> list[int]:
    wide = samples.astype(np.int64)
    magnitude = np.where(wide < 0, -1 - wide, wide) // UNIT[law]
    interval = np.minimum(np.searchsorted(BOUNDS[law], magnitude, side="right") - 1, 127)
    return np.where(wide < 0, interval ^ MASK[law], interval ^ MASK[law] | 0x80).tolist()


def slow_decode(code: int, law: Law) -> int:
    interval = (code & 0x7F) ^ MASK[law]
    middle = int(BOUNDS[law][interval] + BOUNDS[law][interval + 1]) * UNIT[law] // 2
    if law == "ulaw" and interval == 0:
        middle = 0  # the one interval about zero, shared by both signs
    return middle if code & 0x80 else -middle


@LAWS
def test_every_sample_is_encoded_as_the_decision_values_say(law: Law) -> None:
    assert list(encode_g711(EVERY_SAMPLE, law)) == slow_encode(EVERY_SAMPLE, law)


@LAWS
def test_every_byte_is_decoded_to_the_middle_of_its_interval(law: Law) -> None:
    assert decode_g711(EVERY_BYTE, law).tolist() == [slow_decode(code, law) for code in EVERY_BYTE]


@LAWS
@given(arrays.arrays(np.int16, st.integers(0, 2_000)))
def test_a_byte_for_each_sample_and_a_sample_for_each_byte(law: Law, samples: NDArray[np.int16]) -> None:
    encoded = encode_g711(samples, law)

    assert isinstance(encoded, bytes)
    assert len(encoded) == len(samples)
    assert decode_g711(encoded, law).shape == samples.shape


@LAWS
@given(arrays.arrays(np.int16, st.integers(1, 2_000)))
def test_the_error_is_at_most_half_a_step_of_the_segment(law: Law, samples: NDArray[np.int16]) -> None:
    wide = np.clip(samples.astype(np.int64), -32_635, 32_635)

    error = np.abs(decode_g711(encode_g711(wide.astype(np.int16), law), law) - wide)

    # 16 steps an octave: half a step is a 32nd of where the octave begins, and the smallest step is 8 or 16.
    assert (error <= np.maximum((np.abs(wide) + 132) / 32, UNIT[law] * 2)).all()


@LAWS
def test_a_decoded_array_belongs_to_the_caller(law: Law) -> None:
    decoded = decode_g711(EVERY_BYTE, law)

    assert decoded.dtype == np.int16
    assert decoded.flags.c_contiguous
    assert decoded.flags.writeable


@LAWS
@pytest.mark.parametrize(
    "data",
    [
        bytearray(EVERY_BYTE),
        memoryview(EVERY_BYTE),
        np.frombuffer(EVERY_BYTE, np.uint8),
        memoryview(bytes(code for code in EVERY_BYTE for _ in range(2)))[::2],
    ],
    ids=["bytearray", "memoryview", "read-only array", "strided"],
)
def test_all_kinds_of_bytes_are_decoded_alike(law: Law, data: Any) -> None:
    assert decode_g711(data, law).tolist() == decode_g711(EVERY_BYTE, law).tolist()


@LAWS
def test_samples_come_as_any_audio(law: Law) -> None:
    expected = encode_g711(EVERY_SAMPLE, law)
    strided = np.repeat(EVERY_SAMPLE, 2)[::2]
    floats = (EVERY_SAMPLE / 32_768).astype(np.float32)

    assert encode_g711(EVERY_SAMPLE.astype("<i2").tobytes(), law) == expected
    assert encode_g711(strided, law) == expected
    assert encode_g711(EVERY_SAMPLE.astype(">i2"), law) == expected
    assert encode_g711(floats, law) == expected


@LAWS
def test_nothing_gives_nothing(law: Law) -> None:
    assert encode_g711(b"", law) == b""
    assert decode_g711(b"", law).tolist() == []


@pytest.mark.parametrize("wrong", ["ULAW", "g711_ulaw", "", "mulaw"])
def test_another_law_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"law is neither \"ulaw\" nor \"alaw\""):
        encode_g711(b"", wrong)
    with pytest.raises(ValueError, match=r"law is neither \"ulaw\" nor \"alaw\""):
        decode_g711(b"", wrong)


@pytest.mark.parametrize("wrong", [None, 7])
def test_a_law_of_another_type_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match="law"):
        encode_g711(b"", wrong)
    with pytest.raises(TypeError, match="law"):
        decode_g711(b"", wrong)


@pytest.mark.parametrize("wrong", [None, "text", [1, 2], 7, np.zeros(2, np.int16), np.zeros(2, np.int8)], ids=repr)
def test_data_of_another_type_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match="data is not bytes-like"):
        decode_g711(wrong, "ulaw")


def test_data_of_two_dimensions_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="data is not 1-D"):
        decode_g711(np.zeros((2, 2), np.uint8), "alaw")


@pytest.mark.parametrize("wrong", [None, "text", [1, 2], np.zeros(2), np.zeros(2, np.int32)], ids=repr)
def test_samples_of_another_type_are_refused_by_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match="samples"):
        encode_g711(wrong, "ulaw")


@pytest.mark.parametrize("wrong", [b"\0", np.zeros((1, 2), np.int16), np.array([np.nan], np.float32)], ids=repr)
def test_samples_that_cannot_be_are_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ValueError, match="samples"):
        encode_g711(wrong, "alaw")
