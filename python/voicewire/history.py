"""What was said before the session: chat messages and items, read into items of the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from voicewire import parse
from voicewire.exceptions import ConfigError

__all__ = ["items_of"]

JSONObject = dict[str, Any]


def items_of(history: object, field: str = "history") -> list[dict[str, Any]]:
    """Read a history into items as OpenAI's GA protocol writes them; items that are such already stay as they are.

    Args:
        history: A list of dicts, each ``{"role", "text"}``; ``{"role", "content"}`` as in chats, where content is a
            string or a list of parts, with "tool_calls" and the role "tool"; or an item with a "type".
        field: What errors call the list.

    Raises:
        ConfigError: An entry cannot be read; it names the entry and its key, such as ``history[2].role``.
    """
    entries = parse.json_list(field, history)
    return [item for index, entry in enumerate(entries) for item in _items(f"{field}[{index}]", entry)]


def _items(field: str, entry: JSONObject) -> list[JSONObject]:
    kind = entry.get("type", "message")
    read = _ITEMS.get(_required(f"{field}.type", kind))
    # Kinds that the provider runs itself, such as "mcp_call", are its own business.
    return [entry] if read is None else read(field, entry)


def _message(field: str, entry: JSONObject) -> list[JSONObject]:
    role = entry.get("role")
    if role == "tool":
        return _function_call_output(field, {**entry, "call_id": entry.get("tool_call_id", entry.get("call_id"))})
    role = _ROLES.get(role, role) if isinstance(role, str) else role
    parse.choice(f"{field}.role", role, ("user", "assistant", "system", "developer", "tool"))
    calls = _tool_calls(f"{field}.tool_calls", entry.get("tool_calls"))
    if calls and not entry.get("content") and "text" not in entry:
        return calls
    content = _content(field, str(role), entry)
    return [{**_id(field, entry), "type": "message", "role": role, "content": content}, *calls]


def _content(field: str, role: str, entry: JSONObject) -> list[JSONObject]:
    if "text" in entry and "content" in entry:
        raise ConfigError(f"{field} has both text and content", field=field)
    name = f"{field}.text" if "text" in entry else f"{field}.content"
    content = entry.get("text", entry.get("content"))
    if content is None:
        raise ConfigError(f"{name} is missing, and text too", field=name)
    if content in ("", []):
        raise ConfigError(f"{name} is empty", field=name)
    if isinstance(content, str):
        return [{"type": _text_type(role), "text": parse.text(name, content)}]
    if not isinstance(content, list):
        raise ConfigError(f"{name} is neither text nor a list of parts", field=name, value=content)
    return [_part(f"{name}[{index}]", role, part) for index, part in enumerate(content)]


def _part(field: str, role: str, part: object) -> JSONObject:
    if isinstance(part, str):
        return {"type": _text_type(role), "text": part}
    if not isinstance(part, Mapping):
        raise ConfigError(f"{field} is neither text nor dict", field=field, value=part)
    kind = parse.choice(f"{field}.type", part.get("type"), _PARTS_OF[role])
    return _PARTS[kind](field, role, part)


def _text_part(field: str, role: str, part: Mapping[str, Any]) -> JSONObject:
    return {"type": _text_type(role), "text": parse.text(f"{field}.text", part.get("text"))}


def _audio_part(field: str, role: str, part: Mapping[str, Any]) -> JSONObject:
    """Audio with its samples, or what was said in it: services take no words as audio, and no audio as an answer."""
    nested = part.get("input_audio")
    if isinstance(nested, Mapping):
        parse.choice(f"{field}.input_audio.format", nested.get("format"), ("pcm16",))
        part = {"audio": nested.get("data")}
    if role == "user" and part.get("audio") is not None:
        sound = {"type": "input_audio", "audio": parse.text(f"{field}.audio", part["audio"])}
        return {**sound, "transcript": part["transcript"]} if part.get("transcript") else sound
    if not part.get("transcript"):
        raise ConfigError(f"{field}.transcript is missing", field=f"{field}.transcript")
    return {"type": _text_type(role), "text": parse.text(f"{field}.transcript", part["transcript"])}


def _image_part(field: str, role: str, part: Mapping[str, Any]) -> JSONObject:
    image = part.get("image_url")
    rest = {name: part[name] for name in ("detail",) if name in part}
    if isinstance(image, Mapping):
        rest.update({name: image[name] for name in ("detail",) if name in image})
        image = image.get("url")
    return {"type": "input_image", "image_url": parse.text(f"{field}.image_url", image), **rest}


def _tool_calls(field: str, calls: object) -> list[JSONObject]:
    if calls is None:
        return []
    items: list[JSONObject] = []
    for index, call in enumerate(parse.json_list(field, calls)):
        function = parse.json_object(f"{field}[{index}].function", call.get("function"))
        items += _function_call(f"{field}[{index}]", {**function, "call_id": call.get("id")})
    return items


def _function_call(field: str, entry: JSONObject) -> list[JSONObject]:
    item = {
        **_id(field, entry),
        "type": "function_call",
        "call_id": _required(f"{field}.call_id", entry.get("call_id")),
        "name": _required(f"{field}.name", entry.get("name")),
        "arguments": _json(entry.get("arguments", "{}")),
    }
    return [item]


def _function_call_output(field: str, entry: JSONObject) -> list[JSONObject]:
    if "output" not in entry and "content" not in entry:
        raise ConfigError(f"{field}.output is missing", field=f"{field}.output")
    item = {
        **_id(field, entry),
        "type": "function_call_output",
        "call_id": _required(f"{field}.call_id", entry.get("call_id")),
        "output": _json(entry.get("output", entry.get("content"))),
    }
    return [item]


def _id(field: str, entry: JSONObject) -> JSONObject:
    # Status and object are the server's words; it refuses ids of more than 32 characters.
    item_id = entry.get("id")
    if item_id is None:
        return {}
    if len(parse.text(f"{field}.id", item_id)) > _LONGEST_ID:
        raise ConfigError(f"{field}.id is longer than {_LONGEST_ID} characters", field=f"{field}.id", value=item_id)
    return {"id": item_id}


def _required(field: str, value: object) -> str:
    if not parse.text(field, value):
        raise ConfigError(f"{field} is empty", field=field)
    return str(value)


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text_type(role: str) -> str:
    return "output_text" if role == "assistant" else "input_text"


_LONGEST_ID = 32
_ROLES = {"developer": "system"}
_ITEMS: dict[str, Callable[[str, JSONObject], list[JSONObject]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
}
_PARTS: dict[str, Callable[[str, str, Mapping[str, Any]], JSONObject]] = {
    **dict.fromkeys(("text", "input_text", "output_text"), _text_part),
    **dict.fromkeys(("input_audio", "audio", "output_audio"), _audio_part),
    **dict.fromkeys(("input_image", "image_url"), _image_part),
}
_PARTS_OF = {
    "user": ("text", "input_text", "input_audio", "audio", "input_image", "image_url"),
    "assistant": ("text", "output_text", "output_audio", "audio"),
    "system": ("text", "input_text"),
}
