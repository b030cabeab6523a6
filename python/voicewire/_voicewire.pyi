"""Rust core of voicewire; use the names of the package ``voicewire``."""

from collections.abc import AsyncIterator, Generator
from typing import Any, Final, Literal, Self, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from voicewire._audio_tools import AudioRing, Chunker, PreRoll, SpeechGate
from voicewire.exceptions import VoicewireError
from voicewire.usage import Usage

__all__ = [
    "AudioDelta",
    "AudioRing",
    "Chunker",
    "Closed",
    "ConfigMismatch",
    "ConversationItem",
    "ConversationStore",
    "ErrorEvent",
    "Event",
    "EventIterator",
    "Hub",
    "InputCommitted",
    "InputTranscript",
    "Interrupted",
    "NextEvent",
    "Open",
    "PreRoll",
    "RateLimits",
    "Reconnected",
    "Reconnecting",
    "Resampler",
    "ResponseStarted",
    "ServerEvent",
    "Session",
    "SessionExpiring",
    "SimulatorServer",
    "SpeechGate",
    "SpeechStarted",
    "SpeechStopped",
    "TextDelta",
    "ThoughtDelta",
    "ToolCall",
    "ToolCallCancelled",
    "TranscriptDelta",
    "TurnComplete",
    "UsageReported",
    "base64_decode",
    "base64_encode",
    "canonical_name",
    "check_endpoint",
    "configure",
    "copy_samples",
    "decode_event",
    "decode_g711",
    "dialect_facts",
    "encode_g711",
    "encode_session",
    "float_to_pcm16",
    "mix_down",
    "pcm16_to_float",
    "read_wav",
    "unsupported_options",
]

@disjoint_base
class Event:
    """Something that was received, in the words that all providers share; its fields are frozen."""

    __match_args__: tuple[str, ...] = ()
    @property
    def type(self) -> str:
        """Neutral name, such as "audio"; of a ``ServerEvent`` the wire name, as it came."""
    @property
    def wire_type(self) -> str | None:
        """The provider's name of it, None for events that we make."""
    @property
    def raw(self) -> Any:
        """The provider's JSON as a dict, parsed at the first access; None for events that we make."""
    @property
    def event_id(self) -> str | None:
        """The provider's id of the event, or None."""
    @property
    def item_id(self) -> str | None:
        """The item it belongs to, or None where the dialect does not tell."""
    @property
    def response_id(self) -> str | None:
        """The response it belongs to, or None where the dialect does not tell."""
    @property
    def received_at(self) -> float:
        """When it was received on the I/O thread, in seconds of ``time.monotonic()``."""
    @property
    def _weight(self) -> int: ...
    @property
    def _size(self) -> int: ...

@final
class TranscriptDelta(Event):
    """A piece of the transcript of the spoken answer."""

    __match_args__: Final = ("text",)
    @property
    def text(self) -> str:
        """The piece."""

@final
class ThoughtDelta(Event):
    """A piece of the model's thinking, which is never part of the transcript."""

    __match_args__: Final = ("text",)
    @property
    def text(self) -> str:
        """The piece."""

@final
class InputTranscript(Event):
    """What the user said: a piece of it, or the whole where `final`."""

    __match_args__: Final = ("text", "final", "item_id")
    @property
    def text(self) -> str:
        """The piece, or the whole."""
    @property
    def final(self) -> bool:
        """Whether it is the whole transcript of the item."""

@final
class Open(Event):
    """The session is ready."""

    __match_args__: Final = ()

@final
class TextDelta(Event):
    """A piece of written answer."""

    __match_args__: Final = ("text",)
    @property
    def text(self) -> str:
        """The piece."""

@final
class SpeechStarted(Event):
    """The server heard the user begin to speak."""

    __match_args__: Final = ("item_id",)
    @property
    def audio_start_ms(self) -> int | None:
        """Where the speech begins, prefix padding included, in ms of all audio sent; None where not told."""

@final
class SpeechStopped(Event):
    """The server heard the user stop speaking."""

    __match_args__: Final = ("item_id",)
    @property
    def audio_end_ms(self) -> int | None:
        """Where the speech ends, in ms of all audio sent; None where not told."""

@final
class InputCommitted(Event):
    """The user's audio became an item of the conversation."""

    __match_args__: Final = ("item_id",)

@final
class Interrupted(Event):
    """The user spoke over the answer."""

    __match_args__: Final = ("item_id", "heard_ms")
    @property
    def heard_ms(self) -> int | None:
        """How much of the item had been heard, in ms, or None where nothing had come."""
    @property
    def estimated(self) -> bool:
        """Whether `heard_ms` assumes that playback began with the first delta and had no gaps."""

