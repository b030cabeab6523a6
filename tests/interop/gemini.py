"""What tests of Gemini Live share: recordings, the table of its messages, a peer that greets."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.integration.peer import Action, expect, send_binary

SHARED = Path(os.environ.get("VOICEWIRE_SHARED") or Path(__file__).resolve().parents[3] / "shared")
MODEL_2_5 = "gemini-2.5-flash-native-audio-preview-09-2025"
GREETING: dict[str, Any] = {"setupComplete": {}}


def greet() -> tuple[Action, Action]:
    """Take the client's setup and say that it is taken."""
    return expect("setup"), send_binary(GREETING)


class Recording:
    """A recorded session: what each side said, in order."""

    def __init__(self, name: str) -> None:
        path = SHARED / "recordings" / f"{name}.jsonl"
        if not path.exists():
            pytest.skip(f"recording is not there: {path}")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        said = [(line["dir"] in ("server", "s2c"), line.get("event") or line.get("msg")) for line in lines]
        self.lines: list[tuple[bool, dict[str, Any]]] = [(is_server, camel(event)) for is_server, event in said]
        self.events = [event for is_server, event in self.lines if is_server]
        self.sent = [event for is_server, event in self.lines if not is_server]

    @property
    def asked(self) -> dict[str, Any]:
        """The setup of the recorded client."""
        setup: dict[str, Any] = self.sent[0]["setup"]
        return setup

    @property
    def contents(self) -> list[dict[str, Any]]:
        return [event["serverContent"] for event in self.events if "serverContent" in event]

    @property
    def parts(self) -> list[dict[str, Any]]:
        return [part for content in self.contents for part in content.get("modelTurn", {}).get("parts", ())]

    @property
    def sounds(self) -> list[bytes]:
        return [base64.b64decode(part["inlineData"]["data"]) for part in self.parts if "inlineData" in part]

    @property
    def usages(self) -> list[dict[str, Any]]:
        return [event["usageMetadata"] for event in self.events if "usageMetadata" in event]

    def words(self, field: str) -> list[str]:
        """Pieces of the transcription in a field of the contents."""
        return [content[field]["text"] for content in self.contents if field in content]


def camel(value: Any) -> Any:
    """The same with keys as the protocol writes them; servers take snake_case as well, at every level."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    # What is under `args`, `response` and `properties` are names of the user.
    return {
        re.sub(r"_([a-z])", lambda found: found[1].upper(), key): inner
        if key in ("args", "response", "properties")
        else camel(inner)
        for key, inner in value.items()
    }
