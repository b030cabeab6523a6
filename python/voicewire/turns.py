"""Whole turns over a client: one question and its answer, one file of speech."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import field
from typing import TYPE_CHECKING

from voicewire.events import (
    AudioDelta,
    Closed,
    ErrorEvent,
    ResponseStarted,
    TextDelta,
    TranscriptDelta,
    TurnComplete,
    Usage,
)
from voicewire.exceptions import ConnectionClosed, VoicewireError
from voicewire.values import dataclass

if TYPE_CHECKING:
    from voicewire.audio import Samples
    from voicewire.client import RealtimeClient
    from voicewire.playback import PlaybackClock

__all__ = ["Reply", "answer", "stream_file"]

_CHUNK_S = 0.02
_SILENCE_S = 1.0


@dataclass(frozen=True)
class Reply:
    """The answer to one question.

    Attributes:
        text: What was written or said.
        audio: 1-D int16 samples, empty for a written answer.
        sample_rate: Their rate in Hz, 0 for a written answer.
        usage: Tokens used by the last response, or None where the service does not tell.
        status: "completed", "cancelled" or "incomplete".
        item_ids: Items that had audio, in order.
    """

    text: str
    audio: Samples
    sample_rate: int
    usage: Usage | None
    status: str
    item_ids: tuple[str | None, ...] = ()
    _clock: PlaybackClock | None = field(default=None, repr=False, compare=False)

    async def played(self) -> None:
        """Wait until the listener has heard it, or it was interrupted: see ``RealtimeClient.playback``."""
        if self._clock is not None:
            for item_id in self.item_ids:
                await self._clock.wait_played(item_id or "")


async def answer(client: RealtimeClient, text: str) -> Reply:
    """Send a text and collect the response to it; other responses of the session are left alone."""
    import numpy as np

    words: list[str] = []
    chunks: list[Samples] = [np.empty(0, np.int16)]
    rate = 0
    response_id: str | None = None
    goes_on = False
    items: dict[str | None, None] = {}
    clock = client.playback
    events = client.events(AudioDelta, TextDelta, TranscriptDelta, ResponseStarted, TurnComplete, ErrorEvent, Closed)
    skipped = client._questions
    created = await client.send_text(text)
    # Where nothing confirms the request, its answer is what begins next.
    is_begun = created is not None
    if created is not None:
        response_id = created.response_id or created.raw.get("response", {}).get("id")
    async for event in events:
        match event:
            case ErrorEvent(error=error, fatal=True):
                raise error
            case Closed(code=code, reason=reason):
                raise ConnectionClosed(code, reason)
            case ResponseStarted() if not is_begun and skipped > 0:
                # The answer to what was asked before.
                skipped -= 1
            case ResponseStarted() if not is_begun:
                response_id, is_begun = event.response_id, True
            case AudioDelta() | TextDelta() | TranscriptDelta() | TurnComplete() if not is_begun:
                continue
            case ResponseStarted() if goes_on and _is_in_conversation(event):
                # The answer to the tools of the response before.
                response_id, goes_on = event.response_id, False
            case AudioDelta() | TextDelta() | TranscriptDelta() | TurnComplete() if _is_of_other(event, response_id):
                continue
            case AudioDelta(audio=samples, sample_rate=rate):
                chunks.append(samples)
                items[event.item_id] = None
            case TextDelta(text=piece) | TranscriptDelta(text=piece):
                words.append(piece)
            case TurnComplete(status="failed"):
                raise event.error or VoicewireError("the response failed")
            case TurnComplete(status=status, usage=usage, final=True):
                return Reply("".join(words), np.concatenate(chunks), rate, usage, status, tuple(items), clock)
            case TurnComplete(final=False, status=status):
                goes_on = True
                if status == "cancelled":
                    # It made way for this question.
                    words.clear()
                    del chunks[1:]
                    items.clear()
    raise ConnectionClosed(None, "the session ended before the answer")


def _is_in_conversation(event: ResponseStarted) -> bool:
    response = (event.raw or {}).get("response") or {}
    return response.get("conversation_id", "") is not None


def _is_of_other(event: AudioDelta | TextDelta | TranscriptDelta | TurnComplete, response_id: str | None) -> bool:
    return None not in (event.response_id, response_id) and event.response_id != response_id


async def stream_file(client: RealtimeClient, path: str | os.PathLike[str]) -> None:
    """Send a WAV in chunks of 20 ms, each at its time on an absolute schedule."""
    import numpy as np

    from voicewire.audio import read_wav

    samples, rate = await asyncio.to_thread(read_wav, path)
    size = max(1, round(rate * _CHUNK_S))
    began = time.monotonic()
    if client.get_turn_detection_type() is not None:
        # Servers wait for silence before they answer.
        samples = np.concatenate([samples, np.zeros(round(rate * _SILENCE_S), np.int16)])
    for start in range(0, len(samples), size):
        await asyncio.sleep(began + start / rate - time.monotonic())
        client.send_audio(samples[start : start + size], sample_rate=rate)
