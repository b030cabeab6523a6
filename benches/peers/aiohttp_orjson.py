"""aiohttp with orjson and base64 of the standard library: what a service on aiohttp would build."""

from __future__ import annotations

import asyncio
import base64

import aiohttp
import numpy as np
import orjson
from measure import Peer, Samples, main


class AiohttpPeer(Peer):
    packages = ("aiohttp", "orjson", "numpy")

    async def open(self) -> None:
        self.socket = await shared.acquire().ws_connect(self.url, ssl=self.tls or True)
        await self.socket.receive()
        self.task = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        try:
            async for message in self.socket:
                self.dispatch(orjson.loads(message.data))
        except (aiohttp.ClientError, ValueError, KeyError) as error:
            self.failed(error)

    def dispatch(self, event: dict[str, str]) -> None:
        match event["type"]:
            case "response.output_audio.delta":
                samples = np.frombuffer(base64.b64decode(event["delta"]), np.int16)
                self.tally.audio(samples, event["event_id"])
            case "response.output_audio_transcript.delta":
                self.tally.text(event["delta"])
            case "response.done":
                self.done(event["response"]["metadata"])  # type: ignore[index]
            case "error":
                self.failed(event)

    async def ask(self) -> None:
        await self.socket.send_str('{"type": "response.create"}')

    async def send_audio(self, samples: Samples) -> None:
        message = {"type": "input_audio_buffer.append", "audio": base64.b64encode(samples).decode()}
        await self.socket.send_str(orjson.dumps(message).decode())

    async def close(self) -> None:
        await self.socket.close()
        await self.task
        await shared.release()


class Shared:
    """The one client session of the process, as an application would have it, for as long as a peer is open."""

    session: aiohttp.ClientSession | None = None
    users = 0

    def acquire(self) -> aiohttp.ClientSession:
        if self.session is None:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.users += 1
        return self.session

    async def release(self) -> None:
        self.users -= 1
        if self.users == 0 and self.session is not None:
            session, self.session = self.session, None
            await session.close()


shared = Shared()

if __name__ == "__main__":
    main(AiohttpPeer)
