"""What the listener of a client has heard, and whole calls with a microphone and a speaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicewire.playback import PlaybackClock

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.events import AudioDelta, Closed, Event, Interrupted, ResponseStarted, TurnComplete

__all__ = ["Playing"]


class Playing:
    """The listener's end of a client."""

    _session: Session
    _playback: PlaybackClock | None = None

    @property
    def playback(self) -> PlaybackClock:
        """What the listener has heard of each item: counted from the first use of this property on.

        It follows ``report_played``, and the clock where nothing is reported; ``Interrupted`` flushes it.
        """
        if self._playback is None:
            self._playback = PlaybackClock()
            for kind, handler in _Feed(self._playback).handlers().items():
                self._session.add_handler(f"neutral:{kind}", handler)
        return self._playback

    async def wait_played(self, item_id: str | None = None) -> None:
        """Wait until the listener has heard all that came, and no response is under way.

        Audio that came before the first use of ``playback``, ``ask`` or this method does not count.

        Args:
            item_id: Wait for what came of this item alone.
        """
        await self.playback.wait_played(item_id)


class _Feed:
    """Tells a clock what a session hears; it holds no client, so that nothing keeps one alive."""

    def __init__(self, clock: PlaybackClock) -> None:
        self._clock = clock

    def handlers(self) -> dict[str, object]:
        return {
            "audio": self._audio,
            "interrupted": self._interrupted,
            "response_started": self._started,
            "turn_complete": self._complete,
            "reconnected": self._lost,
            "close": self._lost,
        }

    def _audio(self, event: AudioDelta) -> None:
        self._clock.receive(event.item_id, len(event.audio), event.sample_rate)

    def _interrupted(self, event: Interrupted) -> None:
        played = self._clock.item(event.item_id)
        if played is None or event.heard_ms is None:
            self._clock.flush()
        else:
            self._clock.flush({played.item_id: event.heard_ms * played.sample_rate // 1000})

    def _started(self, event: ResponseStarted) -> None:
        self._clock.begin(event.response_id)

    def _complete(self, event: TurnComplete) -> None:
        self._clock.complete(event.response_id)

    def _lost(self, event: Event | Closed) -> None:
        self._clock.abandon()
