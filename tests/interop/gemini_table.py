"""Sample messages from the table of Gemini Live: all fields, each alone, null in their place, unknown ones beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.interop.gemini import SHARED

TABLE = SHARED / "protocol" / "gemini_live.json"
UNDECLARED = {"xUndeclared": {"deep": [1, "two", None]}}
# Types lead back to themselves.
DEEPEST = 5
PLAIN = {"integer": 7, "number": 0.5, "boolean": True, "object": {"x": [1, None]}, "any": {"y": "z"}}
FORMATS = {"base64": "AQACAAMA", "protobuf-duration": "1.880s"}


class Table:
    """The declared types and how values of them look."""

    def __init__(self) -> None:
        table = json.loads(TABLE.read_text(encoding="utf-8"))
        self.types: dict[str, dict[str, Any]] = table["types"]
        self.enums: dict[str, list[str]] = table["enums"]
        self.server: dict[str, str] = {kind: field["ref"] for kind, field in table["server_message"]["fields"].items()}
        self.client: dict[str, str] = {kind: field["ref"] for kind, field in table["client_message"]["fields"].items()}

    def full(self, type: str, *, extra: dict[str, Any] | None = None, choice: int = 0, depth: int = 0) -> Any:
        """All fields of a type, and those of ``extra`` beside them at every level; ``choice`` picks among enums."""
        fields = self.types[type] if depth < DEEPEST else {}
        made = {name: self._value(name, field, extra, choice, depth) for name, field in fields.items()}
        return {**made, **(extra or {})}

    def alone(self, type: str, depth: int = 0) -> Iterator[Any]:
        """Each field alone, at every level."""
        for name, field in self.types[type].items():
            inner = field.get("items", field)
            if "ref" not in inner or depth > DEEPEST:
                yield {name: self._value(name, field, None, 0, DEEPEST)}
                continue
            for value in ({}, *self.alone(inner["ref"], depth + 2)):
                yield {name: [value] if inner is not field else value}

    def nulls(self, type: str) -> Iterator[Any]:
        """Null in place of all fields, and in place of those of each object below."""
        yield None
        yield dict.fromkeys(self.types[type])
        for name, field in self.types[type].items():
            inner = field.get("items", field)
            if "ref" in inner:
                value = dict.fromkeys(self.types[inner["ref"]])
                yield {name: [value] if inner is not field else value}

    def widest(self, type: str) -> int:
        """How many values the longest enum among the fields has."""
        enums = [field["enum"] for field in self.types[type].values() if "enum" in field]
        return max((len(self.enums[name]) for name in enums), default=1)

    def samples(self, type: str) -> Iterator[Any]:
        for choice in range(self.widest(type)):
            yield self.full(type, choice=choice)
        yield self.full(type, extra=UNDECLARED)
        yield from self.alone(type)
        yield from self.nulls(type)

    def _value(self, name: str, field: dict[str, Any], extra: dict[str, Any] | None, choice: int, depth: int) -> Any:
        if "ref" in field:
            return self.full(field["ref"], extra=extra, choice=choice, depth=depth + 1)
        if "enum" in field:
            known = self.enums[field["enum"]]
            return known[choice % len(known)]
        if field["type"] == "array":
            return [self._value(name, field["items"], extra, choice, depth)]
        if str(field.get("format", "")).startswith("int64"):
            return "7" if choice % 2 else 7
        if field["type"] != "string":
            return PLAIN[field["type"]]
        return "audio/pcm;rate=24000" if name == "mimeType" else FORMATS.get(field.get("format", ""), f'{name} ü \\ "')


def table() -> Table:
    """The table, or a skipped test where it is not there."""
    if not TABLE.exists():
        pytest.skip(f"table is not there: {TABLE}")
    return Table()


def kinds(side: str) -> list[str]:
    """Kinds of messages for ``parametrize``; an empty one where the table is not there."""
    return list(getattr(Table(), side)) if TABLE.exists() else [""]
