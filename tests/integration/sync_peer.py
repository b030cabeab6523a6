"""A peer for blocking clients: it runs on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from tests.integration.peer import PATIENCE_S, Action, Peer

import voicewire as vw

T = TypeVar("T")
DISPATCH = "voicewire-dispatch"


class Away:
    """A peer on another thread."""

    def __init__(self, peer: Peer, loop: asyncio.AbstractEventLoop) -> None:
        self._peer = peer
        self._loop = loop

    @property
    def url(self) -> str:
        return self._peer.url

    def has_gone(self, number: int = 0) -> None:
        """Wait until a client has left."""
        self._run(self._gone(number))

    def expect(self, type: str, count: int = 1) -> dict[str, Any]:
        """Wait for the ``count``-th message of this type."""
        return self._run(self._expect(type, count))

    def is_stuck(self) -> None:
        """Wait until the client has taken nothing for a while."""
        self._run(self._stuck())

    def arrived(self) -> None:
        """Wait for a client."""
        self._run(self._peer.connection())

    async def _gone(self, number: int) -> None:
        await (await self._peer.connection(number)).gone.wait()

    async def _expect(self, type: str, count: int) -> dict[str, Any]:
        return await (await self._peer.connection()).expect(type, count)

    async def _stuck(self) -> None:
        await (await self._peer.connection()).blocked.wait()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)


@contextmanager
def peer_away(*actions: Action, **options: Any) -> Iterator[Away]:
    """Serve clients with a ``Peer`` of these actions."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="peer")
    thread.start()
    peer = Peer(*actions, **options)
    try:
        asyncio.run_coroutine_threadsafe(peer.__aenter__(), loop).result(PATIENCE_S)
        yield Away(peer, loop)
        asyncio.run_coroutine_threadsafe(peer.__aexit__(None, None, None), loop).result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


class Aside:
    """Runs a function in another thread; leaving waits for it and raises what it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
        self.result: Any = None

    def _run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:
            self._error = error

    def join(self) -> Any:
        """Wait for what the function returns or raises."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return self.result

    def __enter__(self) -> Aside:
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.join()


def error_of(work: Callable[[], Any]) -> BaseException:
    """The error of ours that a function raises."""
    with pytest.raises(vw.VoicewireError) as raised:
        work()
    return raised.value


def dispatch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == DISPATCH]


def until(events: vw.SyncEvents, kind: type[vw.Event]) -> list[Any]:
    """Take events up to and with the first of a class."""
    taken: list[Any] = [events.next(PATIENCE_S)]
    while not isinstance(taken[-1], kind):
        taken.append(events.next(PATIENCE_S))
    return taken


def until_somebody_listens(client: vw.SyncRealtimeClient, handlers: int = 1) -> None:
    """Wait until so many handlers are registered, perhaps by other threads."""
    ends = time.monotonic() + PATIENCE_S
    while len(client._client._registered) < handlers:
        assert time.monotonic() < ends
        threading.Event().wait(0.001)


@contextmanager
def waiting_for(client: vw.SyncRealtimeClient, event: Any, **options: Any) -> Iterator[Aside]:
    """Wait for an event in another thread; what follows happens while it waits."""
    handlers = len(client._client._registered)
    with Aside(lambda: client.wait_for(event, timeout=PATIENCE_S, **options)) as waiting:
        until_somebody_listens(client, handlers + 1)
        yield waiting
