"""Lost connections against the simulator, which knows nothing of our side: every dialect, whole calls, both clients."""

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from tests.integration.lines import CREATE, FAST, RESPOND, UPDATE, cut
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Action, Connection, send
from tests.integration.sync_peer import peer_away
from tests.integration.sync_peer import until as until_sync
from tests.integration.wire import CREATED

import voicewire as vw
from voicewire.devices import FileBackend, Microphone, Speaker

DIALECTS: list[Any] = ["ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen"]


def sent(simulator: vw.Simulator, connection: int) -> list[dict[str, Any]]:
    return list(simulator.connections[connection]["received"])


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_conversation_goes_on_behind_a_cut(dialect: Any) -> None:
    with vw.Simulator(pace=0, dialect=dialect, beta="allow") as simulator:
        async with vw.RealtimeClient(
            "m", url=simulator.url, dialect=dialect, api_key="k", instructions="Be brief.", reconnect=FAST
        ) as client:
            await soon(client.ask("My name is Ada."))
            simulator.faults = [{"kind": "drop", "after_events": 1, "connection": 0}]
            client.send_text("(A remark.)", respond=False)
            events = aiter(client)
            told = (await until(events, vw.Reconnected))[-1]
            reply = await soon(client.ask("Who am I?"))
        messages = sent(simulator, 1)

    kinds = [message["type"] for message in messages]
    assert kinds[0] == UPDATE
    assert kinds[1:3] == [CREATE, CREATE]
    assert messages[1]["item"]["content"][0]["text"] == "My name is Ada."
    assert messages[2]["item"]["role"] == "assistant"
    assert (told.restored, reply.status) == ("replayed", "completed")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop", "how": "rst"},
        {"kind": "drop", "how": "fin"},
        {"kind": "cut_mid_message"},
        {"kind": "close", "code": 1011},
        {"kind": "session_expired"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
async def test_an_answer_that_a_fault_cuts_comes_after_all(fault: dict[str, Any]) -> None:
    faults = [{**fault, "after_events": 12, "connection": 0}]
    with vw.Simulator(pace=0, script=[{"say": "One, two, three."}], faults=faults) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, reconnect=FAST) as client:
            reply = await soon(client.ask("Count."))
            told = client.stats()["reconnects"]
            second = [message["type"] for message in sent(simulator, 1)]

    assert (reply.status, reply.text.strip(), told) == ("completed", "One, two, three.", 1)
    assert second == [CREATE, RESPOND]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_answer_that_was_cut_comes_after_all_in_every_dialect(dialect: Any) -> None:
    faults = [{"kind": "drop", "after_events": 12, "connection": 0}]
    script = [{"say": "One, two, three."}]
    with vw.Simulator(pace=0, dialect=dialect, beta="allow", script=script, faults=faults) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, dialect=dialect, api_key="k", reconnect=FAST) as client:
            told = client.events(vw.TurnComplete)
            reply = await soon(client.ask("Count."))
            first = await soon(anext(told))

    assert (reply.status, reply.text.strip()) == ("completed", "One, two, three.")
    assert (first.status, first.final) == ("cancelled", False)


async def test_a_tool_is_answered_on_the_new_connection() -> None:
    script = [{"when": {"text": "weather"}, "tools": [{"name": "weather", "arguments": {}}]}, {"say": "It rains."}]
    with vw.Simulator(pace=0, script=script) as simulator:
        client = vw.RealtimeClient("m", url=simulator.url, reconnect=FAST)

        @client.tool
        async def weather() -> str:
            """How the weather is."""
            simulator.faults = [{"kind": "drop", "after_ms": 1, "connection": 0}]
            await client.wait_for(vw.Reconnected, timeout=10)
            return "rain"

        async with client:
            reply = await soon(client.ask("How is the weather?"))
            second = [message.get("item", {}).get("type") for message in sent(simulator, 1)]

    assert reply.text.strip() == "It rains."
    assert second == [None, "message", "function_call", "function_call_output", None]


async def test_a_silent_server_is_left_for_another_connection() -> None:
    faults = [{"kind": "half_open", "after_events": 1, "connection": 0}]
    timeouts = vw.Timeouts(ping_interval=0.1, ping_timeout=0.3)
    with vw.Simulator(pace=0, faults=faults) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, timeouts=timeouts) as client:
            await until(aiter(client), vw.Reconnected)

            assert (await soon(client.ask("Hello."))).status == "completed"


