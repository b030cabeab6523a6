"""A whole call: microphone to model to speaker, with interruptions, reconnections and latencies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicewire import parse
from voicewire.config import ServerVAD
from voicewire.events import (
    AudioDelta,
    Closed,
    ErrorEvent,
    Event,
    InputTranscript,
    Interrupted,
    Reconnected,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    TranscriptDelta,
    TurnComplete,
)
from voicewire.exceptions import BackpressureError, ConfigError, ConnectionClosed
from voicewire.playback import PlaybackClock
from voicewire.speech_end import SpeechEnd
from voicewire.voice_report import (
    Gate,
    MicrophoneLike,
    OnLatency,
    OnTranscript,
    SpeakerLike,
    TurnLatency,
    VoiceReport,
)

if TYPE_CHECKING:
    from voicewire.client import RealtimeClient

__all__ = ["VoiceCall"]


class VoiceCall:
    """One call of a client; see ``RealtimeClient.run_voice``.

    Attributes:
        report: What happened so far.
    """

    def __init__(
        self,
        client: RealtimeClient,
        microphone: MicrophoneLike,
        speaker: SpeakerLike,
        *,
        half_duplex: bool = False,
        gate: Gate | None = None,
        on_transcript: OnTranscript | None = None,
        on_latency: OnLatency | None = None,
    ) -> None:
        self._client = client
        self._microphone = _with("microphone", microphone, "__aiter__")
        self._speaker = _with("speaker", speaker, "play", "flush")
        self._is_half_duplex = parse.flag("half_duplex", half_duplex)
        self._gate = _gate(gate)
        self._on_transcript = parse.function("on_transcript", on_transcript)
        self._on_latency = parse.function("on_latency", on_latency)
        clock = getattr(speaker, "clock", None)
        self._keeps_clock = clock is None
        self._clock: PlaybackClock = clock or PlaybackClock()
        self._speech_end = SpeechEnd()
        self.report = VoiceReport()
        self._told: dict[str, int] = {}
        self._first: _First | None = None
        self._said = ""
        self._quiet_at = 0.0
        self._is_due = self._is_first = False
        self._changed = asyncio.Event()
        self._played = asyncio.Event()

    async def run(self) -> VoiceReport:
        """Hold the call to its end and tell what happened."""
        async with AsyncExitStack() as stack:
            events = self._client.events(*_HEARD)
            if self._client.state in ("idle", "closed"):
                await self._client.connect(**self._defaults())
                stack.push_async_exit(self._client)
            for device in (self._speaker, self._microphone):
                await _open(device, stack)
            began = time.monotonic()
            try:
                await self._race(self._listen(events), self._speak(), self._follow())
            finally:
                self._clock.abandon()
                self.report.seconds = time.monotonic() - began
        return self.report

    def _defaults(self) -> dict[str, Any]:
        """What a call needs of a session that it opens itself, where the client leaves it open."""
        chosen = self._client._merged().to_dict()
        defaults: dict[str, Any] = {"turn_detection": ServerVAD()}
        if self._on_transcript is not None:
            defaults["input_transcription"] = True
        return {name: value for name, value in defaults.items() if name not in chosen}

    async def _race(self, *parts: Any) -> None:
        """Run all parts until the first one ends."""
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # Microphone to model

    async def _speak(self) -> None:
        rate = getattr(self._microphone, "sample_rate", None)
        async for chunk in self._microphone:
            self._send(self._muted(chunk) if self._is_mute else self._heard_chunk(chunk), rate)
        await self._hear_out()

    def _heard_chunk(self, chunk: Any) -> Any:
        late_s = getattr(self._microphone, "latency_ms", 0.0) / 1000
        self._speech_end.hear(chunk, time.monotonic() - late_s)
        return chunk if self._gate is None else self._gate(chunk)

    def _send(self, chunk: Any, rate: int | None) -> None:
        if len(chunk) == 0:
            return
        count = len(chunk) if hasattr(chunk, "dtype") else len(chunk) // 2
        seconds = count / (rate or self._client.capabilities.input_sample_rate)
        try:
            self._client.send_audio(chunk, rate)
        except BackpressureError:
            self.report.dropped_s += seconds
        except ConnectionClosed:
            # How it ended is told by an event.
            return
        else:
            self.report.sent_s += seconds

    @property
    def _is_mute(self) -> bool:
        """Whether the speaker plays, or did so a moment ago, and echo is to be feared."""
        if not self._is_half_duplex:
            return False
        now = time.monotonic()
        if self._clock.playing is not None:
            self._quiet_at = now + _TAIL_S
        return now < self._quiet_at

    @staticmethod
    def _muted(chunk: Any) -> Any:
        # Silence and not nothing, so that the server's count of time goes on.
        import numpy as np

        return np.zeros_like(chunk) if isinstance(chunk, np.ndarray) else bytes(len(chunk))

    async def _hear_out(self) -> None:
        """Wait until the answer to what was said is complete and heard."""
        # Once the server has read it all, it tells whether that was a turn.
        await self._client.ping(_PATIENCE_S)
        await self._until(lambda: self._is_due or self._clock.playing is not None, _GRACE_S)
        is_over = False
        while not is_over:
            is_over = not await self._until(lambda: not self._is_due, _PATIENCE_S)
            await self._clock.wait_played()
            # A tool may have made another answer due.
            is_over = is_over or not self._is_due

    async def _until(self, is_reached: Callable[[], bool], patience: float) -> bool:
        """Wait until events have led there; False where that took longer than ``patience`` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not is_reached():
                    self._changed.clear()
                    await self._changed.wait()
        return is_reached()

    # Model to speaker

    async def _listen(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            match event:
                case AudioDelta():
                    self._play(event)
                case Interrupted():
                    self._interrupt()
                case TranscriptDelta(text=text) | TextDelta(text=text):
                    self._said += text
                    self._tell(event, self._on_transcript, "model", text, False)
                case InputTranscript(text=text, final=final):
                    self._tell(event, self._on_transcript, "user", text, final)
                case ErrorEvent(error=error, fatal=True):
                    raise error
                case Closed(code=code, reason=reason, clean=clean):
                    if not clean:
                        raise ConnectionClosed(code, reason)
                    return
                case _:
                    self._turn(event)
            self._changed.set()

    def _turn(self, event: Event) -> None:
        """Follow whose turn it is."""
        match event:
            case SpeechStarted():
                self._first, self._is_due = None, False
            case SpeechStopped():
                self._speech_end.stopped(event.received_at)
                self._is_due = True
            case ResponseStarted(response_id=response_id):
                self._clock.begin(response_id)
                self._said, self._is_due, self._is_first = "", False, True
            case TurnComplete():
                self._complete(event)
            case Reconnected():
                self.report.reconnects += 1
                self._clock.abandon()
            case _:
                pass

    def _play(self, event: AudioDelta) -> None:
        item_id, samples, rate = event.item_id or "", event.audio, event.sample_rate
        self.report.received_s += len(samples) / rate
        if self._clock.is_flushed(item_id):
            return
        if self._is_first:
            self._begin_measuring(event)
        self._speaker.play(samples, event.item_id, rate)
        if self._keeps_clock:
            self._clock.receive(item_id, len(samples), rate)
        if item_id not in self._told:
            # From here on reports count, not the core's estimate.
            self._tell_played(item_id, 0)
        self._played.set()

    def _interrupt(self) -> None:
        playing = self._clock.playing
        heard = self._speaker.flush()
        if self._keeps_clock:
            known = {playing.item_id: heard} if playing is not None and heard is not None else None
            self._clock.flush(known)
        self._first = None
        if playing is not None:
            self.report.interruptions += 1
            self._tell_played(playing.item_id, self._clock.heard(playing.item_id))

    def _complete(self, event: TurnComplete) -> None:
        self._clock.complete(event.response_id)
        # An answer that a lost connection cut is asked for again, and counts then.
        self.report.turns += event.final or event.status != "cancelled"
        self._is_due = not event.final
        said, self._said = self._said, ""
        if said:
            self._tell(event, self._on_transcript, "model", said, True)

    # The listener

    async def _follow(self) -> None:
        """Tell the server how much is heard, while something plays."""
        while True:
            await self._played.wait()
            self._played.clear()
            is_playing = True
            while is_playing:
                # Asked first: what is heard meanwhile is told.
                is_playing = self._clock.playing is not None
                for item_id, told in list(self._told.items()):
                    heard = self._clock.heard(item_id)
                    if heard > told:
                        self._tell_played(item_id, heard)
                self._measure()
                await asyncio.sleep(_REPORT_S)

    def _tell_played(self, item_id: str, heard: int) -> None:
        self._told.pop(item_id, None)
        self._told[item_id] = heard
        if len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]
        with suppress(ConnectionClosed):
            self._client.report_played(item_id, heard)

    def _begin_measuring(self, event: AudioDelta) -> None:
        self._is_first = False
        ended_at = self._speech_end.take(event.received_at)
        if ended_at is not None:
            self._first = _First(event, event.item_id or "", self._clock.heard(event.item_id), ended_at)

    def _measure(self) -> None:
        """Tell the latency of an answer, once something of it is heard."""
        first = self._first
        if first is None:
            return
        played = self._clock.item(first.item_id)
        if played is None or played.heard <= first.before:
            return
        self._first = None
        heard_at = time.monotonic() - (played.heard - first.before) / played.sample_rate
        latency = first.latency(heard_at)
        self.report.latencies.append(latency)
        self._tell(first.event, self._on_latency, latency)

    def _tell(self, event: Event, callback: Callable[..., object] | None, *values: object) -> None:
        """Call back; an error of the application does not end the call."""
        try:
            if callback is not None:
                callback(*values)
        except Exception as error:
            self._client._handler_failed(callback, event, error)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _First:
    """The first audio of an answer, which is not heard yet."""

    event: AudioDelta
    item_id: str
    before: int
    ended_at: float

    def latency(self, heard_at: float) -> TurnLatency:
        came_at = self.event.received_at
        return TurnLatency(
            self.event.response_id,
            round(1000 * (came_at - self.ended_at), 1),
            round(1000 * (max(came_at, heard_at) - self.ended_at), 1),
        )


async def _open(device: Any, stack: AsyncExitStack) -> None:
    """Start a device that can be started and is not; stop it at the end."""
    if hasattr(device, "start") and not getattr(device, "is_open", False):
        await device.start()
        stack.push_async_callback(device.stop)


def _with(field: str, device: Any, *methods: str) -> Any:
    """Take a device that has the methods a call needs."""
    for method in methods:
        if not callable(getattr(device, method, None)) or isinstance(device, type):
            raise ConfigError(f"{field} has no {method}", field=field, value=device)
    return device


def _gate(gate: Gate | None) -> Callable[[Any], Any] | None:
    found = getattr(gate, "process", gate)
    if found is not None and not callable(found):
        raise ConfigError("gate is neither a function nor has it process()", field="gate", value=gate)
    return found


_HEARD = (
    AudioDelta,
    Interrupted,
    TranscriptDelta,
    TextDelta,
    InputTranscript,
    SpeechStarted,
    SpeechStopped,
    ResponseStarted,
    TurnComplete,
    Reconnected,
    ErrorEvent,
    Closed,
)
_REPORT_S = 0.02
_TAIL_S = 0.25
_PATIENCE_S = 15.0
_GRACE_S = 0.3
_REMEMBERED = 8
