#!/usr/bin/env python3
"""The longest that a burst keeps the event loop: CPU of the loop's thread in one turn, with and without handlers' work.

    python benches/stall.py                       # some seconds; writes results/stall.json
    python benches/stall.py --results /tmp/trial  # leaves ours alone

The simulator's answer comes as fast as the socket takes it, while the loop stands still until all of it has been
received: the worst case. A callback that runs once a turn reads the thread's CPU clock, which other processes do not
move. Turns in which the interpreter collected garbage are told apart: that is the program's, by all it holds.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gc
import json
import os
import platform
import shlex
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

from results import commit, processor, rounded

import voicewire as vw

HERE = Path(__file__).resolve().parent
DELTA_MS = 20
PATIENCE_S = 30.0


def main() -> int:
    options = parse()
    cases = []
    for deltas in options.deltas:
        for reads in (False, True):
            rounds = [asyncio.run(burst(deltas, reads)) for _ in range(options.rounds + 1)][1:]
            cases.append({"deltas": deltas, "reads_samples": reads, **summed_up(rounds)})
            print(line(cases[-1]))
    result = describe(options) | {"cases": cases}
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "stall.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds per case, behind one that warms up")
    parser.add_argument("--deltas", type=int, nargs="+", default=[600, 6000], help="audio events of a burst")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder for stall.json")
    parser.add_argument("--profile", default="development", help="the cargo profile of the extension, as a note")
    return parser.parse_args()


async def burst(deltas: int, reads: bool) -> dict[str, Any]:
    """One burst; CPU of each turn of the loop that handled events, in ms, and how many it handled."""
    wav = tone(deltas * DELTA_MS)
    heard, done = [0], asyncio.Event()
    with vw.Simulator(pace=0, delta_ms=DELTA_MS, script=[{"say": "A.", "audio": str(wav)}]) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, limits=vw.Limits(inbox_bytes=256 << 20)) as client:

            def hear(event: vw.AudioDelta) -> None:
                heard[0] += 1
                if reads:
                    event.audio  # noqa: B018 (making the array is the work)

            client.on(vw.AudioDelta, hear)
            client.on(vw.TurnComplete, lambda event: done.set())
            await client.send_text("Go.")
            stand_still(client, deltas)
            turns = watch(heard, done)
            async with asyncio.timeout(PATIENCE_S):
                await done.wait()
    return {"heard": heard[0], "turns": [(rounded(ms), count, collected) for ms, count, collected in turns if count]}


def tone(milliseconds: int) -> Path:
    """A file of that length; written once."""
    import tempfile
    import wave

    path = Path(tempfile.gettempdir()) / f"voicewire-stall-{milliseconds}.wav"
    if not path.exists():
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(24_000)
            file.writeframes(os.urandom(milliseconds * 48))
    return path


def stand_still(client: vw.RealtimeClient, deltas: int) -> None:
    """Keep the loop until the burst has been received."""
    pause, ends = threading.Event(), time.monotonic() + PATIENCE_S
    while client.stats()["messages_in"] < deltas and time.monotonic() < ends:
        pause.wait(0.005)


def watch(heard: list[int], done: asyncio.Event) -> list[tuple[float, int, int]]:
    """CPU, events and collections of garbage of each turn of the loop, from now on."""
    loop, turns = asyncio.get_running_loop(), []
    before = (time.thread_time(), heard[0], collections())

    def look() -> None:
        nonlocal before
        now = (time.thread_time(), heard[0], collections())
        turns.append(((now[0] - before[0]) * 1000, now[1] - before[1], now[2] - before[2]))
        before = now
        if not done.is_set():
            loop.call_soon(look)

    loop.call_soon(look)
    return turns


def collections() -> int:
    """Collections of the oldest generation, which look at all that the program holds."""
    return gc.get_stats()[2]["collections"]


def summed_up(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    longest = [max(ms for ms, _, collected in each["turns"] if not collected) for each in rounds]
    collecting = [ms for each in rounds for ms, _, collected in each["turns"] if collected]
    return {
        "heard": min(each["heard"] for each in rounds),
        "longest_turn_ms": {"median": rounded(statistics.median(longest)), "most": rounded(max(longest))},
        "longest_collecting_turn_ms": rounded(max(collecting, default=0.0)),
        "most_events_in_a_turn": max(count for each in rounds for _, count, _ in each["turns"]),
        "turns": statistics.median(len(each["turns"]) for each in rounds),
        "longest_by_round_ms": [rounded(ms) for ms in longest],
    }


def line(case: dict[str, Any]) -> str:
    longest = case["longest_turn_ms"]
    how = "samples read" if case["reads_samples"] else "samples not read"
    return (
        f"{case['deltas']} events, {how}: longest turn {longest['median']:.2f} ms of CPU (most {longest['most']:.2f}), "
        f"with garbage collected {case['longest_collecting_turn_ms']:.2f}; "
        f"at most {case['most_events_in_a_turn']} events in one"
    )


def describe(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "work": "stall",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": shlex.join(["python", "benches/stall.py", *sys.argv[1:]]),
        "cargo_profile": options.profile,
        "load_1min": rounded(os.getloadavg()[0]),
        "python": platform.python_version(),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release()},
    }


if __name__ == "__main__":
    sys.exit(main())
