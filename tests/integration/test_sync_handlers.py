"""The dispatch thread of the blocking client: handlers on it, what they may not do, and when it ends."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.integration.peer import close, expect, send
from tests.integration.sync_peer import DISPATCH, Aside, dispatch_threads, error_of, peer_away, until
from tests.integration.wire import CREATED, text_delta

import voicewire as vw

GO = expect("go")


@pytest.fixture
def client(simulator: vw.Simulator) -> vw.SyncRealtimeClient:
    """A client of the simulator, not connected."""
    return vw.SyncRealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test")


def test_handlers_of_both_kinds_run_on_the_dispatch_thread(client: vw.SyncRealtimeClient) -> None:
    threads: list[str] = []

    @client.on("open")
    def opened(event: vw.Event) -> None:
        threads.append(threading.current_thread().name)

    @client.on(vw.Open)
    async def opened_too(event: vw.Event) -> None:
        await asyncio.sleep(0)
        threads.append(threading.current_thread().name)

    with client:
        pass

    assert threads == [DISPATCH, DISPATCH]


def test_handlers_are_taken_out_again(client: vw.SyncRealtimeClient) -> None:
    seen: list[str] = []
    client.on("open", lambda _: seen.append("left"))()
    client.on("open", print)
    client.off("open", print)
    client.once("open", lambda _: seen.append("once"))

    for _ in range(2):
        with client:
            pass

    assert seen == ["once"]
    client.on("open", lambda _: seen.append("cleared"))
    client.clear_event_handlers()
    with client:
        assert seen == ["once"]


def test_a_handler_may_command_and_an_async_one_await(client: vw.SyncRealtimeClient) -> None:
    answers: list[Any] = []

    @client.on("open")
    async def greet(event: vw.Event) -> None:
        answers.append((await client.send_text("Hello.", respond=False)).type)
        client.create_response()

    with client:
        until(iter(client), vw.TurnComplete)

    assert answers == ["conversation.item.added"]


def test_what_a_handler_raises_is_logged_and_told(
    client: vw.SyncRealtimeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.on("open", lambda event: 1 / 0)

    with caplog.at_level(logging.ERROR, "voicewire"), client:
        error = until(iter(client), vw.ErrorEvent)[-1].error

    assert type(error) is vw.HandlerError
    assert "handler raised" in caplog.text


CALLS: dict[str, Callable[[vw.SyncRealtimeClient], object]] = {
    "connect": lambda client: client.connect(),
    "ask": lambda client: client.ask("Hello."),
    "send_file": lambda client: client.send_file("speech.wav"),
    "flush": lambda client: client.flush(),
    "ping": lambda client: client.ping(),
    "wait_for": lambda client: client.wait_for("close"),
    "wait_for_session_created": lambda client: client.wait_for_session_created(),
    "wait_for_next_item": lambda client: client.wait_for_next_item(),
    "wait_for_next_completed_item": lambda client: client.wait_for_next_completed_item(),
    "result": lambda client: client.send_text("Hello.", respond=False).result(),
    "iteration": lambda client: list(client),
    "next": lambda client: client.events().next(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_handler_that_would_block_gets_an_error(
    client: vw.SyncRealtimeClient, call: Callable[[vw.SyncRealtimeClient], object]
) -> None:
    raised: list[BaseException] = []

    @client.once("open")
    def blocks(event: vw.Event) -> None:
        raised.append(error_of(lambda: call(client)))

    with client:
        client.wait_for_session_created(timeout=10)
        client.flush(timeout=10)

    assert type(raised[0]) is vw.VoicewireError
    assert "a handler on the dispatch thread cannot call it" in str(raised[0])


def test_a_handler_gets_the_result_of_a_receipt_that_is_done(client: vw.SyncRealtimeClient) -> None:
    results: list[str] = []
    with client:
        receipt = client.send_text("Hello.", respond=False)
        receipt.result(timeout=10)
        client.on("text", print)
        client.on("input_audio_buffer.cleared", lambda _: results.append(receipt.result().type))
        client.clear_audio().result(timeout=10)

    assert results == ["conversation.item.added"]


def test_a_handler_may_disconnect_without_waiting(client: vw.SyncRealtimeClient) -> None:
    receipts: list[vw.SyncReceipt] = []
    client.on(vw.TurnComplete, lambda event: receipts.append(client.disconnect()))

    client.connect()
    client.send_text("Hello.")
    types = [event.type for event in client]

    assert types[-1] == "close"
    assert receipts[0].result(timeout=10) is None
    client.disconnect()
    assert dispatch_threads() == []


def test_a_handler_may_block_on_another_client(simulator: vw.Simulator, client: vw.SyncRealtimeClient) -> None:
    replies: list[vw.Reply] = []
    with vw.SyncRealtimeClient("m", url=simulator.url, api_key="k") as other:
        client.on("open", lambda event: replies.append(other.ask("Hello.", timeout=10)))
        with client:
            client.flush(timeout=10)

    assert [reply.status for reply in replies] == ["completed"]


def test_disconnect_waits_for_async_handlers(client: vw.SyncRealtimeClient) -> None:
    told: list[str] = []

    @client.on("close")
    async def closed(event: vw.Event) -> None:
        await asyncio.sleep(0.05)
        told.append(event.type)

    with client:
        pass

    assert told == ["close"]


def test_disconnect_cancels_async_handlers_that_do_not_end(simulator: vw.Simulator) -> None:
    timeouts = vw.Timeouts(close=0.1)
    client = vw.SyncRealtimeClient("m", url=simulator.url, api_key="k", timeouts=timeouts)
    ends: list[str] = []

    @client.on("open")
    async def opened(event: vw.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    with client:
        client.flush(timeout=10)

    assert ends == ["cancelled"]
    assert dispatch_threads() == []


def test_the_thread_ends_with_a_session_that_the_server_ends() -> None:
    with peer_away(send(CREATED), GO, close()) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url).connect()
        thread = dispatch_threads()[0]
        client.realtime.send("go")
        assert [event.type for event in client] == ["open", "close"]
        thread.join(10)

    assert not thread.is_alive()
    assert client.state == "closed"


def test_a_session_can_follow_at_once_on_one_that_the_server_ended() -> None:
    with peer_away(send(CREATED), GO, close()) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url)
        for _ in range(10):
            client.connect()
            client.realtime.send("go")
            assert [event.type for event in client] == ["open", "close"]

        client.disconnect()
    assert dispatch_threads() == []


def test_a_handler_that_exits_does_not_end_the_thread(
    client: vw.SyncRealtimeClient, caplog: pytest.LogCaptureFixture
) -> None:
    @client.on("open")
    def leave(event: vw.Event) -> None:
        raise SystemExit(3)

    with caplog.at_level(logging.ERROR, "voicewire"), client:
        assert client.ask("Still there?", timeout=10).status == "completed"

    assert "SystemExit(3)" in caplog.text


def test_connecting_and_disconnecting_in_many_threads_ends_in_order(client: vw.SyncRealtimeClient) -> None:
    def turn() -> None:
        for _ in range(10):
            with suppress(vw.VoicewireError):
                client.connect()
            client.disconnect()

    with Aside(turn), Aside(turn), Aside(turn):
        pass

    client.disconnect()
    assert client.state == "closed"
    assert dispatch_threads() == []
    with client:
        assert client.ping(timeout=10)


def test_an_async_token_provider_is_asked_on_the_dispatch_thread(simulator: vw.Simulator) -> None:
    asked: list[str] = []

    async def token() -> str:
        asked.append(threading.current_thread().name)
        return "sk-short"

    with vw.SyncRealtimeClient("m", url=simulator.url, token_provider=token) as client:
        assert client.connected

    assert asked == [DISPATCH]


def test_a_slow_handler_holds_up_its_client_only(simulator: vw.Simulator) -> None:
    with (
        peer_away(send(CREATED), GO, send(text_delta("A"))) as peer,
        vw.SyncRealtimeClient("m", url=peer.url) as client,
        vw.SyncRealtimeClient("m", url=simulator.url, api_key="k") as other,
    ):
        go_on, began = threading.Event(), threading.Event()
        client.on("text", lambda event: (began.set(), go_on.wait(10)))
        client.realtime.send("go")
        assert began.wait(10)

        assert other.ping(timeout=10)
        go_on.set()
        assert client.ping(timeout=10)
