"""Ends a session that reached a limit of money, time or silence: one timer each, nothing per event."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from voicewire.cost import cost_of
from voicewire.exceptions import LimitExceeded, LimitKind
from voicewire.policy import Limits
from voicewire.prices import Prices, prices_for, read_prices
from voicewire.usage import Usage

if TYPE_CHECKING:
    from voicewire.client import RealtimeClient
    from voicewire.events import Event, TurnComplete
    from voicewire.handlers import Handler

__all__ = ["Guard"]

# What OpenAI bills for speech; others bill more for a second, which errs towards waiting longer.
_AUDIO_TOKENS_PER_S = 20
# While something is under way, its progress is looked at four times per timeout.
_LOOKS = 4


class Guard:
    """Watches the limits of one client, which it holds weakly.

    Silence is told by events that come a few times per turn, and by our commands. Audio has no handler here: only while
    the model or the user speaks, the session's counters are read, at each look.

    Raises:
        ConfigError: ``max_cost`` is set and the model has no prices.
    """

    def __init__(self, client: RealtimeClient, limits: Limits) -> None:
        self._client = weakref.ref(client)
        self._limits = limits
        self._timers: dict[LimitKind, asyncio.TimerHandle] = {}
        self._active_at = 0.0
        self._answer_began = 0.0
        self._is_answering = self._is_speaking = False
        self._seen = (0, 0)
        if limits.max_cost is not None and (client.model or client._destination.token_provider is None):
            self._prices(client)
        if limits.idle_timeout is not None:
            for kind, handler in self._handlers().items():
                client._session.add_handler(f"neutral:{kind}", handler)

    def check(self) -> None:
        """Raise ``LimitExceeded`` where the client has no money left, ``ConfigError`` where there are no prices."""
        client, allowed = self._client(), self._limits.max_cost
        if client is None or allowed is None:
            return
        spent = cost_of(client.usage, self._prices(client))
        if spent >= allowed:
            raise LimitExceeded("max_cost", float(spent), allowed)

    def start(self) -> None:
        """The session is ready: begin to count. A reconnection goes on with the time of its session."""
        self._is_answering = self._is_speaking = False
        self.touch()
        if self._limits.max_duration is not None and "max_duration" not in self._timers:
            self._arm("max_duration", self._limits.max_duration, self._expire)
        if self._limits.idle_timeout is not None and "idle_timeout" not in self._timers:
            self._arm("idle_timeout", self._limits.idle_timeout, self._look)

    def stop(self) -> None:
        """The session is over."""
        timers, self._timers = self._timers, {}
        for timer in timers.values():
            timer.cancel()

    def touch(self) -> None:
        """The application did something."""
        self._active_at = max(self._active_at, time.monotonic())

    def used(self, usage: Usage) -> None:
        """A response was billed: end the session where the money is gone."""
        heard_at = self._answer_began + usage.output_audio_tokens / _AUDIO_TOKENS_PER_S
        self._active_at = max(self._active_at, heard_at)
        client = self._client()
        if self._limits.max_cost is None or client is None or client._loop is None:
            return
        try:
            self.check()
        except LimitExceeded as error:
            # Behind the event that told of it.
            client._loop.call_soon(_call, weakref.WeakMethod(self._end), error)

    def _prices(self, client: RealtimeClient) -> Prices:
        return prices_for(read_prices(self._limits.prices), client.provider, client.model)

    def _handlers(self) -> dict[str, Handler]:
        return {
            "speech_started": self._speech_started,
            "speech_stopped": self._speech_stopped,
            "input_committed": self._speech_stopped,
            "input_transcript": self._noticed,
            "response_started": self._response_started,
            "turn_complete": self._turn_complete,
        }

    def _noticed(self, event: Event) -> None:
        self.touch()

    def _speech_started(self, event: Event) -> None:
        self._is_speaking = True
        self._progress()

    def _speech_stopped(self, event: Event) -> None:
        self._is_speaking = False
        self.touch()

    def _response_started(self, event: Event) -> None:
        self._is_answering = True
        self._answer_began = time.monotonic()
        self._progress()

    def _turn_complete(self, event: TurnComplete) -> None:
        self._is_answering = False
        if event.status == "cancelled":
            self._active_at = 0.0  # the rest of the answer is not heard
        self.touch()

    def _progress(self) -> None:
        """Note how far the counters are, so that the next look can tell whether they moved."""
        self._has_moved()
        self.touch()

    def _has_moved(self) -> bool:
        client = self._client()
        if client is None:
            return False
        counts = client._session.stats()
        seen, self._seen = self._seen, (counts["messages_in"], counts["messages_out"])
        return (self._is_answering and self._seen[0] > seen[0]) or (
            (self._is_speaking or self._is_manual(client)) and self._seen[1] > seen[1]
        )

    @staticmethod
    def _is_manual(client: RealtimeClient) -> bool:
        # Without turn detection nobody tells that the user speaks: audio that is sent is all there is to see.
        return client._config.turn_detection is None

    def _look(self) -> None:
        allowed = self._limits.idle_timeout
        client = self._client()
        if allowed is None or client is None:
            return
        watches_traffic = self._is_answering or self._is_speaking or self._is_manual(client)
        if watches_traffic and self._has_moved():
            self.touch()
        quiet = time.monotonic() - self._active_at
        if quiet >= allowed:
            self._end(LimitExceeded("idle_timeout", quiet, allowed))
            return
        wait = allowed - quiet
        self._arm("idle_timeout", min(wait, allowed / _LOOKS) if watches_traffic else wait, self._look)

    def _expire(self) -> None:
        allowed = self._limits.max_duration
        if allowed is not None:
            self._end(LimitExceeded("max_duration", allowed, allowed))

    def _end(self, error: LimitExceeded) -> None:
        client = self._client()
        if client is not None and client._state in ("connecting", "open"):
            self.stop()
            client._session.report(error, True)
            client.disconnect()

    def _arm(self, limit: LimitKind, delay: float, ring: Callable[[], None]) -> None:
        client = self._client()
        if client is not None and client._loop is not None:
            # Weakly: a timer of an hour must not keep a forgotten client for an hour.
            self._timers[limit] = client._loop.call_later(delay, _call, weakref.WeakMethod(ring))


def _call(method: weakref.WeakMethod[Callable[..., None]], *arguments: object) -> None:
    if (found := method()) is not None:
        found(*arguments)
