"""openai-agents against our simulator: a client that parses every event strictly, runs tools and interrupts."""

import asyncio
import logging
from typing import Any

import numpy as np
import pytest

import voicewire as vw

realtime = pytest.importorskip("agents.realtime", reason="openai-agents is not installed")
agents = pytest.importorskip("agents", reason="openai-agents is not installed")

PATIENCE_S = 15.0


@pytest.fixture(autouse=True)
def _no_complaints(caplog: pytest.LogCaptureFixture) -> Any:
    """Whatever it logs as a warning is an event of ours that it could not read, or a task that failed."""
    caplog.set_level(logging.WARNING, logger="openai.agents")
    agents.set_tracing_disabled(True)
    yield
    assert [record.getMessage() for record in caplog.records if record.name.startswith("openai.agents")] == []


def open_session(simulator: vw.Simulator, *tools: Any, **settings: Any) -> Any:
    agent = realtime.RealtimeAgent(name="Helper", instructions="Be brief.", tools=list(tools))
    runner = realtime.RealtimeRunner(agent)
    config = {
        "api_key": "sk-test",
        "url": f"{simulator.url}/realtime?model=gpt-realtime",
        "initial_model_settings": {"model_name": "gpt-realtime", "voice": "marin", **settings},
    }
    return runner.run(model_config=config)


async def until(session: Any, type: str, count: int = 1) -> list[Any]:
    """Session events up to the ``count``-th of a type."""
    seen: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in session:
            assert event.type != "error", event
            seen.append(event)
            if [other.type for other in seen].count(type) == count:
                return seen
    raise AssertionError(f"no {type}")


def only(events: list[Any], type: str) -> list[Any]:
    return [event for event in events if event.type == type]


def words(item: Any) -> str:
    return "".join(getattr(part, "transcript", None) or getattr(part, "text", None) or "" for part in item.content)


async def test_a_text_is_answered_in_sound(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "It is noon."}]
    async with await open_session(simulator) as session:
        await session.send_message("What time is it?")
        events = await until(session, "agent_end")

    heard = b"".join(event.audio.data for event in only(events, "audio"))
    assert len(heard) > 24_000
    history = only(events, "history_updated")[-1].history
    assert [item.role for item in history] == ["user", "assistant"]
    assert words(history[0]) == "What time is it?"


async def test_speech_is_heard_and_transcribed(simulator: vw.Simulator) -> None:
    simulator.script = [{"transcript": "Hello there.", "say": "Good day."}]
    samples = (8_000 * np.sin(np.arange(24_000) * 2 * np.pi * 220 / 24_000)).astype("<i2")
    settings = {
        "turn_detection": {"type": "server_vad"},
        "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
    }
    async with await open_session(simulator, **settings) as session:
        await session.send_audio(samples.tobytes())
        await session.send_audio(bytes(2 * 24_000))
        events = await until(session, "agent_end")

    history = only(events, "history_updated")[-1].history
    assert [item.role for item in history] == ["user", "assistant"]
    assert words(history[0]) == "Hello there."
    assert only(events, "audio")


async def test_a_tool_is_run_and_its_answer_used(simulator: vw.Simulator) -> None:
    simulator.script = [{"when": {"text": "weather"}, "tools": [{"name": "weather", "arguments": {"city": "Ulm"}}]}]
    asked: list[str] = []

    @agents.function_tool
    def weather(city: str) -> str:
        """Look up the weather."""
        asked.append(city)
        return "sunny"

    async with await open_session(simulator, weather) as session:
        await session.send_message("How is the weather?")
        events = await until(session, "agent_end", 2)

    assert asked == ["Ulm"]
    (ended,) = only(events, "tool_end")
    assert ended.output == "sunny"
    assert only(events, "audio")


async def test_an_interruption_stops_the_answer() -> None:
    script = [{"say": "A long story that goes on and on, and then on again, for quite a while, until somebody speaks."}]
    with vw.Simulator(pace=2, script=script) as simulator:
        settings = {"turn_detection": {"type": "server_vad", "interrupt_response": False}}
        async with await open_session(simulator, **settings) as session:
            await session.send_message("Tell me a story.")
            await until(session, "audio", 3)
            await session.interrupt()
            events = await until(session, "audio_interrupted")
            cut = await simulator.wait_for("conversation.item.truncate", timeout=PATIENCE_S)
            await simulator.wait_for("response.cancel", timeout=PATIENCE_S)

    assert only(events, "audio_interrupted")
    assert cut["audio_end_ms"] > 0
