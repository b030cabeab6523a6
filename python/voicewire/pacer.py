"""Beside the path: the model's audio, which comes faster than it is spoken, in chunks at the pace of speech."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from voicewire import parse
from voicewire.exceptions import BackpressureError, VoicewireError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.int16]

__all__ = ["Pacer"]

_LONGEST_MS = 600_000

# Timers are late by so much of a chunk without anybody being to blame.
_SLACK = 0.25


class Pacer:
    """Gives out audio in chunks of one length at the pace of speech, for telephone lines and files.

    Iterate over it in one task and write to it from others of the same event loop. Up to ``lead_ms`` of audio are given
    out before they are heard, so that the far end has something to play when this side is late. After a stall that is
    shorter than the lead, what is overdue comes at once and the lead is whole again. After a longer one the far end has
    had a gap: the schedule moves by it, and never more than the lead comes at once.

    Where samples run out, an unfinished chunk is given out with silence at its end, a chunk's length after the far end
    needed it, and what is written later begins a schedule of its own. That counts as an underrun; ``finish`` says that
    it is none, and gives out the unfinished chunk in time.

    Args:
        sample_rate: Hz of what is written and given out, 4,000 to 192,000.
        chunk_ms: Length of a chunk in ms, rounded to whole samples, at least one.
        lead_ms: How much may wait at the far end, in ms, above 0; less than a chunk counts as one. More hides longer
            stalls, and more is heard on after a barge-in, unless the far end can be told to forget it.
        capacity_ms: How much may wait here, in ms, above 0.
        clock: Seconds that never go back.
        sleep: Waits for so many seconds of that clock.

    The times are at most 600,000 ms.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(
        self,
        sample_rate: int = 24_000,
        *,
        chunk_ms: float = 20.0,
        lead_ms: float = 100.0,
        capacity_ms: float = 300_000.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        from voicewire.audio import Chunker

        self._rate = parse.integer("sample_rate", sample_rate, 4_000, 192_000)
        chunk_ms = parse.number("chunk_ms", chunk_ms, 1000 / self._rate, _LONGEST_MS)
        self._chunker = Chunker(self._rate, chunk_ms)
        self._size = self._chunker.chunk_size
        self._chunk = self._size / self._rate
        self._early = max(0.0, parse.number("lead_ms", lead_ms, high=_LONGEST_MS, above=True) / 1000 - self._chunk)
        self._capacity_ms = parse.number("capacity_ms", capacity_ms, high=_LONGEST_MS, above=True)
        self._clock = clock
        self._sleep = sleep
        self._chunks: deque[Samples] = deque()
        self._changed = asyncio.Event()
        self._finished = True
        self._closed = False
        self._reading = False
        # When the far end needs the next chunk; None while it has nothing to play.
        self._needed: float | None = None
        # When an unfinished chunk is given out to a far end that has nothing to play.
        self._patience: float | None = None
        self._counters = {"chunks": 0, "underruns": 0, "dropped": 0, "padded": 0}
        self._late = 0.0

    def write(self, samples: Any) -> None:
        """Append audio, anything that ``send_audio`` takes; it is taken whole whenever less than the capacity waits.

        Raises:
            BackpressureError: The pacer is full; nothing was taken.
            TypeError: ``samples`` is no audio.
            ValueError: More than one dimension, an odd byte count, or NaN.
            VoicewireError: The pacer is closed.
        """
        if self._closed:
            raise VoicewireError("pacer is closed")
        if self.queued_ms >= self._capacity_ms:
            raise BackpressureError(f"pacer is full: {self.queued_ms:.0f} of {self._capacity_ms:.0f} ms")
        before = self._chunker.waiting
        complete = self._chunker.process(samples)
        self._chunks.extend(complete)
        if complete or self._chunker.waiting > before:
            self._finished = False
            self._changed.set()

    def finish(self) -> None:
        """Tell that an utterance is complete: its last chunk is filled up with silence, and no underrun follows."""
        if self._chunker.waiting:
            self._chunks.append(self._padded())
        self._finished = True
        self._changed.set()

    def flush(self) -> int:
        """Drop what waits, for a barge-in; returns how many samples that were. What was given out is not undone."""
        dropped = len(self._chunks) * self._size + self._chunker.waiting
        self._chunks.clear()
        self._chunker.reset()
        self._counters["dropped"] += dropped
        self._finished, self._patience = True, None
        self._changed.set()
        return dropped

    def close(self) -> None:
        """Take no more audio; the iteration ends when what waits was given out. Idempotent."""
        self._closed = True
        self.finish()

    @property
    def queued_ms(self) -> float:
        """How much waits here, in ms."""
        return 1000 * (len(self._chunks) * self._size + self._chunker.waiting) / self._rate

    def stats(self) -> dict[str, float]:
        """Counters: ``chunks`` given out, ``underruns``, samples ``dropped`` and ``padded``, and ``late_ms`` in all."""
        return {**self._counters, "late_ms": 1000 * self._late}

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Samples:
        """Wait for the next chunk's time; 1-D int16 that owns its memory.

        Raises:
            VoicewireError: Another task is iterating.
            StopAsyncIteration: The pacer is closed and empty.
        """
        if self._reading:
            raise VoicewireError("another task iterates over the pacer")
        self._reading = True
        try:
            while (chunk := self._due()) is None:
                if self._closed and not self._chunks:
                    raise StopAsyncIteration
                await self._wait()
            return chunk
        finally:
            self._reading = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _due(self) -> Samples | None:
        """The next chunk, if this is its time."""
        now = self._clock()
        if not self._chunks and not self._chunker.waiting:
            self._run_dry(now)
            return None
        if self._needed is None:
            self._begin(now)
        if self._needed is None or now < self._time():
            return None
        return self._take(now)

    def _time(self) -> float:
        """When the next chunk is due: a whole one may be early, the rest of one may be late."""
        assert self._needed is not None
        return self._needed + (-self._early if self._chunks else self._chunk)

    def _run_dry(self, now: float) -> None:
        """Count the gap, once the far end has played all that it was given."""
        if self._needed is not None and now >= self._needed:
            self._needed = None
            self._counters["underruns"] += not self._finished

    def _begin(self, now: float) -> None:
        """Begin a schedule with a whole chunk, or with a part of one that waited for as long as a chunk lasts."""
        if self._patience is None:
            self._patience = now + self._chunk
        if self._chunks or now >= self._patience:
            self._needed, self._patience = now, None

    def _take(self, now: float) -> Samples:
        assert self._needed is not None
        late = now - self._needed
        is_gap = late > _SLACK * self._chunk
        if is_gap:
            # The far end has waited: it wants this one at once, and its lead after that.
            self._needed = now
            self._late += late
        self._counters["underruns"] += is_gap or not self._chunks
        self._counters["chunks"] += 1
        self._needed += self._chunk
        if self._chunks:
            return self._chunks.popleft()
        self._finished = True
        return self._padded()

    def _padded(self) -> Samples:
        self._counters["padded"] += self._size - self._chunker.waiting
        return self._chunker.flush(pad=True)

    async def _wait(self) -> None:
        """Wait until a chunk may be due, or for a change where that may make one due earlier."""
        self._changed.clear()
        if self._chunks:
            await self._sleep(max(0.0, self._time() - self._clock()))
            return
        until = self._patience
        if self._needed is not None:
            until = self._time() if self._chunker.waiting else self._needed
        if until is None:
            await self._changed.wait()
        else:
            await _first(self._sleep(max(0.0, until - self._clock())), self._changed.wait())


async def _first(*waits: Awaitable[Any]) -> None:
    """Wait for one of them, and leave none behind."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
