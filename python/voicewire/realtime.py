"""The raw wire of a client, for messages and names that have no neutral form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from voicewire import parse
from voicewire.exceptions import ConfigError

if TYPE_CHECKING:
    from voicewire.client import RealtimeClient
    from voicewire.handlers import Handler
    from voicewire.receipt import Receipt

__all__ = ["Realtime"]


class Realtime:
    """Sends and receives the provider's own messages."""

    def __init__(self, client: RealtimeClient) -> None:
        # The client holds this object: a plain reference would be a cycle that only the collector could undo.
        import weakref

        self._client = weakref.proxy(client)

    def send(self, type: str, payload: Mapping[str, Any] | None = None) -> Receipt:
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
        if payload is not None and not isinstance(payload, Mapping):
            raise ConfigError("payload is no mapping", field="payload", value=payload)
        message = {"type": parse.text("type", type), "payload": dict(payload or {})}
        receipt: Receipt = self._client._command("raw", message)
        return receipt

    def on(self, event: str, handler: Handler | None = None) -> Callable[..., Any]:
        """As ``RealtimeClient.on``, with "server.<type>", "client.<type>", "server.*" or "client.*"."""
        unsubscribe: Callable[..., Any] = self._client.on(event, handler)
        return unsubscribe

    def off(self, event: str, handler: Handler | None = None) -> None:
        """As ``RealtimeClient.off``."""
        self._client.off(event, handler)
