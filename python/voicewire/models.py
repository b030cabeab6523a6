"""What differs between the models of one service, as data: a table that ships with the package and can be added to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from voicewire import parse
from voicewire.exceptions import ConfigError

__all__ = ["configure_models", "flags_of"]

# Tables of the caller, which come behind the one that ships.
_added: list[Mapping[str, Any]] = []


def flags_of(dialect: str, model: str) -> dict[str, Any]:
    """All flags that the tables have for a model: later rows and later tables win."""
    tables = [_shipped(), *_of_environment(os.environ.get("VOICEWIRE_MODELS")), *_added]
    flags: dict[str, Any] = {}
    for table in tables:
        # Vertex is the same service by another door.
        for name in ("gemini", "vertex") if dialect == "vertex" else (dialect,):
            for row in table.get(name, ()):
                if any(fnmatchcase(model, pattern) for pattern in row["models"]):
                    flags.update(row["flags"])
    return flags


def configure_models(table: Mapping[str, Any]) -> None:
    """Add a table; ``{}`` takes all added ones away."""
    if not table:
        _added.clear()
    else:
        _added.append(_checked(table, "models"))


@cache
def _shipped() -> Mapping[str, Any]:
    text = files("voicewire").joinpath("models.json").read_text(encoding="utf-8")
    return _checked(json.loads(text), "models.json")


@cache
def _of_environment(path: str | None) -> tuple[Mapping[str, Any], ...]:
    if not path:
        return ()
    try:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", field="VOICEWIRE_MODELS", value=path) from None
    return (_checked(table, "VOICEWIRE_MODELS"),)


def _checked(table: Any, field: str) -> Mapping[str, Any]:
    for dialect, rows in parse.json_object(field, table).items():
        for index, row in enumerate(parse.json_list(f"{field}.{dialect}", rows)):
            where = f"{field}.{dialect}[{index}]"
            parse.known_names(f"key of {where}", row, ("models", "flags"))
            patterns = row.get("models")
            if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
                raise ConfigError(f"{where}.models is no list of patterns", field=f"{where}.models", value=patterns)
            parse.json_object(f"{where}.flags", row.get("flags"))
    checked: Mapping[str, Any] = table
    return checked
