"""Short-lived keys for browsers and phones, minted by a server that has the real one."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from functools import partial

from voicewire import parse
from voicewire.exceptions import ProtocolError
from voicewire.keys import ClientSecret
from voicewire.rest import Rest
from voicewire.session_body import SessionLike, session_body

__all__ = ["create_client_secret", "create_client_secret_sync"]


async def create_client_secret(
    api_key: str | None = None,
    *,
    session: SessionLike = None,
    model: str | None = None,
    expires_after: int = 600,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    ca: str | os.PathLike[str] | None = None,
    timeout: float = 10.0,
    allow_insecure: bool = False,
) -> ClientSecret:
    """Mint a key that begins sessions for a short time, without blocking the event loop.

    Args:
        api_key: The real key; else OPENAI_API_KEY, which goes to OpenAI's own host and this machine only.
        session: What the session will be: a ``SessionConfig``, a dict of its options, or a dict with a "type", which
            passes as the provider's session object.
        model: Name of the model; "gpt-realtime" where ``session`` names none either.
        expires_after: Seconds for which the key begins sessions, 10 to 7,200. A session that has begun goes on.
        url: Any compatible service: a base URL, as for ``RealtimeClient``.
        headers: Further headers.
        ca: PEM path or text, trusted beside the system's roots.
        timeout: Seconds that the service may be silent.
        allow_insecure: Whether the key may go over http:// to another machine.

    Raises:
        ConfigError: No key, or an argument is wrong.
        AuthenticationError: The service refused the key.
        ConnectError: The service could not be reached, or refused the request.
        ProtocolError: The answer holds no key.
    """
    call = partial(
        create_client_secret_sync,
        api_key,
        session=session,
        model=model,
        expires_after=expires_after,
        url=url,
        headers=headers,
        ca=ca,
        timeout=timeout,
        allow_insecure=allow_insecure,
    )
    return await asyncio.to_thread(call)


def create_client_secret_sync(
    api_key: str | None = None,
    *,
    session: SessionLike = None,
    model: str | None = None,
    expires_after: int = 600,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    ca: str | os.PathLike[str] | None = None,
    timeout: float = 10.0,
    allow_insecure: bool = False,
) -> ClientSecret:
    """Mint a key, blocking; otherwise as ``create_client_secret``."""
    seconds = parse.integer("expires_after", expires_after, 10, 7_200)
    body = {"expires_after": {"anchor": "created_at", "seconds": seconds}, "session": session_body(session, model)}
    rest = Rest(api_key, url=url, headers=headers, ca=ca, timeout=timeout, allow_insecure=allow_insecure)
    return _read(rest.post("/realtime/client_secrets", body))


def _read(answer: bytes) -> ClientSecret:
    try:
        told = json.loads(answer)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ProtocolError("answer to client_secrets is no JSON object", kind="bad_json")
    secret = told.get("client_secret", told)  # the older form nests it
    value, expires_at = (secret.get("value"), secret.get("expires_at")) if isinstance(secret, dict) else (secret, None)
    if not isinstance(value, str) or not value:
        raise ProtocolError("answer to client_secrets has no value", kind="bad_message")
    session = told.get("session")
    is_time = isinstance(expires_at, (int, float)) and not isinstance(expires_at, bool)
    return ClientSecret(value, expires_at if is_time else None, session if isinstance(session, dict) else {})
