"""Where a client connects: model, provider, URL and key, from arguments and environment."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from voicewire import parse
from voicewire.exceptions import ConfigError, UnsupportedError

__all__ = ["Destination", "SessionType", "TokenProvider"]

SessionType: TypeAlias = Literal["realtime", "transcription"]
TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]

_ALIASES = {"google": "gemini", "dashscope": "qwen"}


@dataclass(frozen=True)
class _Provider:
    """What is known of a provider beside its dialect."""

    dialect: str
    key: str | None
    model: str
    hosts: tuple[str, ...] = ()
    url: str | None = None


_PROVIDERS = {
    "openai": _Provider("ga", "OPENAI_API_KEY", "gpt-realtime", ("api.openai.com",), "OPENAI_BASE_URL"),
    "gemini": _Provider("gemini", "GEMINI_API_KEY", ""),
    "azure": _Provider(
        "azure",
        "AZURE_OPENAI_API_KEY",
        "gpt-realtime",
        (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"),
        "AZURE_OPENAI_ENDPOINT",
    ),
    "xai": _Provider("xai", "XAI_API_KEY", "grok-voice-latest", ("api.x.ai",)),
    "qwen": _Provider(
        "qwen",
        "DASHSCOPE_API_KEY",
        "qwen3-omni-flash-realtime",
        ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"),
    ),
    "sim": _Provider("ga", None, "demo"),
}
_DIALECTS = ("ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen", "gemini", "vertex")
_UNBUILT = ("gemini", "vertex")


@dataclass(frozen=True)
class Destination:
    """A checked destination. The key is kept out of its repr.

    Attributes:
        provider: "openai", "azure", "xai", "qwen" or "sim".
        model: Name of the model, without provider.
        url: Base or full URL, or None for the provider's own.
        dialect: How the server speaks.
        call_id: A call to join in place of a model, or None.
        session_type: "realtime" or "transcription".
        api_key: Key given by the user, or None.
        token_provider: Called at every connect for a key, or None.
        options: What the core needs besides: headers, subprotocol_auth, allow_insecure, ca, client_cert, client_key.
    """

    provider: str
    model: str
    url: str | None = field(repr=False)  # may hold a user, a password, a token
    dialect: str
    call_id: str | None
    session_type: SessionType
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
        call_id: str | None,
        session_type: SessionType,
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
        dialect = _dialect(provider, url, dialect)
        parse.choice("session_type", session_type, ("realtime", "transcription"))
        if call_id is not None and not parse.text("call_id", call_id):
            raise ConfigError("call_id is empty", field="call_id", value=call_id)
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
        made = cls(provider, model, url, dialect, call_id, session_type, api_key, token_provider, options)
        if made._address is not None or dialect != "azure":
            made.check(api_key)
        return made

    def check(self, key: str | None) -> tuple[str, bool]:
        """The URL without secrets, and whether it names this machine; what cannot be used raises ``ConfigError``."""
        from voicewire import _voicewire

        return _voicewire.check_endpoint(json.dumps(self.endpoint(key)))

    def endpoint(self, key: str | None, url: str | None = None) -> dict[str, Any]:
        """The core's description of the endpoint."""
        return {
            **self.options,
            "url": url or self._address,
            "model": self.model,
            "api_key": key,
            "is_token": self.token_provider is not None,
            "dialect": self.dialect,
            "call_id": self.call_id,
            "session_type": self.session_type,
        }

    async def key(self, given: str | None) -> str | None:
        """The key for one connect: given, from the token provider, or from the environment.

        Raises:
            ConfigError: There is none and the provider needs one; it names the variable.
        """
        if given is not None:
            return parse.text("api_key", given)
        if self.token_provider is not None:
            return await self._token()
        if self.api_key is not None or self._known.key is None:
            return self.api_key
        return self._key_of_environment(self._known.key)

    async def _token(self) -> str:
        assert self.token_provider is not None
        token = self.token_provider()
        if not isinstance(token, str):
            token = await token
        if not isinstance(token, str) or not token:
            raise ConfigError("token provider gave no string", field="token_provider", value=type(token).__name__)
        return token

    def _key_of_environment(self, variable: str) -> str | None:
        if self.url is None and self._address is None and self._known.url and not _has_own_address(self.dialect):
            raise ConfigError(f"no address: set {self._known.url} or give url=", field="url")
        key = os.environ.get(variable) or None
        _, is_local = self.check(None)
        host = urlsplit(self._address or "").hostname or ""
        is_own = self.url is None or any(
            host.endswith(own) if own.startswith(".") else host == own for own in self._known.hosts
        )
        if key is None and self.url is None:
            raise ConfigError(f"no key: set {variable} or give api_key=", field="api_key")
        return key if is_own or is_local else None

    @property
    def _known(self) -> _Provider:
        return _PROVIDERS[self.provider]

    @property
    def _address(self) -> str | None:
        if self.url is not None or self._known.url is None:
            return self.url
        return os.environ.get(self._known.url) or None


def _has_own_address(dialect: str) -> bool:
    from voicewire.capabilities import facts_of

    return bool(facts_of(dialect)["has_own_address"])


def _dialect(provider: str, url: str | None, given: str | None) -> str:
    """How the server speaks: as told, as Azure's paths tell, or as the provider does."""
    if given is not None:
        parse.choice("dialect", given, _DIALECTS)
        if given in _UNBUILT:
            raise UnsupportedError(f"dialect {given}", "use an OpenAI dialect")
        return given
    if provider == "azure":
        parts = urlsplit(url or os.environ.get("AZURE_OPENAI_ENDPOINT") or "")
        if "/voice-live" in parts.path:
            return "voice-live"
        if "api-version=20" in parts.query:
            return "azure-preview"
    return _PROVIDERS[provider].dialect


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
    parse.choice("provider", provider, tuple(_PROVIDERS))
    if _PROVIDERS[provider].dialect in _UNBUILT:
        raise UnsupportedError(f"provider {provider}", "use openai/… or sim/…")
    return provider, model or ("" if url else _PROVIDERS[provider].model)


def _headers(headers: Mapping[str, str] | None) -> list[tuple[str, str]]:
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError("names and values of headers are strings", field="headers", value=name)
    return list((headers or {}).items())
