"""A peer on the event loop of another thread, for tests whose own loop stands still."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.integration.peer import PATIENCE_S, Connection, Peer

T = TypeVar("T")


class Apart:
    """Enters a peer on a loop of its own; ``run`` blocks the calling thread, and with it the caller's event loop."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def url(self) -> str:
        return self._peer.url

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the peer's loop meanwhile."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T], patience: float = 2 * PATIENCE_S) -> T:
        """What a coroutine gives on the peer's loop; nothing else happens on this thread until then."""
        return self.start(work).result(patience)

    def connection(self, number: int = 0) -> Connection:
        """The connection of a client, in the order of their coming."""
        return self.run(self._peer.connection(number))

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._peer.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self._peer.__aexit__(kind, error, trace))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
            self._loop.close()
