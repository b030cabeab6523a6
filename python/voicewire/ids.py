"""Ids in the form that OpenAI's services use."""

from __future__ import annotations

import secrets
import string

from voicewire import parse
from voicewire.exceptions import ConfigError

__all__ = ["generate_id"]

_LETTERS = string.digits + string.ascii_letters


def generate_id(prefix: str, length: int = 21) -> str:
    """Make a random id, such as for an item: services take ids of clients up to 32 characters.

    Args:
        prefix: What it begins with, such as "item_".
        length: Characters in all, prefix included.

    Raises:
        ConfigError: The prefix leaves no room.
    """
    parse.text("prefix", prefix)
    if parse.integer("length", length, 1) <= len(prefix):
        raise ConfigError("length leaves no room behind the prefix", field="length", value=length)
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(length - len(prefix)))
