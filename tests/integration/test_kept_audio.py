"""Audio that the conversation keeps: of the model and of the user, where it was asked for, and no more."""

from typing import Any

import numpy as np
import pytest
from tests.integration.listening import soon
from tests.integration.peer import Peer, expect, send
from tests.integration.playing import after
from tests.integration.wire import (
    CREATED,
    audio_delta,
    item_told,
    of_item,
    response_done,
    speech_started,
    speech_stopped,
)

import voicewire as vw

ASSISTANT: dict[str, Any] = {"role": "assistant", "status": "in_progress"}
RATE = 24_000
RAMP = np.arange(2 * RATE, dtype=np.int16)
TONE = (8000 * np.sin(np.arange(RATE) / 10)).astype(np.int16)
SILENCE = np.zeros(RATE, np.int16)


def committed(item: str) -> dict[str, Any]:
    return of_item("input_audio_buffer.committed", item, previous_item_id=None)


async def spoken(told: tuple[dict[str, Any], ...], *audio: Any, retain_audio_s: float) -> vw.RealtimeClient:
    """A client, closed again, that has sent the audio and then heard what was told."""
    async with (
        Peer(send(CREATED), expect("go"), send(*told, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url, retain_audio_s=retain_audio_s) as client,
    ):
        for samples in audio:
            client.send_audio(samples)
        client.realtime.send("go")
        await soon(client.wait_for(vw.TurnComplete))
    return client


async def test_nothing_is_kept_unless_asked_for(client: vw.RealtimeClient) -> None:
    async with client:
        client.send_audio(np.concatenate([SILENCE, TONE, SILENCE]))
        await soon(client.wait_for(vw.TurnComplete))

    user, assistant = client.conversation
    assert user.has_audio
    assert assistant.has_audio
    assert assistant.audio_ms > 0
    assert [len(item.audio) for item in (user, assistant)] == [0, 0]
    assert user.formatted.audio.dtype == np.int16


async def test_the_models_audio_is_kept_as_it_came(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, retain_audio_s=60) as client:
        reply = await soon(client.ask("Hello."))

    item = client.conversation.items[1]
    assert len(reply.audio) > 0
    assert item.audio.tolist() == reply.audio.tolist()
    assert item.formatted.audio.tolist() == reply.audio.tolist()
    assert (item.audio.dtype, item.audio.ndim, item.sample_rate) == (np.int16, 1, RATE)


async def test_each_reading_is_an_array_of_its_own() -> None:
    client = await after(item_told("added", "item_1", **ASSISTANT), audio_delta([1, 2]), retain_audio_s=1)

    item = client.conversation.items[0]
    item.audio[:] = 7
    assert item.audio.tolist() == [1, 2]


async def test_the_users_audio_is_what_was_sent_between_start_and_stop_of_speech() -> None:
    told = (speech_started(500, "u"), speech_stopped(1250, "u"), committed("u"), item_told("added", "u"))
    client = await spoken(told, RAMP[:RATE], RAMP[RATE:], retain_audio_s=60)

    item = client.conversation.items[0]
    assert item.audio.tolist() == RAMP[RATE // 2 : RATE * 5 // 4].tolist()
    assert item.sample_rate == RATE
    assert item.audio_ms == 750


async def test_the_users_audio_is_there_when_the_item_is_told(simulator: vw.Simulator) -> None:
    kept: list[int] = []
    async with vw.RealtimeClient("m", url=simulator.url, retain_audio_s=60) as client:
        client.once("conversation.item.appended", lambda update: kept.append(len(update.item.formatted.audio)))
        client.send_audio(np.concatenate([SILENCE, TONE, SILENCE]))
        await soon(client.wait_for(vw.TurnComplete))

    assert kept[0] >= len(TONE)


async def test_a_manual_turn_has_all_audio_since_the_last_one(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, retain_audio_s=60, turn_detection=None) as client:
        for turn in (RAMP[:RATE], RAMP[RATE:]):
            client.send_audio(turn)
            await soon(client.commit_audio())
        await soon(client.ping())

    first, second = client.conversation
    assert first.audio.tolist() == RAMP[:RATE].tolist()
    assert second.audio.tolist() == RAMP[RATE:].tolist()


async def test_audio_that_was_taken_back_is_in_no_turn(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, retain_audio_s=60, turn_detection=None) as client:
        client.send_audio(RAMP[:RATE])
        await soon(client.clear_audio())
        client.send_audio(RAMP[RATE:])
        await soon(client.commit_audio())

    assert client.conversation.items[0].audio.tolist() == RAMP[RATE:].tolist()


async def test_a_commit_that_was_refused_leaves_the_next_turn_its_audio(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, retain_audio_s=60, turn_detection=None) as client:
        with pytest.raises(vw.CommandRejected):
            await soon(client.commit_audio())
        client.send_audio(RAMP)
        await soon(client.commit_audio())

    assert client.conversation.items[0].audio.tolist() == RAMP.tolist()


async def test_audio_of_another_rate_is_kept_at_the_rate_of_the_wire(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, retain_audio_s=60, turn_detection=None) as client:
        client.send_audio(TONE, sample_rate=48_000)
        await soon(client.commit_audio())

    item = client.conversation.items[0]
    assert item.sample_rate == RATE
    assert len(item.audio) == pytest.approx(len(TONE) / 2, abs=200)


async def test_the_newest_seconds_of_the_model_are_kept() -> None:
    deltas = [audio_delta(np.full(RATE // 10, number, np.int16)) for number in range(30)]

    client = await after(item_told("added", "item_1", **ASSISTANT), *deltas, retain_audio_s=1)

    item = client.conversation.items[0]
    assert len(item.audio) <= RATE
    assert item.audio[-1] == 29
    assert item.audio[0] >= 19
    assert item.audio_ms == 3000


async def test_the_newest_seconds_of_the_user_are_kept() -> None:
    told = (speech_started(0, "u"), speech_stopped(2000, "u"), item_told("added", "u"))
    client = await spoken(told, RAMP, retain_audio_s=0.5)

    assert client.conversation.items[0].audio.tolist() == RAMP[-RATE // 2 :].tolist()


async def test_the_bound_holds_over_all_items_together() -> None:
    second = np.ones(RATE, np.int16)
    events = [
        (item_told("added", f"item_{number}", **ASSISTANT), audio_delta(second, item=f"item_{number}"))
        for number in range(5)
    ]

    client = await after(*(event for pair in events for event in pair), retain_audio_s=2)

    assert [len(item.audio) for item in client.conversation] == [0, 0, 0, RATE, RATE]


async def test_a_truncation_cuts_what_is_kept() -> None:
    client = await after(
        item_told("added", "item_1", **ASSISTANT),
        audio_delta(RAMP[:RATE]),
        audio_delta(RAMP[RATE:]),
        of_item("conversation.item.truncated", "item_1", content_index=0, audio_end_ms=1500),
        retain_audio_s=60,
    )

    assert client.conversation.items[0].audio.tolist() == RAMP[: RATE * 3 // 2].tolist()


async def test_clear_forgets_audio_and_what_follows_is_kept(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url, retain_audio_s=60)
    async with client:
        await soon(client.ask("Hello."))
        item = client.conversation.items[1]
        client.conversation.clear()
        reply = await soon(client.ask("Again."))

        assert len(item.audio) > 0
        assert client.conversation.items[-1].audio.tolist() == reply.audio.tolist()


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "60", None, True], ids=repr)
def test_seconds_that_are_none_are_refused_by_name(wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match="retain_audio_s") as caught:
        vw.RealtimeClient("openai/m", retain_audio_s=wrong)

    assert caught.value.field == "retain_audio_s"
