"""Step "command": what a client can say to the server, in neutral words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from voicewire import parse
from voicewire.config import SessionConfig
from voicewire.receipt import Receipt
from voicewire.turns import Reply, answer, stream_file
from voicewire.unbuilt import buildable

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.client import RealtimeClient

__all__ = ["Commands"]


class Commands:
    """The commands of a client: each acts when it is called and returns a receipt."""

    _session: Session

    def send_audio(self, samples: Any, sample_rate: int | None = None) -> None:
        """Send audio of the user: the hot path, which returns at once and makes no receipt.

        While connecting, up to ``Limits.input_ring_ms`` are kept and sent once the session is ready.

        Args:
            samples: 1-D int16 or float32 (−1…1) array, or bytes-like int16 little-endian.
            sample_rate: Hz, 4,000 to 192,000; None means the session's rate, 24,000. Others are resampled.

        Raises:
            TypeError: ``samples`` is something else.
            ValueError: More than one dimension, an odd byte count, NaN, or a rate out of range.
            BackpressureError: The outbox is full; nothing was taken.
            ConnectionClosed: The session is idle, closing or closed.
        """
        self._session.send_audio(samples, sample_rate)

    append_input_audio = send_audio

    def commit_audio(self) -> Receipt:
        """Make a turn of the audio sent so far (manual turns)."""
        return self._command("commit_audio")

    def clear_audio(self) -> Receipt:
        """Forget the audio sent since the last turn."""
        return self._command("clear_audio")

    def send_text(self, text: str, *, respond: bool = True) -> Receipt:
        """Add a text of the user to the conversation and, unless ``respond`` is False, ask for an answer."""
        return self._command("send_text", {"text": parse.text("text", text), "respond": bool(respond)})

    def create_response(self, **overrides: Any) -> Receipt:
        """Ask for a response; overrides are session options or fields of ``response.create`` for this one."""
        return self._command("create_response", overrides)

    def cancel_response(self, item_id: str | None = None, sample_count: int | None = None) -> Receipt:
        """Stop the response in progress; audio of it that still comes is dropped.

        Args:
            item_id: The item to cut where the listener stopped hearing it.
            sample_count: Samples of it that were heard, at the rate of ``AudioDelta.sample_rate``.

        Returns:
            A receipt that resolves with the cancelled ``response.done``, or None where nothing was in progress.
        """
        payload: dict[str, Any] = {}
        if item_id is not None and sample_count is not None:
            payload = {
                "item_id": parse.text("item_id", item_id),
                "audio_end_ms": int(sample_count) * 1000 // 24_000,
            }
        return self._command("cancel_response", payload if payload.get("audio_end_ms") else {})

    def update_session(self, **changes: Any) -> Receipt:
        """Change options of the session, in neutral words; the rest stays as it is.

        Raises:
            ConfigError: An option is unknown or wrong.
        """
        return self._command("update_session", buildable(SessionConfig.from_options(**changes)).to_dict())

    update_config = update_session

    async def ask(self, text: str, *, timeout: float | None = None) -> Reply:
        """Send a text and collect the whole answer.

        Raises:
            CommandRejected: The server refused the text.
            VoicewireError: The response failed.
            TimeoutError: It took longer than ``timeout`` seconds.
            ConnectionClosed: The session ended first.
        """
        async with asyncio.timeout(timeout):
            return await answer(cast("RealtimeClient", self), text)

    async def send_file(self, path: str | os.PathLike[str]) -> None:
        """Stream a WAV file in chunks of 20 ms at real-time pace.

        Raises:
            ValueError: The file is no WAV.
            OSError: The file cannot be read.
        """
        await stream_file(cast("RealtimeClient", self), path)

    def _command(self, kind: str, payload: Mapping[str, Any] | None = None) -> Receipt:
        raise NotImplementedError
