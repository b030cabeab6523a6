"""The official Google SDK against our simulator: whoever wrote it did not read our code."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
import websockets

import voicewire as vw

genai = pytest.importorskip("google.genai", reason="the official SDK is not installed")

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
PATIENCE_S = 15.0


@pytest.fixture
def simulator() -> Iterator[vw.Simulator]:
    """The SDK speaks TLS only."""
    with vw.Simulator(pace=0, tls=True) as started:
        yield started


def sdk(simulator: vw.Simulator, key: str = "k", **options: Any) -> Any:
    http = {
        "base_url": simulator.gemini_url.replace("wss:", "https:"),
        "async_client_args": {"ssl": ssl.create_default_context(cafile=simulator.ca_file)},
        **options,
    }
    return genai.Client(api_key=key, vertexai=False, http_options=genai.types.HttpOptions(**http))


def spoken(**more: Any) -> dict[str, Any]:
    return {
        "response_modalities": ["AUDIO"],
        "output_audio_transcription": {},
        "input_audio_transcription": {},
        **more,
    }


async def turn(session: Any) -> list[Any]:
    """Messages up to the end of a turn."""
    async with asyncio.timeout(PATIENCE_S):
        return [message async for message in session.receive()]


async def until(messages: AsyncIterator[Any], field: str) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        async for message in messages:
            if (value := getattr(message, field)) is not None:
                return value
    raise AssertionError(f"no {field}")


def said(messages: list[Any], field: str = "output_transcription") -> str:
    contents = [message.server_content for message in messages if message.server_content]
    return "".join(part.text for content in contents if (part := getattr(content, field)) and part.text)


def words(text: str) -> Any:
    return genai.types.Content(role="user", parts=[genai.types.Part(text=text)])


def voice(ms: int) -> Any:
    tone = np.sin(np.arange(ms * 16) * 0.1178) * 8192
    samples = np.concatenate([tone, np.zeros(900 * 16)]).astype(np.int16)
    return genai.types.Blob(data=samples.tobytes(), mime_type="audio/pcm;rate=16000")


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
async def test_a_typed_turn_of_each_version(simulator: vw.Simulator, version: str) -> None:
    client = sdk(simulator, api_version=version)
    async with client.aio.live.connect(model=NATIVE, config=spoken(system_instruction="Be brief.")) as session:
        await session.send_client_content(turns=words("I like trains"), turn_complete=True)
        messages = await turn(session)

    assert said(messages) == "You said: I like trains. My instructions are: Be brief."
    audio = b"".join(message.data for message in messages if message.data)
    assert len(audio) / 2 / 24_000 == pytest.approx(len(said(messages)) / 14, rel=0.01)
    assert messages[-1].server_content.turn_complete
    assert messages[-1].usage_metadata.response_token_count > 0
    assert simulator.assert_sent("clientContent")["client_content"]["turnComplete"] is True
    headers = {name.lower(): value for name, value in simulator.connections[0]["headers"].items()}
    assert headers["x-goog-api-key"] == "***"


async def test_a_written_turn(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "It is noon."}]
    config = {"response_modalities": ["TEXT"]}
    async with sdk(simulator).aio.live.connect(model="gemini-2.0-flash-live-001", config=config) as session:
        await session.send_realtime_input(text="What time is it?")
        messages = await turn(session)

    assert "".join(message.text for message in messages if message.text) == "It is noon."


@pytest.mark.parametrize("model", [NATIVE, "gemini-3.1-flash-live-preview", "gemini-3.8-live"])
async def test_a_spoken_turn_of_each_family(simulator: vw.Simulator, model: str) -> None:
    simulator.script = [{"when": {"audio": True}, "transcript": "Good day.", "say": "Hello."}]
    async with sdk(simulator).aio.live.connect(model=model, config=spoken()) as session:
        await session.send_realtime_input(audio=voice(400))
        messages = await turn(session)

    assert (said(messages, "input_transcription"), said(messages)) == ("Good day.", "Hello.")


async def test_push_to_talk(simulator: vw.Simulator) -> None:
    manual = {"automatic_activity_detection": {"disabled": True}}
    config = spoken(realtime_input_config=manual)
    async with sdk(simulator).aio.live.connect(model=NATIVE, config=config) as session:
        await session.send_realtime_input(activity_start=genai.types.ActivityStart())
        await session.send_realtime_input(audio=voice(100))
        await session.send_realtime_input(activity_end=genai.types.ActivityEnd())
        messages = await turn(session)

    assert said(messages, "input_transcription") == "(speech, 1.0 s)"


async def test_a_tool_round(simulator: vw.Simulator) -> None:
    simulator.script = [{"when": {"text": "rain"}, "tools": [{"name": "weather", "arguments": {"city": "Oslo"}}]}]

    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return city

    async with sdk(simulator).aio.live.connect(model=NATIVE, config=spoken(tools=[weather])) as session:
        await session.send_client_content(turns=words("Will it rain?"), turn_complete=True)
        called = await until(session.receive(), "tool_call")
        call = called.function_calls[0]
        response = genai.types.FunctionResponse(id=call.id, name=call.name, response={"output": "sunny"})
        await session.send_tool_response(function_responses=[response])
        messages = await turn(session)

    assert (call.name, call.args) == ("weather", {"city": "Oslo"})
    assert said(messages) == "weather answered: sunny."
    declared = simulator.assert_sent("setup")["setup"]["tools"][0]
    assert "weather" in str(declared)


async def test_a_session_is_resumed(simulator: vw.Simulator) -> None:
    live = sdk(simulator).aio.live
    async with live.connect(model=NATIVE, config=spoken(session_resumption={})) as session:
        await session.send_client_content(turns=words("I am Ada"), turn_complete=True)
        await turn(session)
        handle = (await until(session.receive(), "session_resumption_update")).new_handle

    async with live.connect(model=NATIVE, config=spoken(session_resumption={"handle": handle})) as session:
        await session.send_client_content(turns=words("Who am I?"), turn_complete=True)
        messages = await turn(session)

    assert "Before that you said: I am Ada." in said(messages)


async def test_an_announced_end(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "go_away", "after_events": 1, "time_left_ms": 50}]
    async with sdk(simulator).aio.live.connect(model=NATIVE, config=spoken()) as session:
        left = (await until(session.receive(), "go_away")).time_left
        with pytest.raises(genai.errors.APIError) as ended:
            await turn(session)

    assert left == "0.050s"
    assert (ended.value.code, "cancelled" in str(ended.value)) == (1000, True)


async def test_a_wrong_setup_is_told_by_its_reason(simulator: vw.Simulator) -> None:
    config = {"response_modalities": ["TEXT"]}
    with pytest.raises(Exception, match=r"not supported by models/gemini-3\.8-live"):
        async with sdk(simulator).aio.live.connect(model="gemini-3.8-live", config=config) as session:
            await turn(session)


async def test_vertex_with_a_key(simulator: vw.Simulator) -> None:
    http = {
        "base_url": simulator.gemini_url.replace("wss:", "https:"),
        "async_client_args": {"ssl": ssl.create_default_context(cafile=simulator.ca_file)},
    }
    client = genai.Client(vertexai=True, api_key="k", http_options=genai.types.HttpOptions(**http))
    async with client.aio.live.connect(model="gemini-live-2.5-flash-native-audio", config=spoken()) as session:
        await session.send_client_content(turns=words("Hello"), turn_complete=True)
        messages = await turn(session)

    assert said(messages) == "You said: Hello."
    assert messages[-1].usage_metadata.response_token_count > 0
    assert "LlmBidiService/BidiGenerateContent" in simulator.connections[0]["path"]


@pytest.mark.filterwarnings("ignore:The SDK's ephemeral token support")
@pytest.mark.parametrize(("key", "method"), [("AIza-right", "Content"), ("auth_tokens/right", "ContentConstrained")])
async def test_keys_and_tokens_are_checked(key: str, method: str) -> None:
    with vw.Simulator(pace=0, tls=True, api_key=key) as simulator:
        async with sdk(simulator, key, api_version="v1alpha").aio.live.connect(model=NATIVE, config=spoken()):
            pass
        with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
            async with sdk(simulator, key + "!", api_version="v1alpha").aio.live.connect(model=NATIVE, config=spoken()):
                pass
        paths = [connection["path"] for connection in simulator.connections]

    assert paths[0].endswith(f"Generate{method}")
    assert "right" not in str(simulator.connections)
