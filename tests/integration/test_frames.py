"""Frames in shapes that few servers send: everything is read, and pings are answered at any time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.integration.listening import soon
from tests.integration.peer import PING, TEXT, Connection, Peer, send
from tests.integration.wire import CREATED

import voicewire as vw

CONTINUATION = 0
NO_PINGS = vw.Timeouts(ping_interval=None)


def padded(event: dict[str, Any], size: int) -> bytes:
    text = json.dumps(event).encode()
    return text[:-1] + b" " * (size - len(text)) + b"}"


async def send_in_two(connection: Connection, message: bytes, first: int) -> None:
    await connection.send_frame(TEXT, message[:first], fin=False)
    await connection.send_frame(CONTINUATION, message[first:])


async def test_a_message_behind_long_ones_in_pieces_is_read_at_once() -> None:
    # Two short headers where one frame has a long one: what was counted as read must not reach what has come.
    last = padded({"type": "last"}, 140)
    count, pieces = (len(last) + 4) // 4, [b""]
    async with (
        Peer(send(CREATED)) as peer,
        vw.RealtimeClient("m", url=peer.url, timeouts=NO_PINGS) as client,
    ):
        seen, nearly_all = [], asyncio.Event()

        def piece(event: vw.ServerEvent) -> None:
            seen.append(event)
            nearly_all.set() if len(seen) == count - 1 else None

        client.on("piece", piece)
        arrived = asyncio.create_task(client.wait_for("last", timeout=10))
        connection = await peer.connection()
        send_bytes = connection.send_bytes

        async def gather(data: bytes) -> None:
            pieces.append(data)

        connection.send_bytes = gather  # type: ignore[method-assign]
        for _ in range(count):
            await send_in_two(connection, padded({"type": "piece"}, 65_600), 100)
        await connection.send_frame(TEXT, last)
        data = b"".join(pieces)
        await send_bytes(data[:-1_000])
        await soon(nearly_all.wait())
        await send_bytes(data[-1_000:])

        assert (await soon(arrived)).wire_type == "last"


async def test_a_ping_before_the_greeting_is_answered_before_the_greeting() -> None:
    async def ping_first(connection: Connection) -> None:
        await connection.send_frame(PING, b"")
        await connection.heard(pongs=1)
        await connection.send(CREATED)

    async with Peer(ping_first) as peer, vw.RealtimeClient("m", url=peer.url, timeouts=NO_PINGS) as client:
        assert client.connected
