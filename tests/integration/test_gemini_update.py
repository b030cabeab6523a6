"""``update_config`` in a running Gemini session: in place where the model can, else by another connection."""

import asyncio
from typing import Any

import pytest
from tests.integration.gemini_peer import (
    FLASH_38,
    TURN_COMPLETE,
    GeminiPeer,
    audio,
    client,
    expect,
    greet,
    greet_after,
    heard,
    say,
    transcript,
    wait_for,
)
from tests.integration.listening import of, rest, soon, until

import voicewire as vw


def voice_of(setup: dict[str, Any]) -> Any:
    return setup["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"]


async def settled(session: vw.RealtimeClient) -> None:
    """Everything that the server was told and said so far has been taken in."""
    assert await session.ping()


async def test_a_voice_takes_a_new_connection_with_the_handle() -> None:
    async with (
        GeminiPeer([greet("one")], [greet("two")]) as peer,
        client(peer, voice="Puck", instructions="Be brief.") as session,
    ):
        await settled(session)
        answer = await soon(session.update_config(voice="Kore"))
        reconnected = (await until(aiter(session), vw.Reconnected))[-1]
        first, second = await peer.link(0), await peer.link(1)

        assert answer.type == "setupComplete"
        assert (voice_of(first.setup), voice_of(second.setup)) == ("Puck", "Kore")
        assert second.setup["systemInstruction"] == first.setup["systemInstruction"]
        assert second.handle == "one"
        assert reconnected.restored == "resumed"
        assert await first.gone() == 1000
        assert session.state == "open"


async def test_the_receipt_waits_for_the_new_session() -> None:
    go_on = asyncio.Event()
    async with GeminiPeer([greet("one")], greet_after(go_on)) as peer, client(peer) as session:
        await settled(session)
        receipt = session.update_config(voice="Kore")
        await (await peer.link(1)).expect("setup")
        assert not receipt.done()
        go_on.set()
        await soon(receipt)


async def test_instructions_of_an_older_model_are_a_turn_of_context() -> None:
    async with GeminiPeer([greet("one")]) as peer, client(peer, instructions="Be brief.") as session:
        await soon(session.update_config(instructions="Be long."))
        await settled(session)
        link = await peer.link(0)

        assert await link.expect("clientContent") == {
            "turns": [{"parts": [{"text": "Be long."}]}],
            "turnComplete": False,
        }
        assert len(peer.connections) == 1


async def test_instructions_told_by_a_turn_are_in_the_setup_of_the_next_connection() -> None:
    async with GeminiPeer([greet("one")], [greet("two")]) as peer, client(peer, instructions="Be brief.") as session:
        await settled(session)
        await soon(session.update_config(instructions="Be long."))
        await soon(session.update_config(voice="Kore"))

        assert (await peer.link(1)).setup["systemInstruction"] == {"parts": [{"text": "Be long."}]}


async def test_the_newest_model_takes_instructions_and_tools_in_place() -> None:
    tool = {"type": "function", "name": "weather", "description": "Tells it."}
    async with GeminiPeer([greet("one")]) as peer, client(peer, FLASH_38, instructions="Be brief.") as session:
        await soon(session.update_config(instructions="Be long.", tools=[tool]))
        await settled(session)
        update = await (await peer.link(0)).expect("contextUpdate")

        assert update == {
            "systemInstruction": {"parts": [{"text": "Be long."}]},
            "tools": {"tools": [{"functionDeclarations": [{"name": "weather", "description": "Tells it."}]}]},
        }
        assert len(peer.connections) == 1
        assert session.stats()["reconnects"] == 0


async def test_the_newest_model_needs_a_new_connection_for_a_voice() -> None:
    async with GeminiPeer([greet("one")], [greet("two")]) as peer, client(peer, FLASH_38) as session:
        await settled(session)
        await soon(session.update_config(voice="Kore", instructions="Be long."))
        first, second = await peer.link(0), await peer.link(1)

        assert "contextUpdate" not in first.kinds
        assert voice_of(second.setup) == "Kore"
        assert second.setup["systemInstruction"] == {"parts": [{"text": "Be long."}]}


async def test_several_changes_take_one_switch() -> None:
    leave = asyncio.Event()
    old = [greet("one"), say(transcript("Well")), wait_for(leave), say(TURN_COMPLETE)]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.TranscriptDelta)
        receipts = [
            session.update_config(voice="Kore"),
            session.update_config(temperature=0.5),
            session.update_config(turn_detection=None),
        ]
        await session.flush()
        assert not any(receipt.done() for receipt in receipts)
        leave.set()
        answers = [await soon(receipt) for receipt in receipts]
        await until(events, vw.Reconnected)
        setup = (await peer.link(1)).setup

        assert [answer.type for answer in answers] == ["setupComplete"] * 3
        assert setup["generationConfig"]["temperature"] == 0.5
        assert voice_of(setup) == "Kore"
        assert setup["realtimeInputConfig"]["automaticActivityDetection"]["disabled"] is True
        assert session.stats()["reconnects"] == 1
        assert len(peer.connections) == 2


