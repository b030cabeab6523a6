"""A plain WebSocket library against our simulator: one turn, message by message."""

import asyncio
import json
from typing import Any

import pytest

import voicewire as vw

websockets = pytest.importorskip("websockets", reason="websockets is not installed")

PATIENCE_S = 10.0


async def until(socket: Any, type: str) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while not seen or seen[-1]["type"] != type:
            message = await socket.recv()
            assert isinstance(message, str)
            seen.append(json.loads(message))
    return seen


async def test_one_text_turn(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "Good day."}]
    headers = {"Authorization": "Bearer sk-test"}

    async with websockets.connect(
        f"{simulator.url}/realtime?model=gpt-realtime", additional_headers=headers, proxy=None
    ) as socket:
        created = await until(socket, "session.created")
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await socket.send(json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}}))
        events = await until(socket, "response.done")

    assert len(created) == 1
    assert created[0]["session"]["model"] == "gpt-realtime"
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert text == "Good day."
    assert events[-1]["response"]["status"] == "completed"
    ids = [event["event_id"] for event in created + events]
    assert len(set(ids)) == len(ids)
    assert simulator.connections[0]["path"] == "/v1/realtime?model=gpt-realtime"


async def test_text_that_is_no_json_is_answered_with_an_error_and_the_session_goes_on(
    simulator: vw.Simulator,
) -> None:
    async with websockets.connect(f"{simulator.url}/realtime?model=m", proxy=None) as socket:
        await socket.send("{broken")
        refused = (await until(socket, "error"))[-1]
        await socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
        await until(socket, "input_audio_buffer.cleared")

    assert refused["error"]["type"] == "invalid_request_error"
    assert refused["error"]["event_id"] is None
    assert [event["type"] for event in simulator.received] == ["input_audio_buffer.clear"]


async def test_the_simulator_selects_the_realtime_subprotocol(simulator: vw.Simulator) -> None:
    offered = ["realtime", "openai-insecure-api-key.sk-test"]

    async with websockets.connect(f"{simulator.url}/realtime?model=m", subprotocols=offered, proxy=None) as socket:
        assert socket.subprotocol == "realtime"


async def test_a_close_is_answered_with_the_same_code(simulator: vw.Simulator) -> None:
    socket = await websockets.connect(f"{simulator.url}/realtime?model=m", proxy=None)
    await until(socket, "session.created")

    await socket.close(code=1000)

    assert socket.close_code == 1000
