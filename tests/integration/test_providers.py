"""One program, one set of assertions: OpenAI's protocol, its beta, and the models of Gemini Live."""

import json
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import of, soon, until, until_that

import voicewire as vw

RATE = 24_000
SPEECH = (9000 * np.sin(np.arange(RATE) / 10)).astype(np.int16)
SILENCE = np.zeros(RATE, np.int16)
SERVICES = {
    "ga": ("openai/gpt-realtime", "ga"),
    "beta": ("openai/gpt-realtime", "beta"),
    "gemini-2.5": ("gemini/gemini-2.5-flash-native-audio-preview-12-2025", "gemini"),
    "gemini-3.1": ("gemini/gemini-3.1-flash-live-preview", "gemini"),
    "gemini-3.8": ("gemini/gemini-3.8-live", "gemini"),
    "vertex": ("gemini/gemini-live-2.5-flash-native-audio", "vertex"),
}
TOOL = {
    "name": "look_up",
    "description": "Looks up the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def simulator() -> Any:
    with vw.Simulator(pace=0, beta="allow") as simulator:
        yield simulator


def opened(simulator: vw.Simulator, service: str, **options: Any) -> vw.RealtimeClient:
    model, dialect = SERVICES[service]
    is_google = dialect in ("gemini", "vertex")
    url = simulator.gemini_url if is_google else simulator.url
    return vw.RealtimeClient(model, url=url, dialect=dialect, api_key="key-of-tests", **options)


def words(kind: Any, events: list[Any]) -> str:
    return "".join(event.text for event in of(kind, events))


def neutral(events: list[Any]) -> list[str]:
    """Names of neutral events in order, each at its first place."""
    return list(dict.fromkeys(event.type for event in events if type(event) is not vw.ServerEvent))


async def test_a_written_question_is_answered_by_voice(simulator: vw.Simulator, service: str) -> None:
    simulator.script = [{"say": "It is noon."}]

    async with opened(simulator, service) as client:
        client.send_text("What time is it?")
        events = await until(aiter(client), vw.TurnComplete)

    complete, audio = events[-1], of(vw.AudioDelta, events)
    order = neutral([event for event in events if not isinstance(event, (vw.ThoughtDelta, vw.RateLimits))])
    assert order[:2] == ["open", "response_started"]
    assert set(order[2:-2]) == {"transcript", "audio"}
    assert order[-2:] == ["usage", "turn_complete"]
    assert words(vw.TranscriptDelta, events) == "It is noon."
    assert {event.sample_rate for event in audio} == {24_000}
    assert len(np.concatenate([event.audio for event in audio])) > 2_400
    assert len({event.item_id for event in audio} - {None}) == 1
    assert {event.response_id for event in [*audio, complete]} == {of(vw.ResponseStarted, events)[0].response_id}
    assert (complete.status, complete.final, complete.error) == ("completed", True, None)
    assert complete.usage == of(vw.UsageReported, events)[0].usage == client.usage
    assert complete.usage.output_audio_tokens > 0


async def test_a_spoken_question_is_transcribed_and_answered(simulator: vw.Simulator, service: str) -> None:
    simulator.script = [{"transcript": "Hello there.", "say": "Good day.", "audio": "tone"}]

    async with opened(simulator, service, input_transcription=True) as client:
        for chunk in (SILENCE, SPEECH, SILENCE):
            client.send_audio(chunk, sample_rate=RATE)
        events = await until(aiter(client), vw.TurnComplete)

    committed = of(vw.InputCommitted, events)
    said = of(vw.InputTranscript, events)
    assert len(committed) == 1
    assert [(event.text, event.item_id) for event in said if event.final] == [("Hello there.", committed[0].item_id)]
    assert words(vw.TranscriptDelta, events) == "Good day."
    assert neutral(events).index("input_committed") < neutral(events).index("response_started")


async def test_turns_are_made_by_hand(simulator: vw.Simulator, service: str) -> None:
    simulator.script = [{"transcript": "One, two.", "say": "Three."}]

    async with opened(simulator, service, turn_detection=None, input_transcription=True) as client:
        client.send_audio(SPEECH, sample_rate=RATE)
        client.commit_audio()
        client.create_response()
        events = await until(aiter(client), vw.TurnComplete)

    assert words(vw.TranscriptDelta, events) == "Three."
    assert len(of(vw.InputCommitted, events)) == 1
    assert len(of(vw.ResponseStarted, events)) == 1


async def test_a_tool_is_called_and_its_answer_is_spoken(simulator: vw.Simulator, service: str) -> None:
    simulator.script = [{"when": {"text": "weather"}, "tools": [{"name": "look_up", "arguments": {"city": "Köln"}}]}]
    asked: list[str] = []

    def look_up(city: str) -> str:
        asked.append(city)
        return "Rain in Köln."

    client = opened(simulator, service)
    client.add_tool(TOOL, look_up)
    async with client:
        client.send_text("How is the weather?")
        events = await until_that(aiter(client), lambda event: isinstance(event, vw.TurnComplete) and event.final)

    call = of(vw.ToolCall, events)[0]
    assert asked == ["Köln"]
    assert (call.name, call.arguments) == ("look_up", {"city": "Köln"})
    assert None not in (call.call_id, call.item_id, call.response_id)
    assert "Rain in Köln." in words(vw.TranscriptDelta, events)
    assert [item.output for item in client.conversation.items if item.type == "function_call_output"] == [
        "Rain in Köln."
    ]


async def test_parallel_calls_are_answered_together(simulator: vw.Simulator, service: str) -> None:
    simulator.script = [{"when": {"turn": 1}, "tools": [{"name": name, "arguments": {}} for name in ("one", "two")]}]
    client = opened(simulator, service)
    for name in ("one", "two"):
        client.add_tool({"name": name}, lambda name=name: f"{name} is done")
    async with client:
        client.send_text("Both.")
        events = await until_that(aiter(client), lambda event: isinstance(event, vw.TurnComplete) and event.final)

    calls = of(vw.ToolCall, events)
    assert [call.name for call in calls] == ["one", "two"]
    assert len({call.call_id for call in calls}) == 2
    assert len({call.response_id for call in calls}) == 1
    outputs = [item.output for item in client.conversation.items if item.type == "function_call_output"]
    assert sorted(outputs) == ["one is done", "two is done"]
    assert "is done" in words(vw.TranscriptDelta, events)


async def test_speech_interrupts_the_answer(service: str) -> None:
    with vw.Simulator(pace=1, beta="allow") as simulator:
        simulator.script = [
            {"when": {"text": "story"}, "say": "Once upon a time there was a very long story. " * 5},
            {"when": {"audio": True}, "transcript": "Stop.", "say": "Sorry."},
        ]
        async with opened(simulator, service, input_transcription=True) as client:
            events = aiter(client)
            client.send_text("Tell me a story.")
            await until(events, vw.AudioDelta)
            client.send_audio(np.concatenate([SPEECH, SILENCE]), sample_rate=RATE)
            first = await until(events, vw.TurnComplete)
            second = await until(events, vw.TurnComplete)

    assert (first[-1].status, second[-1].status) == ("cancelled", "completed")
    assert neutral(first).index("speech_started") < neutral(first).index("interrupted")
    interrupted = of(vw.Interrupted, first)[0]
    assert interrupted.item_id is not None
    assert interrupted.heard_ms is not None
    assert first[-1].response_id != second[-1].response_id
    assert words(vw.TranscriptDelta, second) == "Sorry."
    assert len(of(vw.InputCommitted, [*first, *second])) == 1


async def test_the_application_interrupts_and_goes_on(service: str) -> None:
    with vw.Simulator(pace=1, beta="allow") as simulator:
        simulator.script = [{"when": {"text": "story"}, "say": "Once upon a time. " * 10}, {"say": "Yes."}]
        async with opened(simulator, service) as client:
            events = aiter(client)
            client.send_text("Tell me a story.")
            await until(events, vw.AudioDelta)
            await soon(client.interrupt())
            first = await until(events, vw.TurnComplete)
            client.send_text("Are you there?")
            second = await until(events, vw.TurnComplete)

    assert first[-1].status == "cancelled"
    assert len(of(vw.Interrupted, first)) == 1
    assert second[-1].status == "completed"
    assert words(vw.TranscriptDelta, second) == "Yes."
    assert of(vw.AudioDelta, second)


async def test_a_cancellation_without_a_response_does_nothing(simulator: vw.Simulator, service: str) -> None:
    async with opened(simulator, service) as client:
        assert await soon(client.cancel_response()) is None
        reply = await soon(client.ask("Hello."))

    assert reply.status == "completed"


async def test_context_asks_for_no_answer_and_is_remembered(simulator: vw.Simulator, service: str) -> None:
    async with opened(simulator, service) as client:
        await soon(client.send_text("My name is Ada.", respond=False))
        reply = await soon(client.ask("Who am I?"))

    assert "My name is Ada." in reply.text
    assert [item.text for item in client.conversation.items if item.role == "user"] == ["My name is Ada.", "Who am I?"]


async def test_instructions_change_while_the_session_runs(simulator: vw.Simulator, service: str) -> None:
    async with opened(simulator, service, instructions="Be kind.") as client:
        first = await soon(client.ask("Hello."))
        receipt = client.update_config(instructions="Be brief.")
        await soon(receipt)
        second = await soon(client.ask("And now?"))

    assert "Be kind." in first.text
    # A turn of context, on models that take nothing else, is no instruction to the simulator.
    assert "Be brief." in json.dumps(simulator.received)
    assert second.status == "completed"
    assert receipt.ignored == ()


async def test_history_is_known_from_the_start(simulator: vw.Simulator, service: str) -> None:
    history = [{"role": "user", "text": "My name is Ada."}, {"role": "assistant", "text": "Hello, Ada."}]

    async with opened(simulator, service, history=history) as client:
        reply = await soon(client.ask("Who am I?"))

    assert "Ada" in reply.text
    assert [item.role for item in client.conversation.items] == ["user", "assistant", "user", "assistant"]


async def test_the_conversation_has_both_sides(simulator: vw.Simulator, service: str) -> None:
    simulator.script = [{"when": {"audio": True}, "transcript": "How are you?", "say": "Fine."}, {"say": "Hello."}]

    # Gemini cuts nothing out of what was spoken over.
    async with opened(simulator, service, input_transcription=True, auto_truncate=False) as client:
        await soon(client.ask("Good morning."))
        events = client.events(vw.TurnComplete)
        client.send_audio(np.concatenate([SILENCE, SPEECH, SILENCE]), sample_rate=RATE)
        await until(events, vw.TurnComplete)

    items = client.conversation.items
    assert [(item.role, item.text or item.transcript, item.status) for item in items] == [
        ("user", "Good morning.", "completed"),
        ("assistant", "Hello.", "completed"),
        ("user", "How are you?", "completed"),
        ("assistant", "Fine.", "completed"),
    ]


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "beta"])
async def test_an_image_is_taken(simulator: vw.Simulator, service: str) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(32)

    async with opened(simulator, service) as client:
        await soon(client.ask("Hello."))
        client.send(text="What is this?", image=png)
        events = aiter(client)
        answer = await until_that(events, lambda event: isinstance(event, vw.TurnComplete))
        answer = await until_that(events, lambda event: isinstance(event, vw.TurnComplete))

    assert answer[-1].status == "completed"


async def test_messages_of_both_directions_are_seen_by_name(simulator: vw.Simulator, service: str) -> None:
    sent: list[str] = []
    received: list[str] = []
    client = opened(simulator, service)
    client.on("client.*", lambda event: sent.append(event.type))
    client.on("server.*", lambda event: received.append(event.type))

    async with client:
        await soon(client.ask("Hello."))

    names = {"gemini": ("clientContent", "serverContent"), "vertex": ("clientContent", "serverContent")}
    mine, theirs = names.get(SERVICES[service][1], ("conversation.item.create", "response.done"))
    assert mine in sent
    assert theirs in received


async def test_a_wrong_key_is_refused_before_the_session(service: str) -> None:
    with (
        vw.Simulator(beta="allow", api_key="the-right-key") as simulator,
        pytest.raises(vw.AuthenticationError) as caught,
    ):
        await soon(opened(simulator, service).connect())

    assert "key-of-tests" not in str(caught.value)
