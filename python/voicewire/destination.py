"""Where a client connects: model, provider, URL and key, from arguments and environment."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.keys import Grant, TokenProvider, read_token
from voicewire.models import flags_of
from voicewire.providers import (
    Provider,
    dialect_of,
    has_own_address,
    provider_of,
    resource_of,
    speaks_gemini,
    split_model,
    vertex_url,
)

__all__ = ["Destination", "SessionType", "check_call_id"]

SessionType: TypeAlias = Literal["realtime", "transcription"]


@dataclass(frozen=True)
class Destination:
    """A checked destination. The key is kept out of its repr.

    Attributes:
        provider: "openai", "gemini", "azure", "xai", "qwen" or "sim".
        model: Name of the model, without provider.
        url: Base or full URL, or None for the provider's own.
        dialect: How the server speaks.
        api_key: Key given by the user, or None.
        token_provider: Called at every connect for a key, or None.
        options: What the core needs besides: headers, subprotocol_auth, allow_insecure, ca, client_cert, client_key,
            session_type, call_id, project, location.
        names_model: Whether the user named the model; else a token may.
    """

    provider: str
    model: str
    url: str | None = field(repr=False)  # may hold a user, a password, a token
    dialect: str
    api_key: str | None = field(repr=False)
    token_provider: TokenProvider | None = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    names_model: bool = True

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
        call_id: str | None = None,
        session_type: SessionType = "realtime",
        project: str | None = None,
        location: str | None = None,
    ) -> Destination:
        """Check the arguments of a client.

        Raises:
            ConfigError: An argument is wrong; it names it.
        """
        given = model
        if call_id is not None:
            check_call_id(call_id)
            provider = provider or (None if model is not None and "/" in model else "openai")
        if provider is None and speaks_gemini(dialect or "") and "/" not in (model or ""):
            provider = "gemini"  # which alone speaks like that: its keys and prices count
        provider, model = split_model(model, provider, url)
        for name, value in (("project", project), ("location", location)):
            if value is not None and not _PLACE.fullmatch(parse.text(name, value)):
                raise ConfigError(f"{name} is not made of letters, digits, : . _ and -", field=name, value=value)
        dialect = dialect_of(provider, url, dialect, model, project)
        if not speaks_gemini(dialect) and (project or location):
            name, value = ("project", project) if project else ("location", location)
            raise ConfigError(f"{name} belongs to Gemini on Vertex AI", field=name, value=value)
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
            "session_type": parse.choice("session_type", session_type, ("realtime", "transcription")),
            "call_id": call_id,
            **_place(dialect, project, location),
        }
        names_model = bool(given and given.rpartition("/")[2])
        made = cls(provider, model, url, dialect, api_key, token_provider, options, names_model)
        # The simulator's address is known at `connect`, and until then the environment may tell a customer's own.
        if made.address is not None or has_own_address(dialect) or provider not in ("sim", "azure"):
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
            "url": url or self.address,
            "model": self.model,
            "resource": resource_of(self.dialect, self.model, self.options["project"], self.options["location"]),
            "profile": flags_of(self.dialect, self.model),
            "dialect": self.dialect,
            "api_key": key,
            "is_token": self.token_provider is not None,
        }

    def with_model(self, model: str | None) -> Destination:
        """The same with the model that a token names, where the user named none."""
        return self if self.names_model or model is None else replace(self, model=model)

    async def grant(self, given: str | None) -> Grant:
        """What one connect goes with: a key given, from the token provider, or from the environment.

        Raises:
            ConfigError: There is none and the provider needs one; it names the variable. Or a token is wrong.
            AuthenticationError: A token has expired.
        """
        if given is None and self.token_provider is not None:
            token = self.token_provider()
            return read_token(await token if inspect.isawaitable(token) else token)
        return Grant(self.key(given))

    def key(self, given: str | None = None) -> str | None:
        """The key where no token provider is asked: given, the client's, or from the environment.

        Raises:
            ConfigError: There is none and the provider needs one; it names the variable.
        """
        if given is not None:
            return parse.text("api_key", given)
        known = provider_of(self.provider)
        if self.api_key is not None or known.key_variable is None:
            return self.api_key
        return self._key_of_environment(known, known.key_variable)

    def _key_of_environment(self, known: Provider, variable: str) -> str | None:
        if self.address is None and known.url_variable is not None and not has_own_address(self.dialect):
            raise ConfigError(f"no address: set {known.url_variable} or give url=", field="url")
        variables = [variable, known.second_key_variable]
        if self.dialect == "vertex":
            # Keys are for projects of their own; within a project tokens count.
            variables = [None if self.options["project"] else known.second_key_variable]
        key = next((key for name in variables if name and (key := os.environ.get(name))), None)
        _, is_local = self.check(None)
        host = urlsplit(self.address or "").hostname or ""
        if key is None and self.url is None:
            way = "give token_provider=" if self.dialect == "vertex" else f"set {variable} or give api_key="
            raise ConfigError(f"no key: {way}", field="api_key")
        return key if self.url is None or known.owns(host) or is_local else None

    @property
    def address(self) -> str | None:
        """The URL of the user or of the environment, None for the provider's own."""
        if self.dialect == "vertex" and self.url is None and self.provider != "sim":
            return vertex_url(self.options["location"])
        variable = provider_of(self.provider).url_variable
        if self.url is not None or variable is None:
            return self.url
        return os.environ.get(variable) or None


def check_call_id(call_id: object) -> str:
    """Take the id of a call, which becomes a part of URLs."""
    if not isinstance(call_id, str) or not _CALL_ID.fullmatch(call_id):
        raise ConfigError("call_id is not made of letters, digits, _ and -", field="call_id", value=call_id)
    return call_id


def _place(dialect: str, project: str | None, location: str | None) -> dict[str, str | None]:
    """Project and location of Google Cloud, which the environment may tell."""
    if dialect == "vertex":
        project = project or os.environ.get("GOOGLE_CLOUD_PROJECT") or None
        location = location or os.environ.get("GOOGLE_CLOUD_LOCATION") or None
    return {"project": project, "location": location or "us-central1"}


def _headers(headers: Mapping[str, str] | None) -> list[tuple[str, str]]:
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError("names and values of headers are strings", field="headers", value=name)
    return list((headers or {}).items())


_PLACE = re.compile(r"[A-Za-z0-9:._-]{1,200}")
_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
