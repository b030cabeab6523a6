"""Beside the path: the thread that writes a recording, so that a slow disk holds up nobody."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from voicewire.stereo import StereoFiles

if TYPE_CHECKING:
    from voicewire.stereo import Samples

__all__ = ["Disk"]

log = logging.getLogger("voicewire")


class Disk:
    """The thread that writes, in order; the first error ends the writing."""

    def __init__(self, files: StereoFiles, capacity: int) -> None:
        self.files = files
        self.error: OSError | None = None
        self.dropped = 0
        self._capacity = capacity
        self._waiting = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="voicewire-recorder", daemon=True)
        self._thread.start()

    def write(self, channel: int, at: int, samples: Samples) -> None:
        """Write samples soon, or drop them where too many wait."""
        with self._lock:
            is_full = self._waiting + len(samples) > self._capacity
            if is_full:
                self.dropped += len(samples)
            else:
                self._waiting += len(samples)
        if not is_full:
            self.put(self._write, channel, at, samples)

    def put(self, job: Callable[..., None], *arguments: Any) -> None:
        """Do something soon, behind what waits."""
        self._jobs.put((job, arguments))

    def close(self) -> None:
        """Wait until all is done."""
        self._jobs.put(None)
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _write(self, channel: int, at: int, samples: Samples) -> None:
        with self._lock:
            self._waiting -= len(samples)
        self.files.write(channel, at, samples)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self.error is None:
                self._try(*job)
        self._try(self.files.close, ())

    def _try(self, job: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            job(*arguments)
        except OSError as error:
            self.error = self.error or error
            log.error("recording stopped: %s", error)
