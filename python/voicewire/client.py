"""The client of a realtime session: commands out, events in; the work is done in the core."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from weakref import ref

from voicewire import parse
from voicewire._voicewire import Session
from voicewire.background import Background, tell_failure
from voicewire.capabilities import Capabilities, capabilities_of
from voicewire.commands import Commands
from voicewire.config import SessionConfig, detection_type
from voicewire.conversation import Conversation, ConversationItem
from voicewire.cost import Cost, cost_of
from voicewire.destination import Destination, SessionType
from voicewire.events import ErrorEvent, Event, UsageReported
from voicewire.exceptions import CommandRejected, ConfigError, ConnectionClosed, HandlerError, VoicewireError
from voicewire.forks import watch
from voicewire.guard import Guard
from voicewire.handlers import Handler
from voicewire.hooks import Hooks, install, tell_failed_connect
from voicewire.hub import hub_of
from voicewire.keys import TokenProvider
from voicewire.listening import Entry, Listening
from voicewire.playing import Playing
from voicewire.policy import Limits, Reconnect, Timeouts, reconnect_of, timeouts_for
from voicewire.prices import PriceTable, prices_for, read_prices
from voicewire.realtime import Realtime
from voicewire.receipt import Receipt
from voicewire.tool_commands import ToolCommands
from voicewire.tool_runner import ToolRunner
from voicewire.tools import Toolbox
from voicewire.unbuilt import refuse_unbuilt
from voicewire.usage import Usage
from voicewire.utility import Through, Utility

if TYPE_CHECKING:
    from voicewire.simulator import Simulator

__all__ = ["RealtimeClient", "State"]

State = Literal["idle", "connecting", "open", "closing", "closed"]
log = logging.getLogger("voicewire")

# Changes of the session that are kept apart, until it is known whether the server took them.
_CHANGES = 32


class RealtimeClient(Listening, Commands, ToolCommands, Playing):
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
        token_provider: Called at every connect for a key, may be async. It gives a string, a ``ClientSecret``, or a
            dict with "value" or "client_secret", perhaps "expires_at" and "model".
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
        reconnect: How a connection that ends is replaced; None for not at all. Gemini only, so far.
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
        self._reconnect = reconnect_of(reconnect, self._destination.dialect)
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Future[None] | None = None
        self._background: Background | None = None
        self._failure: BaseException | None = None
        self._state: State = "idle"
        self._reconnecting = False
        self._first_config = self._config
        self._changes: list[tuple[SessionConfig, Receipt]] = []
        self._resetting = False
        self._closing: Receipt | None = None
        self._waits: set[asyncio.Future[Any]] = set()
        self._usage = Usage()
        self._session_id: str | None = None
        self._simulator: Simulator | None = None
        self._wakes: Callable[[], int] = int
        watch(self)

    # Lifecycle

    async def connect(
        self,
        api_key: str | None = None,
        config: SessionConfig | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Open the session and return the client once it is ready; options are merged into those of the client.

        Raises:
            VoicewireError: The client is connecting or open already.
            ConfigError: No key, or an option is wrong.
            AuthenticationError: The server refused the key.
            ConnectTimeout: Not ready within ``Timeouts.connect`` seconds.
            ConnectError: The connection did not come about; ``kind`` tells where it failed.
            ConnectionClosed: ``disconnect`` was called meanwhile.
            LimitExceeded: The client has used up ``Limits.max_cost``.
        """
        self._begin(SessionConfig.from_options(config, **options))
        try:
            await self._reach(api_key)
        except Exception as error:
            tell_failed_connect(self._hooks, error)
            raise
        return self

    def disconnect(self) -> Receipt:
        """Close the session: what was sent before still goes out. Any state, idempotent, from any thread.

        Returns:
            A receipt that resolves with None once the socket is closed, within ``Timeouts.close`` seconds.
        """
        with self._lock:
            receipt = self._closing = self._closing or Receipt()
            was_idle = self._state in ("idle", "closed")
            self._state = "closed" if was_idle else "closing"
        self._abandon(self._session.close())
        if self._background is not None:
            self._background.cancel()
        # Without a loop nobody will tell how it ended; the I/O thread closes the socket all the same.
        if was_idle or self._loop is None or self._loop.is_closed():
            self._gone(ConnectionClosed(None, "disconnected"))
        return receipt

    def reset(self) -> Receipt:
        """Close the session and go back to the start: no handlers, an empty conversation, no usage, the first options.

        Returns:
            As of ``disconnect``.
        """
        self.clear_event_handlers()
        self._resetting = True
        receipt = self.disconnect()
        self._cleared()
        return receipt

    async def __aenter__(self) -> Self:
        if self._background is not None and self._state == "connecting":
            await self.wait_for("open")
            return self
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    @property
    def state(self) -> State:
        """Where the session is in its life: "idle", "connecting", "open", "closing" or "closed"."""
        return self._state

    def get_state(self) -> State:
        """The same as ``state``."""
        return self.state

    @property
    def connected(self) -> bool:
        """Whether the session is open."""
        return self.state == "open"

    def is_connected(self) -> bool:
        """The same as ``connected``."""
        return self.connected

    @property
    def reconnecting(self) -> bool:
        """Whether a connection was lost and another is being made; ``state`` is "connecting" then."""
        return self._reconnecting

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._destination.provider

    @property
    def model(self) -> str:
        """Name of the model, without the provider."""
        return self._destination.model

    @property
    def session_id(self) -> str | None:
        """The server's id of the session, or None before the first one."""
        return self._session_id or self.session.get("id")

    @property
    def usage(self) -> Usage:
        """Tokens of all responses so far."""
        return self._usage

    def cost(self, prices: PriceTable | None = None) -> Cost:
        """What ``usage`` costs in US dollars. Transcription of the input, which has a model of its own, is not in it.

        Args:
            prices: ``Prices``, a dict of the same keys, or a dict of models with either. None: those of ``Limits``,
                else the ones that the genai-prices library knows (``pip install 'voicewire[prices]'``).

        Raises:
            ConfigError: There are no prices for the model, or they cannot be read.
        """
        table = self._limits.prices if prices is None else prices
        return cost_of(self._usage, prices_for(read_prices(table), self.provider, self.model))

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do: static flags, known before there is a session."""
        if self._capabilities is None:
            self._capabilities = capabilities_of(self._destination.dialect, self.model)
        return self._capabilities

    @property
    def session(self) -> dict[str, Any]:
        """The session object as the server told it last, in its own words; empty before the first."""
        message = self._session.session_message()
        session: dict[str, Any] = (json.loads(message).get("session") or {}) if message else {}
        return session

    @property
    def conversation(self) -> Conversation:
        """The items of the conversation, up to date with the event that a handler is given."""
        return self._conversation

    @property
    def realtime(self) -> Realtime:
        """The raw wire: ``realtime.send(type, payload)`` and ``realtime.on("server.response.done", …)``."""
        return self._realtime

    def stats(self) -> dict[str, float]:
        """Counters: bytes, messages and events of both directions, waiting bytes, dropped audio, pings, latencies."""
        counts = self._session.stats()
        rate = counts.pop("audio_in_rate") or 1
        stats: dict[str, float] = {name: value for name, value in counts.items() if not name.endswith("_us")}
        stats.update({f"{name[:-3]}_ms": value / 1000 for name, value in counts.items() if name.endswith("_us")})
        stats["audio_in_dropped_ms"] = 1000 * stats.pop("audio_in_dropped") / rate
        stats["audio_out_dropped_ms"] = 1000 * stats.pop("audio_out_dropped") / rate
        return {**stats, "wakes": self._wakes()}

    async def ping(self, timeout: float | None = None) -> bool:
        """Whether the server answers a WebSocket ping within ``timeout`` seconds (default: ``Timeouts.ack``)."""
        try:
            receipt = self._receipt(lambda: (self._session.ping(), None))
            async with asyncio.timeout(self._timeouts.ack if timeout is None else timeout):
                await receipt
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    async def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was sent is written to the socket.

        Raises:
            TimeoutError: It took longer than ``timeout`` seconds.
            ConnectionClosed: The session ended first.
        """
        receipt = self._receipt(lambda: (self._session.flush(), None))
        async with asyncio.timeout(timeout):
            await receipt

    # What the core tells

    def _connected(self, session_id: str | None) -> None:
        self._session_id = session_id
        self._reconnecting = False
        if self._state == "connecting":
            self._state = "open"
        self._guard.start()
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)

    def _lost(self) -> None:
        """The connection is gone, and another is being made."""
        if self._state == "open":
            self._state, self._reconnecting = "connecting", True

    def _connect_failed(self, error: Exception) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(error)
        self._tell_failure(error)

    def _ended(self, abandoned: list[int]) -> None:
        self._abandon(abandoned)
        self._gone(self._why_closed())

    def _settled(self, number: int, value: Any, error: Exception | None, ignored: Sequence[str] = ()) -> None:
        with self._lock:
            receipt = self._receipts.pop(number, None)
            if receipt is None:
                # The calling thread has not made the receipt yet.
                self._early[number] = (value, error, ignored)
                return
        receipt._settle(value, error, ignored)

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

    # Inner workings

    def _begin(self, changes: SessionConfig) -> None:
        """Go to "connecting": from here on commands and audio are kept."""
        if self._state not in ("idle", "closed"):
            raise VoicewireError(f"session is {self._state}: it cannot be connected before it is closed")
        config = SessionConfig.from_options({**self._base().to_dict(), **changes.to_dict()})
        # Audio comes behind the changes that were made before.
        sent = {**self._merged().to_dict(), **changes.to_dict()}
        self._session.begin(self._destination.dialect, json.dumps(sent))
        self._state, self._closing = "connecting", None
        self._loop = self._background = self._failure = None
        self._config = config

    def _connect_in_background(self) -> None:
        """Connect while nobody awaits it: events tell how it went."""
        self._begin(SessionConfig())
        self._loop = asyncio.get_running_loop()
        self._background = Background(self)

    def _tell_failure(self, error: BaseException) -> None:
        self._failure = error
        if self._background is not None:
            tell_failure(self, error)

    def _why_closed(self) -> ConnectionClosed:
        failure, self._failure = self._failure, None
        if not isinstance(failure, Exception) or isinstance(failure, ConnectionClosed):
            return ConnectionClosed(None, "session is closed")
        closed = ConnectionClosed(None, f"the session did not come about: {failure}")
        closed.__cause__ = failure
        return closed

    async def _reach(self, api_key: str | None) -> None:
        """Go from "connecting" to "open"."""
        try:
            opening = await self._start(api_key)
        except BaseException as error:
            # The core has not begun, so it will not tell the end.
            try:
                self._tell_failure(error)
            finally:
                self._abandon(self._session.abort())
                self._gone(self._why_closed())
            raise
        try:
            await opening
        except BaseException as error:
            # Who heard of the failure by an event may have begun the next session before this task runs.
            if self._opening is opening and isinstance(error, asyncio.CancelledError):
                self.disconnect()
            elif self._opening is opening and self._state == "connecting":
                self._gone(self._why_closed())
            raise
        finally:
            if self._opening is opening:
                self._opening = None

    async def _start(self, api_key: str | None) -> asyncio.Future[None]:
        grant = await self._destination.grant(api_key)
        self._destination, self._capabilities = self._destination.with_model(grant.model), None
        self._guard.check()
        if self._state != "connecting":
            raise ConnectionClosed(None, "disconnected while connecting")
        return self._open(grant.key)

    def _open(self, key: str | None) -> asyncio.Future[None]:
        loop = self._loop = asyncio.get_running_loop()
        hub = hub_of(loop)
        options = {
            **self._destination.endpoint(key, self._simulator_url()),
            "timeouts": timeouts_for(self._destination.dialect, self._timeouts),
            "reconnect": self._reconnect and self._reconnect.to_dict(),
            "auto_truncate": self._auto_truncate,
            "output_sample_rate": self._output_sample_rate,
        }
        self._opening = opening = loop.create_future()
        self._wakes = lambda: hub.wakes
        words = self._config.to_dict()
        if self._toolbox:
            words["tools"] = self._toolbox.merged(words.get("tools") or ())
        self._session.connect(hub, json.dumps(options), json.dumps(words))
        return opening

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

    def _simulator_url(self) -> str | None:
        if self._destination.provider != "sim" or self._destination.url is not None:
            return None
        if self._simulator is None:
            from voicewire.builtin import builtin_simulator

            self._simulator = builtin_simulator()
        is_gemini = self._destination.dialect in ("gemini", "vertex")
        return self._simulator.gemini_url if is_gemini else self._simulator.url

    def _command(self, kind: str, payload: Mapping[str, Any] | None = None) -> Receipt:
        text = parse.json_text("payload", payload or {})
        self._guard.touch()
        return self._receipt(lambda: self._session.command(kind, text))

    def _receipt(self, send: Callable[[], tuple[int, str | None]]) -> Receipt:
        with self._lock:
            number, event_id = send()
            receipt = Receipt(event_id)
            early = self._early.pop(number, None)
            if early is None:
                self._receipts[number] = receipt
        if early is not None:
            receipt._settle(*early)
        return receipt

    def _abandon(self, numbers: list[int]) -> None:
        for number in numbers:
            self._settled(number, None, ConnectionClosed(None, "session closed before the command was sent"))

    def _gone(self, error: ConnectionClosed) -> None:
        self._questions = 0
        with self._lock:
            self._state, self._reconnecting = "closed", False
        if self._resetting:
            self._resetting = False
            self._cleared()
        self._guard.stop()
        self._tools.cancel_all(tells=False)
        with self._lock:
            receipts, self._receipts = list(self._receipts.values()), {}
            closing, self._closing = self._closing, None
            self._early.clear()
        for receipt in receipts:
            receipt._settle(None, error)
        for waiting in list(self._waits):
            if not waiting.done():
                waiting.get_loop().call_soon_threadsafe(_fail, waiting, error)
        if closing is not None:
            closing._settle()

    def _refuse_unsupported(self) -> None:
        from voicewire._voicewire import unsupported_options

        where = self._destination
        names = unsupported_options(json.dumps(self._config.to_dict()), where.dialect, where.options["session_type"])
        if names:
            raise ConfigError(f"dialect {where.dialect} has no words for {', '.join(names)}", field=names[0])

    def __repr__(self) -> str:
        name = f" {self._name}" if self._name else ""
        return f"<RealtimeClient{name} {self.provider}/{self.model} {self.state}>"

    def __del__(self) -> None:
        session = getattr(self, "_session", None)
        if session is not None and session.phase in ("connecting", "open"):
            warnings.warn(f"unclosed client: {self!r}", ResourceWarning, stacklevel=2, source=self)
            session.close()


def _fail(waiting: asyncio.Future[Any], error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)


class _Answered:
    """Counts the questions whose answers have begun, without keeping the client alive."""

    def __init__(self, client: RealtimeClient) -> None:
        self._client = ref(client)

    def __call__(self, event: Event) -> None:
        client = self._client()
        if client is not None:
            client._questions = max(0, client._questions - 1)
