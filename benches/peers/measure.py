"""What all peers share: the command line, the tally of what arrived, the clocks, the report.

A peer is one client library behind four verbs: open, ask, send_audio, close. It gives every event to the tally, which
does the same work for each of them, so that what differs between two reports is the library.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import gc
import importlib.metadata
import json
import resource
import ssl
import statistics
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

SAMPLE_RATE = 24_000
# The uplink's interval is cut in slots, so that not all sessions speak at the same moment.
SLOTS = 5
CONNECTING_AT_ONCE = 16
# What was sent last gets this long to leave.
LEAVING_S = 0.2
WARM_UP = "mode=burst&count=40&warm_up=1"


class Peer(ABC):
    """One session of a client library.

    Attributes:
        url: Whole URL, query included.
        tally: Takes what arrives.
        ca: File of the authority to trust, None for plain connections.
        tls: The same as a context, which all sessions share.
        finished: Set once response.done has arrived, or nothing more will come.
    """

    loop_factory: ClassVar[Callable[[], asyncio.AbstractEventLoop] | None] = None
    packages: ClassVar[Sequence[str]] = ()

    def __init__(self, url: str, tally: Tally, ca: str | None = None) -> None:
        self.url = url
        self.tally = tally
        self.ca = ca
        self.tls = None if ca is None else tls_context(ca)
        self.finished = asyncio.Event()

    @abstractmethod
    async def open(self) -> None:
        """Connect, and return once session.created has arrived."""

    @abstractmethod
    async def ask(self) -> None:
        """Send response.create."""

    @abstractmethod
    async def send_audio(self, samples: Samples) -> None:
        """Send a chunk of the microphone."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""

    def done(self, metadata: Any) -> None:
        """Take what response.done tells about the audio before it."""
        self.tally.expected_samples += int(metadata["samples"])
        self.tally.expected_sum += int(metadata["sum"])
        self.finished.set()

    def failed(self, error: object) -> None:
        self.tally.errors.append(repr(error)[:300])
        self.finished.set()


@dataclass(slots=True)
class Tally:
    """What arrived, of all sessions."""

    is_paced: bool = False
    events: int = 0
    samples: int = 0
    sum: int = 0
    expected_samples: int = 0
    expected_sum: int = 0
    uplink_samples: int = 0
    transcript: list[str] = field(default_factory=list)
    latencies_ns: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def audio(self, samples: Samples, event_id: str) -> None:
        self.events += 1
        self.samples += samples.size
        if self.is_paced:
            self.latencies_ns.append(time.monotonic_ns() - int(event_id[6:]))

    def text(self, delta: str) -> None:
        self.transcript.append(delta)


class CheckingTally(Tally):
    """Adds up the samples besides, for the warm-up: proof that they are decoded, and rightly."""

    def audio(self, samples: Samples, event_id: str) -> None:
        Tally.audio(self, samples, event_id)
        assert samples.dtype == np.int16
        self.sum += int(samples.sum(dtype=np.int64))

    def check(self) -> None:
        if self.errors or (self.samples, self.sum) != (self.expected_samples, self.expected_sum):
            raise SystemExit(
                f"samples wrong: {self.samples} with sum {self.sum}, expected {self.expected_samples} with "
                f"{self.expected_sum}; errors: {self.errors}"
            )


def append_message(samples: Samples) -> dict[str, str]:
    """input_audio_buffer.append as a dict, by the standard library."""
    return {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(samples.tobytes()).decode("ascii"),
    }


def main(peer: type[Peer]) -> None:
    """Run the command line of a peer."""
    imported = time.process_time()
    options = parse_arguments()
    raise_file_limit()
    with asyncio.Runner(loop_factory=peer.loop_factory) as runner:
        report = runner.run(measure(peer, options))
    report |= {"cpu_import_s": imported, "versions": versions(peer.packages)}
    print(json.dumps(report, indent=None if options.json else 2))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load one client library and report what it cost.")
    parser.add_argument("--url", default="ws://127.0.0.1:8790/v1/realtime", help="bench_server's URL")
    parser.add_argument("--ca", metavar="FILE", help="the authority to trust, for wss")
    parser.add_argument("--mode", choices=["burst", "paced", "idle", "upstream"], default="burst")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="paced: length of the response; idle, upstream: time"
    )
    parser.add_argument("--count", type=int, default=1000, help="burst: deltas per session")
    parser.add_argument("--delta-ms", type=int, default=100, help="audio per delta")
    parser.add_argument("--uplink-ms", type=int, default=0, help="chunk and interval of the uplink; 0 is none")
    parser.add_argument("--json", action="store_true", help="one line")
    return parser.parse_args()


