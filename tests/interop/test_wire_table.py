"""Every declared event, with every declared field, both ways: nothing is lost, nothing is made of it twice."""

from typing import Any

import pytest
from tests.integration.peer import Peer, send
from tests.integration.wire import CREATED
from tests.interop.wire_table import AUDIO, cases

import voicewire as vw

UNDECLARED = {"x_undeclared": {"deep": [1, "two", None]}}
MARK = {"type": "x.mark"}
SPOKEN = ("response.output_audio.delta", "response.audio.delta")
# Design: neutral events; everything else is a ServerEvent.
NEUTRAL: dict[str, type[vw.Event]] = {
    **dict.fromkeys(SPOKEN, vw.AudioDelta),
    **dict.fromkeys(("response.output_text.delta", "response.text.delta"), vw.TextDelta),
    **dict.fromkeys(("response.output_audio_transcript.delta", "response.audio_transcript.delta"), vw.TranscriptDelta),
    "conversation.item.input_audio_transcription.delta": vw.InputTranscript,
    "conversation.item.input_audio_transcription.completed": vw.InputTranscript,
    "input_audio_buffer.speech_started": vw.SpeechStarted,
    "input_audio_buffer.speech_stopped": vw.SpeechStopped,
    "input_audio_buffer.committed": vw.InputCommitted,
    "response.created": vw.ResponseStarted,
    "response.done": vw.TurnComplete,
    "response.function_call_arguments.done": vw.ToolCall,
    "rate_limits.updated": vw.RateLimits,
    "error": vw.ErrorEvent,
}
# Events that say two things.
BESIDE: dict[str, type[vw.Event]] = {
    "response.done": vw.UsageReported,
    "conversation.item.input_audio_transcription.failed": vw.ErrorEvent,
}
TEXTS = {vw.TextDelta: "delta", vw.TranscriptDelta: "delta"}


async def received(message: dict[str, Any], dialect: Any = "ga") -> tuple[list[Any], list[Any]]:
    """What an iterator and a handler under the wire name get of one message."""
    handled: list[Any] = []
    async with Peer(send(CREATED, message, MARK)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, dialect=dialect)
        client.on(message["type"] if message["type"] != "error" else "server.error", handled.append)
        await client.connect()
        seen: list[Any] = []
        async for event in client:
            if event.wire_type == MARK["type"]:
                break
            seen.append(event)
        await client.disconnect()
    return [event for event in seen if event.wire_type == message["type"]], handled


def filled(type: str, sample: dict[str, Any]) -> dict[str, Any]:
    return {**sample, **({"delta": AUDIO} if type in SPOKEN else {}), **UNDECLARED}


@pytest.mark.parametrize(
    ("type", "sample"),
    [case for case in cases("ga", "server") + cases("beta", "server") if "session.created" not in case.id],
)
async def test_a_server_event_arrives_as_what_it_is(type: str, sample: dict[str, Any]) -> None:
    message = filled(type, sample)

    seen, handled = await received(message)

    kinds = [event.__class__ for event in seen if event.__class__ is not BESIDE.get(type)]
    assert kinds == [NEUTRAL.get(type, vw.ServerEvent)]
    assert all(event.raw == message for event in seen)
    assert [(event.type, event.raw) for event in handled] == [(type, message)]


@pytest.mark.parametrize(
    ("type", "sample"),
    [
        case
        for case in cases("ga", "server")
        if case.id == "no table" or ("-full-" in case.id and not case.id.startswith("session.created"))
    ],
)
async def test_its_ids_and_words_are_attributes(type: str, sample: dict[str, Any]) -> None:
    message = filled(type, sample)

    seen, _ = await received(message)

    for event in seen:
        assert event.event_id == message.get("event_id")
        item, response = message.get("item"), message.get("response")
        item_id = item.get("id") if isinstance(item, dict) else message.get("item_id")
        assert event.item_id == item_id
        assert event.response_id == (response["id"] if isinstance(response, dict) else message.get("response_id"))
        if event.__class__ in TEXTS:
            assert event.text == message[TEXTS[event.__class__]]
        if isinstance(event, vw.ToolCall):
            assert (event.call_id, event.name, event.arguments) == (message["call_id"], message["name"], {"a": 1})
        if isinstance(event, vw.AudioDelta):
            assert event.audio.tolist() == [1, 2, 3]


@pytest.mark.parametrize("type", ["conversation.item.added", "response.output_item.added", "response.output_item.done"])
async def test_an_item_without_an_id_gives_none(type: str) -> None:
    seen, _ = await received({"type": type, "item": {"type": "message", "role": "user", "content": []}})

    assert [event.item_id for event in seen] == [None]


@pytest.mark.parametrize(("type", "sample"), cases("ga", "client") + cases("beta", "client"))
async def test_a_client_event_goes_out_as_it_is(type: str, sample: dict[str, Any]) -> None:
    payload = {key: value for key, value in sample.items() if key != "type"}

    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        client.realtime.send(type, payload)
        await client.flush()
        sent = await (await peer.connection()).expect(type)

    # An event without an id gets one, and so does an item: their answers are told apart by it.
    if "event_id" not in payload:
        sent.pop("event_id")
    if "item" in payload and "id" not in payload["item"]:
        sent["item"].pop("id")
    assert sent == {"type": type, **payload}


@pytest.mark.parametrize(
    ("type", "sample"),
    [case for case in cases("ga", "server") if case.id == "no table" or case.id.startswith("session.created")],
)
async def test_the_greeting_is_open(type: str, sample: dict[str, Any]) -> None:
    message = {**sample, **UNDECLARED}
    async with Peer(send(message)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        event = await anext(aiter(client))

    assert isinstance(event, vw.Open)
    assert event.raw == message
    assert client.session_id == message["session"].get("id")
