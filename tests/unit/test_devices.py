"""Microphone and speaker on devices that the test moves by hand."""

import asyncio
import logging
import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fake_devices import DEVICES, FakeBackend

import voicewire as vw
from voicewire.devices import FileBackend, Microphone, Speaker, dbfs, list_devices

CHUNK = 480
"""Samples of 20 ms."""


async def soon(awaitable: Any) -> Any:
    async with asyncio.timeout(5):
        return await awaitable


def tone(count: int) -> Any:
    return (8_000 * np.sin(np.arange(count) / 5)).astype(np.int16)


# Choosing


@pytest.mark.parametrize(
    ("wanted", "index"),
    [(None, None), (0, 0), (3, 3), ("built-in", 0), ("USB HEADSET", 2), ("two", 3), ("Built-in Microphone", 0)],
)
async def test_a_device_is_chosen_by_index_or_part_of_its_name(wanted: int | str | None, index: int | None) -> None:
    backend = FakeBackend()

    async with Microphone(wanted, backend=backend):
        pass

    assert [opened["device"] for opened in backend.opened] == [index]


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        (9, "no such microphone device=9, choose one of: 0: Built-in Microphone; 2: USB Headset; 3: USB Headset Two"),
        (1, "no such microphone"),
        ("Speaker", "no such microphone"),
        ("usb", "more than one microphone fits device='usb', choose one of: 2: USB Headset; 3: USB Headset Two"),
        (1.5, "neither index nor name"),
        (True, "neither index nor name"),
    ],
)
async def test_a_wrong_choice_lists_what_there_is(wanted: Any, part: str) -> None:
    with pytest.raises(vw.ConfigError) as caught:
        await Microphone(wanted, backend=FakeBackend()).start()

    assert part in str(caught.value)
    assert caught.value.field == "device"


async def test_a_speaker_is_chosen_among_speakers() -> None:
    backend = FakeBackend()

    async with Speaker("built-in", backend=backend):
        pass

    assert backend.opened == [{"device": 1, "sample_rate": 24_000, "latency": "low"}]


async def test_a_machine_without_microphones_says_so() -> None:
    with pytest.raises(vw.DeviceError, match="no microphone on this machine: plug one in") as caught:
        await Microphone(backend=FakeBackend(DEVICES[1:2])).start()

    assert caught.value.reason == "no_device"


def test_devices_are_listed() -> None:
    assert list_devices(FakeBackend()) == DEVICES
    assert str(DEVICES[2]) == "2: USB Headset"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sample_rate": 1_000},
        {"sample_rate": 24_000.0},
        {"chunk_ms": 0},
        {"chunk_ms": 2_000},
        {"queue_ms": 0},
    ],
)
def test_values_of_a_microphone_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(vw.ConfigError):
        Microphone(**wrong)


@pytest.mark.parametrize("wrong", [{"sample_rate": 1_000}, {"latency": -1}, {"latency": "short"}])
def test_values_of_a_speaker_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(vw.ConfigError):
        Speaker(**wrong)


# Levels


def test_levels_are_decibels_of_full_scale() -> None:
    assert dbfs(np.full(100, -32_768, np.int16)) == 0.0
    assert dbfs(np.full(100, 3_277, np.int16)) == pytest.approx(-20, abs=0.01)
    assert dbfs((32_767 * np.sin(np.arange(48_000))).astype(np.int16)) == pytest.approx(-10 * math.log10(2), abs=0.01)
    assert dbfs(np.zeros(100, np.int16)) == dbfs(np.zeros(0, np.int16)) == -96.0


