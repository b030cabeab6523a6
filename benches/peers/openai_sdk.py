"""The official SDK, asynchronous, as its README uses it."""

from __future__ import annotations

import asyncio
import base64
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from measure import Peer, Samples, append_message, main
from openai import AsyncOpenAI


class OpenAIPeer(Peer):
    packages = ("openai", "websockets", "pydantic", "numpy")

    async def open(self) -> None:
        parts = urlsplit(self.url)
        base = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/realtime')}"
        query = dict(parse_qsl(parts.query))
        self.client = client_of(base)
        manager = self.client.realtime.connect(
            model=query.pop("model"),
            extra_query=query,
            websocket_connection_options={} if self.tls is None else {"ssl": self.tls},
        )
        self.connection = await manager.enter()
        await self.connection.recv()
        self.task = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        try:
            async for event in self.connection:
                match event.type:
                    case "response.output_audio.delta":
                        samples = np.frombuffer(base64.b64decode(event.delta), np.int16)
                        self.tally.audio(samples, event.event_id)
                    case "response.output_audio_transcript.delta":
                        self.tally.text(event.delta)
                    case "response.done":
                        self.done(event.response.metadata)
                    case "error":
                        self.failed(event)
        except Exception as error:
            self.failed(error)

    async def ask(self) -> None:
        await self.connection.response.create()

    async def send_audio(self, samples: Samples) -> None:
        await self.connection.input_audio_buffer.append(audio=append_message(samples)["audio"])

    async def close(self) -> None:
        await self.connection.close()
        await self.task


clients: dict[str, AsyncOpenAI] = {}


def client_of(base: str) -> AsyncOpenAI:
    """Return the one client of the process, as an application would."""
    if base not in clients:
        clients[base] = AsyncOpenAI(api_key="x", websocket_base_url=base)
    return clients[base]


if __name__ == "__main__":
    main(OpenAIPeer)
