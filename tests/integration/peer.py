"""A WebSocket server written by hand, for servers that misbehave: it plays a list of actions to each client."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PATIENCE_S = 10.0
Action: TypeAlias = Callable[["Connection"], Awaitable[None]]


@dataclass
class Request:
    """The upgrade as it came."""

    line: str
    headers: dict[str, str]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class Connection:
    """One client: what it sent, and ways to answer."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: Request
    received: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    blocked: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    sent_close: bool = False
    answers_pings: bool = True
    pings: int = 0
    pongs: int = 0

    async def send(self, *events: dict[str, Any]) -> None:
        """Send each event as one text message."""
        for event in events:
            await self.send_frame(TEXT, json.dumps(event).encode())

    async def pour(self, *events: dict[str, Any]) -> None:
        """Send events to a client that may not read; what the kernel does not take waits here."""
        self.writer.transport.set_write_buffer_limits(high=1 << 26)
        await self.send(*events)

    async def send_frame(self, opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> None:
        await self.send_bytes(_frame(opcode, payload, fin, reserved))

    async def send_bytes(self, data: bytes) -> None:
        """Write bytes as they are; ``blocked`` is set when the client has not taken them for a while."""
        if self.writer.is_closing():
            raise ConnectionResetError("the client has left")
        self.writer.write(data)
        alarm = asyncio.get_running_loop().call_later(0.25, self.blocked.set)
        try:
            await self.writer.drain()
        finally:
            alarm.cancel()

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame; None leaves it empty."""
        self.sent_close = True
        await self.send_frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason.encode())

    def abort(self) -> None:
        """End TCP with a reset."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def expect(self, type: str, count: int = 1) -> dict[str, Any]:
        """Wait for the ``count``-th message of this type, or of this kind at Gemini, from the client."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.news.clear()
                found = [message for message in self.received if kind_of(message) == type]
                if len(found) >= count:
                    return found[count - 1]
                if self.gone.is_set():
                    raise AssertionError(f"client left before {type}")
                await self.news.wait()

    async def heard(self, *, pings: int = 0, pongs: int = 0, patience: float = PATIENCE_S) -> None:
        """Wait until the client has sent so many of each."""
        async with asyncio.timeout(patience):
            while self.pings < pings or self.pongs < pongs:
                self.news.clear()
                await self.news.wait()

    async def deliver(self, *events: dict[str, Any]) -> None:
        """Send events, and a ping behind them: its pong proves that the client has read them all."""
        await self.send(*events)
        wanted = self.pongs + 1
        await self.send_frame(PING, b"")
        await self.heard(pongs=wanted)

    async def read(self) -> None:
        """Take in frames until the client leaves."""
        try:
            await self.reading.wait()
            while True:
                opcode, payload = await self._read_frame()
                self._take(opcode, payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.gone.set()
            self.news.set()

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.received.append(json.loads(payload))
            self.news.set()
        elif opcode == PONG:
            self.pongs += 1
            self.news.set()
        elif opcode == PING:
            self.pings += 1
            self.news.set()
            if self.answers_pings:
                # Not drained: a client that does not read must not keep us from reading.
                self.writer.write(_frame(PONG, payload, True, 0))
        elif opcode == CLOSE:
            self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
            if not self.sent_close:
                self.sent_close = True
                self.writer.write(_frame(CLOSE, payload[:2], True, 0))
            self.writer.close()

    async def _read_frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        assert second & 0x80, "a client masks its frames"
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return first & 0x0F, (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


class Peer:
    """Listens on 127.0.0.1 while entered. Each connection is upgraded and then plays the actions.

    After the actions it goes on reading, and answers a close frame, until the client leaves.
    """

    def __init__(self, *actions: Action, upgrade: Action | None = None, reads: bool = True) -> None:
        self._actions = actions
        self._upgrade = upgrade or accept()
        self._reads = reads
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._arrived = asyncio.Event()
        self.connections: list[Connection] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def connection(self, number: int = 0) -> Connection:
        """Wait for a client."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.connections) <= number:
                self._arrived.clear()
                await self._arrived.wait()
        return self.connections[number]

    def stop_listening(self) -> None:
        """Refuse clients that come from here on."""
        self._server.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._arrive, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        # A task that was cancelled before it began has closed nothing.
        await asyncio.gather(*(_cut_off(writer) for writer in self._writers), return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and error is None:
            raise failures[0]

    def _arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._play(Connection(reader, writer, await _read_request(reader)))
        except asyncio.IncompleteReadError:
            pass  # the client left before it had asked for anything
        finally:
            await asyncio.gather(_cut_off(writer), return_exceptions=True)

    async def _play(self, connection: Connection) -> None:
        self.connections.append(connection)
        self._arrived.set()
        if self._reads:
            connection.reading.set()
        reading = asyncio.create_task(connection.read())
        try:
            await self._upgrade(connection)
            for action in self._actions:
                await action(connection)
            await reading
        except ConnectionError:
            pass  # the client left in the middle; what it was to see is the test's business
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def send(*events: dict[str, Any]) -> Action:
    return lambda connection: connection.send(*events)


def send_binary(*events: dict[str, Any]) -> Action:
    """Send each event as one binary message, as Gemini does."""

    async def send_each(connection: Connection) -> None:
        for event in events:
            await connection.send_frame(BINARY, json.dumps(event).encode())

    return send_each


def send_text(text: str | bytes) -> Action:
    """Send one text message, which need not be JSON or UTF-8."""
    data = text.encode() if isinstance(text, str) else text
    return lambda connection: connection.send_frame(TEXT, data)


def send_frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> Action:
    return lambda connection: connection.send_frame(opcode, payload, fin=fin, reserved=reserved)


def close(code: int | None = 1000, reason: str = "") -> Action:
    return lambda connection: connection.close(code, reason)


def expect(type: str) -> Action:
    """Wait for a message of this type, or of this kind at Gemini."""

    async def wait(connection: Connection) -> None:
        await connection.expect(type)

    return wait


def abort() -> Action:
    async def reset(connection: Connection) -> None:
        connection.abort()

    return reset


def hang_up() -> Action:
    """End TCP in order, without a close frame."""

    async def end(connection: Connection) -> None:
        connection.writer.close()

    return end


def accept(*, headers: str = "", byte_by_byte: bool = False) -> Action:
    """Answer the upgrade with 101."""

    async def answer(connection: Connection) -> None:
        key = connection.request.headers["sec-websocket-key"].encode()
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n{headers}\r\n"
        ).encode()
        pieces = [head[at : at + 1] for at in range(len(head))] if byte_by_byte else [head]
        connection.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            await connection.send_bytes(piece)

    return answer


def refuse(status: str, body: str = "", headers: str = "") -> Action:
    """Answer the upgrade with another status, and hang up."""

    async def answer(connection: Connection) -> None:
        data = body.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
        await connection.send_bytes(head.encode() + data)
        connection.writer.close()

    return answer


def never() -> Action:
    """Leave the upgrade without an answer."""

    async def wait(connection: Connection) -> None:
        await connection.gone.wait()

    return wait


def kind_of(message: dict[str, Any]) -> str | None:
    """The type of a message; Gemini's have none, and are known by their first key."""
    return message.get("type", next(iter(message), None))


async def _cut_off(writer: asyncio.StreamWriter) -> None:
    # CPython 3.11 raises it where a transport has flushed and closed itself meanwhile.
    with suppress(AttributeError):
        writer.transport.abort()
    await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.rstrip().split("\r\n")
    pairs = (entry.split(":", 1) for entry in rest)
    return Request(line, {name.strip().lower(): value.strip() for name, value in pairs})


def _frame(opcode: int, payload: bytes, fin: bool, reserved: int) -> bytes:
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", first, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", first, 126, size)
    else:
        head = struct.pack(">BBQ", first, 127, size)
    return head + payload