async def test_the_level_of_a_microphone_is_told_on_the_loop() -> None:
    told: asyncio.Queue[tuple[float, bool]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    backend = FakeBackend()
    microphone = Microphone(
        on_level=lambda level: told.put_nowait((level, asyncio.get_running_loop() is loop)), backend=backend
    )

    async with microphone:
        backend.record(np.full(CHUNK, 3_277))
        level, is_here = await soon(told.get())

    assert is_here
    assert level == pytest.approx(-20, abs=0.01)


async def test_a_late_loop_is_told_the_newest_level_alone() -> None:
    told: list[float] = []
    backend = FakeBackend()

    async with Microphone(on_level=told.append, backend=backend):
        for _ in range(5):
            backend.record(np.zeros(CHUNK))
        backend.record(np.full(CHUNK, 3_277))
        await asyncio.sleep(0)

    assert told == [pytest.approx(-20, abs=0.01)]


async def test_the_level_of_a_speaker_is_told() -> None:
    told: asyncio.Queue[float] = asyncio.Queue()
    backend = FakeBackend()

    async with Speaker(on_level=told.put_nowait, backend=backend) as speaker:
        speaker.play(np.full(CHUNK, 3_277, np.int16))
        backend.take(CHUNK)
        level = await soon(told.get())

    assert level == pytest.approx(-20, abs=0.01)


# Microphone


async def test_recorded_chunks_are_iterated_over_in_order() -> None:
    backend = FakeBackend()

    async with Microphone(backend=backend) as microphone:
        backend.record(np.full(CHUNK, 1))
        backend.record(np.full(CHUNK, 2))
        chunks = [await soon(anext(microphone)) for _ in range(2)]

    assert [(chunk.dtype, chunk.shape, int(chunk[0])) for chunk in chunks] == [
        (np.dtype(np.int16), (CHUNK,), 1),
        (np.dtype(np.int16), (CHUNK,), 2),
    ]
    assert backend.opened == [{"device": None, "sample_rate": 24_000, "chunk": CHUNK}]
    assert not backend.streams[0].is_running


async def test_a_chunk_owns_its_samples() -> None:
    backend = FakeBackend()
    buffer = np.full(CHUNK, 5, np.int16)

    async with Microphone(backend=backend) as microphone:
        backend.record(buffer)
        buffer[:] = 9
        chunk = await soon(anext(microphone))

    assert set(chunk) == {5}


async def test_who_waits_for_a_chunk_is_woken_by_the_thread_of_the_device() -> None:
    backend = FakeBackend()

    async with Microphone(backend=backend) as microphone:
        waiting = asyncio.create_task(anext(microphone))
        await asyncio.sleep(0)
        await asyncio.to_thread(backend.record, np.full(CHUNK, 3))
        chunk = await soon(waiting)

    assert int(chunk[0]) == 3


async def test_iterating_starts_the_microphone_and_stopping_ends_the_iteration() -> None:
    backend = FakeBackend()
    microphone = Microphone(backend=backend)
    taken = []

    async def iterate() -> None:
        async for chunk in microphone:
            taken.append(int(chunk[0]))
            await microphone.stop()

    task = asyncio.create_task(iterate())
    while not backend.streams or not backend.streams[0].is_running:
        await asyncio.sleep(0)
    backend.record(np.full(CHUNK, 4))
    await soon(task)

    assert taken == [4]


async def test_the_oldest_chunks_are_dropped_and_counted() -> None:
    backend = FakeBackend()

    async with Microphone(backend=backend, queue_ms=60) as microphone:
        for number in range(10):
            backend.record(np.full(CHUNK, number))
        kept = [int((await soon(anext(microphone)))[0]) for _ in range(3)]

    assert (kept, microphone.dropped) == ([7, 8, 9], 7)


async def test_what_the_device_lost_is_counted() -> None:
    backend = FakeBackend()

    async with Microphone(backend=backend) as microphone:
        backend.record(np.ones(CHUNK), lost=True)

    assert (microphone.overflows, microphone.dropped) == (1, 0)


async def test_a_device_of_another_rate_is_resampled() -> None:
    backend = FakeBackend(rates={48_000})

    async with Microphone(backend=backend) as microphone:
        for _ in range(10):
            backend.record(tone(960))
        count = sum([len(await soon(anext(microphone))) for _ in range(10)])

    assert backend.opened == [{"device": None, "sample_rate": 48_000, "chunk": 960}]
    assert count == pytest.approx(10 * CHUNK, abs=100)


async def test_a_device_without_a_usable_rate_is_a_format_error() -> None:
    with pytest.raises(vw.DeviceError) as caught:
        await Microphone(backend=FakeBackend(rates=set())).start()

    assert caught.value.reason == "format"


async def test_a_microphone_that_goes_away_is_an_error_behind_what_was_recorded() -> None:
    backend = FakeBackend()
    microphone = await Microphone(backend=backend).start()
    backend.record(np.ones(CHUNK))
    backend.end(vw.DeviceError.of("no_device", "unplugged"))

    await soon(anext(microphone))
    with pytest.raises(vw.DeviceError, match="unplugged"):
        await soon(anext(microphone))

    await microphone.stop()


async def test_a_stopped_microphone_can_start_again() -> None:
    backend = FakeBackend()
    microphone = Microphone(backend=backend)
    async with microphone:
        backend.record(np.full(CHUNK, 1))

    async with microphone:
        backend.record(np.full(CHUNK, 2))
        chunk = await soon(anext(microphone))

    assert int(chunk[0]) == 2


async def test_a_microphone_that_starts_again_on_a_device_that_knows_its_rate_gives_its_samples() -> None:
    backend = FakeBackend(rates={48_000})
    microphone = Microphone(backend=backend)
    async with microphone:
        backend.record(np.ones(960))
    backend.rates = None

    async with microphone:
        backend.record(np.full(CHUNK, 2))
        chunk = await soon(anext(microphone))

    assert chunk.tolist() == [2] * CHUNK


async def test_a_microphone_that_gives_zeros_alone_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    backend = FakeBackend()

    with caplog.at_level(logging.WARNING, "voicewire"):
        async with Microphone(backend=backend):
            for _ in range(300):
                backend.record(np.zeros(CHUNK))

    assert [record.message.split(":")[0] for record in caplog.records] == ["the microphone gives nothing but zeros"]


# Speaker


async def test_what_is_queued_plays_in_order_and_then_there_is_silence() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.array([1, 2, 3], np.int16), "a")
        speaker.play(b"\x04\x00\x05\x00", "b")
        played = [backend.take(2), backend.take(2), backend.take(3)]

    assert played == [[1, 2], [3, 4], [5, 0, 0]]
    assert [(item.item_id, item.heard) for item in speaker.clock.items] == [("a", 3), ("b", 2)]


