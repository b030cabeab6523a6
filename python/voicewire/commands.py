"""Step "command": what a client can say to the server, in neutral words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from voicewire import parse
from voicewire.config import SessionConfig
from voicewire.content import audio_part, image_part, parts_of
from voicewire.exceptions import ConfigError, UnsupportedError
from voicewire.patience import within
from voicewire.receipt import Receipt
from voicewire.turns import Reply, answer, stream_file

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.capabilities import Capabilities
    from voicewire.client import RealtimeClient
    from voicewire.playback import PlaybackClock
    from voicewire.tool_runner import ToolRunner
    from voicewire.tools import Toolbox

__all__ = ["Commands"]

Encoding: TypeAlias = Literal["pcm16", "g711_ulaw", "g711_alaw"]

_OPTIONS = {field.name for field in fields(SessionConfig)}

# Services refuse to make a turn of less: "Expected at least 100ms of audio".
_SHORTEST_TURN_MS = 100


class Commands:
    """The commands of a client: each acts when it is called and returns a receipt."""

    _session: Session
    _toolbox: Toolbox
    _tools: ToolRunner
    _playback: PlaybackClock | None
    # Questions whose answers have not begun, where the service confirms none of them.
    _questions: int = 0
    # Lets one question be open at a time, on the loop that it belongs to.
    _asking: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
    # What hears of each chunk that was taken, with its rate; a tap does not raise.
    _taps: tuple[Callable[[Any, int | None], None], ...] = ()

    def send_audio(self, samples: Any, sample_rate: int | None = None, *, encoding: Encoding | None = None) -> None:
        """Send audio of the user: the hot path, which returns at once and makes no receipt.

        While connecting, up to ``Limits.input_ring_ms`` are kept and sent once the session is ready.

        Args:
            samples: 1-D int16 or float32 (−1…1) array, or bytes-like int16 little-endian; with G.711, bytes-like.
            sample_rate: Hz, 4,000 to 192,000; None means the session's rate (24,000 for OpenAI, 16,000 for Gemini).
                Others are resampled.
            encoding: "g711_ulaw" or "g711_alaw" for bytes of G.711 at 8,000 Hz, such as a phone line's: they go out as
                they are where ``input_format`` is the same, and are decoded and resampled elsewhere. None: "pcm16".

        Raises:
            TypeError: ``samples`` is something else.
            ValueError: More than one dimension, an odd byte count, NaN, a rate out of range, or an unknown encoding.
            BackpressureError: The outbox is full; nothing was taken.
            ConnectionClosed: The session is idle, closing or closed.
        """
        self._session.send_audio(samples, sample_rate, encoding)
        for tap in self._taps:
            tap(*_as_samples(samples, sample_rate, encoding))

    append_input_audio = send_audio

    def commit_audio(self) -> Receipt:
        """Make a turn of the audio sent so far (manual turns)."""
        return self._command("commit_audio")

    def clear_audio(self) -> Receipt:
        """Forget the audio sent since the last turn.

        Raises:
            UnsupportedError: The service takes nothing back.
        """
        self._need("clear_input", "keep audio back until it is certain")
        return self._command("clear_audio")

    def send_text(self, text: str, *, respond: bool = True) -> Receipt:
        """Add a text of the user to the conversation and, unless ``respond`` is False, ask for an answer."""
        receipt = self._command("send_text", {"text": parse.text("text", text), "respond": bool(respond)})
        self._questions += bool(respond)
        return receipt

    def send_user_message_content(self, content: str | Sequence[Mapping[str, Any]], *, respond: bool = True) -> Receipt:
        """Add a message of the user to the conversation and, unless ``respond`` is False, ask for an answer.

        Args:
            content: A text, or parts: ``{"type": "input_text", "text": …}``, ``{"type": "input_audio", "audio": …}``
                (samples as for ``send_audio`` at the session's rate, or base64 text), ``{"type": "input_image",
                "image": …}`` (as for ``send_image``) or ``"image_url"``.
            respond: Whether to ask for an answer.

        Raises:
            ConfigError: A part is wrong; it names it.
            UnsupportedError: There is an image, and the service takes none.
        """
        parts = parts_of(content)
        if not self.capabilities.image_input and any(part["type"] == "input_image" for part in parts):
            raise UnsupportedError("image_input", "describe it in words")
        if not self.capabilities.image_urls and any(_is_linked(part) for part in parts):
            raise UnsupportedError("image_urls", "give the image's bytes")
        receipt = self._command("send_content", {"parts": parts, "respond": bool(respond)})
        self._questions += bool(respond)
        return receipt

    def send_image(
        self, image: Any, *, mime_type: str | None = None, detail: str | None = None, respond: bool = False
    ) -> Receipt:
        """Add an image of the user to the conversation.

        Args:
            image: PNG, JPEG, WebP or GIF as bytes, the path of such a file, or a ``data:`` or https URL.
            mime_type: Its type, where the bytes do not tell.
            detail: "auto", "low" or "high": how closely the model looks.
            respond: Whether to ask for an answer.

        Raises:
            UnsupportedError: The service takes no images.
            ConfigError: It is no image.
            OSError: The file cannot be read.
        """
        part = image_part("image", image, mime_type, detail)
        return self.send_user_message_content([part], respond=respond)

    def send(
        self, text: str | None = None, audio: Any = None, image: Any = None, *, turn_complete: bool = True
    ) -> Receipt:
        """Add a message of text, audio and image, whichever are given, and ask for an answer if the turn is complete.

        Raises:
            ConfigError: Nothing is given, or a part is wrong.
        """
        parts: list[dict[str, Any]] = []
        if image is not None:
            parts.append(image_part("image", image))
        if audio is not None:
            parts.append(audio_part("audio", audio))
        if text is not None:
            parts.append({"type": "input_text", "text": parse.text("text", text)})
        if not parts:
            raise ConfigError("nothing to send: give text, audio or image", field="text")
        return self.send_user_message_content(parts, respond=turn_complete)

    def create_response(self, **overrides: Any) -> Receipt:
        """Ask for a response; with manual turns, audio sent since the last commit becomes a turn first.

        Requests wait for each other: one is in flight at a time.

        Args:
            overrides: Session options or fields of ``response.create`` for this response. ``conversation="none"``
                answers outside of the conversation, beside a running response; match it by ``metadata``.

        Raises:
            ConfigError: An option has a value that does not fit, or an override is not JSON.
            UnsupportedError: The service takes no options for one response.
        """
        if overrides:
            self._need("per_response_options", "update_config(), or say it in send_text()")
            options = {name: value for name, value in overrides.items() if name in _OPTIONS}
            overrides.update(SessionConfig.from_options(**options).to_dict())
        if self._session.uncommitted_ms() >= _SHORTEST_TURN_MS and self.get_turn_detection_type() is None:
            self.commit_audio()
        return self._command("create_response", overrides)

    def request_response(self, instruction: str | None = None) -> Receipt:
        """Ask for a response, with an instruction for this one."""
        return self.create_response(
            **({} if instruction is None else {"instructions": parse.text("instruction", instruction)})
        )

    def cancel_response(self, item_id: str | None = None, sample_count: int | None = None) -> Receipt:
        """Stop the response in progress; audio of it that still comes is dropped.

        Args:
            item_id: The item to cut where the listener stopped hearing it. Nothing is cut unless both are given.
            sample_count: Samples of it that were heard, at the rate of ``AudioDelta.sample_rate``; at most those that
                came count, and 0 cuts nothing.

        Returns:
            A receipt that resolves with the cancelled ``response.done``, or None where nothing was in progress.
        """
        heard: dict[str, Any] = {}
        if item_id is not None:
            heard["item_id"] = parse.text("item_id", item_id)
        if sample_count is not None:
            heard["samples"] = parse.integer("sample_count", sample_count)
        return self._command("cancel_response", heard if len(heard) == 2 else {})

    def interrupt(self) -> Receipt:
        """Stop the answer: cancel the response in progress and cut what plays where the listener stopped hearing it.

        Where the listener is: what ``report_played`` told, else an estimate from the clock. ``Interrupted`` tells
        players to fall silent. Without a response and without unheard audio nothing is sent.
        """
        receipt = self._command("interrupt")
        self._tools.cancel_all()
        return receipt

    def report_played(self, item_id: str, samples: int) -> Receipt:
        """Tell how much of an item the listener has heard, for players of your own, such as a phone line.

        Args:
            item_id: As of its ``AudioDelta``s.
            samples: Heard so far, at the rate of ``AudioDelta.sample_rate``; the highest report counts.
        """
        payload = {"item_id": parse.text("item_id", item_id), "samples": parse.integer("samples", samples)}
        if self._playback is not None:
            self._playback.report(item_id, samples)
        return self._command("report_played", payload)

    def delete_item(self, item_id: str) -> Receipt:
        """Delete an item of the conversation.

        Raises:
            UnsupportedError: The service cannot.
        """
        self._need("delete_item", "connect again with history=")
        return self._of_item("conversation.item.delete", item_id)

    def retrieve_item(self, item_id: str) -> Receipt:
        """Fetch an item as the server has it, the user's audio included; the receipt's event has it in ``raw``.

        Raises:
            UnsupportedError: The service cannot.
        """
        self._need("retrieve_item", "conversation.get_item()")
        return self._of_item("conversation.item.retrieve", item_id)

    def truncate_item(self, item_id: str, audio_end_ms: int, *, content_index: int = 0) -> Receipt:
        """Cut an item's audio; the server deletes its transcript too.

        Raises:
            ConfigError: ``audio_end_ms`` is not above 0: services refuse that.
            UnsupportedError: The service cannot.
        """
        self._need("truncate", "interrupt()")
        cut = {
            "audio_end_ms": parse.integer("audio_end_ms", audio_end_ms, 1),
            "content_index": parse.integer("content_index", content_index),
        }
        return self._of_item("conversation.item.truncate", item_id, **cut)

    def update_session(self, **changes: Any) -> Receipt:
        """Change options of the session, in neutral words; the rest stays as it is.

        Before ``connect`` the change is kept and sent once the session is ready; a later ``connect`` has it too. While
        the session is closed it is kept for the next, and the receipt resolves with None at once.

        Returns:
            A receipt that resolves with ``session.updated``; its ``ignored`` names the options that the service has no
            words for or shows differently than asked, which ``ConfigMismatch`` tells as well.

        Raises:
            ConfigError: An option is unknown or wrong.
        """
        config = SessionConfig.from_options(**changes)
        if self.state == "closed":
            receipt = Receipt()
            receipt._settle()
            self._changed(config, receipt)
            return receipt
        words = config.to_dict()
        if "tools" in words:
            # Tools of `add_tool` stay.
            words["tools"] = self._toolbox.merged(words["tools"] or ())
        receipt = self._command("update_session", words)
        self._changed(config, receipt)
        return receipt

    update_config = update_session

    def get_turn_detection_type(self) -> str | None:
        """How turns are detected: "server_vad", "semantic_vad", …, or None for manual turns."""
        raise NotImplementedError

    async def ask(self, text: str, *, timeout: float | None = None) -> Reply:
        """Send a text and collect the whole answer.

        Gemini confirms nothing: there, questions wait for each other, and one that the application sends meanwhile with
        ``send_text`` stops the answer.

        Raises:
            CommandRejected: The server refused the text.
            VoicewireError: The response failed.
            TimeoutError: It took longer than ``timeout`` seconds.
            ConnectionClosed: The session ended first.
        """
        async with within(timeout, "ask: no whole answer"):
            if not self.capabilities.tool_answers_respond:
                return await answer(cast("RealtimeClient", self), text)
            loop = asyncio.get_running_loop()
            if self._asking is None or self._asking[0] is not loop:
                self._asking = (loop, asyncio.Lock())
            async with self._asking[1]:
                return await answer(cast("RealtimeClient", self), text)

    async def send_file(self, path: str | os.PathLike[str]) -> None:
        """Stream a WAV file in chunks of 20 ms at real-time pace, and a second of silence behind it.

        The silence ends the turn; with manual turns there is none: ``commit_audio`` ends it.

        Raises:
            ValueError: The file is no WAV.
            OSError: The file cannot be read.
        """
        await stream_file(cast("RealtimeClient", self), path)

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do."""
        raise NotImplementedError

    @property
    def state(self) -> Any:
        """Where the session is in its life."""
        raise NotImplementedError

    def _need(self, capability: str, alternative: str) -> None:
        if not getattr(self.capabilities, capability):
            raise UnsupportedError(capability, alternative)

    def _of_item(self, type: str, item_id: str, **fields: Any) -> Receipt:
        payload = {"item_id": parse.text("item_id", item_id), **fields}
        return self._command("raw", {"type": type, "payload": payload})

    def _changed(self, config: SessionConfig, receipt: Receipt) -> None:
        raise NotImplementedError

    def _command(self, kind: str, payload: Mapping[str, Any] | None = None) -> Receipt:
        raise NotImplementedError


def _is_linked(part: Mapping[str, Any]) -> bool:
    return part["type"] == "input_image" and not str(part.get("image_url", "")).startswith("data:")


def _as_samples(samples: Any, sample_rate: int | None, encoding: Encoding | None) -> tuple[Any, int | None]:
    """What was sent, as samples and their rate."""
    if encoding is None or encoding == "pcm16":
        return samples, sample_rate
    from voicewire.audio import decode_g711

    return decode_g711(samples, "ulaw" if encoding == "g711_ulaw" else "alaw"), 8_000
