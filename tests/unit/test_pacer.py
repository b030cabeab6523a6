"""The pacer on a clock that the test turns: nothing here waits for real time."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import voicewire as vw

RATE = 8_000
CHUNK = 160


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.timers, (self.now + seconds, id(done), done))
        await done

    async def advance(self, ms: float) -> None:
        """Let time pass, one timer after the other."""
        until = self.now + ms / 1000
        await settle()
        while self.timers and self.timers[0][0] <= until + 1e-9:
            when, _, done = heapq.heappop(self.timers)
            self.now = max(self.now, when)
            done.cancelled() or done.set_result(None)
            await settle()
        self.now = max(self.now, until)

    async def stall(self, ms: float) -> None:
        """Let time pass while nothing runs."""
        self.now += ms / 1000
        await self.advance(0)


async def settle() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


class Line:
    """What a pacer gave out, and when, in ms from the beginning."""

    def __init__(self, clock: Clock, **options: float) -> None:
        self.clock = clock
        self.began = clock.now
        self.chunks: list[NDArray[np.int16]] = []
        self.times: list[int] = []
        self.pacer = vw.Pacer(RATE, clock=clock, sleep=clock.sleep, **options)
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for chunk in self.pacer:
            self.chunks.append(chunk)
            self.times.append(round(1000 * (self.clock.now - self.began)))

    def heard(self) -> NDArray[np.int16]:
        return np.concatenate([np.empty(0, np.int16), *self.chunks])


@pytest.fixture
async def line() -> AsyncIterator[Callable[..., Line]]:
    lines: list[Line] = []

    def make(**options: float) -> Line:
        lines.append(Line(Clock(), **options))
        return lines[-1]

    yield make
    for made in lines:
        made.task.cancel()


def samples(ms: float, first: int = 1) -> NDArray[np.int16]:
    return (first + np.arange(round(RATE * ms / 1000)) % 30_000).astype(np.int16)


async def test_chunks_come_at_the_pace_of_speech_behind_the_lead(line: Callable[..., Line]) -> None:
    made = line(lead_ms=60)
    made.pacer.write(samples(200))
    await made.clock.advance(200)

    assert made.times == [0, 0, 0, 20, 40, 60, 80, 100, 120, 140]
    assert made.heard().tolist() == samples(200).tolist()
    assert {len(chunk) for chunk in made.chunks} == {CHUNK}


async def test_a_lead_below_a_chunk_sends_each_chunk_when_it_is_needed(line: Callable[..., Line]) -> None:
    made = line(lead_ms=1)
    made.pacer.write(samples(80))
    await made.clock.advance(100)

    assert made.times == [0, 20, 40, 60]


async def test_a_stall_within_the_lead_is_caught_up_at_once(line: Callable[..., Line]) -> None:
    made = line(lead_ms=100)
    made.pacer.write(samples(400))
    await made.clock.advance(40)
    await made.clock.stall(70)

    assert made.times == [0, 0, 0, 0, 0, 20, 40, 110, 110, 110]
    assert made.pacer.stats()["underruns"] == 0


async def test_a_longer_stall_moves_the_schedule_and_bursts_by_no_more_than_the_lead(line: Callable[..., Line]) -> None:
    made = line(lead_ms=60)
    made.pacer.write(samples(800))
    await made.clock.advance(0)
    await made.clock.stall(500)
    await made.clock.advance(40)

    assert made.times == [0, 0, 0, 500, 500, 500, 520, 540]
    assert made.pacer.stats() == {"chunks": 8, "underruns": 1, "dropped": 0, "padded": 0, "late_ms": pytest.approx(440)}


async def test_audio_that_comes_too_slowly_counts_as_an_underrun(line: Callable[..., Line]) -> None:
    made = line(lead_ms=40)
    made.pacer.write(samples(40))
    await made.clock.advance(100)
    made.pacer.write(samples(40))
    await made.clock.advance(100)

    assert made.times == [0, 0, 100, 100]
    assert made.pacer.stats()["underruns"] == 2


async def test_the_end_of_an_utterance_is_no_underrun(line: Callable[..., Line]) -> None:
    made = line(lead_ms=40)
    made.pacer.write(samples(50))
    made.pacer.finish()
    await made.clock.advance(200)

    assert made.heard().tolist() == [*samples(50).tolist(), *[0] * 80]
    assert made.pacer.stats() == {"chunks": 3, "underruns": 0, "dropped": 0, "padded": 80, "late_ms": 0}


async def test_an_unfinished_chunk_is_filled_up_when_no_more_comes(line: Callable[..., Line]) -> None:
    made = line(lead_ms=60)
    made.pacer.write(samples(30))
    await made.clock.advance(100)

    assert made.times == [0, 40]
    assert made.heard().tolist() == [*samples(30).tolist(), *[0] * 80]
    assert made.pacer.stats()["underruns"] == 1


async def test_less_than_a_chunk_alone_is_not_kept_forever(line: Callable[..., Line]) -> None:
    made = line()
    made.pacer.write(samples(5))
    await made.clock.advance(100)

    assert made.times == [40]


async def test_small_pieces_give_whole_chunks(line: Callable[..., Line]) -> None:
    made = line(lead_ms=60)
    for first in range(0, 100, 5):
        made.pacer.write(samples(5, first=8 * first + 1))
        await made.clock.advance(5)
    made.pacer.finish()
    await made.clock.advance(100)

    assert made.heard().tolist() == samples(100).tolist()
    assert made.pacer.stats() == {"chunks": 5, "underruns": 0, "dropped": 0, "padded": 0, "late_ms": 0}


async def test_flush_drops_what_waits(line: Callable[..., Line]) -> None:
    made = line(lead_ms=40)
    made.pacer.write(samples(105))
    await made.clock.advance(0)

    assert made.pacer.flush() == 65 * 8
    assert made.pacer.queued_ms == 0
    await made.clock.advance(100)
    assert made.times == [0, 0]
    assert made.pacer.stats()["underruns"] == 0
    assert made.pacer.stats()["dropped"] == 65 * 8


async def test_close_gives_out_the_rest_and_ends_the_iteration(line: Callable[..., Line]) -> None:
    made = line(lead_ms=20)
    made.pacer.write(samples(50))
    made.pacer.close()
    made.pacer.close()
    await made.clock.advance(100)

    assert made.task.done()
    assert made.times == [0, 20, 40]
    with pytest.raises(vw.VoicewireError, match="closed"):
        made.pacer.write(samples(1))


async def test_close_wakes_an_iteration_that_waits(line: Callable[..., Line]) -> None:
    made = line()
    await made.clock.advance(0)
    made.pacer.close()
    await settle()

    assert made.task.done()


async def test_a_full_pacer_takes_nothing(line: Callable[..., Line]) -> None:
    made = line(capacity_ms=100)
    made.pacer.write(samples(130))

    with pytest.raises(vw.BackpressureError, match="130 of 100 ms"):
        made.pacer.write(samples(1))
    assert made.pacer.queued_ms == 130


async def test_two_iterations_are_refused(line: Callable[..., Line]) -> None:
    made = line()
    await settle()

    with pytest.raises(vw.VoicewireError, match="another task"):
        await anext(made.pacer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate", 3_999),
        ("chunk_ms", 0),
        ("lead_ms", 0),
        ("lead_ms", -1),
        ("capacity_ms", 0),
        ("capacity_ms", float("nan")),
    ],
)
def test_an_option_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(vw.ConfigError, match=name):
        vw.Pacer(**{name: value})


@pytest.mark.parametrize("bad", [np.zeros((2, 2), np.int16), b"odd", np.array([np.nan], np.float32)])
async def test_what_is_no_audio_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="samples"):
        vw.Pacer().write(bad)


@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 90)), max_size=25),
    st.sampled_from([1, 20, 60, 110]),
)
@settings(deadline=None, max_examples=40)
def test_whatever_is_written_is_given_out_in_order_and_never_beyond_the_lead(
    writes: list[tuple[int, int]], lead_ms: int
) -> None:
    async def run() -> tuple[Line, int]:
        made, first = Line(Clock(), lead_ms=lead_ms), 1
        for count, pause in writes:
            made.pacer.write(np.arange(first, first + count, dtype=np.int16))
            first += count
            await made.clock.advance(pause)
        made.pacer.close()
        await made.clock.advance(5_000)
        assert made.task.done()
        return made, first

    made, end = asyncio.run(run())
    given = made.heard()
    assert given[given != 0].tolist() == list(range(1, end))
    # At every moment: what was given out since any earlier chunk is at most the lead more than time has passed.
    times = np.array(made.times)
    ahead = 20 * np.arange(1, len(times) + 1) - times
    lowest = np.minimum.accumulate(ahead - 20) if len(times) else ahead
    assert np.all(ahead - lowest <= max(lead_ms, 20) + 20 * 0.25)
