"""A session that is opened while nobody awaits it: events tell how it went."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from voicewire.exceptions import VoicewireError

if TYPE_CHECKING:
    from voicewire.client import RealtimeClient

__all__ = ["Background"]

# Event loops hold their tasks weakly, and until a session is open nothing else may hold its client.
_running: set[asyncio.Task[None]] = set()


class Background:
    """Takes a client that has begun to connect on to "open"; belongs to the running event loop."""

    def __init__(self, client: RealtimeClient) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(_reach(client))
        _running.add(self._task)
        self._task.add_done_callback(_running.discard)

    def cancel(self) -> None:
        """Stop, from any thread; a session that is open stays so."""
        if not self._task.done() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)


def tell_failure(client: RealtimeClient, error: BaseException) -> None:
    """Tell handlers and iterators that no session came about, and why unless it was wished."""
    if client.state != "connecting" or isinstance(error, asyncio.CancelledError):
        client._session.report_closed(1000, "disconnected while connecting", True)
        return
    if not isinstance(error, VoicewireError):
        # A token provider may raise anything; events carry errors of ours.
        cause, error = error, VoicewireError(f"the session did not come about: {error!r}")
        error.__cause__ = cause
    client._session.report(error, True)
    client._session.report_closed(1006, "the session did not come about", False)


async def _reach(client: RealtimeClient) -> None:
    # The client has told it by then.
    with suppress(Exception):
        await client._reach(None)
