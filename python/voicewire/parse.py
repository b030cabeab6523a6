"""Parsing of options: each function returns a valid value or raises a ``ConfigError`` that names both."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from voicewire.exceptions import ConfigError

__all__ = ["choice", "flag", "function", "integer", "json_list", "json_object", "known_names", "number", "text"]


def text(field: str, value: object) -> str:
    """Take a string without NUL."""
    if not isinstance(value, str):
        raise ConfigError(f"{field} is no string", field=field, value=value)
    if "\0" in value:
        raise ConfigError(f"{field} contains NUL", field=field, value=value)
    return value


def flag(field: str, value: object) -> bool:
    """Take True or False, nothing that merely counts as such."""
    if not isinstance(value, bool):
        raise ConfigError(f"{field} is neither True nor False", field=field, value=value)
    return value


def number(field: str, value: object, low: float = 0.0, high: float = math.inf, *, above: bool = False) -> float:
    """Take a finite number within low..high; with ``above`` it must exceed ``low``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{field} is no number", field=field, value=value)
    if not math.isfinite(value) or not low <= value <= high or (above and value == low):
        raise ConfigError(f"{field} is not {_range(low, high, above)}", field=field, value=value)
    return value


def integer(field: str, value: object, low: int = 0, high: int | None = None) -> int:
    """Take a whole number within low..high, numpy's included."""
    whole = _index(value)
    if whole is None:
        raise ConfigError(f"{field} is no whole number", field=field, value=value)
    if whole < low or (high is not None and whole > high):
        raise ConfigError(f"{field} is not {_range(low, high, False)}", field=field, value=value)
    return whole


def function(field: str, value: Any) -> Any:
    """Take None or what can be called and gives no coroutine; a class is mistaken for its instance."""
    from voicewire.handlers import is_async

    if value is not None and not callable(value):
        raise ConfigError(f"{field} cannot be called", field=field, value=value)
    if isinstance(value, type):
        raise ConfigError(f"{field} is a class, not an instance of it", field=field, value=value)
    if is_async(value):
        raise ConfigError(f"{field} is async, not a plain function", field=field, value=value)
    return value


def choice(field: str, value: object, choices: Sequence[str]) -> str:
    """Take one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        hint = _nearest(value, choices)
        raise ConfigError(f"{field} is not one of {', '.join(choices)}{hint}", field=field, value=value)
    return value


def json_object(field: str, value: object) -> dict[str, Any]:
    """Take a mapping that JSON can express, and copy it."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{field} is no mapping", field=field, value=value)
    copied: dict[str, Any] = _copy(field, dict(value))
    return copied


def json_list(field: str, value: object) -> tuple[dict[str, Any], ...]:
    """Take a sequence of mappings that JSON can express, and copy it."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ConfigError(f"{field} is no list", field=field, value=value)
    return tuple(json_object(f"{field}[{index}]", entry) for index, entry in enumerate(value))


def json_text(field: str, value: object) -> str:
    """Write a value as JSON."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{field} is not JSON ({error})", field=field) from None


def known_names(what: str, names: Iterable[object], choices: Sequence[str]) -> None:
    """Refuse a name that is not among ``choices``, telling the nearest and all."""
    for name in names:
        if name not in choices:
            hint = _nearest(name, choices)
            raise ConfigError(f"unknown {what}: {name!r}{hint}; the choices are {', '.join(choices)}", field=str(name))


def _index(value: Any) -> int | None:
    if type(value) is int:
        return value
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def _copy(field: str, value: object) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{field} cannot be written as JSON ({error})", field=field) from error


def _range(low: float, high: float | None, above: bool) -> str:
    if high is None or math.isinf(high):
        return f"above {low:g}" if above else f"at least {low:g}"
    if above:
        return f"above {low:g} and at most {high:g}"
    return f"within {_shown(low)}..{_shown(high)}"


def _shown(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


def _nearest(value: object, choices: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(value, choices, 1, 0.5) if isinstance(value, str) else []
    return f"; did you mean {near[0]}?" if near else ""
