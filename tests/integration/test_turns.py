"""Whole turns against the simulator: which neutral events come, in which order, with what in them."""

import base64
import itertools

import numpy as np
import pytest
from tests.integration.listening import of, soon, until, until_that
from tests.integration.peer import Peer, send
from tests.integration.wire import CREATED, audio_delta, response_created, response_done, speech_started

import voicewire as vw

SPEECH = (9000 * np.sin(np.arange(24_000) / 10)).astype(np.int16)
SILENCE = np.zeros(24_000, np.int16)


def kinds(events: list[vw.Event]) -> list[str]:
    """Types in order, repeated ones once."""
    return [kind for kind, _ in itertools.groupby(event.type for event in events)]


async def test_a_text_turn(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "It is noon."}]

    async with vw.RealtimeClient("m", url=simulator.url, modalities=["text"]) as client:
        client.send_text("What time is it?")
        events = await until(aiter(client), vw.TurnComplete)

    deltas, started, complete = of(vw.TextDelta, events), of(vw.ResponseStarted, events)[0], events[-1]
    assert kinds(events) == [
        "open",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "response_started",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "text",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "usage",
        "turn_complete",
    ]
    assert "".join(delta.text for delta in deltas) == "It is noon."
    assert {delta.response_id for delta in deltas} == {started.response_id} == {complete.response_id}
    assert len({delta.item_id for delta in deltas}) == 1
    assert (complete.status, complete.final, complete.error) == ("completed", True, None)
    assert complete.usage == of(vw.UsageReported, events)[0].usage == client.usage
    assert complete.usage.output_text_tokens > 0


async def test_a_spoken_turn_with_server_vad(simulator: vw.Simulator) -> None:
    simulator.script = [{"transcript": "Hello there.", "say": "Good day.", "audio": "tone"}]
    options = {"turn_detection": vw.ServerVAD(silence_duration_ms=300), "input_transcription": True}

    async with vw.RealtimeClient("m", url=simulator.url, **options) as client:
        for chunk in (SILENCE, SPEECH, SILENCE):
            client.send_audio(chunk)
        events = await until(aiter(client), vw.TurnComplete)

    started, stopped = of(vw.SpeechStarted, events)[0], of(vw.SpeechStopped, events)[0]
    committed, audio = of(vw.InputCommitted, events)[0], of(vw.AudioDelta, events)
    order = kinds([event for event in events if type(event) is not vw.ServerEvent])
    assert order[:4] == ["open", "speech_started", "speech_stopped", "input_committed"]
    assert order.index("response_started") < order.index("transcript") < order.index("audio")
    assert started.audio_start_ms == pytest.approx(700, abs=20)
    assert stopped.audio_end_ms == pytest.approx(2300, abs=20)
    assert started.item_id == stopped.item_id == committed.item_id is not None
    said = of(vw.InputTranscript, events)
    assert [(event.text, event.item_id) for event in said if event.final] == [("Hello there.", committed.item_id)]
    assert "".join(event.text for event in of(vw.TranscriptDelta, events)) == "Good day."
    assert {(event.sample_rate, event.content_index) for event in audio} == {(24_000, 0)}
    assert np.abs(np.concatenate([event.audio for event in audio])).max() > 1000
    assert events[-1].usage.output_audio_tokens > 0


async def test_a_users_echo_comes_back_sample_for_sample(simulator: vw.Simulator) -> None:
    simulator.script = [{"audio": "echo"}]

    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        client.send_audio(SPEECH)
        client.commit_audio()
        client.create_response()
        events = await until(aiter(client), vw.TurnComplete)

    echoed = np.concatenate([event.audio for event in of(vw.AudioDelta, events)])
    assert np.array_equal(echoed, SPEECH)


async def test_a_tool_call_and_the_answer_to_its_output(simulator: vw.Simulator) -> None:
    simulator.script = [
        {"when": {"text": "weather"}, "tools": [{"name": "look_up", "arguments": {"city": "Köln", "days": [1, 2]}}]}
    ]

    async with vw.RealtimeClient("m", url=simulator.url, modalities=["text"]) as client:
        events = aiter(client)
        client.send_text("How is the weather?")
        call = of(vw.ToolCall, await until(events, vw.TurnComplete))[0]
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}
        client.realtime.send("conversation.item.create", {"item": output})
        client.create_response()
        answer = await until(events, vw.TurnComplete)

    assert (call.name, call.arguments) == ("look_up", {"city": "Köln", "days": [1, 2]})
    assert call.arguments_json == call.raw["arguments"]
    assert call.wire_type == "response.function_call_arguments.done"
    assert call.item_id is not None
    assert call.response_id is not None
    assert "Rain." in "".join(event.text for event in of(vw.TextDelta, answer))


