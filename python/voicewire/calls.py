"""Calls that a phone or a browser holds with a model: take them, refuse them, pass them on, end them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from voicewire import parse
from voicewire.destination import check_call_id
from voicewire.exceptions import ConfigError
from voicewire.rest import Rest
from voicewire.session_body import SessionLike, session_body

__all__ = ["Calls", "SyncCalls"]


class SyncCalls:
    """The requests about calls, blocking; they may be made from any thread.

    Args:
        api_key: Key; else OPENAI_API_KEY, which goes to OpenAI's own host and this machine only.
        url: Any compatible service: a base URL, as for ``RealtimeClient``.
        headers: Further headers.
        ca: PEM path or text, trusted beside the system's roots.
        timeout: Seconds that the service may be silent.
        allow_insecure: Whether the key may go over http:// to another machine.

    Raises:
        ConfigError: An argument is wrong. By each method: there is no key.
        AuthenticationError: By each method: the service refused the key.
        ConnectError: By each method: the service could not be reached, or refused the request; an unknown call is
            ``status`` 404.
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
        self._rest = Rest(api_key, url=url, headers=headers, ca=ca, timeout=timeout, allow_insecure=allow_insecure)

    def accept(self, call_id: str, config: SessionLike = None, *, model: str | None = None) -> None:
        """Let a model answer an incoming call; ``RealtimeClient(call_id=…)`` joins it.

        Args:
            call_id: "rtc_…", as the webhook told.
            config: What the session is: a ``SessionConfig``, a dict of its options, or a dict with a "type", which
                passes as the provider's session object.
            model: Name of the model; "gpt-realtime" where ``config`` names none either.
        """
        self._post(call_id, "accept", session_body(config, model))

    def reject(self, call_id: str, status_code: int = 603) -> None:
        """Refuse an incoming call with a SIP status, 300 to 699; 603 is "decline", 486 "busy"."""
        self._post(call_id, "reject", {"status_code": parse.integer("status_code", status_code, 300, 699)})

    def refer(self, call_id: str, target_uri: str) -> None:
        """Pass a call on to another address, such as "tel:+14155550123" or "sip:agent@example.com"."""
        target = parse.text("target_uri", target_uri)
        if not target.strip():
            raise ConfigError("target_uri is empty", field="target_uri")
        self._post(call_id, "refer", {"target_uri": target})

    def hangup(self, call_id: str) -> None:
        """End a call."""
        self._post(call_id, "hangup", None)

    def _post(self, call_id: str, verb: str, body: Mapping[str, object] | None) -> None:
        self._rest.post(f"/realtime/calls/{check_call_id(call_id)}/{verb}", body)


class Calls:
    """The requests about calls, without blocking the event loop; arguments and errors are those of ``SyncCalls``.

    An incoming call in a webhook::

        calls = vw.Calls()
        await calls.accept(call_id, {"type": "realtime", "instructions": "Be brief."})
        async with vw.RealtimeClient(call_id=call_id) as client:
            ...
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
        self._sync = SyncCalls(api_key, url=url, headers=headers, ca=ca, timeout=timeout, allow_insecure=allow_insecure)

    async def accept(self, call_id: str, config: SessionLike = None, *, model: str | None = None) -> None:
        """Let a model answer an incoming call; ``RealtimeClient(call_id=…)`` joins it."""
        await asyncio.to_thread(self._sync.accept, call_id, config, model=model)

    async def reject(self, call_id: str, status_code: int = 603) -> None:
        """Refuse an incoming call with a SIP status, 300 to 699."""
        await asyncio.to_thread(self._sync.reject, call_id, status_code)

    async def refer(self, call_id: str, target_uri: str) -> None:
        """Pass a call on to another address, such as "tel:+14155550123" or "sip:agent@example.com"."""
        await asyncio.to_thread(self._sync.refer, call_id, target_uri)

    async def hangup(self, call_id: str) -> None:
        """End a call."""
        await asyncio.to_thread(self._sync.hangup, call_id)
