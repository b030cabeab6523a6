"""One hub for each event loop: takes what all its sessions have received out of the core, one wake per batch."""

from __future__ import annotations

import asyncio
import threading
import weakref

from voicewire._voicewire import Hub
from voicewire.process import configure_from_environment, driver_for

__all__ = ["forsake_hubs", "hub_of", "leave"]

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()
_forsaken: list[Hub] = []
_lock = threading.Lock()


def hub_of(loop: asyncio.AbstractEventLoop) -> Hub:
    """Return the hub of a running loop; the first call connects it.

    Raises:
        ConfigError: The environment holds a wrong setting, or the loop cannot run sessions here.
    """
    with _lock:
        hub = _hubs.get(loop)
        if hub is None:
            configure_from_environment()
            hub = Hub(inline=driver_for(loop) == "inline")
            _watch(loop, hub)
            _hubs[loop] = hub
        return hub


def leave(loop: asyncio.AbstractEventLoop) -> None:
    """Close the sockets that a closed loop has left open; those of I/O threads say goodbye by themselves."""
    with _lock:
        hub = _hubs.pop(loop, None)
    if hub is not None:
        hub.close()


def forsake_hubs() -> None:
    """In a forked child: the sockets of all hubs are the parent's, and the child's loops get hubs of their own."""
    global _lock
    # Another thread of the parent may have held it.
    _lock = threading.Lock()
    for hub in _hubs.values():
        hub.forsake()
    _forsaken.extend(_hubs.values())
    _hubs.clear()


# Event loops round their waits up to whole milliseconds.
_ROUNDED_UP_S = 0.001


class _Turns:
    """Lets a hub serve its sockets on the loop's thread: when they have something, and when a timer of theirs is due.

    A busy hub has its descriptor left alone for a while, so that one turn serves the sockets of many sessions.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, hub: Hub, descriptor: int) -> None:
        self._loop = weakref.ref(loop)
        self._turn = hub.turn
        self._descriptor = descriptor
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._is_watching = True
        loop.add_reader(descriptor, self)

    def __call__(self) -> None:
        loop = self._loop()
        if loop is None:
            return
        try:
            self._go_on(loop, *self._turn())
        except BaseException:
            # The KeyboardInterrupt of a handler ends the loop, which may be run again, to say goodbye at the least.
            loop.call_soon(self)
            raise

    def _go_on(self, loop: asyncio.AbstractEventLoop, wait: float | None, rest: float | None) -> None:
        if rest is not None:
            if self._is_watching:
                loop.remove_reader(self._descriptor)
                self._is_watching = False
            loop.call_later(max(rest - _ROUNDED_UP_S, 0), self)
        elif not self._is_watching:
            loop.add_reader(self._descriptor, self)
            self._is_watching = True
        if wait is not None:
            self._arm(loop, loop.time() + wait)

    def _arm(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due, self._timer = due, loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._is_watching:
            self()


def _watch(loop: asyncio.AbstractEventLoop, hub: Hub) -> None:
    if (descriptor := hub.turn_descriptor) is not None:
        _Turns(loop, hub, descriptor)
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
