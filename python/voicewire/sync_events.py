"""Step "drain → for": the events of a session for a thread that waits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Self, cast

from voicewire.dispatch_thread import DispatchThread, wait
from voicewire.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from voicewire._voicewire import EventIterator
    from voicewire.client import RealtimeClient
    from voicewire.events import Event

__all__ = ["SyncEvents"]


class SyncEvents:
    """Iterates over events of one session until ``Closed``; the loop waits where there are none.

    What has come and was not taken counts in ``Limits.inbox_bytes``; when that is full, the socket waits. Threads may
    share an iterator: each event goes to one of them. It keeps its client alive.
    """

    def __init__(self, client: RealtimeClient, thread: DispatchThread, events: AsyncIterator[Event]) -> None:
        self._client = client
        self._thread = thread
        self._events = cast("EventIterator", aiter(events))
        self._lock = threading.Lock()
        self._news = self._next_news = _News()
        self._news.set_result(None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        return self._take(None, StopIteration)

    def next(self, timeout: float | None = None) -> Event:
        """Wait for the next event, at most ``timeout`` seconds.

        Raises:
            TimeoutError: None came; no event is lost.
            ConnectionClosed: The session has ended, and all its events were taken.
            VoicewireError: The caller is a handler, on the thread that brings the events.
        """
        return self._take(timeout, lambda: ConnectionClosed(None, "session has ended: there are no more events"))

    @property
    def dropped(self) -> int:
        """Events not kept because nobody had begun to iterate: beyond 1 MiB, or 64 KiB of handled audio."""
        return self._events.dropped

    def _take(self, timeout: float | None, ended: Callable[[], Exception]) -> Event:
        self._thread.refuse("iteration")
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                # Unless there is news since the last look, there is nothing.
                if self._news.done():
                    try:
                        event = self._look()
                    except StopAsyncIteration:
                        raise ended() from None
                    if event is not None:
                        return event
                    self._news = self._next_news
                news = self._news
            if not wait(news.event, None if until is None else until - time.monotonic()):
                raise TimeoutError(f"no event within {timeout} s")

    def _look(self) -> Event | None:
        """Take the next event, or have the queue tell of it."""
        self._next_news = _News()
        event = self._poll()
        # The queue may have got one after it was found empty and before it knew whom to tell.
        return self._poll() if event is None else event

    def _poll(self) -> Event | None:
        """Take the next event, or leave what is to be told of it.

        The queue asks the running loop for the future that it tells: here that is this object, which makes one for a
        thread, and a loop that really runs in this thread stands back meanwhile.
        """
        running = asyncio._get_running_loop()
        try:
            asyncio._set_running_loop(cast(Any, self))
            next(self._events.__anext__())
        except StopIteration as found:
            event: Event = found.value
            return event
        finally:
            asyncio._set_running_loop(running)
        return None

    def create_future(self) -> _News:
        """Give what the queue tells of its next event; for the queue alone."""
        return self._next_news


class _News:
    """As much of a future as a queue needs, for a thread that waits."""

    _asyncio_future_blocking = False

    def __init__(self) -> None:
        self.event = threading.Event()

    def done(self) -> bool:
        return self.event.is_set()

    def set_result(self, _: None) -> None:
        self.event.set()
