"""Let the model call Python functions. Runs without a key on the built-in simulator."""

import argparse
import asyncio
from contextlib import ExitStack
from typing import Any, Literal

import voicewire as vw

QUESTION = "How is the weather in Ulm?"
# What the simulator's model does; a real model decides by itself.
SCRIPT = [{"when": {"text": "weather"}, "tools": [{"name": "weather", "arguments": {"city": "Ulm"}}]}]


async def weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> dict[str, Any]:
    """Look up the weather.

    Args:
        city: Name of the city.
        unit: Of the temperature.
    """
    print(f"looking up {city} …")
    return {"city": city, "temperature": 21, "unit": unit}


async def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", help='such as "openai/gpt-realtime" or "gemini/gemini-3.8-live"; without it the simulator answers'
    )
    model = parser.parse_args().model
    with ExitStack() as stack:
        if model is None:
            url = stack.enter_context(vw.Simulator(script=SCRIPT)).url
            client = vw.RealtimeClient("openai/gpt-realtime", url=url, api_key="none")
        else:
            client = vw.RealtimeClient(model)
        client.tool(weather)
        async with client:
            reply = await client.ask(QUESTION)
        print(reply.text)


asyncio.run(main())