async def test_parallel_tool_calls_come_in_one_response(simulator: vw.Simulator) -> None:
    simulator.script = [{"tools": [{"name": "one", "arguments": {}}, {"name": "two", "arguments": {"n": 2}}]}]

    async with vw.RealtimeClient("m", url=simulator.url) as client:
        client.send_text("Both.")
        calls = of(vw.ToolCall, await until(aiter(client), vw.TurnComplete))

    assert [(call.name, call.arguments) for call in calls] == [("one", {}), ("two", {"n": 2})]
    assert len({call.call_id for call in calls}) == 2
    assert len({call.response_id for call in calls}) == 1


@pytest.mark.parametrize("text", ["{broken", "[1]", "", '"text"'])
async def test_tool_arguments_that_are_no_object_are_empty_and_told(simulator: vw.Simulator, text: str) -> None:
    simulator.script = [{"tools": [{"name": "look_up", "arguments": text}]}]

    async with vw.RealtimeClient("m", url=simulator.url) as client:
        client.send_text("Call it.")
        events = await until(aiter(client), vw.TurnComplete)

    call, told = of(vw.ToolCall, events)[0], of(vw.ErrorEvent, events)
    assert (call.arguments, call.arguments_json) == ({}, text)
    assert [(event.error.kind, event.fatal) for event in told] == [("bad_tool_arguments", False)]


@pytest.mark.parametrize("status", ["incomplete", "failed", "cancelled"])
async def test_a_response_that_does_not_complete_says_so(simulator: vw.Simulator, status: str) -> None:
    simulator.script = [{"status": status, "say": "Half a sentence."}]

    async with vw.RealtimeClient("m", url=simulator.url) as client:
        client.send_text("Hello.")
        events = await until(aiter(client), vw.TurnComplete)

    assert events[-1].status == status
    assert isinstance(events[-1].error, vw.VoicewireError) == (status == "failed")
    assert not of(vw.ErrorEvent, events)


async def test_rate_limits_are_told(client: vw.RealtimeClient) -> None:
    async with client:
        client.send_text("Hello.")
        limits = (await until(aiter(client), vw.RateLimits))[-1].limits

    assert {"name", "limit", "remaining", "reset_seconds"} <= set(limits[0])


async def test_speaking_over_an_answer_interrupts_it() -> None:
    with vw.Simulator(pace=1.0, delta_ms=100, script=[{"say": "A long answer. " * 50}]) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, turn_detection=vw.ServerVAD()) as client:
            events = aiter(client)
            client.send_text("Tell me everything.")
            first = (await until(events, vw.AudioDelta))[-1]
            client.send_audio(SPEECH)
            later = await until(events, vw.TurnComplete)

    interrupted = of(vw.Interrupted, later)
    assert kinds([event for event in later if not isinstance(event, vw.ServerEvent)]).count("speech_started") == 1
    assert len(interrupted) == 1
    assert interrupted[0].item_id == first.item_id
    assert interrupted[0].heard_ms is not None
    assert interrupted[0].estimated
    assert later[-1].status == "cancelled"
    assert later[-1].response_id == first.response_id


async def test_speech_after_the_answer_was_heard_is_no_interruption() -> None:
    async with (
        Peer(send(CREATED, response_created(), audio_delta([1] * 24), response_done(), speech_started(1000))) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        events = await until(aiter(client), vw.SpeechStarted)
        await soon(client.disconnect())

    assert not of(vw.Interrupted, events)


async def test_heard_is_never_more_than_was_received() -> None:
    async with (
        Peer(send(CREATED, response_created(), audio_delta([1] * 240), speech_started(0))) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        interrupted = (await until(aiter(client), vw.Interrupted))[-1]

    assert 0 <= interrupted.heard_ms <= 10


async def test_two_responses_beside_each_other_complete_once_each() -> None:
    out_of_band = response_created("resp_2")
    out_of_band["response"]["conversation_id"] = None
    actions = send(CREATED, response_created(), out_of_band, response_done("resp_2"), response_done())
    async with Peer(actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        events = await until_that(aiter(client), lambda e: e.type == "turn_complete" and e.response_id == "resp_1")

    assert [event.response_id for event in of(vw.TurnComplete, events)] == ["resp_2", "resp_1"]


async def test_audio_is_what_the_server_encoded() -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, 12_000).astype("<i2")
    delta = audio_delta(samples)
    assert base64.b64decode(delta["delta"]) == samples.tobytes()

    async with Peer(send(CREATED, delta)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        event = (await until(aiter(client), vw.AudioDelta))[-1]

    assert np.array_equal(event.audio, samples)
