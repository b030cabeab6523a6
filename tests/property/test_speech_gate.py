"""The gate with voices made of formants, in noise and without; and with what is no voice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicewire.audio import SpeechGate

RATES = [8_000, 16_000, 24_000, 48_000]
FORMANTS = [(730, 1_090, 2_440), (270, 2_290, 3_010), (300, 870, 2_240), (530, 1_840, 2_480)]


def voice(ms: int, rate: int, pitch: float = 120.0, level_db: float = -20.0) -> NDArray[np.float64]:
    """Vowels of 200 ms: harmonics of a pitch, louder near the formants, with soft edges."""
    time = np.arange(rate * ms // 1000) / rate
    sound = np.zeros(len(time))
    for number in range(1, int(min(3_400, rate / 2 - 1) // pitch)):
        vowel = (time / 0.2).astype(int) % len(FORMANTS)
        near = np.array([sum(1 / (1 + ((number * pitch - f) / 120) ** 2) for f in formants) for formants in FORMANTS])
        sound += near[vowel] * np.sin(2 * np.pi * number * pitch * time + number)
    sound *= 0.6 + 0.4 * np.sin(2 * np.pi * 5 * time - np.pi / 2)
    return sound / np.sqrt(np.mean(sound**2)) * 10 ** (level_db / 20)


def noise(ms: int, rate: int, level_db: float, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 10 ** (level_db / 20), rate * ms // 1000)


def pcm(*parts: NDArray[np.float64]) -> NDArray[np.int16]:
    return (np.clip(np.concatenate(parts), -1, 0.9999) * 32768).astype(np.int16)


def silence(ms: int, rate: int) -> NDArray[np.float64]:
    return np.zeros(rate * ms // 1000)


def gated(samples: NDArray[np.int16], rate: int, **options: float) -> NDArray[np.int16]:
    return SpeechGate(rate, **options).process(samples)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("room_db", [-90, -60, -45])
@pytest.mark.parametrize("pitch", [90, 120, 220])
def test_a_voice_comes_out_whole_with_its_pre_roll_and_hangover(rate: int, room_db: float, pitch: float) -> None:
    said = pcm(silence(2_000, rate), voice(800, rate, pitch), silence(2_000, rate))
    heard = pcm(noise(4_800, rate, room_db)) + said
    passed = gated(heard, rate, hangover_ms=200, pre_roll_ms=100)

    assert 1_000 <= 1000 * len(passed) / rate <= 1_200
    assert find(passed, heard) / rate == pytest.approx(1.9, abs=0.06)


def find(needle: NDArray[np.int16], hay: NDArray[np.int16]) -> int:
    """Where a run of samples is in others."""
    return hay.tobytes().index(needle.tobytes()) // 2


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("room_db", [-80, -60, -50])
def test_an_empty_room_stays_inside(rate: int, room_db: float) -> None:
    assert len(gated(pcm(noise(5_000, rate, room_db)), rate)) == 0


@pytest.mark.parametrize("rate", RATES)
def test_a_noisy_room_is_learned(rate: int) -> None:
    gate = SpeechGate(rate)
    gate.process(pcm(noise(4_000, rate, -30)))

    assert not gate.is_speech
    assert gate.floor_db == pytest.approx(-30, abs=4)
    assert len(gate.process(pcm(noise(3_000, rate, -30, seed=2)))) == 0


def test_digital_silence_stays_inside() -> None:
    gate = SpeechGate(24_000)

    assert len(gate.process(np.zeros(48_000, np.int16))) == 0
    assert gate.floor_db == -70


@pytest.mark.parametrize("rate", RATES)
def test_clicks_stay_inside(rate: int) -> None:
    heard = pcm(noise(5_000, rate, -65))
    for at in range(1, 10):
        heard[at * rate // 2 + at : at * rate // 2 + at + rate // 1000] = 32_767

    assert len(gated(heard, rate)) == 0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("offset", [-12_000, 3_000])
def test_dc_is_neither_speech_nor_in_the_way_of_it(rate: int, offset: int) -> None:
    room = pcm(noise(3_000, rate, -65)) + np.int16(offset)

    assert len(gated(room, rate)) == 0
    assert len(gated(np.concatenate([room, pcm(voice(400, rate)) + np.int16(offset)]), rate)) > 0


@pytest.mark.parametrize("rate", RATES)
def test_mains_hum_stays_inside(rate: int) -> None:
    time = np.arange(5 * rate) / rate

    assert len(gated(pcm(0.004 * np.sin(2 * np.pi * 50 * time)), rate)) == 0


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_hiss_must_be_louder_than_a_vowel(rate: int) -> None:
    room = noise(2_000, rate, -60)

    assert len(gated(pcm(room, noise(400, rate, -50, seed=2)), rate)) == 0
    assert len(gated(pcm(room, noise(400, rate, -40, seed=2)), rate)) > 0
    assert len(gated(pcm(room, voice(400, rate, level_db=-50) + noise(400, rate, -60, seed=2)), rate)) > 0


def test_a_stream_may_begin_with_speech() -> None:
    said = pcm(voice(500, 24_000))

    assert find(gated(said, 24_000), said) == 0


def test_a_pause_shorter_than_the_hangover_is_let_through() -> None:
    rate = 16_000
    said = pcm(silence(2_000, rate), voice(400, rate), silence(300, rate), voice(400, rate), silence(1_000, rate))

    passed = gated(said, rate, hangover_ms=400, pre_roll_ms=0)
    assert find(passed, said) / rate == pytest.approx(2.0, abs=0.05)
    assert len(passed) / rate == pytest.approx(1.5, abs=0.06)


MIXED = {
    rate: pcm(silence(300, rate), voice(300, rate), noise(600, rate, -50), voice(200, rate)) for rate in (8_000, 16_000)
}


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=30), st.sampled_from(sorted(MIXED)))
@settings(deadline=None, max_examples=40)
def test_any_chunking_gives_the_same_output(lengths: list[int], rate: int) -> None:
    heard = MIXED[rate]
    whole = SpeechGate(rate, hangover_ms=100)
    chunked = SpeechGate(rate, hangover_ms=100)
    cuts = [cut for cut in np.cumsum(lengths) if cut < len(heard)]
    pieces = [chunked.process(piece) for piece in np.split(heard, cuts)]

    assert np.array_equal(np.concatenate(pieces), whole.process(heard))
    assert chunked.is_speech == whole.is_speech
    assert np.array_equal(chunked.flush(), whole.flush())


@given(st.binary(max_size=40_000).filter(lambda data: len(data) % 2 == 0), st.floats(0, 60), st.floats(0, 500))
@settings(deadline=None)
def test_whatever_comes_out_went_in_and_in_order(data: bytes, threshold_db: float, ms: float) -> None:
    heard = np.frombuffer(data, "<i2").astype(np.int16)
    gate = SpeechGate(8_000, threshold_db=threshold_db, attack_ms=ms, hangover_ms=ms, pre_roll_ms=ms)
    passed = np.concatenate([gate.process(heard), gate.flush()])

    rest = iter(heard.tolist())
    assert all(sample in rest for sample in passed.tolist())


def test_a_gate_that_was_reset_begins_anew() -> None:
    gate = SpeechGate(16_000)
    said = pcm(voice(500, 16_000))
    first = gate.process(said)
    assert gate.is_speech
    gate.reset()

    assert not gate.is_speech
    assert gate.process(said).tolist() == first.tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold_db", 61),
        ("threshold_db", float("nan")),
        ("attack_ms", -1),
        ("hangover_ms", 1e9),
        ("pre_roll_ms", -5),
    ],
)
def test_an_option_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        SpeechGate(16_000, **{name: value})
