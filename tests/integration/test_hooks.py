"""Hooks in a session: when each is called, with what, and what happens when it raises."""

import gc
import json
import logging
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Peer, close, expect, refuse, send, send_text
from tests.integration.wire import CREATED, response_created, response_done, text_delta

import voicewire as vw

USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
PRICES = vw.Prices(input_text=1_000_000, output_text=1_000_000)


def recorder(seen: list[Any]) -> Callable[..., None]:
    return lambda *arguments: seen.append(arguments)


async def one_turn(client: vw.RealtimeClient) -> list[Any]:
    """Have the peer play, and take all events to the end."""
    async with client:
        events = aiter(client)
        client.realtime.send("go")
        await until(events, vw.TurnComplete)
    return await rest(events)


def peer_of_a_turn() -> Peer:
    usage = response_done(usage=USAGE)
    return Peer(send(CREATED), expect("go"), send(response_created(), text_delta("Ä"), usage))


async def test_on_open_is_told_provider_model_and_url(simulator: vw.Simulator) -> None:
    seen: list[Any] = []
    hooks = vw.Hooks(on_open=recorder(seen))

    async with vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, hooks=hooks):
        assert seen == [("openai", "gpt-realtime", f"{simulator.url}/realtime?model=gpt-realtime")]


async def test_the_url_has_neither_user_nor_keys() -> None:
    seen: list[Any] = []
    async with Peer(send(CREATED)) as peer:
        url = peer.url.replace("ws://", "ws://user:password@") + "/realtime?api-key=sk-query&token=abc&model=m"
        async with vw.RealtimeClient("m", url=url, api_key="sk-argument", hooks=vw.Hooks(on_open=recorder(seen))):
            assert seen == [("openai", "m", f"{peer.url}/realtime?model=m")]


async def test_the_built_in_simulator_is_told_by_its_url() -> None:
    seen: list[Any] = []

    async with vw.RealtimeClient("sim/demo", hooks=vw.Hooks(on_open=recorder(seen))):
        pass

    assert [(provider, url.split(":")[:2]) for provider, _, url in seen] == [("sim", ["ws", "//127.0.0.1"])]


async def test_the_model_that_a_token_names_is_told(simulator: vw.Simulator) -> None:
    seen: list[Any] = []
    client = vw.RealtimeClient(
        url=simulator.url,
        token_provider=lambda: {"value": "ek_1", "model": "gpt-realtime-mini"},
        hooks=vw.Hooks(on_open=recorder(seen)),
    )

    async with client:
        assert seen[0][:2] == ("openai", "gpt-realtime-mini")


async def test_on_frame_hears_of_every_message_of_both_sides() -> None:
    seen: list[Any] = []
    sent = [CREATED, response_created(), text_delta("Ä"), response_done(usage=USAGE)]

    async with peer_of_a_turn() as peer:
        client = vw.RealtimeClient("m", url=peer.url, instructions="Ü", hooks=vw.Hooks(on_frame=recorder(seen)))
        client.on("client.*", lambda event: messages.append(event.raw))
        messages: list[Any] = []
        await one_turn(client)

    told_in = [(size, type) for direction, size, type in seen if direction == "in"]
    told_out = [(size, type) for direction, size, type in seen if direction == "out"]
    assert told_in == [(len(json.dumps(event).encode()), event["type"]) for event in sent]
    assert [type for _, type in told_out] == [message["type"] for message in messages] == ["session.update", "go"]
    assert told_out[1][0] == len(json.dumps(messages[1], separators=(",", ":")))


async def test_on_close_is_told_code_and_reason() -> None:
    seen: list[Any] = []
    async with Peer(send(CREATED), close(4000, "enough")) as peer:
        client = await vw.RealtimeClient("m", url=peer.url, hooks=vw.Hooks(on_close=recorder(seen))).connect()
        await rest(aiter(client))

    assert seen == [(4000, "enough")]


async def test_on_error_is_told_the_error_of_each_error_event() -> None:
    seen: list[Any] = []
    async with Peer(send(CREATED), send_text("no json"), close()) as peer:
        client = await vw.RealtimeClient("m", url=peer.url, hooks=vw.Hooks(on_error=recorder(seen))).connect()
        (event,) = of(vw.ErrorEvent, await rest(aiter(client)))

    assert seen == [(event.error,)]


