"""How loud samples are, told to the application on its event loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicewire.audio import AudioRing, Samples

__all__ = ["Meter", "dbfs"]

QUIETEST_DBFS = -96.0
"""Below the step of one int16."""


def dbfs(samples: Samples) -> float:
    """Root mean square of int16 samples in dB of full scale: 0 at most, −96 for silence and for no samples."""
    import numpy as np

    if len(samples) == 0:
        return QUIETEST_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float32))) / 32_768**2
    return QUIETEST_DBFS if power <= 0 else max(QUIETEST_DBFS, 10 * math.log10(power))


class Meter:
    """Tells the newest level on a loop: when the loop is late, levels in between are left out.

    Args:
        tell: Takes a level in dBFS.
        loop: Where it is called.
        ring: Room for as much as a level is measured over; the meter's own.
    """

    def __init__(self, tell: Callable[[float], object], loop: asyncio.AbstractEventLoop, ring: AudioRing) -> None:
        self._tell = tell
        self._loop = loop
        self._ring = ring
        self._is_awaited = False

    def offer(self, samples: Samples) -> None:
        """Take a chunk, in the thread of the device: nothing is measured there, and no lock is taken."""
        self._ring.write(samples)
        if not self._is_awaited:
            self._is_awaited = True
            call_soon(self._loop, self._show)

    def _show(self) -> None:
        # Before the ring is read: what is written behind that asks again.
        self._is_awaited = False
        samples = self._ring.read()
        if len(samples):
            self._tell(dbfs(samples))


def call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call on a loop from another thread, unless the loop is closed; no lock is taken, and nothing waited for."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        if not loop.is_closed():
            raise
