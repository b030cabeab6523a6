"""How the commands of a client are answered: each has a receipt, from the call to the end of the session."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from voicewire import parse
from voicewire.exceptions import ConnectionClosed
from voicewire.receipt import Receipt

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.guard import Guard
    from voicewire.policy import Timeouts

__all__ = ["Settling"]


class Settling:
    """The receipts of a client."""

    _session: Session
    _guard: Guard
    _timeouts: Timeouts
    _lock: threading.Lock
    _receipts: dict[int, Receipt]
    # Answers that came before the receipt was made.
    _early: dict[int, tuple[Any, BaseException | None, Sequence[str]]]

    async def ping(self, timeout: float | None = None) -> bool:
        """Whether the server answers a WebSocket ping within ``timeout`` seconds (default: ``Timeouts.ack``)."""
        try:
            receipt = self._receipt(lambda: (self._session.ping(), None))
            async with asyncio.timeout(self._timeouts.ack if timeout is None else timeout):
                await receipt
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    async def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was sent is written to the socket.

        Raises:
            TimeoutError: It took longer than ``timeout`` seconds.
            ConnectionClosed: The session ended first.
        """
        receipt = self._receipt(lambda: (self._session.flush(), None))
        async with asyncio.timeout(timeout):
            await receipt

    def _settled(self, number: int, value: Any, error: Exception | None, ignored: Sequence[str] = ()) -> None:
        with self._lock:
            receipt = self._receipts.pop(number, None)
            if receipt is None:
                # The calling thread has not made the receipt yet.
                self._early[number] = (value, error, ignored)
                return
        receipt._settle(value, error, ignored)

    def _command(self, kind: str, payload: Mapping[str, Any] | None = None) -> Receipt:
        text = parse.json_text("payload", payload or {})
        self._guard.touch()
        return self._receipt(lambda: self._session.command(kind, text))

    def _receipt(self, send: Callable[[], tuple[int, str | None]]) -> Receipt:
        with self._lock:
            number, event_id = send()
            receipt = Receipt(event_id)
            early = self._early.pop(number, None)
            if early is None:
                self._receipts[number] = receipt
        if early is not None:
            receipt._settle(*early)
        return receipt

    def _abandon(self, numbers: list[int]) -> None:
        for number in numbers:
            self._settled(number, None, ConnectionClosed(None, "session closed before the command was sent"))
