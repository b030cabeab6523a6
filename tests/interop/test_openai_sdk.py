"""The official SDK against our simulator: whoever wrote it did not read our code."""

import asyncio
import base64
import itertools
import wave
from importlib.resources import files
from typing import Any

import pytest

import voicewire as vw

openai = pytest.importorskip("openai", reason="the official SDK is not installed")

PATIENCE_S = 15.0


def sdk(simulator: vw.Simulator, key: str = "sk-test") -> Any:
    return openai.AsyncOpenAI(api_key=key, base_url=simulator.http_url, websocket_base_url=simulator.url, max_retries=0)


async def until(connection: Any, type: str) -> list[Any]:
    """Events up to and with the first of a type."""
    seen: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in connection:
            seen.append(event)
            if event.type == type:
                return seen
    raise AssertionError(f"no {type}: {[event.type for event in seen]}")


def order(events: list[Any]) -> list[str]:
    """Types in order, repeated ones once."""
    return [type for type, _ in itertools.groupby(event.type for event in events)]


def only(events: list[Any], type: str) -> list[Any]:
    return [event for event in events if event.type == type]


async def test_a_text_turn(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "It is noon."}]

    async with sdk(simulator) as client, client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What time is it?"}],
            }
        )
        await connection.response.create()
        events = await until(connection, "response.done")

    assert order(events) == [
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    done = events[-1].response
    assert "".join(event.delta for event in only(events, "response.output_text.delta")) == "It is noon."
    assert only(events, "response.output_text.done")[0].text == "It is noon."
    assert (done.status, done.output[0].content[0].text) == ("completed", "It is noon.")
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens > 0
    assert only(events, "session.updated")[0].session.output_modalities == ["text"]
    assert {type(event).__module__.split(".")[0] for event in events} == {"openai"}


async def test_an_audio_turn_with_server_vad(simulator: vw.Simulator) -> None:
    simulator.script = [{"transcript": "A question.", "say": "An answer.", "audio": "speech"}]
    with wave.open(str(files("voicewire") / "data" / "question.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        rate, question = file.getframerate(), file.readframes(file.getnframes())
    samples = vw.audio.Resampler(rate, 24_000).process(question) if rate != 24_000 else question
    speech = samples if isinstance(samples, bytes) else samples.tobytes()

    async with sdk(simulator) as client, client.realtime.connect(model="gpt-realtime") as connection:
        vad = {"type": "server_vad", "silence_duration_ms": 800}
        audio = {"input": {"turn_detection": vad, "transcription": {"model": "whisper-1"}}}
        await connection.session.update(session={"type": "realtime", "audio": audio})
        for chunk in _chunks(speech + b"\0\0" * 36_000):
            await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        events = await until(connection, "response.done")

    started = only(events, "input_audio_buffer.speech_started")[0]
    stopped = only(events, "input_audio_buffer.speech_stopped")[0]
    types = [event.type for event in events]
    expected = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert [types.index(type) for type in expected] == sorted(types.index(type) for type in expected)
    assert 0 <= started.audio_start_ms < stopped.audio_end_ms <= len(speech) // 48 + 1500
    assert started.item_id == stopped.item_id == only(events, "input_audio_buffer.committed")[0].item_id
    heard = only(events, "conversation.item.input_audio_transcription.completed")
    assert [event.transcript for event in heard] == ["A question."]
    said = "".join(event.delta for event in only(events, "response.output_audio_transcript.delta"))
    assert said == "An answer."
    reply = b"".join(base64.b64decode(event.delta) for event in only(events, "response.output_audio.delta"))
    assert len(reply) > 24_000
    assert len(reply) % 2 == 0
    assert max(reply[1::2]) > 0
    assert events[-1].response.usage.output_token_details.audio_tokens > 0


async def test_a_wrong_key_is_refused_by_status_401() -> None:
    with vw.Simulator(api_key="sk-right") as simulator:
        async with sdk(simulator, "sk-wrong") as client:
            with pytest.raises(Exception, match="401"):
                async with client.realtime.connect(model="gpt-realtime"):
                    pass


async def test_an_error_event_names_the_client_event(simulator: vw.Simulator) -> None:
    async with sdk(simulator) as client, client.realtime.connect(model="gpt-realtime") as connection:
        await connection.send({"type": "session.update", "event_id": "mine", "session": {"type": "realtime", "x": 1}})
        refused = (await until(connection, "error"))[-1]

    assert refused.error.event_id == "mine"
    assert refused.error.param == "session.x"


def _chunks(data: bytes) -> list[bytes]:
    return [data[at : at + 4800] for at in range(0, len(data), 4800)]
