"""Where a client connects: model, provider, URL and key, from arguments and environment."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from voicewire import parse
from voicewire.exceptions import ConfigError, UnsupportedError

__all__ = ["Destination", "TokenProvider"]

TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]

_PROVIDERS = ("openai", "gemini", "azure", "xai", "sim")
_ALIASES = {"google": "gemini"}
_READY = ("openai", "sim")
_DIALECTS = ("ga",)
_OWN_HOSTS = {"openai": "api.openai.com"}
_KEY_VARIABLES = {"openai": "OPENAI_API_KEY"}
_DEFAULT_MODELS = {"openai": "gpt-realtime", "sim": "demo"}


@dataclass(frozen=True)
class Destination:
    """A checked destination. The key is kept out of its repr.

    Attributes:
        provider: "openai" or "sim".
        model: Name of the model, without provider.
        url: Base or full URL, or None for the provider's own.
        dialect: How the server speaks.
        api_key: Key given by the user, or None.
        token_provider: Called at every connect for a key, or None.
        options: What the core needs besides: headers, subprotocol_auth, allow_insecure, ca, client_cert, client_key.
    """

    provider: str
    model: str
    url: str | None = field(repr=False)  # may hold a user, a password, a token
    dialect: str
    api_key: str | None = field(repr=False)
    token_provider: TokenProvider | None = field(repr=False)
    options: dict[str, Any] = field(repr=False)

    @classmethod
    def of(
        cls,
        model: str | None,
        *,
        provider: str | None,
        url: str | None,
        dialect: str | None,
        api_key: str | None,
        token_provider: TokenProvider | None,
        headers: Mapping[str, str] | None,
        subprotocol_auth: bool,
        allow_insecure: bool,
        ca: str | os.PathLike[str] | None,
        client_cert: tuple[str, str] | None,
    ) -> Destination:
        """Check the arguments of a client.

        Raises:
            ConfigError: An argument is wrong; it names it.
            UnsupportedError: The provider is known and not built yet.
        """
        provider, model = _split(model, provider, url)
        if dialect is not None:
            parse.choice("dialect", dialect, _DIALECTS)
        if api_key is not None:
            parse.text("api_key", api_key)
        if url is not None:
            parse.text("url", url)
        certificate = client_cert or (None, None)
        options = {
            "headers": _headers(headers),
            "subprotocol_auth": bool(subprotocol_auth),
            "allow_insecure": bool(allow_insecure),
            "ca": None if ca is None else os.fspath(ca),
            "client_cert": certificate[0],
            "client_key": certificate[1],
        }
        made = cls(provider, model, url, dialect or "ga", api_key, token_provider, options)
        made.check(api_key)
        return made

    def check(self, key: str | None) -> tuple[str, bool]:
        """The URL without secrets, and whether it names this machine; what cannot be used raises ``ConfigError``."""
        from voicewire import _voicewire

        return _voicewire.check_endpoint(json.dumps(self.endpoint(key)))

    def endpoint(self, key: str | None, url: str | None = None) -> dict[str, Any]:
        """The core's description of the endpoint."""
        return {**self.options, "url": url or self._address, "model": self.model, "api_key": key}

    async def key(self, given: str | None) -> str | None:
        """The key for one connect: given, from the token provider, or from the environment.

        Raises:
            ConfigError: There is none and the provider needs one; it names the variable.
        """
        if given is not None:
            return parse.text("api_key", given)
        if self.token_provider is not None:
            return await self._token()
        if self.api_key is not None or self.provider == "sim":
            return self.api_key
        return self._key_of_environment()

    async def _token(self) -> str:
        assert self.token_provider is not None
        token = self.token_provider()
        if not isinstance(token, str):
            token = await token
        if not isinstance(token, str) or not token:
            raise ConfigError("token provider gave no string", field="token_provider", value=type(token).__name__)
        return token

    def _key_of_environment(self) -> str | None:
        variable = _KEY_VARIABLES[self.provider]
        key = os.environ.get(variable) or None
        _, is_local = self.check(None)
        host = urlsplit(self._address or "").hostname
        is_own = self.url is None or host == _OWN_HOSTS[self.provider]
        if key is None and self.url is None:
            raise ConfigError(f"no key: set {variable} or give api_key=", field="api_key")
        return key if is_own or is_local else None

    @property
    def _address(self) -> str | None:
        if self.url is not None or self.provider != "openai":
            return self.url
        return os.environ.get("OPENAI_BASE_URL") or None


def _split(model: str | None, provider: str | None, url: str | None) -> tuple[str, str]:
    if model is not None:
        parse.text("model", model)
    if provider is None and model is not None and "/" in model:
        provider, model = model.split("/", 1)
    if provider is None and url is None:
        known = ", ".join(f"{name}/…" for name in _PROVIDERS)
        raise ConfigError(
            f"model names no provider; write one of {known}, or give provider=", field="model", value=model
        )
    provider = _ALIASES.get(provider or "openai", provider or "openai")
    parse.choice("provider", provider, _PROVIDERS)
    if provider not in _READY:
        raise UnsupportedError(f"provider {provider}", "use openai/… or sim/…")
    return provider, model or ("" if url else _DEFAULT_MODELS[provider])


def _headers(headers: Mapping[str, str] | None) -> list[tuple[str, str]]:
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError("names and values of headers are strings", field="headers", value=name)
    return list((headers or {}).items())
