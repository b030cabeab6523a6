"""Real sessions, recorded: replayed by a peer, they give the neutral events that their text says."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.listening import of, rest, until_that
from tests.integration.peer import Peer, close, expect, send

import voicewire as vw

SHARED = os.environ.get("VOICEWIRE_SHARED") or Path(__file__).resolve().parents[3] / "shared"
FOLDER = Path(SHARED) / "recordings"
NAMES = (
    "openai_ws__audio_in_server_vad_turn",
    "openai_ws__text_in_audio_out_turn",
    "openai_ws__tool_call_round",
    "openai_ws_sideband__webrtc_sideband_text_turn",
    "azure_ws__tool_call_round",
    "azure_voice_live_ws__text_in_audio_out_turn",
    "xai_ws__text_in_audio_out_turn",
    "xai_ws__tool_call_round",
)
AUDIO, TRANSCRIPT = "response.output_audio.delta", "response.output_audio_transcript"

# Voice Live speaks in beta's names.
RENAMED = {
    f"response.{beta}.{end}": f"response.output_{beta}.{end}"
    for beta in ("audio", "audio_transcript", "text")
    for end in ("delta", "done")
}


class Recording:
    """What the server said in a recorded session."""

    def __init__(self, name: str) -> None:
        path = FOLDER / f"{name}.jsonl"
        if not path.exists():
            pytest.skip(f"recording is not there: {path}")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self.events: list[dict[str, Any]] = [line["event"] for line in lines if line["dir"] == "server"]
        updates = [line["event"] for line in lines if line["event"].get("type") == "session.update"]
        self.asked: dict[str, Any] = updates[0]["session"]
        services = {"xai": "xai", "azure_voice": "voice-live", "azure_ws": "azure"}
        self.dialect: Any = next((services[start] for start in services if name.startswith(start)), "ga")

    def of(self, type: str) -> list[dict[str, Any]]:
        """Events of a type, or of all types that begin with a prefix that ends in a dot."""
        named = [(RENAMED.get(event["type"], event["type"]), event) for event in self.events]
        return [event for name, event in named if name == type or (type.endswith(".") and name.startswith(type))]

    @property
    def call_id(self) -> str | None:
        """A sideband joins a call: it has no greeting of its own."""
        return None if self.of("session.created") else "rtc_1"

    @property
    def usages(self) -> Iterator[dict[str, Any]]:
        for done in self.of("response.done"):
            yield done["response"].get("usage") or done["usage"]


@pytest.fixture(params=NAMES)
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(request.param)


async def replayed(recording: Recording) -> tuple[list[Any], vw.RealtimeClient]:
    """All events that a client makes of a recording."""
    async with Peer(send(*recording.events), close(1000)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, call_id=recording.call_id)
        await client.connect()
        return await rest(aiter(client)), client


async def test_every_message_is_delivered_once_and_as_it_was_sent(recording: Recording) -> None:
    seen: list[Any] = []

    async with Peer(send(*recording.events), close(1000)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, call_id=recording.call_id)
        client.on("*", lambda event: seen.append(event.raw))
        await client.connect()
        await rest(aiter(client))

    assert seen == recording.events


async def test_turns_complete_with_the_recorded_status(recording: Recording) -> None:
    events, _ = await replayed(recording)

    assert [(event.response_id, event.status) for event in of(vw.TurnComplete, events)] == [
        (done["response"]["id"], done["response"]["status"]) for done in recording.of("response.done")
    ]
    assert [event.response_id for event in of(vw.ResponseStarted, events)] == [
        created["response"]["id"] for created in recording.of("response.created")
    ]


async def test_transcripts_and_texts_add_up_to_the_recorded_whole(recording: Recording) -> None:
    events, _ = await replayed(recording)

    def whole(kind: type[vw.Event], done: dict[str, Any]) -> str:
        return "".join(event.text for event in of(kind, events) if event.item_id == done["item_id"])

    for done in recording.of(f"{TRANSCRIPT}.done"):
        assert whole(vw.TranscriptDelta, done) == done["transcript"]
    for done in recording.of("response.output_text.done"):
        assert whole(vw.TextDelta, done) == done["text"]
    assert len(of(vw.TranscriptDelta, events)) == len(recording.of(f"{TRANSCRIPT}.delta"))
    assert len(of(vw.TextDelta, events)) == len(recording.of("response.output_text.delta"))


async def test_the_users_words_are_those_of_the_recording(recording: Recording) -> None:
    events, _ = await replayed(recording)

    completed = recording.of("conversation.item.input_audio_transcription.completed")
    said = of(vw.InputTranscript, events)
    assert [(event.text, event.item_id) for event in said if event.final] == [
        (done["transcript"], done["item_id"]) for done in completed
    ]
    assert "".join(event.text for event in said if not event.final).strip() == "".join(
        done["transcript"] for done in completed
    )


async def test_tool_calls_have_the_recorded_name_and_arguments(recording: Recording) -> None:
    events, _ = await replayed(recording)

    called = recording.of("response.function_call_arguments.done")
    assert [(call.call_id, call.name, call.arguments) for call in of(vw.ToolCall, events)] == [
        (done["call_id"], done["name"], json.loads(done["arguments"])) for done in called
    ]
    assert [call.arguments_json for call in of(vw.ToolCall, events)] == [done["arguments"] for done in called]


async def test_usage_is_the_recorded_sum(recording: Recording) -> None:
    _, client = await replayed(recording)

    def total(*path: str) -> int:
        found = 0
        for usage in recording.usages:
            value: Any = usage
            for key in path:
                value = (value or {}).get(key)
            found += value or 0
        return found

    assert client.usage.total_tokens == total("total_tokens")
    assert client.usage.input_tokens == total("input_tokens")
    assert client.usage.output_tokens == total("output_tokens")
    assert client.usage.input_text_tokens == total("input_token_details", "text_tokens")
    assert client.usage.input_audio_tokens == total("input_token_details", "audio_tokens")
    assert client.usage.cached_tokens == total("input_token_details", "cached_tokens")
    assert client.usage.output_text_tokens == total("output_token_details", "text_tokens")
    assert client.usage.output_audio_tokens == total("output_token_details", "audio_tokens")


async def test_every_audio_delta_is_delivered_and_an_odd_byte_is_told_once_a_response(recording: Recording) -> None:
    events, client = await replayed(recording)

    sent = recording.of(AUDIO)
    odd = {delta["response_id"] for delta in sent if _size(delta) % 2}
    assert [len(event.audio) for event in of(vw.AudioDelta, events)] == [_size(delta) // 2 for delta in sent]
    errors = of(vw.ErrorEvent, events)
    assert [(event.error.kind, event.fatal) for event in errors] == [("bad_audio", False)] * len(odd)
    assert (events[-1].code, events[-1].clean) == (1000, True)
    assert client.session_id == recording.of("session.")[0]["session"]["id"]


async def test_the_spoken_turn_tells_when_the_user_spoke() -> None:
    recording = Recording("openai_ws__audio_in_server_vad_turn")

    events, _ = await replayed(recording)

    started, stopped = of(vw.SpeechStarted, events)[0], of(vw.SpeechStopped, events)[0]
    assert (started.audio_start_ms, stopped.audio_end_ms) == (1460, 4256)
    assert started.item_id == stopped.item_id == of(vw.InputCommitted, events)[0].item_id


def _size(delta: dict[str, Any]) -> int:
    text: str = delta["delta"]
    return len(text) * 3 // 4 - text.count("=")


async def test_what_a_real_service_echoes_is_no_mismatch(recording: Recording) -> None:
    """The configuration of the recorded client, answered as it was: every field counts as applied."""
    asked, applied = recording.asked, recording.of("session.updated")[0]
    told: list[Any] = []
    greeting = {"type": "session.created", "session": {"id": "sess_1"}}
    async with Peer(send(greeting), expect("session.update"), send(applied)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, dialect=recording.dialect, extra=asked)
        client.on("config_mismatch", told.append)
        async with client:
            await until_that(aiter(client), lambda event: event.wire_type == "session.updated")
            await client.ping()
        (sent,) = [message for message in (await peer.connection()).received if message["type"] == "session.update"]

    assert asked.items() <= sent["session"].items()
    assert told == []


async def test_the_conversation_is_that_of_the_recording(recording: Recording) -> None:
    _, client = await replayed(recording)

    added = [*recording.of("conversation.item.added"), *recording.of("conversation.item.created")]
    ids = list(dict.fromkeys(event["item"]["id"] for event in added))
    assert [item.id for item in client.conversation] == ids
    for done in recording.of(f"{TRANSCRIPT}.done"):
        item = client.conversation.get_item(done["item_id"])
        assert item is not None
        assert item.transcript == done["transcript"]
    for done in recording.of("response.function_call_arguments.done"):
        item = client.conversation.get_item(done["item_id"])
        assert item is not None
        assert (item.type, item.arguments) == ("function_call", done["arguments"])
