"""Closes every client of the process."""

from __future__ import annotations

import asyncio

from voicewire.forks import clients
from voicewire.parse import number

__all__ = ["shutdown"]


async def shutdown(timeout: float | None = None) -> None:
    """Close every client of the process, whichever loop or thread it belongs to; wait until all are closed.

    What was sent before still goes out. Each has ``Timeouts.close`` seconds for its goodbye, all at the same time.

    Args:
        timeout: Seconds to wait, above 0; None waits as long as it takes. A client whose event loop stands
            still is closed for its owner only when the loop goes on.

    Raises:
        ConfigError: ``timeout`` is no number above 0.
        TimeoutError: Some were not closed in time; they go on closing.
    """
    limit = None if timeout is None else number("timeout", timeout, above=True)
    receipts = [client.disconnect() for client in clients()]
    try:
        async with asyncio.timeout(limit):
            for receipt in receipts:
                await receipt
    except TimeoutError:
        still_open = sum(not receipt.done() for receipt in receipts)
        raise TimeoutError(f"{still_open} of {len(receipts)} clients were not closed within {limit:g} s") from None
