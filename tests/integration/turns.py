"""Counting what an event loop does in each of its turns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def helpings(heard: list[object]) -> Iterator[list[int]]:
    """Count what each turn of the loop adds to ``heard``."""
    loop = asyncio.get_running_loop()
    counts = [0]
    before = len(heard)

    def count() -> None:
        nonlocal before, handle
        counts.append(len(heard) - before)
        before = len(heard)
        handle = loop.call_soon(count)

    handle = loop.call_soon(count)
    yield counts
    handle.cancel()
