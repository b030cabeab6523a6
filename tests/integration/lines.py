"""A server of the OpenAI family that plays another script to each connection of a session."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from tests.integration.peer import PATIENCE_S, Action, Connection, Peer, accept, send
from tests.integration.wire import (
    CREATED,
    audio_delta,
    input_transcript,
    item_told,
    of_item,
    response_created,
    response_done,
    speech_started,
    speech_stopped,
    transcript_delta,
)

import voicewire as vw

Message: TypeAlias = dict[str, Any]
Script: TypeAlias = Sequence[Action]

FAST = vw.Reconnect(min_delay=0.001, max_delay=0.001, min_session=0)
UPDATE, CREATE, RESPOND, APPEND = (
    "session.update",
    "conversation.item.create",
    "response.create",
    "input_audio_buffer.append",
)


class Lines(Peer):
    """Plays the first script to the first client that comes, and so on; who comes behind the last script gets the last.

    ``upgrades`` answers the upgrade of single connections, by number, in another way than with 101.
    """

    def __init__(self, *scripts: Script, upgrades: Mapping[int, Action] | None = None) -> None:
        super().__init__(self._script, upgrade=self._answer)
        self._scripts = scripts
        self._upgrades = upgrades or {}

    async def sent(self, number: int, last: str, count: int = 1) -> list[Message]:
        """All that the client has sent on a connection up to the ``count``-th message of a type."""
        line = await self.connection(number)
        await line.expect(last, count)
        return list(line.received)

    async def _script(self, connection: Connection) -> None:
        number = min(self.connections.index(connection), len(self._scripts) - 1)
        for action in self._scripts[number]:
            await action(connection)

    async def _answer(self, connection: Connection) -> None:
        await self._upgrades.get(self.connections.index(connection), accept())(connection)


def client(peer: Peer, **options: Any) -> vw.RealtimeClient:
    """A client of the peer, which comes back fast."""
    return vw.RealtimeClient("m", url=peer.url, **{"reconnect": FAST, **options})


# Actions


def greet(*events: Message) -> Action:
    """Say that the session is ready, and more."""
    return send(CREATED, *events)


def cut() -> Action:
    """End TCP with a reset, once the client has taken what was said: a reset would take that with it."""

    async def cut_off(connection: Connection) -> None:
        await connection.deliver()
        connection.abort()

    return cut_off


def wait_for(event: asyncio.Event) -> Action:
    """Hold the script until the test says so."""

    async def hold(connection: Connection) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await event.wait()

    return hold


def expect(type: str, count: int = 1) -> Action:
    async def wait(connection: Connection) -> None:
        await connection.expect(type, count)

    return wait


# What services tell


def said(item: str, words: str | None = None) -> list[Message]:
    """A spoken turn of the user, with its words where they are known."""
    told = {"content": [{"type": "input_audio", "transcript": None}]}
    heard = [] if words is None else [input_transcript(words, item)]
    return [
        speech_started(0, item),
        speech_stopped(100, item),
        of_item("input_audio_buffer.committed", item),
        item_told("added", item, **told),
        item_told("done", item, **told),
        *heard,
    ]


def answering(words: str, response: str, item: str) -> list[Message]:
    """The beginning of an answer by voice."""
    return [
        response_created(response),
        item_told("added", item, role="assistant", status="in_progress"),
        transcript_delta(words, response=response, item=item),
        audio_delta([1] * 240, response=response, item=item),
    ]


def answer(words: str, response: str, item: str) -> list[Message]:
    """An answer by voice from its beginning to its end."""
    content = [{"type": "output_audio", "transcript": words}]
    whole = item_told("done", item, role="assistant", content=content)
    return [*answering(words, response, item), whole, response_done(response)]


def calling(name: str, arguments: str, response: str, item: str, call: str) -> list[Message]:
    """A call of a tool, whole, in a response that goes on."""
    told = {"type": "function_call", "call_id": call, "name": name, "role": None}
    done = {"type": "response.function_call_arguments.done", "response_id": response, "item_id": item, "name": name}
    return [
        response_created(response),
        item_told("added", item, **told, arguments="", status="in_progress"),
        {**done, "call_id": call, "arguments": arguments},
        item_told("done", item, **told, arguments=arguments),
    ]


# What clients sent


def kinds(messages: Sequence[Message]) -> list[str]:
    return [message["type"] for message in messages]


def items(messages: Sequence[Message]) -> list[Message]:
    return [message["item"] for message in messages if message["type"] == CREATE]


def words(messages: Sequence[Message]) -> list[str]:
    return [item["content"][0]["text"] for item in items(messages)]


def samples(messages: Sequence[Message]) -> list[int]:
    """All audio that was sent."""
    pieces = [base64.b64decode(message["audio"]) for message in messages if message["type"] == APPEND]
    return np.frombuffer(b"".join(pieces), "<i2").tolist()
