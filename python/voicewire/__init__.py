"""Client library for realtime voice models over WebSocket.

The entry points are ``RealtimeClient`` and, for tests, ``Simulator``. Names are imported when they are first
used, so that ``import voicewire`` loads neither numpy nor the extension.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicewire import audio, devices, raw
    from voicewire.audio_client import AudioClient
    from voicewire.calls import Calls, SyncCalls
    from voicewire.capabilities import Capabilities
    from voicewire.client import RealtimeClient
    from voicewire.config import UNSET, AudioFormat, SemanticVAD, ServerVAD, SessionConfig
    from voicewire.conversation import Conversation, ConversationItem, ConversationUpdate, Delta, RealtimeEvent
    from voicewire.cost import Cost, CostCollector
    from voicewire.ending import shutdown
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
        DeviceError,
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
    from voicewire.hooks import Hooks
    from voicewire.ids import generate_id
    from voicewire.keys import ClientSecret
    from voicewire.mint import create_client_secret, create_client_secret_sync
    from voicewire.pacer import Pacer
    from voicewire.policy import Limits, Reconnect, Timeouts
    from voicewire.prices import Prices
    from voicewire.process import configure
    from voicewire.receipt import Receipt
    from voicewire.recorder import CallRecorder
    from voicewire.simulator import Simulator
    from voicewire.sync_client import SyncRealtimeClient
    from voicewire.sync_events import SyncEvents
    from voicewire.sync_receipt import SyncReceipt
    from voicewire.tool_commands import McpApproval
    from voicewire.tools import ToolResponse
    from voicewire.turns import Reply
    from voicewire.unified import create_realtime
    from voicewire.usage import Usage
    from voicewire.voice_report import TurnLatency, VoiceReport

    __version__: str

__all__ = [
    "UNSET",
    "AckTimeout",
    "AudioClient",
    "AudioDelta",
    "AudioFormat",
    "AuthenticationError",
    "BackpressureError",
    "CallRecorder",
    "Calls",
    "Capabilities",
    "ClientSecret",
    "Closed",
    "CommandRejected",
    "ConfigError",
    "ConfigMismatch",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "Conversation",
    "ConversationItem",
    "ConversationUpdate",
    "Cost",
    "CostCollector",
    "Delta",
    "DeviceError",
    "ErrorEvent",
    "Event",
    "ForkedError",
    "HandlerError",
    "Hooks",
    "InputCommitted",
    "InputTranscript",
    "InternalError",
    "Interrupted",
    "LimitExceeded",
    "Limits",
    "McpApproval",
    "Open",
    "Pacer",
    "Prices",
    "ProtocolError",
    "RateLimits",
    "RealtimeClient",
    "RealtimeEvent",
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
    "SyncEvents",
    "SyncRealtimeClient",
    "SyncReceipt",
    "TextDelta",
    "ThoughtDelta",
    "Timeouts",
    "ToolCall",
    "ToolCallCancelled",
    "ToolResponse",
    "TranscriptDelta",
    "TurnComplete",
    "TurnLatency",
    "UnsupportedError",
    "Usage",
    "UsageReported",
    "VoiceReport",
    "VoicewireError",
    "__version__",
    "audio",
    "configure",
    "create_client_secret",
    "create_client_secret_sync",
    "create_realtime",
    "devices",
    "generate_id",
    "raw",
    "shutdown",
]

_ORIGINS = {
    "RealtimeClient": "client",
    "Simulator": "simulator",
    "SyncEvents": "sync_events",
    "SyncRealtimeClient": "sync_client",
    "SyncReceipt": "sync_receipt",
    "Receipt": "receipt",
    "configure": "process",
    "shutdown": "ending",
    "create_realtime": "unified",
    "AudioClient": "audio_client",
    "Hooks": "hooks",
    "generate_id": "ids",
    "Reply": "turns",
    "Pacer": "pacer",
    "CallRecorder": "recorder",
    "Capabilities": "capabilities",
    **dict.fromkeys(
        ("Conversation", "ConversationItem", "ConversationUpdate", "Delta", "RealtimeEvent"), "conversation"
    ),
    "ToolResponse": "tools",
    "McpApproval": "tool_commands",
    "Usage": "usage",
    "ClientSecret": "keys",
    "Prices": "prices",
    **dict.fromkeys(("TurnLatency", "VoiceReport"), "voice_report"),
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
    elif name in ("audio", "devices", "raw"):
        value = _load(name)
    else:
        value = getattr(_load(_ORIGINS.get(name, "events")), name)
    globals()[name] = value
    return value


def _load(name: str) -> Any:
    try:
        return import_module(f"voicewire.{name}")
    except ImportError as error:
        from voicewire.unloadable import explained

        clear = explained(error)
        if clear is error:
            raise
        raise clear from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
