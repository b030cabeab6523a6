"""The session as OpenAI's JavaScript client has it: options and their changes, waiting, reset, and the dialects."""

import asyncio
from typing import Any

import pytest
from tests.integration.listening import of, rest, soon
from tests.integration.peer import Peer, never, send
from tests.integration.wire import CREATED

import voicewire as vw

DIALECTS = ("ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen")


async def test_reset_goes_back_to_the_start(simulator: vw.Simulator) -> None:
    heard: list[Any] = []
    client = vw.RealtimeClient("m", url=simulator.url, instructions="First.")
    async with client:
        client.on(vw.Closed, heard.append)
        client.on("conversation.updated", heard.append)
        client.update_session(instructions="Second.")
        await soon(client.ask("Hello."))
        heard.clear()
        await soon(client.reset())

        assert (client.state, client.connected, client.is_connected()) == ("closed", False, False)
    await client.connect()
    await soon(client.disconnect())

    assert heard == []
    assert client.conversation.items == []
    assert client.usage == vw.Usage()
    updates = [event["session"] for event in simulator.received if event["type"] == "session.update"]
    assert [update["instructions"] for update in updates] == ["First.", "Second.", "First."]


async def test_resetting_an_idle_client_is_allowed(client: vw.RealtimeClient) -> None:
    client.update_session(instructions="Kept.")
    client.on("text", print)

    assert await soon(client.reset()) is None

    async with client:
        assert client.connected


async def test_a_session_that_is_on_its_way_or_there_can_be_waited_for(client: vw.RealtimeClient) -> None:
    connecting = asyncio.create_task(client.connect())
    await asyncio.sleep(0)

    assert client.get_state() == "connecting"
    assert await soon(client.wait_for_session_created()) is True
    assert client.get_state() == "open"
    assert await soon(client.wait_for_session_created()) is True
    await soon(connecting)
    await soon(client.disconnect())


async def test_a_session_that_nobody_asked_for_or_that_is_over_cannot(client: vw.RealtimeClient) -> None:
    with pytest.raises(vw.ConnectionClosed, match="idle"):
        await client.wait_for_session_created()
    async with client:
        pass
    with pytest.raises(vw.ConnectionClosed, match="closed"):
        await client.wait_for_session_created()


async def test_waiting_for_a_session_ends_with_the_time_or_with_the_attempt() -> None:
    async with Peer(upgrade=never()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        connecting = asyncio.create_task(client.connect())
        await peer.connection()
        with pytest.raises(TimeoutError):
            await client.wait_for_session_created(timeout=0.01)
        waiting = asyncio.create_task(client.wait_for_session_created())
        await asyncio.sleep(0)
        await soon(client.disconnect())

        with pytest.raises(vw.ConnectionClosed):
            await soon(waiting)
        with pytest.raises(vw.ConnectionClosed):
            await soon(connecting)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "server_vad"),
        ({"turn_detection": None}, None),
        ({"turn_detection": vw.ServerVAD()}, "server_vad"),
        ({"turn_detection": vw.SemanticVAD(eagerness="low")}, "semantic_vad"),
        ({"turn_detection": {"type": "semantic_vad"}}, "semantic_vad"),
    ],
    ids=str,
)
async def test_the_type_of_turn_detection_is_what_was_asked_for(
    simulator: vw.Simulator, options: dict[str, Any], kind: str | None
) -> None:
    client = vw.RealtimeClient("m", url=simulator.url, **options)

    assert client.get_turn_detection_type() == kind
    async with client:
        assert client.get_turn_detection_type() == kind


@pytest.mark.parametrize("told", [None, {"type": "semantic_vad"}, {"type": "server_vad"}], ids=str)
async def test_without_a_wish_the_type_of_turn_detection_is_the_servers(told: dict[str, Any] | None) -> None:
    session = {**CREATED["session"], "audio": {"input": {"turn_detection": told}}}
    async with Peer(send({**CREATED, "session": session})) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        assert client.get_turn_detection_type() == (told or {}).get("type")


async def test_the_type_of_turn_detection_follows_updates_that_were_not_refused(client: vw.RealtimeClient) -> None:
    client.update_session(turn_detection=None)
    assert client.get_turn_detection_type() is None

    async with client:
        await soon(client.update_session(turn_detection=vw.SemanticVAD()))
        with pytest.raises(vw.CommandRejected):
            await soon(client.update_session(turn_detection=None, extra={"nonsense": 1}))

        assert client.get_turn_detection_type() == "semantic_vad"


