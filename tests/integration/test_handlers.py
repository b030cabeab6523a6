"""Handlers: names and classes, order, async workers, and handlers that raise."""

import asyncio
import logging
from typing import Any

import pytest
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, audio_delta, error, response_created, response_done, text_delta

import voicewire as vw

TURN = (response_created(), text_delta("A"), audio_delta([1]), text_delta("B"), response_done())


async def play(client: vw.RealtimeClient, peer: Peer) -> None:
    """Have the peer send, and wait until the client closed."""
    async with client:
        client.realtime.send("go")
        await soon(client.wait_for(vw.TurnComplete))


def peer_of(*events: dict[str, Any]) -> Peer:
    return Peer(send(CREATED), expect("go"), send(*events))


@pytest.mark.parametrize(
    ("key", "types"),
    [
        (vw.TextDelta, ["text", "text"]),
        ("text", ["text", "text"]),
        ("audio", ["audio"]),
        ("open", ["open"]),
        ("close", ["close"]),
        ("turn_complete", ["turn_complete"]),
        ("turnComplete", ["turn_complete"]),
        ("response.output_text.delta", ["response.output_text.delta"] * 2),
        ("response.text.delta", ["response.output_text.delta"] * 2),
        ("response.audio.delta", ["response.output_audio.delta"]),
        ("server.response.done", ["response.done"]),
        ("server.response.audio.delta", ["response.output_audio.delta"]),
        ("no.such.event", []),
        (vw.ToolCall, []),
    ],
    ids=str,
)
async def test_a_name_or_class_gets_its_events(key: Any, types: list[str]) -> None:
    seen: list[str] = []

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on(key, lambda event: seen.append(event.type))
        await play(client, peer)

    assert seen == types


