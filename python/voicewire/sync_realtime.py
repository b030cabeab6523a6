"""The raw wire of a blocking client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from voicewire.dispatch_thread import DispatchThread
from voicewire.handlers import Handler
from voicewire.realtime import Realtime
from voicewire.sync_receipt import SyncReceipt

__all__ = ["SyncRealtime"]


class SyncRealtime:
    """Sends and receives the provider's own messages."""

    def __init__(self, realtime: Realtime, thread: DispatchThread) -> None:
        self._realtime = realtime
        self._thread = thread

    def send(self, type: str, payload: Mapping[str, Any] | None = None) -> SyncReceipt:
        """Send one message as it is; an ``event_id`` is added where there is none.

        Args:
            type: Wire name, such as "conversation.item.create".
            payload: The other fields.

        Returns:
            A receipt that resolves with the server's answer where the protocol has one, else once it is written.

        Raises:
            ConfigError: The payload is no mapping or not JSON.
            ConnectionClosed: The session is closing or closed.
        """
        return SyncReceipt(self._realtime.send(type, payload), self._thread)

    def on(self, event: str, handler: Handler | None = None) -> Callable[..., Any]:
        """As ``SyncRealtimeClient.on``, with "server.<type>", "client.<type>", "server.*" or "client.*"."""
        return self._realtime.on(event, handler)

    def off(self, event: str, handler: Handler | None = None) -> None:
        """As ``SyncRealtimeClient.off``."""
        self._realtime.off(event, handler)
