"""Full queues: an outbox that refuses, a flush that waits, an inbox that makes the socket wait."""

import asyncio
from typing import Any

import numpy as np
import pytest
from tests.integration.filling import SECOND, shrink, stuff
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, audio_delta, response_done, text_delta

import voicewire as vw

DELTAS = 400


async def test_a_peer_that_never_reads_makes_send_audio_raise_and_flush_wait() -> None:
    async with Peer(shrink, send(CREATED), reads=False) as peer:
        limits = vw.Limits(outbox_bytes=128 * 1024)
        client = vw.RealtimeClient("m", url=peer.url, limits=limits, timeouts=vw.Timeouts(close=0.1))
        await client.connect()
        await stuff(client)

        with pytest.raises(vw.BackpressureError):
            client.send_audio(SECOND)
        with pytest.raises(TimeoutError):
            await client.flush(timeout=0.05)

        assert 128 * 1024 <= client.stats()["outbox_bytes"] < 256 * 1024
        assert client.connected
        await soon(client.disconnect())


async def test_a_refused_chunk_is_not_taken_and_all_others_arrive_in_order() -> None:
    async with Peer(shrink, send(CREATED), reads=False) as peer:
        client = vw.RealtimeClient("m", url=peer.url, limits=vw.Limits(outbox_bytes=64 * 1024))
        async with client:
            connection = await peer.connection()
            numbers: list[int] = []
            while len(numbers) < 1000:
                try:
                    client.send_audio(np.full(24_000, len(numbers), np.int16))
                except vw.BackpressureError:
                    break
                numbers.append(len(numbers))
            connection.reading.set()
            await client.flush(timeout=10)
            client.send_audio(np.full(240, 7777, np.int16))
            await client.flush(timeout=10)
            await connection.expect("input_audio_buffer.append", len(numbers) + 1)

    sent = [int(vw.audio.base64_decode(message["audio"])[0]) for message in connection.received]
    assert sent == [*numbers, 7777]


async def test_commands_are_taken_while_the_outbox_is_full() -> None:
    async with Peer(shrink, send(CREATED), reads=False) as peer:
        client = vw.RealtimeClient("m", url=peer.url, limits=vw.Limits(outbox_bytes=64 * 1024))
        async with client:
            connection = await peer.connection()
            await stuff(client)

            client.commit_audio()
            connection.reading.set()

            assert await connection.expect("input_audio_buffer.commit")
    assert connection.received[-1]["type"] == "input_audio_buffer.commit"


async def test_flush_returns_when_all_is_written(client: vw.RealtimeClient, simulator: vw.Simulator) -> None:
    async with client:
        client.send_audio(SECOND)
        await client.flush(timeout=5)

        assert client.stats()["outbox_bytes"] == 0
        await simulator.wait_for("input_audio_buffer.append")


async def test_flush_ends_with_connection_closed_when_the_session_does() -> None:
    async with Peer(shrink, send(CREATED), reads=False) as peer:
        client = vw.RealtimeClient("m", url=peer.url, timeouts=vw.Timeouts(close=0.1))
        await client.connect()
        await stuff(client)
        flushing = asyncio.create_task(client.flush())
        await asyncio.sleep(0)

        await soon(client.disconnect())

        with pytest.raises(vw.ConnectionClosed):
            await soon(flushing)
    with pytest.raises(vw.ConnectionClosed):
        await client.flush()


async def test_disconnecting_with_a_full_outbox_takes_no_longer_than_the_close_timeout() -> None:
    async with Peer(shrink, send(CREATED), reads=False) as peer:
        client = vw.RealtimeClient("m", url=peer.url, timeouts=vw.Timeouts(close=0.2))
        await client.connect()
        await stuff(client)

        async with asyncio.timeout(3):
            await client.disconnect()

        assert client.state == "closed"