@pytest.mark.parametrize("registered", ["response.audio.delta", "response.output_audio.delta"])
@pytest.mark.parametrize("sent", ["response.audio.delta", "response.output_audio.delta"])
async def test_ga_and_beta_spellings_both_fire_for_both(registered: str, sent: str) -> None:
    seen: list[Any] = []
    delta = {**audio_delta([1]), "type": sent}

    async with peer_of(delta, response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on(registered, seen.append)
        await play(client, peer)

    assert [(type(event), event.type, event["delta"]) for event in seen] == [(vw.ServerEvent, sent, delta["delta"])]


async def test_item_created_fires_on_ga_at_added(client: vw.RealtimeClient) -> None:
    seen: list[str] = []
    client.on("conversation.item.created", lambda event: seen.append(event["item"]["role"]))

    async with client:
        await soon(client.send_text("A", respond=False))

    assert seen == ["user"]


@pytest.mark.parametrize("name", ["*", "server.*"])
async def test_a_star_gets_every_server_event_as_it_came(name: str) -> None:
    seen: list[Any] = []

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on(name, seen.append)
        await play(client, peer)

    assert {type(event) for event in seen} == {vw.ServerEvent}
    assert [event.raw for event in seen] == [CREATED, *TURN]


async def test_client_star_gets_everything_that_was_sent(simulator: vw.Simulator) -> None:
    seen: list[Any] = []
    client = vw.RealtimeClient("m", url=simulator.url, instructions="A")
    client.on("client.*", seen.append)

    async with client:
        client.send_audio(b"\1\0" * 240)
        await soon(client.send_text("Hello."))

    assert [event.type for event in seen] == [event["type"] for event in simulator.received]
    assert [event.raw for event in seen] == simulator.received


async def test_client_names_get_what_was_sent_under_them(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    seen: list[Any] = []
    client.on("client.response.create", seen.append)
    client.realtime.on("client.conversation.item.create", seen.append)

    async with client:
        receipt = client.send_text("Hello.")
        await soon(receipt)

    assert [event.type for event in seen] == ["conversation.item.create", "response.create"]
    assert seen[1].event_id == receipt.event_id
    assert seen[0]["item"]["content"][0]["text"] == "Hello."


async def test_error_is_the_neutral_name_and_server_error_the_wire_one() -> None:
    neutral, wire = [], []

    async with peer_of(error("odd", "Odd."), response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on("error", neutral.append)
        client.on("server.error", wire.append)
        await play(client, peer)

    assert [type(event) for event in neutral] == [vw.ErrorEvent]
    assert [(type(event), event["error"]["code"]) for event in wire] == [(vw.ServerEvent, "odd")]


async def test_the_base_class_gets_every_neutral_event_once() -> None:
    seen: list[str] = []

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on(vw.Event, lambda event: seen.append(event.type))
        await play(client, peer)

    assert seen == ["open", "response_started", "text", "audio", "text", "turn_complete", "close"]


async def test_once_fires_once_and_unsubscribed_ones_never() -> None:
    seen: list[str] = []

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.once(vw.TextDelta, lambda event: seen.append(f"once {event.text}"))
        client.on(vw.TextDelta, lambda event: seen.append("unsubscribed"))()
        client.on(vw.TextDelta, seen.append)
        client.off(vw.TextDelta, seen.append)
        client.on("audio", seen.append)
        client.on("audio", seen.append)
        client.off("audio")
        await play(client, peer)

    assert seen == ["once A"]


async def test_decorators_register_and_give_the_function_back() -> None:
    seen: list[str] = []

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)

        @client.on(vw.TextDelta)
        def every(event: vw.TextDelta) -> None:
            seen.append(event.text)

        @client.once("text")
        def first(event: vw.TextDelta) -> None:
            seen.append(f"once {event.text}")

        assert callable(every)
        assert callable(first)
        await play(client, peer)

    assert seen == ["A", "once A", "B"]


async def test_off_takes_out_a_handler_of_once() -> None:
    seen: list[Any] = []

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.once("text", seen.append)
        client.off("text", seen.append)
        await play(client, peer)

    assert seen == []


async def test_handlers_run_in_the_order_of_registration_and_before_iterators() -> None:
    seen: list[str] = []

    async with peer_of(text_delta("A"), response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        for number in range(5):
            client.on(vw.TextDelta, lambda event, number=number: seen.append(f"handler {number}"))
        texts = client.events(vw.TextDelta)

        async def iterate() -> None:
            seen.append(f"iterator {(await anext(texts)).text}")

        iterating = asyncio.create_task(iterate())
        await play(client, peer)
        await soon(iterating)

    assert seen == [*(f"handler {number}" for number in range(5)), "iterator A"]


async def test_a_handler_may_take_itself_and_others_out() -> None:
    seen: list[str] = []

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)

        def first(event: vw.TextDelta) -> None:
            seen.append(f"first {event.text}")
            client.off("text")

        client.on("text", first)
        client.on("text", lambda event: seen.append("second"))
        await play(client, peer)

    assert seen == ["first A"]


async def test_handlers_may_send_commands(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    client.once(vw.Open, lambda event: client.send_text("From a handler."))

    async with client:
        await soon(client.wait_for(vw.TurnComplete))

    assert simulator.assert_sent("conversation.item.create")["item"]["content"][0]["text"] == "From a handler."


async def test_an_async_handler_takes_events_one_after_the_other() -> None:
    log: list[str] = []
    done = asyncio.Event()

    async with peer_of(text_delta("A"), text_delta("B"), text_delta("C"), response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)

        @client.on(vw.TextDelta)
        async def slow(event: vw.TextDelta) -> None:
            log.append(f"begin {event.text}")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            log.append(f"end {event.text}")
            if event.text == "C":
                done.set()

        await play(client, peer)
        await soon(done.wait())

    assert log == ["begin A", "end A", "begin B", "end B", "begin C", "end C"]


async def test_an_async_handler_that_is_cancelled_from_within_still_gets_the_next_events() -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async with peer_of(text_delta("A"), text_delta("B"), response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)

        @client.on(vw.TextDelta)
        async def waits_for_a_cancelled_future(event: vw.TextDelta) -> None:
            seen.append(event.text)
            if event.text == "B":
                done.set()
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        await play(client, peer)
        await soon(done.wait())

    assert seen == ["A", "B"]


async def test_an_async_method_and_a_callable_object_are_async_handlers() -> None:
    seen: list[str] = []
    done = asyncio.Event()

    class Listener:
        async def method(self, event: vw.TextDelta) -> None:
            seen.append(f"method {event.text}")

        async def __call__(self, event: vw.TextDelta) -> None:
            seen.append(f"object {event.text}")
            if event.text == "B":
                done.set()

    async with peer_of(*TURN) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on("text", Listener().method)
        client.on("text", Listener())
        await play(client, peer)
        await soon(done.wait())

    assert sorted(seen) == ["method A", "method B", "object A", "object B"]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_a_handler_that_raises_is_reported_and_the_others_still_run(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "voicewire")
    seen: list[str] = []

    def failing(event: vw.TextDelta) -> None:
        raise RuntimeError(f"on {event.text}")

    async def failing_later(event: vw.TextDelta) -> None:
        failing(event)

    handler = failing_later if is_async else failing
    async with peer_of(text_delta("A"), response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on("text", handler)
        client.on("text", lambda event: seen.append(event.text))
        async with client:
            events = aiter(client)
            client.realtime.send("go")
            reported = (await until(events, vw.ErrorEvent))[-1]

    assert seen == ["A"]
    assert not reported.fatal
    assert isinstance(reported.error, vw.HandlerError)
    assert reported.error.handler is handler
    assert reported.error.event.text == "A"
    assert isinstance(reported.error.__cause__, RuntimeError)


async def test_a_handler_of_errors_that_raises_does_not_loop(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "voicewire")
    calls: list[vw.ErrorEvent] = []

    def failing(event: vw.ErrorEvent) -> None:
        calls.append(event)
        raise RuntimeError("again")

    async with peer_of(error("odd", "Odd."), response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on("error", failing)
        await play(client, peer)
        events = await rest(aiter(client))

    assert len(calls) == 1
    assert len(of(vw.ErrorEvent, events)) == 1


async def test_a_failing_handler_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def failing(event: vw.Event) -> None:
        raise RuntimeError("told")

    async with peer_of(text_delta("A"), response_done()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on("text", failing)
        await play(client, peer)

    assert "handler raised" in caplog.text
    assert "told" in caplog.text


@pytest.mark.parametrize("wrong", [7, None, int, "", b"text"], ids=repr)
def test_what_is_neither_name_nor_class_is_refused(client: vw.RealtimeClient, wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match="event"):
        client.on(wrong, print)


def test_what_cannot_be_called_is_refused(client: vw.RealtimeClient) -> None:
    with pytest.raises(TypeError, match="handler"):
        client.on("text", 7)  # type: ignore[call-overload]
