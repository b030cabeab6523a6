"""What a client tells of its session: who serves it, what it has used, what was counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from voicewire.capabilities import Capabilities, capabilities_of
from voicewire.cost import Cost, cost_of
from voicewire.prices import PriceTable, prices_for, read_prices

if TYPE_CHECKING:
    from voicewire._voicewire import Session
    from voicewire.conversation import Conversation
    from voicewire.destination import Destination
    from voicewire.policy import Limits
    from voicewire.realtime import Realtime
    from voicewire.usage import Usage

__all__ = ["Status"]


class Status:
    """The properties of a client."""

    _session: Session
    _destination: Destination
    _limits: Limits
    _conversation: Conversation
    _realtime: Realtime
    _usage: Usage
    _session_id: str | None
    _capabilities: Capabilities | None
    _wakes: Callable[[], int]

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._destination.provider

    @property
    def model(self) -> str:
        """Name of the model, without the provider."""
        return self._destination.model

    @property
    def session_id(self) -> str | None:
        """The server's id of the session, or None before the first one."""
        return self._session_id or self.session.get("id")

    @property
    def usage(self) -> Usage:
        """Tokens of all responses so far."""
        return self._usage

    def cost(self, prices: PriceTable | None = None) -> Cost:
        """What ``usage`` costs in US dollars. Transcription of the input, which has a model of its own, is not in it.

        Args:
            prices: ``Prices``, a dict of the same keys, or a dict of models with either. None: those of ``Limits``,
                else the ones that the genai-prices library knows (``pip install 'voicewire[prices]'``).

        Raises:
            ConfigError: There are no prices for the model, or they cannot be read.
        """
        table = self._limits.prices if prices is None else prices
        return cost_of(self._usage, prices_for(read_prices(table), self.provider, self.model))

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do: static flags, known before there is a session."""
        if self._capabilities is None:
            self._capabilities = capabilities_of(self._destination.dialect, self.model)
        return self._capabilities

    @property
    def session(self) -> dict[str, Any]:
        """The session object as the server told it last, in its own words; empty before the first."""
        message = self._session.session_message()
        session: dict[str, Any] = (json.loads(message).get("session") or {}) if message else {}
        return session

    @property
    def conversation(self) -> Conversation:
        """The items of the conversation, up to date with the event that a handler is given."""
        return self._conversation

    @property
    def realtime(self) -> Realtime:
        """The raw wire: ``realtime.send(type, payload)`` and ``realtime.on("server.response.done", …)``."""
        return self._realtime

    def stats(self) -> dict[str, float]:
        """Counters: bytes, messages and events of both directions, waiting bytes, dropped audio, pings, latencies."""
        counts = self._session.stats()
        rate = counts.pop("audio_in_rate") or 1
        stats: dict[str, float] = {name: value for name, value in counts.items() if not name.endswith("_us")}
        stats.update({f"{name[:-3]}_ms": value / 1000 for name, value in counts.items() if name.endswith("_us")})
        stats["audio_in_dropped_ms"] = 1000 * stats.pop("audio_in_dropped") / rate
        stats["audio_out_dropped_ms"] = 1000 * stats.pop("audio_out_dropped") / rate
        return {**stats, "wakes": self._wakes()}
