"""Sessions on the event loop's own thread: what a turn does, and what waits while the loop stands still."""

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.integration.apart import Apart
from tests.integration.filling import SECOND
from tests.integration.gemini_peer import GeminiPeer, abort, greet
from tests.integration.gemini_peer import client as gemini
from tests.integration.listening import of, soon, until
from tests.integration.peer import PING, Connection, Peer, expect, never, send
from tests.integration.turns import helpings
from tests.integration.wire import CREATED, audio_delta, response_done, text_delta

import voicewire as vw

pytestmark = [
    pytest.mark.usefixtures("inline"),
    pytest.mark.skipif(sys.platform != "linux", reason="the inline driver is for Linux"),
]
GO = expect("go")
MOST_PER_TURN = 256


def deltas(count: int) -> list[dict[str, Any]]:
    return [text_delta(str(number)) for number in range(count)]


def in_thread(work: Callable[[], Any]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)


async def test_a_question_is_answered(client: vw.RealtimeClient) -> None:
    async with client:
        reply = await soon(client.ask("Hello."))

    assert reply.status == "completed"


async def test_wakes_count_the_turns(client: vw.RealtimeClient) -> None:
    async with client:
        before = client.stats()["wakes"]
        await soon(client.ask("Hello."))
        after = client.stats()["wakes"]

    assert after > before > 0


@pytest.mark.parametrize("count", [600, 6000])
async def test_a_burst_is_taken_in_helpings_between_which_the_loop_has_its_turns(count: int) -> None:
    heard: list[Any] = []
    done = asyncio.Event()
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url) as client:
            client.on(vw.TextDelta, heard.append)
            client.on(vw.TurnComplete, lambda event: done.set())
            apart.run(apart.connection().pour(*deltas(count), response_done()))
            with helpings(heard) as counts:
                await soon(done.wait())

    assert [event.text for event in heard] == [str(number) for number in range(count)]
    assert max(counts) <= MOST_PER_TURN
    assert len(counts) > count / MOST_PER_TURN


async def test_a_word_does_not_wait_behind_all_the_noise_of_another_session() -> None:
    heard: list[str] = []
    done = asyncio.Event()

    async def pour(noisy: Connection, quiet: Connection) -> None:
        await noisy.pour(*deltas(3000), response_done())
        await quiet.pour(text_delta("a word"))

    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url) as noisy, vw.RealtimeClient("m", url=apart.url) as quiet:
            for client in (noisy, quiet):
                client.on(vw.TextDelta, lambda event: heard.append(event.text))
            noisy.on(vw.TurnComplete, lambda event: done.set())
            apart.run(pour(apart.connection(0), apart.connection(1)))
            await soon(done.wait())

    assert len(heard) == 3001
    assert heard.index("a word") <= MOST_PER_TURN


async def test_nothing_is_lost_while_the_loop_stands_still_and_pings_are_answered_behind_it() -> None:
    sent = [audio_delta(np.full(2400, number, np.int16)) for number in range(200)]
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url) as client:
            events = aiter(client.events(vw.AudioDelta, vw.TurnComplete))
            connection = apart.connection()
            apart.run(connection.pour(*sent, response_done()))
            apart.run(connection.send_frame(PING, b""))
            meanwhile = (connection.pongs, client.stats()["messages_in"])

            taken = await until(events, vw.TurnComplete)
            await soon(asyncio.wrap_future(apart.start(connection.heard(pongs=1))))

    assert meanwhile == (0, 1)
    assert [int(event.audio[0]) for event in of(vw.AudioDelta, taken)] == list(range(200))


async def test_a_loop_that_stood_still_for_longer_than_the_ping_timeout_keeps_its_session() -> None:
    timeouts = vw.Timeouts(ping_interval=0.05, ping_timeout=0.2)
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url, timeouts=timeouts) as client:
            connection = apart.connection()
            await soon(asyncio.wrap_future(apart.start(connection.heard(pings=1))))
            with pytest.raises(TimeoutError):
                apart.run(connection.heard(pings=1000, patience=0.5))
            pings = connection.pings
            await soon(asyncio.wrap_future(apart.start(connection.heard(pings=pings + 2))))
            state = client.state

    assert pings < 5  # in the time of ten
    assert state == "open"


