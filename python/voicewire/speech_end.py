"""When the user stopped speaking, by the loudness of what the microphone gave."""

from __future__ import annotations

from typing import Any

__all__ = ["SpeechEnd"]


class SpeechEnd:
    """Remembers the last loud chunk: servers tell the end of speech late and on a count of their own."""

    def __init__(self) -> None:
        self._loudest = _FLOOR_DBFS
        self._loud_at: float | None = None
        self._ended_at: float | None = None

    def hear(self, chunk: Any, now: float) -> None:
        """Take a chunk that ended at ``now``: 1-D int16 or float32 samples, or bytes-like int16."""
        level = _level(chunk)
        self._loudest = max(level, self._loudest - _FORGOTTEN_DB, _FLOOR_DBFS)
        if level > max(_FLOOR_DBFS, self._loudest - _RANGE_DB):
            self._loud_at = now

    def stopped(self, now: float) -> None:
        """The server heard the end of speech."""
        loud_at = self._loud_at
        is_known = loud_at is not None and now - _LONGEST_WAIT_S < loud_at <= now
        self._ended_at, self._loud_at = loud_at if is_known else now, None

    def take(self, now: float) -> float | None:
        """When the speech ended that the audio of ``now`` answers; None where it answers none, or was taken before."""
        ended_at, loud_at = self._ended_at, self._loud_at
        self._ended_at = self._loud_at = None
        if ended_at is None and loud_at is not None and now - loud_at < _LONGEST_WAIT_S:
            # A service that does not tell the end of speech.
            return loud_at
        return ended_at


def _level(chunk: Any) -> float:
    import numpy as np

    from voicewire.devices.level import dbfs

    if not isinstance(chunk, np.ndarray):
        return dbfs(np.frombuffer(chunk, "<i2").astype(np.int16, copy=False))
    return dbfs(chunk if chunk.dtype.kind == "i" else (chunk * 32_767).astype(np.int16))


_FLOOR_DBFS = -60.0
_RANGE_DB = 28.0
_FORGOTTEN_DB = 0.05
_LONGEST_WAIT_S = 10.0
