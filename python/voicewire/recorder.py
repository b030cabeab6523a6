"""Beside the path: both sides of a call in one stereo WAV, as they were heard."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from voicewire import parse
from voicewire._voicewire import Resampler, copy_samples
from voicewire.disk import Disk
from voicewire.exceptions import VoicewireError
from voicewire.stereo import HEADER_BYTES, StereoFiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voicewire.client import RealtimeClient
    from voicewire.events import AudioDelta, Interrupted
    from voicewire.sync_client import SyncRealtimeClient

    Samples: TypeAlias = NDArray[np.int16]

__all__ = ["CallRecorder"]

_USER, _MODEL = 0, 1

# The sizes in a header have 32 bits; a little room for readers that count with more than the header.
_MAX_BYTES = 2**32 - 2**20

# Chunks come that much late without having been spoken late.
_JITTER_S = 0.1

# What may wait for a slow disk.
_WAITING_S = 60

# Items whose places are remembered; one plays, and few wait.
_ITEMS = 32


class CallRecorder:
    """Records both sides of a call into one stereo WAV, the user left and the model right, aligned in time.

    The time line begins with the first audio. A chunk of the user ends when it is sent; a piece of the model begins
    when it comes, or behind the one before it. Pieces that are up to 100 ms late follow on without a gap. What an
    interruption left unheard is taken out again: the model falls silent at ``Interrupted.heard_ms``.

    A thread writes the file, so a slow disk holds up nobody; what is more than 60 s behind is dropped and counted. The
    sizes in the header follow each piece of audio: when the process is killed, the file is valid and ends where the
    audio that was written ends. What survives a loss of power is up to the operating system.

    Any side may have any rate from 4,000 to 192,000 Hz; it is resampled. Methods may be called from any thread.

    Args:
        path: The file, which is made or overwritten at once. A long call goes on in ``name-2.wav``, ``name-3.wav``, …
        sample_rate: Hz of the file, 4,000 to 192,000.
        max_bytes: Most bytes of one file; by default a little less than the 4 GiB that a WAV can have.
        clock: Seconds that never go back.

    Raises:
        ConfigError: An argument is out of range.
        OSError: The file cannot be made.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int = 24_000,
        *,
        max_bytes: int = _MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = parse.integer("sample_rate", sample_rate, 4_000, 192_000)
        max_bytes = parse.integer("max_bytes", max_bytes, HEADER_BYTES + 4, _MAX_BYTES)
        self._clock = clock
        self._files = StereoFiles(Path(path), self._rate, max_bytes)
        self._disk = Disk(self._files, _WAITING_S * self._rate)
        self._user = _Side(_USER, self._rate, self._disk)
        self._model = _Side(_MODEL, self._rate, self._disk)
        self._items: dict[object, list[list[int]]] = {}
        self._speaking: object = None
        self._turn = 0
        self._started: float | None = None
        self._cut = 0
        self._lock = threading.Lock()
        self._detach: list[Callable[[], None]] = []
        self._closed = False

    def attach(self, client: RealtimeClient | SyncRealtimeClient) -> Callable[[], None]:
        """Record what ``send_audio`` of a client sends and what its model says, from here on.

        Returns:
            A function that ends that; ``close`` does so too.

        Raises:
            TypeError: ``client`` is neither a ``RealtimeClient`` nor a ``SyncRealtimeClient``.
            VoicewireError: The recorder is closed.
        """
        from voicewire.events import AudioDelta, Interrupted, ResponseStarted

        talking = _talking(client)
        with self._lock:
            self._check_open()

        def sent(samples: Any, sample_rate: int | None) -> None:
            self._add_user(samples, sample_rate or talking._session.stats()["audio_in_rate"])

        handlers = [
            client.on(AudioDelta, self._heard),
            client.on(Interrupted, self._interrupted),
            client.on(ResponseStarted, lambda _: self._next_turn()),
        ]
        talking._taps = (*talking._taps, sent)

        def detach() -> None:
            talking._taps = tuple(tap for tap in talking._taps if tap is not sent)
            while handlers:
                handlers.pop()()

        self._detach.append(detach)
        return detach

    def write_user(self, samples: Any, sample_rate: int) -> None:
        """Record what the user said until this moment: anything that ``send_audio`` takes.

        Raises:
            TypeError: ``samples`` is no audio.
            ValueError: More than one dimension, an odd byte count, NaN, or a rate out of range.
            VoicewireError: The recorder is closed.
        """
        with self._lock:
            self._check_open()
        self._add_user(samples, parse.integer("sample_rate", sample_rate, 4_000, 192_000))

    def write_model(self, samples: Any, sample_rate: int, item_id: str | None = None) -> None:
        """Record what the model says, from this moment on or behind what it said before.

        Args:
            samples: Anything that ``send_audio`` takes.
            sample_rate: Hz, 4,000 to 192,000.
            item_id: The item that it belongs to, for ``interrupt``.

        Raises:
            TypeError: ``samples`` is no audio.
            ValueError: More than one dimension, an odd byte count, NaN, or a rate out of range.
            VoicewireError: The recorder is closed.
        """
        with self._lock:
            self._check_open()
        self._add_model(samples, parse.integer("sample_rate", sample_rate, 4_000, 192_000), item_id)

    def interrupt(self, item_id: str | None = None, heard_ms: float | None = None) -> None:
        """Take out what was not heard: of an item all behind ``heard_ms``, and all that was to follow.

        An item that is unknown, or None for ``heard_ms``, ends at this moment. A closed recorder has nothing to cut.

        Raises:
            ConfigError: ``heard_ms`` is no number of 0 or more.
        """
        if heard_ms is not None:
            parse.number("heard_ms", heard_ms)
        with self._lock:
            if self._closed:
                return
            pieces = self._items.get(item_id or self._turn)
            if heard_ms is None or not pieces:
                self._end_model(round(self._now(0.0) * self._rate))
            else:
                self._end_model(_place_of(pieces, round(heard_ms * self._rate / 1000)))

    def flush(self) -> None:
        """Tell that playback was stopped: what would have been heard after this moment is taken out."""
        self.interrupt()

    def close(self) -> None:
        """End the recording, and wait until it is written. Idempotent.

        Raises:
            OSError: The file could not be written; it ends before that.
        """
        with self._lock:
            if self._closed:
                return
            self._user.end_stream()
            self._model.end_stream()
            self._closed = True
        while self._detach:
            self._detach.pop()()
        self._disk.close()

    @property
    def paths(self) -> list[Path]:
        """The files written so far, in order."""
        return self._files.paths

    @property
    def error(self) -> OSError | None:
        """Why nothing is written any more, or None."""
        return self._disk.error

    def stats(self) -> dict[str, float]:
        """Where the sides end, ``user_ms`` and ``model_ms``; what was cut, ``cut_ms``, and lost, ``dropped_ms``."""
        ms = 1000 / self._rate
        return {
            "user_ms": self._user.end * ms,
            "model_ms": self._model.end * ms,
            "cut_ms": self._cut * ms,
            "dropped_ms": self._disk.dropped * ms,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise VoicewireError("recorder is closed")

    # What a client tells may still be on its way when the recorder is closed: that is no error.

    def _add_user(self, samples: Any, rate: int) -> None:
        taken = copy_samples(samples)
        with self._lock:
            if self._closed:
                return
            seconds, converted = self._user.convert(taken, rate)
            if seconds:
                now = self._now(seconds)
                self._user.place(round((now - seconds) * self._rate), converted)

    def _add_model(self, samples: Any, rate: int, item_id: str | None) -> None:
        taken = copy_samples(samples)
        with self._lock:
            if self._closed:
                return
            key = item_id or self._turn
            if key != self._speaking:
                self._note(self._speaking, *self._model.end_stream())
                self._speaking = key
            seconds, converted = self._model.convert(taken, rate)
            if seconds:
                self._note(key, *self._model.place(round(self._now(0.0) * self._rate), converted))

    def _heard(self, event: AudioDelta) -> None:
        self._add_model(event.audio, event.sample_rate, event.item_id)

    def _interrupted(self, event: Interrupted) -> None:
        self.interrupt(event.item_id, event.heard_ms)

    def _next_turn(self) -> None:
        """Audio without an item id belongs to another answer from here on."""
        with self._lock:
            self._turn += 1

    def _now(self, already: float) -> float:
        """Seconds since the beginning, which is ``already`` past where this is the first audio."""
        now = self._clock()
        if self._started is None:
            self._started = now - already
        return now - self._started

    def _note(self, key: object, at: int, length: int) -> None:
        """Remember where a piece of an item is."""
        if not length:
            return
        pieces = self._items.setdefault(key, [])
        if pieces and sum(pieces[-1]) == at:
            pieces[-1][1] += length
        else:
            pieces.append([at, length])
        while len(self._items) > _ITEMS:
            del self._items[next(iter(self._items))]

    def _end_model(self, at: int) -> None:
        self._cut += max(0, self._model.end - at)
        self._model.cut(at)
        for pieces in self._items.values():
            pieces[:] = [[start, min(length, at - start)] for start, length in pieces if start < at]
        self._disk.put(self._files.truncate, max(self._user.end, self._model.end))


class _Side:
    """One channel: where it ends, and what its resampler holds back."""

    def __init__(self, channel: int, rate: int, disk: Disk) -> None:
        self.end = 0
        self._channel = channel
        self._rate = rate
        self._disk = disk
        self._resampler: tuple[int, Resampler] | None = None

    def convert(self, samples: Samples, rate: int) -> tuple[float, Samples]:
        """The seconds that samples last, and themselves at the rate of the file, less what is held back."""
        if self._resampler is not None and self._resampler[0] != rate:
            self.end_stream()
        if rate == self._rate:
            return len(samples) / rate, samples
        if self._resampler is None:
            self._resampler = (rate, Resampler(rate, self._rate))
        return len(samples) / rate, self._resampler[1].process(samples)

    def place(self, at: int, samples: Samples) -> tuple[int, int]:
        """Append samples, behind a gap where ``at`` is well behind the end; returns place and length."""
        begin = at if at > self.end + _JITTER_S * self._rate else self.end
        self._disk.write(self._channel, begin, samples)
        self.end = begin + len(samples)
        return begin, len(samples)

    def end_stream(self) -> tuple[int, int]:
        """Append what the resampler held back; returns place and length."""
        if self._resampler is None:
            return self.end, 0
        (_, resampler), self._resampler = self._resampler, None
        return self.place(0, resampler.flush())

    def cut(self, at: int) -> None:
        """End at a place, if it is before the end."""
        self._resampler = None
        if at < self.end:
            self._disk.put(self._disk.files.silence, self._channel, at, self.end)
            self.end = at


def _talking(client: object) -> RealtimeClient:
    """The client that hears each chunk that is sent."""
    from voicewire.client import RealtimeClient
    from voicewire.sync_client import SyncRealtimeClient

    talking = client._client if isinstance(client, SyncRealtimeClient) else client
    if not isinstance(talking, RealtimeClient):
        raise TypeError(f"client is neither a RealtimeClient nor a SyncRealtimeClient: {type(client).__name__}")
    return talking


def _place_of(pieces: list[list[int]], heard: int) -> int:
    """Where an item is after so many of its samples."""
    for at, length in pieces:
        if heard <= length:
            return at + heard
        heard -= length
    return sum(pieces[-1])