async def test_on_error_is_told_why_connect_fails() -> None:
    seen: list[Any] = []
    async with Peer(upgrade=refuse("503 Service Unavailable")) as peer:
        client = vw.RealtimeClient("m", url=peer.url, hooks=vw.Hooks(on_error=recorder(seen)))
        with pytest.raises(vw.ConnectError) as raised:
            await client.connect()

    assert seen == [(raised.value,)]


async def test_a_failure_in_the_background_is_told_once() -> None:
    seen: list[Any] = []
    async with Peer(upgrade=refuse("503 Service Unavailable")) as peer:
        hooks = vw.Hooks(on_error=recorder(seen), on_close=recorder(seen))
        await rest(aiter(vw.create_realtime("m", url=peer.url, hooks=hooks)))

    assert [type(told[0]) for told in seen] == [vw.ConnectError, int]


async def test_on_error_that_raises_leaves_the_error_of_connect_alone(caplog: pytest.LogCaptureFixture) -> None:
    def failing(error: Exception) -> None:
        raise RuntimeError("mine")

    async with Peer(upgrade=refuse("503 Service Unavailable")) as peer:
        with pytest.raises(vw.ConnectError):
            await vw.RealtimeClient("m", url=peer.url, hooks=vw.Hooks(on_error=failing)).connect()

    assert "hook raised" in caplog.text


async def test_on_usage_is_told_what_each_response_used() -> None:
    seen: list[Any] = []
    async with peer_of_a_turn() as peer:
        await one_turn(vw.RealtimeClient("m", url=peer.url, hooks=vw.Hooks(on_usage=recorder(seen))))

    assert seen == [("openai", "m", vw.Usage(**USAGE))]


async def test_a_collector_sums_over_sessions_and_clients() -> None:
    costs = vw.CostCollector(PRICES)
    hooks = vw.Hooks(on_usage=costs)
    async with peer_of_a_turn() as peer:
        first = vw.RealtimeClient("m", url=peer.url, hooks=hooks)
        await one_turn(first)
        await one_turn(first)
        await one_turn(vw.RealtimeClient("other", url=peer.url, hooks=hooks))

    assert costs.usage.total_tokens == 45
    assert {model: float(cost) for model, cost in costs.by_model().items()} == {"openai/m": 30, "openai/other": 15}
    assert costs.total == 45


@pytest.mark.parametrize("name", ["on_open", "on_frame", "on_close", "on_usage"])
async def test_a_hook_that_raises_is_reported_and_the_others_still_run(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "voicewire")
    seen: list[str] = []
    reported: list[vw.ErrorEvent] = []

    def failing(*arguments: object) -> None:
        raise RuntimeError("mine")

    others = ("on_open", "on_frame", "on_close", "on_usage")
    hooks = {other: lambda *arguments, other=other: seen.append(other) for other in others}
    async with peer_of_a_turn() as peer:
        client = vw.RealtimeClient("m", url=peer.url, hooks=vw.Hooks(**{**hooks, name: failing}))
        client.on("error", reported.append)
        await one_turn(client)

    assert set(seen) == set(others) - {name}
    assert {(type(event.error), event.fatal) for event in reported} == {(vw.HandlerError, False)}
    assert {event.error.handler for event in reported} == {failing}


async def test_on_error_that_raises_does_not_loop(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Exception] = []

    def failing(error: Exception) -> None:
        calls.append(error)
        raise RuntimeError("mine")

    async with Peer(send(CREATED), send_text("no json"), close()) as peer:
        client = await vw.RealtimeClient("m", url=peer.url, hooks=vw.Hooks(on_error=failing)).connect()
        events = await rest(aiter(client))

    assert len(calls) == len(of(vw.ErrorEvent, events)) == 1
    assert "handler raised" in caplog.text


async def test_hooks_stay_when_handlers_are_cleared(simulator: vw.Simulator) -> None:
    seen: list[Any] = []
    client = vw.RealtimeClient("m", url=simulator.url, hooks=vw.Hooks(on_open=recorder(seen)))
    client.on("open", recorder(seen))
    client.off("open")
    await soon(client.reset())

    async with client:
        assert len(seen) == 1


async def test_hooks_do_not_keep_a_client_alive(simulator: vw.Simulator) -> None:
    names = ("on_open", "on_frame", "on_close", "on_error", "on_usage")
    hooks = vw.Hooks(**dict.fromkeys(names, recorder([])))
    client = vw.RealtimeClient("m", url=simulator.url, hooks=hooks)
    async with client:
        pass
    gc.collect()
    gc.disable()

    forgotten = weakref.ref(client)
    del client
    gc.enable()

    assert forgotten() is None
