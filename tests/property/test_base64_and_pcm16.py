"""The codecs of the hot path against slow and obvious oracles: the standard library and numpy."""

import base64
import binascii
import math
import string

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from voicewire.audio import base64_decode, base64_encode, float_to_pcm16, pcm16_to_float

samples = arrays.arrays(np.int16, st.integers(0, 3_000))
floats = arrays.arrays(
    np.float32, st.integers(0, 500), elements=st.floats(width=32, allow_nan=False, allow_infinity=True)
)
ALPHABET = string.ascii_letters + string.digits + "+/"
almost_base64 = st.text(alphabet=ALPHABET + "=-_ \t\r\n\0é", max_size=64)


@given(samples)
def test_encoding_equals_the_standard_library(given_samples: NDArray[np.int16]) -> None:
    assert base64_encode(given_samples) == base64.b64encode(given_samples.astype("<i2").tobytes()).decode()


@given(samples)
def test_what_is_encoded_is_decoded_again(given_samples: NDArray[np.int16]) -> None:
    decoded = base64_decode(base64_encode(given_samples))

    assert decoded.dtype == np.int16
    assert decoded.tolist() == given_samples.tolist()


@given(samples)
def test_a_decoded_array_belongs_to_the_caller(given_samples: NDArray[np.int16]) -> None:
    decoded = base64_decode(base64_encode(given_samples))

    assert decoded.flags.c_contiguous
    assert decoded.flags.writeable
    assert decoded.ndim == 1


@given(st.binary(max_size=3_000).filter(lambda data: len(data) % 2 == 0))
def test_decoding_equals_the_standard_library(data: bytes) -> None:
    assert base64_decode(base64.b64encode(data).decode()).tolist() == np.frombuffer(data, "<i2").tolist()


@given(st.binary(max_size=600).filter(lambda data: len(data) % 2 == 1))
def test_an_odd_number_of_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        base64_decode(base64.b64encode(data).decode())


def oracle(text: str) -> list[int] | None:
    """Standard alphabet, right padding, nothing else, whole samples; None where one of these is broken."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    if base64.b64encode(data).decode() != text or len(data) % 2:
        return None  # bits in the padding, which the standard library lets pass
    return np.frombuffer(data, "<i2").tolist()


@given(almost_base64)
@example("AAA=")
@example("AAB=")
@example("AAAA")
@example("AAAAAAAA")
@example("AAA")
@example("AAA==")
@example("====")
@example("=AAA")
@example("AA=A")
@example("AAA=AAA=")
@example("AAAA====")
@example("__8=")
@example("-_8=")
@example(" AAA=")
@example("AAA=\n")
@example("AA\r\nA=")
@example("AAA\0")
@example("")
def test_any_text_is_decoded_as_the_standard_library_does_or_refused(text: str) -> None:
    expected = oracle(text)

    if expected is None:
        with pytest.raises(ValueError):
            base64_decode(text)
    else:
        assert base64_decode(text).tolist() == expected


@given(samples.filter(len), st.data())
def test_one_wrong_character_anywhere_is_refused(given_samples: NDArray[np.int16], data: st.DataObject) -> None:
    text = base64_encode(given_samples)
    place = data.draw(st.integers(0, len(text.rstrip("=")) - 1))
    wrong = data.draw(st.sampled_from("-_ \t\r\n\0.,é"))

    with pytest.raises(ValueError):
        base64_decode(text[:place] + wrong + text[place + 1 :])


@given(samples.filter(len), st.sampled_from([" ", "\n", "\r\n", "\t"]), st.data())
def test_white_space_is_refused_anywhere(given_samples: NDArray[np.int16], space: str, data: st.DataObject) -> None:
    text = base64_encode(given_samples)
    place = data.draw(st.integers(0, len(text)))

    with pytest.raises(ValueError):
        base64_decode(text[:place] + space + text[place:])


@given(samples.filter(lambda array: len(array) % 3 != 0))
def test_missing_padding_is_refused(given_samples: NDArray[np.int16]) -> None:
    with pytest.raises(ValueError):
        base64_decode(base64_encode(given_samples).rstrip("="))


def pcm16_oracle(value: float) -> int:
    scaled = value * 32_768.0
    if math.isinf(scaled):
        return 32_767 if scaled > 0 else -32_768
    return max(-32_768, min(32_767, round(scaled)))  # Python rounds halves to even


@given(floats)
def test_floats_become_the_nearest_sample_and_saturate(values: NDArray[np.float32]) -> None:
    assert float_to_pcm16(values).tolist() == [pcm16_oracle(float(value)) for value in values]


@given(samples)
def test_samples_become_floats_of_one_over_32768(given_samples: NDArray[np.int16]) -> None:
    converted = pcm16_to_float(given_samples)

    assert converted.dtype == np.float32
    assert converted.tolist() == (given_samples.astype(np.float64) / 32_768).tolist()


@given(samples)
def test_samples_survive_the_way_through_floats(given_samples: NDArray[np.int16]) -> None:
    assert float_to_pcm16(pcm16_to_float(given_samples)).tolist() == given_samples.tolist()


@given(floats, st.integers(0, 499))
def test_nan_anywhere_is_refused(values: NDArray[np.float32], place: int) -> None:
    broken = np.insert(values, min(place, len(values)), np.nan)

    with pytest.raises(ValueError):
        float_to_pcm16(broken)


@given(samples, st.integers(1, 4))
def test_strided_and_swapped_arrays_are_read_by_value(given_samples: NDArray[np.int16], step: int) -> None:
    strided = given_samples[::step]
    swapped = strided.astype(">i2")

    assert base64_encode(strided) == base64_encode(strided.copy())
    assert base64_encode(swapped) == base64_encode(strided.copy())
