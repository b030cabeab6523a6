"""Whole calls against the simulator: a microphone that speaks a file in real time, and speakers that count."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import soon

import voicewire as vw
from voicewire.devices import FileBackend, Microphone, Speaker
from voicewire.voice_report import TurnLatency

RATE = 24_000
FULL = Path("/dev/full")
SPEECH = (9000 * np.sin(np.arange(RATE) / 10)).astype(np.int16)
LONG_ANSWER = "A long answer, which goes on and on, until somebody speaks over it, as people do when they are bored."
VAD = {"turn_detection": vw.ServerVAD(), "input_transcription": True}


def pause(seconds: float) -> Any:
    return np.zeros(round(seconds * RATE), np.int16)


def devices(folder: Path, *pieces: Any, silence_s: float = 1.0) -> tuple[Microphone, Speaker]:
    """A microphone that speaks the pieces, and a speaker that writes ``out.wav``."""
    vw.audio.write_wav(folder / "in.wav", np.concatenate(pieces), RATE)
    backend = FileBackend(folder / "in.wav", folder / "out.wav", silence_s=silence_s)
    return Microphone(backend=backend), Speaker(backend=backend)


def written(folder: Path) -> Any:
    return vw.audio.read_wav(folder / "out.wav")[0]


class Endless:
    """A microphone that gives silence until it is told to end."""

    def __init__(self) -> None:
        self.chunks: asyncio.Queue[Any] = asyncio.Queue()

    def say(self, samples: Any) -> None:
        for start in range(0, len(samples), 480):
            self.chunks.put_nowait(samples[start : start + 480])

    def end(self) -> None:
        self.chunks.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (chunk := await self.chunks.get()) is not None:
            yield chunk


class Collector:
    """A speaker without a clock of its own."""

    def __init__(self) -> None:
        self.played: list[tuple[int, str | None, int | None]] = []
        self.flushed = 0

    def play(self, samples: Any, item_id: str | None = None, sample_rate: int | None = None) -> None:
        self.played.append((len(samples), item_id, sample_rate))

    def flush(self) -> None:
        self.flushed += 1


@pytest.fixture(params=[1, 12])
def pace(request: pytest.FixtureRequest) -> Any:
    """Times of real time: an answer that is spoken while it is made, and one that is made ahead as services do."""
    return request.param


@pytest.fixture
def paced(pace: float) -> Any:
    """A simulator with 20 ms of network."""
    script = [{"say": LONG_ANSWER, "audio": "tone"}]
    with vw.Simulator(pace=pace, latency_ms=20, delta_ms=100, script=script) as started:
        yield started


@pytest.mark.slow
async def test_a_spoken_question_is_answered_at_the_speaker(paced: vw.Simulator, tmp_path: Path) -> None:
    paced.script = [{"transcript": "How are you?", "say": "Fine.", "audio": "tone"}]
    microphone, speaker = devices(tmp_path, SPEECH)
    said: list[tuple[str, str, bool]] = []

    async with vw.RealtimeClient("m", url=paced.url, **VAD) as client:
        report = await soon(client.run_voice(microphone, speaker, on_transcript=lambda *told: said.append(told)))

    assert (report.turns, report.interruptions, report.reconnects) == (1, 0, 0)
    assert ("user", "How are you?", True) in said
    assert said[-1] == ("model", "Fine.", True)
    assert np.count_nonzero(written(tmp_path)) >= 0.9 * RATE * report.received_s > 0
    assert report.sent_s == pytest.approx(2.0, abs=0.05)
    assert (microphone.is_open, speaker.is_open) == (False, False)


@pytest.mark.slow
async def test_what_is_cut_is_what_the_speaker_played(paced: vw.Simulator, tmp_path: Path) -> None:
    microphone, speaker = devices(tmp_path, SPEECH, pause(1.5), SPEECH)

    async with vw.RealtimeClient("m", url=paced.url, **VAD) as client:
        clock = client.playback
        call = asyncio.create_task(client.run_voice(microphone, speaker))
        interrupted = await soon(client.wait_for(vw.Interrupted))
        truncated = await soon(paced.wait_for("conversation.item.truncate"))
        call.cancel()
        await asyncio.wait([call])
        item_id = interrupted.item_id

    played = np.count_nonzero(np.trim_zeros(written(tmp_path)))
    reported = clock.heard(item_id)
    assert reported == speaker.clock.heard(item_id)
    assert reported == pytest.approx(played, abs=RATE // 100)
    assert truncated["item_id"] == item_id
    assert 0 < truncated["audio_end_ms"] <= 1000 * reported / RATE
    assert truncated["audio_end_ms"] == pytest.approx(1000 * reported / RATE, abs=100)
    assert not interrupted.estimated


@pytest.mark.slow
async def test_a_call_goes_on_after_an_interruption(paced: vw.Simulator, tmp_path: Path) -> None:
    paced.script = [{"say": LONG_ANSWER, "audio": "tone", "once": True}, {"say": "Yes.", "audio": "tone"}]
    microphone, speaker = devices(tmp_path, SPEECH, pause(1.0), SPEECH)

    async with vw.RealtimeClient("m", url=paced.url, **VAD) as client:
        report = await soon(client.run_voice(microphone, speaker))

    assert (report.turns, report.interruptions) == (2, 1)
    assert len(report.latencies) == 2


@pytest.mark.slow
@pytest.mark.noisy
@pytest.mark.parametrize("pace", [12], indirect=True)
async def test_an_answer_is_heard_within_400_ms_of_the_end_of_speech(paced: vw.Simulator, tmp_path: Path) -> None:
    microphone, speaker = devices(tmp_path, SPEECH)
    told: list[TurnLatency] = []

    async with vw.RealtimeClient("m", url=paced.url, **VAD) as client:
        call = asyncio.create_task(client.run_voice(microphone, speaker, on_latency=told.append))
        await soon(client.wait_for(vw.TurnComplete))
        call.cancel()
        await asyncio.wait([call])

    print(f"first audio {told[0].first_audio_ms} ms, heard {told[0].first_heard_ms} ms after the end of speech")
    assert 200 <= told[0].first_audio_ms <= told[0].first_heard_ms < 400


@pytest.mark.slow
async def test_half_duplex_hears_nothing_while_the_speaker_plays(paced: vw.Simulator, tmp_path: Path) -> None:
    paced.script = [{"say": "Yes, all of it and at length.", "audio": "tone"}]
    microphone, speaker = devices(tmp_path, SPEECH, pause(1.0), SPEECH[: RATE // 2])

    async with vw.RealtimeClient("m", url=paced.url, **VAD) as client:
        report = await soon(client.run_voice(microphone, speaker, half_duplex=True))

    assert (report.turns, report.interruptions) == (1, 0)
    assert report.sent_s == pytest.approx(3.5, abs=0.05)


async def test_anything_that_iterates_and_anything_that_plays_will_do(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "Yes.", "audio": "tone"}]
    microphone, speaker = Endless(), Collector()

    async with vw.RealtimeClient("m", url=simulator.url, **VAD) as client:
        call = asyncio.create_task(client.run_voice(microphone, speaker))
        microphone.say(np.concatenate([SPEECH, pause(1.0)]))
        microphone.end()
        report = await soon(call)

    assert {(item_id is None, rate) for _, item_id, rate in speaker.played} == {(False, RATE)}
    assert sum(count for count, _, _ in speaker.played) == round(report.received_s * RATE) > 0
    assert report.turns == 1


async def test_an_interruption_flushes_a_speaker_without_a_clock(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": LONG_ANSWER, "audio": "tone"}]
    microphone, speaker = Endless(), Collector()

    async with vw.RealtimeClient("m", url=simulator.url, **VAD) as client:
        call = asyncio.create_task(client.run_voice(microphone, speaker))
        microphone.say(np.concatenate([SPEECH, pause(1.0)]))
        await soon(client.wait_for(vw.TurnComplete))
        microphone.say(SPEECH)
        await soon(client.wait_for(vw.Interrupted))
        await client.disconnect()
        report = await soon(call)

    assert (speaker.flushed, report.interruptions) == (1, 1)


async def test_a_call_opens_and_closes_the_session_that_nobody_opened(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url, **VAD)
    microphone = Endless()
    microphone.end()

    await soon(client.run_voice(microphone, Collector()))

    assert client.state == "closed"
    assert len(simulator.connections) == 1


async def test_a_session_that_a_call_opens_has_turns_and_transcripts(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url)
    microphone = Endless()
    microphone.end()

    await soon(client.run_voice(microphone, Collector(), on_transcript=print))

    told = simulator.assert_sent("session.update")["session"]["audio"]["input"]
    assert told["turn_detection"] == vw.ServerVAD().to_dict()
    assert "transcription" in told


async def test_options_of_the_client_come_before_those_of_a_call(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url, turn_detection=None, input_transcription=None)
    microphone = Endless()
    microphone.end()

    await soon(client.run_voice(microphone, Collector(), on_transcript=print))

    told = simulator.assert_sent("session.update")["session"]["audio"]["input"]
    assert (told["turn_detection"], told["transcription"]) == (None, None)


async def test_a_call_ends_when_the_session_is_closed(client: vw.RealtimeClient) -> None:
    async with client:
        call = asyncio.create_task(client.run_voice(Endless(), Collector()))
        await asyncio.sleep(0)
        await client.disconnect()

        report = await soon(call)

    assert report.turns == 0


async def test_a_lost_connection_is_an_error(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, reconnect=None) as client:
        call = asyncio.create_task(client.run_voice(Endless(), Collector()))
        await asyncio.sleep(0)
        simulator.stop()

        with pytest.raises(vw.VoicewireError):
            await soon(call)


async def test_tools_answer_while_the_call_goes_on(simulator: vw.Simulator) -> None:
    simulator.script = [
        {"when": {"turn": 1}, "tools": [{"name": "clock", "arguments": {}}]},
        {"when": {"turn": 2}, "say": "Noon.", "audio": "tone"},
    ]
    microphone, speaker = Endless(), Collector()
    client = vw.RealtimeClient("m", url=simulator.url, **VAD)

    @client.tool
    def clock() -> str:
        """Tell the time."""
        return "12:00"

    async with client:
        call = asyncio.create_task(client.run_voice(microphone, speaker))
        microphone.say(np.concatenate([SPEECH, pause(1.0)]))
        microphone.end()
        report = await soon(call)

    assert report.turns == 2
    assert speaker.played
    assert len(report.latencies) == 1


async def test_a_gate_decides_what_is_sent(simulator: vw.Simulator) -> None:
    microphone = Endless()
    microphone.say(np.concatenate([SPEECH, pause(1.0)]))
    microphone.end()

    def loud(chunk: Any) -> Any:
        return chunk if chunk.any() else chunk[:0]

    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        report = await soon(client.run_voice(microphone, Collector(), gate=loud))

    assert report.sent_s == pytest.approx(1.0)


async def test_a_gate_may_be_an_object_that_processes(simulator: vw.Simulator) -> None:
    class Closed:
        def process(self, chunk: Any) -> Any:
            return chunk[:0]

    microphone = Endless()
    microphone.say(SPEECH)
    microphone.end()

    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        report = await soon(client.run_voice(microphone, Collector(), gate=Closed()))

    assert report.sent_s == 0


@pytest.mark.parametrize("wrong", [{"gate": 1}, {"half_duplex": "yes"}])
async def test_wrong_options_are_refused(client: vw.RealtimeClient, wrong: dict[str, Any]) -> None:
    with pytest.raises(vw.ConfigError):
        await client.run_voice(Endless(), Collector(), **wrong)


async def test_a_callback_that_raises_does_not_end_the_call(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "Yes.", "audio": "tone"}]
    microphone = Endless()
    errors: list[vw.ErrorEvent] = []

    def broken(*told: object) -> None:
        raise RuntimeError("mine")

    async with vw.RealtimeClient("m", url=simulator.url, **VAD) as client:
        client.on(vw.ErrorEvent, errors.append)
        call = asyncio.create_task(client.run_voice(microphone, Collector(), on_transcript=broken))
        microphone.say(np.concatenate([SPEECH, pause(1.0)]))
        microphone.end()
        report = await soon(call)

    assert report.turns == 1
    assert "RuntimeError('mine')" in str(errors[0].error)


async def test_a_microphone_that_fails_ends_the_call(client: vw.RealtimeClient) -> None:
    async def failing() -> AsyncIterator[Any]:
        yield SPEECH[:480]
        raise vw.DeviceError.of("no_device", "unplugged")

    async with client:
        with pytest.raises(vw.DeviceError, match="unplugged"):
            await soon(client.run_voice(failing(), Collector()))


@pytest.mark.skipif(not FULL.exists(), reason="no file that is always full")
async def test_a_speaker_whose_file_cannot_be_written_ends_the_call(simulator: vw.Simulator, tmp_path: Path) -> None:
    vw.audio.write_wav(tmp_path / "in.wav", SPEECH, RATE)
    backend = FileBackend(tmp_path / "in.wav", FULL)
    client = vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="k")

    with pytest.raises(vw.DeviceError, match="No space left on device"):
        await soon(client.run_voice(Microphone(backend=backend), Speaker(backend=backend)))

    assert client.state == "closed"


async def test_a_cancelled_call_leaves_the_session_open(client: vw.RealtimeClient) -> None:
    async with client:
        call = asyncio.create_task(client.run_voice(Endless(), Collector()))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])

        assert client.connected


@pytest.mark.slow
async def test_the_microphone_goes_on_while_a_lost_connection_is_replaced(tmp_path: Path) -> None:
    faults = [{"kind": "drop", "after_ms": 300, "connection": 0}]
    script = [{"say": "Yes.", "audio": "tone"}]
    microphone, speaker = devices(tmp_path, SPEECH, silence_s=2.0)

    with vw.Simulator(latency_ms=20, script=script, faults=faults) as simulator:
        client = vw.RealtimeClient("gemini/gemini-2.5-flash-native-audio", url=simulator.gemini_url, api_key="k")
        report = await soon(client.run_voice(microphone, speaker))
        connections = len(simulator.connections)

    assert (connections, report.reconnects, report.turns) == (2, 1, 1)
    assert report.sent_s == pytest.approx(3.0, abs=0.05)
    assert np.count_nonzero(written(tmp_path)) > 0
