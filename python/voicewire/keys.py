"""Keys that a token provider hands out: a string, or what services and houses answer when they mint one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any, TypeAlias

from voicewire.exceptions import AuthenticationError, ConfigError
from voicewire.values import dataclass

__all__ = ["ClientSecret", "Grant", "Token", "TokenProvider", "read_token"]


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A short-lived key for one client, such as a browser. What is secret stays out of its repr.

    Attributes:
        value: The key itself, "ek_…".
        expires_at: Seconds since 1970 after which it begins no session, or None where the service does not tell.
        session: The session that it is good for, as the service answers it.
    """

    value: str = field(repr=False)
    expires_at: float | None = None
    session: dict[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def model(self) -> str | None:
        """Name of the model that it is good for, or None where the service does not tell."""
        model = self.session.get("model")
        return model if isinstance(model, str) else None


Token: TypeAlias = str | Mapping[str, Any] | ClientSecret
TokenProvider: TypeAlias = Callable[[], Token | Awaitable[Token]]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one connect goes with.

    Attributes:
        key: The key, or None to go without.
        model: The model that the token names, or None.
    """

    key: str | None = field(repr=False)
    model: str | None = None


def read_token(token: object) -> Grant:
    """Read what a token provider gave.

    Args:
        token: A string, a ``ClientSecret``, or a dict: ``{"value", "expires_at"}``, ``{"client_secret": {"value",
            "expires_at"}}`` or ``{"client_secret": "ek_…"}``, with "model" or "session" beside.

    Raises:
        ConfigError: It is none of these; it names the key that is missing or wrong, and never the secret.
        AuthenticationError: It has expired.
    """
    if isinstance(token, str):
        return Grant(_text("token", token))
    if isinstance(token, ClientSecret):
        token = {"value": token.value, "expires_at": token.expires_at, "session": token.session}
    if not isinstance(token, Mapping):
        raise _wrong(f"token is neither string nor dict but {type(token).__name__}")
    secret = _secret_in(token)
    key = _text("value", secret["value"])
    _check_expiry(secret.get("expires_at"))
    return Grant(key, _model_in(token))


def _secret_in(token: Mapping[str, Any]) -> Mapping[str, Any]:
    secret = token.get("client_secret", token)
    if isinstance(secret, str):
        return {"value": secret, "expires_at": token.get("expires_at")}
    if not isinstance(secret, Mapping):
        raise _wrong(f"client_secret is neither string nor dict but {type(secret).__name__}")
    if "value" not in secret:
        raise _wrong(
            "client_secret.value is missing" if "client_secret" in token else "value or client_secret is missing"
        )
    return secret


def _model_in(token: Mapping[str, Any]) -> str | None:
    session = token.get("session")
    model = token.get("model") or (session.get("model") if isinstance(session, Mapping) else None)
    return None if model is None else _text("model", model)


def _check_expiry(expires_at: object) -> None:
    if expires_at is None:
        return
    if isinstance(expires_at, bool) or not isinstance(expires_at, (int, float)):
        raise _wrong(f"expires_at is no number of seconds but {type(expires_at).__name__}")
    late = time.time() - expires_at
    # 0 stands for "does not expire" in answers of some gateways.
    if expires_at > 0 and late >= 0:
        told = f"expires_at={expires_at:.0f} was {late:.0f} s ago by this machine's clock"
        raise AuthenticationError(f"token provider gave a key that has expired: {told}")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(f"{name} is no string but {type(value).__name__}")
    if not value:
        raise _wrong(f"{name} is empty")
    return value


def _wrong(problem: str) -> ConfigError:
    return ConfigError(f"token provider: {problem}", field="token_provider")
