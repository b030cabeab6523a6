"""Real sessions of Gemini Live, recorded: a client hears of them what their text says, and says the same itself."""

import base64
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Action, Peer, close, expect, kind_of, send, send_binary
from tests.interop.gemini import GREETING, MODEL_2_5, Recording, greet

import voicewire as vw

NAMES = ("audio_in_server_vad_turn", "text_in_audio_out_turn", "tool_call_round")
BARGE_IN = "barge_in_excerpt"
# Tokens by their neutral names: the field of the wire, and the kind in its details.
COUNTS = {
    "input_tokens": ("promptTokenCount", None),
    "output_tokens": ("responseTokenCount", None),
    "total_tokens": ("totalTokenCount", None),
    "input_text_tokens": ("promptTokensDetails", "TEXT"),
    "input_audio_tokens": ("promptTokensDetails", "AUDIO"),
    "output_text_tokens": ("responseTokensDetails", "TEXT"),
    "output_audio_tokens": ("responseTokensDetails", "AUDIO"),
}
READING = {
    "type": "object",
    "properties": {"zqx_measurement": {"type": "integer"}, "qbf_note": {"type": ["string", "null"]}},
    "required": ["zqx_measurement"],
}


@pytest.fixture(params=[*NAMES, BARGE_IN])
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(f"google_ws__{request.param}")


@pytest.fixture
def barge_in() -> Recording:
    return Recording(f"google_ws__{BARGE_IN}")


@pytest.fixture
def tool_round() -> Recording:
    return Recording("google_ws__tool_call_round")


def client_of(peer: Peer, **options: Any) -> vw.RealtimeClient:
    return vw.RealtimeClient(MODEL_2_5, url=peer.url, dialect="gemini", reconnect=None, **options)


def replay(recording: Recording, say: Any = send_binary) -> tuple[Action, ...]:
    """What a peer does to play the server's half."""
    said = [event for event in recording.events if "setupComplete" not in event]
    return (*greet(), say(*said), close(1000))


async def replayed(recording: Recording, say: Any = send_binary) -> tuple[list[Any], vw.RealtimeClient]:
    """All events that a client makes of a recording."""
    async with Peer(*replay(recording, say)) as peer:
        client = client_of(peer)
        await client.connect()
        return await rest(aiter(client)), client


@pytest.mark.parametrize("say", [send, send_binary])
async def test_every_message_is_delivered_once_and_as_it_was_sent(recording: Recording, say: Any) -> None:
    seen: list[Any] = []

    async with Peer(*replay(recording, say)) as peer:
        client = client_of(peer)
        client.on("*", lambda event: seen.append(event.raw))
        await client.connect()
        await rest(aiter(client))

    assert seen == [GREETING, *(event for event in recording.events if event not in ({}, GREETING))]


async def test_a_handler_under_a_kind_hears_each_message_of_it(recording: Recording) -> None:
    seen: list[Any] = []

    async with Peer(*replay(recording)) as peer:
        client = client_of(peer)
        client.on("serverContent", lambda event: seen.append(event.raw["serverContent"]))
        await client.connect()
        await rest(aiter(client))

    assert seen == recording.contents


async def test_transcripts_are_the_recorded_pieces(recording: Recording) -> None:
    events, client = await replayed(recording)

    assert [event.text for event in of(vw.TranscriptDelta, events)] == recording.words("outputTranscription")
    assert of(vw.TextDelta, events) == []
    spoken = [item.transcript for item in client.conversation if item.role == "assistant"]
    assert "".join(spoken) == "".join(recording.words("outputTranscription"))


async def test_thoughts_are_told_as_thoughts_only(recording: Recording) -> None:
    events, client = await replayed(recording)

    thoughts = [part["text"] for part in recording.parts if part.get("thought")]
    assert [event.text for event in of(vw.ThoughtDelta, events)] == thoughts
    words = [item.text + (item.transcript or "") for item in client.conversation]
    assert not [thought for thought in thoughts if any(thought in said for said in words)]


