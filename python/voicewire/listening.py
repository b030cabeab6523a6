"""How a client is listened to: iterators, handlers, waiting for one event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from voicewire.exceptions import ConnectionClosed
from voicewire.handlers import EventKey, Handler, Worker, is_async, keys_of, kinds_of
from voicewire.patience import within
from voicewire.utility import Through

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.conversation import ConversationItem
    from voicewire.events import Event
    from voicewire.utility import Utility

__all__ = ["Entry", "Listening"]

H = TypeVar("H", bound=Handler)
Entry: TypeAlias = tuple[tuple[str, ...], Handler, list[int]]


class Listening:
    """The events of a client."""

    _session: Session
    _utility: Utility
    _registered: list[Entry]
    _waits: set[asyncio.Future[Any]]

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over all events of the session, from ``connect`` to ``Closed``; it does not end with a turn.

        Until somebody begins, the newest 1 MiB is kept, and of audio that a handler was given the first 64 KiB;
        ``dropped`` of the iterator counts what is missing.

        Raises:
            ConnectionClosed: ``connect`` was never called.
        """
        iterator = self._session.main_iterator()
        if iterator is None:
            raise ConnectionClosed(None, "session is idle: call connect() first")
        return iterator

    def events(self, *classes: EventKey) -> AsyncIterator[Event]:
        """Iterate over the events of these classes, independently of other iterators, from this call on."""
        return self._session.iterator(kinds_of(*classes))

    @overload
    def on(self, event: EventKey) -> Callable[[H], H]: ...

    @overload
    def on(self, event: EventKey, handler: Handler) -> Callable[[], None]: ...

    def on(self, event: EventKey, handler: Handler | None = None) -> Callable[..., Any]:
        """Call a handler, sync or async, with each event of a class or name.

        Args:
            event: An event class, a neutral name ("audio"), a wire name ("response.done", GA or beta), "*" or
                "server.*" for every wire event, "client.*" or "client.<type>" for what we send.
            handler: Takes the event. Left out, ``on`` is a decorator.

        Returns:
            A function that takes the handler out again.

        Raises:
            ConfigError: The event is neither a string nor an event class.
            TypeError: The handler cannot be called.
        """
        if handler is None:
            return partial(_decorate, self.on, event)
        entry = self._register(event, handler, self._callable(handler))
        return lambda: self._remove(entry)

    def once(self, event: EventKey, handler: Handler | None = None) -> Callable[..., Any]:
        """Call a handler with the next such event only; otherwise as ``on``."""
        if handler is None:
            return partial(_decorate, self.once, event)
        call = self._callable(handler)

        def taken_out(seen: Event) -> Event:
            self._remove(entry)
            return seen

        entry = self._register(event, handler, Through(call, taken_out))
        return lambda: self._remove(entry)

    def off(self, event: EventKey, handler: Handler | None = None) -> None:
        """Take a handler out, or all handlers of the event."""
        keys = keys_of(event)
        for entry in list(self._registered):
            if entry[0] == keys and handler in (None, entry[1]):
                self._remove(entry)

    async def wait_for(
        self, event: EventKey, timeout: float | None = None, *, predicate: Callable[[Any], bool] | None = None
    ) -> Any:
        """Wait for the next event of a class or name, and return it; events before the call do not count.

        Raises:
            TimeoutError: It did not come within ``timeout`` seconds.
            ConnectionClosed: The session is or was closed.
        """
        if self.state == "closed":
            raise ConnectionClosed(None, "session is closed")
        found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def seen(candidate: Event) -> None:
            try:
                if not found.done() and (predicate is None or predicate(candidate)):
                    found.set_result(candidate)
            except Exception as error:
                found.set_exception(error)

        unsubscribe = self.on(event, seen)
        self._waits.add(found)
        try:
            async with within(timeout, f"wait_for: no {_name_of(event)}"):
                return await found
        finally:
            self._waits.discard(found)
            unsubscribe()

    async def wait_for_session_created(self, timeout: float | None = None) -> bool:
        """Wait until the session is ready; True.

        Raises:
            ConnectionClosed: ``connect`` was not called, or the session ended.
            TimeoutError: It was not ready within ``timeout`` seconds.
        """
        if self.state == "idle":
            raise ConnectionClosed(None, "session is idle: call connect() first")
        if self.state == "connecting":
            await self.wait_for("open", timeout)
        elif self.state != "open":
            raise ConnectionClosed(None, f"session is {self.state}")
        return True

    async def wait_for_next_item(self, timeout: float | None = None) -> ConversationItem:
        """Wait for the next item that is added to the conversation, by either side."""
        item: ConversationItem = (await self.wait_for("conversation.item.appended", timeout)).item
        return item

    async def wait_for_next_completed_item(self, timeout: float | None = None) -> ConversationItem:
        """Wait for the next item of the conversation that is complete."""
        item: ConversationItem = (await self.wait_for("conversation.item.completed", timeout)).item
        return item

    def clear_event_handlers(self) -> None:
        """Take out all handlers."""
        for entry in list(self._registered):
            self._remove(entry)

    def _callable(self, handler: Handler) -> Handler:
        if not callable(handler):
            raise TypeError(f"handler cannot be called: {handler!r}")
        return Worker(self._session, handler, self._handler_failed) if is_async(handler) else handler

    def _register(self, event: EventKey, handler: Handler, call: Handler) -> Entry:
        keys = keys_of(event)
        entry = (keys, handler, [self._add_handler(key, call) for key in keys])
        self._registered.append(entry)
        return entry

    def _add_handler(self, key: str, call: Handler) -> int:
        kind, name = key.split(":", 1)
        return self._utility.add(name, call) if kind == "utility" else self._session.add_handler(key, call)

    def _remove(self, entry: Entry) -> None:
        for token in entry[2]:
            (self._utility.remove if token < 0 else self._session.remove_handler)(token)
        if entry in self._registered:
            self._registered.remove(entry)

    def _handler_failed(self, handler: Handler, event: Event, error: BaseException) -> None:
        raise NotImplementedError

    @property
    def state(self) -> Any:
        """Where the session is in its life."""
        raise NotImplementedError


def _name_of(event: EventKey) -> str:
    return event if isinstance(event, str) else event.__name__


def _decorate(register: Callable[[EventKey, H], object], event: EventKey, handler: H) -> H:
    register(event, handler)
    return handler