async def test_a_flush_silences_and_tells_what_was_heard() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.full(100, 1, np.int16), "a")
        speaker.play(np.full(100, 2, np.int16), "b")
        backend.take(130)
        heard = speaker.flush()
        after = backend.take(3)

    assert (heard, after, speaker.is_playing) == (30, [0, 0, 0], False)


async def test_late_audio_of_a_flushed_item_is_not_played() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.full(100, 1, np.int16), "a")
        speaker.flush()
        speaker.play(np.full(100, 1, np.int16), "a")
        speaker.play(np.full(100, 2, np.int16), "b")

        assert backend.take(1) == [2]


async def test_a_flush_of_a_silent_speaker_tells_the_whole_of_the_last_item() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        before = speaker.flush()
        speaker.play(np.full(100, 1, np.int16), "a")
        backend.take(200)

        assert (before, speaker.flush()) == (0, 100)


async def test_drained_waits_for_the_device() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.full(100, 1, np.int16), "a")
        waiting = asyncio.create_task(speaker.drained())
        backend.take(60)
        await asyncio.sleep(0)
        was_done = waiting.done()
        await asyncio.to_thread(backend.take, 60)
        await soon(waiting)

    assert not was_done


async def test_the_latency_of_the_device_is_subtracted() -> None:
    backend = FakeBackend(latency_ms=1_000)

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.full(30_000, 1, np.int16), "a")
        backend.take(24_480)
        heard = speaker.flush()

    assert 480 <= heard < 24_000
    assert speaker.clock.latency_ms == 1_000


async def test_a_gap_inside_an_item_is_an_underrun() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.full(100, 1, np.int16), "a")
        backend.take(200)
        speaker.play(np.full(100, 1, np.int16), "a")
        backend.take(200)
        speaker.play(np.full(100, 1, np.int16), "b")
        backend.take(200, late=True)

    assert (speaker.underruns, speaker.underflows) == (1, 1)


