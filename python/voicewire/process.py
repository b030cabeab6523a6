"""Settings of the process: how the I/O threads work."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.models import configure_models

N = TypeVar("N", int, float)

__all__ = ["configure", "configure_from_environment"]


def configure(
    *,
    driver: Literal["thread", "inline"] = "thread",
    io_threads: int = 1,
    wake_latency_ms: float | Literal["auto"] = "auto",
    models: Mapping[str, Any] | None = None,
) -> None:
    """Set how the process does its I/O, before the first connect, and what it knows of models.

    The environment says the same in VOICEWIRE_DRIVER, VOICEWIRE_IO_THREADS and VOICEWIRE_WAKE_LATENCY_MS.

    Args:
        driver: "thread": I/O threads of our own, so that a busy event loop never delays a socket.
        io_threads: Threads that the sessions are spread over, 1 to 64. One serves a thousand sessions.
        wake_latency_ms: How long an event may wait for company while a thread is busy, 0 to 100. "auto" is 2 ms, the
            least CPU at many sessions; 0 wakes at once always, the least latency. An idle thread wakes at once in
            any case.
        models: What differs between the models of a service, beside the table that ships:
            ``{"gemini": [{"models": ["gemini-9*"], "flags": {"speech_events": True}}]}``. The flags are those of
            ``Capabilities`` and of docs/gemini.md; later rows win; ``{}`` takes back what was added. A JSON file of the
            same shape can be named in VOICEWIRE_MODELS.

    Raises:
        ConfigError: A setting is out of range, the driver is not built, or I/O threads run already.
    """
    from voicewire import _voicewire

    if models is not None:
        configure_models(models)
        if (driver, io_threads, wake_latency_ms) == ("thread", 1, "auto"):
            return
    parse.choice("driver", driver, ("thread", "inline"))
    threads = parse.integer("io_threads", io_threads, 1, 64)
    latency = None if wake_latency_ms == "auto" else parse.number("wake_latency_ms", wake_latency_ms, 0, 100)
    try:
        _voicewire.configure(threads, latency)
    except RuntimeError as error:
        raise ConfigError(str(error), field="io_threads", value=io_threads) from None
    global _driver
    _driver = driver


def driver_of_new_loops() -> Literal["thread", "inline"]:
    """Return what runs the sessions of event loops that have none yet."""
    return _driver


_driver: Literal["thread", "inline"] = "thread"


def configure_from_environment() -> None:
    """Apply what the environment says, where it says anything."""
    settings: dict[str, str] = {
        name: value
        for name in ("driver", "io_threads", "wake_latency_ms")
        if (value := os.environ.get(f"VOICEWIRE_{name.upper()}"))
    }
    if not settings:
        return
    latency = settings.get("wake_latency_ms", "auto")
    configure(
        driver=settings.get("driver", "thread"),  # type: ignore[arg-type]
        io_threads=_number("io_threads", settings.get("io_threads", "1"), int),
        wake_latency_ms="auto" if latency == "auto" else _number("wake_latency_ms", latency, float),
    )


def _number(name: str, text: str, kind: Callable[[str], N]) -> N:
    try:
        return kind(text)
    except ValueError:
        raise ConfigError("not a number", field=f"VOICEWIRE_{name.upper()}", value=text) from None
