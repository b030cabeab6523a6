"""The resampler: lengths, indifference to how a stream is cut, and sines against their formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from voicewire.audio import Resampler

RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
COMMON = [
    (48_000, 24_000),
    (44_100, 24_000),
    (16_000, 24_000),
    (8_000, 24_000),
    (24_000, 16_000),
    (24_000, 48_000),
]


def resample(samples: NDArray[np.int16], from_rate: int, to_rate: int) -> NDArray[np.int16]:
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate([resampler.process(samples), resampler.flush()])


def sine(frequency: float, rate: int, seconds: float, amplitude: float = 16_000.0) -> NDArray[np.float64]:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


@given(arrays.arrays(np.int16, st.integers(0, 4_000)), RATES, RATES)
@settings(deadline=None)
def test_length_follows_the_ratio_of_the_rates(samples: NDArray[np.int16], from_rate: int, to_rate: int) -> None:
    resampled = resample(samples, from_rate, to_rate)

    assert resampled.dtype == np.int16
    assert abs(len(resampled) - len(samples) * to_rate / from_rate) <= 2


@given(arrays.arrays(np.int16, st.integers(1, 2_000)), RATES, RATES, st.lists(st.integers(0, 2_000), max_size=8))
@settings(deadline=None)
def test_how_a_stream_is_cut_makes_no_difference(
    samples: NDArray[np.int16], from_rate: int, to_rate: int, cuts: list[int]
) -> None:
    resampler = Resampler(from_rate, to_rate)
    parts = [
        resampler.process(part.copy()) for part in np.split(samples, sorted(min(cut, len(samples)) for cut in cuts))
    ]

    in_pieces = np.concatenate([*parts, resampler.flush()])

    assert in_pieces.tolist() == resample(samples, from_rate, to_rate).tolist()


@given(arrays.arrays(np.int16, st.integers(0, 2_000)), RATES)
@settings(deadline=None)
def test_equal_rates_change_nothing(samples: NDArray[np.int16], rate: int) -> None:
    assert resample(samples, rate, rate).tolist() == samples.tolist()


@given(arrays.arrays(np.int16, st.integers(1, 1_000)), RATES, RATES)
@settings(deadline=None)
def test_reset_forgets_what_came_before(samples: NDArray[np.int16], from_rate: int, to_rate: int) -> None:
    resampler = Resampler(from_rate, to_rate)
    resampler.process(np.full(500, 12_345, np.int16))
    resampler.reset()

    again = np.concatenate([resampler.process(samples), resampler.flush()])

    assert again.tolist() == resample(samples, from_rate, to_rate).tolist()


@pytest.mark.parametrize(("from_rate", "to_rate"), COMMON)
@pytest.mark.parametrize("frequency", [200.0, 1_000.0, 3_000.0])
def test_a_sine_stays_that_sine(from_rate: int, to_rate: int, frequency: float) -> None:
    given_samples = np.round(sine(frequency, from_rate, 0.5)).astype(np.int16)

    resampled = resample(given_samples, from_rate, to_rate).astype(np.float64)

    # Fit sine and cosine to the steady part: what is left is noise and distortion.
    steady = slice(round(0.05 * to_rate), round(0.45 * to_rate))
    times = np.arange(len(resampled))[steady] / to_rate
    basis = np.stack([np.sin(2 * np.pi * frequency * times), np.cos(2 * np.pi * frequency * times)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, resampled[steady], rcond=None)
    noise = resampled[steady] - basis @ weights
    assert 20 * np.log10(16_000 / np.sqrt(2) / np.sqrt(np.mean(noise**2))) > 75
    assert abs(np.hypot(*weights) / 16_000 - 1) < 0.02


@pytest.mark.parametrize(("from_rate", "frequency"), [(48_000, 16_000.0), (44_100, 15_000.0), (48_000, 20_000.0)])
def test_what_the_new_rate_cannot_hold_is_removed(from_rate: int, frequency: float) -> None:
    given_samples = np.round(sine(frequency, from_rate, 0.3)).astype(np.int16)

    resampled = resample(given_samples, from_rate, 24_000).astype(np.float64)

    steady = resampled[1_200:-1_200]
    assert 20 * np.log10(max(np.sqrt(np.mean(steady**2)), 1e-3) / (16_000 / np.sqrt(2))) < -60
