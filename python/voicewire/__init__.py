"""Client library for realtime voice models over WebSocket.

The entry points are ``RealtimeClient`` and, for tests, ``Simulator``. Names are imported when they are first
used, so that ``import voicewire`` loads neither numpy nor the extension.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicewire import audio
    from voicewire.calls import Calls, SyncCalls
    from voicewire.client import RealtimeClient
    from voicewire.config import UNSET, AudioFormat, SemanticVAD, ServerVAD, SessionConfig
    from voicewire.cost import Cost, CostCollector
    from voicewire.events import (
        AudioDelta,
        Closed,
        ConfigMismatch,
        ErrorEvent,
        Event,
        InputCommitted,
        InputTranscript,
        Interrupted,
        Open,
        RateLimits,
        Reconnected,
        Reconnecting,
        ResponseStarted,
        ServerEvent,
        SessionExpiring,
        SpeechStarted,
        SpeechStopped,
        TextDelta,
        ThoughtDelta,
        ToolCall,
        ToolCallCancelled,
        TranscriptDelta,
        TurnComplete,
        UsageReported,
    )
    from voicewire.exceptions import (
        AckTimeout,
        AuthenticationError,
        BackpressureError,
        CommandRejected,
        ConfigError,
        ConnectError,
        ConnectionClosed,
        ConnectTimeout,
        ForkedError,
        HandlerError,
        InternalError,
        LimitExceeded,
        ProtocolError,
        ServerError,
        SessionExpired,
        UnsupportedError,
        VoicewireError,
    )
    from voicewire.ids import generate_id
    from voicewire.keys import ClientSecret
    from voicewire.mint import create_client_secret, create_client_secret_sync
    from voicewire.policy import Limits, Reconnect, Timeouts
    from voicewire.prices import Prices
    from voicewire.process import configure
    from voicewire.receipt import Receipt
    from voicewire.simulator import Simulator
    from voicewire.turns import Reply
    from voicewire.usage import Usage

    __version__: str

__all__ = [
    "UNSET",
    "AckTimeout",
    "AudioDelta",
    "AudioFormat",
    "AuthenticationError",
    "BackpressureError",
    "Calls",
    "ClientSecret",
    "Closed",
    "CommandRejected",
    "ConfigError",
    "ConfigMismatch",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "Cost",
    "CostCollector",
    "ErrorEvent",
    "Event",
    "ForkedError",
    "HandlerError",
    "InputCommitted",
    "InputTranscript",
    "InternalError",
    "Interrupted",
    "LimitExceeded",
    "Limits",
    "Open",
    "Prices",
    "ProtocolError",
    "RateLimits",
    "RealtimeClient",
    "Receipt",
    "Reconnect",
    "Reconnected",
    "Reconnecting",
    "Reply",
    "ResponseStarted",
    "SemanticVAD",
    "ServerError",
    "ServerEvent",
    "ServerVAD",
    "SessionConfig",
    "SessionExpired",
    "SessionExpiring",
    "Simulator",
    "SpeechStarted",
    "SpeechStopped",
    "SyncCalls",
    "TextDelta",
    "ThoughtDelta",
    "Timeouts",
    "ToolCall",
    "ToolCallCancelled",
    "TranscriptDelta",
    "TurnComplete",
    "UnsupportedError",
    "Usage",
    "UsageReported",
    "VoicewireError",
    "__version__",
    "audio",
    "configure",
    "create_client_secret",
    "create_client_secret_sync",
    "generate_id",
]

_ORIGINS = {
    "RealtimeClient": "client",
    "Simulator": "simulator",
    "Receipt": "receipt",
    "configure": "process",
    "Reply": "turns",
    "Usage": "usage",
    "ClientSecret": "keys",
    "generate_id": "ids",
    "Prices": "prices",
    **dict.fromkeys(("Calls", "SyncCalls"), "calls"),
    **dict.fromkeys(("create_client_secret", "create_client_secret_sync"), "mint"),
    **dict.fromkeys(("Cost", "CostCollector"), "cost"),
    **dict.fromkeys(("AudioFormat", "SemanticVAD", "ServerVAD", "SessionConfig", "UNSET"), "config"),
    **dict.fromkeys(("Limits", "Reconnect", "Timeouts"), "policy"),
    **dict.fromkeys((name for name in __all__ if name.endswith(("Error", "Timeout"))), "exceptions"),
    **dict.fromkeys(("CommandRejected", "ConnectionClosed", "LimitExceeded", "SessionExpired"), "exceptions"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("voicewire")
    elif name == "audio":
        value = import_module("voicewire.audio")
    else:
        value = getattr(import_module(f"voicewire.{_ORIGINS.get(name, 'events')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
