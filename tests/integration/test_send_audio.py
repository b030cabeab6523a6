"""``send_audio``: what it takes, what it refuses, and that the samples arrive as they were."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.integration.listening import soon

import voicewire as vw

RAMP = np.arange(-1200, 1200, dtype=np.int16)


def readonly(samples: NDArray[Any]) -> NDArray[Any]:
    copied = samples.copy()
    copied.flags.writeable = False
    return copied


def arrived(simulator: vw.Simulator) -> NDArray[np.int16]:
    """All samples that were appended, by an independent decoder."""
    appended = [event["audio"] for event in simulator.received if "audio" in event]
    return np.frombuffer(b"".join(map(base64.b64decode, appended)), "<i2")


@pytest.mark.parametrize(
    "form",
    [
        lambda ramp: ramp,
        lambda ramp: ramp.astype("<i2").tobytes(),
        lambda ramp: bytearray(ramp.astype("<i2").tobytes()),
        lambda ramp: memoryview(ramp.astype("<i2").tobytes()),
        lambda ramp: memoryview(ramp),
        lambda ramp: memoryview(ramp.astype("<i2").tobytes())[::1].cast("h"),
        lambda ramp: ramp.astype(np.float32) / 32768,
        lambda ramp: readonly(ramp),
        lambda ramp: readonly(ramp.astype(np.float32) / 32768),
        lambda ramp: np.repeat(ramp, 2)[::2],
        lambda ramp: ramp[::-1].copy()[::-1],
        lambda ramp: np.stack([ramp, ramp], axis=1)[:, 0],
        lambda ramp: (np.stack([ramp, ramp], axis=1).astype(np.float32) / 32768)[:, 1],
        lambda ramp: ramp.astype(">i2"),
        lambda ramp: (ramp.astype(np.float32) / 32768).astype(">f4"),
    ],
    ids=[
        "int16",
        "bytes",
        "bytearray",
        "memoryview",
        "memoryview of int16 array",
        "memoryview of int16",
        "float32",
        "read-only int16",
        "read-only float32",
        "every second",
        "reversed",
        "column of int16",
        "column of float32",
        "big-endian int16",
        "big-endian float32",
    ],
)
async def test_every_form_of_audio_arrives_sample_for_sample(
    simulator: vw.Simulator, client: vw.RealtimeClient, form: Callable[[NDArray[np.int16]], Any]
) -> None:
    async with client:
        client.send_audio(form(RAMP))
        await soon(client.flush())

    assert arrived(simulator).tolist() == RAMP.tolist()


async def test_floats_are_rounded_to_even_and_saturate(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    given = np.array([0.5 / 32768, 1.5 / 32768, -0.5 / 32768, 1.0, -1.0, 2.0, -2.0, np.inf, -np.inf], np.float32)

    async with client:
        client.send_audio(given)
        await soon(client.flush())

    assert arrived(simulator).tolist() == [0, 2, 0, 32767, -32768, 32767, -32768, 32767, -32768]


async def test_the_callers_buffer_may_be_reused_at_once(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    buffer = np.full(240, 7, np.int16)

    async with client:
        client.send_audio(buffer)
        buffer[:] = 0
        await soon(client.flush())

    assert arrived(simulator).tolist() == [7] * 240


async def test_no_samples_are_no_message(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        client.send_audio(np.empty(0, np.int16))
        client.send_audio(b"")
        await soon(client.flush())

    assert simulator.received == []


async def test_a_long_chunk_is_split_into_messages_of_at_most_one_second(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    samples = np.arange(60_001).astype(np.int16)

    async with client:
        client.send_audio(samples)
        await soon(client.flush())

    sizes = [len(base64.b64decode(event["audio"])) // 2 for event in simulator.received]
    assert sizes == [24_000, 24_000, 12_001]
    assert np.array_equal(arrived(simulator), samples)


async def test_an_append_has_the_fields_of_the_protocol_only(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    async with client:
        assert client.send_audio(RAMP) is None
        await soon(client.flush())

    assert [set(event) - {"event_id"} for event in simulator.received] == [{"type", "audio"}]
    assert simulator.received[0]["type"] == "input_audio_buffer.append"


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
async def test_other_rates_are_resampled_to_the_wires_rate(
    simulator: vw.Simulator, client: vw.RealtimeClient, rate: int
) -> None:
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)

    async with client:
        for start in range(0, len(tone), rate // 50):
            client.send_audio(tone[start : start + rate // 50], sample_rate=rate)
        await soon(client.flush())

    received = arrived(simulator).astype(float)
    assert abs(len(received) - 24_000) <= 24_000 * 0.02
    spectrum = np.abs(np.fft.rfft(received * np.hanning(len(received))))
    assert np.argmax(spectrum) * 24_000 / len(received) == pytest.approx(440, abs=3)
    assert np.abs(received).max() == pytest.approx(8000, rel=0.05)


async def test_the_sessions_rate_given_explicitly_changes_nothing(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    async with client:
        client.send_audio(RAMP, 24_000)
        client.append_input_audio(RAMP, sample_rate=24_000)
        await soon(client.flush())

    assert arrived(simulator).tolist() == RAMP.tolist() * 2


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        (np.zeros(4, np.float64), TypeError),
        (np.zeros(4, np.int32), TypeError),
        (np.zeros(4, np.uint16), TypeError),
        (np.zeros(4, np.uint8), TypeError),
        (np.zeros(4, np.complex64), TypeError),
        (np.array(["a"]), TypeError),
        ([0, 1, 2], TypeError),
        ("audio", TypeError),
        (None, TypeError),
        (7, TypeError),
        (np.zeros((2, 2), np.int16), ValueError),
        (np.zeros((0, 2), np.float32), ValueError),
        (np.array(5, np.int16), ValueError),
        (b"\0\0\0", ValueError),
        (bytearray(b"\0"), ValueError),
        (np.array([0, np.nan], np.float32), ValueError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value),
)
async def test_what_is_no_audio_is_refused_by_name_and_nothing_is_taken(
    simulator: vw.Simulator, client: vw.RealtimeClient, samples: Any, error: type[Exception]
) -> None:
    async with client:
        with pytest.raises(error, match="samples"):
            client.send_audio(samples)
        client.send_audio(RAMP)
        await soon(client.flush())

    assert arrived(simulator).tolist() == RAMP.tolist()


@pytest.mark.parametrize("rate", [0, -24_000, 3999, 192_001])
async def test_a_rate_out_of_range_is_refused_by_name(client: vw.RealtimeClient, rate: int) -> None:
    async with client:
        with pytest.raises(ValueError, match="sample_rate"):
            client.send_audio(RAMP, rate)


async def test_a_rate_that_is_no_number_is_a_type_error(client: vw.RealtimeClient) -> None:
    async with client:
        with pytest.raises(TypeError):
            client.send_audio(RAMP, "24000")  # type: ignore[arg-type]
