"""A client in one call: it returns at once, and the session opens in the background."""

from __future__ import annotations

import asyncio
from typing import Any

from voicewire.client import RealtimeClient
from voicewire.exceptions import VoicewireError

__all__ = ["create_realtime"]


def create_realtime(model: str | None = None, **options: Any) -> RealtimeClient:
    """Make a client that connects in the background of the running event loop, and return it at once.

    The event "open" tells that it is ready: ``client.on("open", …)`` or ``await client.wait_for("open")``. Commands and
    audio that are given before are kept and sent then. Where no session comes about, handlers and iterators get an
    ``ErrorEvent`` that is fatal, then ``Closed`` with code 1006. ``disconnect`` ends it in any state; a client that is
    dropped without it warns.

    Args:
        model: As of ``RealtimeClient``.
        options: All other arguments of ``RealtimeClient``, session options too.

    Raises:
        ConfigError: The provider or an option is unknown or wrong; it names the choices.
        UnsupportedError: The provider is known and not built yet.
        VoicewireError: No event loop is running.
    """
    client = RealtimeClient(model, **options)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise VoicewireError("no event loop is running: call create_realtime() in an async function") from None
    client._connect_in_background()
    return client
