"""The threads of sound cards: their callbacks wait for nobody, whatever the application holds."""

import asyncio
import itertools
import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.fake_devices import FakeBackend, HeldBackend

from voicewire.devices import Microphone, Speaker

CHUNK = 480


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_level_that_is_being_told_does_not_hold_up_the_microphone() -> None:
    backend = FakeBackend()
    levels: list[float] = []
    more = itertools.chain([np.full(CHUNK, 328)])

    def tell(level: float) -> None:
        for chunk in more:
            backend.record(chunk)
        levels.append(level)

    async with Microphone(on_level=tell, backend=backend):
        backend.record(np.full(CHUNK, 3_277))
        await settle()

    assert levels == [pytest.approx(-20, abs=0.01), pytest.approx(-40, abs=0.1)]


async def test_a_level_handler_that_raises_is_called_again() -> None:
    backend = FakeBackend()
    levels: list[float] = []
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))

    def tell(level: float) -> None:
        levels.append(level)
        raise RuntimeError("no display")

    async with Microphone(on_level=tell, backend=backend):
        for _ in range(2):
            backend.record(np.full(CHUNK, 3_277))
            await settle()

    assert (len(levels), len(failures)) == (2, 2)


async def test_a_log_that_blocks_does_not_hold_up_the_microphone(caplog: pytest.LogCaptureFixture) -> None:
    backend = FakeBackend()

    with caplog.at_level(logging.WARNING, "voicewire"):
        async with Microphone(backend=backend):
            caplog.handler.acquire()
            for _ in range(101):
                backend.record(np.zeros(CHUNK))
            caplog.handler.release()
            await settle()

    assert len(caplog.records) == 1


async def test_a_reader_in_the_middle_of_a_chunk_does_not_hold_up_the_microphone() -> None:
    backend = FakeBackend()

    async with Microphone(backend=backend) as microphone:
        reader = asyncio.create_task(anext(microphone))
        await settle()
        for _ in range(3):
            backend.record(np.ones(CHUNK))
        chunk = await reader

    assert len(chunk) == CHUNK


async def test_who_holds_speaker_and_clock_does_not_hold_up_the_device() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.ones(300, np.int16), "a")
        with speaker._lock, speaker.clock._lock:
            played = backend.take(100)
        before = speaker.clock.heard("a")
        backend.take(50)
        after = speaker.clock.heard("a")

    assert played == [1] * 100
    assert (before, after) == (0, 150)


async def test_what_is_too_short_for_the_devices_rate_is_heard_all_the_same() -> None:
    backend = FakeBackend(rates={16_000})

    async with Speaker(2, 48_000, backend=backend) as speaker:
        speaker.play(np.ones(1, np.int16), "a")
        backend.take(10)

    assert speaker.clock.heard("a") == 1


async def test_an_item_that_goes_on_in_time_has_no_gap() -> None:
    backend = FakeBackend()

    async with Speaker(backend=backend) as speaker:
        speaker.play(np.ones(100, np.int16), "a")
        speaker.play(np.ones(100, np.int16), "a")
        backend.take(150)
        speaker.play(np.ones(100, np.int16), "a")
        backend.take(150)
        speaker.play(np.ones(100, np.int16), "a")

    assert speaker.underruns == 0


@pytest.mark.parametrize("seed", range(5))
async def test_playing_and_flushing_beside_the_device_loses_and_doubles_nothing(seed: int) -> None:
    chance, backend, stop = random.Random(seed), FakeBackend(), threading.Event()
    heard: list[np.ndarray] = []

    async with Speaker(backend=backend) as speaker:

        def device() -> None:
            while not stop.is_set() or speaker.is_playing:
                out = np.zeros(37, np.int16)
                backend.streams[-1]._call(out, False)
                heard.append(out)

        thread = threading.Thread(target=device)
        thread.start()
        for number in range(1, 301):
            speaker.play(np.full(chance.randrange(1, 200), number, np.int16), str(number))
            for _ in range(chance.random() < 0.1):
                speaker.flush()
        stop.set()
        thread.join(10)
        items = [(int(item.item_id), item.received, item.heard) for item in speaker.clock.items]

    samples = np.concatenate(heard)
    order = samples[samples > 0]
    assert np.all(np.diff(order) >= 0)
    counts = np.bincount(order, minlength=301)
    # Blocks under way at a flush sound, and do not count.
    assert all(heard_of <= counts[number] <= received for number, received, heard_of in items)


@pytest.mark.parametrize("kind", [Microphone, Speaker])
async def test_a_start_that_is_cancelled_closes_the_device_that_it_was_opening(
    kind: type[Microphone] | type[Speaker],
) -> None:
    backend = HeldBackend()
    device = kind(backend=backend)
    starting = asyncio.create_task(device.start())
    await asyncio.to_thread(backend.is_opening.wait, 5)

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await device.stop()
    backend.may_open.set()

    assert await asyncio.to_thread(backend.streams[0].is_closed.wait, 5)
    assert not device.is_open


@pytest.mark.parametrize("kind", [Microphone, Speaker])
async def test_a_start_that_is_cancelled_as_its_device_opened_closes_it(
    kind: type[Microphone] | type[Speaker],
) -> None:
    backend = HeldBackend()
    backend.may_open.set()
    pool = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(pool)
    starting = asyncio.create_task(kind(backend=backend).start())
    await asyncio.sleep(0)

    # Behind the opening in the same thread: it is over, and the loop was not told yet.
    pool.submit(int).result(5)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert await asyncio.to_thread(backend.streams[0].is_closed.wait, 5)


@pytest.mark.parametrize("kind", [Microphone, Speaker])
async def test_a_device_starts_again_after_a_start_that_was_cancelled(kind: type[Microphone] | type[Speaker]) -> None:
    backend = HeldBackend()
    device = kind(backend=backend)
    starting = asyncio.create_task(device.start())
    await asyncio.to_thread(backend.is_opening.wait, 5)
    starting.cancel()
    backend.may_open.set()
    await asyncio.to_thread(backend.streams[0].is_closed.wait, 5)

    async with device:
        assert device.is_open
        assert backend.streams[-1].is_running
