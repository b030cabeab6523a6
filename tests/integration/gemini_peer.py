"""A Gemini Live server written by hand: each connection in turn plays a list of actions of its own."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from tests.integration.peer import BINARY, PATIENCE_S, PING, Connection, Peer

import voicewire as vw

FLASH_25 = "gemini-2.5-flash-native-audio-preview-12-2025"
FLASH_38 = "gemini-3.8-live"

Message: TypeAlias = dict[str, Any]
LinkAction: TypeAlias = "Callable[[Link], Awaitable[object]]"
Script: TypeAlias = Sequence[LinkAction]


class GeminiPeer(Peer):
    """Plays the first script to the first client that comes, and so on; who comes behind the last script gets the last.

    Each script begins behind the upgrade, so ``greet()`` is the first action of most.
    """

    def __init__(self, *scripts: Script, binary: bool = False) -> None:
        super().__init__(self._script)
        self._scripts = scripts
        self._binary = binary

    async def link(self, number: int = 0) -> Link:
        """Wait for the client's connection of that number, counted from 0."""
        return Link(await self.connection(number), self._binary)

    async def _script(self, connection: Connection) -> None:
        number = min(self.connections.index(connection), len(self._scripts) - 1)
        link = Link(connection, self._binary)
        for action in self._scripts[number]:
            await action(link)


class Link:
    """One connection in Gemini's terms: a message is known by its first key."""

    def __init__(self, connection: Connection, binary: bool = False) -> None:
        self.connection = connection
        self._binary = binary

    async def send(self, *messages: Message) -> None:
        for message in messages:
            if self._binary:
                await self.connection.send_frame(BINARY, json.dumps(message).encode())
            else:
                await self.connection.send(message)

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        await self.connection.close(code, reason)

    async def abort(self) -> None:
        """End TCP with a reset, once the client has taken what was said: a reset would take that with it."""
        await self.connection.send_frame(PING, b"")
        async with asyncio.timeout(PATIENCE_S):
            while not self.connection.pongs:
                self.connection.news.clear()
                await self.connection.news.wait()
        self.connection.abort()

    async def gone(self) -> int | None:
        """Wait until the client has left; the close code that it sent."""
        async with asyncio.timeout(PATIENCE_S):
            await self.connection.gone.wait()
        return self.connection.close_code

    async def expect(self, key: str, count: int = 1) -> Any:
        """Wait for the ``count``-th message under a key; what is under it."""
        return await self.expect_that(lambda message: key in message, f"{count} {key}", count, key)

    async def expect_input(self, key: str, count: int = 1) -> Any:
        """Wait for the ``count``-th ``realtimeInput`` that has a key; what is under it."""
        found = await self.expect_that(
            lambda message: key in message.get("realtimeInput", {}),
            f"{count} realtimeInput.{key}",
            count,
            "realtimeInput",
        )
        return found[key]

    async def expect_that(self, fits: Callable[[Message], bool], what: str, count: int, key: str) -> Any:
        line = self.connection
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line.news.clear()
                found = [message for message in line.received if fits(message)]
                if len(found) >= count:
                    return found[count - 1][key]
                assert not line.gone.is_set(), f"client left before {what}: {self.kinds}"
                await line.news.wait()

    @property
    def kinds(self) -> list[str]:
        """What came, by name: the key, and behind a dot that of a realtime input."""
        return [_kind(message) for message in self.connection.received]

    @property
    def setup(self) -> Message:
        """The first message's setup."""
        setup: Message = self.connection.received[0]["setup"]
        return setup

    @property
    def handle(self) -> str | None:
        """The handle that the client came with."""
        return self.setup.get("sessionResumption", {}).get("handle")

    @property
    def samples(self) -> list[int]:
        """All audio that came."""
        inputs = [message.get("realtimeInput", {}).get("audio", {}).get("data", "") for message in self.received]
        return [sample for data in inputs for sample in np.frombuffer(base64.b64decode(data), "<i2").tolist()]

    @property
    def texts(self) -> list[str]:
        """The text of all turns and realtime inputs that came, in order."""
        return [text for message in self.received for text in _texts(message)]

    @property
    def received(self) -> list[Message]:
        return self.connection.received


def client(peer: GeminiPeer, model: str = FLASH_25, **options: Any) -> vw.RealtimeClient:
    """A client of the peer."""
    return vw.RealtimeClient(model, url=peer.url, dialect="gemini", **options)


# Actions


def greet(handle: str | None = None, session: str | None = None) -> LinkAction:
    """Wait for the setup, say that it is complete, and give out a handle."""

    async def answer(link: Link) -> None:
        await link.expect("setup")
        await link.send({"setupComplete": {"sessionId": session} if session else {}})
        if handle is not None:
            await link.send(resumable(handle))

    return answer


def say(*messages: Message) -> LinkAction:
    return lambda link: link.send(*messages)


def expect(key: str, count: int = 1) -> LinkAction:
    return lambda link: link.expect(key, count)


def expect_input(key: str, count: int = 1) -> LinkAction:
    return lambda link: link.expect_input(key, count)


def expect_setup_and_close(code: int, reason: str = "") -> Script:
    """Turn the client away."""
    return [expect("setup"), close(code, reason)]


def close(code: int | None = 1000, reason: str = "") -> LinkAction:
    return lambda link: link.close(code, reason)


def abort() -> LinkAction:
    return lambda link: link.abort()


def wait_for(event: asyncio.Event) -> LinkAction:
    """Hold the script until the test says so."""

    async def hold(link: Link) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await event.wait()

    return hold


def greet_after(event: asyncio.Event) -> Script:
    """Keep the client waiting for its greeting until the test says so."""
    return [expect("setup"), wait_for(event), say({"setupComplete": {}})]


def call(action: Callable[[], object]) -> LinkAction:
    """Do something of the test's in the midst of a script."""

    async def run(link: Link) -> None:
        action()

    return run


# Messages


def resumable(handle: str) -> Message:
    return {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}}


NOT_RESUMABLE: Message = {"sessionResumptionUpdate": {"newHandle": "", "resumable": False}}


def go_away(left: str) -> Message:
    return {"goAway": {"timeLeft": left}}


def audio(samples: Any, rate: int = 24_000) -> Message:
    data = base64.b64encode(np.asarray(samples, "<i2").tobytes()).decode()
    return content(modelTurn={"parts": [{"inlineData": {"mimeType": f"audio/pcm;rate={rate}", "data": data}}]})


def transcript(text: str) -> Message:
    return content(outputTranscription={"text": text})


def heard(text: str) -> Message:
    return content(inputTranscription={"text": text})


def content(**fields: Any) -> Message:
    return {"serverContent": fields}


def tool_call(id: str, name: str, args: Mapping[str, Any] | None = None) -> Message:
    return {"toolCall": {"functionCalls": [{"id": id, "name": name, "args": dict(args or {})}]}}


TURN_COMPLETE: Message = content(turnComplete=True)


def _kind(message: Message) -> str:
    key = next(iter(message))
    return f"{key}.{next(iter(message[key]))}" if key == "realtimeInput" else key


def _texts(message: Message) -> list[str]:
    told = message.get("realtimeInput", {}).get("text")
    turns = message.get("clientContent", {}).get("turns", [])
    parts = [part["text"] for turn in turns for part in turn["parts"] if "text" in part]
    return parts if told is None else [told]
