"""An event loop that stands still: nothing is lost, pings are answered; and what comes then comes in small helpings."""

import asyncio
import os

import numpy as np
import pytest
from tests.integration.apart import Apart
from tests.integration.listening import of, soon, until
from tests.integration.peer import Peer, send
from tests.integration.turns import helpings
from tests.integration.wire import CREATED, audio_delta, response_done, text_delta

import voicewire as vw

# Our pings come every 50 ms here: the loop stands still for 1 s, in the long form for 30.
PINGS = 600 if os.environ.get("VOICEWIRE_LONG_TESTS") else 20
PATIENCE_S = 60.0
pytestmark = pytest.mark.io_threads  # which read and answer while the loop stands still
TIMEOUTS = vw.Timeouts(ping_interval=0.05, ping_timeout=5.0)
MOST_PER_TURN = 256


def deltas(count: int) -> list[dict]:
    return [text_delta(str(number)) for number in range(count)]


async def test_a_loop_that_stands_still_loses_nothing_and_pings_are_answered() -> None:
    sent = [audio_delta(np.full(2400, number, np.int16)) for number in range(200)]
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url, timeouts=TIMEOUTS) as client:
            events = aiter(client.events(vw.AudioDelta, vw.TurnComplete))
            connection = apart.connection()
            apart.run(connection.deliver(*sent))
            apart.run(connection.heard(pings=PINGS, patience=PATIENCE_S), PATIENCE_S)
            apart.run(connection.deliver(response_done()))
            held, connected = client.stats(), client.connected

            taken = await until(events, vw.TurnComplete)
            after = client.stats()

    assert connected
    assert connection.pings >= PINGS
    assert [int(event.audio[0]) for event in of(vw.AudioDelta, taken)] == list(range(200))
    assert held["inbox_bytes"] > 200 * 4800
    assert (after["inbox_bytes"], after["read_paused_ms"], after["messages_in"]) == (0, 0, 202)


async def test_a_loop_that_stands_still_beyond_the_bounds_makes_the_socket_wait_and_loses_nothing() -> None:
    sent = [audio_delta(np.full(12_000, number, np.int16)) for number in range(400)]
    limits = vw.Limits(inbox_bytes=64 * 1024)
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url, timeouts=TIMEOUTS, limits=limits) as client:
            events = aiter(client.events(vw.AudioDelta, vw.TurnComplete))
            connection = apart.connection()
            sending = apart.start(connection.send(*sent, response_done()))
            apart.run(connection.blocked.wait())
            apart.run(connection.heard(pings=connection.pings + PINGS, patience=PATIENCE_S), PATIENCE_S)
            held, connected = client.stats(), client.connected

            taken = await until(events, vw.TurnComplete)
            await soon(asyncio.wrap_future(sending))
            after = client.stats()

    assert connected
    assert 64 * 1024 <= held["inbox_bytes"] < 4 * 1024 * 1024
    assert [int(event.audio[0]) for event in of(vw.AudioDelta, taken)] == list(range(400))
    assert after["read_paused_ms"] > 0
    assert (after["inbox_bytes"], after["audio_out_dropped_ms"]) == (0, 0)


@pytest.mark.parametrize("count", [600, 6000])
async def test_no_turn_of_the_loop_handles_more_than_its_helping(count: int) -> None:
    heard: list[object] = []
    done = asyncio.Event()
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url) as client:
            client.on(vw.TextDelta, heard.append)
            client.on(vw.TurnComplete, lambda event: done.set())
            apart.run(apart.connection().deliver(*deltas(count), response_done()))
            with helpings(heard) as counts:
                await soon(done.wait())

    assert [event.text for event in heard] == [str(number) for number in range(count)]
    assert max(counts) <= MOST_PER_TURN


async def test_an_iterator_that_is_behind_does_not_keep_the_loop_either() -> None:
    heard: list[object] = []
    with Apart(Peer(send(CREATED))) as apart:
        async with vw.RealtimeClient("m", url=apart.url) as client:
            events = aiter(client.events(vw.TextDelta, vw.TurnComplete))
            apart.run(apart.connection().deliver(*deltas(600), response_done()))
            with helpings(heard) as counts:
                async for event in events:
                    heard.append(event)
                    if isinstance(event, vw.TurnComplete):
                        break

    assert len(heard) == 601
    assert max(counts) <= MOST_PER_TURN
