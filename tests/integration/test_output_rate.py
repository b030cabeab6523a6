"""``output_sample_rate``: the model's voice at the rate that the application wants."""

from typing import Any

import numpy as np
import pytest
from tests.integration.listening import of, soon, until
from tests.integration.peer import Peer, send
from tests.integration.wire import CREATED, audio_delta, response_created, response_done

import voicewire as vw

TONE = (8_000 * np.sin(np.arange(24_000) * 2 * np.pi * 300 / 24_000)).astype(np.int16)


def resampled(samples: Any, rate: int) -> Any:
    resampler = vw.audio.Resampler(24_000, rate)
    return np.concatenate([resampler.process(samples), resampler.flush()])


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_audio_comes_at_the_wanted_rate_whole(rate: int) -> None:
    deltas = [audio_delta(piece) for piece in np.array_split(TONE, 7)]
    async with (
        Peer(send(CREATED, response_created(), *deltas, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url, output_sample_rate=rate) as client,
    ):
        events = await until(aiter(client), vw.TurnComplete)

    audio = of(vw.AudioDelta, events)
    assert {(event.sample_rate, event.item_id, event.response_id) for event in audio} == {(rate, "item_1", "resp_1")}
    assert np.array_equal(np.concatenate([event.audio for event in audio]), resampled(TONE, rate))
    # What the resampler held back is a piece of its own, made by us.
    assert [event.raw is None for event in audio] == [False] * 7 + [True]


async def test_items_do_not_run_into_each_other() -> None:
    deltas = [audio_delta(TONE, item="item_1"), audio_delta(TONE, item="item_2")]
    async with (
        Peer(send(CREATED, response_created(), *deltas, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url, output_sample_rate=16_000) as client,
    ):
        events = await until(aiter(client), vw.TurnComplete)

    for item in ("item_1", "item_2"):
        heard = np.concatenate([event.audio for event in of(vw.AudioDelta, events) if event.item_id == item])
        assert np.array_equal(heard, resampled(TONE, 16_000))


async def test_the_rate_of_the_session_passes_untouched() -> None:
    async with (
        Peer(send(CREATED, response_created(), audio_delta(TONE), response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url, output_sample_rate=24_000) as client,
    ):
        events = await until(aiter(client), vw.TurnComplete)

    (delta,) = of(vw.AudioDelta, events)
    assert np.array_equal(delta.audio, TONE)


async def test_samples_that_were_played_are_counted_at_the_wanted_rate() -> None:
    async with (
        Peer(send(CREATED, response_created(), audio_delta(TONE))) as peer,
        vw.RealtimeClient("m", url=peer.url, output_sample_rate=8_000) as client,
    ):
        await until(aiter(client), vw.AudioDelta)
        client.report_played("item_1", 4_000)
        client.interrupt()
        interrupted = await soon(client.wait_for("interrupted"))
        cut = await (await peer.connection()).expect("conversation.item.truncate")

    assert (interrupted.heard_ms, cut["audio_end_ms"]) == (500, 500)


async def test_it_is_the_same_with_gemini() -> None:
    with vw.Simulator(pace=0) as simulator:
        client = vw.RealtimeClient(
            "gemini/gemini-3.8-live", url=simulator.gemini_url, api_key="k", output_sample_rate=16_000
        )
        async with client:
            reply = await soon(client.ask("Hello."))

    assert reply.sample_rate == 16_000
    assert len(reply.audio) > 1_600


@pytest.mark.parametrize("rate", [0, 3_999, 192_001, 8_000.5, "8000", True])
def test_a_rate_out_of_range_is_refused_by_name(rate: Any) -> None:
    with pytest.raises(vw.ConfigError, match="output_sample_rate"):
        vw.RealtimeClient("sim/demo", output_sample_rate=rate)
