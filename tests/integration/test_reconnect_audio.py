"""Audio across a cut in the OpenAI family: no sample is missing, and none comes twice within a session."""

import asyncio
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.integration.lines import APPEND, UPDATE, Lines, client, cut, expect, greet, items, kinds, samples, wait_for
from tests.integration.listening import soon, until
from tests.integration.peer import Action, Connection, send
from tests.integration.wire import item_told, of_item, speech_started, speech_stopped

import voicewire as vw

RATE = 24_000
CHUNK = RATE // 10
UPDATED = {"type": "session.updated", "event_id": "event_updated", "session": {"type": "realtime"}}


def chunk(number: int) -> Any:
    """A tenth of a second of a numbered ramp."""
    return (np.arange(CHUNK) + number * CHUNK).astype(np.uint16).view(np.int16)


def ramp(begin: int, end: int) -> list[int]:
    return np.concatenate([chunk(number) for number in range(begin, end)]).tolist()  # type: ignore[no-any-return]


async def turn_deaf(connection: Connection) -> None:
    """Give no pong: nothing is proved read."""
    connection.answers_pings = False


async def second_half(count: int, *old: Action, policy: Any = "turn", **options: Any) -> tuple[list[int], Any]:
    """What the second connection hears again of ``count`` chunks for the first, and how the client tells it."""
    leave = asyncio.Event()
    reconnect = vw.Reconnect(replay_audio=policy)
    async with (
        Lines([greet(), *old, wait_for(leave), cut()], [greet(), expect("last")]) as peer,
        client(peer, reconnect=reconnect, **options) as session,
    ):
        events = aiter(session)
        for number in range(count):
            session.send_audio(chunk(number))
        await peer.sent(0, APPEND, count)
        # One that rides behind the audio is answered before this one; what was told has come with it.
        await session.flush()
        await asyncio.wait([asyncio.create_task(session.ping(timeout=0.05))])
        leave.set()
        told = (await until(events, vw.Reconnected))[-1]
        session.realtime.send("last")
        return samples(await peer.sent(1, "last")), told


async def test_what_no_pong_has_proved_read_is_sent_again() -> None:
    heard, told = await second_half(20, turn_deaf, policy="unproved")

    assert heard == ramp(0, 20)
    assert (told.audio_resent_ms, told.audio_lost_ms) == (2000, 0)


async def test_by_default_the_last_half_second_is_sent_again_at_least() -> None:
    heard, told = await second_half(20)

    assert heard[-5 * CHUNK :] == ramp(15, 20)
    assert told.audio_resent_ms == len(heard) * 1000 // RATE


async def test_nothing_is_sent_again_where_that_is_switched_off() -> None:
    heard, told = await second_half(20, turn_deaf, policy="none")

    assert (heard, told.audio_resent_ms) == ([], 0)


async def test_an_open_utterance_is_sent_again_from_its_start() -> None:
    heard, _ = await second_half(20, expect(APPEND, 20), send(speech_started(700)))

    assert heard == ramp(7, 20)


async def test_a_turn_that_the_server_has_made_is_not_sent_again() -> None:
    turn = [speech_started(300), speech_stopped(1700), of_item("input_audio_buffer.committed", "item_user")]
    heard, _ = await second_half(20, turn_deaf, expect(APPEND, 20), send(*turn))

    assert heard == ramp(17, 20)


async def test_a_turn_by_hand_is_sent_again_from_the_last_commit() -> None:
    committed = [of_item("input_audio_buffer.committed", "item_user"), item_told("added", "item_user")]
    leave = asyncio.Event()
    old = [greet(), expect(UPDATE), send(UPDATED), expect("input_audio_buffer.commit"), send(*committed)]
    async with (
        Lines([*old, wait_for(leave), cut()], [greet(), expect("last")]) as peer,
        client(peer, turn_detection=None) as session,
    ):
        events = aiter(session)
        for number in range(10):
            session.send_audio(chunk(number))
        await soon(session.commit_audio())
        for number in range(10, 20):
            session.send_audio(chunk(number))
        await peer.sent(0, APPEND, 20)
        leave.set()
        await until(events, vw.Reconnected)
        session.realtime.send("last")

        assert samples(await peer.sent(1, "last")) == ramp(10, 20)


async def test_a_turn_whose_commit_was_lost_can_be_committed_again() -> None:
    old = [greet(), expect("input_audio_buffer.commit"), cut()]
    new = [greet(), expect("input_audio_buffer.commit"), send(of_item("input_audio_buffer.committed", "item_user"))]
    async with Lines(old, new) as peer, client(peer, turn_detection=None) as session:
        for number in range(5):
            session.send_audio(chunk(number))
        with pytest.raises(vw.ConnectionClosed):
            await soon(session.commit_audio())
        await soon(session.commit_audio())
        sent = await peer.sent(1, "input_audio_buffer.commit")

    assert samples(sent) == ramp(0, 5)
    assert kinds(sent)[-1] == "input_audio_buffer.commit"