@final
class ResponseStarted(Event):
    """The model began a response."""

    __match_args__: Final = ("response_id",)

@final
class TurnComplete(Event):
    """The model ended a response; fires once for each."""

    __match_args__: Final = ("status", "response_id", "usage", "final")
    @property
    def status(self) -> Literal["completed", "cancelled", "incomplete", "failed"]:
        """ "completed", "cancelled", "incomplete" or "failed"."""
    @property
    def usage(self) -> Usage | None:
        """Tokens used, or None where the service does not tell."""
    @property
    def final(self) -> bool:
        """False while the model is about to go on by itself."""
    @property
    def error(self) -> VoicewireError | None:
        """Why it failed, or None."""

@final
class ToolCall(Event):
    """The model calls a tool."""

    __match_args__: Final = ("call_id", "name", "arguments")
    @property
    def call_id(self) -> str:
        """Id to answer under."""
    @property
    def name(self) -> str | None:
        """Name of the tool, or None where the dialect does not tell."""
    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments as a dict; empty where the text is no JSON object."""
    @property
    def arguments_json(self) -> str:
        """Arguments as the text that came."""

@final
class ToolCallCancelled(Event):
    """The provider took tool calls back."""

    __match_args__: Final = ("call_ids",)
    @property
    def call_ids(self) -> list[str]:
        """Ids of the calls."""

@final
class UsageReported(Event):
    """Tokens that a response used."""

    __match_args__: Final = ("usage",)
    @property
    def usage(self) -> Usage:
        """The tokens."""

@final
class RateLimits(Event):
    """What is left of the rate limits."""

    __match_args__: Final = ("limits",)
    @property
    def limits(self) -> list[dict[str, Any]]:
        """One dict a limit: name, limit, remaining, reset_seconds."""

@final
class SessionExpiring(Event):
    """The session is about to reach its time limit."""

    __match_args__: Final = ("time_left",)
    @property
    def time_left(self) -> float:
        """Seconds left."""

@final
class Reconnecting(Event):
    """The connection was lost and is being made again."""

    __match_args__: Final = ("attempt",)
    @property
    def attempt(self) -> int:
        """Number of the attempt, from 1."""

@final
class Reconnected(Event):
    """The connection is back."""

    __match_args__: Final = ("restored", "gap_ms", "audio_lost_ms")
    @property
    def restored(self) -> Literal["resumed", "replayed", "partial", "none"]:
        """What the new session knows of the old: "resumed", "replayed", "partial" or "none"."""
    @property
    def gap_ms(self) -> int:
        """How long there was no session, in ms."""
    @property
    def audio_lost_ms(self) -> int:
        """Audio of the user that did not fit the ring, in ms."""
    @property
    def audio_resent_ms(self) -> int:
        """Audio of the user that was sent again, in ms."""

@final
class ConfigMismatch(Event):
    """The session is not what was asked for."""

    __match_args__: Final = ("fields",)
    @property
    def fields(self) -> list[str]:
        """Names of the options."""

@final
class ErrorEvent(Event):
    """Something is wrong; the session goes on unless `fatal`."""

    __match_args__: Final = ("error", "fatal")
    @property
    def error(self) -> VoicewireError:
        """A `VoicewireError`."""
    @property
    def fatal(self) -> bool:
        """Whether the session ends by it."""

@final
class Closed(Event):
    """The session is over; the last event."""

    __match_args__: Final = ("code", "reason", "clean")
    @property
    def code(self) -> int:
        """WebSocket close code: 1005 without one, 1006 for a cut."""
    @property
    def reason(self) -> str:
        """The peer's words, or ours."""
    @property
    def clean(self) -> bool:
        """Whether both sides said goodbye."""

@final
class AudioDelta(Event):
    """A piece of the model's voice."""

    __match_args__: Final = ("audio", "sample_rate", "item_id", "response_id", "content_index")
    @property
    def audio(self) -> NDArray[np.int16]:
        """1-D int16 array, mono, C-contiguous and writeable; it owns its memory and is the same one at each access."""
    @property
    def chunk(self) -> NDArray[np.int16]:
        """The same array as ``audio``."""
    @property
    def mime_type(self) -> str:
        """What ``audio`` is, as "audio/pcm;rate=24000"."""
    @property
    def sample_rate(self) -> int:
        """Hz."""
    @property
    def encoded(self) -> bytes:
        """The bytes as they came, in the session's output format: G.711 is a byte a sample, PCM16 two, little-endian."""
    @property
    def encoding(self) -> Literal["pcm16", "g711_ulaw", "g711_alaw"]:
        """How ``encoded`` is written."""
    @property
    def content_index(self) -> int | None:
        """Content part of the item, or None where the dialect does not tell."""

