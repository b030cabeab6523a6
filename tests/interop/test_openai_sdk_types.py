"""Everything that our simulator sends is what the official SDK declares: parsed strictly, without a warning."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import connect

import voicewire as vw

openai = pytest.importorskip("openai", reason="the official SDK is not installed")
pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed")
realtime = pytest.importorskip("openai.types.realtime", reason="the official SDK is not installed")

PATIENCE_S = 15.0
SPEECH = (8_000 * np.sin(np.arange(24_000) * 2 * np.pi * 220 / 24_000)).astype("<i2").tobytes()
TRANSCRIBING = {"audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}}
SCRIPT = [
    {
        "when": {"text": "tools"},
        "say": "Let me look.",
        "tools": [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}],
    },
    {
        "when": {"text": "shop"},
        "mcp_call": {"server_label": "shop", "name": "find", "arguments": {}, "output": "3 found"},
    },
    {
        "when": {"text": "fail"},
        "status": "failed",
        "error": {"type": "server_error", "code": "overloaded", "message": "No."},
    },
]


def message(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}


def output(call_id: str) -> dict[str, Any]:
    item = {"type": "function_call_output", "call_id": call_id, "output": "fine"}
    return {"type": "conversation.item.create", "item": item}


def talk(simulator: vw.Simulator, *steps: tuple[list[dict[str, Any]], str]) -> list[dict[str, Any]]:
    """Send each list of messages and read on up to an event of the type behind it."""
    seen: list[dict[str, Any]] = []
    headers = {"Authorization": "Bearer sk-test"}
    url = f"{simulator.url}/realtime?model=gpt-realtime"
    with connect(url, additional_headers=headers, max_size=None) as socket:
        for messages, last in steps:
            for sent in messages:
                socket.send(json.dumps(sent))
            while True:
                seen.append(json.loads(socket.recv(timeout=PATIENCE_S)))
                if seen[-1]["type"] == last:
                    break
    return seen


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def append(samples: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(samples).decode()}


RESPOND = {"type": "response.create"}
FUNCTIONS = [{"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}} for name in "ab"]
MCP = {"type": "mcp", "server_label": "shop", "server_url": "https://example.com/mcp", "require_approval": "never"}
OUT_OF_BAND = {"conversation": "none", "metadata": {"topic": "x"}, "output_modalities": ["text"]}
TURNS: dict[str, list[tuple[list[dict[str, Any]], str]]] = {
    "text": [
        ([update(output_modalities=["text"])], "session.updated"),
        ([message("Hello."), RESPOND], "response.done"),
    ],
    "sound": [([message("Hello."), RESPOND], "response.done")],
    "speech": [
        ([update(**TRANSCRIBING)], "session.updated"),
        ([append(SPEECH), append(bytes(48_000))], "response.done"),
    ],
    "by hand": [
        ([update(audio={"input": {"turn_detection": None}})], "session.updated"),
        ([append(SPEECH), {"type": "input_audio_buffer.clear"}], "input_audio_buffer.cleared"),
        ([append(SPEECH), {"type": "input_audio_buffer.commit"}], "conversation.item.done"),
    ],
    "tools": [
        ([update(tools=FUNCTIONS)], "session.updated"),
        ([message("tools"), RESPOND], "response.done"),
        ([output("call_a"), RESPOND], "response.done"),
    ],
    "mcp": [
        ([update(tools=[MCP])], "mcp_list_tools.completed"),
        ([message("shop"), RESPOND], "response.done"),
        ([], "response.done"),
    ],
    "failure": [([message("fail"), RESPOND], "response.done")],
    "out of band": [([message("Hello."), {**RESPOND, "response": OUT_OF_BAND}], "response.done")],
    "cancel": [([message("Hello."), RESPOND], "response.created"), ([{"type": "response.cancel"}], "response.done")],
    "refusal": [([{"type": "conversation.item.delete", "item_id": "item_none"}], "error")],
    "retrieve and delete": [
        ([{**message("Hello."), "item": {**message("Hello.")["item"], "id": "item_1"}}], "conversation.item.done"),
        ([{"type": "conversation.item.retrieve", "item_id": "item_1"}], "conversation.item.retrieved"),
        ([{"type": "conversation.item.delete", "item_id": "item_1"}], "conversation.item.deleted"),
    ],
}


@pytest.mark.parametrize("turn", TURNS)
def test_every_event_is_of_its_declared_type(turn: str) -> None:
    events = pydantic.TypeAdapter(realtime.RealtimeServerEvent)

    with vw.Simulator(pace=0, script=SCRIPT) as simulator:
        seen = talk(simulator, *TURNS[turn])

    for raw in seen:
        parsed = events.validate_python(raw)
        assert parsed.type == raw["type"]
        # A field that the SDK does not know is kept as an extra; only those seen at the service may be such.
        assert set(parsed.model_extra or {}) <= {"obfuscation"}, raw


def test_the_blocking_client_talks(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "It is noon."}]
    client = openai.OpenAI(
        api_key="sk-test", base_url=simulator.http_url, websocket_base_url=simulator.url, max_retries=0
    )
    words = ""
    with client, client.realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        connection.conversation.item.create(item=message("What time is it?")["item"])
        connection.response.create()
        for event in connection:
            if event.type == "response.output_text.delta":
                words += event.delta
            if event.type == "response.done":
                break

    assert words == "It is noon."
    assert event.response.status == "completed"