async def test_audio_of_an_outage_follows_what_is_sent_again() -> None:
    leave, go_on = asyncio.Event(), asyncio.Event()
    old = [greet(), expect(APPEND, 10), send(speech_started(0)), wait_for(leave), cut()]
    async with Lines(old, [wait_for(go_on), greet(), expect("last")]) as peer, client(peer) as session:
        events = aiter(session)
        for number in range(10):
            session.send_audio(chunk(number))
        await until(events, vw.SpeechStarted)
        leave.set()
        await until(events, vw.Reconnecting)
        for number in range(10, 20):
            session.send_audio(chunk(number))
        go_on.set()
        await until(events, vw.Reconnected)
        session.realtime.send("last")

        assert samples(await peer.sent(1, "last")) == ramp(0, 20)


async def test_audio_that_does_not_fit_the_ring_is_counted() -> None:
    go_on = asyncio.Event()
    async with (
        Lines([greet(), cut()], [wait_for(go_on), greet(), expect("last")]) as peer,
        client(peer, limits=vw.Limits(input_ring_ms=500)) as session,
    ):
        events = aiter(session)
        await until(events, vw.Reconnecting)
        for number in range(10):
            session.send_audio(chunk(number))
        go_on.set()
        told = (await until(events, vw.Reconnected))[-1]
        session.realtime.send("last")

        assert told.audio_lost_ms == 500
        assert samples(await peer.sent(1, "last")) == ramp(5, 10)


async def test_no_sample_is_missing_or_doubled_over_many_cuts() -> None:
    """The peer cuts in the midst of a stream, twice; a ramp shows each gap and each double."""
    leaves = [asyncio.Event(), asyncio.Event()]
    scripts = [[greet(), wait_for(leave), cut()] for leave in leaves]
    async with Lines(*scripts, [greet(), expect("last")]) as peer, client(peer) as session:
        events = aiter(session)
        for connection, leave in enumerate(leaves):
            for number in range(10):
                session.send_audio(chunk(15 * connection + number))
            await peer.sent(connection, APPEND, 10)
            leave.set()
            for number in range(10, 15):
                session.send_audio(chunk(15 * connection + number))
                await asyncio.sleep(0)
            await until(events, vw.Reconnected)
        session.realtime.send("last")
        await peer.sent(2, "last")

    lines = [samples(connection.received) for connection in peer.connections]
    assert all(is_ramp(line) for line in lines)
    assert all(overlaps(before, after) for before, after in pairwise(lines))
    assert lines[-1][-1] == int(chunk(29)[-1])


def is_ramp(line: list[int]) -> bool:
    """Whether each sample follows the one before it."""
    steps = np.diff(np.array(line, np.int16).view(np.uint16).astype(np.int64)) % (1 << 16)
    return bool((steps == 1).all())


def overlaps(before: list[int], after: list[int]) -> bool:
    """Whether a line begins at or before the end of the one before it."""
    return after[0] in before or (after[0] - before[-1]) % (1 << 16) == 1


async def test_kept_audio_of_a_turn_behind_a_cut_is_that_turns() -> None:
    turn = [speech_started(200), speech_stopped(600), of_item("input_audio_buffer.committed", "item_user")]
    leave = asyncio.Event()
    old = [greet(), expect(APPEND, 10), wait_for(leave), cut()]
    new = [greet(), expect(APPEND, 10), send(*turn, item_told("added", "item_user"))]
    policy = vw.Reconnect(replay_audio="none")
    async with Lines(old, new) as peer, client(peer, retain_audio_s=10, reconnect=policy) as session:
        events = aiter(session)
        for number in range(10):
            session.send_audio(chunk(number))
        await peer.sent(0, APPEND, 10)
        leave.set()
        await until(events, vw.Reconnected)
        for number in range(10, 20):
            session.send_audio(chunk(number))
        await until(events, vw.InputCommitted)

        assert session.conversation.get_item("item_user").audio.tolist() == ramp(12, 16)


async def test_a_spoken_turn_without_words_is_told_by_its_kept_audio() -> None:
    turn = [speech_started(200), speech_stopped(600), of_item("input_audio_buffer.committed", "item_user")]
    told = item_told("added", "item_user", content=[{"type": "input_audio", "transcript": None}])
    old = [greet(), expect(APPEND, 10), send(*turn, told), cut()]
    async with Lines(old, [greet(), expect("last")]) as peer, client(peer, retain_audio_s=10) as session:
        for number in range(10):
            session.send_audio(chunk(number))
        reconnected = (await until(aiter(session), vw.Reconnected))[-1]
        session.realtime.send("last")
        item = items(await peer.sent(1, "last"))[0]

    assert reconnected.restored == "replayed"
    assert samples([{"type": APPEND, "audio": item["content"][0]["audio"]}]) == ramp(2, 6)
