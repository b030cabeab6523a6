"""How a blocking client is listened to: iterators, handlers, waiting for one event."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from voicewire.dispatch_thread import DispatchThread, outcome
from voicewire.exceptions import ConnectionClosed
from voicewire.handlers import EventKey, Handler
from voicewire.sync_events import SyncEvents

if TYPE_CHECKING:
    from voicewire.conversation import ConversationItem
    from voicewire.events import Event
    from voicewire.sync_inner import InnerClient

__all__ = ["SyncListening"]

H = TypeVar("H", bound=Handler)


class SyncListening:
    """The events of a blocking client."""

    _client: InnerClient
    _thread: DispatchThread

    def __iter__(self) -> SyncEvents:
        """Iterate over all events of the session, from ``connect`` to ``Closed``; it does not end with a turn.

        Raises:
            ConnectionClosed: ``connect`` was never called.
        """
        return SyncEvents(self._client, self._thread, aiter(self._client))

    def events(self, *classes: EventKey) -> SyncEvents:
        """Iterate over the events of these classes, independently of other iterators, from this call on."""
        return SyncEvents(self._client, self._thread, self._client.events(*classes))

    @overload
    def on(self, event: EventKey) -> Callable[[H], H]: ...

    @overload
    def on(self, event: EventKey, handler: Handler) -> Callable[[], None]: ...

    def on(self, event: EventKey, handler: Handler | None = None) -> Callable[..., Any]:
        """Call a handler, sync or async, on the dispatch thread with each event of a class or name.

        The handler must not block: while it runs, no other event of the client is handled.

        Args:
            event: As for ``RealtimeClient.on``.
            handler: Takes the event. Left out, ``on`` is a decorator.

        Returns:
            A function that takes the handler out again.

        Raises:
            ConfigError: The event is neither a string nor an event class.
            TypeError: The handler cannot be called.
        """
        return self._client.on(event) if handler is None else self._client.on(event, handler)

    def once(self, event: EventKey, handler: Handler | None = None) -> Callable[..., Any]:
        """Call a handler with the next such event only; otherwise as ``on``."""
        return self._client.once(event, handler)

    def off(self, event: EventKey, handler: Handler | None = None) -> None:
        """Take a handler out, or all handlers of the event."""
        self._client.off(event, handler)

    def clear_event_handlers(self) -> None:
        """Take out all handlers."""
        self._client.clear_event_handlers()

    def wait_for(
        self, event: EventKey, timeout: float | None = None, *, predicate: Callable[[Any], bool] | None = None
    ) -> Any:
        """Wait for the next event of a class or name, and return it; events before the call do not count.

        Events go on between two calls: what an own command brings may have come before the wait begins. Make an
        iterator of ``events`` before the command, and take its ``next(timeout)``.

        Args:
            event: As for ``RealtimeClient.on``.
            timeout: Seconds, None for no limit.
            predicate: Whether an event is the one; called on the dispatch thread.

        Raises:
            TimeoutError: It did not come within ``timeout`` seconds.
            ConnectionClosed: The session is or was closed.
            VoicewireError: The caller is a handler.
        """
        with self._expecting("wait_for()", event, predicate) as found:
            return outcome(found, timeout)

    def wait_for_session_created(self, timeout: float | None = None) -> bool:
        """Wait until the session is ready; True.

        Raises:
            ConnectionClosed: ``connect`` was not called, or the session ended.
            TimeoutError: It was not ready within ``timeout`` seconds.
            VoicewireError: The caller is a handler.
        """
        with self._expecting("wait_for_session_created()", "open") as opened:
            # Looked at behind the registration, so that the session cannot open in between.
            state = self._client.state
            if state == "connecting":
                outcome(opened, timeout)
            elif state != "open":
                raise ConnectionClosed(None, f"session is {state}")
        return True

    def wait_for_next_item(self, timeout: float | None = None) -> ConversationItem:
        """Wait for the next item that is added to the conversation, by either side; errors as of ``wait_for``."""
        item: ConversationItem = self.wait_for("conversation.item.appended", timeout).item
        return item

    def wait_for_next_completed_item(self, timeout: float | None = None) -> ConversationItem:
        """Wait for the next item of the conversation that is complete; errors are those of ``wait_for``."""
        item: ConversationItem = self.wait_for("conversation.item.completed", timeout).item
        return item

    @contextmanager
    def _expecting(
        self, name: str, event: EventKey, predicate: Callable[[Any], bool] | None = None
    ) -> Iterator[concurrent.futures.Future[Any]]:
        self._thread.refuse(name)
        found: concurrent.futures.Future[Any] = concurrent.futures.Future()
        with self._client.telling_the_end(found):
            unsubscribe = self._client.on(event, partial(_seen, found, predicate))
            try:
                yield found
            finally:
                unsubscribe()


def _seen(found: concurrent.futures.Future[Any], predicate: Callable[[Any], bool] | None, candidate: Event) -> None:
    # The end of the session may settle it in the same moment.
    with suppress(concurrent.futures.InvalidStateError):
        try:
            fits = not found.done() and (predicate is None or predicate(candidate))
        except Exception as error:
            found.set_exception(error)
            return
        if fits:
            found.set_result(candidate)
