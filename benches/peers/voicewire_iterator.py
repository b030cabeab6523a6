"""voicewire with ``async for``, by its public API, settings at their defaults."""

from __future__ import annotations

import asyncio

from measure import Peer, Samples, main

import voicewire as vw


class IteratorPeer(Peer):
    packages = ("voicewire", "numpy")

    async def open(self) -> None:
        self.client = await vw.RealtimeClient("openai/bench", url=self.url, api_key="x", ca=self.ca).connect()
        self.task = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        async for event in self.client:
            match event:
                case vw.AudioDelta(audio=samples):
                    self.tally.audio(samples, event.event_id or "")
                case vw.TranscriptDelta(text=text):
                    self.tally.text(text)
                case vw.TurnComplete():
                    self.done((event.raw or {})["response"]["metadata"])
                case vw.ErrorEvent(error=error):
                    self.failed(error)

    async def ask(self) -> None:
        self.client.create_response()

    async def send_audio(self, samples: Samples) -> None:
        self.client.send_audio(samples)

    async def close(self) -> None:
        await self.client.disconnect()
        await self.task


if __name__ == "__main__":
    main(IteratorPeer)
