"""The audio-client interface: who has it."""

import pytest

import voicewire as vw

NAMES = (
    "capabilities",
    "connected",
    "connect",
    "disconnect",
    "model",
    "off",
    "on",
    "ping",
    "provider",
    "request_response",
    "send_audio",
    "send_tool_response",
    "update_config",
)


def test_a_realtime_client_has_the_interface_before_it_is_connected() -> None:
    assert isinstance(vw.RealtimeClient("sim/demo"), vw.AudioClient)


def test_a_stand_in_with_all_names_has_it() -> None:
    stand_in = type("StandIn", (), dict.fromkeys(NAMES, print))

    assert isinstance(stand_in(), vw.AudioClient)


@pytest.mark.parametrize("name", NAMES)
def test_without_one_of_the_names_nothing_has_it(name: str) -> None:
    lacking = type("Lacking", (), {other: print for other in NAMES if other != name})

    assert not isinstance(lacking(), vw.AudioClient)


def test_a_simulator_has_it_not() -> None:
    assert not isinstance(vw.Simulator(), vw.AudioClient)
