"""Utility events of the OpenAI reference client: who wants them, and how they are made of the session's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from voicewire.conversation import ConversationItem, ConversationUpdate, RealtimeEvent, delta_of

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.events import Event
    from voicewire.handlers import Handler

__all__ = ["UTILITY_EVENTS", "Through", "Utility"]

_OF_ITEMS = ("conversation.updated", "conversation.item.appended", "conversation.item.completed")
UTILITY_EVENTS = (*_OF_ITEMS, "conversation.interrupted", "realtime.event")


class Through:
    """A handler that is called with what a function makes of each event; an error names the handler itself."""

    def __init__(self, handler: Handler, make: Callable[[Any], Any]) -> None:
        self.handler = handler
        self._make = make

    def __call__(self, event: Any) -> None:
        """Make and hand on."""
        self.handler(self._make(event))


class Utility:
    """The handlers of utility events. Nothing is made while nobody listens."""

    def __init__(self, session: Session, failed: Callable[[Handler, Any, BaseException], None]) -> None:
        self._session = session
        # The owner holds this object: its method must not hold the owner.
        self._failed = WeakMethod(failed)
        self._handlers: dict[str, dict[int, Handler]] = {name: {} for name in _OF_ITEMS}
        self._tokens: dict[int, list[int]] = {}
        self._last = 0

    def add(self, name: str, handler: Handler) -> int:
        """Register a handler; returns a token, which is negative to tell it from the core's."""
        self._last -= 1
        if name in self._handlers:
            self._handlers[name][self._last] = handler
            self._session.tell_changes(True)
        elif name == "conversation.interrupted":
            interrupted = ConversationUpdate(name)
            self._tokens[self._last] = [
                self._session.add_handler("neutral:speech_started", Through(handler, lambda _: interrupted))
            ]
        else:
            self._tokens[self._last] = [
                self._session.add_handler("wire:*", Through(handler, lambda event: _logged(event, "server"))),
                self._session.add_handler("sent:*", Through(handler, lambda event: _logged(event, "client"))),
            ]
        return self._last

    def remove(self, token: int) -> None:
        """Take a handler out again."""
        for core in self._tokens.pop(token, ()):
            self._session.remove_handler(core)
        for handlers in self._handlers.values():
            handlers.pop(token, None)
        self._session.tell_changes(any(self._handlers.values()))

    def conversed(self, event: Event, item: ConversationItem, appended: bool, completed: bool) -> None:
        """An event has changed an item: tell who listens, in the reference client's order."""
        self._tell("conversation.updated", lambda name: ConversationUpdate(name, item, delta_of(event)))
        if appended:
            self._tell("conversation.item.appended", lambda name: ConversationUpdate(name, item))
        if completed:
            self._tell("conversation.item.completed", lambda name: ConversationUpdate(name, item))

    def _tell(self, name: str, make: Callable[[str], ConversationUpdate]) -> None:
        handlers = self._handlers[name]
        if not handlers:
            return
        update = make(name)
        for token in list(handlers):
            handler = handlers.get(token)
            if handler is not None:
                self._call(handler, update)

    def _call(self, handler: Handler, update: ConversationUpdate) -> None:
        try:
            handler(update)
        except Exception as error:
            failed = self._failed()
            if failed is not None:
                failed(handler, update, error)


def _logged(event: Event, source: Any) -> RealtimeEvent:
    # When it was received, told by the clock on the wall.
    age = time.monotonic() - event.received_at
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(time.time() - age, UTC)
    return RealtimeEvent(
        time=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), source=source, event=event.raw
    )
