"""What the plan has and this version has not: an error that says so, in place of silence."""

from __future__ import annotations

from typing import Any

from voicewire.config import SessionConfig
from voicewire.exceptions import UnsupportedError

__all__ = ["buildable", "refuse_unbuilt"]

_ARGUMENTS = {
    "proxy",
    "debug",
    "output_sample_rate",
    "record",
}


def refuse_unbuilt(options: dict[str, Any]) -> None:
    """Take out arguments whose value switches a feature off that is not built; any other value is an error."""
    for name in _ARGUMENTS & options.keys():
        if options.pop(name) not in (None, False):
            raise UnsupportedError(f"{name}=", "leave it out: it is not built yet")


def buildable(config: SessionConfig) -> SessionConfig:
    """The same config, or an error where it asks for G.711."""
    for name in ("input_format", "output_format"):
        audio_format = config.to_dict().get(name)
        kind = audio_format.get("type") if isinstance(audio_format, dict) else audio_format
        if kind in ("g711_ulaw", "g711_alaw", "audio/pcmu", "audio/pcma"):
            raise UnsupportedError(f"{name}={kind!r}", "use pcm16: G.711 is not built yet")
    return config