async def test_an_update_before_connect_is_sent_once_the_session_is_ready(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    receipt = client.update_session(instructions="Be kind.")

    async with client:
        updated = await soon(receipt)

    assert updated["session"]["instructions"] == "Be kind."
    assert simulator.assert_sent("session.update")["session"]["instructions"] == "Be kind."


async def test_updates_are_merged_and_sent_again_to_the_next_session(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url, instructions="A", voice="marin")
    async with client:
        await soon(client.update_session(instructions="B"))
        await soon(client.update_session(turn_detection=None))
        with pytest.raises(vw.CommandRejected):
            await soon(client.update_session(extra={"nonsense": 1}))
    async with client:
        # The answer to a second update comes behind that to the first.
        await soon(client.update_session(voice="marin"))
        assert client.session["instructions"] == "B"
        assert client.get_turn_detection_type() is None

    last = [event["session"] for event in simulator.received if event["type"] == "session.update"][-2]
    assert last == {
        "type": "realtime",
        "instructions": "B",
        "audio": {"input": {"turn_detection": None}, "output": {"voice": "marin"}},
    }


async def test_update_config_is_the_same_as_update_session(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.update_config(instructions="Be kind."))

    assert simulator.assert_sent("session.update")["session"]["instructions"] == "Be kind."


async def test_an_update_tells_what_the_service_has_no_words_for(client: vw.RealtimeClient) -> None:
    async with client:
        receipt = client.update_session(temperature=0.7, instructions="Be kind.")
        updated = await soon(receipt)
        fine = client.update_session(instructions="Be brief.")
        await soon(fine)
        mismatches = client.events(vw.ConfigMismatch)
        await soon(client.update_session(temperature=0.8))

    assert updated["session"]["instructions"] == "Be kind."
    assert receipt.ignored == ("temperature",)
    assert fine.ignored == ()
    assert [event.fields for event in await rest(mismatches)] == [["temperature"]]


async def test_an_update_tells_what_the_service_shows_differently() -> None:
    shown = {**CREATED["session"], "instructions": "Mine.", "audio": {"output": {"voice": "alloy"}}}
    updated = {"type": "session.updated", "event_id": "event_1", "session": shown}
    async with Peer(send(CREATED), lambda connection: answer(connection, updated)) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            receipt = client.update_session(instructions="Mine.", voice="marin")
            await soon(receipt)
        events = await rest(aiter(client))

    assert receipt.ignored == ("voice",)
    assert [event.fields for event in of(vw.ConfigMismatch, events)] == [["voice"]]


async def answer(connection: Any, event: dict[str, Any]) -> None:
    await connection.expect("session.update")
    await connection.send(event)


def test_strict_refuses_options_that_the_dialect_has_no_words_for() -> None:
    with pytest.raises(vw.ConfigError, match="temperature") as caught:
        vw.RealtimeClient("openai/m", strict=True, temperature=0.7)

    assert caught.value.field == "temperature"
    assert vw.RealtimeClient("openai/m", strict=True, instructions="A").state == "idle"
    assert vw.RealtimeClient("openai/m", temperature=0.7).state == "idle"
    assert vw.RealtimeClient("m", url="ws://127.0.0.1:1", dialect="beta", strict=True, temperature=0.7).state == "idle"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_service_can_do_is_known_before_there_is_a_session(dialect: str) -> None:
    client = vw.RealtimeClient("m", url="ws://127.0.0.1:1", dialect=dialect)

    able = client.capabilities
    assert able.truncate
    assert able.manual_response
    assert able.output_sample_rate == 24_000
    assert able.input_sample_rate == {"qwen": 16_000}.get(dialect, 24_000)
    assert able.image_input == (dialect in ("ga", "azure", "voice-live"))
    assert able.mcp == (dialect in ("ga", "azure", "voice-live"))
    assert able.session_resumption == (dialect == "xai")
    assert ("temperature" in able.unsupported_options) == (dialect in ("ga", "azure"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_options_without_words_are_those_that_strict_refuses(dialect: str) -> None:
    values: dict[str, Any] = {"temperature": 0.7, "speed": 1.1, "truncation": "auto", "parallel_tool_calls": True}
    unsupported = vw.RealtimeClient("m", url="ws://127.0.0.1:1", dialect=dialect).capabilities.unsupported_options

    refused = [name for name, value in values.items() if strictly_refused(dialect, **{name: value})]

    assert refused == [name for name in values if name in unsupported]


def strictly_refused(dialect: str, **options: Any) -> bool:
    try:
        vw.RealtimeClient("m", url="ws://127.0.0.1:1", dialect=dialect, strict=True, **options)
    except vw.ConfigError as error:
        return error.field in options
    return False


@pytest.mark.parametrize("dialect", [None, "ga"])
async def test_the_built_in_simulator_speaks_ga(dialect: str | None) -> None:
    async with vw.RealtimeClient("sim/m", dialect=dialect) as client:
        reply = await soon(client.ask("Hello."))

    assert reply.status == "completed"
    assert client.session["type"] == "realtime"


async def test_the_built_in_simulator_speaks_beta() -> None:
    async with vw.RealtimeClient("sim/m", dialect="beta", temperature=0.7) as client:
        reply = await soon(client.ask("Hello."))

    assert reply.status == "completed"
    assert client.session["modalities"]
    assert client.session["temperature"] == 0.7


@pytest.mark.parametrize("wrong", ["gamma", "", 7, "GA"])
def test_an_unknown_dialect_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match="dialect") as caught:
        vw.RealtimeClient("m", url="ws://127.0.0.1:1", dialect=wrong)

    assert caught.value.field == "dialect"
