"""Settings of the connection rather than the session: limits, timeouts, reconnection."""

from __future__ import annotations

from dataclasses import asdict, field, fields
from typing import Any, Literal

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.prices import PriceTable, read_prices
from voicewire.providers import speaks_gemini
from voicewire.values import dataclass

__all__ = ["Limits", "Reconnect", "ReplayAudio", "Timeouts", "timeouts_for"]

ReplayAudio = Literal["turn", "unproved", "none"]

_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one client; None means no bound.

    Attributes:
        max_duration: Seconds after which the session is ended, reconnections included.
        max_cost: US dollars, over all sessions of the client, at which the session is ended. The cost is known
            after each response, so the last one may go beyond.
        idle_timeout: Seconds without speech, response or command after which the session is ended. Audio that is
            sent counts while the user speaks, and always with manual turns; an answer counts until it has been heard.
        prices: For ``max_cost`` and ``RealtimeClient.cost``: ``Prices``, a dict, or None for those of genai-prices.
        max_message_bytes: Longest message accepted. Servers send items of 3.5 MB; beyond it the session ends.
        inbox_bytes: What may wait for the application. Full, the socket waits and the server slows down.
        outbox_bytes: What may wait for the socket. Full, ``send_audio`` raises ``BackpressureError``;
            1 MiB is 16 s of speech.
        input_ring_ms: Microphone audio kept while (re)connecting. Full, the oldest goes and is counted.
        json_depth: Deepest nesting of a message, at most 128; real ones stay under 12.
    """

    max_duration: float | None = None
    max_cost: float | None = None
    idle_timeout: float | None = None
    prices: PriceTable | None = field(default=None, hash=False)
    max_message_bytes: int = 16 * _MIB
    inbox_bytes: int = 16 * _MIB
    outbox_bytes: int = _MIB
    input_ring_ms: int = 30_000
    json_depth: int = 128

    def __post_init__(self) -> None:
        for name in ("max_duration", "max_cost", "idle_timeout"):
            if (value := getattr(self, name)) is not None:
                parse.number(name, value, above=True)
        object.__setattr__(self, "prices", read_prices(self.prices))
        for name in ("max_message_bytes", "inbox_bytes", "outbox_bytes"):
            parse.integer(name, getattr(self, name), 1024)
        parse.integer("input_ring_ms", self.input_ring_ms, 0, 600_000)
        parse.integer("json_depth", self.json_depth, 4, 128)

    def to_dict(self) -> dict[str, Any]:
        """All fields but the prices, ready for JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "prices"}


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes:
        connect: One whole attempt, from the name lookup to the ready session.
        ack: The server's answer to a command, counted from when it was written.
        close: The other side's close frame.
        ping_interval: Time between pings; 5 s finds a dead link before a caller hangs up. None: no pings.
        ping_timeout: Silence after which the link counts as dead. None: the provider's, 5 s, or 40 s with Gemini.
    """

    connect: float = 10.0
    ack: float = 10.0
    close: float = 2.0
    ping_interval: float | None = 5.0
    ping_timeout: float | None = None

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if value is not None or setting.name in ("connect", "ack", "close"):
                parse.number(setting.name, value, above=True)

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Reconnect:
    """When and how a lost connection is replaced. Budgets count per outage; delays are seconds.

    The next session is told the options, the conversation and what was asked for: see ``docs/reliability.md``.

    Attributes:
        max_attempts: Attempts before giving up.
        max_elapsed: Seconds before giving up; also where the service asks for a longer wait.
        initial_delay: Wait before the first attempt. Most cuts are over at once.
        min_delay: Wait before the second attempt; it doubles from there.
        max_delay: Longest wait, unless the service asks for a longer one with ``Retry-After``.
        jitter: Share of the wait that is random, 0 to 1: clients cut together must not return together.
        initial: Whether a failed first ``connect`` is retried as well.
        replay_audio: Audio that is sent again where a connection was lost: "turn" (the open turn, and what no pong
            proved read, at least the last 500 ms where the server ends turns), "unproved" (what no pong proved read),
            or "none"; at most ``Limits.input_ring_ms``. Without pings all that was written counts as read.
        min_session: Three sessions in a row that lived shorter than this end it.
    """

    max_attempts: int = 8
    max_elapsed: float = 60.0
    initial_delay: float = 0.0
    min_delay: float = 0.25
    max_delay: float = 8.0
    jitter: float = 1.0
    initial: bool = False
    replay_audio: ReplayAudio = "turn"
    min_session: float = 5.0

    def __post_init__(self) -> None:
        parse.integer("max_attempts", self.max_attempts, 1)
        for name in ("max_elapsed", "initial_delay", "min_delay", "max_delay", "min_session"):
            parse.number(name, getattr(self, name))
        parse.number("jitter", self.jitter, 0, 1)
        parse.flag("initial", self.initial)
        parse.choice("replay_audio", self.replay_audio, ("turn", "unproved", "none"))
        if self.min_delay > self.max_delay:
            raise ConfigError("min_delay exceeds max_delay", field="min_delay", value=self.min_delay)

    @classmethod
    def parse(cls, value: Reconnect | bool | None) -> Reconnect | None:
        """Read the ``reconnect`` option: None and False switch reconnection off, True takes the defaults."""
        if value is None or value is False:
            return None
        if value is True:
            return cls()
        if not isinstance(value, cls):
            raise ConfigError("reconnect is no Reconnect", field="reconnect", value=value)
        return value

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return asdict(self)


def timeouts_for(dialect: str, timeouts: Timeouts) -> dict[str, Any]:
    """The timeouts ready for JSON; Gemini's pongs take 8 to 30 s under load."""
    words = timeouts.to_dict()
    if timeouts.ping_timeout is None and speaks_gemini(dialect):
        words["ping_timeout"] = 40.0
    return words