@final
class ServerEvent(Event):
    """An event under its wire name; ``event["key"]`` is ``event.raw["key"]``."""

    __match_args__: Final = ("type", "raw")
    def __getitem__(self, key: str, /) -> Any: ...
    def __contains__(self, key: str, /) -> bool: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        """``raw.get(key, default)``."""

@final
class ConversationItem:
    """An item of the conversation: a live view, which shows what is known when it is read."""

    @property
    def id(self) -> str:
        """The provider's id."""
    @property
    def type(self) -> str:
        """ "message", "function_call", "function_call_output", "mcp_call", …; empty before it was added."""
    @property
    def role(self) -> str | None:
        """ "user", "assistant" or "system"; None for calls."""
    @property
    def status(self) -> str | None:
        """ "in_progress", "completed" or "incomplete"; None where the server does not tell."""
    @property
    def text(self) -> str:
        """Written words so far."""
    @property
    def transcript(self) -> str:
        """Spoken words so far; empty once the item was truncated, as at the server."""
    @property
    def has_audio(self) -> bool:
        """Whether the item is spoken."""
    @property
    def audio(self) -> NDArray[np.int16]:
        """1-D samples that are kept (``retain_audio_s``), a new array at each access; empty without retention."""
    @property
    def sample_rate(self) -> int:
        """Hz of the audio, 0 before any came."""
    @property
    def audio_ms(self) -> int:
        """Milliseconds of audio that came, kept or not."""
    @property
    def truncated_ms(self) -> int | None:
        """Where the audio was cut, in ms, or None."""
    @property
    def arguments(self) -> str | None:
        """Arguments of a call so far, as text; None for other items."""
    @property
    def output(self) -> str | None:
        """Output of a call, or None."""
    @property
    def call_id(self) -> str | None:
        """Id that ties a call to its output, or None."""
    @property
    def name(self) -> str | None:
        """Name of the tool, or None."""
    @property
    def raw(self) -> dict[str, Any]:
        """The item's JSON as the server told it last, without audio; empty before it was added."""
    @property
    def content(self) -> list[dict[str, Any]]:
        """Content parts as the OpenAI reference client shows them: dicts with type and text or transcript."""
    @property
    def formatted(self) -> Any:
        """The same words under the reference client's names: text, transcript, audio, tool, output."""
    def __getitem__(self, key: str, /) -> Any: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ConversationStore:
    """The items of a session, shared with it."""

    def __new__(cls) -> Self: ...
    def items(self) -> list[ConversationItem]: ...
    def item(self, id: str) -> ConversationItem | None: ...
    def clear(self) -> None: ...
    def forgotten(self) -> int: ...

@final
class Hub:
    """Takes what the sessions of one event loop have received to their handlers and iterators."""

    def __new__(cls, inline: bool = False) -> Self:
        """Made on the loop's own thread where the loop is to run the sessions itself (``inline``).

        Raises:
            ConfigError: The system does not allow that.
        """
    @property
    def turn_descriptor(self) -> int | None:
        """The descriptor that becomes readable when a turn is due; None where I/O threads do the work."""
    def turn(self) -> tuple[float | None, float | None]:
        """Serve the sockets without waiting, then drain.

        Returns the seconds until the next turn is due, if it is, and those for which the descriptor is to be left alone.
        """
    def fileno(self) -> int:
        """The descriptor that becomes readable when there is something to drain."""
    def drain(self) -> None:
        """Handle up to 256 deliveries or 1 ms worth of them; what is left wakes the loop again."""
    def close(self) -> None:
        """The event loop is gone: nothing will be drained any more."""
    def forsake(self) -> None:
        """In a forked child: leave alone what belongs to the parent, for as long as the process lives."""
    @property
    def wakes(self) -> int:
        """How often the loop was called: wakes by I/O threads, or turns."""

@final
class NextEvent:
    """Awaits the next event of an iterator."""

    def __await__(self) -> Generator[Any, None, Event]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any:
        """Ends the wait with an event, or hands out a future to wait on."""

