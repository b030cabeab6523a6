"""websockets with json and base64 of the standard library: what most tutorials build."""

from __future__ import annotations

import asyncio
import base64
import json

import numpy as np
from measure import Peer, Samples, append_message, main
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


class WebsocketsPeer(Peer):
    packages = ("websockets", "numpy")

    async def open(self) -> None:
        # The service offers no compression, and the official client asks for none.
        self.socket = await connect(self.url, compression=None, ssl=self.tls)
        await self.socket.recv()
        self.task = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        try:
            async for message in self.socket:
                self.dispatch(message)
        except (ConnectionClosed, ValueError, KeyError) as error:
            self.failed(error)

    def dispatch(self, message: str | bytes) -> None:
        event = json.loads(message)
        match event["type"]:
            case "response.output_audio.delta":
                samples = np.frombuffer(base64.b64decode(event["delta"]), np.int16)
                self.tally.audio(samples, event["event_id"])
            case "response.output_audio_transcript.delta":
                self.tally.text(event["delta"])
            case "response.done":
                self.done(event["response"]["metadata"])
            case "error":
                self.failed(event)

    async def ask(self) -> None:
        await self.socket.send('{"type": "response.create"}')

    async def send_audio(self, samples: Samples) -> None:
        await self.socket.send(json.dumps(append_message(samples)))

    async def close(self) -> None:
        await self.socket.close()
        await self.task


if __name__ == "__main__":
    main(WebsocketsPeer)
