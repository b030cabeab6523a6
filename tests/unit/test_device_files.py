"""Files in the place of devices that fail in the middle of a call."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.test_devices import soon, tone

import voicewire as vw
from voicewire.devices import FileBackend, Speaker

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no file that is always full")


def nothing(*given: Any) -> None:
    pass


async def test_a_speaker_whose_file_cannot_be_written_is_an_error_for_who_waits() -> None:
    async with Speaker(backend=FileBackend(speaker=FULL)) as speaker:
        speaker.play(tone(240_000), "a")
        with pytest.raises(vw.DeviceError, match="/dev/full: No space left on device") as caught:
            await soon(speaker.drained())
        with pytest.raises(vw.DeviceError):
            speaker.play(tone(100), "b")

    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.reason == "no_device"


def test_a_file_that_cannot_be_ended_is_an_error_of_its_close_once() -> None:
    stream = FileBackend(speaker=FULL).open_output(None, 24_000, "low", nothing, nothing)

    with pytest.raises(vw.DeviceError, match="No space left on device") as caught:
        stream.close()
    stream.close()

    assert isinstance(caught.value.__cause__, OSError)


async def test_a_speaker_that_cannot_end_its_file_is_silent_and_stopped_all_the_same() -> None:
    # At this rate the first kilobytes, which no disk is asked for yet, last a second.
    speaker = await Speaker(sample_rate=4_000, backend=FileBackend(speaker=FULL)).start()
    speaker.play(np.ones(40_000, np.int16), "a")

    with pytest.raises(vw.DeviceError, match="No space left on device"):
        await soon(speaker.stop())

    assert (speaker.is_open, speaker.is_playing) == (False, False)
