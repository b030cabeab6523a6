"""The real PortAudio, on a null device: one of ALSA (``type null`` with a hint) or Pulse, where this machine has it."""

import asyncio

import numpy as np
import pytest

import voicewire as vw
from voicewire.devices import Device, Microphone, Speaker, list_devices


@pytest.fixture(scope="module")
def null_device() -> Device:
    try:
        found = [device for device in list_devices() if "null" in device.name.casefold()]
    except vw.DeviceError as error:
        pytest.skip(f"no sound library: {error.reason}")
    if not found:
        pytest.skip("no null device")
    return found[0]


async def test_a_null_device_records_and_plays(null_device: Device) -> None:
    microphone, speaker = Microphone(null_device.index), Speaker(null_device.name)

    async with asyncio.timeout(10), microphone, speaker:
        speaker.play(np.ones(2_400, np.int16), "a")
        chunks = [await anext(microphone) for _ in range(5)]
        await speaker.drained()

    assert {(chunk.dtype, len(chunk)) for chunk in chunks} == {(np.dtype(np.int16), 480)}
    assert speaker.clock.heard("a") == 2_400
    assert not microphone.is_open


async def test_a_device_can_be_opened_again(null_device: Device) -> None:
    speaker = Speaker(null_device.index)

    async with asyncio.timeout(10):
        for item in ("a", "b"):
            async with speaker:
                speaker.play(np.ones(480, np.int16), item)
                await speaker.drained()

    assert [played.heard for played in speaker.clock.items] == [480, 480]
