"""What a listener has heard, with a clock that the test moves."""

import asyncio

import pytest

from voicewire.audio import PlaybackClock, Played
from voicewire.exceptions import ConfigError

RATE = 1_000
"""One sample is one millisecond."""


class FakeTime:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def move(self, ms: float) -> None:
        self.now += ms / 1000


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def clock(time: FakeTime) -> PlaybackClock:
    return PlaybackClock(clock=time)


async def soon(clock: PlaybackClock, item_id: str | None = None) -> None:
    async with asyncio.timeout(5):
        await clock.wait_played(item_id)


async def waiting(clock: PlaybackClock, item_id: str | None = None) -> asyncio.Task[None]:
    """A task that waits, and has begun to."""
    task = asyncio.create_task(soon(clock, item_id))
    while not clock._waits and not task.done():
        await asyncio.sleep(0)
    return task


def test_a_new_clock_has_heard_nothing_and_waits_for_nothing(clock: PlaybackClock) -> None:
    assert (clock.heard_ms("a"), clock.received("a"), clock.item("a"), clock.playing) == (0, 0, None, None)
    assert (clock.queued_ms, clock.generation, clock.items) == (0, 0, [])


def test_without_a_player_time_alone_counts_as_heard(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 500, RATE)
    time.move(200)

    assert clock.item("a") == Played("a", RATE, 500, 200)
    assert (clock.heard_ms("a"), clock.queued_ms) == (200, 300)


def test_heard_is_never_more_than_received(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 500, RATE)
    time.move(9_000)

    assert (clock.heard("a"), clock.queued_ms, clock.playing) == (500, 0, None)


def test_a_pause_of_the_stream_does_not_count_as_heard(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 100, RATE)
    time.move(400)
    clock.receive("a", 100, RATE)
    time.move(50)

    assert clock.heard("a") == 150


def test_items_play_in_the_order_in_which_they_came(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 100, RATE)
    clock.receive("b", 100, RATE)
    time.move(130)

    assert [played.heard for played in clock.items] == [100, 30]
    assert clock.playing == Played("b", RATE, 100, 30)


def test_the_latency_of_the_device_is_not_heard_yet(time: FakeTime) -> None:
    clock = PlaybackClock(clock=time, latency_ms=40)
    clock.receive("a", 500, RATE)
    time.move(100)

    assert (clock.heard("a"), clock.latency_ms) == (60, 40)


def test_milliseconds_follow_the_rate_of_the_item(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 24_000, 24_000)
    time.move(250)

    assert (clock.heard("a"), clock.heard_ms("a")) == (6_000, 250)


def test_a_speaker_drives_it_by_what_it_takes(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 100, RATE)
    clock.receive("b", 100, RATE)
    clock.advance(120)
    time.move(5_000)

    assert [played.heard for played in clock.items] == [100, 20]
    assert clock.queued_ms == 80


def test_what_a_speaker_took_is_heard_after_its_latency(time: FakeTime) -> None:
    clock = PlaybackClock(clock=time, latency_ms=50)
    clock.receive("a", 100, RATE)
    clock.advance(20)
    before = clock.heard("a")
    time.move(40)
    between = clock.heard("a")
    time.move(20)

    assert (before, between, clock.heard("a")) == (0, 10, 20)


def test_the_latency_of_a_speaker_reaches_over_items(time: FakeTime) -> None:
    clock = PlaybackClock(clock=time, latency_ms=50)
    clock.receive("a", 100, RATE)
    clock.receive("b", 100, RATE)
    clock.advance(130)

    assert [played.heard for played in clock.items] == [80, 0]


def test_what_was_heard_stays_heard_when_a_speaker_goes_on_after_a_pause(time: FakeTime) -> None:
    clock = PlaybackClock(clock=time, latency_ms=50)
    clock.receive("a", 100, RATE)
    clock.advance(100)
    time.move(1_000)
    clock.receive("b", 100, RATE)
    clock.advance(20)
    time.move(40)

    assert [played.heard for played in clock.items] == [100, 10]


def test_a_remote_player_reports(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 500, RATE)
    clock.report("a", 120)
    clock.report("a", 80)
    time.move(400)

    assert clock.heard("a") == 120


def test_a_report_is_clamped_to_what_came(clock: PlaybackClock) -> None:
    clock.receive("a", 500, RATE)
    clock.report("a", 9_000)
    clock.report("unknown", 10)

    assert clock.items == [Played("a", RATE, 500, 500)]


