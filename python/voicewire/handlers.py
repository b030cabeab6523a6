"""Names in ``on``: which events a handler gets, and the ordered worker behind an async handler."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias

from voicewire.events import KINDS, Event
from voicewire.exceptions import ConfigError
from voicewire.utility import UTILITY_EVENTS

if TYPE_CHECKING:
    from voicewire._voicewire import Session

__all__ = ["EventKey", "Handler", "Worker", "is_async", "keys_of", "kinds_of"]

EventKey: TypeAlias = str | type[Event]
Handler: TypeAlias = Callable[[Any], Any]

_SPELLINGS = {
    "turnComplete": "turn_complete",
    "tool-call": "tool_call",
}


def keys_of(event: EventKey) -> tuple[str, ...]:
    """The core's keys for an event: a class, a neutral name, a wire name, "server.*", "client.*" or "*".

    Raises:
        ConfigError: Neither a string nor an event class.
    """
    if isinstance(event, type) and issubclass(event, Event):
        return tuple(f"neutral:{name}" for name in kinds_of(event))
    if not isinstance(event, str) or not event:
        raise ConfigError("neither an event class nor a name", field="event", value=event)
    name = _SPELLINGS.get(event, event)
    if name in UTILITY_EVENTS:
        return (f"utility:{name}",)
    if name in KINDS and name != "server":
        return (f"neutral:{name}",)
    if name in ("*", "server.*"):
        return ("wire:*",)
    if name.startswith("server."):
        return (f"wire:{name.removeprefix('server.')}",)
    if name.startswith("client."):
        return (f"sent:{name.removeprefix('client.')}",)
    return (f"wire:{name}",)


def kinds_of(*events: EventKey) -> list[str]:
    """The neutral names of event classes; a base class stands for all below it.

    Raises:
        ConfigError: Neither an event class nor a neutral name.
    """
    found: dict[str, None] = {}
    for event in events:
        if isinstance(event, str) and _SPELLINGS.get(event, event) in KINDS:
            found[_SPELLINGS.get(event, event)] = None
        elif isinstance(event, type) and issubclass(event, Event):
            found.update({name: None for name, kind in KINDS.items() if issubclass(kind, event)})
        else:
            raise ConfigError("neither an event class nor a neutral name", field="event", value=event)
    return list(found)


def is_async(handler: Handler) -> bool:
    """Whether calling the handler gives a coroutine."""
    call = getattr(handler, "__call__", None)  # noqa: B004 - the method is wanted, not the answer
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


class Worker:
    """Runs an async handler: one event after the other, in order. What waits counts in the session's inbox."""

    def __init__(
        self, session: Session, handler: Handler, failed: Callable[[Handler, Event, BaseException], None]
    ) -> None:
        self._session = session
        self._handler = handler
        self._failed = failed
        self._waiting: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, event: Event) -> None:
        """Take an event behind those that wait."""
        self._session.hold(event._weight)
        self._waiting.append(event)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._handle(self._waiting[0])
        finally:
            # Emptied by the loop above, unless the task was cancelled.
            while self._waiting:
                self._take()
            self._task = None

    async def _handle(self, event: Event) -> None:
        try:
            coroutine: Coroutine[Any, Any, Any] = self._handler(event)
            await coroutine
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # The handler awaited something that was cancelled: its own affair.
            self._failed(self._handler, event, error)
        except Exception as error:
            self._failed(self._handler, event, error)
        self._take()

    def _take(self) -> None:
        self._session.release(self._waiting.popleft()._weight)
