"""voicewire with handlers, by its public API, settings at their defaults."""

from __future__ import annotations

from measure import Peer, Samples, main

import voicewire as vw


class HandlersPeer(Peer):
    packages = ("voicewire", "numpy")

    async def open(self) -> None:
        self.client = vw.RealtimeClient("openai/bench", url=self.url, api_key="x", ca=self.ca)
        self.client.on("audio", self.audio)
        self.client.on("transcript", self.transcript)
        self.client.on("turn_complete", self.turn_complete)
        self.client.on("error", self.failed)
        await self.client.connect()

    def audio(self, event: vw.AudioDelta) -> None:
        self.tally.audio(event.audio, event.event_id or "")

    def transcript(self, event: vw.TranscriptDelta) -> None:
        self.tally.text(event.text)

    def turn_complete(self, event: vw.TurnComplete) -> None:
        self.done((event.raw or {})["response"]["metadata"])

    async def ask(self) -> None:
        self.client.create_response()

    async def send_audio(self, samples: Samples) -> None:
        self.client.send_audio(samples)

    async def close(self) -> None:
        await self.client.disconnect()


if __name__ == "__main__":
    main(HandlersPeer)
