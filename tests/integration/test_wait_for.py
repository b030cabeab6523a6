"""``wait_for``: the next event of a kind, a predicate, a timeout, the end."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.integration.listening import soon
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, text_delta

import voicewire as vw


def peer_of_texts(*texts: str) -> Peer:
    return Peer(send(CREATED), expect("go"), send(*map(text_delta, texts)))


@pytest.mark.parametrize(
    "key", [vw.TextDelta, "text", "response.output_text.delta", "server.response.text.delta"], ids=str
)
async def test_it_returns_the_next_event_under_a_class_or_name(key: str | type[vw.Event]) -> None:
    async with peer_of_texts("A", "B") as peer, vw.RealtimeClient("m", url=peer.url) as client:
        waiting = asyncio.create_task(client.wait_for(key, timeout=5))
        await asyncio.sleep(0)
        client.realtime.send("go")

        assert (await waiting).raw["delta"] == "A"


async def test_it_passes_over_what_the_predicate_refuses() -> None:
    async with peer_of_texts("A", "B", "C") as peer, vw.RealtimeClient("m", url=peer.url) as client:
        waiting = asyncio.create_task(client.wait_for("text", timeout=5, predicate=lambda event: event.text == "B"))
        await asyncio.sleep(0)
        client.realtime.send("go")

        assert (await waiting).text == "B"


async def test_events_before_the_call_do_not_count(client: vw.RealtimeClient) -> None:
    async with client:
        with pytest.raises(TimeoutError):
            await client.wait_for(vw.Open, timeout=0.05)


async def test_it_can_be_called_before_connect(client: vw.RealtimeClient) -> None:
    waiting = asyncio.create_task(client.wait_for(vw.Open, timeout=5))
    await asyncio.sleep(0)

    async with client:
        assert (await waiting).type == "open"


async def test_the_end_of_the_session_raises_connection_closed(client: vw.RealtimeClient) -> None:
    async with client:
        waiting = asyncio.create_task(client.wait_for(vw.ToolCall))
        await asyncio.sleep(0)

    with pytest.raises(vw.ConnectionClosed):
        await soon(waiting)


async def test_waiting_on_a_closed_client_raises_connection_closed(client: vw.RealtimeClient) -> None:
    async with client:
        pass

    with pytest.raises(vw.ConnectionClosed):
        await client.wait_for(vw.Open, timeout=5)


async def test_closed_itself_can_be_waited_for(client: vw.RealtimeClient) -> None:
    async with client:
        waiting = asyncio.create_task(client.wait_for(vw.Closed, timeout=5))
        await asyncio.sleep(0)

    assert (await soon(waiting)).code == 1000


async def test_a_predicate_that_raises_raises_in_the_waiting_task() -> None:
    async with peer_of_texts("A") as peer, vw.RealtimeClient("m", url=peer.url) as client:
        waiting = asyncio.create_task(client.wait_for("text", timeout=1, predicate=lambda event: 1 / 0))
        await asyncio.sleep(0)
        client.realtime.send("go")

        with pytest.raises(ZeroDivisionError):
            await waiting


@pytest.mark.parametrize(
    ("wait", "problem"),
    [
        (lambda client: client.ask("Hello.", timeout=0.02), "ask: no whole answer within 0.02 s"),
        (lambda client: client.wait_for("text", timeout=0.02), "wait_for: no text within 0.02 s"),
        (lambda client: client.wait_for(vw.TurnComplete, timeout=0.02), "wait_for: no TurnComplete within 0.02 s"),
    ],
)
async def test_a_timeout_says_what_was_waited_for_and_how_long(
    wait: Callable[[vw.RealtimeClient], Awaitable[Any]], problem: str
) -> None:
    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        with pytest.raises(TimeoutError, match=f"^{re.escape(problem)}$"):
            await wait(client)
