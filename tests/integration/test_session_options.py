"""Session options on the wire: what ``session.update`` says, and what becomes of options that are refused."""

from typing import Any

import pytest
from tests.integration.listening import of, soon, until, until_that

import voicewire as vw

TOOL = {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}}
VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "create_response": True,
    "interrupt_response": True,
}


def at(path: str, value: Any) -> dict[str, Any]:
    """The session object with one value at a dotted path."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return {"type": "realtime", **value}


@pytest.mark.parametrize(
    ("options", "session"),
    [
        ({"instructions": "Be brief."}, at("instructions", "Be brief.")),
        ({"voice": "marin"}, at("audio.output.voice", "marin")),
        ({"voice": {"id": "voice_1"}}, at("audio.output.voice", {"id": "voice_1"})),
        ({"modalities": ["text"]}, at("output_modalities", ["text"])),
        ({"modalities": ["text", "audio"]}, at("output_modalities", ["audio"])),
        ({"turn_detection": None}, at("audio.input.turn_detection", None)),
        ({"turn_detection": vw.ServerVAD()}, at("audio.input.turn_detection", VAD)),
        (
            {"turn_detection": vw.ServerVAD(threshold=0.7, idle_timeout_ms=6000, create_response=False)},
            at(
                "audio.input.turn_detection",
                {**VAD, "threshold": 0.7, "idle_timeout_ms": 6000, "create_response": False},
            ),
        ),
        (
            {"turn_detection": vw.SemanticVAD(eagerness="high")},
            at(
                "audio.input.turn_detection",
                {
                    "type": "semantic_vad",
                    "eagerness": "high",
                    "create_response": True,
                    "interrupt_response": True,
                },
            ),
        ),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.1}},
            at("audio.input.turn_detection", {"type": "server_vad", "threshold": 0.1}),
        ),
        ({"input_format": "pcm16"}, at("audio.input.format", {"type": "audio/pcm", "rate": 24000})),
        ({"output_format": "pcm16"}, at("audio.output.format", {"type": "audio/pcm", "rate": 24000})),
        (
            {"input_format": vw.AudioFormat("pcm16", 24000)},
            at("audio.input.format", {"type": "audio/pcm", "rate": 24000}),
        ),
        ({"input_transcription": "whisper-1"}, at("audio.input.transcription", {"model": "whisper-1"})),
        ({"transcription": "whisper-1"}, at("audio.input.transcription", {"model": "whisper-1"})),
        ({"input_transcription": None}, at("audio.input.transcription", None)),
        (
            {"input_transcription": "whisper-1", "language": "de"},
            at("audio.input.transcription", {"model": "whisper-1", "language": "de"}),
        ),
        ({"noise_reduction": "near_field"}, at("audio.input.noise_reduction", {"type": "near_field"})),
        ({"noise_reduction": None}, at("audio.input.noise_reduction", None)),
        ({"tools": [TOOL]}, at("tools", [{"type": "function", **TOOL}])),
        ({"tool_choice": "required"}, at("tool_choice", "required")),
        ({"parallel_tool_calls": False}, at("parallel_tool_calls", False)),
        ({"reasoning": "low"}, at("reasoning", {"effort": "low"})),
        ({"max_output_tokens": 100}, at("max_output_tokens", 100)),
        ({"max_output_tokens": "inf"}, at("max_output_tokens", "inf")),
        ({"speed": 1.25}, at("audio.output.speed", 1.25)),
        ({"truncation": "disabled"}, at("truncation", "disabled")),
        (
            {"extra": {"audio": {"output": {"speed": 1.5}}, "include": None}, "voice": "marin"},
            {"type": "realtime", "include": None, "audio": {"output": {"voice": "marin", "speed": 1.5}}},
        ),
        ({"config": {"instructions": "A", "voice": "ash"}, "voice": "marin"}, None),
        ({"config": vw.SessionConfig(instructions="A"), "voice": "marin"}, None),
    ],
    ids=str,
)
async def test_an_option_becomes_the_ga_field_and_is_accepted(
    simulator: vw.Simulator, options: dict[str, Any], session: dict[str, Any] | None
) -> None:
    if session is None:
        session = {"type": "realtime", "instructions": "A", "audio": {"output": {"voice": "marin"}}}

    async with vw.RealtimeClient("m", url=simulator.url, **options) as client:
        events = await until_that(aiter(client), lambda event: event.type in ("session.updated", "error"))

    assert [event.type for event in events] == ["open", "session.updated"]
    assert simulator.assert_sent("session.update")["session"] == session


async def test_without_options_there_is_no_session_update(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.flush())

    assert simulator.received == []


async def test_options_of_connect_are_merged_into_those_of_the_client(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url, instructions="A", voice="ash")

    await client.connect(config={"voice": "marin"}, speed=1.25)
    sent = await simulator.wait_for("session.update")
    await client.disconnect()

    assert sent["session"] == {
        "type": "realtime",
        "instructions": "A",
        "audio": {"output": {"voice": "marin", "speed": 1.25}},
    }


async def test_true_asks_for_transcription_with_a_sensible_model(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, input_transcription=True):
        sent = await simulator.wait_for("session.update")

    assert isinstance(sent["session"]["audio"]["input"]["transcription"]["model"], str)


@pytest.mark.parametrize("option", [{"temperature": 0.8}, {"metadata": {"call": "1"}}], ids=str)
async def test_an_option_that_ga_cannot_express_is_told_after_open(
    simulator: vw.Simulator, option: dict[str, Any]
) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, instructions="A", **option) as client:
        events = await until(aiter(client), vw.ConfigMismatch)
        sent = await simulator.wait_for("session.update")

    assert [event.type for event in events] == ["open", "config_mismatch"]
    assert list(events[-1].fields) == list(option)
    assert sent["session"] == {"type": "realtime", "instructions": "A"}


async def test_only_inexpressible_options_still_leave_a_usable_session(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, temperature=0.8) as client:
        events = await until(aiter(client), vw.ConfigMismatch)
        reply = await soon(client.ask("Hello."))

    assert events[-1].fields == ["temperature"]
    assert reply.status == "completed"


async def test_a_refused_configuration_is_a_non_fatal_error_event(simulator: vw.Simulator) -> None:
    options = {"instructions": "A", "extra": {"no_such_field": 1}}

    async with vw.RealtimeClient("m", url=simulator.url, **options) as client:
        errors = of(vw.ErrorEvent, await until(aiter(client), vw.ErrorEvent))
        reply = await soon(client.ask("Hello."))

    assert len(errors) == 1
    assert not errors[0].fatal
    assert isinstance(errors[0].error, vw.CommandRejected)
    assert "no_such_field" in (errors[0].error.param or "")
    assert errors[0].error.event_id == simulator.assert_sent("session.update")["event_id"]
    assert reply.status == "completed"


async def test_update_session_resolves_when_the_server_applied_it(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    async with client:
        updated = await soon(client.update_session(instructions="Be kind.", turn_detection=None))

    assert updated.type == "session.updated"
    assert updated["session"]["instructions"] == "Be kind."
    assert updated["session"]["audio"]["input"]["turn_detection"] is None
    assert simulator.assert_sent("session.update")["session"] == {
        "type": "realtime",
        "instructions": "Be kind.",
        "audio": {"input": {"turn_detection": None}},
    }


async def test_update_session_that_is_refused_raises(client: vw.RealtimeClient) -> None:
    async with client:
        with pytest.raises(vw.CommandRejected) as caught:
            await soon(client.update_session(extra={"nonsense": True}))

    assert "nonsense" in (caught.value.param or "")


@pytest.mark.parametrize("option", [{"voise": "marin"}, {"speed": 9}, {"turn_detection": 7}], ids=str)
async def test_wrong_options_raise_at_the_call_and_name_the_option(
    client: vw.RealtimeClient, option: dict[str, Any]
) -> None:
    name = next(iter(option))

    with pytest.raises(vw.ConfigError, match=name):
        vw.RealtimeClient("openai/m", **option)
    with pytest.raises(vw.ConfigError, match=name):
        client.update_session(**option)
    with pytest.raises(vw.ConfigError, match=name):
        await client.connect(**option)
    assert client.state == "idle"
