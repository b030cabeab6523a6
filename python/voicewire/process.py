"""Settings of the process: how the I/O threads work."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.models import configure_models

if TYPE_CHECKING:
    import asyncio

N = TypeVar("N", int, float)
Driver: TypeAlias = Literal["thread", "inline"]

__all__ = ["configure", "configure_from_environment"]


def configure(
    *,
    driver: Driver = "thread",
    io_threads: int = 1,
    wake_latency_ms: float | Literal["auto"] = "auto",
    models: Mapping[str, Any] | None = None,
) -> None:
    """Set how the process does its I/O, before the first connect, and what it knows of models.

    The environment says the same in VOICEWIRE_DRIVER, VOICEWIRE_IO_THREADS and VOICEWIRE_WAKE_LATENCY_MS. It is read
    once, with the first connect, and outdoes what was set before.

    Args:
        driver: What runs the sessions of event loops that have had none yet; a loop that has stays with its driver.
            "thread": I/O threads of our own, so that a busy event loop never delays a socket. "inline": the event
            loop's own thread, without a hand-over, for the least latency and for a single core; while the loop is
            blocked nothing is read or sent, and no ping is answered. Linux alone, uvloop included. The loop of a
            ``SyncRealtimeClient`` always has I/O threads.
        io_threads: Threads that the sessions are spread over, 1 to 64. One serves a thousand sessions.
        wake_latency_ms: How long an event may wait for company while a thread is busy, 0 to 100. "auto" is 2 ms, the
            least CPU at many sessions; 0 wakes at once always, the least latency. An idle thread wakes at once in
            any case. Inline, a busy loop looks at its sockets this often.
        models: What differs between the models of a service, beside the table that ships:
            ``{"gemini": [{"models": ["gemini-9*"], "flags": {"speech_events": True}}]}``. The flags are those of
            ``Capabilities`` and of docs/gemini.md; later rows win; ``{}`` takes back what was added. A JSON file of the
            same shape can be named in VOICEWIRE_MODELS.

    Raises:
        ConfigError: A setting is out of range, or ``io_threads`` changes while I/O threads run. Where a system cannot
            do "inline", ``connect`` raises it.
    """
    if models is not None:
        configure_models(models)
        if (driver, io_threads, wake_latency_ms) == ("thread", 1, "auto"):
            return
    _apply(driver, io_threads, wake_latency_ms)


def _apply(driver: object, io_threads: int, wake_latency_ms: float | str) -> None:
    from voicewire import _voicewire

    global _driver, _io_threads, _wake_latency_ms
    chosen = cast("Driver", parse.choice("driver", driver, ("thread", "inline")))
    threads = parse.integer("io_threads", io_threads, 1, 64)
    latency = None if wake_latency_ms == "auto" else parse.number("wake_latency_ms", wake_latency_ms, 0, 100)
    try:
        _voicewire.configure(None if threads == _io_threads else threads, latency)
    except RuntimeError as error:
        raise ConfigError(str(error), field="io_threads", value=io_threads) from None
    _driver, _io_threads, _wake_latency_ms = chosen, threads, wake_latency_ms


def driver_for(loop: asyncio.AbstractEventLoop) -> Driver:
    """Return what is to run the sessions of a loop that has none yet."""
    return "thread" if loop in _threaded else _driver


def keep_threads_for(loop: asyncio.AbstractEventLoop) -> None:
    """Leave the sessions of this loop to I/O threads, whatever is configured."""
    _threaded.add(loop)


def configure_from_environment() -> None:
    """Apply what the environment says, where it says anything, once."""
    global _is_environment_read
    if _is_environment_read:
        return
    settings: dict[str, str] = {
        name: value
        for name in ("driver", "io_threads", "wake_latency_ms")
        if (value := os.environ.get(f"VOICEWIRE_{name.upper()}"))
    }
    if settings:
        latency = settings.get("wake_latency_ms", _wake_latency_ms)
        _apply(
            settings.get("driver", _driver),
            _number("io_threads", settings.get("io_threads", str(_io_threads)), int),
            _number("wake_latency_ms", latency, float) if isinstance(latency, str) and latency != "auto" else latency,
        )
    _is_environment_read = True


_driver: Driver = "thread"
_io_threads = 1
_wake_latency_ms: float | str = "auto"
_is_environment_read = False
_threaded: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def _number(name: str, text: str, kind: Callable[[str], N]) -> N:
    try:
        return kind(text)
    except ValueError:
        raise ConfigError("not a number", field=f"VOICEWIRE_{name.upper()}", value=text) from None
