"""What the listener of a client has heard, and whole calls with a microphone and a speaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from voicewire.playback import PlaybackClock

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.client import RealtimeClient
    from voicewire.events import AudioDelta, Closed, Event, Interrupted, ResponseStarted, TurnComplete
    from voicewire.voice_report import Gate, MicrophoneLike, OnLatency, OnTranscript, SpeakerLike, VoiceReport

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

    async def run_voice(
        self,
        microphone: MicrophoneLike,
        speaker: SpeakerLike,
        *,
        half_duplex: bool = False,
        gate: Gate | None = None,
        on_transcript: OnTranscript | None = None,
        on_latency: OnLatency | None = None,
    ) -> VoiceReport:
        """Hold a whole call: the microphone to the model, its voice to the speaker, until the session ends.

        An answer that the user speaks over is silenced at once and cut where it was heard. Tools go on, and a lost
        connection is replaced while the microphone goes on. What is not open yet, the session and the devices, is
        opened, and closed at the end. A session that is opened here has ``ServerVAD()`` where ``turn_detection`` is
        left out, and ``input_transcription`` with ``on_transcript``. Where the microphone ends first, the answer is
        heard out.

        Args:
            microphone: ``vw.devices.Microphone``, or any asynchronous iterable of chunks as ``send_audio`` takes them,
                with ``sample_rate`` where that is not the session's.
            speaker: ``vw.devices.Speaker``, or anything with ``play(samples, item_id, sample_rate)`` and ``flush()``
                that returns the samples heard of the item that played, or None. Where it does not play gap-free in
                real time, it keeps a ``PlaybackClock`` as ``clock``.
            half_duplex: Send silence while the speaker plays and 250 ms longer, against echo; nobody can interrupt it.
            gate: Lets through what is to be sent: a function or an object with ``process``, from chunk to chunk, which
                may be empty. The server must still hear enough silence to end a turn.
            on_transcript: Called with "user" or "model", a text, and whether that is the whole of the turn in place
                of a piece.
            on_latency: Called with the ``TurnLatency`` of each answer once it is heard.

        Returns:
            What happened, once the session was closed by us or cleanly by the server, or the microphone ended.

        Raises:
            VoicewireError: The session failed, or could not be opened.
            ConnectionClosed: The connection was lost for good.
            ConfigError: A device lacks a method that is needed, or a function is none.
            DeviceError: A device cannot be used.
        """
        from voicewire.voice import VoiceCall

        call = VoiceCall(
            cast("RealtimeClient", self),
            microphone,
            speaker,
            half_duplex=half_duplex,
            gate=gate,
            on_transcript=on_transcript,
            on_latency=on_latency,
        )
        return await call.run()


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
