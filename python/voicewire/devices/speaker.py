"""The speaker: a queue of answers, played by a device's callback thread and counted on a playback clock."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from voicewire import parse
from voicewire.devices.backend import Backend, Latency, Stream, default_backend, open_stream
from voicewire.devices.level import Meter
from voicewire.devices.opening import open_in_thread
from voicewire.exceptions import DeviceError
from voicewire.playback import PlaybackClock

if TYPE_CHECKING:
    from voicewire.audio import Resampler, Samples

__all__ = ["Speaker"]


class Speaker:
    """Plays answers on a device, in the order in which they came.

    Example::

        async with vw.devices.Speaker() as speaker:
            async for event in client:
                match event:
                    case vw.AudioDelta():
                        speaker.play(event.audio, event.item_id)
                    case vw.Interrupted():
                        speaker.flush()

    Up to ten minutes wait in its queue; what comes beyond is dropped and counted.

    Args:
        device: Index or part of the name, as of ``list_devices``; None for the machine's default.
        sample_rate: Hz, 4,000 to 192,000, of the device and of what is played. A device that does not know it runs at
            its own rate, and samples are resampled.
        latency: What the device may hold, in seconds, or "low" or "high" for what it finds good: the shorter, the
            sooner an answer is heard, and the sooner a busy machine makes gaps.
        on_level: Called on the event loop with the level of what plays, in dBFS, −96 to 0.
        backend: What knows the devices; None for PortAudio.

    Raises:
        ConfigError: A value is out of range, or ``on_level`` is no plain function.
    """

    def __init__(
        self,
        device: int | str | None = None,
        sample_rate: int = 24_000,
        latency: Latency = "low",
        on_level: Callable[[float], object] | None = None,
        backend: Backend | None = None,
    ) -> None:
        if latency not in ("low", "high"):
            parse.number("latency", latency, 0, 10)
        self._device = device
        self._sample_rate = parse.integer("sample_rate", sample_rate, 4_000, 192_000)
        self._device_rate = self._sample_rate
        self._latency = latency
        self._on_level = parse.function("on_level", on_level)
        self._backend = backend
        self._stream: Stream | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._meter: Meter | None = None
        self._error: DeviceError | None = None
        self._resamplers: dict[int, Resampler] = {}
        # Of those who play and flush. The device's thread takes no lock: it takes chunks out, and skips those of an
        # older generation.
        self._lock = threading.Lock()
        self._queue: deque[_Chunk] = deque()
        self._generation = 0
        self._put = 0
        self._dry: str | None = None
        # The device's thread alone writes these: what it plays, its samples so far, what the clock was not told yet.
        self._playing: _Chunk | None = None
        self._taken = 0
        self._untold: deque[tuple[int, str]] = deque()
        self._underruns = self._late = 0
        self._dropped_s = 0.0
        self._clock = PlaybackClock()
        # From here on what the device takes counts, not the time.
        self._clock.advance(0)

    async def start(self) -> Self:
        """Open the device and begin to play; returns the speaker. Does nothing where it runs.

        Cancelled, it closes the device as soon as it has opened.

        Raises:
            DeviceError: It cannot be opened; ``reason`` and text tell what to do.
            ConfigError: No device or more than one fits ``device``; it lists them.
        """
        if self._stream is None:
            self._loop = asyncio.get_running_loop()
            self._error = None
            self._stream = await open_in_thread(self._open)
            self._clock.latency_ms = self._stream.latency_ms
        return self

    async def stop(self) -> None:
        """Close the device and forget what waits. Idempotent.

        Raises:
            DeviceError: The device failed at the end; it is closed all the same.
        """
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                await asyncio.to_thread(stream.close)
        finally:
            self.flush()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def play(self, samples: Any, item_id: str | None = None, sample_rate: int | None = None) -> None:
        """Queue samples of an item; those of an item that was flushed are dropped. Before ``start`` they wait.

        Args:
            samples: Anything that ``send_audio`` takes; it is copied.
            item_id: Whose they are, for ``clock``.
            sample_rate: Hz; None means the speaker's.

        Raises:
            DeviceError: The device failed or went away.
            TypeError: ``samples`` is no audio.
            ValueError: More than one dimension, an odd byte count, NaN, or a rate out of range.
        """
        from voicewire._voicewire import copy_samples

        if self._error is not None:
            raise self._error
        array = copy_samples(samples)
        rate = self._sample_rate if sample_rate is None else parse.integer("sample_rate", sample_rate, 4_000, 192_000)
        if self._clock.is_flushed(item_id) or len(array) == 0:
            return
        resampled = self._resampled(array, rate)
        with self._lock:
            chunk = _Chunk(resampled, item_id or "", len(array), self._generation)
            if self._put - self._taken + len(resampled) > _LONGEST_QUEUE_S * self._device_rate:
                self._dropped_s += len(array) / rate
                return
            self._underruns += self._dry == chunk.item_id
            self._dry = None
            self._clock.receive(item_id, len(array), rate)
            self._queue.append(chunk)
            self._put += len(resampled)

    def flush(self) -> int:
        """Fall silent and forget what waits.

        Returns:
            Samples that were heard of the item that played, or of the last one where nothing did; at the rate at
            which it was given.
        """
        with self._lock:
            self._generation += 1
            self._queue.clear()
            self._put, self._dry = self._taken, None
            last = self._clock.items[-1:]
            cut = self._clock.flush()
            for resampler in self._resamplers.values():
                resampler.reset()
        return next((played.heard for played in cut or last), 0)

    async def drained(self) -> None:
        """Wait until all that was queued was heard or flushed.

        Raises:
            DeviceError: The device failed or went away.
        """
        await self._clock.wait_played()
        if self._error is not None:
            raise self._error

    @property
    def is_open(self) -> bool:
        """Whether the device is open."""
        return self._stream is not None

    @property
    def clock(self) -> PlaybackClock:
        """What was heard of each item."""
        return self._clock

    @property
    def sample_rate(self) -> int:
        """Hz of what is played, where ``play`` is not told another rate."""
        return self._sample_rate

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the device's callback to the air; 0 while it is not open."""
        return 0.0 if self._stream is None else self._stream.latency_ms

    @property
    def is_playing(self) -> bool:
        """Whether something that was queued is still to be heard."""
        return self._clock.playing is not None

    @property
    def underruns(self) -> int:
        """How many times an item had a gap because its audio came too late."""
        return self._underruns

    @property
    def underflows(self) -> int:
        """How many times the device ran dry because the machine was late."""
        return self._late

    @property
    def dropped_ms(self) -> float:
        """Milliseconds that did not fit into the queue."""
        return self._dropped_s * 1000

    def _open(self) -> Stream:
        from voicewire.audio import AudioRing

        backend = self._backend or default_backend()
        stream, rate = open_stream(backend, self._device, "output", self._device_rate, partial(self._opened, backend))
        self._change_rate(rate)
        if self._on_level is not None and self._loop is not None:
            self._meter = Meter(self._on_level, self._loop, AudioRing(_LEVEL_MS, self._device_rate))
        stream.start()
        return stream

    def _opened(self, backend: Backend, device: int | None, rate: int) -> Stream:
        return backend.open_output(device, rate, self._latency, self._fill, self._ended)

    def _fill(self, out: Samples, late: bool) -> None:
        """Give the device what it plays next, in its thread, which waits for nobody here."""
        self._late += late
        at = 0
        while at < len(out) and (chunk := self._next()) is not None:
            count, heard = chunk.take(out[at:])
            at += count
            self._taken += count
            self._untold.append((heard, chunk.item_id))
        out[at:] = 0
        # Where somebody is in the clock, the next call tells.
        while self._untold and self._clock.try_advance(*self._untold[0]):
            self._untold.popleft()
        if self._meter is not None:
            self._meter.offer(out)

    def _next(self) -> _Chunk | None:
        """What the device's thread plays, or None where nothing waits."""
        chunk = self._playing
        while chunk is None or chunk.is_played or chunk.generation != self._generation:
            try:
                self._playing = self._queue.popleft()
            except IndexError:
                if chunk is not None and chunk.is_played:
                    self._dry = chunk.item_id
                self._playing = None
                return None
            chunk = self._playing
        return chunk

    def _ended(self, error: DeviceError | None) -> None:
        self._error = error
        self.flush()

    def _resampled(self, samples: Samples, rate: int) -> Samples:
        if rate == self._device_rate:
            return samples
        from voicewire.audio import Resampler

        if rate not in self._resamplers:
            self._resamplers[rate] = Resampler(rate, self._device_rate)
        return self._resamplers[rate].process(samples)

    def _change_rate(self, rate: int) -> None:
        """Where the device knows another rate only, what waits already is converted."""
        from voicewire.audio import Resampler

        if rate == self._device_rate:
            return
        with self._lock:
            for chunk in self._queue:
                converter = Resampler(self._device_rate, rate)
                chunk.samples = converter.process(chunk.samples)
            self._put = self._taken + sum(len(chunk.samples) for chunk in self._queue)
            self._resamplers.clear()
            self._device_rate = rate


@dataclass(eq=False)
class _Chunk:
    """Samples at the device's rate that stand for ``count`` samples of an item."""

    samples: Samples
    item_id: str
    count: int
    generation: int
    at: int = 0
    told: int = 0

    def take(self, out: Samples) -> tuple[int, int]:
        """Copy what fits into ``out``; returns how much, and the samples of the item that it stands for."""
        count = min(len(out), len(self.samples) - self.at)
        out[:count] = self.samples[self.at : self.at + count]
        self.at += count
        is_over = self.at >= len(self.samples)
        reached = self.count if is_over else self.count * self.at // len(self.samples)
        before, self.told = self.told, reached
        return count, reached - before

    @property
    def is_played(self) -> bool:
        # Not by its samples: a chunk may be too short to have any at the device's rate, and still counts.
        return self.told == self.count


_LEVEL_MS = 20
_LONGEST_QUEUE_S = 600
