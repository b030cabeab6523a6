"""A peer for the stages in Python: greets, answers the first request with so many audio deltas, reads whatever comes.

It runs outside of callgrind, needs nothing but Python, and speaks no more of WebSocket (RFC 6455) than that.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socketserver
import threading
from types import TracebackType
from typing import Any, Self

RESPONSE = "resp_E6U0instructions0000000"
ITEM = "item_E6U0instructions0000000"
BYTES_OF_100_MS = 4800


class BurstServer:
    """Listens on a port of its own; on a connection to ``url/COUNT`` a response is so many deltas of 100 ms."""

    def __enter__(self) -> Self:
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"ws://127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


class Connection(socketserver.StreamRequestHandler):
    """One session, from the upgrade to the close frame."""

    def handle(self) -> None:
        count, key = self.upgrade()
        accepted = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.wfile.write(ACCEPTED + b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n")
        self.wfile.write(frame(message("session.created", session={"id": "sess_0"})))
        while (opcode := self.read_frame()) not in (CLOSE, None):
            if count:
                self.wfile.write(burst(count))
                count = 0
        if opcode == CLOSE:
            self.wfile.write(bytes([0x80 | CLOSE, 2]) + (1000).to_bytes(2, "big"))

    def upgrade(self) -> tuple[int, bytes]:
        path = self.rfile.readline().split()[1].decode().split("?")[0]
        key = b""
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b":")
            key = value.strip() if name.lower() == b"sec-websocket-key" else key
        return int(path.strip("/")), key

    def read_frame(self) -> int | None:
        """Read past a frame; return its opcode, None at the end of the stream."""
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        length = head[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(self.rfile.read(2 if length == 126 else 8), "big")
        self.rfile.read(4 + length)
        return head[0] & 0x0F


def burst(count: int) -> bytes:
    """Return a whole response, its audio in ``count`` deltas."""
    audio = base64.b64encode(random.Random(1).randbytes(BYTES_OF_100_MS)).decode()
    place = {"response_id": RESPONSE, "item_id": ITEM, "output_index": 0, "content_index": 0}
    delta = message("response.output_audio.delta", **place, delta=audio)
    item = {"id": ITEM, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    response = {"id": RESPONSE, "conversation_id": "conv_0", "status": "completed", "status_details": None}
    return (
        frame(message("response.created", response=response))
        + frame(message("conversation.item.added", previous_item_id=None, item=item))
        + frame(delta) * count
        + frame(message("response.done", response=response))
    )


def message(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, "event_id": "event_E6U0instructions000000", **fields}).encode()


def frame(text: bytes) -> bytes:
    if len(text) < 126:
        return bytes([0x81, len(text)]) + text
    return b"\x81\x7e" + len(text).to_bytes(2, "big") + text


CLOSE = 8
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
