"""What the plan has and this version has not: an error that says so, in place of silence."""

from __future__ import annotations

from typing import Any

from voicewire.exceptions import UnsupportedError

__all__ = ["refuse_unbuilt"]

_ARGUMENTS = {
    "proxy",
    "debug",
    "record",
}


def refuse_unbuilt(options: dict[str, Any]) -> None:
    """Take out arguments whose value switches a feature off that is not built; any other value is an error."""
    for name in _ARGUMENTS & options.keys():
        if options.pop(name) not in (None, False):
            raise UnsupportedError(f"{name}=", "leave it out: it is not built yet")
