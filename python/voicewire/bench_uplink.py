"""The microphones of a load test: a chunk of 20 ms per session and 20 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voicewire.bench_session import BenchSession, Tally

__all__ = ["CHUNK_MS", "room", "speak"]

CHUNK_MS = 20


async def speak(sessions: Sequence[BenchSession], tally: Tally, samples: NDArray[np.int16]) -> None:
    """Send ``samples`` until cancelled; what is late by more than a few intervals is missed, as at a microphone."""
    loop = asyncio.get_running_loop()
    start, number = loop.time(), 0
    while True:
        # Sessions are spread over the interval, so that they do not all speak at one moment.
        due = start + number * _SLOT_S
        late = loop.time() - due
        if late < 0:
            await asyncio.sleep(-late)
        elif number % SLOTS == 0:
            await asyncio.sleep(0)
        for session in sessions[number % SLOTS :: SLOTS]:
            taken = late < _TOO_LATE_S and session.is_open and session.speak(samples)
            if tally.is_counting:
                tally.chunks += taken
                tally.missed += not taken
        number += 1


def room(sample_rate: int) -> NDArray[np.int16]:
    """A chunk of noise at −58 dBFS: a listener who is silent, so that no speech is found and nobody interrupted."""
    noise = np.random.default_rng(0).normal(0, _ROOM_LEVEL, sample_rate * CHUNK_MS // 1000)
    return noise.astype(np.int16)


SLOTS = 5
_SLOT_S = CHUNK_MS / 1000 / SLOTS
_TOO_LATE_S = 0.2
_ROOM_LEVEL = 40
