"""The resampler against scipy and its own promises: lengths, chunks, sine sweeps, aliases, noise, both of its paths."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from voicewire.audio import Resampler

signal = pytest.importorskip("scipy.signal", reason="scipy is the oracle; install voicewire[test]")

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
PAIRS = [(from_rate, to_rate) for from_rate in RATES for to_rate in RATES if from_rate != to_rate]
MAIN = [
    (8_000, 24_000),
    (24_000, 8_000),
    (16_000, 24_000),
    (24_000, 16_000),
    (24_000, 48_000),
    (48_000, 24_000),
    (44_100, 24_000),
    (24_000, 44_100),
]
ANY_PAIR = pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
MAIN_PAIR = pytest.mark.parametrize(("from_rate", "to_rate"), MAIN)
RATE = st.sampled_from(RATES)
Floats = NDArray[np.float64]
Samples = NDArray[np.int16]


@pytest.fixture(params=["scalar", "vectors"], autouse=True)
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test runs on plain Rust and on the machine's vectors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEWIRE_RESAMPLER", request.param)
        yield request.param


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate([resampler.process(samples), resampler.flush()])


def sine(frequency: float, rate: int, seconds: float, amplitude: float) -> Samples:
    return np.round(amplitude * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)).astype(
        np.int16
    )


def steady(samples: Samples) -> Floats:
    """Without the first and the last 20 ms at the lowest rate, where the filter looks beyond the signal."""
    edge = max(len(samples) // 10, 160)
    return samples[edge:-edge].astype(np.float64)


def fit(samples: Floats, frequency: float, rate: int) -> tuple[float, Floats]:
    """Amplitude of a frequency, and what is left without it."""
    times = np.arange(len(samples)) / rate
    basis = np.stack([np.sin(2 * np.pi * frequency * times), np.cos(2 * np.pi * frequency * times)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, samples, rcond=None)
    return float(np.hypot(*weights)), samples - basis @ weights


def rms(samples: Floats) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def decibel(ratio: float) -> float:
    """Silence is far down, not infinitely."""
    return 20 * float(np.log10(max(ratio, 1e-12)))


def test_the_path_is_the_one_that_was_asked_for(path: str) -> None:
    assert (Resampler(8_000, 16_000).path == "scalar") >= (path == "scalar")


@settings(deadline=None)
@given(arrays.arrays(np.int16, st.integers(0, 3_000)), RATE, RATE, st.lists(st.integers(0, 3_000), max_size=12))
def test_chunks_make_no_difference_to_a_single_bit(
    samples: Samples, from_rate: int, to_rate: int, cuts: list[int]
) -> None:
    resampler = Resampler(from_rate, to_rate)

    parts = [resampler.process(part) for part in np.split(samples, sorted(cuts))]

    assert np.concatenate([*parts, resampler.flush()]).tolist() == resample(samples, from_rate, to_rate).tolist()


@settings(deadline=None, max_examples=30)
@given(arrays.arrays(np.int16, st.integers(0, 60)), RATE, RATE)
def test_one_sample_at_a_time_and_nothing_in_between_make_no_difference(
    samples: Samples, from_rate: int, to_rate: int
) -> None:
    resampler = Resampler(from_rate, to_rate)
    nothing = np.zeros(0, np.int16)

    parts = [part for sample in samples for part in (resampler.process(sample.reshape(1)), resampler.process(nothing))]

    assert np.concatenate([*parts, resampler.flush()]).tolist() == resample(samples, from_rate, to_rate).tolist()


@settings(deadline=None)
@given(st.integers(0, 5_000), st.integers(4_000, 192_000), st.integers(4_000, 192_000))
def test_a_stream_has_the_length_that_its_rates_give(count: int, from_rate: int, to_rate: int) -> None:
    resampled = resample(np.full(count, 1_000, np.int16), from_rate, to_rate)

    assert len(resampled) == -(-count * to_rate // from_rate)


@settings(deadline=None)
@given(st.integers(1, 3_000), RATE, RATE)
def test_what_is_held_back_is_no_more_than_the_delay(count: int, from_rate: int, to_rate: int) -> None:
    resampler = Resampler(from_rate, to_rate)

    ready = len(resampler.process(np.zeros(count, np.int16)))

    assert ready >= (count / from_rate - resampler.delay) * to_rate - 1


@ANY_PAIR
def test_the_delay_is_at_most_2_ms_and_4_ms_with_8_khz(from_rate: int, to_rate: int) -> None:
    longest = {8_000: 0.004, 11_025: 0.003}.get(min(from_rate, to_rate), 0.002)

    assert 0 < Resampler(from_rate, to_rate).delay <= longest


@MAIN_PAIR
def test_white_noise_becomes_what_scipy_makes_of_it(from_rate: int, to_rate: int) -> None:
    # Noise below the pass-band's end: there both filters are 1, and so both give the same wave.
    noise = np.random.default_rng(7).standard_normal(from_rate // 2)
    taps = signal.firwin(401, 0.7 * min(from_rate, to_rate) / 2, window=("kaiser", 9.0), fs=from_rate)
    samples = np.round(4_000 * signal.lfilter(taps, 1.0, noise)).astype(np.int16)
    divisor = np.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    longest = max(up, down)
    kernel = signal.firwin(200 * longest + 1, 0.9 / longest, window=("kaiser", 12.0))

    expected = signal.resample_poly(samples.astype(np.float64), up, down, window=kernel)

    resampled = resample(samples, from_rate, to_rate)
    assert len(resampled) == len(expected)
    difference = steady(resampled) - steady(expected)
    assert np.abs(difference).max() < 1.5
    assert decibel(rms(difference) / rms(steady(resampled))) < -60


@ANY_PAIR
def test_the_pass_band_is_flat_to_a_tenth_of_a_decibel_up_to_4_fifths(from_rate: int, to_rate: int) -> None:
    edge = 0.8 * min(from_rate, to_rate) / 2
    frequencies = np.linspace(0.02, 1.0, 12) * edge

    gains = [
        decibel(
            fit(steady(resample(sine(frequency, from_rate, 0.25, 16_000), from_rate, to_rate)), frequency, to_rate)[0]
        )
        for frequency in frequencies
    ]

    assert np.abs(np.array(gains) - decibel(16_000)).max() < 0.1


@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_the_lower_rate_cannot_hold_is_80_decibels_down(from_rate: int, to_rate: int) -> None:
    frequencies = np.linspace(to_rate / 2 * 1.01, from_rate / 2 * 0.99, 12)

    levels = [
        rms(steady(resample(sine(frequency, from_rate, 0.25, 32_000), from_rate, to_rate))) for frequency in frequencies
    ]

    assert decibel(max(levels) / (32_000 / np.sqrt(2))) < -80


@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] < pair[1]])
def test_images_of_the_lower_rate_are_80_decibels_down(from_rate: int, to_rate: int) -> None:
    frequencies = np.linspace(0.1, 0.8, 8) * from_rate / 2

    rests = [
        rms(fit(steady(resample(sine(frequency, from_rate, 0.25, 32_000), from_rate, to_rate)), frequency, to_rate)[1])
        for frequency in frequencies
    ]

    assert decibel(max(rests) / (32_000 / np.sqrt(2))) < -80


@ANY_PAIR
@pytest.mark.parametrize("frequency", [997.0, 3_001.0])
def test_a_full_tone_stands_85_decibels_above_the_noise(from_rate: int, to_rate: int, frequency: float) -> None:
    amplitude, rest = fit(
        steady(resample(sine(frequency, from_rate, 0.5, 32_000), from_rate, to_rate)), frequency, to_rate
    )

    assert decibel(amplitude / np.sqrt(2) / rms(rest)) > 85


@MAIN_PAIR
def test_a_constant_stays_that_constant(from_rate: int, to_rate: int) -> None:
    resampled = steady(resample(np.full(from_rate // 4, 12_345, np.int16), from_rate, to_rate))

    assert set(resampled.tolist()) == {12_345.0}


@MAIN_PAIR
def test_a_square_at_full_scale_saturates_and_does_not_wrap(from_rate: int, to_rate: int) -> None:
    square = np.where(np.arange(from_rate // 4) // 20 % 2 == 0, 32_767, -32_768).astype(np.int16)

    resampled = resample(square, from_rate, to_rate)

    # A wrapped overshoot would leap from one end of the scale to the other within a sample of the plateau.
    plateau = resample(np.full(from_rate // 4, 32_767, np.int16), from_rate, to_rate)
    assert resampled.max() == 32_767
    assert resampled.min() == -32_768
    assert plateau.min() > 0


@settings(deadline=None)
@given(arrays.arrays(np.int16, st.integers(0, 2_000)), RATE, RATE)
def test_vectors_and_plain_rust_differ_by_one_step_at_most(samples: Samples, from_rate: int, to_rate: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEWIRE_RESAMPLER", "scalar")
        plain = resample(samples, from_rate, to_rate).astype(np.int64)
        patch.delenv("VOICEWIRE_RESAMPLER")
        vectors = resample(samples, from_rate, to_rate).astype(np.int64)

    assert np.abs(plain - vectors).max(initial=0) <= 1


def test_a_flushed_resampler_begins_anew() -> None:
    resampler = Resampler(48_000, 24_000)
    samples = sine(440, 48_000, 0.1, 10_000)

    first = [*resampler.process(samples), *resampler.flush()]
    second = [*resampler.process(samples), *resampler.flush()]

    assert first == second


def test_an_output_belongs_to_the_caller() -> None:
    resampled = Resampler(8_000, 24_000).process(np.zeros(800, np.int16))

    assert resampled.dtype == np.int16
    assert resampled.flags.c_contiguous
    assert resampled.flags.writeable
    assert resampled.flags.owndata or resampled.base is not None
