"""What a type checker makes of the audio-client interface; mypy reads this file, nothing runs it."""

from typing import assert_type

import voicewire as vw


def the_client_has_the_interface(client: vw.RealtimeClient) -> vw.AudioClient:
    return client


def a_client_in_the_background_has_it_too() -> vw.AudioClient:
    return vw.create_realtime("sim/demo")


async def what_the_interface_gives(client: vw.AudioClient) -> None:
    await client.connect()
    assert_type(client.connected, bool)
    assert_type(client.capabilities, vw.Capabilities)
    assert_type(await client.ping(timeout=1), bool)
    client.on("open", print)()
    await client.request_response("Be brief.")
    await client.update_config(instructions="Be brief.")
    await client.disconnect()


def anything_else_has_it_not(simulator: vw.Simulator) -> vw.AudioClient:
    return simulator  # type: ignore[return-value]
