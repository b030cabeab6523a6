"""Step "command": ids for items and events of our own, in the form of the services' own."""

from __future__ import annotations

import secrets
import string

from voicewire import parse
from voicewire.exceptions import ConfigError

__all__ = ["generate_id"]

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def generate_id(prefix: str, length: int = 21) -> str:
    """A fresh id: the prefix, filled up with random letters and digits.

    Args:
        prefix: What it begins with, such as "evt_" or "item_".
        length: Characters in all, the prefix included. Services take up to 32 in ids of items and calls, and 512 in
            ids of events.

    Raises:
        ConfigError: ``prefix`` is no string, or ``length`` is no whole number above that of the prefix.
    """
    room = parse.integer("length", length, 1) - len(parse.text("prefix", prefix))
    if room <= 0:
        raise ConfigError("length leaves no room behind the prefix", field="length", value=length)
    return prefix + "".join(secrets.choice(_BASE62) for _ in range(room))
