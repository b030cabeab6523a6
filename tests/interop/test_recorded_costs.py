"""Usage of real sessions costs what genai-prices computes from the same messages with a reader of its own."""

from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from tests.integration.listening import rest
from tests.integration.peer import Peer, close, send
from tests.interop.test_recordings import Recording

import voicewire as vw

NAMES = (
    "openai_ws__audio_in_server_vad_turn",
    "openai_ws__text_in_audio_out_turn",
    "openai_ws__tool_call_round",
    "azure_ws__tool_call_round",
)


def published_price(usage: dict[str, Any]) -> Decimal:
    message = {"model": "gpt-realtime", "response": {"model": "gpt-realtime", "usage": usage}}
    extracted = genai_prices.extract_usage(message, provider_id="openai", api_flavor="realtime").usage
    return genai_prices.calc_price(extracted, "gpt-realtime", provider_id="openai").total_price


@pytest.mark.parametrize("name", NAMES)
async def test_a_real_session_costs_the_same_by_another_reader(name: str) -> None:
    recording = Recording(name)
    told = [published_price(usage) for usage in recording.usages]

    async with Peer(send(*recording.events), close()) as peer:
        client = await vw.RealtimeClient("openai/gpt-realtime", url=peer.url).connect()
        await rest(aiter(client))

    assert client.cost().total == sum(told) > 0
