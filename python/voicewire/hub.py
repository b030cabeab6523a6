"""One hub for each event loop: takes what all its sessions have received out of the core, one wake per batch."""

from __future__ import annotations

import asyncio
import threading
import weakref

from voicewire._voicewire import Hub
from voicewire.process import configure_from_environment

__all__ = ["hub_of"]

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def hub_of(loop: asyncio.AbstractEventLoop) -> Hub:
    """Return the hub of a running loop; the first call connects it."""
    with _lock:
        hub = _hubs.get(loop)
        if hub is None:
            if not _hubs:
                configure_from_environment()
            hub = _hubs[loop] = Hub()
            _watch(loop, hub)
        return hub


def _watch(loop: asyncio.AbstractEventLoop, hub: Hub) -> None:
    try:
        loop.add_reader(hub.fileno(), hub.drain)
    except NotImplementedError:
        # Loops without descriptors (Windows' Proactor): a thread waits for them.
        thread = threading.Thread(target=_relay, args=(weakref.ref(loop), hub), daemon=True, name="voicewire-hub")
        thread.start()


def _relay(of_loop: weakref.ref[asyncio.AbstractEventLoop], hub: Hub) -> None:
    import select

    while True:
        select.select([hub.fileno()], [], [])
        loop = of_loop()
        if loop is None or loop.is_closed():
            hub.close()
            return
        drained = threading.Event()

        def drain(drained: threading.Event = drained) -> None:
            try:
                hub.drain()
            finally:
                drained.set()

        try:
            loop.call_soon_threadsafe(drain)
        except RuntimeError:
            hub.close()
            return
        del loop
        drained.wait()
