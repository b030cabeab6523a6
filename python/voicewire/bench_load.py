"""The course of a load test: open all sessions, let each ask, measure for a while, close."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import voicewire as vw
from voicewire.bench_progress import Progress
from voicewire.bench_session import BenchSession, Tally
from voicewire.bench_uplink import room, speak
from voicewire.distribution import Distribution
from voicewire.footprint import Clocks, resident_kib
from voicewire.process import Driver, driver_for

__all__ = ["Load", "LoadOptions", "Measured", "Tick"]


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """What is asked of a load test.

    Attributes:
        sessions: How many sessions at once.
        seconds: How long is measured, from when every session has had audio.
        ramp: Sessions opened per second.
        uplink: Whether microphones are open.
        client: Arguments of ``RealtimeClient``.
    """

    sessions: int
    seconds: float
    ramp: float
    uplink: bool
    client: dict[str, Any]


@dataclass(frozen=True)
class Tick:
    """One interval of the measurement: its end in seconds, cores used in it, memory at its end, its p99 in ms."""

    at_s: float
    cpu: float
    loop_cpu: float
    rss_kib: float | None
    p99_ms: float | None


@dataclass
class Measured:
    """What a load test found.

    Attributes:
        tally: What came.
        cost: Clocks over the measured time.
        counters: Sums of ``RealtimeClient.stats()`` over the measured time.
        opened: Sessions that were opened.
        silent: Sessions that had no audio before the measurement began.
        rss_first_kib: Memory with one session open.
        rss_opened_kib: Memory with all sessions open and none asked.
        rss_begin_kib: Memory when the measurement began.
        rss_end_kib: Memory when it ended.
        timeline: Its course.
        is_interrupted: Whether it was stopped before its time.
        driver: What ran the sessions.
    """

    tally: Tally = field(default_factory=Tally)
    cost: Clocks = field(default_factory=lambda: Clocks(0, 0, 0))
    counters: dict[str, float] = field(default_factory=dict)
    opened: int = 0
    silent: int = 0
    rss_first_kib: float | None = None
    rss_opened_kib: float | None = None
    rss_begin_kib: float | None = None
    rss_end_kib: float | None = None
    timeline: list[Tick] = field(default_factory=list)
    is_interrupted: bool = False
    driver: Driver = "thread"


class Load:
    """One load test; ``run`` it once.

    Args:
        options: What is asked.
        progress: Shows how far it is.
    """

    def __init__(self, options: LoadOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._measured = Measured()
        self._sessions: list[BenchSession] = []
        self._stopped = asyncio.Event()
        self._uplink: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """End early; what was measured so far counts."""
        self._measured.is_interrupted = True
        self._stopped.set()

    async def run(self) -> Measured:
        """Run to the end of the time, or until stopped.

        Raises:
            VoicewireError: The first session could not be opened: then no other is tried.
        """
        try:
            await self._open_all()
            if not self._stopped.is_set():
                await self._begin()
            if not self._stopped.is_set():
                await self._measure()
        finally:
            self._measured.tally.is_counting = False
            await self._close_all()
        return self._measured

    async def _open_all(self) -> None:
        await self._open()
        # Not before: the environment, which may choose it, is read with the first connect.
        self._measured.driver = driver_for(asyncio.get_running_loop())
        self._measured.rss_first_kib = resident_kib()
        opening: set[asyncio.Task[None]] = set()
        begin = asyncio.get_running_loop().time()
        for index in range(1, self._options.sessions):
            if await self._pause_until(begin + index / self._options.ramp):
                break
            opening.add(asyncio.create_task(self._try_open()))
            self._show_opening()
        while opening and not self._stopped.is_set():
            _, opening = await asyncio.wait(opening, timeout=_SHOW_S)
            self._show_opening()
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        await self._pause(_SETTLE_S if len(self._sessions) > 1 else 0)
        self._measured.opened = len(self._sessions)
        self._measured.rss_opened_kib = resident_kib()

    async def _open(self) -> None:
        session = BenchSession(self._measured.tally, **self._options.client)
        try:
            await session.open()
        except BaseException:
            await session.close()
            raise
        self._sessions.append(session)

    async def _try_open(self) -> None:
        try:
            await self._open()
        except (vw.VoicewireError, OSError) as error:
            self._measured.tally.failed += 1
            self._measured.tally.wrong(error)

    def _show_opening(self) -> None:
        failed = self._measured.tally.failed
        done = len(self._sessions) + failed
        note = f"{len(self._sessions):,} open" + (f", {failed:,} failed" if failed else "")
        self._progress.show("opening", done / self._options.sessions, note)

    async def _begin(self) -> None:
        """Let every session ask and wait for its audio; asks are spread evenly over a second."""
        if self._options.uplink:
            # Made before anything is timed: the first noise of a process takes long.
            chunk = room(self._sessions[0].client.capabilities.input_sample_rate)
            self._uplink = asyncio.create_task(speak(self._sessions, self._measured.tally, chunk))
        begin = asyncio.get_running_loop().time()
        phases = sorted((index * _GOLDEN % 1, index) for index in range(len(self._sessions)))
        for phase, index in phases:
            if await self._pause_until(begin + phase * _SPREAD_S):
                return
            self._sessions[index].ask()
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while (waiting := self._silent()) and asyncio.get_running_loop().time() < deadline:
            self._progress.show("answers", 1 - waiting / len(self._sessions), f"{waiting:,} wait for audio")
            if await self._pause(_SHOW_S):
                break
        self._progress.show("answers", 1.0)
        self._measured.silent = self._silent()

    def _silent(self) -> int:
        return sum(not session.heard.is_set() for session in self._sessions)

    async def _measure(self) -> None:
        measured, tally = self._measured, self._measured.tally
        measured.rss_begin_kib = resident_kib()
        before = self._counters()
        tally.is_counting = True
        begin = Clocks.read()
        await self._watch(begin)
        measured.cost = Clocks.read() - begin
        tally.is_counting = False
        measured.rss_end_kib = resident_kib()
        after = self._counters()
        measured.counters = {name: after[name] - before[name] for name in after}

    async def _watch(self, begin: Clocks) -> None:
        """Take the clocks at even intervals until the time is over."""
        tally, whole = self._measured.tally, Distribution()
        interval = max(_LEAST_TICK_S, self._options.seconds / _MOST_TICKS)
        earlier, number, is_over = begin, 0, False
        while not is_over:
            number += 1
            end_s = min(number * interval, self._options.seconds)
            is_over = await self._pause_until(begin.wall_s + end_s) or end_s >= self._options.seconds
            clocks = Clocks.read()
            fresh, tally.delay = tally.delay, Distribution()
            self._measured.timeline.append(_tick(clocks - begin, clocks - earlier, fresh))
            whole.merge(fresh)
            earlier = clocks
            note = f"{tally.audio_events:,} events, p99 {whole.percentile(99) or 0:.2f} ms"
            self._progress.show("measuring", (clocks.wall_s - begin.wall_s) / self._options.seconds, note)
        tally.delay = whole

    def _counters(self) -> dict[str, float]:
        every = [session.client.stats() for session in self._sessions]
        sums = {name: sum(stats[name] for stats in every) for name in _SUMMED}
        # One hub serves all sessions of a loop, and each client tells its count.
        return sums | {"wakes": every[0]["wakes"]}

    async def _close_all(self) -> None:
        if self._uplink is not None:
            self._uplink.cancel()
            await asyncio.gather(self._uplink, return_exceptions=True)
        sessions = self._sessions
        for at in range(0, len(sessions), _CLOSING_AT_ONCE):
            batch = sessions[at : at + _CLOSING_AT_ONCE]
            await asyncio.gather(*(session.close() for session in batch), return_exceptions=True)
        self._progress.close()

    async def _pause_until(self, time: float) -> bool:
        return await self._pause(time - asyncio.get_running_loop().time())

    async def _pause(self, seconds: float) -> bool:
        """Wait; True as soon as the test is stopped."""
        if self._stopped.is_set() or seconds <= 0:
            return self._stopped.is_set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        return self._stopped.is_set()


def _tick(since_begin: Clocks, since_earlier: Clocks, fresh: Distribution) -> Tick:
    wall_s = since_earlier.wall_s or 1.0
    return Tick(
        at_s=round(since_begin.wall_s, 3),
        cpu=round(since_earlier.cpu_s / wall_s, 4),
        loop_cpu=round(since_earlier.thread_cpu_s / wall_s, 4),
        rss_kib=resident_kib(),
        p99_ms=fresh.percentile(99),
    )


_SUMMED = (
    "bytes_in",
    "bytes_out",
    "messages_in",
    "messages_out",
    "events",
    "audio_in_dropped_ms",
    "audio_out_dropped_ms",
    "read_paused_ms",
)
# Steps of the golden section spread any number of sessions evenly.
_GOLDEN = 0.618_033_988_749_895
_SPREAD_S = 1.0
_SETTLE_S = 0.2
_SHOW_S = 0.1
_PATIENCE_S = 30.0
_LEAST_TICK_S = 0.5
_MOST_TICKS = 300
_CLOSING_AT_ONCE = 100
