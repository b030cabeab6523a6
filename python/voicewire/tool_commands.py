"""What a client offers for tools: handlers, answers by hand, approvals of MCP calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload
from weakref import WeakMethod

from voicewire import parse
from voicewire.config import SessionConfig
from voicewire.events import ServerEvent
from voicewire.exceptions import UnsupportedError
from voicewire.handlers import is_async
from voicewire.receipt import Receipt
from voicewire.tools import MAX_OUTPUT, Toolbox, ToolHandler, ToolResponse, responses_of
from voicewire.values import dataclass

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.capabilities import Capabilities
    from voicewire.client import RealtimeClient
    from voicewire.tool_runner import ToolRunner

__all__ = ["McpApproval", "ToolCommands"]

F = TypeVar("F", bound=ToolHandler)
_UNSET: Any = object()


@dataclass(frozen=True)
class McpApproval:
    """A call of an MCP tool that waits for approval.

    Attributes:
        id: Id to answer under.
        server_label: The MCP server.
        name: The tool.
        arguments: Its arguments; empty where the text is no JSON object.
    """

    id: str
    server_label: str
    name: str
    arguments: dict[str, Any]


class ToolCommands:
    """The tools of a client."""

    _session: Session
    _toolbox: Toolbox
    _tools: ToolRunner
    _tool_timeout: float | None

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
        """Give the model a function: a decorator. Type hints make the schema, the docstring the descriptions.

        The function is called with the model's arguments, which were checked against its hints. It may be async; a
        sync one runs in a thread. It returns a string or anything that is JSON; what it raises goes to the model as
        ``{"error": text}``.

        Args:
            function: The function, where the decorator has no arguments.
            name: In place of the function's name.
            description: In place of the docstring's.
            timeout: Seconds, in place of the client's ``tool_timeout``; None for no limit.
            max_output: Bytes of the output that the model gets.

        Raises:
            ConfigError: The name is taken, or a parameter cannot be described; it names it.
        """
        add = partial(self._add_function, name=name, description=description, timeout=timeout, max_output=max_output)
        if function is None:
            return lambda later: add(later, sys._getframe(1).f_locals)
        return add(function, sys._getframe(1).f_locals)

    def add_tool(
        self,
        definition: Mapping[str, Any],
        handler: ToolHandler | None = None,
        *,
        timeout: float | None = _UNSET,
        max_output: int = MAX_OUTPUT,
    ) -> Receipt:
        """Give the model a tool with a JSON schema of your own, or an MCP server.

        Args:
            definition: ``{"name", "description", "parameters"}``, or ``{"type": "mcp", …}``.
            handler: Called with the arguments as keywords, once they fit the schema. None: answer the ``ToolCall``
                events yourself with ``send_tool_response``.
            timeout: As for ``tool``.
            max_output: As for ``tool``.

        Returns:
            A receipt that resolves once the model has the tool, at once before ``connect``.

        Raises:
            ConfigError: The definition is wrong, or the name is taken.
            UnsupportedError: It is an MCP server, and the service runs none.
        """
        if isinstance(definition, Mapping) and definition.get("type") == "mcp" and not self.capabilities.mcp:
            raise UnsupportedError("mcp", "call the server yourself, in a tool of your own")
        self._toolbox.add(definition, handler, timeout=self._timeout(timeout), max_output=max_output)
        return self._tools_changed()

    def remove_tool(self, name: str) -> Receipt:
        """Take a tool from the model: by its name, or an MCP server by its label.

        Raises:
            ConfigError: There is none of that name.
        """
        self._toolbox.remove(parse.text("name", name))
        return self._tools_changed()

    def send_tool_response(
        self, responses: ToolResponse | Mapping[str, Any] | Sequence[ToolResponse | Mapping[str, Any]]
    ) -> Receipt:
        """Answer tool calls by hand; the last answer to a response's calls asks for the next response.

        Args:
            responses: One or many ``ToolResponse``, or dicts of the same keys.

        Returns:
            A receipt of the last answer.

        Raises:
            ConfigError: A key is unknown or missing; it names it.
        """
        return self._tools.respond(responses_of(responses))

    def approve_mcp(self, approval_request_id: str, approve: bool = True, reason: str | None = None) -> Receipt:
        """Answer a request to approve a call of an MCP tool."""
        item = {
            "type": "mcp_approval_response",
            "approval_request_id": parse.text("approval_request_id", approval_request_id),
            "approve": parse.flag("approve", approve),
            **({} if reason is None else {"reason": parse.text("reason", reason)}),
        }
        return self._command("raw", {"type": "conversation.item.create", "payload": {"item": item}})

    def mcp_approval(self, handler: Callable[[McpApproval], Any]) -> Callable[[McpApproval], Any]:
        """Let a function decide on calls of MCP tools: a decorator. It returns whether to approve, and may be async.

        One that raises refuses.
        """
        approvals = _Approvals(self, handler)
        for name in ("conversation.item.done", "response.output_item.done"):
            cast("RealtimeClient", self).on(name, approvals.decide if is_async(handler) else approvals.decide_at_once)
        return handler

    def _add_function(
        self,
        function: ToolHandler,
        scope: Mapping[str, Any],
        *,
        name: str | None,
        description: str | None,
        timeout: float | None,
        max_output: int,
    ) -> ToolHandler:
        self._toolbox.add_function(
            function,
            name=name,
            description=description,
            timeout=self._timeout(timeout),
            max_output=max_output,
            scope=scope,
        )
        self._tools_changed()
        return function

    def _timeout(self, timeout: Any) -> float | None:
        if timeout is _UNSET:
            return self._tool_timeout
        return None if timeout is None else parse.number("timeout", timeout, above=True)

    def _tools_changed(self) -> Receipt:
        self._session.consult_turns(True)
        if self.state in ("idle", "closed"):
            receipt = Receipt()
            receipt._settle()
            return receipt
        return self._command(
            "update_session", {"tools": self._toolbox.merged(self._merged().to_dict().get("tools", ()))}
        )

    def _answering(self, response_id: str | None, has_open_calls: bool) -> bool:
        return self._tools.answers(response_id, has_open_calls)

    def _merged(self) -> SessionConfig:
        raise NotImplementedError

    def _command(self, kind: str, payload: Mapping[str, Any] | None = None) -> Receipt:
        raise NotImplementedError

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do."""
        raise NotImplementedError

    @property
    def state(self) -> Any:
        """Where the session is in its life."""
        raise NotImplementedError


