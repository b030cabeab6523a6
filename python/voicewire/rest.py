"""Requests to a service's HTTP interface beside the session: for keys and calls, never for audio."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import IO, Any, NoReturn
from urllib.parse import quote, urlsplit

from voicewire import parse
from voicewire.destination import Destination
from voicewire.exceptions import AuthenticationError, ConfigError, ConnectError, ConnectErrorKind, ConnectTimeout

__all__ = ["Rest"]

_LONGEST_ANSWER = 1 << 20
_LONGEST_BODY = 64 * 1024


class Rest:
    """One service, its key, and how it is reached. Methods block; they may be called from any thread.

    Proxies are taken from the environment, but not on the way to this machine. A redirect is an error: it would take
    the key elsewhere.

    Args:
        api_key: Key; else that of the environment, which goes to the service's own host and this machine only.
        url: Base URL, as for a session: http, https, ws and wss are all read.
        headers: Further headers.
        ca: PEM path or text, trusted beside the system's roots.
        timeout: Seconds that the service may be silent.
        allow_insecure: Whether a key may go over http:// to another machine.

    Raises:
        ConfigError: An argument is wrong; it names it.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        ca: str | os.PathLike[str] | None = None,
        timeout: float = 10.0,
        allow_insecure: bool = False,
    ) -> None:
        self._destination = Destination.of(
            None,
            provider="openai",
            url=url,
            dialect=None,
            api_key=api_key,
            token_provider=None,
            headers=headers,
            subprotocol_auth=False,
            allow_insecure=allow_insecure,
            ca=ca,
            client_cert=None,
        )
        self._headers = _checked(dict(headers or {}))
        self._timeout = parse.number("timeout", timeout, above=True)
        self._tls = None if ca is None else _tls(ca)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Post JSON, or nothing, to a path below the base; returns the answer's body.

        Raises:
            ConfigError: No key, or one that must not go there.
            AuthenticationError: The service refused the key (401, 403).
            ConnectTimeout: The service was silent for too long.
            ConnectError: It could not be reached, or answered with another status than 2xx; ``body`` has its words.
        """
        key = self._destination.key()
        base, query, is_local = self._base(key)
        data = b"" if body is None else parse.json_text("body", dict(body)).encode()
        request = urllib.request.Request(f"{base}{path}{query}", data, self._all_headers(key), method="POST")
        if self._tls is None and base.startswith("https:"):
            self._tls = _tls(None)  # reading the system's roots takes 20 ms
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({} if is_local else None),
            urllib.request.HTTPSHandler(context=self._tls),
            _NoRedirects(),
        )
        secrets = _secrets(key, self._headers)
        try:
            with opener.open(request, timeout=self._timeout) as answer:
                return _read(answer)
        except urllib.error.HTTPError as error:
            with error:
                _refused(path, error, secrets)
        except (OSError, http.client.HTTPException) as error:
            _failed(path, error, secrets)

    def _base(self, key: str | None) -> tuple[str, str, bool]:
        given = urlsplit(self._destination.address or "")
        if "@" in given.netloc:
            raise ConfigError("url holds a user: give a key instead", field="url")
        shown, is_local = self._destination.check(key)
        # The core has read the address, made its host ASCII and appended the path of a session.
        parts = urlsplit(shown)
        scheme = {"ws": "http", "wss": "https"}[parts.scheme]
        query = quote(given.query, safe="=&%+:,/?@~!$'()*;")
        path = parts.path.rstrip("/").removesuffix("/realtime")
        return f"{scheme}://{parts.netloc}{path}", f"?{query}" if query else "", is_local

    def _all_headers(self, key: str | None) -> dict[str, str]:
        from voicewire import __version__

        ours = {"Content-Type": "application/json", "User-Agent": f"voicewire/{__version__}"}
        if key is not None:
            ours["Authorization"] = f"Bearer {key}"
        given = {name.lower() for name in self._headers}
        return {**{name: value for name, value in ours.items() if name.lower() not in given}, **self._headers}

    def __repr__(self) -> str:
        return f"<Rest {self._destination.check(None)[0]}>"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **keywords: Any) -> None:
        return None


def _checked(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in ("content-length", "content-type", "transfer-encoding"):
            raise ConfigError(f"header cannot be set: {name}", field="headers")
        if not value.isascii():
            raise ConfigError(f"header value is not ASCII: {name}", field="headers")
    return headers


def _tls(ca: str | os.PathLike[str] | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca is not None:
        text = os.fspath(ca)
        try:
            if "-----BEGIN" in text:
                context.load_verify_locations(cadata=text)
            else:
                context.load_verify_locations(cafile=text)
        except (OSError, ValueError) as error:
            raise ConfigError(f"ca cannot be read ({error})", field="ca") from None
    return context


def _read(answer: IO[bytes]) -> bytes:
    data = answer.read(_LONGEST_ANSWER + 1)
    if len(data) > _LONGEST_ANSWER:
        raise ConnectError("the answer is longer than 1 MiB", kind="http")
    return data


def _refused(path: str, error: urllib.error.HTTPError, secrets: list[str]) -> NoReturn:
    body = _mask(_body(error), secrets)
    kind = AuthenticationError if error.code in (401, 403) else ConnectError
    raise kind(
        f"POST {path} was answered with {error.code}{_words(error, body)}",
        kind="http",
        status=error.code,
        body=body[:_LONGEST_BODY],
        retry_after=_retry_after(error),
    ) from None


def _body(error: urllib.error.HTTPError) -> str:
    try:
        # More than is shown, so that a secret across the end is masked as a whole.
        return error.read(2 * _LONGEST_BODY).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""


def _words(error: urllib.error.HTTPError, body: str) -> str:
    if 300 <= error.code < 400:
        return ": redirects are not followed"
    try:
        message = json.loads(body)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return ""
    return f": {message[:500]}" if isinstance(message, str) else ""


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    told = error.headers.get("Retry-After", "")
    try:
        return float(told) if told.isdigit() else max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None


def _failed(path: str, error: Exception, secrets: list[str]) -> NoReturn:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    words = _mask(f"POST {path} failed: {reason or type(reason).__name__}", secrets)
    if isinstance(reason, TimeoutError):
        raise ConnectTimeout(words) from None
    raise ConnectError(words, kind=_kind(reason)) from None


def _kind(reason: object) -> ConnectErrorKind:
    for kind, classes in _KINDS.items():
        if isinstance(reason, classes):
            return kind
    return "proxy" if "unnel connection failed" in str(reason) else "reset"


def _secrets(key: str | None, headers: Mapping[str, str]) -> list[str]:
    # A short one would mask ordinary words.
    return sorted((text for text in (key, *headers.values()) if text and len(text) >= 6), key=len, reverse=True)


def _mask(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return _KEY.sub("***", text)


# Keys that the service tells, such as one that it has minted.
_KEY = re.compile(r"\b(?:sk|ek)[-_][\w-]{8,}")
_KINDS: dict[ConnectErrorKind, tuple[type[Exception], ...]] = {
    "tls": (ssl.SSLError,),
    "dns": (socket.gaierror,),
    "refused": (ConnectionRefusedError,),
    "reset": (ConnectionError,),
    "http": (http.client.HTTPException,),
}
