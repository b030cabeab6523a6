"""What applications may ask of any audio client, so that they can be written, and tested, without this one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload, runtime_checkable

if TYPE_CHECKING:
    from voicewire.capabilities import Capabilities
    from voicewire.handlers import EventKey, Handler

__all__ = ["AudioClient"]

H = TypeVar("H", bound="Handler")


@runtime_checkable
class AudioClient(Protocol):
    """The interface of an audio client; ``RealtimeClient`` has it, and so may a stand-in of yours.

    Commands act when they are called; what they return may be awaited for the server's answer. ``isinstance`` looks at
    names alone.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the service can do; never raises."""

    @property
    def connected(self) -> bool:
        """Whether the session is open."""

    @property
    def model(self) -> str:
        """Name of the model, without the provider."""

    @property
    def provider(self) -> str:
        """Name of the provider."""

    async def connect(self) -> Any:
        """Open the session; returns once it is ready, and raises where it does not come about."""

    def disconnect(self) -> Awaitable[Any]:
        """Close the session; any state, idempotent."""

    @overload
    def on(self, event: EventKey) -> Callable[[H], H]: ...

    @overload
    def on(self, event: EventKey, handler: Handler) -> Callable[[], None]: ...

    def on(self, event: EventKey, handler: Handler | None = None) -> Callable[..., Any]:
        """Call a handler with each event of a class or name; returns a function that takes it out again."""

    def off(self, event: EventKey, handler: Handler | None = None) -> None:
        """Take a handler out, or all handlers of the event."""

    async def ping(self, timeout: float | None = None) -> bool:
        """Whether the server answers within ``timeout`` seconds."""

    def request_response(self, instruction: str | None = None) -> Awaitable[Any]:
        """Ask for a response, with an instruction for this one."""

    def send_audio(self, samples: Any, sample_rate: int | None = None) -> None:
        """Send audio of the user: int16 or float32 samples, or bytes; Hz, None for the session's rate."""

    def send_tool_response(self, responses: Any) -> Awaitable[Any]:
        """Answer tool calls."""

    def update_config(self, **changes: Any) -> Awaitable[Any]:
        """Change options of the session."""
