"""The simulator as a fixture of tests: how it is started, asked and scripted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import voicewire as vw


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("script.json", '[{"say": "Hello."}]'),
        ("script.json", '{"rules": [{"say": "Hello."}]}'),
        ("script.toml", '[[rules]]\nsay = "Hello."\n'),
    ],
)
def test_a_script_is_read_from_a_file(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    assert vw.Simulator(script=tmp_path / name).script == [{"say": "Hello."}]
    assert vw.Simulator(script=str(tmp_path / name)).script == [{"say": "Hello."}]


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", "{"), ("a.toml", "= 1"), ("a.json", '{"ruls": []}'), ("a.json", "[1]")]
)
def test_a_broken_script_file_is_a_config_error(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(vw.ConfigError, match="script"):
        vw.Simulator(script=tmp_path / name)


def test_a_missing_script_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(vw.ConfigError, match="script cannot be read"):
        vw.Simulator(script=tmp_path / "none.toml")


def test_it_has_an_address_while_it_runs() -> None:
    with vw.Simulator() as simulator:
        assert simulator.url.startswith("ws://127.0.0.1:")
        assert simulator.url.endswith("/v1")
        assert simulator.http_url.startswith("http://127.0.0.1:")
        assert simulator.received == []
        assert simulator.connections == []
        assert simulator.cpu_s >= 0

    with pytest.raises(vw.VoicewireError, match="not running"):
        _ = simulator.url


async def test_it_can_be_entered_asynchronously_and_again() -> None:
    simulator = vw.Simulator()

    async with simulator:
        first = simulator.url
    async with simulator:
        second = simulator.url

    assert first.startswith("ws://")
    assert second.startswith("ws://")


def test_it_cannot_be_started_twice_at_once() -> None:
    with vw.Simulator() as simulator, pytest.raises(vw.VoicewireError, match="already started"):
        simulator.start()


def test_stopping_is_idempotent() -> None:
    simulator = vw.Simulator()

    simulator.stop()
    with simulator:
        simulator.stop()
    simulator.stop()


@pytest.mark.parametrize(
    "option",
    [
        {"host": 1},
        {"port": 65_536},
        {"beta": "maybe"},
        {"dialect": "klingon"},
        {"api_key": 1},
        {"refusal": "silence"},
        {"models": [1]},
        {"seed": -1},
        {"latency_ms": -1},
        {"pace": -1},
        {"delta_ms": 0},
        {"stragglers": -1},
        {"obfuscation": "no"},
        {"rate_limits": 1},
        {"script": [1]},
        {"faults": {"kind": "drop"}},
    ],
    ids=str,
)
def test_a_wrong_option_is_a_config_error_that_names_it(option: dict[str, Any]) -> None:
    with pytest.raises(vw.ConfigError, match=next(iter(option))):
        vw.Simulator(**option)


def test_a_port_in_use_is_an_os_error() -> None:
    with vw.Simulator() as first, pytest.raises(OSError, match="in use"):
        vw.Simulator(port=int(first.url.rsplit(":", 1)[1].split("/")[0])).start()


def test_a_wrong_rule_leaves_the_script_as_it_was() -> None:
    with vw.Simulator(script=[{"say": "Hello."}]) as simulator:
        with pytest.raises(vw.ConfigError, match="sai"):
            simulator.script = [{"sai": "Bye."}]

        assert simulator.script == [{"say": "Hello."}]


async def test_what_clients_send_can_be_waited_for_and_asserted() -> None:
    async with vw.Simulator() as simulator:
        async with vw.RealtimeClient(
            "openai/any", url=simulator.url, api_key="sk-secret", instructions="Be brief."
        ) as client:
            client.send_text("Hello.")
            created = await simulator.wait_for("response.create", timeout=5)

        assert created["type"] == "response.create"
        update = simulator.assert_sent("session.update", session={"instructions": "Be brief."})
        assert update["session"]["type"] == "realtime"
        assert simulator.connections[0]["path"].startswith("/v1/realtime")
        assert "sk-secret" not in json.dumps(simulator.connections[0]["headers"])

    assert simulator.received[-1]["type"] == "response.create"


async def test_an_assertion_that_fails_tells_what_came() -> None:
    async with vw.Simulator() as simulator:
        async with vw.RealtimeClient("openai/any", url=simulator.url, api_key="k") as client:
            client.send_text("Hello.")
            await simulator.wait_for("response.create")

        with pytest.raises(AssertionError, match=r"not received: input_audio_buffer\.commit.*response\.create"):
            simulator.assert_sent("input_audio_buffer.commit")


def test_waiting_in_vain_is_a_timeout_error() -> None:
    with vw.Simulator() as simulator, pytest.raises(TimeoutError, match=r"not received: response\.create"):
        simulator.wait_for_sync("response.create", timeout=0.05)


async def test_a_cancelled_wait_ends_at_once() -> None:
    async with vw.Simulator() as simulator:
        waiting = asyncio.create_task(simulator.wait_for("response.create", timeout=30))
        await asyncio.sleep(0)
        waiting.cancel()

        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_padding_and_rate_limits_can_be_left_out() -> None:
    async with (
        vw.Simulator(obfuscation=False, rate_limits=False, pace=0) as simulator,
        vw.RealtimeClient("openai/any", url=simulator.url, modalities="text") as client,
    ):
        seen: list[dict[str, Any]] = []
        client.on("server.*", lambda event: seen.append(event.raw))
        for words in ("one", "two"):
            client.send_text(words)
            await client.wait_for(vw.TurnComplete, timeout=5)

    assert any(event["type"] == "response.output_text.delta" for event in seen)
    assert not any("obfuscation" in event or event["type"] == "rate_limits.updated" for event in seen)