@final
class EventIterator(AsyncIterator[Event]):
    """Yields the events of one session until ``Closed``."""

    def __aiter__(self) -> Self: ...
    def __anext__(self) -> NextEvent: ...
    @property
    def dropped(self) -> int:
        """Events not kept because nobody had begun to iterate: beyond 1 MiB, or 64 KiB of handled audio."""

@final
class Session:
    """One session, owned by a client, which it holds weakly and tells of receipts, the start and the end."""

    def __new__(cls, owner: object, limits: str, retain_audio_s: float = 0.0) -> Self: ...
    def begin(self, dialect: str, config: str) -> None:
        """Begin to connect: from here on commands and audio are kept for the session to come."""
    def abort(self) -> list[int]:
        """Give up what ``begin`` began: iterators end. Returns receipts of commands that will never be written."""
    def connect(self, hub: Hub, options: str, config: str) -> None:
        """Connect in the background, behind ``begin``; ``owner._connected`` or ``owner._connect_failed`` tells how it went."""
    def renew(self, options: str) -> None:
        """Take the connection options of the next connection, with a fresh key: the answer to ``owner._key_wanted``."""
    def renewal_failed(self, message: str, is_final: bool) -> None:
        """Say that there is no key for the next connection; ``is_final`` where there will be none."""
    def command(self, kind: str, payload: str = "{}") -> tuple[int, str]:
        """Append a command; returns the number of its receipt and its ``event_id``."""
    def send_audio(self, samples: Any, sample_rate: int | None = None, encoding: str | None = None) -> None:
        """See ``RealtimeClient.send_audio``."""
    def conversation(self) -> ConversationStore:
        """The items of the conversation."""
    def tell_changes(self, on: bool) -> None:
        """Whether ``owner._conversed`` is called with each change of the conversation."""
    def consult_turns(self, on: bool) -> None:
        """Whether ``owner._answering`` is asked for each ended response."""
    def uncommitted_ms(self) -> float:
        """Milliseconds of audio sent since the last commit or clear."""
    def session_message(self) -> str | None:
        """JSON of the message with the session object that the server told last, or None."""
    def ping(self) -> int:
        """Ask the peer for a pong; returns the number of the receipt."""
    def flush(self) -> int:
        """Settle a receipt when all that was sent before is written."""
    def close(self) -> list[int]:
        """Say goodbye, from any state; returns receipts of commands that will never be written."""
    def add_handler(self, key: str, handler: Any) -> int:
        """Register a callable under "neutral:NAME", "wire:NAME", "wire:*", "sent:NAME" or "sent:*"."""
    def remove_handler(self, token: int) -> None:
        """Take a callable out again."""
    def main_iterator(self) -> EventIterator | None:
        """The iterator that collects from ``begin`` on; None before the first."""
    def iterator(self, kinds: list[str]) -> EventIterator:
        """A new iterator that collects the named kinds, or all, from here on."""
    def report(self, error: BaseException, fatal: bool) -> None:
        """Deliver an ``ErrorEvent`` of our own making."""
    def report_closed(self, code: int, reason: str, clean: bool) -> None:
        """Deliver a ``Closed`` of our own making, for a session that did not come about."""
    def hold(self, weight: int) -> None:
        """Count bytes that a handler's backlog holds."""
    def release(self, weight: int) -> None:
        """Give them back."""
    @property
    def phase(self) -> Literal["idle", "connecting", "open", "closing", "closed"]:
        """Where the I/O thread is, ahead of the event loop."""
    def stats(self) -> dict[str, int]:
        """Counters, by name."""

@final
class SimulatorServer:
    """A running simulator; ``voicewire.Simulator`` is the class for users."""

    def __new__(cls, options: str) -> Self: ...
    def url(self) -> str:
        """WebSocket base URL, ending in ``/v1``."""
    def http_url(self) -> str:
        """The same with http."""
    def gemini_url(self) -> str:
        """Base URL of Gemini Live, without a path."""
    def ca_file(self) -> str | None:
        """Path of the authority's PEM file, None without TLS."""
    def requests(self) -> list[str]:
        """Requests of the REST interface as JSON, in order."""
    def received(self, since: int = 0) -> list[str]:
        """Client events as JSON, in order, without the first ``since``."""
    def received_count(self) -> int:
        """How many client events have come."""
    def wait_received(self, known: int, timeout: float) -> int:
        """Wait until more than ``known`` client events have come, or ``timeout`` seconds; returns how many have."""
    def connections(self) -> list[str]:
        """Connections as JSON, in order."""
    def set_script(self, script: str) -> None:
        """Replace the script; ``ConfigError`` where it cannot be used."""
    def set_faults(self, faults: str) -> None:
        """Replace the faults; ``ConfigError`` where they cannot be used."""
    def cpu_s(self) -> float:
        """CPU seconds that the server's thread has used."""
    def stop(self) -> None:
        """Stop the server; idempotent."""