def test_a_flush_tells_what_is_unheard_and_begins_a_generation(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 100, RATE)
    clock.receive("b", 100, RATE)
    clock.receive("c", 100, RATE)
    time.move(130)

    cut = clock.flush()

    assert cut == [Played("b", RATE, 100, 30), Played("c", RATE, 100, 0)]
    assert [played.unheard for played in cut] == [70, 100]
    assert (clock.generation, clock.queued_ms, clock.playing) == (1, 0, None)


def test_what_was_flushed_is_never_heard_later(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 100, RATE)
    time.move(30)
    clock.flush()
    clock.receive("a", 100, RATE)
    time.move(500)

    assert clock.item("a") == Played("a", RATE, 200, 30)
    assert clock.is_flushed("a")
    assert clock.flush() == []


def test_a_player_may_tell_after_a_flush_what_was_heard_until_then(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 100, RATE)
    time.move(30)
    clock.flush()
    clock.receive("a", 100, RATE)
    clock.report("a", 45)
    between = clock.heard("a")
    clock.report("a", 20)
    clock.report("a", 180)

    assert (between, clock.heard("a")) == (45, 100)


def test_what_comes_after_a_flush_plays_at_once(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 1_000, RATE)
    clock.flush()
    clock.receive("b", 100, RATE)
    time.move(30)

    assert clock.heard("b") == 30


def test_a_flush_believes_who_knows_better(clock: PlaybackClock, time: FakeTime) -> None:
    clock.receive("a", 100, RATE)
    time.move(50)

    assert clock.flush({"a": 42}) == [Played("a", RATE, 100, 42)]


def test_audio_without_ids_is_another_item_after_each_response(clock: PlaybackClock, time: FakeTime) -> None:
    clock.begin()
    clock.receive(None, 100, RATE)
    time.move(100)
    clock.complete()
    clock.begin()
    clock.receive(None, 100, RATE)
    time.move(40)

    assert clock.heard(None) == 40


def test_it_remembers_the_newest_items(clock: PlaybackClock) -> None:
    for number in range(100):
        clock.receive(str(number), 1, RATE)

    assert [played.item_id for played in clock.items] == [str(number) for number in range(36, 100)]


def test_a_reset_forgets_everything(clock: PlaybackClock) -> None:
    clock.begin("r")
    clock.receive("a", 100, RATE)
    clock.reset()

    assert (clock.items, clock.generation) == ([], 1)


@pytest.mark.parametrize(("samples", "rate"), [(-1, RATE), (1, 0), (1, -8_000), (1.5, RATE), (True, RATE)])
def test_counts_that_cannot_be_are_refused(clock: PlaybackClock, samples: int, rate: int) -> None:
    with pytest.raises(ConfigError):
        clock.receive("a", samples, rate)


def test_a_negative_latency_is_refused() -> None:
    with pytest.raises(ConfigError, match="latency_ms"):
        PlaybackClock(latency_ms=-1)


async def test_waiting_for_nothing_is_over_at_once(clock: PlaybackClock) -> None:
    await soon(clock)
    await soon(clock, "unknown")


async def test_waiting_ends_when_time_has_played_it() -> None:
    clock = PlaybackClock()
    clock.receive("a", 30, RATE)

    await soon(clock)

    assert clock.heard("a") == 30


async def test_waiting_ends_when_the_speaker_took_it_all(clock: PlaybackClock) -> None:
    clock.receive("a", 100, RATE)
    clock.advance(10)
    task = await waiting(clock)

    clock.advance(90)

    await task


async def test_waiting_for_one_item_does_not_wait_for_the_next(clock: PlaybackClock) -> None:
    clock.receive("a", 100, RATE)
    clock.receive("b", 100, RATE)
    clock.report("b", 0)
    task = await waiting(clock, "a")

    clock.report("a", 100)

    await task
    assert clock.heard("b") == 0


async def test_waiting_ends_with_a_flush(clock: PlaybackClock) -> None:
    clock.receive("a", 100, RATE)
    task = await waiting(clock)

    clock.flush()

    await task


async def test_waiting_lasts_until_the_response_is_complete(clock: PlaybackClock) -> None:
    clock.begin("r")
    task = await waiting(clock)

    clock.complete("r")

    await task


async def test_a_callback_thread_wakes_who_waits(clock: PlaybackClock) -> None:
    clock.receive("a", 100, RATE)
    clock.advance(0)
    task = await waiting(clock)

    await asyncio.to_thread(clock.advance, 100)

    await task
