"""One session of a load test: it listens to a model that talks on and on, and tells the tally what came."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import voicewire as vw
from voicewire.distribution import Distribution

__all__ = ["REQUEST", "BenchSession", "Tally"]

REQUEST = "Tell me a long story about a harbour town. Do not stop before I ask you to."
"""What is asked of the model, again and again: an answer that is longer than the measurement."""


@dataclass
class Tally:
    """What came, of all sessions together; counted while ``is_counting``.

    Attributes:
        delay: Milliseconds from the receipt of audio, by the I/O thread or inline, until the handler has it.
        connect: Milliseconds until a session was ready.
        first_audio: Milliseconds from the first request until its first audio.
        audio_events: Pieces of audio.
        audio_s: Their length together.
        failed: Sessions that could not be opened.
        lost: Sessions that ended while they were needed.
        chunks: Chunks of the microphone that were sent.
        missed: Chunks that were due and were not sent: the outbox was full or the loop too late.
        errors: What went wrong, by text, and how often.
    """

    is_counting: bool = False
    delay: Distribution = field(default_factory=Distribution)
    connect: Distribution = field(default_factory=Distribution)
    first_audio: Distribution = field(default_factory=Distribution)
    audio_events: int = 0
    audio_s: float = 0.0
    failed: int = 0
    lost: int = 0
    chunks: int = 0
    missed: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def wrong(self, error: object) -> None:
        """Keep the text of an error; of more than a few kinds only the number."""
        text = " ".join(str(error).split())[:_LONGEST_ERROR] or type(error).__name__
        self.errors[text if text in self.errors or len(self.errors) < _KINDS_OF_ERRORS else "others"] += 1


class BenchSession:
    """A client with handlers, by the public API, as an application has it.

    Args:
        tally: Takes what comes.
        options: Arguments of ``RealtimeClient``.
    """

    def __init__(self, tally: Tally, **options: Any) -> None:
        self._tally = tally
        self._asked_at: float | None = None
        self._is_wanted = False
        self.heard = asyncio.Event()
        self.client = vw.RealtimeClient(reconnect=None, **options)
        self.client.on(vw.AudioDelta, self._audio)
        self.client.on(vw.TurnComplete, self._turn)
        self.client.on(vw.ErrorEvent, self._error)
        self.client.on(vw.Closed, self._closed)

    async def open(self) -> None:
        """Connect, and take the time until the session is ready."""
        began = time.monotonic()
        await self.client.connect()
        self._tally.connect.add(1000 * (time.monotonic() - began))
        self._is_wanted = True

    def ask(self) -> None:
        """Let the model talk; does nothing where the session has ended."""
        if not self._is_wanted:
            return
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        try:
            self.client.send_text(REQUEST)
        except vw.VoicewireError as error:
            self._tally.wrong(error)

    def speak(self, samples: Any) -> bool:
        """Send a chunk of the microphone; False where it could not be taken."""
        try:
            self.client.send_audio(samples)
        except vw.BackpressureError:
            return False
        except vw.VoicewireError as error:
            self._tally.wrong(error)
            return False
        return True

    @property
    def is_open(self) -> bool:
        """Whether the session can be used."""
        return self._is_wanted

    async def close(self) -> None:
        """Disconnect; what goes wrong then is of no interest."""
        self._is_wanted = False
        self.heard.set()
        await self.client.disconnect()

    def _audio(self, event: vw.AudioDelta) -> None:
        at = time.monotonic()
        tally = self._tally
        if tally.is_counting:
            tally.delay.add(1000 * (at - event.received_at))
            tally.audio_events += 1
            tally.audio_s += len(event.audio) / event.sample_rate
        elif self._asked_at is not None and not self.heard.is_set():
            tally.first_audio.add(1000 * (at - self._asked_at))
            self.heard.set()

    def _turn(self, event: vw.TurnComplete) -> None:
        if event.status != "completed" and self._is_wanted:
            self._tally.wrong(f"a response ended as {event.status}: {event.error or 'no reason told'}")
        self.ask()

    def _error(self, event: vw.ErrorEvent) -> None:
        # What a session says while it is closed is of no interest.
        if self._is_wanted:
            self._tally.wrong(event.error)

    def _closed(self, event: vw.Closed) -> None:
        if self._is_wanted:
            self._is_wanted = False
            self._tally.lost += 1
            self._tally.wrong(f"session closed: {event.code} {event.reason or ''}")
        self.heard.set()


_LONGEST_ERROR = 300
_KINDS_OF_ERRORS = 20
