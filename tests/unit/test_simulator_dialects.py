"""The simulator's dialects, seen by a plain WebSocket client."""

import asyncio
import json
from typing import Any

import pytest

import voicewire as vw

websockets = pytest.importorskip("websockets", reason="websockets is not installed")

PATIENCE_S = 10.0
BETA = {"OpenAI-Beta": "realtime=v1"}
RENAMES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}


async def told(simulator: vw.Simulator, path: str, count: int = 1, **headers: str) -> list[dict[str, Any]]:
    """The first events of a connection to a path."""
    url = simulator.url.removesuffix("/v1") + path
    async with (
        asyncio.timeout(PATIENCE_S),
        websockets.connect(url, additional_headers=headers, proxy=None) as socket,
    ):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def turn(simulator: vw.Simulator, update: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    """All events of one text turn after a session update."""
    url = f"{simulator.url}/realtime?model=m"
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
    seen: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        websockets.connect(url, additional_headers=headers, proxy=None, max_size=None) as socket,
    ):
        await socket.send(json.dumps({"type": "session.update", "session": update}))
        await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await socket.send(json.dumps({"type": "response.create"}))
        while not seen or seen[-1]["type"] != "response.done":
            seen.append(json.loads(await socket.recv()))
    return seen


def types(events: list[dict[str, Any]]) -> set[str]:
    return {event["type"] for event in events}


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("/v1/realtime?model=m", "output_modalities", ["audio"]),
        ("/openai/v1/realtime?model=m", "output_modalities", ["audio"]),
        ("/openai/realtime?api-version=2025-04-01-preview&deployment=d", "modalities", ["text", "audio"]),
        ("/voice-live/realtime?api-version=2026-04-10&model=m", "voice", {"name": "alloy", "type": "openai"}),
        ("/api-ws/v1/realtime?model=m", "input_audio_format", "pcm"),
    ],
)
async def test_the_path_tells_the_dialect(path: str, key: str, value: Any) -> None:
    async with vw.Simulator() as simulator:
        [created] = await told(simulator, path)

    assert created["session"][key] == value


@pytest.mark.parametrize("dialect", ["ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen"])
async def test_each_dialect_can_be_forced(dialect: Any) -> None:
    async with vw.Simulator(dialect=dialect) as simulator:
        [created] = await told(simulator, "/v1/realtime?model=m")

    assert created["type"] == "session.created"


async def test_every_event_of_the_beta_table_is_renamed() -> None:
    async with vw.Simulator(beta="allow", pace=0, script=[{"say": "Hello."}]) as simulator:
        ga = await turn(simulator, {"type": "realtime"}) + await turn(
            simulator, {"type": "realtime", "output_modalities": ["text"]}
        )
        beta = await turn(simulator, {}, **BETA) + await turn(simulator, {"modalities": ["text"]}, **BETA)

    assert set(RENAMES) <= types(ga)
    assert not set(RENAMES) & types(beta)
    assert types(beta) - types(ga) == {*RENAMES.values(), "conversation.created", "rate_limits.updated"}


async def test_beta_is_refused_by_default() -> None:
    async with vw.Simulator() as simulator:
        [refused] = await told(simulator, "/v1/realtime?model=m", **BETA)

    assert refused["error"]["code"] == "beta_api_shape_disabled"


async def test_xai_pings() -> None:
    async with vw.Simulator(dialect="xai") as simulator:
        events = await told(simulator, "/v1/realtime?model=grok-voice-latest", count=3)

    assert [event["type"] for event in events] == ["session.created", "conversation.created", "ping"]


async def test_our_client_talks_to_azures_path() -> None:
    async with vw.Simulator(pace=0, script=[{"say": "Hello."}]) as simulator:
        url = simulator.url.removesuffix("/v1") + "/openai/v1/realtime"
        async with vw.RealtimeClient("deployment", url=url, api_key="k") as client:
            reply = await client.ask("Hi.")

    assert reply.text == "Hello."
