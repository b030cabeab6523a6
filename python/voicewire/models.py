"""What differs between the models of one service, as data: a table that ships with the package and can be added to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.providers import DIALECTS

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
    """Add a copy of a table; ``{}`` takes all added ones away.

    Raises:
        ConfigError: A dialect or a flag is unknown, or a value does not fit; it names the place.
    """
    checked = _checked(table, "models", _known())
    if checked:
        _added.append(checked)
    else:
        _added.clear()


@cache
def _shipped() -> Mapping[str, Any]:
    # The loader reads from an archive as well; importlib.resources would cost more than the rest of our import.
    loader: Any = __spec__.loader
    text = loader.get_data(os.path.join(os.path.dirname(__file__), "models.json"))
    return _checked(json.loads(text), "models.json")


@cache
def _of_environment(path: str | None) -> tuple[Mapping[str, Any], ...]:
    if not path:
        return ()
    try:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"VOICEWIRE_MODELS cannot be read: {error}", field="VOICEWIRE_MODELS", value=path) from None
    return (_checked(table, "VOICEWIRE_MODELS", _known()),)


def _checked(table: Any, field: str, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Take a copy of a table; ``known`` has a value of the right kind for each flag, None takes all flags."""
    copied = parse.json_object(field, table)
    parse.known_names(f"dialect in {field}", copied, DIALECTS)
    for dialect, rows in copied.items():
        for index, row in enumerate(parse.json_list(f"{field}.{dialect}", rows)):
            where = f"{field}.{dialect}[{index}]"
            parse.known_names(f"key of {where}", row, ("models", "flags"))
            _names(f"{where}.models", row.get("models"))
            flags = parse.json_object(f"{where}.flags", row.get("flags"))
            if known is not None:
                parse.known_names(f"flag of {where}", flags, tuple(known))
                for name, value in flags.items():
                    _flag(f"{where}.flags.{name}", value, known[name], _CHOICES.get(name))
    return copied


def _flag(field: str, value: Any, like: Any, choices: tuple[str, ...] | None) -> None:
    """Take a value of the kind of ``like``."""
    if choices is not None:
        parse.choice(field, value, choices)
    elif isinstance(like, bool):
        parse.flag(field, value)
    elif isinstance(like, int):
        parse.integer(field, value)
    elif isinstance(like, (list, tuple)):
        _names(field, value)
    elif value is not None:
        parse.text(field, value)


def _names(field: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"{field} is no list of strings", field=field, value=value)


@cache
def _known() -> Mapping[str, Any]:
    """Each flag with a value: those of ``Capabilities``, and those that the core alone heeds."""
    from voicewire.capabilities import Capabilities

    rows = [row for table in _shipped().values() for row in table]
    shipped = {name: value for row in rows for name, value in row["flags"].items()}
    return {**shipped, **asdict(Capabilities())}


# How thinking is asked for; "" for models that take no such option.
_CHOICES = {"thinking": ("budget", "level", "")}