class _Approvals:
    """Answers requests for approval, each once."""

    def __init__(self, client: ToolCommands, handler: Callable[[McpApproval], Any]) -> None:
        self._approve = WeakMethod(client.approve_mcp)
        self._handler = handler
        self._seen: set[str] = set()

    async def decide(self, event: ServerEvent) -> None:
        """Ask an async handler."""
        if (request := self._request(event)) is not None:
            await self._answer(request)

    def decide_at_once(self, event: ServerEvent) -> None:
        """Ask a sync handler."""
        if (request := self._request(event)) is None:
            return
        answer = False
        try:
            answer = bool(self._handler(request))
        finally:
            self._send(request, answer)

    async def _answer(self, request: McpApproval) -> None:
        answer = False
        try:
            answer = bool(await self._handler(request))
        finally:
            self._send(request, answer)

    def _send(self, request: McpApproval, answer: bool) -> None:
        approve = self._approve()
        if approve is not None:
            approve(request.id, answer)

    def _request(self, event: ServerEvent) -> McpApproval | None:
        import json

        item = event.get("item") or {}
        if item.get("type") != "mcp_approval_request" or item.get("id") in self._seen:
            return None
        self._seen.add(item["id"])
        try:
            arguments = json.loads(item.get("arguments") or "{}")
        except ValueError:
            arguments = {}
        return McpApproval(
            id=item["id"],
            server_label=item.get("server_label") or "",
            name=item.get("name") or "",
            arguments=arguments if isinstance(arguments, dict) else {},
        )
