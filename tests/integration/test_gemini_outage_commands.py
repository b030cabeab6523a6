"""What is asked for while there is no connection, and what was under way when it was lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from tests.integration.gemini_peer import (
    NOT_RESUMABLE,
    TURN_COMPLETE,
    GeminiPeer,
    Link,
    abort,
    audio,
    client,
    expect,
    greet,
    greet_after,
    heard,
    resumable,
    say,
    tool_call,
    transcript,
    wait_for,
)
from tests.integration.listening import of, soon, until, until_that

import voicewire as vw

ASK = "clientContent"


def with_tool(session: vw.RealtimeClient, handler: Callable[..., Awaitable[Any]]) -> vw.RealtimeClient:
    session.add_tool({"type": "function", "name": handler.__name__}, handler)
    return session


async def test_what_is_asked_for_during_an_outage_is_done_after_it() -> None:
    go_on = asyncio.Event()
    async with GeminiPeer([greet("one"), abort()], greet_after(go_on)) as peer, client(peer) as session:
        await until(aiter(session), vw.Reconnecting)
        session.send_audio(np.arange(320, dtype=np.int16))
        text = session.send_text("Hello")
        change = session.update_config(instructions="Be long.")
        flushed = asyncio.create_task(session.flush())
        answered = asyncio.create_task(session.ping())
        await asyncio.sleep(0)
        assert not any(waiting.done() for waiting in (text, change, flushed, answered))
        go_on.set()

        assert await soon(text) is None
        await soon(change)
        await soon(flushed)
        assert await soon(answered) is True
        second = await peer.link(1)
        await second.expect(ASK)
        assert second.samples == list(range(320))
        assert second.texts[0] == "Hello"


async def test_a_change_given_during_an_outage_takes_effect() -> None:
    go_on = asyncio.Event()
    async with (
        GeminiPeer([greet("one"), abort()], greet_after(go_on), [greet("three")]) as peer,
        client(peer) as session,
    ):
        await until(aiter(session), vw.Reconnecting)
        change = session.update_config(voice="Kore")
        go_on.set()
        answer = await soon(change)
        last = await peer.link(len(peer.connections) - 1)

        voice = last.setup["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"]
        assert answer.type == "setupComplete"
        assert voice == "Kore"


async def test_a_change_that_waited_for_silence_is_in_the_setup_after_an_outage() -> None:
    leave = asyncio.Event()
    old = [greet("one"), say(transcript("Well")), wait_for(leave), abort()]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.TranscriptDelta)
        change = session.update_config(voice="Kore")
        await session.flush()
        leave.set()
        answer = await soon(change)
        await until(events, vw.Reconnected)

        voice = (await peer.link(1)).setup["generationConfig"]["speechConfig"]["voiceConfig"]
        assert answer.type == "setupComplete"
        assert voice == {"prebuiltVoiceConfig": {"voiceName": "Kore"}}
        assert len(peer.connections) == 2


async def test_a_response_that_was_cut_is_told_as_cancelled_and_its_cancellation_resolves() -> None:
    leave = asyncio.Event()
    old = [greet("one"), expect(ASK), say(audio([1, 2])), expect(ASK, 2), wait_for(leave), abort()]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        events = aiter(session)
        session.send_text("Count.")
        await until(events, vw.AudioDelta)
        cancelling = session.cancel_response()
        await session.flush()
        leave.set()
        told = await until(events, vw.Reconnected)
        answer = await soon(cancelling)

    turns = of(vw.TurnComplete, told)
    assert [(turn.status, turn.final) for turn in turns] == [("cancelled", True)]
    assert answer is not None


async def test_a_response_that_had_come_in_full_is_told_as_completed() -> None:
    whole = [audio([1, 2]), transcript("One."), {"serverContent": {"generationComplete": True}}]
    async with (
        GeminiPeer([greet("one"), expect(ASK), say(*whole), abort()], [greet()]) as peer,
        client(peer) as session,
    ):
        session.send_text("Count.")
        told = await until(aiter(session), vw.Reconnected)

    assert [turn.status for turn in of(vw.TurnComplete, told)] == ["completed"]


async def test_a_ping_that_was_under_way_is_answered_with_no() -> None:
    leave = asyncio.Event()

    async def turn_deaf(link: Link) -> None:
        link.connection.answers_pings = False

    old = [greet("one"), turn_deaf, wait_for(leave), abort()]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        pinging = asyncio.create_task(session.ping())
        await asyncio.sleep(0)
        await session.flush()
        assert not pinging.done()
        leave.set()

        assert await soon(pinging) is False
        await until(aiter(session), vw.Reconnected)


async def test_a_result_computed_during_an_outage_is_sent_after_it() -> None:
    finish, go_on = asyncio.Event(), asyncio.Event()

    async def weather() -> str:
        await finish.wait()
        return "rain"

    old = [greet("one"), say(tool_call("c1", "weather"), resumable("two")), abort()]
    async with GeminiPeer(old, greet_after(go_on)) as peer, with_tool(client(peer), weather) as session:
        events = aiter(session)
        told = await until(events, vw.Reconnecting)
        finish.set()
        await asyncio.sleep(0)
        go_on.set()
        told += await until(events, vw.Reconnected)
        second = await peer.link(1)
        answer = await second.expect("toolResponse")
        assert await session.ping()

    assert second.handle == "two"
    assert answer == {"functionResponses": [{"id": "c1", "name": "weather", "response": {"output": "rain"}}]}
    assert second.kinds.count("toolResponse") == 1
    assert of(vw.ToolCallCancelled, told) == []


async def test_a_call_that_the_handle_does_not_know_is_taken_back() -> None:
    began, stopped = asyncio.Event(), asyncio.Event()

    async def weather() -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "rain"

    old = [greet("one"), say(NOT_RESUMABLE, tool_call("c1", "weather")), wait_for(began), abort()]
    async with GeminiPeer(old, [greet("two")]) as peer, with_tool(client(peer), weather) as session:
        told = await until(aiter(session), vw.Reconnected)
        await soon(stopped.wait())
        assert await session.ping()

        assert [event.call_ids for event in of(vw.ToolCallCancelled, told)] == [["c1"]]
        assert (await peer.link(1)).handle == "one"
        assert "toolResponse" not in (await peer.link(1)).kinds


async def test_a_result_for_a_call_that_was_taken_back_goes_nowhere() -> None:
    old = [greet("one"), say(tool_call("c1", "weather")), abort()]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        await until(aiter(session), vw.Reconnected)
        receipt = session.send_tool_response([vw.ToolResponse("c1", "rain")])
        await soon(receipt)
        assert await session.ping()

        assert "toolResponse" not in (await peer.link(1)).kinds


async def test_a_result_that_may_not_have_arrived_is_sent_again() -> None:
    old = [greet("one"), say(tool_call("c1", "weather"), resumable("two")), expect("toolResponse"), abort()]
    async with GeminiPeer(old, [greet("three")]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.ToolCall)
        session.send_tool_response([vw.ToolResponse("c1", "rain")])
        await until(events, vw.Reconnected)
        first, second = await peer.link(0), await peer.link(1)

        assert await second.expect("toolResponse") == await first.expect("toolResponse")


async def test_calls_of_a_session_that_is_told_again_are_taken_back() -> None:
    old = [greet(), say(heard("How is the weather?"), tool_call("c1", "weather")), abort()]
    async with GeminiPeer(old, [greet()]) as peer, client(peer) as session:
        told = await until(aiter(session), vw.Reconnected)

        assert [event.call_ids for event in of(vw.ToolCallCancelled, told)] == [["c1"]]


async def test_a_conversation_outlives_an_outage() -> None:
    first = [greet("one"), say(heard("Hello"), audio([1]), transcript("Hi."), TURN_COMPLETE), abort()]
    second = [greet("two"), say(heard("Bye"), audio([2]), transcript("See you."), TURN_COMPLETE)]
    async with GeminiPeer(first, second) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.Reconnected)
        await until(events, vw.TurnComplete)

    assert [item.transcript for item in session.conversation] == ["Hello", "Hi.", "Bye", "See you."]
    assert len({item.id for item in session.conversation}) == 4


async def test_who_waits_for_an_event_gets_it_behind_an_outage() -> None:
    go_on = asyncio.Event()
    async with (
        GeminiPeer([greet("one"), abort()], [*greet_after(go_on), say(heard("Hello"))]) as peer,
        client(peer) as session,
    ):
        await until(aiter(session), vw.Reconnecting)
        waiting = asyncio.create_task(session.wait_for(vw.InputTranscript))
        await asyncio.sleep(0)
        go_on.set()

        assert (await soon(waiting)).text == "Hello"


async def test_ask_gives_what_came_of_an_answer_that_was_cut() -> None:
    old = [greet("one"), expect(ASK), say(transcript("One")), abort()]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        reply = await soon(session.ask("Count."))
        await until(aiter(session), vw.Reconnected)

    assert (reply.status, reply.text) == ("cancelled", "One")


async def test_a_question_that_had_no_answer_yet_is_asked_again() -> None:
    """The handle is older than the question: the new session does not know of it."""
    async with GeminiPeer([greet("one"), expect(ASK), abort()], [greet("two")]) as peer, client(peer) as session:
        await soon(session.send_text("Who is Ada?"))
        await until(aiter(session), vw.Reconnected)
        assert await session.ping()

        assert (await peer.link(1)).texts == ["Who is Ada?"]


async def test_events_of_both_connections_come_in_order() -> None:
    first = [greet("one"), say(*(heard(f"{number} ") for number in range(50))), abort()]
    second = [greet("two"), say(*(heard(f"{number} ") for number in range(50, 100)))]
    async with GeminiPeer(first, second) as peer, client(peer) as session:
        told = await until_that(aiter(session), lambda event: getattr(event, "text", "") == "99 ")

    pieces = [event.text for event in of(vw.InputTranscript, told) if not event.final]
    assert pieces == [f"{number} " for number in range(100)]


async def test_audio_is_not_sent_again_where_that_is_switched_off() -> None:
    async def close_behind_five(link: Link) -> None:
        await link.expect_that(lambda message: "realtimeInput" in message, "5 inputs", 5, "realtimeInput")
        await link.close(1000)

    scripts = [[greet("one"), close_behind_five], [greet("two")]]
    policy = vw.Reconnect(replay_audio="none")
    async with GeminiPeer(*scripts) as peer, client(peer, reconnect=policy) as session:
        events = aiter(session)
        for number in range(5):
            session.send_audio(np.full(16, number, np.int16))
        await until(events, vw.Reconnected)
        session.send_audio(np.full(16, 5, np.int16))
        await session.flush()
        assert await session.ping()

        links = [await peer.link(number) for number in range(2)]
        assert [sorted(set(link.samples)) for link in links] == [[0, 1, 2, 3, 4], [5]]
