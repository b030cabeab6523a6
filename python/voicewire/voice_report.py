"""What a call needs and what it tells: microphone, speaker, latencies, report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

__all__ = ["Gate", "MicrophoneLike", "OnLatency", "OnTranscript", "SpeakerLike", "TurnLatency", "VoiceReport"]


class MicrophoneLike(Protocol):
    """Gives chunks of audio.

    ``sample_rate``, ``latency_ms``, ``start``, ``stop`` and ``is_open`` are used where they exist.
    """

    def __aiter__(self) -> AsyncIterator[Any]:
        """The chunks, as ``send_audio`` takes them."""


class SpeakerLike(Protocol):
    """Plays audio; ``clock``, ``start``, ``stop`` and ``is_open`` are used where they exist."""

    def play(self, samples: Any, item_id: str | None = None, sample_rate: int | None = None) -> object:
        """Queue int16 samples of an item."""

    def flush(self) -> int | None:
        """Fall silent; returns the samples heard of the item that played, or None where that is unknown."""


@dataclass(frozen=True)
class TurnLatency:
    """How long the user waited for an answer, in milliseconds from the end of his speech, turn detection included.

    Attributes:
        response_id: The answer.
        first_audio_ms: Until its first audio came.
        first_heard_ms: Until its first audio was heard.
    """

    response_id: str | None
    first_audio_ms: float
    first_heard_ms: float


@dataclass
class VoiceReport:
    """What happened in a call.

    Attributes:
        seconds: How long it lasted.
        turns: Responses of the model.
        interruptions: Answers that the user spoke over.
        reconnects: Connections that were replaced.
        sent_s: Audio sent.
        received_s: Audio received.
        dropped_s: Audio of the microphone that did not fit into the outbox.
        latencies: One for each answer to speech that was heard.
    """

    seconds: float = 0.0
    turns: int = 0
    interruptions: int = 0
    reconnects: int = 0
    sent_s: float = 0.0
    received_s: float = 0.0
    dropped_s: float = 0.0
    latencies: list[TurnLatency] = field(default_factory=list)


Gate: TypeAlias = Any
OnTranscript: TypeAlias = Callable[[Literal["user", "model"], str, bool], object]
OnLatency: TypeAlias = Callable[[TurnLatency], object]
