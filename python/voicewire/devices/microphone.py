"""The microphone: a device's callback thread on one side, an asynchronous iterator on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from voicewire import parse
from voicewire.devices.backend import Backend, Stream, default_backend, open_stream
from voicewire.devices.level import Meter, call_soon
from voicewire.devices.opening import open_in_thread
from voicewire.exceptions import DeviceError

if TYPE_CHECKING:
    from voicewire.audio import AudioRing, Resampler, Samples

__all__ = ["Microphone"]

log = logging.getLogger("voicewire")


class Microphone:
    """Records from a device, chunk by chunk.

    Example::

        async with vw.devices.Microphone() as microphone:
            async for chunk in microphone:
                client.send_audio(chunk, microphone.sample_rate)

    Iterating starts it. Where the application is late, the oldest chunks are dropped and counted. A device that does
    not know ``sample_rate`` records at its own, and the chunks are resampled. For one task, on one event loop.

    Args:
        device: Index or part of the name, as of ``list_devices``; None for the machine's default.
        sample_rate: Hz of the chunks, 4,000 to 192,000.
        chunk_ms: Length of a chunk, 1 to 1,000 ms.
        on_level: Called on the event loop with the level of what is recorded, in dBFS, −96 to 0.
        backend: What knows the devices; None for PortAudio.
        queue_ms: How much waits for a late application before the oldest is dropped.

    Raises:
        ConfigError: A value is out of range, or ``on_level`` is no plain function.
    """

    def __init__(
        self,
        device: int | str | None = None,
        sample_rate: int = 24_000,
        chunk_ms: int = 20,
        on_level: Callable[[float], object] | None = None,
        backend: Backend | None = None,
        *,
        queue_ms: int = 1_000,
    ) -> None:
        self._device = device
        self._sample_rate = parse.integer("sample_rate", sample_rate, 4_000, 192_000)
        self._chunk_ms = parse.integer("chunk_ms", chunk_ms, 1, 1_000)
        self._queue_ms = max(chunk_ms, parse.integer("queue_ms", queue_ms, 1, 600_000))
        self._ring: AudioRing | None = None
        self._chunk = 0
        self._on_level = parse.function("on_level", on_level)
        self._backend = backend
        self._stream: Stream | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._meter: Meter | None = None
        self._resampler: Resampler | None = None
        self._arrived = asyncio.Event()
        self._is_over = False
        self._error: DeviceError | None = None
        self._dropped = self._lost = 0
        self._zeros: int | None = 0

    async def start(self) -> Self:
        """Open the device and begin to record; returns the microphone. Does nothing where it runs.

        Cancelled, it closes the device as soon as it has opened.

        Raises:
            DeviceError: It cannot be opened; ``reason`` and text tell what to do.
            ConfigError: No device or more than one fits ``device``; it lists them.
        """
        if self._stream is None:
            self._loop = asyncio.get_running_loop()
            self._arrived.clear()
            self._is_over, self._error = False, None
            self._stream = await open_in_thread(self._open)
        return self

    async def stop(self) -> None:
        """Close the device; what is recorded can still be iterated over. Idempotent."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.to_thread(stream.close)
        self._end(None)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Samples:
        """The next chunk, 1-D int16.

        Raises:
            DeviceError: The device failed or went away.
        """
        if self._stream is None and not self._is_over:
            await self.start()
        while (ring := self._ring) is None or ring.available < self._chunk:
            if self._is_over:
                return self._rest()
            self._arrived.clear()
            # What came in between is not told again.
            if ring is None or ring.available < self._chunk:
                await self._arrived.wait()
        return self._converted(ring.read(self._chunk))

    @property
    def is_open(self) -> bool:
        """Whether it records."""
        return self._stream is not None

    @property
    def sample_rate(self) -> int:
        """Hz of the chunks."""
        return self._sample_rate

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the air to the device's callback; 0 while it is not open."""
        return 0.0 if self._stream is None else self._stream.latency_ms

    @property
    def dropped(self) -> int:
        """Chunks that were dropped because the application was late."""
        dropped = 0 if self._ring is None else self._ring.stats()["dropped"]
        return self._dropped + -(-dropped // max(1, self._chunk))

    @property
    def overflows(self) -> int:
        """How many times the device itself lost samples."""
        return self._lost

    def _open(self) -> Stream:
        from voicewire.audio import Resampler

        backend = self._backend or default_backend()
        stream, rate = open_stream(backend, self._device, "input", self._sample_rate, partial(self._opened, backend))
        self._resampler = None if rate == self._sample_rate else Resampler(rate, self._sample_rate)
        stream.start()
        return stream

    def _opened(self, backend: Backend, device: int | None, rate: int) -> Stream:
        from voicewire.audio import AudioRing

        self._dropped, self._chunk = self.dropped, max(1, rate * self._chunk_ms // 1000)
        # A real-time thread writes it: without a lock, and without memory of its own.
        self._ring = AudioRing(self._queue_ms, rate)
        if self._on_level is not None and self._loop is not None:
            self._meter = Meter(self._on_level, self._loop, AudioRing(self._chunk_ms, rate))
        return backend.open_input(device, rate, self._chunk, self._take, self._ended)

    def _take(self, samples: Samples, lost: bool) -> None:
        """Take a chunk, in the thread of the device, which waits for nobody here."""
        self._lost += lost
        if self._ring is not None:
            self._ring.write(samples)
        if self._meter is not None:
            self._meter.offer(samples)
        if self._zeros is not None:
            self._look_for_silence(samples)
        if self._loop is not None and not self._arrived.is_set():
            call_soon(self._loop, self._arrived.set)

    def _look_for_silence(self, samples: Samples) -> None:
        """Systems that withhold a microphone give zeros in place of an error: say so once, where logging may wait."""
        if self._zeros is None or samples.any():
            self._zeros = None
            return
        self._zeros += 1
        if self._zeros * self._chunk_ms >= _SUSPICIOUS_MS:
            self._zeros = None
            if self._loop is not None:
                call_soon(self._loop, _warn_of_zeros)

    def _ended(self, error: DeviceError | None) -> None:
        if self._loop is not None:
            call_soon(self._loop, lambda: self._end(error))

    def _end(self, error: DeviceError | None) -> None:
        if not self._is_over:
            self._is_over, self._error = True, error
            self._arrived.set()

    def _rest(self) -> Samples:
        """The end of what was recorded, shorter than a chunk; an error or the end of the iteration behind it."""
        if self._ring is not None and self._ring.available:
            return self._converted(self._ring.read())
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    def _converted(self, chunk: Samples) -> Samples:
        return chunk if self._resampler is None else self._resampler.process(chunk)


def _warn_of_zeros() -> None:
    log.warning("the microphone gives nothing but zeros: is it muted, or its use not permitted?")


_SUSPICIOUS_MS = 2_000
