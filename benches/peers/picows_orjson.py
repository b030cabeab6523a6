"""picows, orjson and pybase64 on uvloop: the fastest parts of the package index, put together by hand."""

from __future__ import annotations

import asyncio

import numpy as np
import orjson
import pybase64
import uvloop
from measure import Peer, Samples, main
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect


class Listener(WSListener):
    def __init__(self, peer: PicowsPeer) -> None:
        super().__init__()
        self.peer = peer

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.peer.dispatch(orjson.loads(frame.get_payload_as_memoryview()))
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


class PicowsPeer(Peer):
    loop_factory = uvloop.new_event_loop
    packages = ("picows", "orjson", "pybase64", "uvloop", "numpy")

    async def open(self) -> None:
        self.created = asyncio.Event()
        self.transport, _ = await ws_connect(lambda: Listener(self), self.url, ssl_context=self.tls)
        await self.created.wait()

    def dispatch(self, event: dict[str, str]) -> None:
        match event["type"]:
            case "response.output_audio.delta":
                samples = np.frombuffer(pybase64.b64decode(event["delta"], validate=True), np.int16)
                self.tally.audio(samples, event["event_id"])
            case "response.output_audio_transcript.delta":
                self.tally.text(event["delta"])
            case "response.done":
                self.done(event["response"]["metadata"])  # type: ignore[index]
            case "session.created":
                self.created.set()
            case "error":
                self.failed(event)

    async def ask(self) -> None:
        self.transport.send(WSMsgType.TEXT, b'{"type": "response.create"}')

    async def send_audio(self, samples: Samples) -> None:
        audio = pybase64.b64encode_as_string(samples)
        message = orjson.dumps({"type": "input_audio_buffer.append", "audio": audio})
        self.transport.send(WSMsgType.TEXT, message)

    async def close(self) -> None:
        self.transport.send_close(1000)
        await self.transport.wait_disconnected()


if __name__ == "__main__":
    main(PicowsPeer)
