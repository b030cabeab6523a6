"""What can go wrong: one tree; the peer's, the network's and the caller's faults are different classes."""

from __future__ import annotations

from typing import Any, Literal

__all__ = [
    "AckTimeout",
    "AuthenticationError",
    "BackpressureError",
    "CommandRejected",
    "ConfigError",
    "ConnectError",
    "ConnectErrorKind",
    "ConnectTimeout",
    "ConnectionClosed",
    "DeviceError",
    "DeviceErrorReason",
    "ForkedError",
    "HandlerError",
    "InternalError",
    "LimitExceeded",
    "LimitKind",
    "ProtocolError",
    "ProtocolErrorKind",
    "ServerError",
    "SessionExpired",
    "UnsupportedError",
    "VoicewireError",
]

LimitKind = Literal["max_cost", "max_duration", "idle_timeout"]
ConnectErrorKind = Literal["dns", "refused", "reset", "timeout", "tls", "http", "proxy"]
DeviceErrorReason = Literal["missing_library", "no_device", "permission", "busy", "format"]
ProtocolErrorKind = Literal["bad_json", "bad_event", "bad_audio", "bad_tool_arguments", "too_deep", "bad_message"]


class VoicewireError(Exception):
    """Base of all errors of this package; each can be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: _picklable(value) for name, value in self.__dict__.items()}
        return _restore, (type(self), self.args, state)


class ConnectError(VoicewireError):
    """No session came up: the network's fault, or the server refused the upgrade.

    Attributes:
        kind: Where it failed: "dns", "refused", "reset", "timeout", "tls", "http" or "proxy".
        status: HTTP status of the answer, or None.
        body: Body of the answer, at most 64 KiB, secrets masked, or None.
        retry_after: Seconds the server asks to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: ConnectErrorKind,
        status: int | None = None,
        body: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: ConnectErrorKind = kind
        self.status = status
        self.body = body
        self.retry_after = retry_after


class AuthenticationError(ConnectError):
    """The server refused the key: at the upgrade, or with an error event right after it."""

    def __init__(
        self,
        message: str,
        *,
        kind: ConnectErrorKind = "http",
        status: int | None = None,
        body: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, kind=kind, status=status, body=body, retry_after=retry_after)


class ConnectTimeout(ConnectError, TimeoutError):
    """The session was not ready within ``Timeouts.connect`` seconds."""

    def __init__(
        self,
        message: str,
        *,
        kind: ConnectErrorKind = "timeout",
        status: int | None = None,
        body: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, kind=kind, status=status, body=body, retry_after=retry_after)


class ConnectionClosed(VoicewireError):
    """The session is not open: it ended, or it never began.

    Attributes:
        code: Close code of the WebSocket, 1006 for a cut, or None where no session had begun.
        reason: Close reason, or why there is no session.
    """

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        told = " ".join(part for part in (_text(code), reason) if part)
        super().__init__(f"connection closed: {told}" if told else "connection closed")
        self.code = code
        self.reason = reason


class ServerError(VoicewireError):
    """The server reported an error.

    Attributes:
        code: The server's code, such as "invalid_value", or None.
        param: The parameter it is about, or None.
        event_id: The ``event_id`` of the client event it answers, or None.
        type: The server's class of error, such as "invalid_request_error", or None.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
        type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id = event_id
        self.type = type


class CommandRejected(ServerError):
    """The server refused one command; the session goes on."""


class ProtocolError(VoicewireError):
    """The server sent something that breaks the protocol.

    Attributes:
        kind: "bad_json", "bad_event", "bad_audio", "bad_tool_arguments", "too_deep" or "bad_message".
        excerpt: The beginning of the message, escaped, at most 4 KiB, without secrets.
        wire_type: Type of the event as the server names it, or None.
    """

    def __init__(
        self, message: str, *, kind: ProtocolErrorKind, excerpt: str = "", wire_type: str | None = None
    ) -> None:
        super().__init__(message)
        self.kind: ProtocolErrorKind = kind
        self.excerpt = excerpt
        self.wire_type = wire_type


class BackpressureError(VoicewireError):
    """The outbox is full; nothing of the call was taken. ``await client.flush()`` waits for room."""


class SessionExpired(VoicewireError):
    """The session reached the provider's maximum duration."""


