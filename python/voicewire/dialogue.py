"""One spoken question to a client and the answer to it: streamed at real-time pace, collected and timed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

import voicewire as vw
from voicewire.display import Display

if TYPE_CHECKING:
    from voicewire.audio import Samples

__all__ = ["Dialogue"]


@dataclass
class Dialogue:
    """What was said on both sides so far.

    Attributes:
        samples: The question.
        sample_rate: Its rate in Hz.
        display: Shows the course of it.
        asked: What the server understood.
        answered: Text of the reply.
        reply: Audio of the reply, delta by delta.
        reply_rate: Its rate in Hz, 0 while there is none.
        first_audio_ms: From the end of speech to the first audio of the last answer.
        status: How the last response ended.
    """

    samples: Samples
    sample_rate: int
    display: Display
    asked: str = ""
    answered: str = ""
    reply: list[Samples] = field(default_factory=list)
    reply_rate: int = 0
    first_audio_ms: float | None = None
    status: str = ""
    sent_s: float = 0.0
    _all_sent: bool = False
    _speech_ended_at: float | None = None
    _is_speech_open: bool = False
    _turns: int = 0
    _answers: int = 0
    _last_sign: float = 0.0
    _partial_items: set[str | None] = field(default_factory=set)

    async def run(self, client: vw.RealtimeClient) -> None:
        """Speak and listen at the same time, until the last turn is answered.

        Raises:
            VoicewireError: The session ended or failed, or nothing came for 15 s.
        """
        speaking = asyncio.create_task(self._speak(client))
        listening = asyncio.create_task(self._listen(client))
        try:
            while not listening.done():
                open_tasks = {task for task in (speaking, listening) if not task.done()}
                await asyncio.wait(open_tasks, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if speaking.done():
                    speaking.result()
                if self._is_overdue:
                    raise vw.VoicewireError(f"no answer within {_PATIENCE_S:g} s")
            listening.result()
        finally:
            speaking.cancel()
            listening.cancel()
            self.display.close()

    @property
    def seconds(self) -> float:
        """Length of the question."""
        return len(self.samples) / self.sample_rate

    @property
    def received_s(self) -> float:
        """Length of the reply."""
        return sum(map(len, self.reply)) / (self.reply_rate or 1)

    async def _speak(self, client: vw.RealtimeClient) -> None:
        """Send the question on an absolute schedule, then silence until the server ends the turn."""
        chunks = self._chunks()
        speech_end = _last_loud(chunks)
        quiet = np.zeros(len(chunks[0]), np.int16)
        began = time.monotonic()
        for index in range(len(chunks) + round(_LONGEST_SILENCE_S / _CHUNK_S)):
            await asyncio.sleep(began + index * _CHUNK_S - time.monotonic())
            await self._send(client, chunks[index] if index < len(chunks) else quiet)
            if index == speech_end:
                self._speech_ended_at = time.monotonic()
            self._all_sent = index + 1 >= len(chunks)
            if self._all_sent and self._turns and not self._is_speech_open:
                return
        if not self._turns:
            self.display.say("the server heard no end of speech; asking for an answer all the same")
            self._turns, self._is_speech_open = 1, False
            client.commit_audio()
            client.create_response()

    async def _send(self, client: vw.RealtimeClient, chunk: Samples) -> None:
        while True:
            try:
                client.send_audio(chunk, sample_rate=self.sample_rate)
                break
            except vw.BackpressureError:
                await client.flush(timeout=_PATIENCE_S)
        self._last_sign = time.monotonic()
        self.sent_s += len(chunk) / self.sample_rate
        self.display.progress(min(1.0, self.sent_s / self.seconds))

    async def _listen(self, client: vw.RealtimeClient) -> None:
        async for event in client:
            self._last_sign = time.monotonic()
            self._take(event)
            if self._is_answered:
                return
        raise vw.ConnectionClosed(None, "the session ended before the answer")

    def _take(self, event: vw.Event) -> None:
        match event:
            case vw.AudioDelta():
                self._hear(event)
            case vw.TranscriptDelta(text=text) | vw.TextDelta(text=text):
                self.answered += text
                self.display.talk("reply", text)
            case vw.InputTranscript():
                self._understand(event)
            case vw.SpeechStarted():
                self._is_speech_open = True
            case vw.SpeechStopped():
                self._is_speech_open, self._turns, self.first_audio_ms = False, self._turns + 1, None
            case vw.TurnComplete():
                self._complete(event)
            case vw.ErrorEvent(error=error, fatal=fatal):
                if fatal:
                    raise error
                self.display.say(f"error: {error}")
            case vw.Closed(code=code, reason=reason):
                raise vw.ConnectionClosed(code, reason)

    def _hear(self, event: vw.AudioDelta) -> None:
        if self.first_audio_ms is None and self._speech_ended_at is not None:
            self.first_audio_ms = round(1000 * (time.monotonic() - self._speech_ended_at), 1)
        self.reply.append(event.audio)
        self.reply_rate = event.sample_rate

    def _understand(self, event: vw.InputTranscript) -> None:
        # A final transcript repeats its deltas, so it is shown only where there were none.
        if not event.final:
            self._partial_items.add(event.item_id)
        text = "" if event.final and event.item_id in self._partial_items else event.text
        self.asked += text
        self.display.talk("you", text, last=event.final)

    def _complete(self, event: vw.TurnComplete) -> None:
        if event.status == "failed":
            raise event.error or vw.VoicewireError("the response failed")
        self.status = event.status
        # An answer that a lost connection cut comes again.
        self._answers += event.final or event.status != "cancelled"

    def _chunks(self) -> list[Samples]:
        size = max(1, round(self.sample_rate * _CHUNK_S))
        return [self.samples[start : start + size] for start in range(0, len(self.samples), size)]

    @property
    def _is_answered(self) -> bool:
        return self._all_sent and not self._is_speech_open and 0 < self._turns <= self._answers

    @property
    def _is_overdue(self) -> bool:
        return self._all_sent and time.monotonic() - self._last_sign > _PATIENCE_S


def _last_loud(chunks: list[Samples]) -> int:
    """Index of the last chunk that belongs to speech: the rest of the recording is far below its loudest."""
    levels = [float(np.sqrt(np.mean(np.square(chunk, dtype=np.float64)))) for chunk in chunks]
    floor = max(levels) * _SPEECH_SHARE
    return max(index for index, level in enumerate(levels) if level >= floor)


_CHUNK_S = 0.02
_SPEECH_SHARE = 0.02
_LONGEST_SILENCE_S = 3.0
_PATIENCE_S = 15.0
