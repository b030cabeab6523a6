"""What must not happen between two connections of a session, and around them."""

from typing import Any

import numpy as np
import pytest
from tests.integration.gemini_peer import (
    GeminiPeer,
    abort,
    client,
    close,
    expect,
    expect_input,
    go_away,
    greet,
    say,
)
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Peer, send
from tests.integration.peer import expect as expect_type
from tests.integration.wire import CREATED

import voicewire as vw

FAST = vw.Reconnect(min_delay=0.001, max_delay=0.001, min_session=0)


async def test_a_refused_change_leaves_the_session_as_it_was() -> None:
    refused = [expect("setup"), close(1007, "no such voice")]
    async with GeminiPeer([greet("one")], refused, [greet("two")]) as peer:
        session = client(peer, voice="Puck", reconnect=FAST)
        await session.connect()
        assert await session.ping()
        with pytest.raises(vw.CommandRejected):
            await soon(session.update_config(voice="Nonsense"))
        await until(aiter(session), vw.Reconnected)
        setup = (await peer.link(2)).setup
        assert session.state == "open"
        await session.disconnect()

    assert setup["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"] == {"voiceName": "Puck"}
    assert setup["sessionResumption"] == {"handle": "one"}


async def test_a_turn_by_hand_goes_on_behind_a_planned_switch() -> None:
    old = [greet("one"), expect_input("audio"), say(go_away("5.2s"))]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer, turn_detection=None) as session:
        session.send_audio(np.arange(1600, dtype=np.int16))
        told = await until(aiter(session), vw.Reconnected)
        await soon(session.commit_audio())
        await session.flush()
        assert await session.ping()
        link = await peer.link(1)

    assert told[-1].audio_resent_ms == 100
    assert link.kinds == ["setup", "realtimeInput.activityStart", "realtimeInput.audio", "realtimeInput.activityEnd"]


async def test_a_key_in_a_close_reason_is_masked() -> None:
    secret = "a-key-that-nobody-may-see"
    async with GeminiPeer([greet("one"), close(1007, f"bad key {secret}")]) as peer:
        session = client(peer, api_key=secret)
        await session.connect()
        events = await rest(aiter(session))

    assert secret not in "".join(f"{event!r} {getattr(event, 'reason', '')}" for event in events)
    assert events[-1].reason == "bad key ***"


async def test_a_close_of_the_peers_own_proves_nothing_read() -> None:
    async def leave(link: Any) -> None:
        await link.expect_that(lambda message: "realtimeInput" in message, "an input", 1, "realtimeInput")
        await link.send(go_away("5s"))
        await link.close(1011)

    async with GeminiPeer([greet("one"), leave], [greet("two")]) as peer, client(peer, reconnect=FAST) as session:
        session.send_audio(np.arange(1600, dtype=np.int16))
        told = await until(aiter(session), vw.Reconnected)

    assert told[-1].audio_resent_ms == 100


async def test_a_question_of_a_lost_session_is_asked_once() -> None:
    async with GeminiPeer([greet(None), expect("clientContent"), abort()], [greet("two")]) as peer:
        session = client(peer, reconnect=FAST)
        await session.connect()
        await soon(session.send_text("What is it?"))
        await until(aiter(session), vw.Reconnected)
        assert await session.ping()
        link = await peer.link(1)
        await session.disconnect()

    assert link.texts == ["What is it?"]
    assert "What is it?" not in str(link.setup)


async def test_a_peer_that_always_goes_is_not_met_without_an_end() -> None:
    goes = [greet("handle"), say(go_away("5s"))]
    async with GeminiPeer(goes) as peer:
        session = client(peer, reconnect=vw.Reconnect(min_delay=5, max_delay=5, jitter=0))
        await session.connect()
        events = aiter(session)
        for _ in range(3):
            await until(events, vw.Reconnected)
        assert len(peer.connections) == 4
        await session.disconnect()
        told = await rest(events)

    assert of(vw.Reconnected, told) == []


async def test_a_refused_format_is_taken_back() -> None:
    wrong = {"type": "error", "error": {"type": "invalid_request_error", "code": "bad", "message": "no"}}

    async def refuse(connection: Any) -> None:
        update = await connection.expect("session.update")
        await connection.send({**wrong, "error": {**wrong["error"], "event_id": update["event_id"]}})

    async with Peer(send(CREATED), refuse) as peer, vw.RealtimeClient("m", url=peer.url) as session:
        with pytest.raises(vw.CommandRejected):
            await soon(session.update_session(input_format="g711_ulaw"))
        session.send_audio(np.zeros(240, np.int16))
        sent = await (await peer.connection()).expect("input_audio_buffer.append")

    assert len(sent["audio"]) == 640


async def test_a_format_asked_for_before_connect_counts_from_the_start() -> None:
    async with Peer(send(CREATED), expect_type("session.update")) as peer:
        session = vw.RealtimeClient("m", url=peer.url)
        session.update_session(input_format="g711_ulaw")
        await session.connect()
        session.send_audio(np.zeros(240, np.int16))
        sent = await (await peer.connection()).expect("input_audio_buffer.append")
        await session.disconnect()

    assert len(sent["audio"]) == 320


@pytest.mark.parametrize("model", ["gemini-2.5-flash-native-audio", "gemini-3.1-flash-live-preview", "gemini-3.8-live"])
async def test_questions_that_overtake_each_other_are_answered(model: str) -> None:
    with vw.Simulator(pace=0) as simulator:
        async with vw.RealtimeClient(f"gemini/{model}", url=simulator.gemini_url, api_key="key") as session:
            session.send_text("first")
            second = await soon(session.ask("second"))
            third = await soon(session.ask("third"))

    assert [reply.status for reply in (second, third)] == ["completed", "completed"]
    assert "third" in third.text


async def test_options_without_words_are_told_by_the_receipt() -> None:
    with vw.Simulator(pace=0) as simulator:
        async with vw.RealtimeClient("gemini/gemini-3.8-live", url=simulator.gemini_url, api_key="key") as session:
            receipt = session.update_config(speed=1.2)
            await soon(receipt)

    assert list(receipt.ignored) == ["speed"]


async def test_text_that_a_model_cannot_write_is_spoken_and_told() -> None:
    with vw.Simulator(pace=0) as simulator:
        client_of = vw.RealtimeClient(
            "gemini/gemini-3.8-live", url=simulator.gemini_url, api_key="key", modalities=["text"]
        )
        mismatches: list[Any] = []
        client_of.on("config_mismatch", lambda event: mismatches.append(list(event.fields)))
        async with client_of as session:
            reply = await soon(session.ask("Hello."))

    assert mismatches == [["modalities"]]
    assert "Hello." in reply.text


def test_a_project_belongs_to_gemini() -> None:
    with pytest.raises(vw.ConfigError, match="project"):
        vw.RealtimeClient("openai/gpt-realtime", project="p")
