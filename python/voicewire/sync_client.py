"""The client of a realtime session for code without an event loop: the same names, and calls that block."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from voicewire.client import RealtimeClient, State
from voicewire.exceptions import ConnectionClosed
from voicewire.sync_inner import InnerClient, blocking, commanding, same, signed_as
from voicewire.sync_listening import SyncListening
from voicewire.sync_realtime import SyncRealtime
from voicewire.sync_receipt import SyncReceipt
from voicewire.tool_commands import _UNSET, McpApproval
from voicewire.tools import MAX_OUTPUT, ToolHandler

if TYPE_CHECKING:
    from voicewire.capabilities import Capabilities
    from voicewire.config import SessionConfig
    from voicewire.conversation import Conversation
    from voicewire.playback import PlaybackClock
    from voicewire.receipt import Receipt
    from voicewire.usage import Usage

__all__ = ["SyncRealtimeClient"]

F = TypeVar("F", bound=ToolHandler)


class SyncRealtimeClient(SyncListening):
    """A session with a realtime voice model, for threads: ``RealtimeClient`` with calls that block.

    Arguments, names and errors are those of ``RealtimeClient``. Commands act when they are called and return a
    ``SyncReceipt``, whose ``result(timeout)`` waits for the server's answer. Handlers, async ones too, async tools and
    hooks run on one dispatch thread, which runs from ``connect`` to the end of the session; tools that are plain
    functions have a thread each. Any thread may use the client. A handler cannot call what blocks: that raises
    ``VoicewireError``.

    Ctrl-C interrupts every wait at once. An interrupted ``connect`` closes the client; after any other the session
    goes on.
    """

    @signed_as(RealtimeClient)
    def __init__(self, *args: Any, **options: Any) -> None:
        self._client = InnerClient(*args, **options)
        self._thread = self._client.thread
        self._realtime = SyncRealtime(self._client.realtime, self._thread)

    # Lifecycle

    def connect(
        self,
        api_key: str | None = None,
        config: SessionConfig | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Open the session and return the client once it is ready; options are merged into those of the client.

        Raises:
            VoicewireError: The client is connecting or open already, or the caller is a handler.
            ConfigError: No key, or an option is wrong.
            AuthenticationError: The server refused the key.
            ConnectTimeout: Not ready within ``Timeouts.connect`` seconds.
            ConnectError: The connection did not come about; ``kind`` tells where it failed.
            ConnectionClosed: ``disconnect`` was called meanwhile.
            LimitExceeded: The client has used up ``Limits.max_cost``.
        """
        make = partial(self._client.connect, api_key, config, **options)
        try:
            self._thread.call("connect()", make, starts=True)
        except Exception:
            raise
        except BaseException:
            # Interrupted, perhaps in the moment in which it became ready.
            self._client.disconnect()
            raise
        return self

    def disconnect(self) -> SyncReceipt:
        """Close the session, and wait until the socket is closed and async handlers have ended.

        What was sent before still goes out. Any state, idempotent, from any thread; a handler that is running is
        waited for. The socket has ``Timeouts.close`` seconds, and so have async handlers, which are cancelled then.

        Returns:
            A receipt that is done. In a handler nothing is waited for: then it resolves later.
        """
        return self._left(self._client.disconnect())

    def reset(self) -> SyncReceipt:
        """Close the session and go back to the start: no handlers, an empty conversation, no usage, the first options.

        Returns:
            As of ``disconnect``.
        """
        return self._left(self._client.reset())

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def ping(self, timeout: float | None = None) -> bool:
        """Whether the server answers a WebSocket ping within ``timeout`` seconds (default: ``Timeouts.ack``)."""
        try:
            return self._thread.call("ping()", partial(self._client.ping, timeout))
        except ConnectionClosed:
            return False

    flush = blocking(RealtimeClient.flush)
    wait_played = blocking(RealtimeClient.wait_played)
    run_voice = blocking(RealtimeClient.run_voice)
    stats = same(RealtimeClient.stats)
    cost = same(RealtimeClient.cost)

    @property
    def state(self) -> State:
        """Where the session is in its life: "idle", "connecting", "open", "closing" or "closed"."""
        return self._client.state

    def get_state(self) -> State:
        """The same as ``state``."""
        return self.state

    @property
    def connected(self) -> bool:
        """Whether the session is open."""
        return self._client.connected

    def is_connected(self) -> bool:
        """The same as ``connected``."""
        return self.connected

    @property
    def reconnecting(self) -> bool:
        """Whether a connection was lost and another is being made; ``state`` is "connecting" then."""
        return self._client.reconnecting

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._client.provider

    @property
    def model(self) -> str:
        """Name of the model, without the provider."""
        return self._client.model

    @property
    def session_id(self) -> str | None:
        """The server's id of the session, or None before the first one."""
        return self._client.session_id

    @property
    def usage(self) -> Usage:
        """Tokens of all responses so far."""
        return self._client.usage

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do: static flags, known before there is a session."""
        return self._client.capabilities

    @property
    def session(self) -> dict[str, Any]:
        """The session object as the server told it last, in its own words; empty before the first."""
        return self._client.session

    @property
    def conversation(self) -> Conversation:
        """The items of the conversation, up to date with the event that a handler is given."""
        return self._client.conversation

    @property
    def playback(self) -> PlaybackClock:
        """What the listener has heard of each item: counted from the first use of this property on."""
        return self._client.playback

    @property
    def realtime(self) -> SyncRealtime:
        """The raw wire: ``realtime.send(type, payload)`` and ``realtime.on("server.response.done", …)``."""
        return self._realtime

    # Commands

    ask = blocking(RealtimeClient.ask)
    send_file = blocking(RealtimeClient.send_file)
    send_audio = same(RealtimeClient.send_audio)
    append_input_audio = send_audio
    commit_audio = commanding(RealtimeClient.commit_audio)
    clear_audio = commanding(RealtimeClient.clear_audio)
    send_text = commanding(RealtimeClient.send_text)
    send_user_message_content = commanding(RealtimeClient.send_user_message_content)
    send_image = commanding(RealtimeClient.send_image)
    send = commanding(RealtimeClient.send)

    def create_response(self, **overrides: Any) -> SyncReceipt:
        """Ask for a response; with manual turns, audio sent since the last commit becomes a turn first.

        Args:
            overrides: As of ``RealtimeClient.create_response``.

        Raises:
            ConfigError: An option has a value that does not fit, or an override is not JSON.
            UnsupportedError: The service takes no options for one response.
        """
        return SyncReceipt(self._client.create_response(**overrides), self._thread)

    request_response = commanding(RealtimeClient.request_response)
    cancel_response = commanding(RealtimeClient.cancel_response)
    interrupt = commanding(RealtimeClient.interrupt)
    report_played = commanding(RealtimeClient.report_played)
    delete_item = commanding(RealtimeClient.delete_item)
    retrieve_item = commanding(RealtimeClient.retrieve_item)
    truncate_item = commanding(RealtimeClient.truncate_item)

    def update_session(self, **changes: Any) -> SyncReceipt:
        """Change options of the session, in neutral words; the rest stays as it is.

        Returns:
            A receipt that resolves with ``session.updated``; otherwise as ``RealtimeClient.update_session``.

        Raises:
            ConfigError: An option is unknown or wrong.
        """
        return SyncReceipt(self._client.update_session(**changes), self._thread)

    update_config = update_session
    get_turn_detection_type = same(RealtimeClient.get_turn_detection_type)

    # Tools

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(
        self,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = ...,
        max_output: int = MAX_OUTPUT,
    ) -> Callable[[F], F]: ...

    def tool(
        self,
        function: ToolHandler | None = None,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = _UNSET,
        max_output: int = MAX_OUTPUT,
    ) -> Any:
        """Give the model a function, sync or async, to call: a decorator, as ``RealtimeClient.tool``.

        An async function runs on the dispatch thread, another one in a thread of its own, where it may call what
        blocks.

        Args:
            function: The function, where the decorator has no arguments.
            name: In place of the function's name.
            description: In place of the docstring's.
            timeout: Seconds, in place of the client's ``tool_timeout``; None for no limit.
            max_output: Bytes of the output that the model gets.

        Raises:
            ConfigError: The name is taken, or a parameter cannot be described; it names it.
        """
        add = partial(
            self._client._add_function, name=name, description=description, timeout=timeout, max_output=max_output
        )
        if function is None:
            return lambda later: add(later, sys._getframe(1).f_locals)
        return add(function, sys._getframe(1).f_locals)

    add_tool = commanding(RealtimeClient.add_tool)
    remove_tool = commanding(RealtimeClient.remove_tool)
    send_tool_response = commanding(RealtimeClient.send_tool_response)
    approve_mcp = commanding(RealtimeClient.approve_mcp)

    def mcp_approval(self, handler: Callable[[McpApproval], Any]) -> Callable[[McpApproval], Any]:
        """Let a function decide on calls of MCP tools: a decorator. It returns whether to approve, and may be async.

        One that raises refuses. It runs on the dispatch thread.
        """
        return self._client.mcp_approval(handler)

    def _left(self, receipt: Receipt) -> SyncReceipt:
        left = SyncReceipt(receipt, self._thread)
        if not self._thread.is_current:
            left.result()
            self._thread.join()
        return left

    def __repr__(self) -> str:
        return repr(self._client)
