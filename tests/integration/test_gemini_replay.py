"""Audio across a cut: what the server may not have read, or has not made a turn of, is sent again."""

import asyncio
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.integration.gemini_peer import (
    GeminiPeer,
    Link,
    LinkAction,
    abort,
    client,
    close,
    expect_input,
    greet,
    wait_for,
)
from tests.integration.listening import soon, until

import voicewire as vw

RATE = 16_000
CHUNK = RATE // 10


def chunk(number: int) -> Any:
    """A tenth of a second of a ramp."""
    return (np.arange(CHUNK) + number * CHUNK).astype(np.int16)


def ramp(begin: int, end: int) -> list[int]:
    return np.concatenate([chunk(number) for number in range(begin, end)]).tolist()  # type: ignore[no-any-return]


def chunks_until(count: int) -> LinkAction:
    return expect_input("audio", count)


async def turn_deaf(link: Link) -> None:
    """Give no pong: nothing is proved."""
    link.connection.answers_pings = False


async def second_half(policy: str, old: list[LinkAction], count: int, **options: Any) -> tuple[list[int], Any]:
    """What the second connection hears again of ``count`` chunks for the first, and how the client tells it."""
    leave = asyncio.Event()
    script = [*old, chunks_until(count), wait_for(leave), abort()]
    reconnect = vw.Reconnect(replay_audio=policy)  # type: ignore[arg-type]
    async with GeminiPeer(script, [greet("two")]) as peer, client(peer, reconnect=reconnect, **options) as session:
        for number in range(count):
            session.send_audio(chunk(number))
        await (await peer.link(0)).expect_input("audio", count)
        # One that rides behind the audio is answered before this one.
        await session.flush()
        await asyncio.wait([asyncio.create_task(session.ping(timeout=0.05))])
        leave.set()
        told = (await until(aiter(session), vw.Reconnected))[-1]
        await session.flush()
        assert await session.ping()
        return (await peer.link(1)).samples, told


async def test_what_no_pong_has_proved_read_is_sent_again() -> None:
    samples, told = await second_half("unproved", [greet("one"), turn_deaf], 20)

    assert samples == ramp(0, 20)
    assert (told.audio_resent_ms, told.audio_lost_ms) == (2000, 0)


async def test_by_default_the_last_half_second_is_sent_again_at_least() -> None:
    samples, told = await second_half("turn", [greet("one")], 20)

    assert samples[-5 * CHUNK :] == ramp(15, 20)
    assert told.audio_resent_ms == len(samples) * 1000 // RATE


async def test_nothing_is_sent_again_where_that_is_switched_off() -> None:
    samples, told = await second_half("none", [greet("one"), turn_deaf], 20)

    assert samples == []
    assert told.audio_resent_ms == 0


async def test_a_turn_made_by_hand_is_sent_again_from_its_start() -> None:
    samples, told = await second_half("turn", [greet("one")], 20, turn_detection=None)

    assert samples == ramp(0, 20)
    assert told.audio_resent_ms == 2000


async def test_without_pings_only_what_may_be_a_word_is_sent_again() -> None:
    samples, _ = await second_half("turn", [greet("one")], 20, timeouts=vw.Timeouts(ping_interval=None))

    assert samples == ramp(15, 20)


async def test_a_turn_made_by_hand_that_was_ended_is_not_sent_again() -> None:
    async with (
        GeminiPeer([greet("one"), expect_input("activityEnd"), expect_input("audio", 2), abort()], [greet()]) as peer,
        client(peer, turn_detection=None) as session,
    ):
        session.send_audio(chunk(0))
        session.commit_audio()
        session.send_audio(chunk(1))
        await until(aiter(session), vw.Reconnected)
        session.send_audio(chunk(2))
        session.commit_audio()
        second = await peer.link(1)
        await second.expect_input("activityEnd")

    turn = ("activityStart", "audio", "audio", "activityEnd")
    assert second.kinds == ["setup", *(f"realtimeInput.{kind}" for kind in turn)]
    assert second.samples == ramp(1, 3)


async def test_what_is_sent_again_comes_before_what_was_said_meanwhile() -> None:
    go_on = asyncio.Event()
    old = [greet("one"), turn_deaf, chunks_until(3), abort()]
    async with GeminiPeer(old, [wait_for(go_on), greet("two")]) as peer, client(peer) as session:
        for number in range(3):
            session.send_audio(chunk(number))
        events = aiter(session)
        await until(events, vw.Reconnecting)
        for number in range(3, 6):
            session.send_audio(chunk(number))
        go_on.set()
        await until(events, vw.Reconnected)
        await session.flush()
        assert await session.ping()

        assert (await peer.link(1)).samples == ramp(0, 6)


async def test_what_was_sent_again_and_cut_again_is_sent_a_third_time() -> None:
    old = [[greet(f"handle {number}"), turn_deaf, chunks_until(3), abort()] for number in range(2)]
    policy = vw.Reconnect(min_session=0)
    async with GeminiPeer(*old, [greet("last")]) as peer, client(peer, reconnect=policy) as session:
        events = aiter(session)
        for number in range(3):
            session.send_audio(chunk(number))
        await until(events, vw.Reconnected)
        await until(events, vw.Reconnected)
        await session.flush()
        assert await session.ping()

        assert [(await peer.link(number)).samples for number in range(3)] == [ramp(0, 3)] * 3


@pytest.mark.parametrize("loss", [abort(), close(1011)], ids=["cut", "close"])
async def test_no_sample_is_missing_from_the_union_and_none_comes_twice_in_a_session(loss: LinkAction) -> None:
    scripts = [[greet(f"handle {number}"), expect_input("audio", 20), loss] for number in range(3)]
    policy = vw.Reconnect(min_session=0, min_delay=0.001, max_delay=0.001)
    async with GeminiPeer(*scripts, [greet("last")]) as peer, client(peer, reconnect=policy) as session:
        outages = asyncio.create_task(reconnected(session, len(scripts)))
        sent = 0
        while not outages.done():
            session.send_audio(small(sent))
            sent += 1
            await asyncio.sleep(0)
        await outages
        session.send_audio(small(sent))
        await session.flush()
        assert await session.ping()
        heard = [(await peer.link(number)).samples for number in range(len(scripts) + 1)]

    # Each session hears one piece of the ramp, which wraps, and the pieces overlap or touch.
    assert all(set(np.diff(samples) % WRAP) == {1} for samples in heard)
    overlaps = [(first[-1] + 1 - second[0]) % WRAP for first, second in pairwise(heard)]
    assert all(overlap <= len(first) for overlap, first in zip(overlaps, heard, strict=False))
    assert heard[0][0] == 0
    assert heard[-1][-1] % WRAP == ((sent + 1) * SMALL - 1) % WRAP


WRAP = 1 << 16
SMALL = 16


def small(number: int) -> Any:
    return np.arange(number * SMALL, (number + 1) * SMALL).astype(np.int16)


async def reconnected(session: vw.RealtimeClient, times: int) -> None:
    events = aiter(session)
    for _ in range(times):
        await soon(until(events, vw.Reconnected))
