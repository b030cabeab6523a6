"""Many sessions of one loop: a noisy one takes its turns, a stuck one stands alone. Proved by counts, not by clocks."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import pytest
from tests.integration.apart import Apart
from tests.integration.filling import SECOND, shrink, stuff
from tests.integration.listening import soon
from tests.integration.peer import Connection, Peer, send
from tests.integration.wire import CREATED, text_delta

import voicewire as vw

# The long form has the thousand that a server holds.
QUIET = 1000 if os.environ.get("VOICEWIRE_LONG_TESTS") else 100
NOISE = 3000
Pair: TypeAlias = tuple[vw.RealtimeClient, Connection]


@asynccontextmanager
async def clients(
    apart: Apart, count: int, **options: object
) -> AsyncIterator[list[tuple[vw.RealtimeClient, Connection]]]:
    """Connected clients, each with its connection at the peer."""
    async with AsyncExitStack() as stack:
        made = []
        for number in range(count):
            client = await stack.enter_async_context(vw.RealtimeClient("m", url=apart.url, **options))
            made.append((client, apart.connection(number)))
        yield made


async def pour(noisy: Connection, quiet: list[Connection]) -> None:
    """Much for one session, and behind it a word for each of the others."""
    await noisy.deliver(*[text_delta(str(number)) for number in range(NOISE)])
    for connection in quiet:
        await connection.deliver(text_delta("a word"))


@pytest.mark.io_threads  # they read while the loop stands still
async def test_a_word_does_not_wait_behind_the_noise_of_another_session() -> None:
    heard: list[int] = []
    all_heard = asyncio.Event()

    def hear(number: int) -> None:
        heard.append(number)
        if len(heard) == NOISE + QUIET:
            all_heard.set()

    with Apart(Peer(send(CREATED))) as apart:
        async with clients(apart, QUIET + 1) as made:
            for number, (client, _) in enumerate(made):
                client.on(vw.TextDelta, lambda event, number=number: hear(number))
            (noisy, noise), *quiet = made
            apart.run(pour(noise, [connection for _, connection in quiet]))
            waiting = noisy.stats()
            await soon(all_heard.wait())
            counters = [client.stats() for client, _ in made]

    last_word = max(at for at, number in enumerate(heard) if number > 0)
    assert waiting["inbox_bytes"] > NOISE
    # A turn of each, and no more than another for those whose word came in between.
    assert heard[:last_word].count(0) <= 16
    assert [stats["inbox_bytes"] for stats in counters] == [0] * (QUIET + 1)
    assert [stats["messages_in"] for stats in counters] == [NOISE + 1] + [2] * QUIET
    assert sum(stats["read_paused_ms"] for stats in counters) == 0


@pytest.mark.io_threads  # they read while the loop stands still
async def test_events_of_one_session_stay_in_order_among_many() -> None:
    heard: dict[int, list[str]] = {number: [] for number in range(20)}
    done = asyncio.Event()

    def hear(number: int, text: str) -> None:
        heard[number].append(text)
        if sum(map(len, heard.values())) == 20 * 300:
            done.set()

    async def send_all(connections: list[Connection]) -> None:
        texts = [text_delta(str(number)) for number in range(300)]
        await asyncio.gather(*(connection.deliver(*texts) for connection in connections))

    with Apart(Peer(send(CREATED))) as apart:
        async with clients(apart, 20) as made:
            for number, (client, _) in enumerate(made):
                client.on(vw.TextDelta, lambda event, number=number: hear(number, event.text))
            apart.run(send_all([connection for _, connection in made]))
            await soon(done.wait())

    assert list(heard.values()) == [[str(number) for number in range(300)]] * 20


async def test_a_server_that_reads_nothing_holds_up_its_own_session_only() -> None:
    limits = vw.Limits(outbox_bytes=64 * 1024)
    with Apart(Peer(shrink, send(CREATED), reads=False)) as apart:
        async with clients(apart, QUIET // 5, limits=limits, timeouts=vw.Timeouts(close=0.1)) as made:
            (stuck, _), *others = made
            for _, connection in others:
                apart.run(release(connection))
            await stuff(stuck)
            for client, _ in others:
                client.send_audio(SECOND)
            for client, connection in others:
                await soon(client.flush())
                apart.run(connection.expect("input_audio_buffer.append"))
            held = stuck.stats()["outbox_bytes"]
            left = [client.stats()["outbox_bytes"] for client, _ in others]

    assert held >= 64 * 1024
    assert left == [0] * len(others)


async def release(connection: Connection) -> None:
    connection.reading.set()
