"""What a command returns: await it for the server's answer, or ignore it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

__all__ = ["Receipt"]


class Receipt:
    """The fate of one command. Can be awaited many times, from any event loop, or never.

    Awaiting gives the server's answer as a ``ServerEvent``, or None where the protocol has no answer (then once the
    command is written to the socket). It raises ``CommandRejected`` where the server refused, ``ConnectionClosed``
    where the session ended first, and ``AckTimeout`` after ``Timeouts.ack`` seconds without an answer. A refusal that
    nobody awaits still arrives as an ``ErrorEvent``.

    Attributes:
        event_id: The ``event_id`` sent with the command, or None where it has none.
        ignored: Session options that the service has no words for or shows differently than asked, once answered.
    """

    __slots__ = ("__weakref__", "_done", "_error", "_lock", "_value", "_waiters", "event_id", "ignored")

    def __init__(self, event_id: str | None = None) -> None:
        self.event_id = event_id
        self.ignored: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiters: list[Callable[[], object]] = []

    def done(self) -> bool:
        """Whether the fate of the command is known."""
        return self._done

    def result(self) -> Any:
        """The answer, or its exception raised.

        Raises:
            asyncio.InvalidStateError: The fate of the command is not known yet.
        """
        if not self._done:
            raise asyncio.InvalidStateError("the command has no answer yet")
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self) -> BaseException | None:
        """The exception, or None.

        Raises:
            asyncio.InvalidStateError: The fate of the command is not known yet.
        """
        if not self._done:
            raise asyncio.InvalidStateError("the command has no answer yet")
        return self._error

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._done:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._enlist(partial(_wake, future)):
                yield from future
        return self.result()

    def _enlist(self, wake: Callable[[], object]) -> bool:
        """Have a function called, from any thread, once the fate is known; False and called at once where it is."""
        with self._lock:
            if not self._done:
                self._waiters.append(wake)
                return True
        wake()
        return False

    def __repr__(self) -> str:
        fate = "open" if not self._done else "done" if self._error is None else repr(self._error)
        return f"<Receipt {self.event_id or ''} {fate}>".replace("  ", " ")

    def _settle(self, value: Any = None, error: BaseException | None = None, ignored: Sequence[str] = ()) -> None:
        with self._lock:
            if self._done:
                return
            self.ignored = tuple(ignored)
            self._value, self._error, self._done = value, error, True
            waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()


def _wake(waiter: asyncio.Future[None]) -> None:
    loop = waiter.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_release, waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