async def test_the_users_words_come_in_pieces_and_then_as_a_whole(recording: Recording) -> None:
    events, _ = await replayed(recording)

    pieces = recording.words("inputTranscription")
    told = of(vw.InputTranscript, events)
    assert [event.text for event in told if not event.final] == pieces
    assert [event.text for event in told if event.final] == ["".join(pieces)] * bool(pieces)
    assert len({event.item_id for event in told}) == bool(pieces)


async def test_every_sound_is_delivered_with_its_samples(recording: Recording) -> None:
    events, _ = await replayed(recording)

    heard = of(vw.AudioDelta, events)
    whole = [sound[: len(sound) // 2 * 2] for sound in recording.sounds]
    assert [event.audio.tobytes() for event in heard] == whole
    assert {event.sample_rate for event in heard} == {24_000}


async def test_half_a_sample_is_told_once_a_response(recording: Recording) -> None:
    """The recorder cut all sounds to 33 bytes."""
    events, _ = await replayed(recording)

    responses = {event.response_id for event in of(vw.AudioDelta, events)}
    errors = [(event.error.kind, event.fatal) for event in of(vw.ErrorEvent, events)]
    assert errors == [("bad_audio", False)] * len(responses)


async def test_usage_is_the_recorded_sum(recording: Recording) -> None:
    events, client = await replayed(recording)

    def total(field: str, modality: str | None) -> int:
        if modality is None:
            return sum(usage[field] for usage in recording.usages)
        details = [detail for usage in recording.usages for detail in usage[field]]
        return sum(detail["tokenCount"] for detail in details if detail["modality"] == modality)

    assert client.usage == vw.Usage(**{name: total(*where) for name, where in COUNTS.items()})
    assert len(of(vw.UsageReported, events)) == len(recording.usages)


async def test_a_turn_ends_once_with_its_tokens(recording: Recording) -> None:
    events, _ = await replayed(recording)

    turns = of(vw.TurnComplete, events)
    assert [turn.usage.total_tokens for turn in turns] == [usage["totalTokenCount"] for usage in recording.usages]
    assert [turn.response_id for turn in turns] == [event.response_id for event in of(vw.ResponseStarted, events)]
    assert turns[-1].status == "completed"
    assert all(turn.final for turn in turns)


async def test_what_belongs_to_a_response_has_its_id(recording: Recording) -> None:
    events, _ = await replayed(recording)

    of_responses = (vw.AudioDelta, vw.TranscriptDelta, vw.ThoughtDelta, vw.ToolCall, vw.UsageReported)
    started = [event.response_id for event in of(vw.ResponseStarted, events)]
    told = [event.response_id for event in events if isinstance(event, of_responses)]
    assert list(dict.fromkeys(told)) == started


async def test_it_ends_with_the_close_of_the_server(recording: Recording) -> None:
    events, client = await replayed(recording)

    assert (events[-1].code, events[-1].clean) == (1000, True)
    assert [event.type for event in events].count("close") == 1
    assert client.state == "closed"


async def test_a_tool_call_has_the_recorded_id_name_and_arguments(tool_round: Recording) -> None:
    events, client = await replayed(tool_round)

    (called,) = [call for event in tool_round.events for call in event.get("toolCall", {}).get("functionCalls", ())]
    (call,) = of(vw.ToolCall, events)
    assert (call.call_id, call.name, call.arguments) == (called["id"], called["name"], called["args"])
    (item,) = [item for item in client.conversation if item.type == "function_call"]
    assert (item.name, item.call_id) == (called["name"], called["id"])


async def test_an_interruption_stands_between_the_two_answers(barge_in: Recording) -> None:
    events, _ = await replayed(barge_in)

    kinds = (vw.SpeechStarted, vw.Interrupted, vw.TurnComplete, vw.InputCommitted, vw.ResponseStarted)
    order = [event.type for event in events if isinstance(event, kinds)]
    assert order == [
        "response_started",
        "speech_started",
        "interrupted",
        "turn_complete",
        "input_committed",
        "response_started",
        "turn_complete",
    ]
    assert [turn.status for turn in of(vw.TurnComplete, events)] == ["cancelled", "completed"]


async def test_an_interruption_names_what_was_spoken_over(barge_in: Recording) -> None:
    events, _ = await replayed(barge_in)

    (interrupted,) = of(vw.Interrupted, events)
    first = of(vw.AudioDelta, events)[0]
    assert (interrupted.item_id, interrupted.response_id) == (first.item_id, first.response_id)


async def test_words_that_come_behind_the_interrupted_turn_belong_to_the_one_who_spoke(barge_in: Recording) -> None:
    events, client = await replayed(barge_in)

    said = of(vw.InputTranscript, events)
    (started,) = of(vw.SpeechStarted, events)
    assert {event.item_id for event in said} == {started.item_id}
    item = client.conversation.get_item(started.item_id)
    assert item is not None
    assert (item.role, item.transcript) == ("user", " Hello, my name is Marcelo.")
    assert [event.item_id for event in of(vw.InputCommitted, events)] == [started.item_id]


def said(message: dict[str, Any]) -> dict[str, Any]:
    """A message of a client, without what two clients may say differently and mean alike."""
    setup = message.get("setup")
    if setup is None:
        return message
    # An instruction has no speaker, and `parameters` is the older word for a schema, with types in capitals.
    setup.get("systemInstruction", {}).pop("role", None)
    declared = [function for tool in setup.get("tools", ()) for function in tool["functionDeclarations"]]
    for function in declared:
        function["schema"] = function.pop("parametersJsonSchema", None) or json_schema(function.pop("parameters"))
    return message


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of the subset of OpenAPI that `parameters` takes."""
    kind = schema["type"].lower()
    made = {**schema, "type": [kind, "null"] if schema.get("nullable") else kind}
    made.pop("nullable", None)
    if "properties" in made:
        made["properties"] = {name: json_schema(inner) for name, inner in made["properties"].items()}
    return made


def played(recording: Recording) -> list[Action]:
    """What a peer does to live the session again: it waits for each message of the recorded client."""
    return [send_binary(event) if is_server else expect(kind_of(event) or "") for is_server, event in recording.lines]


def options_of(recording: Recording) -> dict[str, Any]:
    """The recorded client's session in our words."""
    instructions = recording.asked["systemInstruction"]["parts"][0]["text"]
    return {"instructions": instructions, "input_transcription": True, "truncation": "disabled"}


async def test_a_client_says_what_the_recorded_one_said_for_a_text() -> None:
    recording = Recording("google_ws__text_in_audio_out_turn")

    async with Peer(*played(recording)) as peer, client_of(peer, **options_of(recording)) as client:
        client.send_text("Say a short greeting.")
        await until(aiter(client), vw.TurnComplete)
        sent = (await peer.connection()).received

    assert [said(message) for message in sent] == [said(message) for message in recording.sent]


async def test_a_client_says_what_the_recorded_one_said_for_a_tool_call(tool_round: Recording) -> None:
    async with Peer(*played(tool_round)) as peer:
        client = client_of(peer, **options_of(tool_round))
        client.add_tool(
            {"name": "record_reading", "description": "Store the supplied sensor value.", "parameters": READING},
            lambda zqx_measurement, qbf_note: f"Recorded {zqx_measurement} ({qbf_note}).",
        )
        async with client:
            client.send_text('Please record a reading of 5 with the note "steady".')
            await until(aiter(client), vw.TurnComplete)
            sent = (await peer.connection()).received

    assert [said(message) for message in sent] == [said(message) for message in tool_round.sent]


async def test_a_client_sends_the_audio_that_the_recorded_one_sent() -> None:
    recording = Recording("google_ws__audio_in_server_vad_turn")
    chunks = [base64.urlsafe_b64decode(message["realtimeInput"]["audio"]["data"]) for message in recording.sent[1:]]

    async with Peer(*greet()) as peer, client_of(peer, **options_of(recording)) as client:
        for chunk in chunks:
            client.send_audio(np.frombuffer(chunk, "<i2"), 16_000)
        await soon(client.flush())
        await (await peer.connection()).expect("realtimeInput", len(chunks))
        sent = (await peer.connection()).received

    assert said(sent[0]) == said(recording.sent[0])
    audio = [message["realtimeInput"]["audio"] for message in sent[1:]]
    assert {blob["mimeType"] for blob in audio} == {"audio/pcm;rate=16000"}
    assert [base64.b64decode(blob["data"], validate=True) for blob in audio] == chunks