async def test_an_upgrade_that_is_refused_for_a_while_is_tried_again() -> None:
    faults = [
        {"kind": "drop", "after_events": 1, "connection": 0},
        {"kind": "http", "code": 503, "connection": 1},
        {"kind": "http", "code": 429, "connection": 2},
    ]
    with vw.Simulator(pace=0, faults=faults) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, reconnect=FAST) as client:
            told = await until(aiter(client), vw.Reconnected)

    assert [event.attempt for event in of(vw.Reconnecting, told)] == [1, 2, 3]


async def test_a_key_that_was_taken_away_ends_the_session() -> None:
    faults = [{"kind": "drop", "after_events": 1, "connection": 0}, {"kind": "http", "code": 401, "connection": 1}]
    with vw.Simulator(pace=0, faults=faults) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, reconnect=FAST) as client:
            told = await rest(aiter(client))

    assert [(type(event.error), event.fatal) for event in of(vw.ErrorEvent, told)] == [(vw.AuthenticationError, True)]


async def test_a_failed_response_is_no_reason_to_reconnect() -> None:
    with vw.Simulator(pace=0, faults=[{"kind": "rate_limit", "after_events": 1}]) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url) as client:
            with pytest.raises(vw.ServerError):
                await soon(client.ask("Hello."))

            assert (client.state, client.stats()["reconnects"]) == ("open", 0)


def cut_once(when: Event) -> Action:
    """Cut off the first connection that comes here, once the test says so."""
    cuts = [cut()]

    async def run(connection: Connection) -> None:
        while cuts:
            await asyncio.to_thread(when.wait, 5)
            await cuts.pop()(connection)

    return run


async def test_a_spoken_turn_that_was_cut_becomes_one_turn(tmp_path: Path) -> None:
    """The cut comes while the user speaks: the new session hears the utterance from its start, and answers once."""
    speech = (12_000 * np.sin(np.arange(24_000) / 15)).astype(np.int16)
    with vw.Simulator(pace=0, script=[{"say": "Yes."}]) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, turn_detection=vw.ServerVAD(), reconnect=FAST) as client:
            events = aiter(client)
            client.send_audio(speech)
            await until(events, vw.SpeechStarted)
            simulator.faults = [{"kind": "close", "code": 1011, "after_ms": 1, "connection": 0}]
            await until(events, vw.Reconnected)
            client.send_audio(np.zeros(24_000, np.int16))
            told = await until(events, vw.TurnComplete)

    assert len(of(vw.InputCommitted, told)) == 1
    assert [turn.status for turn in of(vw.TurnComplete, told)] == ["completed"]


@pytest.mark.slow
async def test_a_call_survives_a_cut_on_the_built_in_simulator(tmp_path: Path) -> None:
    script = [{"say": "Yes.", "audio": "tone"}]
    faults = [{"kind": "drop", "after_ms": 300, "connection": 0}]
    tone = (12_000 * np.sin(np.arange(24_000) / 15)).astype(np.int16)
    vw.audio.write_wav(tmp_path / "in.wav", tone, 24_000)
    backend = FileBackend(tmp_path / "in.wav", tmp_path / "out.wav", silence_s=2.0)
    with vw.Simulator(latency_ms=20, script=script, faults=faults) as simulator:
        client = vw.RealtimeClient("sim/demo", url=simulator.url, turn_detection=vw.ServerVAD())
        report = await soon(client.run_voice(Microphone(backend=backend), Speaker(backend=backend)))
        connections = len(simulator.connections)

    assert (connections, report.reconnects, report.turns) == (2, 1, 1)
    assert report.sent_s == pytest.approx(3.0, abs=0.05)


def test_a_blocking_client_comes_back_as_well() -> None:
    faults = [{"kind": "drop", "after_events": 12, "connection": 0}]
    simulator = vw.Simulator(pace=0, script=[{"say": "One, two, three."}], faults=faults)
    with simulator, vw.SyncRealtimeClient("m", url=simulator.url, reconnect=FAST) as client:
        reply = client.ask("Count.")
        reconnects = client.stats()["reconnects"]

    assert (reply.text.strip(), reconnects) == ("One, two, three.", 1)


def test_a_blocking_client_asks_for_fresh_keys() -> None:
    tokens = ["ek_first", "ek_second"]
    go_on = Event()
    with peer_away(send(CREATED), cut_once(go_on)) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url, token_provider=lambda: tokens.pop(0))
        with client:
            events = client.events(vw.Reconnected)
            go_on.set()
            until_sync(events, vw.Reconnected)

    assert tokens == []