@final
class Resampler:
    """Changes the sample rate of a stream, chunk by chunk, without clicks at the edges.

    Any chunking gives bit for bit the samples of the whole.

    Args:
        from_rate: Hz, 4,000 to 192,000.
        to_rate: Hz, 4,000 to 192,000.

    Raises:
        ValueError: A rate is out of range.
    """

    def __new__(cls, from_rate: int, to_rate: int) -> Self: ...
    def process(self, samples: Any) -> NDArray[np.int16]:
        """Take the next chunk, anything that ``send_audio`` takes; returns what is ready of the output."""
    def flush(self) -> NDArray[np.int16]:
        """End the stream; returns the rest of the output and begins anew."""
    def reset(self) -> None:
        """Forget the stream so far."""
    @property
    def path(self) -> Literal["avx2", "neon", "scalar"]:
        """How the sums are formed; "scalar" on machines without vectors, or where ``VOICEWIRE_RESAMPLER=scalar`` asks."""
    @property
    def delay(self) -> float:
        """Seconds by which the output is behind the input."""

def base64_encode(samples: Any) -> str:
    """Encode samples as base64 of little-endian PCM16, standard alphabet, padded."""

def base64_decode(text: str) -> NDArray[np.int16]:
    """Decode base64 of little-endian PCM16 to an int16 array that owns its memory.

    Raises:
        ValueError: Anything but the standard alphabet with padding, or an odd byte count.
    """

def encode_g711(samples: Any, law: Literal["ulaw", "alaw"]) -> bytes:
    """Encode samples, anything that ``send_audio`` takes, as G.711: a byte for each, bit for bit as ITU-T G.191 computes.

    Raises:
        TypeError: The samples are of a type that is not audio.
        ValueError: Another law, more than one dimension, an odd byte count, or NaN.
    """

def decode_g711(data: Any, law: Literal["ulaw", "alaw"]) -> NDArray[np.int16]:
    """Decode G.711, bytes-like or a 1-D uint8 array, to an int16 array that owns its memory: a sample for each byte.

    Raises:
        TypeError: The data is not bytes-like.
        ValueError: Another law, or more than one dimension.
    """

def float_to_pcm16(samples: Any) -> NDArray[np.int16]:
    """Convert float32 samples (−1…1) to int16: ×32768, rounded to nearest even, saturating.

    Raises:
        ValueError: NaN.
    """

def pcm16_to_float(samples: Any) -> NDArray[np.float32]:
    """Convert int16 samples to float32: /32768."""

def mix_down(samples: Any) -> NDArray[np.int16]:
    """Mix interleaved left and right samples; ``voicewire.audio.mix_down`` is the function for users."""

def read_wav(data: bytes) -> tuple[NDArray[np.int16], int]:
    """Read a WAV file's bytes: mono int16 samples and their rate in Hz.

    Raises:
        ValueError: No WAV, of a kind that is not supported, or without samples.
    """

def check_endpoint(options: str) -> tuple[str, bool]:
    """Check connection options; returns the URL without secrets, and whether it names this machine."""

def canonical_name(name: str) -> str:
    """The GA spelling of a wire name."""

def configure(io_threads: int | None = None, wake_latency_ms: float | None = None) -> None:
    """Set how the I/O threads work."""

def copy_samples(samples: Any, name: str = "samples") -> NDArray[np.int16]:
    """Copy audio, anything that ``send_audio`` takes, as 1-D int16; ``name`` is the argument that errors tell of.

    Raises:
        TypeError: ``samples`` is no audio.
        ValueError: More than one dimension, an odd byte count, or NaN.
    """

def decode_event(store: ConversationStore, text: str) -> list[tuple[Event, ConversationItem, bool, bool]]:
    """Take one server event, as JSON, into a conversation; what it changed: event, item, appended, completed."""

def dialect_facts(dialect: str, profile: str = "{}") -> str:
    """What a dialect can do, as JSON; ``profile`` has the flags of the model, as JSON."""

def encode_session(config: str, dialect: str, session_type: str = "realtime") -> str:
    """The session object of a configuration in a dialect's words, as JSON."""

def unsupported_options(config: str, dialect: str, session_type: str = "realtime", profile: str = "{}") -> list[str]:
    """Options of a configuration that a dialect has no words for; ``profile`` has the flags of the model, as JSON."""
