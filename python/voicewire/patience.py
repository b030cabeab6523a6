"""How long something is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["within"]


@asynccontextmanager
async def within(seconds: float | None, problem: str) -> AsyncIterator[None]:
    """Give the body so many seconds, None for no limit.

    Raises:
        TimeoutError: They are over; it says ``problem`` and how long that took. One of the body's own stays as it is.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimeoutError(f"{problem} within {seconds:g} s") from None
