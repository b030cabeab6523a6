"""The client of a realtime session: commands out, events in; the work is done in the core."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

from voicewire import parse
from voicewire._voicewire import Session
from voicewire.capabilities import Capabilities
from voicewire.commands import Commands
from voicewire.config import SessionConfig, detection_type
from voicewire.conversation import Conversation, ConversationItem
from voicewire.destination import Destination, SessionType
from voicewire.events import ErrorEvent, Event, UsageReported
from voicewire.exceptions import CommandRejected, ConfigError, HandlerError
from voicewire.forks import watch
from voicewire.guard import Guard
from voicewire.handlers import Handler
from voicewire.hooks import Hooks, install
from voicewire.keys import TokenProvider
from voicewire.lifecycle import Lifecycle, State
from voicewire.listening import Entry
from voicewire.models import flags_of
from voicewire.playing import Playing
from voicewire.policy import Limits, Reconnect, Timeouts
from voicewire.providers import provider_of, speaks_gemini
from voicewire.realtime import Realtime
from voicewire.receipt import Receipt
from voicewire.status import Status
from voicewire.tool_commands import ToolCommands
from voicewire.tool_runner import ToolRunner
from voicewire.tools import Toolbox
from voicewire.unbuilt import refuse_unbuilt
from voicewire.usage import Usage
from voicewire.utility import Through, Utility

if TYPE_CHECKING:
    from voicewire.simulator import Simulator

__all__ = ["RealtimeClient", "State"]

log = logging.getLogger("voicewire")

# Changes of the session that are kept apart, until it is known whether the server took them.
_CHANGES = 32


class RealtimeClient(Lifecycle, Status, Commands, ToolCommands, Playing):
    """A session with a realtime voice model.

    Every command acts when it is called and returns a ``Receipt``: await it for the server's answer (or its error as
    an exception), or ignore it and a refusal arrives as an ``ErrorEvent``. Commands given before ``connect`` are kept
    and sent once the session is ready. Commands may be called from any thread; handlers and iterators belong to the
    event loop of ``connect``.

    Args:
        model: "openai/…", "gemini/…", "azure/…", "xai/…", "qwen/…" or "sim/…" (the built-in simulator, no account;
            "sim/gemini…" speaks Gemini Live), or bare with ``provider`` or ``url``.
        provider: One of these, where the model does not say.
        api_key: Key; else OPENAI_API_KEY, GEMINI_API_KEY or GOOGLE_API_KEY, …, which goes to the provider's own hosts
            and this machine only.
        url: Any compatible server. A path that is empty or ends in ``/v1`` is a base and gets the provider's path
            appended; with Gemini ``/v1``, ``/v1beta`` or ``/v1alpha`` choose the version of the API.
        dialect: "ga" (OpenAI's protocol since 2025), "beta", "azure", "azure-preview", "voice-live", "xai", "qwen",
            "gemini", "vertex" (either says the provider, too); None: the provider's.
        token_provider: Called for a key at every connect and before each reconnection, may be async. It gives a
            string, a ``ClientSecret``, or a dict with "value" or "client_secret", perhaps "expires_at" and "model".
        headers: Further headers of the handshake.
        auto_respond: Ask for a response once all calls of a response are answered.
        tool_timeout: Seconds that a tool may take, None for no limit.
        auto_truncate: Cut an answer that the user speaks over where he stopped hearing it.
        output_sample_rate: Hz of ``AudioDelta.audio``, 4,000 to 192,000; None: the session's. Counts of samples that
            you give are at this rate.
        retain_audio_s: Seconds of audio to keep in the conversation, newest of both sides; 0 keeps none.
        strict: Raise ``ConfigError`` for options that the dialect has no words for, in place of ``ConfigMismatch``.
        subprotocol_auth: Send the key as a WebSocket subprotocol instead of a header.
        limits: What may wait where, how long a session may last, and what it may cost.
        timeouts: How long to wait for what.
        ca: PEM path or text, trusted beside the system's roots.
        client_cert: PEM paths of a certificate chain and its key.
        allow_insecure: Whether a key may go over ws:// to another machine.
        hooks: Functions that hear of sessions, messages, errors and usage.
        reconnect: How a connection that is lost is replaced; None for not at all.
        project: Google Cloud project, for Gemini on Vertex AI; else GOOGLE_CLOUD_PROJECT.
        location: Its region, "global", "us" or "eu"; else GOOGLE_CLOUD_LOCATION, else us-central1.
        call_id: Joins a call that a phone or a browser holds with the model, "rtc_…", in place of a new session; it
            has its model, ``model`` is only named in prices then.
        session_type: "realtime", or "transcription" for a session that writes down and does not answer.
        name: Shown in repr and logs.
        config: Session options as a ``SessionConfig`` or dict.
        session_options: The same as keywords: instructions, voice, turn_detection, …

    Raises:
        ConfigError: An option is unknown or wrong; it names the option and the choices.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        provider: str | None = None,
        api_key: str | None = None,
        url: str | None = None,
        dialect: str | None = None,
        call_id: str | None = None,
        session_type: SessionType = "realtime",
        token_provider: TokenProvider | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocol_auth: bool = False,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        auto_respond: bool = True,
        tool_timeout: float | None = 30.0,
        auto_truncate: bool = True,
        retain_audio_s: float = 0,
        output_sample_rate: int | None = None,
        strict: bool = False,
        ca: str | os.PathLike[str] | None = None,
        client_cert: tuple[str, str] | None = None,
        allow_insecure: bool = False,
        hooks: Hooks | None = None,
        reconnect: Reconnect | bool | None = True,
        project: str | None = None,
        location: str | None = None,
        name: str | None = None,
        config: SessionConfig | Mapping[str, Any] | None = None,
        **session_options: Any,
    ) -> None:
        refuse_unbuilt(session_options)
        self._config = SessionConfig.from_options(config, **session_options)
        self._destination = Destination.of(
            model,
            provider=provider,
            url=url,
            dialect=dialect,
            call_id=call_id,
            session_type=session_type,
            api_key=api_key,
            token_provider=token_provider,
            headers=headers,
            subprotocol_auth=subprotocol_auth,
            allow_insecure=allow_insecure,
            ca=ca,
            client_cert=client_cert,
            project=project,
            location=location,
        )
        self._reconnect = Reconnect.parse(reconnect)
        if strict:
            self._refuse_unsupported()
        self._timeouts = timeouts or Timeouts()
        self._auto_truncate = parse.flag("auto_truncate", auto_truncate)
        self._name = name
        retain = parse.number("retain_audio_s", retain_audio_s)
        self._output_sample_rate = output_sample_rate
        if output_sample_rate is not None:
            parse.integer("output_sample_rate", output_sample_rate, 4_000, 192_000)
        self._limits = limits or Limits()
        self._session: Session = Session(self, json.dumps(self._limits.to_dict()), retain)
        self._conversation = Conversation(self._session.conversation())
        self._guard = Guard(self, self._limits)
        self._hooks = Hooks.parse(hooks)
        install(self._hooks, self)
        self._toolbox = Toolbox()
        self._tool_timeout = None if tool_timeout is None else parse.number("tool_timeout", tool_timeout, above=True)
        self._tools = ToolRunner(self, self._toolbox, auto_respond=parse.flag("auto_respond", auto_respond))
        self._capabilities: Capabilities | None = None
        if self.capabilities.tool_answers_respond:
            self._session.add_handler("neutral:response_started", _Answered(self))
        self._realtime = Realtime(self)
        self._utility = Utility(self._session, self._handler_failed)
        self._registered: list[Entry] = []
        self._receipts: dict[int, Receipt] = {}
        self._early: dict[int, tuple[Any, BaseException | None, Sequence[str]]] = {}
        self._lock = threading.Lock()
        self._first_config = self._config
        self._changes: list[tuple[SessionConfig, Receipt]] = []
        self._waits: set[asyncio.Future[Any]] = set()
        self._usage = Usage()
        self._session_id: str | None = None
        self._simulator: Simulator | None = None
        self._wakes: Callable[[], int] = int
        watch(self)

    def get_turn_detection_type(self) -> str | None:
        """How turns are detected: "server_vad", "semantic_vad", …, or None for manual turns."""
        return detection_type(self._merged(), self.session)

    def _changed(self, config: SessionConfig, receipt: Receipt) -> None:
        with self._lock:
            self._changes.append((config, receipt))
            if len(self._changes) > _CHANGES and self._changes[0][1].done():
                self._config = self._merged(self._changes[:1])
                del self._changes[0]

    def _base(self) -> SessionConfig:
        """What a new session starts from; changes that were never sent come behind it by themselves."""
        if self._state != "idle":
            self._config, self._changes = self._merged(), []
        return self._config

    def _merged(self, changes: Sequence[tuple[SessionConfig, Receipt]] | None = None) -> SessionConfig:
        """The options with changes, by default all of them, that were not refused."""
        options = self._config.to_dict()
        for config, receipt in self._changes if changes is None else changes:
            # One that a lost session took with it still counts for the next.
            if not (receipt.done() and isinstance(receipt.exception(), CommandRejected)):
                options.update(config.to_dict())
        return SessionConfig.from_options(options)

    def _cleared(self) -> None:
        self._conversation.clear()
        self._toolbox.clear()
        self._usage = Usage()
        if self._playback is not None:
            self._playback.reset()
        self._config, self._changes = self._first_config, []

    def _conversed(self, event: Event, item: ConversationItem, appended: bool, completed: bool) -> None:
        self._utility.conversed(event, item, appended, completed)

    def _used(self, event: UsageReported) -> None:
        self._usage += event.usage
        self._guard.used(event.usage)

    def _handler_failed(self, handler: Handler, event: Event, error: BaseException) -> None:
        while isinstance(handler, Through):
            handler = handler.handler
        log.error("handler raised: %r on %s", handler, event.type, exc_info=error)
        if not isinstance(event, ErrorEvent):
            self._session.report(HandlerError(handler, event, error), False)

    def _refuse_unsupported(self) -> None:
        from voicewire._voicewire import unsupported_options

        where = self._destination
        flags = json.dumps(flags_of(where.dialect, where.model))
        options = json.dumps(self._config.to_dict())
        names = unsupported_options(options, where.dialect, where.options["session_type"], flags)
        if names:
            who = f"model {where.model}" if speaks_gemini(where.dialect) else f"dialect {where.dialect}"
            raise ConfigError(f"{who} has no words for {', '.join(names)}", field=names[0])

    def __repr__(self) -> str:
        name = f" {self._name}" if self._name else ""
        dialect = self._destination.dialect
        # Of a provider with several doors, the one that is not the usual.
        spoken = "" if dialect == provider_of(self.provider).dialect else f" ({dialect})"
        return f"<RealtimeClient{name} {self.provider}/{self.model}{spoken} {self.state}>"

    def __del__(self) -> None:
        session = getattr(self, "_session", None)
        if session is not None and session.phase in ("connecting", "open"):
            warnings.warn(f"unclosed client: {self!r}", ResourceWarning, stacklevel=2, source=self)
            session.close()


class _Answered:
    """Counts the questions whose answers have begun, without keeping the client alive."""

    def __init__(self, client: RealtimeClient) -> None:
        self._client = ref(client)

    def __call__(self, event: Event) -> None:
        client = self._client()
        if client is not None:
            client._questions = max(0, client._questions - 1)
