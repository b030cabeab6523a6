"""Hooks: what whoever runs the clients wants to hear, without a handler in each program."""

from __future__ import annotations

import json
import logging
import weakref
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voicewire import parse
from voicewire.exceptions import ConfigError, ConnectionClosed
from voicewire.utility import Through
from voicewire.values import dataclass

if TYPE_CHECKING:
    from voicewire.client import RealtimeClient
    from voicewire.usage import Usage

__all__ = ["Direction", "Hooks", "install", "tell_failed_connect"]

Direction: TypeAlias = Literal["in", "out"]
log = logging.getLogger("voicewire")


@dataclass(frozen=True, slots=True)
class Hooks:
    """Plain functions that are called on the event loop of a client; they may be shared by many clients.

    A hook that raises is logged and told as a ``HandlerError``, like a handler; the others still run.

    Args:
        on_open: ``(provider, model, url)`` with each session that is ready; the URL has neither user nor keys.
        on_frame: ``(direction, size, type)`` with each JSON message, "in" or "out", its bytes and its wire type, None
            where it has none. Without this hook nothing is made for it.
        on_close: ``(code, reason)`` with each ``Closed``.
        on_error: ``(error)`` with each ``ErrorEvent``, and where ``connect`` fails.
        on_usage: ``(provider, model, usage)`` with each response that is billed, such as a ``CostCollector``.
        unknown: Any other name is an error.

    Raises:
        ConfigError: A name is unknown, or a hook cannot be called, is a class or is async; it names it.
    """

    on_open: Callable[[str, str, str], object] | None
    on_frame: Callable[[Direction, int, str | None], object] | None
    on_close: Callable[[int, str], object] | None
    on_error: Callable[[Exception], object] | None
    on_usage: Callable[[str, str, Usage], object] | None

    def __init__(
        self,
        *,
        on_open: Callable[[str, str, str], object] | None = None,
        on_frame: Callable[[Direction, int, str | None], object] | None = None,
        on_close: Callable[[int, str], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
        on_usage: Callable[[str, str, Usage], object] | None = None,
        **unknown: Any,
    ) -> None:
        given = {
            "on_open": on_open,
            "on_frame": on_frame,
            "on_close": on_close,
            "on_error": on_error,
            "on_usage": on_usage,
        }
        parse.known_names("hook", unknown, [field.name for field in fields(self)])
        for name, hook in given.items():
            object.__setattr__(self, name, parse.function(name, hook))

    @classmethod
    def parse(cls, value: Hooks | None) -> Hooks:
        """Read the ``hooks`` option; None is no hooks."""
        if value is not None and not isinstance(value, cls):
            raise ConfigError("hooks is no Hooks", field="hooks", value=value)
        return value or cls()


class _Hook(Through):
    """A handler that calls a hook with what a function takes from each event."""

    def __call__(self, event: Any) -> None:
        self.handler(*self._make(event))


def install(hooks: Hooks, client: RealtimeClient) -> None:
    """Register the hooks that there are, beside the client's handlers and out of their reach."""
    # The session holds these, and the client holds the session.
    this = weakref.proxy(client)
    wanted: tuple[tuple[str, Callable[..., object] | None, Callable[[Any], tuple[object, ...]]], ...] = (
        ("neutral:open", hooks.on_open, lambda _: (this.provider, this.model, _url_of(this))),
        ("wire:*", hooks.on_frame, lambda event: ("in", event._size, event.type)),
        ("sent:*", hooks.on_frame, lambda event: ("out", event._size, event.type)),
        ("neutral:close", hooks.on_close, lambda event: (event.code, event.reason)),
        ("neutral:error", hooks.on_error, lambda event: (event.error,)),
        ("neutral:usage", hooks.on_usage, lambda event: (this.provider, this.model, event.usage)),
    )
    for key, hook, make in wanted:
        if hook is not None:
            client._session.add_handler(key, _Hook(hook, make))


def tell_failed_connect(hooks: Hooks, error: Exception) -> None:
    """Call ``on_error`` where no event tells: the caller of ``connect`` gets the exception."""
    if hooks.on_error is None or isinstance(error, ConnectionClosed):
        return
    try:
        hooks.on_error(error)
    except Exception as failure:
        log.error("hook raised: %r on %r", hooks.on_error, error, exc_info=failure)


def _url_of(client: RealtimeClient) -> str:
    from voicewire._voicewire import check_endpoint

    where = client._destination
    url, _ = check_endpoint(json.dumps(where.endpoint(where.api_key, client._simulator_url())))
    return url