async def test_without_a_handle_what_was_said_is_told_again() -> None:
    old = [greet(), say(heard("Who is Ada?"), audio([1]), transcript("A mathematician."), TURN_COMPLETE)]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer, instructions="Be brief.") as session:
        events = aiter(session)
        await until(events, vw.TurnComplete)
        await soon(session.update_config(voice="Kore"))
        reconnected = (await until(events, vw.Reconnected))[-1]
        second = await peer.link(1)

        told = " ".join(part["text"] for part in second.setup["systemInstruction"]["parts"])
        assert reconnected.restored == "replayed"
        assert second.handle is None
        assert "Be brief." in told
        assert told.index("Who is Ada?") < told.index("A mathematician.")


async def test_a_model_that_takes_history_is_told_in_turns() -> None:
    old = [greet(), say(heard("Who is Ada?"), audio([1]), transcript("A mathematician."), TURN_COMPLETE)]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer, FLASH_38) as session:
        events = aiter(session)
        await until(events, vw.TurnComplete)
        await soon(session.update_config(voice="Kore"))
        second = await peer.link(1)
        content = await second.expect("clientContent")

        assert second.setup["historyConfig"] == {"initialHistoryInClientContent": True}
        assert [(turn["role"], turn["parts"][0]["text"]) for turn in content["turns"]] == [
            ("user", "Who is Ada?"),
            ("model", "A mathematician."),
        ]


async def test_words_that_were_not_transcribed_are_missing_and_that_is_said() -> None:
    talk = [audio([1]), transcript("A mathematician."), TURN_COMPLETE]
    async with GeminiPeer([greet(), expect("realtimeInput"), say(*talk)], [greet()]) as peer, client(peer) as session:
        events = aiter(session)
        session.send_audio(bytes(320))
        await until(events, vw.TurnComplete)
        await soon(session.update_config(voice="Kore"))
        reconnected = (await until(events, vw.Reconnected))[-1]

    assert reconnected.restored == "partial"


async def test_before_anything_was_said_there_is_nothing_to_restore() -> None:
    async with GeminiPeer([greet()], [greet()]) as peer, client(peer) as session:
        await soon(session.update_config(voice="Kore"))
        reconnected = (await until(aiter(session), vw.Reconnected))[-1]

    assert reconnected.restored == "none"


async def test_without_reconnect_a_change_that_needs_one_is_refused() -> None:
    async with GeminiPeer([greet("one")]) as peer, client(peer, reconnect=None) as session:
        with pytest.raises(vw.CommandRejected, match="generationConfig") as caught:
            await soon(session.update_config(voice="Kore"))
        errors = of(vw.ErrorEvent, await until(aiter(session), vw.ErrorEvent))

        assert caught.value.code == "reconnect_is_off"
        assert [error.fatal for error in errors] == [False]
        assert len(peer.connections) == 1
        assert session.state == "open"


async def test_a_change_that_was_refused_is_not_in_a_later_session() -> None:
    async with GeminiPeer([greet("one")]) as peer:
        session = client(peer, reconnect=None, voice="Puck")
        async with session:
            with pytest.raises(vw.CommandRejected):
                await soon(session.update_config(voice="Kore"))
        async with session:
            assert voice_of((await peer.link(1)).setup) == "Puck"


async def test_a_change_that_changes_nothing_is_done_at_once() -> None:
    async with GeminiPeer([greet("one")]) as peer, client(peer, voice="Kore") as session:
        assert await soon(session.update_config(voice="Kore")) is None
        assert len(peer.connections) == 1


async def test_a_disconnect_during_the_switch_ends_it_cleanly() -> None:
    never = asyncio.Event()
    async with GeminiPeer([greet("one")], greet_after(never)) as peer, client(peer) as session:
        events = aiter(session)
        await settled(session)
        changing = session.update_config(voice="Kore")
        await (await peer.link(1)).expect("setup")
        late = session.send_text("Are you there?")
        await soon(session.disconnect())
        closed = (await rest(events))[-1]
        never.set()

        assert (type(closed), closed.code, closed.clean) == (vw.Closed, 1000, True)
        for receipt in (changing, late):
            with pytest.raises(vw.ConnectionClosed):
                await soon(receipt)
        assert session.state == "closed"


async def test_a_disconnect_before_the_switch_ends_it_cleanly() -> None:
    async with GeminiPeer([greet("one"), say(transcript("Well"))]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.TranscriptDelta)
        changing = session.update_config(voice="Kore")
        await session.flush()
        await soon(session.disconnect())

        assert (await rest(events))[-1].code == 1000
        with pytest.raises(vw.ConnectionClosed):
            await soon(changing)
        assert len(peer.connections) == 1


async def test_a_later_session_begins_with_the_changes() -> None:
    async with GeminiPeer([greet("one")], [greet("two")]) as peer:
        session = client(peer)
        async with session:
            await settled(session)
            await soon(session.update_config(voice="Kore"))
        async with session:
            third = await peer.link(2)

            assert voice_of(third.setup) == "Kore"
            assert third.handle is None
