"""``create_realtime``: a client at once, a session in the background, and events that tell how it went."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import rest, soon, until
from tests.integration.peer import Peer, never, refuse, send
from tests.integration.wire import CREATED

import voicewire as vw
from voicewire import background


@pytest.fixture
async def complaints() -> Callable[[], list[str]]:
    """Watch the running loop; the function tells what nobody retrieved."""
    seen: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context["message"]))

    def told() -> list[str]:
        gc.collect()
        return seen

    return told


def create(url: str, **options: Any) -> vw.RealtimeClient:
    return vw.create_realtime("openai/gpt-realtime", url=url, api_key="sk-test", **options)


async def test_it_returns_a_client_that_is_connecting_and_tells_when_it_is_open(simulator: vw.Simulator) -> None:
    seen: list[str] = []
    client = create(simulator.url)
    client.on("open", lambda event: seen.append(event.type))
    before = client.state

    opened = await client.wait_for("open", timeout=5)

    assert (before, client.state, opened.type, seen) == ("connecting", "open", "open", ["open"])
    await soon(client.disconnect())


async def test_all_neutral_names_get_their_events(simulator: vw.Simulator) -> None:
    names = ("open", "audio", "transcript", "turnComplete", "usage", "error", "close")
    seen: dict[str, type[vw.Event]] = {}
    client = create(simulator.url)
    for name in names:
        client.on(name, lambda event, name=name: seen.setdefault(name, type(event)))

    client.send("Hello.")
    await client.wait_for("turn_complete", timeout=5)
    client.realtime.send("no.such.type")
    await client.wait_for("error", timeout=5)
    await soon(client.disconnect())

    assert seen == {
        "open": vw.Open,
        "audio": vw.AudioDelta,
        "transcript": vw.TranscriptDelta,
        "turnComplete": vw.TurnComplete,
        "usage": vw.UsageReported,
        "error": vw.ErrorEvent,
        "close": vw.Closed,
    }


async def test_a_written_answer_fires_text(simulator: vw.Simulator) -> None:
    client = create(simulator.url, modalities=["text"])
    client.send("Hello.")

    assert (await client.wait_for("text", timeout=5)).text
    await soon(client.disconnect())


async def test_a_tool_call_fires_under_the_spelling_with_a_dash() -> None:
    script = [{"when": {"text": "weather"}, "tools": [{"name": "weather", "arguments": {"city": "Ulm"}}]}]
    with vw.Simulator(script=script, pace=0) as simulator:
        client = create(simulator.url)
        client.send("How is the weather?")

        called = await client.wait_for("tool-call", timeout=5)
        await soon(client.disconnect())

    assert (called.name, called.arguments) == ("weather", {"city": "Ulm"})


async def test_commands_and_audio_given_meanwhile_are_sent_in_order_once_it_is_open(simulator: vw.Simulator) -> None:
    client = create(simulator.url)
    client.update_config(instructions="Be brief.")
    receipt = client.send("Hello.", turn_complete=False)
    client.send_audio(np.zeros(2_400, np.int16))

    assert (await soon(receipt)).type == "conversation.item.added"
    await soon(client.flush())
    await soon(client.disconnect())

    sent = [event["type"] for event in simulator.received]
    assert sorted(sent[-3:]) == ["conversation.item.create", "input_audio_buffer.append", "session.update"]
    assert simulator.assert_sent("conversation.item.create")["item"]["content"][0]["text"] == "Hello."


async def test_sent_audio_is_a_message_of_the_user_that_is_answered(simulator: vw.Simulator) -> None:
    client = create(simulator.url)
    samples = (np.sin(np.arange(24_000) / 10) * 8_000).astype(np.int16)

    client.send(audio=samples)
    turn = await client.wait_for("turn_complete", timeout=5)
    await soon(client.disconnect())

    assert turn.status == "completed"
    assert simulator.assert_sent("conversation.item.create")["item"]["content"][0]["type"] == "input_audio"


async def test_an_audio_event_has_the_chunk_and_its_mime_type(simulator: vw.Simulator) -> None:
    client = create(simulator.url)
    client.send("Hello.")
    event = await client.wait_for("audio", timeout=5)
    await soon(client.disconnect())

    assert event.chunk is event.audio
    assert event.mime_type == "audio/pcm;rate=24000"


async def test_the_iterator_can_be_taken_at_once_and_has_everything(simulator: vw.Simulator) -> None:
    client = create(simulator.url)
    events = aiter(client)
    client.send("Hello.")

    seen = await until(events, vw.TurnComplete)
    await soon(client.disconnect())

    assert [event.type for event in (seen[0], seen[-1])] == ["open", "turn_complete"]
    assert (await rest(events))[-1].type == "close"


async def test_an_unknown_provider_fails_at_the_call_and_names_the_choices() -> None:
    with pytest.raises(vw.ConfigError, match=r"provider is not one of .*openai.*sim") as raised:
        vw.create_realtime("nobody/model")

    assert raised.value.field == "provider"


async def test_an_unknown_option_fails_at_the_call() -> None:
    with pytest.raises(vw.ConfigError, match="instruction"):
        vw.create_realtime("sim/demo", instruction="Be brief.")


def test_without_a_running_loop_it_says_so() -> None:
    with pytest.raises(vw.VoicewireError, match="event loop"):
        vw.create_realtime("sim/demo")


async def test_a_refusal_is_told_to_handlers_and_iterators(complaints: Callable[[], list[str]]) -> None:
    heard: list[Any] = []
    async with Peer(upgrade=refuse("503 Service Unavailable", "busy")) as peer:
        client = create(peer.url)
        client.on("error", heard.append)
        client.on("close", heard.append)
        errors = client.events(vw.ErrorEvent)

        iterated = await rest(aiter(client))

    assert iterated == heard
    failure, closed = iterated
    assert (failure.fatal, type(failure.error), failure.error.status) == (True, vw.ConnectError, 503)
    assert (closed.code, closed.clean) == (1006, False)
    assert await rest(errors) == [failure]
    assert client.state == "closed"
    assert complaints() == []


async def test_a_missing_key_is_told_by_events(complaints: Callable[[], list[str]]) -> None:
    client = vw.create_realtime("openai/gpt-realtime")

    failure, closed = await rest(aiter(client))

    assert (type(failure.error), failure.error.field, failure.fatal) == (vw.ConfigError, "api_key", True)
    assert closed.code == 1006
    assert client.state == "closed"
    assert complaints() == []


async def test_a_token_provider_that_raises_is_told_as_an_error_of_ours(complaints: Callable[[], list[str]]) -> None:
    def token() -> str:
        raise LookupError("no token today")

    client = create("ws://127.0.0.1:1/v1", token_provider=token)
    failure, closed = await rest(aiter(client))

    assert isinstance(failure.error, vw.VoicewireError)
    assert "no token today" in str(failure.error)
    assert isinstance(failure.error.__cause__, LookupError)
    assert closed.code == 1006
    assert complaints() == []


async def test_who_waits_for_open_is_told_why_it_failed() -> None:
    async with Peer(upgrade=refuse("401 Unauthorized")) as peer:
        client = create(peer.url)

        with pytest.raises(vw.ConnectionClosed, match="did not come about") as raised:
            await client.wait_for("open", timeout=5)

    assert isinstance(raised.value.__cause__, vw.AuthenticationError)


async def test_receipts_of_commands_given_meanwhile_fail_with_the_connection() -> None:
    async with Peer(upgrade=refuse("503 Service Unavailable")) as peer:
        receipt = create(peer.url).send("Hello.")

        with pytest.raises(vw.ConnectionClosed):
            await soon(receipt)


async def test_a_client_whose_opening_failed_can_connect(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "http", "code": 503, "connection": 0}]
    client = create(simulator.url)
    await rest(aiter(client))

    async with client:
        assert (await until(aiter(client), vw.Open))[-1].type == "open"


@pytest.mark.parametrize("upgrade", [never(), None], ids=["before the upgrade", "before the greeting"])
async def test_disconnecting_while_connecting_ends_it_with_a_clean_close(
    upgrade: Any, complaints: Callable[[], list[str]]
) -> None:
    async with Peer(upgrade=upgrade) as peer:
        client = create(peer.url)
        connection = await peer.connection()
        assert await soon(client.disconnect()) is None
        await soon(connection.gone.wait())

    (closed,) = await rest(aiter(client))
    assert (closed.type, closed.code, closed.clean) == ("close", 1000, True)
    assert complaints() == []


async def test_disconnecting_while_a_token_is_fetched_does_not_wait_for_it(simulator: vw.Simulator) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def token() -> str:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    client = vw.create_realtime("m", url=simulator.url, token_provider=token)
    await soon(asked.wait())

    assert await soon(client.disconnect()) is None
    assert cancelled.is_set()
    assert [event.type for event in await rest(aiter(client))] == ["close"]
    async with vw.RealtimeClient("m", url=simulator.url) as other:
        assert other.connected
    assert len(simulator.connections) == 1


async def test_disconnecting_at_once_ends_it(simulator: vw.Simulator) -> None:
    client = create(simulator.url)

    await soon(client.disconnect())

    assert client.state == "closed"
    assert [event.type for event in await rest(aiter(client))] == ["close"]


async def test_a_disconnected_client_can_connect_again(simulator: vw.Simulator) -> None:
    client = create(simulator.url)
    await soon(client.disconnect())

    async with client:
        assert client.connected


async def test_disconnect_may_be_called_from_another_thread() -> None:
    async with Peer(upgrade=never()) as peer:
        client = create(peer.url)
        await peer.connection()

        receipt = await soon(asyncio.to_thread(client.disconnect))

        assert await soon(receipt) is None
        assert client.state == "closed"


async def test_who_comes_late_can_wait_for_the_session(simulator: vw.Simulator) -> None:
    client = create(simulator.url)
    await client.wait_for("open", timeout=5)

    assert await client.wait_for_session_created(timeout=5)
    await soon(client.disconnect())


def test_a_loop_that_ends_meanwhile_leaves_a_client_that_can_be_closed(simulator: vw.Simulator) -> None:
    async def leave() -> vw.RealtimeClient:
        return create(simulator.url)

    client = asyncio.run(leave())

    assert client.disconnect().done()
    assert client.state == "closed"
    assert not background._running


def test_a_loop_that_ends_before_the_greeting_leaves_a_client_that_can_be_closed() -> None:
    async def leave() -> vw.RealtimeClient:
        async with Peer() as peer:
            client = create(peer.url)
            await peer.connection()
        return client

    client = asyncio.run(leave())

    assert client.disconnect().done()
    assert client.state == "closed"


async def test_a_handler_of_the_failure_that_raises_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture, complaints: Callable[[], list[str]]
) -> None:
    def failing(event: vw.Event) -> None:
        raise RuntimeError("mine")

    async with Peer(upgrade=refuse("503 Service Unavailable")) as peer:
        client = create(peer.url)
        client.on("error", failing)
        events = await rest(aiter(client))

    assert [event.type for event in events] == ["error", "close"]
    assert caplog.text.count("handler raised") == 1
    assert complaints() == []


async def test_a_client_that_nobody_holds_lives_until_it_is_open_and_then_warns() -> None:
    greet = asyncio.Event()

    async def wait(connection: Any) -> None:
        await greet.wait()

    async def open_and_forget(connection: Any) -> None:
        greet.set()
        await soon(connection.gone.wait())
        gc.collect()

    async with Peer(wait, send(CREATED)) as peer:
        create(peer.url)
        connection = await peer.connection()
        gc.collect()
        assert len(background._running) == 1

        with pytest.warns(ResourceWarning, match="unclosed client"):
            await open_and_forget(connection)
    assert not background._running
