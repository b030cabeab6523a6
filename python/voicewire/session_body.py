"""The session object of HTTP requests, in the provider's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from voicewire import parse
from voicewire.config import SessionConfig
from voicewire.exceptions import ConfigError
from voicewire.providers import split_model

__all__ = ["SessionLike", "session_body"]

SessionLike: TypeAlias = SessionConfig | Mapping[str, Any] | None


def session_body(session: SessionLike, model: str | None) -> dict[str, Any]:
    """Write a session: options in neutral words are translated, a dict with a "type" passes as it is.

    Args:
        session: ``SessionConfig``, a dict of its options, the provider's session object, or None.
        model: Name of the model, which wins over one in the object. None: that of the object, else the default.

    Raises:
        ConfigError: An option is unknown or wrong.
        UnsupportedError: The model is of a provider without these requests.
    """
    is_wire = isinstance(session, Mapping) and "type" in session
    body = parse.json_object("session", session) if is_wire else _encoded(SessionConfig.from_options(session))
    if model is not None or body["type"] == "realtime":
        given = model if model is not None else body.get("model")
        body["model"] = split_model(given, None if given and "/" in given else "openai", None)[1]
    return body


def _encoded(config: SessionConfig) -> dict[str, Any]:
    from voicewire._voicewire import encode_session

    words = config.to_dict()
    if "history" in words:
        raise ConfigError("history cannot be given here: it is sent over the session", field="history")
    body: dict[str, Any] = json.loads(encode_session(json.dumps(words), "ga"))
    return body
