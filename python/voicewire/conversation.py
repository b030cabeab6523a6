"""The conversation of a session: its items, and the utility events of the OpenAI reference client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from voicewire import parse
from voicewire._voicewire import ConversationItem, ConversationStore, decode_event
from voicewire.events import AudioDelta, Event, InputTranscript, TextDelta, TranscriptDelta
from voicewire.exceptions import ConfigError
from voicewire.values import dataclass

if TYPE_CHECKING:
    from voicewire.audio import Samples

__all__ = [
    "Conversation",
    "ConversationItem",
    "ConversationUpdate",
    "Delta",
    "Formatted",
    "RealtimeEvent",
    "content_of",
    "delta_of",
]


class _Fields:
    """Item access to attributes, as in JavaScript."""

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    @property
    def _weight(self) -> int:
        # Bytes that it counts for where it waits for an async handler.
        return 256


@dataclass(frozen=True)
class Delta(_Fields):
    """What one event added to an item: one of the four is set.

    Attributes:
        audio: 1-D int16 samples.
        text: A piece of written answer.
        transcript: A piece of spoken words, or the whole at the end of the user's.
        arguments: A piece of the arguments of a call.
    """

    audio: Samples | None = None
    text: str | None = None
    transcript: str | None = None
    arguments: str | None = None


@dataclass(frozen=True)
class ConversationUpdate(_Fields):
    """A utility event of the conversation.

    Attributes:
        type: "conversation.updated", "conversation.item.appended", "conversation.item.completed" or
            "conversation.interrupted".
        item: The item; None for "conversation.interrupted".
        delta: What was added, or None.
    """

    type: str
    item: ConversationItem | None = None
    delta: Delta | None = None


@dataclass(frozen=True)
class RealtimeEvent(_Fields):
    """One message of either direction, for logs: "realtime.event".

    Attributes:
        time: ISO 8601 in UTC, with milliseconds.
        source: "client" or "server".
        event: The message.
        type: "realtime.event".
    """

    time: str
    source: Literal["client", "server"]
    event: dict[str, Any]
    type: str = "realtime.event"


class Formatted(_Fields):
    """An item's words under the names of the OpenAI reference client; a live view, with attribute and item access."""

    def __init__(self, item: ConversationItem) -> None:
        self._item = item

    @property
    def text(self) -> str:
        """Written words."""
        return self._item.text

    @property
    def transcript(self) -> str:
        """Spoken words."""
        return self._item.transcript

    @property
    def audio(self) -> Samples:
        """Samples that are kept; empty without retention."""
        return self._item.audio

    @property
    def tool(self) -> dict[str, Any] | None:
        """The call: type, name, call_id and arguments as text; None for other items."""
        item = self._item
        if item.type != "function_call":
            return None
        return {
            "type": "function",
            "name": item.name,
            "call_id": item.call_id,
            "arguments": item.arguments or "",
        }

    @property
    def output(self) -> str | None:
        """Output of a call; None for other items."""
        return self._item.output

    def __repr__(self) -> str:
        return (
            f"Formatted(text={self.text!r}, transcript={self.transcript!r}, tool={self.tool}, output={self.output!r})"
        )


class Conversation:
    """The items of a session in their order, up to date with the event that a handler is given.

    Words are kept up to 16 MiB, then the oldest items go (``forgotten`` counts them); audio is kept where the
    client's ``retain_audio_s`` asks for it. It survives a reconnect; ``clear`` and ``RealtimeClient.reset`` empty it.
    """

    def __init__(self, store: ConversationStore | None = None) -> None:
        self._store = store or ConversationStore()

    @property
    def items(self) -> list[ConversationItem]:
        """All items, in order."""
        return self._store.items()

    def get_items(self) -> list[ConversationItem]:
        """The same as ``items``."""
        return self.items

    def get_item(self, id: str) -> ConversationItem | None:
        """The item with that id, or None."""
        return self._store.item(parse.text("id", id))

    @property
    def forgotten(self) -> int:
        """Items that went for want of room."""
        return self._store.forgotten()

    def clear(self) -> None:
        """Forget all items, here; the server keeps its own."""
        self._store.clear()

    def process_event(self, event: Mapping[str, Any]) -> tuple[ConversationItem | None, Delta | None]:
        """Take in one server event by hand, such as one from a log.

        Returns:
            The item that it changed and what it added, None and None where it changed none.

        Raises:
            ConfigError: The event is no mapping with a "type", or not JSON.
        """
        if not isinstance(event, Mapping):
            raise ConfigError("event is no mapping", field="event", value=event)
        parse.text("event.type", event.get("type"))
        changes = decode_event(self._store, parse.json_text("event", event))
        if not changes:
            return None, None
        made, item, _, _ = changes[0]
        return item, delta_of(made)

    def __len__(self) -> int:
        return len(self._store.items())

    def __iter__(self) -> Iterator[ConversationItem]:
        return iter(self.items)

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self._store.item(id) is not None

    def __repr__(self) -> str:
        return f"<Conversation of {len(self)} items>"


def delta_of(event: Event) -> Delta | None:
    """What an event added to its item."""
    match event:
        case AudioDelta(audio=audio):
            return Delta(audio=audio)
        case TextDelta(text=text):
            return Delta(text=text)
        case TranscriptDelta(text=text) | InputTranscript(text=text):
            return Delta(transcript=text)
    if event.wire_type is not None and event.wire_type.endswith("_call_arguments.delta"):
        return Delta(arguments=event.raw.get("delta"))
    return None


def content_of(item: ConversationItem) -> list[dict[str, Any]]:
    """Content parts as last told, with the words that have come since."""
    parts: list[dict[str, Any]] = [dict(part) for part in item.raw.get("content") or ()]
    if not parts and item.role is not None:
        spoken = "input_audio" if item.role == "user" else "audio"
        parts = [{"type": spoken}] if item.has_audio else [{"type": "text"}] if item.text else []
    if len(parts) == 1:
        key = "transcript" if "audio" in parts[0].get("type", "") else "text"
        parts[0][key] = getattr(item, key)
    return parts