async def test_what_is_sent_on_the_loop_is_with_the_kernel_before_the_loop_goes_on() -> None:
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url) as client:
            connection = apart.connection()
            client.send_audio(SECOND[:480])
            client.send_text("Hello.", respond=False)

            # The loop stands still until the peer has both.
            apart.run(connection.expect("input_audio_buffer.append"))
            apart.run(connection.expect("conversation.item.create"))


async def test_audio_and_commands_of_other_threads_go_out_while_the_loop_waits() -> None:
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url) as client:
            connection = apart.connection()
            for act in (
                lambda: client.send_audio(SECOND[:480]),
                lambda: client.send_text("Hello.", respond=False),
            ):
                in_thread(act)
            await soon(asyncio.wrap_future(apart.start(connection.expect("input_audio_buffer.append"))))
            await soon(asyncio.wrap_future(apart.start(connection.expect("conversation.item.create"))))


async def test_a_handler_may_send_and_disconnect() -> None:
    with Apart(Peer(send(CREATED), GO, send(text_delta("A"), text_delta("B")))) as apart:
        client = vw.RealtimeClient("m", url=apart.url)

        def act(event: vw.TextDelta) -> None:
            client.realtime.send(f"heard.{event.text}")
            if event.text == "B":
                client.disconnect()

        client.on(vw.TextDelta, act)
        await client.connect()
        events = aiter(client)
        client.realtime.send("go")
        closed = (await until(events, vw.Closed))[-1]
        connection = apart.connection()

    assert (closed.code, closed.clean) == (1000, True)
    assert [message["type"] for message in connection.received] == ["go", "heard.A", "heard.B"]


async def test_a_disconnect_of_another_thread_ends_the_session() -> None:
    with Apart(Peer(send(CREATED))) as apart:
        client = await vw.RealtimeClient("m", url=apart.url).connect()
        in_thread(client.disconnect)
        await soon(client.disconnect())

    assert client.state == "closed"


async def test_pings_go_out_of_a_loop_with_nothing_else_to_do() -> None:
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url, timeouts=vw.Timeouts(ping_interval=0.05)):
            connection = apart.connection()
            await soon(asyncio.wrap_future(apart.start(connection.heard(pings=4))))


async def test_a_silent_peer_is_given_up_by_a_loop_with_nothing_else_to_do() -> None:
    timeouts = vw.Timeouts(ping_interval=0.05, ping_timeout=0.1)
    with Apart(Peer(send(CREATED), reads=False)) as apart:
        client = await vw.RealtimeClient("m", url=apart.url, timeouts=timeouts).connect()
        closed = (await until(aiter(client), vw.Closed))[-1]

    assert closed.code == 1006


async def test_a_goodbye_without_an_answer_ends_on_a_loop_with_nothing_else_to_do() -> None:
    with Apart(Peer(send(CREATED), reads=False)) as apart:
        timeouts = vw.Timeouts(ping_interval=None, close=0.1)
        client = await vw.RealtimeClient("m", url=apart.url, timeouts=timeouts).connect()
        await soon(client.disconnect())

    assert client.state == "closed"


async def test_connect_times_out_on_a_loop_with_nothing_else_to_do() -> None:
    with Apart(Peer(upgrade=never())) as apart:
        client = vw.RealtimeClient("m", url=apart.url, timeouts=vw.Timeouts(connect=0.1))
        with pytest.raises(vw.ConnectTimeout):
            await soon(client.connect())


async def test_a_lost_connection_is_replaced_by_a_loop_with_nothing_else_to_do() -> None:
    reconnect = vw.Reconnect(initial_delay=0.05, jitter=0.0, min_session=0)
    peer = GeminiPeer([greet("one"), abort()], [greet("two")])
    with Apart(peer):
        async with gemini(peer, reconnect=reconnect) as client:
            taken = await until(aiter(client), vw.Reconnected)

    assert of(vw.Reconnecting, taken)


async def test_a_loop_stays_with_its_driver_whatever_is_configured_later() -> None:
    from voicewire.hub import hub_of

    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url):
            vw.configure(driver="thread")
            async with vw.RealtimeClient("m", url=apart.url):
                drivers = [hub_of(asyncio.get_running_loop()).turn_descriptor is not None]

        async def elsewhere() -> None:
            async with vw.RealtimeClient("m", url=apart.url):
                drivers.append(hub_of(asyncio.get_running_loop()).turn_descriptor is not None)

        await asyncio.to_thread(asyncio.run, elsewhere())

    assert drivers == [True, False]
