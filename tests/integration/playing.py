"""A client that hears a list of events from a peer, whole, before the test goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.listening import soon
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, response_done

import voicewire as vw


async def after(
    *events: dict[str, Any], prepare: Callable[[vw.RealtimeClient], object] = bool, **options: Any
) -> vw.RealtimeClient:
    """A client, closed again, to which a peer has sent these events; ``prepare`` may add handlers."""
    async with Peer(send(CREATED), expect("go"), send(*events, response_done("resp_end"))) as peer:
        client = vw.RealtimeClient("m", url=peer.url, **options)
        prepare(client)
        async with client:
            client.realtime.send("go")
            await soon(client.wait_for("turn_complete", predicate=lambda event: event.response_id == "resp_end"))
    return client
