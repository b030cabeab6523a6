"""Sample messages from the table of the wire's events: all fields, required fields, null where null may be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = os.environ.get("VOICEWIRE_SHARED") or Path(__file__).resolve().parents[3] / "shared"
TABLE = Path(SHARED) / "protocol" / "openai_realtime.json"
# Values that the generator cannot guess: they must mean something.
MEANINGFUL = {"arguments": '{"a": 1}', "status": "completed"}
AUDIO = "AQACAAMA"
DEEPEST = 6


class Dialect:
    """One dialect of the table."""

    def __init__(self, name: str) -> None:
        table = json.loads(TABLE.read_text(encoding="utf-8"))["dialects"][name]
        self.server: dict[str, Any] = table["server_events"]
        self.client: dict[str, Any] = table["client_events"]
        self._schemas: dict[str, Any] = table["schemas"]

    def fields(self, event: dict[str, Any]) -> dict[str, Any]:
        """Declared fields of an event."""
        fields: dict[str, Any] = self._schemas[event["schema"]]["fields"]
        return fields

    def samples(self, event: dict[str, Any], mode: str) -> Iterator[dict[str, Any]]:
        """Samples of an event: one for each kind of what its fields may hold."""
        schema = self._schemas[event["schema"]]
        widest = max((len(self._choices(field)) for field in schema["fields"].values()), default=1)
        for choice in range(widest if mode == "full" else 1):
            yield self._object(schema, mode, choice, 0)

    def _choices(self, field: dict[str, Any]) -> list[dict[str, Any]]:
        if field["t"] == "ref":
            target = self._schemas[field["ref"]]
            return self._choices(target) if target.get("t") in ("union", "ref") else [field]
        return field["any"] if field["t"] == "union" else [field]

    def _object(self, schema: dict[str, Any], mode: str, choice: int, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, field in schema["fields"].items():
            if mode == "minimal" and not field.get("required"):
                continue
            if mode == "null" and field.get("nullable") and not field.get("required"):
                made[name] = None
                continue
            made[name] = self._value(name, field, mode, choice, depth + 1)
        return made

    def _value(self, name: str, field: dict[str, Any], mode: str, choice: int, depth: int) -> Any:
        kind = field["t"]
        if kind in ("ref", "union"):
            return self._of_choice(name, field, mode, choice, depth)
        if "const" in field:
            return field["const"]
        if field.get("enum"):
            return MEANINGFUL[name] if MEANINGFUL.get(name) in field["enum"] else field["enum"][0]
        if kind == "array":
            return [] if depth > DEEPEST else [self._value(name, field["items"], mode, choice, depth)]
        if kind == "map":
            return {"key": "value"}
        plain = {"integer": 7, "number": 0.5, "boolean": True, "null": None, "any": {"x": [1, None]}}
        return plain[kind] if kind in plain else MEANINGFUL.get(name, f'{name} ü \\ "')

    def _of_choice(self, name: str, field: dict[str, Any], mode: str, choice: int, depth: int) -> Any:
        choices = self._choices(field)
        picked = choices[choice % len(choices)]
        if picked["t"] != "ref":
            return self._value(name, picked, mode, choice, depth)
        target = self._schemas[picked["ref"]]
        if "fields" not in target:
            return self._value(name, target, mode, choice, depth)
        return {} if depth > DEEPEST else self._object(target, mode, choice, depth)


def load(name: str) -> Dialect | None:
    """A dialect, or None where the table is not there."""
    return Dialect(name) if TABLE.exists() else None


def cases(name: str, side: str) -> list[Any]:
    """Names and samples for ``parametrize``; one that is skipped where the table is not there."""
    dialect = load(name)
    if dialect is None:
        reason = f"table is not there: {TABLE}"
        return [pytest.param("", {}, marks=pytest.mark.skip(reason=reason), id="no table")]
    events = dialect.server if side == "server" else dialect.client
    return [
        pytest.param(type, sample, id=f"{type}-{mode}-{number}")
        for type, event in events.items()
        for mode in ("full", "minimal", "null")
        for number, sample in enumerate(dialect.samples(event, mode))
    ]