async def play_to_a_slow_reader(take: Any, **limits: int) -> tuple[list[Any], dict[str, float], float]:
    """Send much audio to a client that does not read until the peer is stuck; all events, stats, held bytes."""
    deltas = [audio_delta(np.full(12_000, number, np.int16)) for number in range(DELTAS)]
    async with (
        Peer(send(CREATED), expect("go"), send(*deltas, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url, limits=vw.Limits(**limits)) as client,
    ):
        connection = await peer.connection()
        events, proceed = take(client)
        client.realtime.send("go")
        await soon(connection.blocked.wait())
        held = client.stats()["inbox_bytes"]
        proceed()
        taken = await until(events, vw.TurnComplete)
        stats = client.stats()
    return taken, stats, held


def iterator(client: vw.RealtimeClient) -> Any:
    """A started iterator that waits for whoever reads it."""
    events = client.events(vw.AudioDelta, vw.TurnComplete)
    return aiter(events), lambda: None


def handler(client: vw.RealtimeClient) -> Any:
    """An async handler that is stuck at its first event."""
    resume = asyncio.Event()

    @client.on(vw.AudioDelta)
    async def stuck(event: vw.AudioDelta) -> None:
        await resume.wait()

    return client.events(vw.AudioDelta, vw.TurnComplete), resume.set


async def test_a_started_iterator_that_is_not_read_makes_the_socket_wait_and_then_all_arrives() -> None:
    events, stats, held = await play_to_a_slow_reader(iterator, inbox_bytes=256 * 1024)

    assert [int(event.audio[0]) for event in of(vw.AudioDelta, events)] == list(range(DELTAS))
    assert 256 * 1024 <= held < 4 * 1024 * 1024
    assert stats["read_paused_ms"] > 0
    assert stats["inbox_bytes"] < 256 * 1024


async def test_the_backlog_of_an_async_handler_makes_the_socket_wait() -> None:
    events, stats, held = await play_to_a_slow_reader(handler, inbox_bytes=256 * 1024)

    assert isinstance(events[-1], vw.TurnComplete)
    assert 256 * 1024 <= held < 4 * 1024 * 1024
    assert stats["read_paused_ms"] > 0


async def test_commands_go_out_and_pings_go_on_while_the_inbox_is_full() -> None:
    deltas = [audio_delta(np.full(12_000, 1, np.int16)) for _ in range(DELTAS)]
    timeouts = vw.Timeouts(ping_interval=0.05, ping_timeout=0.2)
    async with Peer(send(CREATED), expect("go"), send(*deltas, response_done())) as peer:
        limits = vw.Limits(inbox_bytes=64 * 1024)
        async with vw.RealtimeClient("m", url=peer.url, limits=limits, timeouts=timeouts) as client:
            connection = await peer.connection()
            events = aiter(client.events(vw.TurnComplete, vw.AudioDelta))
            client.realtime.send("go")
            await soon(connection.blocked.wait())
            client.realtime.send("while full")
            await connection.expect("while full")
            pings = client.stats()["pings"]

            assert client.connected
            await until(events, vw.TurnComplete)

    assert pings >= 1


async def test_a_client_can_be_disconnected_while_its_inbox_is_full() -> None:
    deltas = [audio_delta(np.full(12_000, 1, np.int16)) for _ in range(DELTAS)]
    async with Peer(send(CREATED), expect("go"), send(*deltas)) as peer:
        limits, timeouts = vw.Limits(inbox_bytes=64 * 1024), vw.Timeouts(close=0.2)
        client = await vw.RealtimeClient("m", url=peer.url, limits=limits, timeouts=timeouts).connect()
        connection = await peer.connection()
        events = aiter(client.events())
        client.realtime.send("go")
        await soon(connection.blocked.wait())

        await soon(client.disconnect())
        taken = await rest(events)

    assert isinstance(taken[-1], vw.Closed)
    assert len(of(vw.AudioDelta, taken)) > 0


async def test_an_iterator_that_is_thrown_away_gives_its_room_back() -> None:
    deltas = [audio_delta(np.full(12_000, 1, np.int16)) for _ in range(DELTAS)]
    async with Peer(send(CREATED), expect("go"), send(*deltas, response_done())) as peer:
        limits = vw.Limits(inbox_bytes=64 * 1024)
        async with vw.RealtimeClient("m", url=peer.url, limits=limits) as client:
            connection = await peer.connection()
            events = aiter(client.events(vw.AudioDelta))
            client.realtime.send("go")
            await soon(connection.blocked.wait())
            complete = asyncio.create_task(client.wait_for(vw.TurnComplete))
            await asyncio.sleep(0)

            del events

            assert (await soon(complete)).status == "completed"


async def test_many_small_events_are_bounded_as_well() -> None:
    texts = [text_delta(str(number)) for number in range(30_000)]
    async with Peer(send(CREATED), expect("go"), send(*texts, response_done())) as peer:
        limits = vw.Limits(inbox_bytes=64 * 1024)
        async with vw.RealtimeClient("m", url=peer.url, limits=limits) as client:
            connection = await peer.connection()
            events = aiter(client.events(vw.TextDelta, vw.TurnComplete))
            client.realtime.send("go")
            await soon(connection.blocked.wait())
            held = client.stats()["inbox_bytes"]
            taken = await until(events, vw.TurnComplete)

    assert held < 1024 * 1024
    assert [event.text for event in taken[:-1]] == [str(number) for number in range(30_000)]
