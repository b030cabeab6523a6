"""Each row of the porting guide runs as it stands."""

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voicewire as vw

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "porting.md").read_text(encoding="utf-8")
TABLE = PAGE.split("| JavaScript | Python | note |")[1].split("\n\n")[0]
ROWS = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in TABLE.splitlines()[2:]]
# What the reference client offers to its users.
OFFERED = (
    "connect isConnected disconnect reset waitForSessionCreated on onNext off clearEventHandlers waitForNext "
    "waitForNextItem waitForNextCompletedItem updateSession getTurnDetectionType addTool removeTool "
    "sendUserMessageContent appendInputAudio createResponse cancelResponse deleteItem getItem getItems clear "
    "processEvent send floatTo16BitPCM base64ToArrayBuffer arrayBufferToBase64 mergeInt16Arrays generateId"
)
EVENTS = (
    "conversation.updated conversation.item.appended conversation.item.completed conversation.interrupted "
    "realtime.event error"
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
async def test_a_row_runs(row: list[str], client: vw.RealtimeClient) -> None:
    code = row[1].strip("`")
    names: dict[str, Any] = {
        "vw": vw,
        "np": np,
        "asyncio": asyncio,
        "client": client,
        "handler": print,
        "samples": np.zeros(2_400, np.int16),
    }
    problems: list[vw.ErrorEvent] = []
    async with client:
        await client.ask("Hello.", timeout=10)
        names["item_id"] = client.conversation.items[-1].id
        client.on("error", problems.append)
        opened = 'vw.RealtimeClient("sim/demo").connect()' in code
        exec(f"async def row():\n    result = {code}\n    return result" if ";" not in code else _block(code), names)
        result = await names["row"]()
        await client.ping()
        if opened:
            await result.disconnect()

    assert problems == []


def _block(code: str) -> str:
    return "async def row():\n" + textwrap.indent(code.replace("; ", "\n"), "    ")


def test_every_method_and_event_of_the_reference_client_has_a_row() -> None:
    shown = " ".join(row[0] for row in ROWS)

    assert [name for name in OFFERED.split() if not re.search(rf"\b{name}\(", shown)] == []
    assert [name for name in EVENTS.split() if f"`{name}`" not in shown] == []
