"""Gemini Live in the simulator, as Python sees it: addresses, options, and what clients sent."""

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

import voicewire as vw

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SETUP = {"setup": {"model": "models/gemini-2.0-flash-live-001", "generation_config": {"response_modalities": ["TEXT"]}}}


async def opened(simulator: vw.Simulator) -> ClientConnection:
    """A session past its setup."""
    socket = await connect(simulator.gemini_url + "/" + PATH + "?key=secret", proxy=None)
    await send(socket, SETUP)
    await socket.recv()
    return socket


async def send(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(json.dumps(message))


async def test_messages_are_found_by_their_key_in_either_style() -> None:
    with vw.Simulator(pace=0) as simulator:
        async with await opened(simulator) as socket:
            await send(socket, {"realtime_input": {"text": "Hi."}})
            found = await simulator.wait_for("realtimeInput", text="Hi.")

        assert found == {"realtime_input": {"text": "Hi."}}
        assert simulator.assert_sent("setup", model=SETUP["setup"]["model"]) == SETUP
        assert simulator.received[0] == SETUP
        assert simulator.connections[0]["path"] == f"/{PATH}?key=***"
        with pytest.raises(AssertionError, match=r"what came: \['setup', 'realtimeInput'\]"):
            simulator.assert_sent("toolResponse")


async def test_frames_are_binary_unless_text_is_wanted() -> None:
    kinds = []
    for options in (None, {"frames": "text"}):
        with vw.Simulator(pace=0, gemini=options) as simulator:
            async with connect(simulator.gemini_url + PATH, proxy=None) as socket:
                await send(socket, SETUP)
                kinds.append(type(await socket.recv()))

    assert kinds == [bytes, str]


async def test_an_end_can_be_announced_while_it_runs() -> None:
    with vw.Simulator(pace=0) as simulator:
        async with await opened(simulator) as socket:
            simulator.faults = [{"kind": "go_away", "time_left_ms": 3000}]
            told = json.loads(await socket.recv())

    assert told == {"goAway": {"timeLeft": "3s"}}


@pytest.mark.parametrize(
    ("options", "told"),
    [({"frame": "text"}, "frames"), ({"frames": "tin"}, "gemini.frames"), ({"call_ids": 1}, "gemini.call_ids")],
)
def test_a_wrong_option_is_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(vw.ConfigError, match=told):
        vw.Simulator(gemini=options)


def test_the_address_is_without_a_path() -> None:
    with vw.Simulator() as plain, vw.Simulator(tls=True) as secure:
        assert plain.gemini_url + "/v1" == plain.url
        assert secure.gemini_url.startswith("wss://")
