"""A recorder on a client: what was sent, what came, and where an interruption cut it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.integration.listening import until
from tests.integration.peer import Peer, send
from tests.integration.wire import CREATED, audio_delta, response_created, speech_started

import voicewire as vw

RATE = 24_000


def read(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        assert file.getframerate() == RATE
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


async def test_both_sides_of_a_call_are_recorded_and_cut_where_the_user_stopped_hearing(tmp_path: Path) -> None:
    said = np.arange(1, 2_401, dtype=np.int16)
    answer = np.full(48_000, 7)
    async with Peer(send(CREATED, response_created(), audio_delta(answer, item="a"))) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        recorder = vw.CallRecorder(tmp_path / "call.wav")
        recorder.attach(client)
        await client.connect()
        events = aiter(client)
        client.send_audio(said)
        await until(events, vw.AudioDelta)
        await client.report_played("a", 6_000)
        connection = await peer.connection()
        await connection.send(speech_started(100))
        await until(events, vw.Interrupted)
        recorder.close()
        client.send_audio(said)
        await client.disconnect()

    frames = read(tmp_path / "call.wav")
    heard = frames[:, 1][frames[:, 1] != 0]
    assert frames[:, 0][frames[:, 0] != 0].tolist() == said.tolist()
    assert heard.tolist() == [7] * 6_000


async def test_a_call_with_the_simulator_is_recorded(client: vw.RealtimeClient, tmp_path: Path) -> None:
    with vw.CallRecorder(tmp_path / "call.wav") as recorder:
        recorder.attach(client)
        async with client:
            client.send_audio(np.ones(1_600, np.int16), sample_rate=16_000)
            client.append_input_audio(np.ones(1_600, np.int16), sample_rate=16_000)
            reply = await client.ask("Hello.")

    frames = read(tmp_path / "call.wav")
    stats = recorder.stats()
    assert stats["user_ms"] >= 199
    assert np.count_nonzero(frames[:, 1]) == np.count_nonzero(reply.audio)
    assert stats["dropped_ms"] == 0


async def test_a_recorder_that_was_detached_hears_no_more(client: vw.RealtimeClient, tmp_path: Path) -> None:
    recorder = vw.CallRecorder(tmp_path / "call.wav")
    detach = recorder.attach(client)
    detach()
    detach()
    async with client:
        client.send_audio(np.ones(2_400, np.int16))
    recorder.close()

    assert len(read(tmp_path / "call.wav")) == 0


def test_a_call_of_a_sync_client_is_recorded(simulator: vw.Simulator, tmp_path: Path) -> None:
    client = vw.SyncRealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test")
    with vw.CallRecorder(tmp_path / "call.wav") as recorder:
        recorder.attach(client)
        with client:
            client.send_audio(np.ones(2_400, np.int16))
            reply = client.ask("Hello.")

    frames = read(tmp_path / "call.wav")
    assert frames[:2_400, 0].tolist() == [1] * 2_400
    assert np.count_nonzero(frames[:, 1]) == np.count_nonzero(reply.audio)
