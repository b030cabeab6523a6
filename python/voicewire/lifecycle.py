"""How a client begins and ends a session, and what the core tells of that."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from voicewire.background import Background, tell_failure
from voicewire.config import SessionConfig
from voicewire.exceptions import AuthenticationError, ConfigError, ConnectionClosed, VoicewireError
from voicewire.hooks import Hooks, tell_failed_connect
from voicewire.hub import hub_of, leave
from voicewire.listening import Listening
from voicewire.policy import Reconnect, timeouts_for
from voicewire.providers import speaks_gemini
from voicewire.receipt import Receipt
from voicewire.settling import Settling

if TYPE_CHECKING:
    from voicewire.capabilities import Capabilities
    from voicewire.client import RealtimeClient
    from voicewire.destination import Destination
    from voicewire.simulator import Simulator
    from voicewire.tool_runner import ToolRunner
    from voicewire.tools import Toolbox

__all__ = ["Lifecycle", "State"]

log = logging.getLogger("voicewire")

State = Literal["idle", "connecting", "open", "closing", "closed"]


class Lifecycle(Listening, Settling):
    """The life of a client: from idle to open, and to closed."""

    _destination: Destination
    _config: SessionConfig
    _reconnect: Reconnect | None
    _hooks: Hooks
    _tools: ToolRunner
    _toolbox: Toolbox
    _auto_truncate: bool
    _output_sample_rate: int | None
    _capabilities: Capabilities | None
    _simulator: Simulator | None
    _wakes: Callable[[], int]
    _session_id: str | None
    _questions: int
    # The loop that the session belongs to, from `connect` on.
    _loop: asyncio.AbstractEventLoop | None = None
    _opening: asyncio.Future[None] | None = None
    _background: Background | None = None
    _failure: BaseException | None = None
    _state: State = "idle"
    _reconnecting: bool = False
    _resetting: bool = False
    _closing: Receipt | None = None
    _renewing: asyncio.Task[None] | None = None
    _renews: bool = False

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
        loop = self._loop
        if loop is not None and loop.is_closed():
            leave(loop)
        # Without a loop nobody will tell how it ended.
        if was_idle or loop is None or loop.is_closed():
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

    def _key_wanted(self) -> None:
        """The next connection wants a fresh key; one that is on its way will do."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        try:
            grant = await self._destination.grant(None)
            where = self._destination.with_model(grant.model)
            self._session.renew(json.dumps(where.endpoint(grant.key, self._simulator_url())))
        except (AuthenticationError, ConfigError) as error:
            if self._opening is not None and not self._opening.done():
                self._opening.set_exception(error)
            else:
                self._session.report(error, True)
            self._session.renewal_failed(str(error), True)
        except Exception as error:
            log.warning("token provider failed", exc_info=error)
            self._session.renewal_failed(f"token provider failed: {error!r}", False)

    def _connect_failed(self, error: Exception) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(error)
        self._tell_failure(error)

    def _ended(self, abandoned: list[int]) -> None:
        self._abandon(abandoned)
        self._gone(self._why_closed())

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
        self._background = Background(cast("RealtimeClient", self))

    def _tell_failure(self, error: BaseException) -> None:
        self._failure = error
        if self._background is not None:
            tell_failure(cast("RealtimeClient", self), error)

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
        self._renews = api_key is None and self._destination.token_provider is not None
        return self._open(grant.key)

    def _open(self, key: str | None) -> asyncio.Future[None]:
        loop = self._loop = asyncio.get_running_loop()
        hub = hub_of(loop)
        options = {
            **self._destination.endpoint(key, self._simulator_url()),
            "timeouts": timeouts_for(self._destination.dialect, self._timeouts),
            "reconnect": self._reconnect and self._reconnect.to_dict(),
            "renews": self._renews,
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

    def _simulator_url(self) -> str | None:
        if self._destination.provider != "sim" or self._destination.url is not None:
            return None
        if self._simulator is None:
            from voicewire.builtin import builtin_simulator

            self._simulator = builtin_simulator()
        is_gemini = speaks_gemini(self._destination.dialect)
        return self._simulator.gemini_url if is_gemini else self._simulator.url

    def _gone(self, error: ConnectionClosed) -> None:
        self._questions = 0
        with self._lock:
            self._state, self._reconnecting = "closed", False
        if self._resetting:
            self._resetting = False
            self._cleared()
        self._guard.stop()
        if self._renewing is not None:
            self._renewing.cancel()
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

    def _base(self) -> SessionConfig:
        raise NotImplementedError

    def _merged(self) -> SessionConfig:
        raise NotImplementedError

    def _cleared(self) -> None:
        raise NotImplementedError


def _fail(waiting: asyncio.Future[Any], error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)
