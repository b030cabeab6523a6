"""Filling a client whose peer does not read: the kernel's buffers first, then the outbox."""

from __future__ import annotations

import socket

import numpy as np
from tests.integration.peer import Connection

import voicewire as vw

SECOND = np.ones(24_000, np.int16)


async def shrink(connection: Connection) -> None:
    """Let the kernel take little, so that a client soon notices that nobody reads."""
    connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)


def fill(client: vw.RealtimeClient) -> int:
    """Send seconds of audio until the client refuses one."""
    for taken in range(1000):
        try:
            client.send_audio(SECOND)
        except vw.BackpressureError:
            return taken
    raise AssertionError("1,000 s of audio were taken by a client whose peer does not read")


async def stuff(client: vw.RealtimeClient) -> None:
    """Send until the kernel's buffers are full as well, and then the outbox."""
    for _ in range(100):
        fill(client)
        try:
            await client.flush(timeout=0.2)
        except TimeoutError:
            fill(client)
            return
    raise AssertionError("the socket never was full")
