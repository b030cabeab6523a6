"""G.711, as phone lines speak it: passed through where the session takes it, decoded elsewhere."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import of, soon, until
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, audio_delta, response_created, response_done

import voicewire as vw

# Without the negative zero of µ-law, which a decoder takes for the positive one.
LINE = bytes(code for code in range(256) if code != 0x7F) * 32
WIRE = {"g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
UPDATED = {"type": "session.updated", "session": {"id": "sess_1", "type": "realtime"}}


def appended(messages: list[dict[str, Any]]) -> bytes:
    """Bytes of all appends, as they were sent."""
    return b"".join(base64.b64decode(m["audio"]) for m in messages if m["type"] == "input_audio_buffer.append")


@pytest.mark.parametrize("law", ["g711_ulaw", "g711_alaw"])
@pytest.mark.parametrize("dialect", ["ga", "beta", "xai"])
async def test_the_lines_bytes_go_out_and_come_back_as_they_are(law: Any, dialect: Any) -> None:
    with vw.Simulator(pace=0, beta="allow", dialect="xai" if dialect == "xai" else None) as simulator:
        simulator.script = [{"audio": "echo"}]
        options = {"input_format": law, "output_format": law, "turn_detection": None}
        async with vw.RealtimeClient("m", url=simulator.url, dialect=dialect, api_key="k", **options) as client:
            client.send_audio(LINE, encoding=law)
            client.commit_audio()
            client.create_response()
            events = await until(aiter(client), vw.TurnComplete)

    deltas = of(vw.AudioDelta, events)
    assert appended(simulator.received) == LINE
    assert b"".join(event.encoded for event in deltas) == LINE
    assert {(event.encoding, event.sample_rate, event.mime_type) for event in deltas} == {
        (law, 8_000, "audio/pcm;rate=8000")
    }
    heard = np.concatenate([event.audio for event in deltas])
    assert np.array_equal(heard, vw.audio.decode_g711(LINE, law.removeprefix("g711_")))


@pytest.mark.parametrize("law", ["g711_ulaw", "g711_alaw"])
async def test_samples_are_resampled_and_compressed_for_a_session_of_g711(law: Any) -> None:
    tone = (8_000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000)).astype(np.int16)
    async with (
        Peer(send(CREATED), expect("session.update"), send(UPDATED)) as peer,
        vw.RealtimeClient("m", url=peer.url, input_format=law) as client,
    ):
        client.send_audio(tone, sample_rate=24_000)
        client.commit_audio()
        connection = await peer.connection()
        update = await connection.expect("session.update")
        await connection.expect("input_audio_buffer.commit")

    assert update["session"]["audio"]["input"]["format"] == {"type": WIRE[law]}
    sent = vw.audio.decode_g711(appended(connection.received), law.removeprefix("g711_"))
    middle = slice(2_000, 6_000)
    expected = 8_000 * np.sin(np.arange(8_000) * 2 * np.pi * 440 / 8_000)
    assert len(sent) == 8_000
    assert np.abs(sent[middle] - expected[middle]).max() < 400


async def test_a_line_is_decoded_for_a_session_of_pcm16() -> None:
    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        client.send_audio(LINE, encoding="g711_ulaw")
        client.commit_audio()
        connection = await peer.connection()
        await connection.expect("input_audio_buffer.commit")

    samples = np.frombuffer(appended(connection.received), "<i2")
    resampler = vw.audio.Resampler(8_000, 24_000)
    decoded = vw.audio.decode_g711(LINE, "ulaw")
    assert np.array_equal(samples, np.concatenate([resampler.process(decoded), resampler.flush()]))


async def test_audio_sent_while_connecting_is_compressed_too() -> None:
    async with Peer(send(CREATED), expect("session.update"), send(UPDATED)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, input_format="g711_alaw")
        opening = asyncio.create_task(client.connect())
        await asyncio.sleep(0)
        client.send_audio(LINE, encoding="g711_alaw")
        await soon(opening)
        client.commit_audio()
        connection = await peer.connection()
        await connection.expect("input_audio_buffer.commit")
        await client.disconnect()

    assert appended(connection.received) == LINE


async def test_the_format_changes_while_the_session_runs() -> None:
    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        client.send_audio(np.zeros(240, np.int16))
        client.update_session(input_format="g711_ulaw")
        client.send_audio(LINE, encoding="g711_ulaw")
        client.commit_audio()
        connection = await peer.connection()
        await connection.expect("input_audio_buffer.commit")

    kinds = [message["type"] for message in connection.received]
    assert kinds[:2] == ["input_audio_buffer.append", "session.update"]
    assert appended(connection.received) == bytes(480) + LINE


async def test_what_the_server_says_of_its_format_counts() -> None:
    told = {**CREATED, "session": {**CREATED["session"], "audio": {"output": {"format": {"type": "audio/pcmu"}}}}}
    async with (
        Peer(send(told, response_created(), audio_delta(LINE), response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        events = await until(aiter(client), vw.TurnComplete)

    (delta,) = of(vw.AudioDelta, events)
    assert (delta.encoded, delta.encoding, delta.sample_rate, len(delta.audio)) == (LINE, "g711_ulaw", 8_000, len(LINE))


async def test_pcm16_has_its_bytes_too() -> None:
    data = bytes(range(100))
    async with (
        Peer(send(CREATED, response_created(), audio_delta(data), response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        events = await until(aiter(client), vw.TurnComplete)

    (delta,) = of(vw.AudioDelta, events)
    assert (delta.encoded, delta.encoding) == (data, "pcm16")


@pytest.mark.parametrize(
    ("samples", "options", "error", "told"),
    [
        (LINE, {"encoding": "mp3"}, ValueError, 'encoding is not one of pcm16, g711_ulaw, g711_alaw: "mp3"'),
        (
            LINE,
            {"encoding": "g711_ulaw", "sample_rate": 16_000},
            ValueError,
            "sample_rate of g711_ulaw is not 8000 Hz: 16000",
        ),
        (np.zeros(8, np.int16), {"encoding": "g711_alaw"}, TypeError, "samples is not bytes-like"),
        ("text", {"encoding": "g711_alaw"}, TypeError, "samples is not bytes-like"),
    ],
)
async def test_what_is_no_g711_names_the_argument(
    samples: Any, options: dict[str, Any], error: type[Exception], told: str
) -> None:
    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        with pytest.raises(error) as caught:
            client.send_audio(samples, **options)

    assert told in str(caught.value)


async def test_gemini_has_no_g711_and_says_so() -> None:
    with vw.Simulator(pace=0) as simulator:
        simulator.script = [{"audio": "echo"}]
        options = {"input_format": "g711_ulaw", "turn_detection": None}
        client = vw.RealtimeClient("gemini/gemini-3.8-live", url=simulator.gemini_url, api_key="k", **options)
        async with client:
            client.send_audio(LINE, encoding="g711_ulaw")
            client.commit_audio()
            events = await until(aiter(client), vw.TurnComplete)

    assert [event.fields for event in of(vw.ConfigMismatch, events)] == [["input_format"]]
    assert sum(len(event.audio) for event in of(vw.AudioDelta, events)) == len(LINE) * 3
