"""Clients and forks: in a child process the clients of its parent are out of reach."""

from __future__ import annotations

import os
import sys
import weakref
from typing import TYPE_CHECKING, Any

from voicewire.exceptions import ForkedError

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.client import RealtimeClient, State

__all__ = ["clients", "watch"]


def watch(client: RealtimeClient) -> None:
    """Make the client of this process raise ``ForkedError`` in a forked child."""
    _clients.add(client)


def clients() -> list[RealtimeClient]:
    """Return the clients of this process that somebody still holds."""
    return list(_clients)


class _ForkedSession:
    """Stands for a session that belongs to the parent process."""

    phase: State = "closed"

    def close(self) -> list[int]:
        return []

    def __getattr__(self, name: str) -> Any:
        raise ForkedError("client was made before a fork and belongs to the parent process")


def _forsake() -> None:
    """In a forked child: the sockets and threads of these clients are the parent's."""
    for client in list(_clients):
        # Kept alive, so that dropping it does not touch what the two processes share.
        _forsaken.append(client._session)
        client._session = _ForkedSession()  # type: ignore[assignment]
        client._state, client._loop = "closed", None
    if (hub := sys.modules.get("voicewire.hub")) is not None:
        hub.forsake_hubs()


_clients: weakref.WeakSet[RealtimeClient] = weakref.WeakSet()
_forsaken: list[Session] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forsake)
