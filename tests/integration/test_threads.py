"""Many threads at one client and at one tool: nothing is lost, nothing panics, nobody waits for ever.

The lock of the interpreter changes hands every 10 µs here, which is as near as it comes to threads without one.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import soon, until
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, response_done, text_delta

import voicewire as vw

THREADS = 8
EACH = 50


@pytest.fixture(autouse=True)
def hasty_interpreter() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def hammer(work: Callable[[int], Any]) -> None:
    """Run the work in all threads at once; the first error of any is raised."""
    together, errors = threading.Barrier(THREADS), []

    def run(number: int) -> None:
        try:
            together.wait(10)
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert not any(thread.is_alive() for thread in threads)
    for error in errors:
        raise error


async def test_commands_of_many_threads_all_arrive_each_threads_in_order(
    client: vw.RealtimeClient, simulator: vw.Simulator
) -> None:
    def talk(number: int) -> None:
        for at in range(EACH):
            client.send_text(f"{number} {at}", respond=False)

    async with client:
        await asyncio.to_thread(hammer, talk)
        await soon(client.send_text("last", respond=False))

    items = [event["item"] for event in simulator.received if event["type"] == "conversation.item.create"]
    words = [item["content"][0]["text"].split() for item in items[:-1]]
    assert len(words) == THREADS * EACH
    for number in range(THREADS):
        assert [int(at) for of, at in words if of == str(number)] == list(range(EACH))


async def test_threads_may_look_at_a_client_while_events_pour_in() -> None:
    texts = [text_delta(str(number)) for number in range(3000)]

    async with (
        Peer(send(CREATED), expect("go"), send(*texts, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):

        def look(number: int) -> None:
            for _ in range(EACH):
                client.stats(), client.usage, client.state, repr(client), client.conversation.items, client.capabilities

        events = aiter(client.events(vw.TextDelta, vw.TurnComplete))
        looking = asyncio.create_task(asyncio.to_thread(hammer, look))
        client.realtime.send("go")
        taken = await until(events, vw.TurnComplete)
        await soon(looking)

    assert [event.text for event in taken[:-1]] == [str(number) for number in range(3000)]


async def test_handlers_come_and_go_in_threads_and_the_one_that_stays_hears_all() -> None:
    texts = [text_delta(str(number)) for number in range(3000)]
    heard: list[str] = []

    async with (
        Peer(send(CREATED), expect("go"), send(*texts, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):

        def come_and_go(number: int) -> None:
            for _ in range(EACH):
                leave = client.on(vw.TextDelta, lambda event: None)
                leave()

        client.on(vw.TextDelta, lambda event: heard.append(event.text))
        complete = asyncio.create_task(client.wait_for(vw.TurnComplete, timeout=10))
        working = asyncio.create_task(asyncio.to_thread(hammer, come_and_go))
        await asyncio.sleep(0)
        client.realtime.send("go")
        await soon(complete)
        await soon(working)

    assert heard == [str(number) for number in range(3000)]


async def test_one_event_may_be_read_by_all_threads_at_once() -> None:
    found: list[Any] = []

    async with (
        Peer(send(CREATED), expect("go"), send(text_delta("words"), response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        events = aiter(client.events(vw.TextDelta))
        client.realtime.send("go")
        event = await soon(anext(events))
        await asyncio.to_thread(hammer, lambda number: found.append((event.text, event.item_id, event.raw["delta"])))

    assert found == [("words", "item_1", "words")] * THREADS


def test_one_resampler_serves_all_threads_and_counts_every_sample() -> None:
    resampler = vw.audio.Resampler(24_000, 8_000)
    counts: list[int] = []

    def work(number: int) -> None:
        for _ in range(EACH):
            counts.append(len(resampler.process(np.ones(2400, np.int16))))

    hammer(work)

    assert sum(counts) + len(resampler.flush()) == pytest.approx(THREADS * EACH * 800, abs=800)


def test_clients_are_made_used_and_thrown_away_by_all_threads(simulator: vw.Simulator) -> None:
    answers: list[str] = []

    async def converse() -> None:
        async with vw.RealtimeClient("m", url=simulator.url) as client:
            answers.append((await client.ask("Hello.", timeout=10)).status)

    def work(number: int) -> None:
        for _ in range(3):
            asyncio.run(converse())

    hammer(work)

    assert answers == ["completed"] * (3 * THREADS)