async def measure(peer: type[Peer], options: argparse.Namespace) -> dict[str, Any]:
    await warm_up(peer, options)
    tally = Tally(is_paced=options.mode == "paced")
    sessions = [peer(whole_url(options), tally, options.ca) for _ in range(options.sessions)]
    gc.collect()
    before = resident_kib()
    for at in range(0, len(sessions), CONNECTING_AT_ONCE):
        await asyncio.gather(*(session.open() for session in sessions[at : at + CONNECTING_AT_ONCE]))
    await asyncio.sleep(0.2)
    connected = resident_kib()
    begin = Clocks()
    await load(sessions, options, tally)
    cost = Clocks() - begin
    at_end = resident_kib()
    for session in sessions:
        await session.close()
    return cost | {
        "events": tally.events,
        "samples": tally.samples,
        "expected_samples": tally.expected_samples,
        "transcript_characters": len("".join(tally.transcript)),
        "uplink_samples": tally.uplink_samples,
        "p50_ms": percentile(tally.latencies_ns, 50),
        "p99_ms": percentile(tally.latencies_ns, 99),
        "rss_kib": at_end,
        "growth_kib": at_end - connected,
        "kib_per_session": (connected - before) / options.sessions,
        "errors": tally.errors,
    }


async def load(sessions: Sequence[Peer], options: argparse.Namespace, tally: Tally) -> None:
    """Idle and upstream sessions get no answer: for them the time is what is waited for."""
    is_asked = options.mode in ("burst", "paced")
    async with asyncio.TaskGroup() as group:
        if is_asked:
            for session in sessions:
                await session.ask()
        if options.uplink_ms:
            group.create_task(speak(sessions, options, tally))
        if is_asked:
            group.create_task(wait_for_all(sessions, options, tally))
        else:
            group.create_task(asyncio.sleep(options.seconds + LEAVING_S))


async def warm_up(peer: type[Peer], options: argparse.Namespace) -> None:
    """One short response whose samples are checked; it also pays for lazy imports and first allocations."""
    tally = CheckingTally()
    session = peer(f"{options.url}?model=bench&{WARM_UP}", tally, options.ca)
    await session.open()
    await session.ask()
    async with asyncio.timeout(10):
        await session.finished.wait()
    await session.close()
    tally.check()


def whole_url(options: argparse.Namespace) -> str:
    length = f"count={options.count}" if options.mode == "burst" else f"seconds={options.seconds}"
    return f"{options.url}?model=bench&mode={options.mode}&delta_ms={options.delta_ms}&{length}"


async def wait_for_all(sessions: Sequence[Peer], options: argparse.Namespace, tally: Tally) -> None:
    try:
        # A peer that cannot keep up delivers late; it is given the time, and its wall clock tells.
        async with asyncio.timeout(60 + 3 * options.seconds):
            for session in sessions:
                await session.finished.wait()
    except TimeoutError:
        unfinished = sum(not session.finished.is_set() for session in sessions)
        tally.errors.append(f"sessions without response.done: {unfinished}")


async def speak(sessions: Sequence[Peer], options: argparse.Namespace, tally: Tally) -> None:
    """Send a chunk per session and interval, slot by slot, for the whole time."""
    samples = ((np.arange(SAMPLE_RATE * options.uplink_ms // 1000) % 200 - 100) * 60).astype(np.int16)
    slots = [sessions[index::SLOTS] for index in range(SLOTS)]
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(round(options.seconds * 1000 / options.uplink_ms) * SLOTS):
        pause = start + number * options.uplink_ms / 1000 / SLOTS - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        for session in slots[number % SLOTS]:
            await session.send_audio(samples)
            tally.uplink_samples += samples.size


class Clocks:
    """CPU of the process, CPU of this thread (that of the event loop), time, and waiting for a core."""

    def __init__(self) -> None:
        self.wait = run_queue_wait_s()
        self.switches = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        self.wall = time.perf_counter()
        self.thread = time.thread_time()
        self.process = time.process_time()

    def __sub__(self, begin: Clocks) -> dict[str, float]:
        return {
            "cpu_total_s": self.process - begin.process,
            "cpu_loop_s": self.thread - begin.thread,
            "wall_s": self.wall - begin.wall,
            "run_queue_wait_s": self.wait - begin.wait,
            "voluntary_switches": self.switches - begin.switches,
        }


def run_queue_wait_s() -> float:
    """Time that threads of this process were ready and had no core: the neighbours' part in a latency."""
    return sum(int(path.read_text().split()[1]) for path in Path("/proc/self/task").glob("*/schedstat")) / 1e9


def resident_kib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024


def raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def percentile(latencies_ns: list[int], share: int) -> float | None:
    if len(latencies_ns) < 100:
        return None
    return statistics.quantiles(latencies_ns, n=100, method="inclusive")[share - 1] / 1e6


def versions(packages: Sequence[str]) -> dict[str, str]:
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: importlib.metadata.version(name) for name in packages}


@functools.cache
def tls_context(ca: str) -> ssl.SSLContext:
    """One context for all sessions, as an application would have it: made anew, each would hold its own roots."""
    return ssl.create_default_context(cafile=ca)
