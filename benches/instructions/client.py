"""What runs under callgrind: ``client.py STAGE COUNT URL`` does the work of a stage COUNT times, by the public API."""

from __future__ import annotations

import asyncio
import sys

import numpy as np

import voicewire as vw


async def receive(count: int, url: str) -> None:
    """Take ``count`` audio deltas of 100 ms from the iterator."""
    samples = 0
    async with client(f"{url}/{count}") as session:
        session.create_response()
        async for event in session:
            match event:
                case vw.AudioDelta(audio=audio):
                    samples += len(audio)
                case vw.TurnComplete():
                    break
    assert samples == count * 2400, samples


async def send(count: int, url: str) -> None:
    """Send ``count`` chunks of 20 ms, and wait for every tenth to be written."""
    chunk = np.zeros(480, np.int16)
    async with client(f"{url}/0") as session:
        for at in range(count):
            session.send_audio(chunk)
            if at % 10 == 9:
                await session.flush()


def client(url: str) -> vw.RealtimeClient:
    # What a clock would do is left out; callgrind slows a program fifty times.
    timeouts = vw.Timeouts(connect=100, close=100, ping_interval=1000)
    return vw.RealtimeClient("openai/counted", url=url, api_key="x", reconnect=None, timeouts=timeouts)


STAGES = {"receive": receive, "send": send}

if __name__ == "__main__":
    asyncio.run(STAGES[sys.argv[1]](int(sys.argv[2]), sys.argv[3]))
