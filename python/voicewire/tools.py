"""The tools of a client: definitions for the model, handlers of the application."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.tool_schema import Reader, definition_of, reader_of_schema
from voicewire.values import dataclass

__all__ = ["MAX_OUTPUT", "Tool", "ToolHandler", "ToolResponse", "Toolbox", "responses_of"]

ToolHandler: TypeAlias = Callable[..., Any]

MAX_OUTPUT = 64 * 1024
"""Bytes of an output that the model gets; ten times this would fill its context."""

_NAME = r"[a-zA-Z0-9_-]{1,64}"


@dataclass(frozen=True, slots=True)
class ToolResponse:
    """The answer to one tool call.

    Attributes:
        call_id: Id of the call, as of its ``ToolCall``.
        output: A string, or anything that is JSON.
        name: Name of the tool, where the provider wants it.
        scheduling: When the model takes note of it: "INTERRUPT" stops what it says, "WHEN_IDLE" waits for the end of
            that, "SILENT" asks for no answer. None: the provider's choice. Gemini heeds it for tools that do not block;
            for OpenAI's family it is emulated.
    """

    call_id: str
    output: Any
    name: str | None = None
    scheduling: str | None = None


@dataclass(frozen=True)
class Tool:
    """A tool with what runs it.

    Attributes:
        key: Name, or label of an MCP server.
        definition: What the model gets.
        handler: Called with the arguments as keywords; None: the application answers by hand.
        read: Reads the arguments.
        timeout: Seconds it may take, None for no limit.
        max_output: Bytes of its output that the model gets.
    """

    key: str
    definition: dict[str, Any]
    handler: ToolHandler | None
    read: Reader | None
    timeout: float | None
    max_output: int


class Toolbox:
    """The tools of one client, by name."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    def add_function(
        self,
        function: ToolHandler,
        *,
        name: str | None,
        description: str | None,
        timeout: float | None,
        max_output: int,
        scope: Mapping[str, Any] | None,
    ) -> Tool:
        """Add a function; its definition comes from its type hints and docstring.

        Raises:
            ConfigError: The name is taken or wrong, or a parameter cannot be described.
        """
        if not callable(function):
            raise ConfigError("tool cannot be called", field="handler", value=function)
        name = _name("name", name or _name_of(function))
        definition, read = definition_of(function, name, description, scope)
        return self._keep(Tool(name, definition, function, read, timeout, _size(max_output)))

    def add(
        self, definition: Mapping[str, Any], handler: ToolHandler | None, *, timeout: float | None, max_output: int
    ) -> Tool:
        """Add a definition in the provider's words.

        Raises:
            ConfigError: The name is taken or wrong, the handler cannot be called, or the parameters are no schema.
        """
        if handler is not None and not callable(handler):
            raise ConfigError("handler cannot be called", field="handler", value=handler)
        words = _flat(parse.json_object("definition", definition))
        if words["type"] != "function":
            label = words.get("server_label") or words["type"]
            return self._keep(Tool(f"{words['type']}:{label}", words, None, None, timeout, max_output))
        name = _name("definition.name", words.get("name"))
        if len(parse.text("definition.description", words.get("description", ""))) > 1024:
            raise ConfigError("definition.description is longer than 1024 characters", field="definition.description")
        schema = parse.json_object("definition.parameters", words.get("parameters") or _NO_PARAMETERS)
        words = {**words, "parameters": schema}
        read = reader_of_schema(name, schema) if handler is not None else None
        return self._keep(Tool(name, words, handler, read, timeout, _size(max_output)))

    def remove(self, name: str) -> None:
        """Take a tool out.

        Raises:
            ConfigError: There is none of that name.
        """
        key = name if name in self._tools else f"mcp:{name}"
        if key not in self._tools:
            known = ", ".join(self._tools) or "none"
            raise ConfigError(f"no such tool; there are: {known}", field="name", value=name)
        del self._tools[key]

    def clear(self) -> None:
        """Take all tools out."""
        self._tools.clear()

    def get(self, name: str | None) -> Tool | None:
        """The tool of that name."""
        return self._tools.get(name or "")

    def merged(self, others: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Definitions of ``others`` and of all tools here, which win where names are the same."""
        own = [tool.definition for tool in self._tools.values()]
        names = {_key(definition) for definition in own}
        return [*(dict(other) for other in others if _key(other) not in names), *own]

    def __bool__(self) -> bool:
        return bool(self._tools)

    def _keep(self, tool: Tool) -> Tool:
        if tool.key in self._tools:
            raise ConfigError("tool exists already: remove it first", field="name", value=tool.key)
        self._tools[tool.key] = tool
        return tool


def responses_of(responses: object) -> list[ToolResponse]:
    """Read what ``send_tool_response`` takes: one or many, ``ToolResponse`` or dicts of the same keys.

    Raises:
        ConfigError: A key is unknown or missing; it names it.
    """
    many = [responses] if isinstance(responses, (ToolResponse, Mapping)) else responses
    if not isinstance(many, (list, tuple)) or not many:
        raise ConfigError("responses are no ToolResponse, dict or list of these", field="responses", value=responses)
    return [_response(f"responses[{at}]", response) for at, response in enumerate(many)]


def _response(field: str, response: object) -> ToolResponse:
    if isinstance(response, Mapping):
        parse.known_names(f"key of {field}", response, tuple(known.name for known in fields(ToolResponse)))
        missing = {"call_id", "output"} - response.keys()
        if missing:
            raise ConfigError(f"{field} has no {sorted(missing)[0]}", field=f"{field}.{sorted(missing)[0]}")
        response = ToolResponse(**response)
    if not isinstance(response, ToolResponse):
        raise ConfigError(f"{field} is neither ToolResponse nor dict", field=field, value=response)
    if not parse.text(f"{field}.call_id", response.call_id):
        raise ConfigError(f"{field}.call_id is empty", field=f"{field}.call_id")
    if response.scheduling is not None:
        parse.choice(f"{field}.scheduling", response.scheduling, ("SILENT", "WHEN_IDLE", "INTERRUPT"))
    return response


def _flat(definition: dict[str, Any]) -> dict[str, Any]:
    inner = definition.get("function")
    words = {**definition, **inner} if isinstance(inner, dict) else dict(definition)
    words.pop("function", None)
    return {"type": "function", **words}


def _key(definition: Mapping[str, Any]) -> str:
    words = _flat(dict(definition))
    if words["type"] == "function":
        return str(words.get("name"))
    return f"{words['type']}:{words.get('server_label') or words['type']}"


def _name(field: str, name: object) -> str:
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise ConfigError(f"{field} is not 1 to 64 letters, digits, _ and -", field=field, value=name)
    return name


def _name_of(function: Any) -> str:
    while hasattr(function, "func"):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _size(max_output: int) -> int:
    return parse.integer("max_output", max_output, 256)


_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
