"""What is known of each provider beside its dialect: names, keys, hosts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from voicewire import parse
from voicewire.exceptions import ConfigError

__all__ = [
    "DIALECTS",
    "Dialect",
    "Provider",
    "dialect_of",
    "has_own_address",
    "provider_of",
    "resource_of",
    "speaks_gemini",
    "split_model",
    "vertex_url",
]

Dialect: TypeAlias = Literal["ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen", "gemini", "vertex"]


@dataclass(frozen=True)
class Provider:
    """A provider.

    Attributes:
        dialect: How its servers speak by default.
        key_variable: Environment variable of its key, or None where it needs none.
        model: Its default model.
        hosts: Its own hosts; one that begins with a dot stands for all below it.
        url_variable: Environment variable of its URL, or None.
        rest: Base of its HTTP API, or None.
        second_key_variable: Where the key is if not there, or None.
    """

    dialect: str
    key_variable: str | None
    model: str
    hosts: tuple[str, ...] = ()
    url_variable: str | None = None
    rest: str | None = None
    second_key_variable: str | None = None

    def owns(self, host: str) -> bool:
        """Whether the host is the provider's: keys of the environment may go there."""
        return any(host.endswith(own) if own.startswith(".") else host == own for own in self.hosts)


_PROVIDERS = {
    "openai": Provider(
        "ga",
        "OPENAI_API_KEY",
        "gpt-realtime",
        ("api.openai.com",),
        "OPENAI_BASE_URL",
        "https://api.openai.com/v1",
    ),
    "gemini": Provider(
        "gemini",
        "GEMINI_API_KEY",
        "gemini-3.8-live",
        (".googleapis.com",),
        second_key_variable="GOOGLE_API_KEY",
    ),
    "azure": Provider(
        "azure",
        "AZURE_OPENAI_API_KEY",
        "gpt-realtime",
        (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"),
        "AZURE_OPENAI_ENDPOINT",
    ),
    "xai": Provider("xai", "XAI_API_KEY", "grok-voice-latest", ("api.x.ai",), None, "https://api.x.ai/v1"),
    "qwen": Provider(
        "qwen",
        "DASHSCOPE_API_KEY",
        "qwen3-omni-flash-realtime",
        ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"),
    ),
    "sim": Provider("ga", None, "demo"),
}
_ALIASES = {"google": "gemini", "dashscope": "qwen"}
DIALECTS = ("ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen", "gemini", "vertex")


def provider_of(name: str) -> Provider:
    """What is known of a provider that exists."""
    return _PROVIDERS[name]


def split_model(model: str | None, provider: str | None, url: str | None) -> tuple[str, str]:
    """Provider and name of a model; the name is empty where a URL alone is given.

    Raises:
        ConfigError: The provider is unknown, or nothing names it.
    """
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
    return provider, model or ("" if url else _PROVIDERS[provider].model)


def dialect_of(provider: str, url: str | None, given: str | None, model: str = "", project: str | None = None) -> str:
    """How the server speaks: as told, as Azure's paths or a Google project tell, or as the provider does.

    Raises:
        ConfigError: The dialect is unknown.
    """
    if given is not None:
        return parse.choice("dialect", given, DIALECTS)
    if provider == "sim" and model.startswith("gemini"):
        return "gemini" if project is None else "vertex"
    if provider == "gemini" and (project is not None or "aiplatform" in (url or "")):
        return "vertex"
    if provider == "azure":
        parts = urlsplit(url or os.environ.get("AZURE_OPENAI_ENDPOINT") or "")
        if "/voice-live" in parts.path:
            return "voice-live"
        if "api-version=20" in parts.query:
            return "azure-preview"
    return _PROVIDERS[provider].dialect


def speaks_gemini(dialect: str) -> bool:
    """Whether a dialect is Gemini Live's, by one of its two doors."""
    return dialect in ("gemini", "vertex")


def vertex_url(location: str) -> str:
    """Where Vertex AI is reached for a location: a region, "global", or the multi-regions "us" and "eu"."""
    if location == "global":
        return "wss://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"wss://aiplatform.{location}.rep.googleapis.com"
    return f"wss://{location}-aiplatform.googleapis.com"


def resource_of(dialect: str, model: str, project: str | None, location: str) -> str:
    """What Gemini Live calls a model; a name that is a path already is taken as it is."""
    if "/" in model:
        return model
    if dialect != "vertex":
        return f"models/{model}"
    place = f"projects/{project}/locations/{location}/" if project else ""
    return f"{place}publishers/google/models/{model}"


def has_own_address(dialect: str) -> bool:
    """Whether all customers of the service share one address."""
    from voicewire.capabilities import facts_of

    facts: dict[str, Any] = facts_of(dialect)
    return bool(facts["has_own_address"])
