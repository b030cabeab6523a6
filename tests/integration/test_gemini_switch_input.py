"""What is sent while connections replace each other: all of it arrives, in order, and none of it twice."""

import asyncio
from itertools import chain
from typing import Any

import numpy as np
import pytest
from tests.integration.gemini_peer import (
    GeminiPeer,
    client,
    expect_input,
    go_away,
    greet,
    greet_after,
    say,
)
from tests.integration.listening import soon, until

import voicewire as vw

CHUNK = 160
SWITCHES = 3


def chunk(number: int) -> Any:
    """Part of a ramp: each sample is the one before plus one, and wraps."""
    return (np.arange(CHUNK) + number * CHUNK).astype(np.int16)


def ramp(chunks: int) -> list[int]:
    return np.concatenate([chunk(number) for number in range(chunks)]).tolist()  # type: ignore[no-any-return]


def leaving(number: int) -> Any:
    """Goes away as soon as it has heard something."""
    return [greet(f"handle {number}"), expect_input("audio", 3), say(go_away("50s"))]


def switching() -> GeminiPeer:
    return GeminiPeer(*(leaving(number) for number in range(SWITCHES)), [greet("last")])


async def everything(peer: GeminiPeer, chunks: int) -> list[list[int]]:
    """What each connection heard, once the last has all of the end."""
    links = [await peer.link(number) for number in range(len(peer.connections))]
    return [link.samples for link in links]


async def test_audio_sent_during_switches_arrives_once_and_in_order() -> None:
    async with switching() as peer, client(peer, reconnect=vw.Reconnect(min_session=0)) as session:
        switches = asyncio.create_task(counted(session, SWITCHES))
        chunks = 0
        while not switches.done():
            session.send_audio(chunk(chunks))
            chunks += 1
            await asyncio.sleep(0)
        session.send_audio(chunk(chunks))
        await switches
        await session.flush()

    heard = await everything(peer, chunks + 1)
    assert len(heard) == SWITCHES + 1
    assert all(heard)
    assert list(chain.from_iterable(heard)) == ramp(chunks + 1)
    assert session.stats()["audio_in_dropped_ms"] == 0


async def test_audio_sent_by_a_thread_during_switches_arrives_once_and_in_order() -> None:
    async with switching() as peer, client(peer, reconnect=vw.Reconnect(min_session=0)) as session:
        loop = asyncio.get_running_loop()
        switches = asyncio.create_task(counted(session, SWITCHES))

        def speak() -> int:
            chunks = 0
            while not switches.done():
                session.send_audio(chunk(chunks))
                chunks += 1
                # As fast as the loop turns: no faster, or the outbox would be full.
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
            return chunks

        chunks = await soon(asyncio.to_thread(speak))
        await switches
        await session.flush()

    heard = await everything(peer, chunks)
    assert len(heard) == SWITCHES + 1
    assert list(chain.from_iterable(heard)) == ramp(chunks)


async def counted(session: vw.RealtimeClient, switches: int) -> None:
    events = aiter(session)
    for _ in range(switches):
        await until(events, vw.Reconnected)


async def test_texts_given_during_a_switch_arrive_once_and_in_order() -> None:
    scripts = [[greet("one"), say(go_away("50s"))], [greet("two"), say(go_away("50s"))], [greet("three")]]
    async with GeminiPeer(*scripts) as peer, client(peer) as session:
        switches = asyncio.create_task(counted(session, 2))
        texts = 0
        while not switches.done():
            await session.send_text(f"text {texts}", respond=False)
            texts += 1
        await switches
        session.send_text("last", respond=True)
        await session.flush()
        links = [await peer.link(number) for number in range(3)]
        await links[-1].expect("clientContent")

    assert [text for link in links for text in link.texts] == [*(f"text {n}" for n in range(texts)), "last"]


async def test_a_turn_made_by_hand_is_whole_on_the_next_connection() -> None:
    old = [greet("one"), expect_input("audio"), say(go_away("5.2s"))]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer, turn_detection=None) as session:
        events = aiter(session)
        session.send_audio(chunk(0))
        await until(events, vw.Reconnected)
        session.send_audio(chunk(1))
        session.commit_audio()
        second = await peer.link(1)
        await second.expect_input("activityEnd")
        first = await peer.link(0)

    assert first.kinds == ["setup", "realtimeInput.activityStart", "realtimeInput.audio"]
    # The new connection knows nothing of the open turn: it gets all of it.
    heard = ("activityStart", "audio", "audio", "activityEnd")
    assert second.kinds == ["setup", *(f"realtimeInput.{kind}" for kind in heard)]
    assert second.samples == ramp(2)


async def test_audio_in_the_outbox_goes_to_the_next_connection() -> None:
    """The old connection is left in the turn in which it says that it goes: what waits behind is not for it."""
    go_on = asyncio.Event()
    async with GeminiPeer([greet("one"), say(go_away("50s"))], greet_after(go_on)) as peer, client(peer) as session:
        await peer.link(1)
        for number in range(10):
            session.send_audio(chunk(number))
        session.send_text("and this")
        go_on.set()
        second = await peer.link(1)
        await second.expect("clientContent")

        assert second.samples == ramp(10)
        assert second.kinds[-1] == "clientContent"
        assert (await peer.link(0)).samples == []


async def test_commands_given_during_a_switch_keep_their_place_among_the_audio() -> None:
    go_on = asyncio.Event()
    async with (
        GeminiPeer([greet("one"), say(go_away("50s"))], greet_after(go_on)) as peer,
        client(peer, turn_detection=None) as session,
    ):
        await peer.link(1)
        session.send_audio(chunk(0))
        first = session.commit_audio()
        session.send_audio(chunk(1))
        second = session.commit_audio()
        go_on.set()
        await soon(first)
        await soon(second)
        link = await peer.link(1)
        await link.expect_input("activityEnd", 2)

    turn = [f"realtimeInput.{kind}" for kind in ("activityStart", "audio", "activityEnd")]
    assert link.kinds == ["setup", *turn, *turn]


async def test_more_audio_than_is_kept_loses_the_oldest_and_says_so() -> None:
    go_on = asyncio.Event()
    limits = vw.Limits(input_ring_ms=100)
    async with (
        GeminiPeer([greet("one"), say(go_away("50s"))], greet_after(go_on)) as peer,
        client(peer, limits=limits) as session,
    ):
        await peer.link(1)
        for number in range(15):
            session.send_audio(chunk(number))
        go_on.set()
        reconnected = (await until(aiter(session), vw.Reconnected))[-1]
        await session.flush()
        await session.ping()

        assert reconnected.audio_lost_ms == 50
        assert session.stats()["audio_in_dropped_ms"] == 50
        assert (await peer.link(1)).samples == ramp(15)[5 * CHUNK :]


@pytest.mark.parametrize("respond", [True, False])
async def test_receipts_of_texts_given_during_a_switch_resolve(respond: bool) -> None:
    go_on = asyncio.Event()
    async with GeminiPeer([greet("one"), say(go_away("50s"))], greet_after(go_on)) as peer, client(peer) as session:
        await peer.link(1)
        receipt = session.send_text("Hello", respond=respond)
        flushed = asyncio.create_task(session.flush())
        answered = asyncio.create_task(session.ping())
        await asyncio.sleep(0)
        assert not receipt.done()
        go_on.set()

        assert await soon(receipt) is None
        await soon(flushed)
        assert await soon(answered)
