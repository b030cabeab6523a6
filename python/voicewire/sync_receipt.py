"""What a command of a blocking client returns: wait for the server's answer, or ignore it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

from voicewire.dispatch_thread import DispatchThread, wait
from voicewire.receipt import Receipt

__all__ = ["SyncReceipt"]


class SyncReceipt:
    """The fate of one command: ``result`` waits for it, from any thread but the one that handlers run on.

    A refusal that nobody waits for still arrives as an ``ErrorEvent``. In an async handler a receipt can be awaited.
    """

    __slots__ = ("__weakref__", "_known", "_receipt", "_thread")

    def __init__(self, receipt: Receipt, thread: DispatchThread) -> None:
        self._receipt = receipt
        self._thread = thread
        self._known: threading.Event | None = None

    @property
    def event_id(self) -> str | None:
        """The ``event_id`` sent with the command, or None where it has none."""
        return self._receipt.event_id

    @property
    def ignored(self) -> tuple[str, ...]:
        """Session options that the service has no words for or shows differently than asked, once answered."""
        return self._receipt.ignored

    def done(self) -> bool:
        """Whether the fate of the command is known."""
        return self._receipt.done()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the answer: a ``ServerEvent``, or None where the protocol has none (once the command is written).

        Raises:
            TimeoutError: It took longer than ``timeout`` seconds; the command goes on.
            CommandRejected: The server refused.
            AckTimeout: No answer came within ``Timeouts.ack`` seconds.
            ConnectionClosed: The session ended first.
            VoicewireError: A handler waits for an answer that only its own thread could bring.
        """
        self._wait("result()", timeout)
        return self._receipt.result()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the answer, and return its exception or None; otherwise as ``result``."""
        self._wait("exception()", timeout)
        return self._receipt.exception()

    def _wait(self, name: str, timeout: float | None) -> None:
        if self._receipt.done():
            return
        self._thread.refuse(name)
        if self._known is None:
            known = threading.Event()
            self._receipt._enlist(known.set)
            self._known = known
        if not wait(self._known, timeout):
            raise TimeoutError(f"no answer within {timeout} s")

    def __await__(self) -> Generator[Any, None, Any]:
        return self._receipt.__await__()

    def __repr__(self) -> str:
        return f"<Sync{repr(self._receipt)[1:]}"