async def test_another_rate_is_resampled_and_counted_at_its_own() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(tone(1_600), "a", 16_000)
        backend.take(1_200)
        middle = speaker.clock.heard("a")
        backend.take(1_200)

    assert middle == pytest.approx(800, abs=40)
    assert speaker.clock.heard("a") == speaker.clock.received("a") == 1_600


async def test_a_device_of_another_rate_plays_what_waits_at_its_own() -> None:
    backend = FakeBackend(rates={48_000})
    speaker = Speaker(backend=backend)
    speaker.play(tone(2_400), "a")

    async with speaker:
        speaker.play(tone(2_400), "a")
        backend.take(7_200)
        middle = speaker.clock.heard("a")
        backend.take(2_400)

    assert (backend.opened[0]["sample_rate"], speaker.sample_rate) == (48_000, 24_000)
    assert middle == pytest.approx(3_600, abs=100)
    assert speaker.clock.heard("a") == 4_800


async def test_more_than_ten_minutes_do_not_wait() -> None:
    speaker = Speaker(sample_rate=4_000, backend=FakeBackend())
    minute = np.zeros(240_000, np.int16)

    for _ in range(12):
        speaker.play(minute, "a")

    assert speaker.dropped_ms == 120_000
    assert speaker.clock.received("a") == 2_400_000


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        (np.zeros(4, np.float64), TypeError),
        ([1, 2], TypeError),
        (np.zeros((2, 2), np.int16), ValueError),
        (b"odd", ValueError),
    ],
)
def test_what_is_no_audio_is_refused(samples: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="samples"):
        Speaker(backend=FakeBackend()).play(samples)


async def test_a_speaker_that_goes_away_is_an_error_for_all_who_use_it() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.full(100, 1, np.int16), "a")
        waiting = asyncio.create_task(speaker.drained())
        await asyncio.sleep(0)
        backend.end(vw.DeviceError.of("no_device", "unplugged"))

        with pytest.raises(vw.DeviceError, match="unplugged"):
            await soon(waiting)
        with pytest.raises(vw.DeviceError, match="unplugged"):
            speaker.play(np.full(100, 1, np.int16), "b")


# Files


async def test_a_file_speaks_and_a_file_listens(tmp_path: Path) -> None:
    vw.audio.write_wav(tmp_path / "in.wav", tone(4_800), 24_000)
    backend = FileBackend(tmp_path / "in.wav", tmp_path / "out.wav", silence_s=0.1)

    async with Microphone(backend=backend) as microphone, Speaker(backend=backend) as speaker:
        async with asyncio.timeout(5):
            recorded = np.concatenate([chunk async for chunk in microphone])
        speaker.play(recorded[:4_800], "a")
        await soon(speaker.drained())

    written, rate = vw.audio.read_wav(tmp_path / "out.wav")
    assert np.array_equal(recorded, np.concatenate([tone(4_800), np.zeros(2_400, np.int16)]))
    assert rate == 24_000
    assert np.array_equal(np.trim_zeros(written), np.trim_zeros(tone(4_800)))


async def test_a_file_that_is_no_wav_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_text("This is no WAV.")

    with pytest.raises(vw.ConfigError, match="not a usable WAV file"):
        await Microphone(backend=FileBackend(tmp_path / "in.wav")).start()


async def test_a_file_of_another_rate_is_resampled(tmp_path: Path) -> None:
    vw.audio.write_wav(tmp_path / "in.wav", tone(800), 8_000)

    async with Microphone(backend=FileBackend(tmp_path / "in.wav", silence_s=0)) as microphone, asyncio.timeout(5):
        recorded = np.concatenate([chunk async for chunk in microphone])

    assert len(recorded) == pytest.approx(2_400, abs=100)


def test_a_file_that_stops_half_way_is_a_whole_wav(tmp_path: Path) -> None:
    async def play() -> None:
        async with Speaker(backend=FileBackend(speaker=tmp_path / "out.wav")) as speaker:
            speaker.play(tone(24_000), "a")
            while speaker.clock.heard("a") == 0:
                await asyncio.sleep(0.001)

    asyncio.run(play())

    with wave.open(str(tmp_path / "out.wav")) as file:
        assert 0 < file.getnframes() < 24_000
