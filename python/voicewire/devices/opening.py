"""How a device is opened: in a thread, and closed again where nobody waits for it any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from voicewire.devices.backend import Stream
from voicewire.exceptions import DeviceError

__all__ = ["open_in_thread"]


async def open_in_thread(opened: Callable[[], Stream]) -> Stream:
    """Open a device beside the event loop, which takes a good part of a second.

    A caller that is cancelled meanwhile leaves no device open: it is closed as soon as it is open, beside the loop too.

    Raises:
        DeviceError: It cannot be opened.
        ConfigError: No device or more than one fits.
    """
    opening = _Opening(opened)
    try:
        return await asyncio.to_thread(opening.run)
    except BaseException:
        opening.abandon()
        raise


class _Opening:
    """A device on its way from the thread that opens it to a caller, who may leave at any time."""

    def __init__(self, opened: Callable[[], Stream]) -> None:
        self._opened = opened
        # Of the thread and the caller: whoever comes second closes what is abandoned.
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._is_abandoned = False

    def run(self) -> Stream:
        stream = self._opened()
        with self._lock:
            self._stream = stream
            is_abandoned = self._is_abandoned
        # Here and not on the loop, which may be closed by now.
        if is_abandoned:
            _close(stream)
        return stream

    def abandon(self) -> None:
        with self._lock:
            self._is_abandoned = True
            stream = self._stream
        if stream is not None:
            threading.Thread(target=_close, args=(stream,), name="voicewire-close").start()


def _close(stream: Stream) -> None:
    # Who was to be told of an error has left.
    with contextlib.suppress(DeviceError):
        stream.close()
