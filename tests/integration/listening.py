"""Waiting for events of a client, always with a timeout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import voicewire as vw

PATIENCE_S = 10.0
E = TypeVar("E", bound=vw.Event)


async def until(events: AsyncIterator[vw.Event], kind: type[vw.Event]) -> list[Any]:
    """Take events up to and with the first of a class."""
    return await until_that(events, lambda event: isinstance(event, kind))


async def until_that(events: AsyncIterator[vw.Event], fits: Callable[[Any], bool]) -> list[Any]:
    """Take events up to and with the first that fits."""
    taken: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            taken.append(event)
            if fits(event):
                return taken
    raise AssertionError(f"not among the events: {[event.type for event in taken]}")


async def rest(events: AsyncIterator[vw.Event]) -> list[Any]:
    """Take all events to the end."""
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in events]


async def soon(awaitable: Any) -> Any:
    """Await a receipt, an iterator's next event, or anything else, but not for ever."""
    async with asyncio.timeout(PATIENCE_S):
        return await awaitable


def of(kind: type[E], events: list[Any]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]