class LimitExceeded(VoicewireError):
    """The session reached one of its ``Limits`` and was ended by us.

    Attributes:
        limit: "max_cost" (US dollars), "max_duration" or "idle_timeout" (seconds).
        value: What was reached.
        allowed: What was allowed.
    """

    def __init__(self, limit: LimitKind, value: float, allowed: float) -> None:
        unit = "US dollars" if limit == "max_cost" else "s"
        super().__init__(f"limit reached: {limit}={allowed:g} {unit}, at {value:.6g} {unit}")
        self.limit: LimitKind = limit
        self.value = value
        self.allowed = allowed


class ConfigError(VoicewireError, ValueError):
    """An option is wrong: its name, its type, or its range.

    Attributes:
        field: Name of the option, or None.
        value: What was given, or None; never a secret.
    """

    def __init__(self, message: str, *, field: str | None = None, value: object = None) -> None:
        shown = value is not None and not _is_secret(field)
        is_told = message.endswith(f"{field}={value}")  # by the Rust core, which writes whole messages
        super().__init__(f"{message}: {_excerpt(value)}" if shown and not is_told else message)
        self.field = field
        self.value = value if shown else None


class UnsupportedError(VoicewireError):
    """The provider cannot do what was asked.

    Attributes:
        capability: What is missing, such as "truncate".
        alternative: What to do instead, or None.
    """

    def __init__(self, capability: str, alternative: str | None = None) -> None:
        hint = f"; {alternative}" if alternative else ""
        super().__init__(f"not supported by the provider: {capability}{hint}")
        self.capability = capability
        self.alternative = alternative


class DeviceError(VoicewireError):
    """A microphone or speaker cannot be used; the text says what to do.

    Attributes:
        reason: "missing_library" (PortAudio or sounddevice), "no_device" (none there, or it went away), "permission",
            "busy" (another program has it) or "format" (it knows no such rate or channels).
    """

    def __init__(self, message: str, *, reason: DeviceErrorReason) -> None:
        super().__init__(message)
        self.reason: DeviceErrorReason = reason

    @classmethod
    def of(cls, reason: DeviceErrorReason, what: str) -> DeviceError:
        """The error with the advice that belongs to its reason."""
        return cls(f"{what}: {_ADVICE[reason]}", reason=reason)


class ForkedError(VoicewireError):
    """The client was made before a fork and belongs to the parent process."""


class InternalError(VoicewireError):
    """A defect of this package ended the session; please report it."""


class AckTimeout(VoicewireError, TimeoutError):
    """The server did not answer a command within ``Timeouts.ack`` seconds."""


class HandlerError(VoicewireError):
    """An event handler raised; ``__cause__`` is its exception.

    Attributes:
        handler: The handler, or its name. Pickled, what cannot be pickled becomes its name.
        event: The event it was called with, or its name.
    """

    def __init__(self, handler: object, event: object, cause: BaseException | None = None) -> None:
        why = f": {cause!r}" if cause is not None else ""
        super().__init__(f"handler raised: {_name(handler)} on {_name(event)}{why}")
        self.handler = handler
        self.event = event
        self.__cause__ = cause


def _restore(cls: type[VoicewireError], args: tuple[Any, ...], state: dict[str, Any]) -> VoicewireError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


def _picklable(value: object) -> object:
    import pickle

    try:
        pickle.dumps(value)
    except Exception:  # a value that refuses may raise anything
        return _name(value)
    return value


def _name(value: object) -> str:
    if isinstance(value, str):
        return value
    name = getattr(value, "__qualname__", None) or getattr(value, "type", None)
    return name if isinstance(name, str) else repr(value)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _excerpt(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}…"


def _is_secret(field: str | None) -> bool:
    name = (field or "").lower()
    return any(word in name for word in _SECRET_WORDS)


_LONGEST_VALUE = 120
_ADVICE: dict[str, str] = {
    "missing_library": "apt install libportaudio2 (Debian, Ubuntu) or brew install portaudio (macOS), and "
    "pip install 'voicewire[devices]'",
    "no_device": "plug one in, or choose another one of voicewire talk --list-devices",
    "permission": "allow it in the system's settings (macOS: Privacy & Security, Microphone; Windows: Privacy, "
    "Microphone; Linux: the group audio), then start again",
    "busy": "close the program that uses it, or choose another one of voicewire talk --list-devices",
    "format": "choose another sample_rate or device, see voicewire talk --list-devices",
}
_SECRET_WORDS = (
    "api_key",
    "api-key",
    "authorization",
    "token_provider",
    "headers",
    "secret",
    "password",
    "client_cert",
)
