"""A server that goes away: the connection is replaced at a quiet moment, and the session goes on."""

import asyncio
from typing import Any

import pytest
from tests.integration.gemini_peer import (
    NOT_RESUMABLE,
    TURN_COMPLETE,
    GeminiPeer,
    audio,
    client,
    expect,
    go_away,
    greet,
    heard,
    resumable,
    say,
    tool_call,
    transcript,
    wait_for,
)
from tests.integration.listening import of, rest, soon, until

import voicewire as vw


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
async def test_a_server_that_goes_is_left_for_another_with_the_newest_handle(binary: bool) -> None:
    old = [greet("one", session="first"), say(resumable("two"), go_away("50s"))]
    async with GeminiPeer(old, [greet("three", session="second")], binary=binary) as peer, client(peer) as session:
        reconnected = (await until(aiter(session), vw.Reconnected))[-1]
        first, second = await peer.link(0), await peer.link(1)

        assert reconnected.restored == "resumed"
        assert reconnected.audio_lost_ms == 0
        assert [first.handle, second.handle] == [None, "two"]
        assert first.setup["model"] == second.setup["model"]
        assert await first.gone() == 1000
        assert session.session_id == "second"
        assert session.stats()["reconnects"] == 1


async def test_the_end_is_announced_before_the_switch_and_no_outage_is_told() -> None:
    async with GeminiPeer([greet("one"), say(go_away("50s"))], [greet("two")]) as peer, client(peer) as session:
        events = await until(aiter(session), vw.Reconnected)

    kinds = [event.type for event in events]
    assert kinds.index("session_expiring") < kinds.index("reconnected")
    assert of(vw.SessionExpiring, events)[0].time_left == 50
    assert of(vw.Reconnecting, events) == []
    assert kinds.count("open") == 1


async def test_the_state_stays_open_throughout_a_switch() -> None:
    states: set[tuple[str, bool]] = set()
    async with GeminiPeer([greet("one"), say(go_away("50s"))], [greet("two")]) as peer, client(peer) as session:
        session.on("*", lambda _: states.add((session.state, session.reconnecting)))
        session.on(vw.Reconnected, lambda _: states.add((session.state, session.reconnecting)))
        await until(aiter(session), vw.Reconnected)

        assert states == {("open", False)}


async def test_a_response_is_heard_to_its_end_before_the_switch() -> None:
    leave = asyncio.Event()
    old = [
        greet("one"),
        expect("clientContent"),
        say(audio([1, 2]), go_away("50s"), transcript("One.")),
        wait_for(leave),
        say(transcript(" Two."), TURN_COMPLETE),
    ]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        events = aiter(session)
        session.send_text("Count.")
        await until(events, vw.SessionExpiring)
        assert await session.ping()
        assert len(peer.connections) == 1
        leave.set()
        told = await until(events, vw.Reconnected)

    words = "".join(event.text for event in of(vw.TranscriptDelta, told))
    assert words == "One. Two."
    assert [event.status for event in of(vw.TurnComplete, told)] == ["completed"]


async def test_at_the_deadline_a_response_is_cut_short() -> None:
    old = [greet("one"), expect("clientContent"), say(audio([1, 2]), transcript("One."), go_away("5.2s"))]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        session.send_text("Count.")
        told = await until(aiter(session), vw.Reconnected)

    kinds = [event.type for event in told]
    assert [event.status for event in of(vw.TurnComplete, told)] == ["cancelled"]
    assert kinds.index("turn_complete") < kinds.index("reconnected")


async def test_a_call_that_is_open_is_answered_before_the_switch() -> None:
    finish = asyncio.Event()

    async def weather() -> str:
        await finish.wait()
        return "rain"

    old = [
        greet("one"),
        say(tool_call("c1", "weather"), go_away("50s")),
        expect("toolResponse"),
        say(transcript("It rains."), TURN_COMPLETE),
    ]
    async with GeminiPeer(old, [greet("two")]) as peer, with_tool(client(peer), weather) as session:
        events = aiter(session)
        await until(events, vw.SessionExpiring)
        assert await session.ping()
        assert len(peer.connections) == 1
        finish.set()
        await until(events, vw.Reconnected)
        first, second = await peer.link(0), await peer.link(1)

    assert "toolResponse" in first.kinds
    assert "toolResponse" not in second.kinds


def with_tool(session: vw.RealtimeClient, handler: Any) -> vw.RealtimeClient:
    session.add_tool({"type": "function", "name": handler.__name__}, handler)
    return session


async def test_the_switch_waits_until_the_handle_is_good_again() -> None:
    go_on = asyncio.Event()
    old = [greet("one"), say(NOT_RESUMABLE, go_away("50s")), wait_for(go_on), say(resumable("two"))]
    async with GeminiPeer(old, [greet("three")]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.SessionExpiring)
        assert await session.ping()
        assert len(peer.connections) == 1
        go_on.set()
        await until(events, vw.Reconnected)

        assert (await peer.link(1)).handle == "two"


async def test_the_switch_waits_while_the_user_speaks_in_a_turn_made_by_hand() -> None:
    async with (
        GeminiPeer([greet("one"), wait_for_audio, say(go_away("50s")), end_of_turn], [greet("two")]) as peer,
        client(peer, turn_detection=None) as session,
    ):
        events = aiter(session)
        session.send_audio(bytes(320))
        await until(events, vw.SessionExpiring)
        assert await session.ping()
        assert len(peer.connections) == 1
        session.commit_audio()
        await until(events, vw.Reconnected)

        assert (await peer.link(0)).kinds[-1] == "realtimeInput.activityEnd"


async def wait_for_audio(link: Any) -> None:
    await link.expect_input("audio")


async def end_of_turn(link: Any) -> None:
    await link.expect_input("activityEnd")
    await link.send(transcript("Yes."), TURN_COMPLETE)


async def test_what_is_left_unanswered_of_a_reason_to_wait_ends_at_the_deadline() -> None:
    old = [greet("one"), say(NOT_RESUMABLE, go_away("5.1s"))]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer) as session:
        await until(aiter(session), vw.Reconnected)

        assert (await peer.link(1)).handle == "one"


async def test_each_server_that_goes_is_followed_by_another() -> None:
    scripts = [[greet(f"h{number}"), say(go_away("50s"))] for number in range(3)]
    async with GeminiPeer(*scripts, [greet("last")]) as peer, client(peer) as session:
        events = aiter(session)
        for _ in scripts:
            await until(events, vw.Reconnected)

        assert [(await peer.link(number)).handle for number in range(4)] == [None, "h0", "h1", "h2"]
        assert session.stats()["reconnects"] == 3
        assert session.state == "open"


async def test_without_reconnect_the_end_is_announced_and_then_comes() -> None:
    go = asyncio.Event()

    async def leave(link: Any) -> None:
        await wait_for(go)(link)
        await link.close(1000)

    async with GeminiPeer([greet("one"), say(go_away("5.1s")), leave]) as peer, client(peer, reconnect=None) as session:
        events = aiter(session)
        await until(events, vw.SessionExpiring)
        go.set()
        told = await rest(events)

    assert [type(event) for event in told][-1] is vw.Closed
    assert told[-1].code == 1000
    assert len(peer.connections) == 1


async def test_iterators_and_handlers_go_on_over_the_switch() -> None:
    heard_by_handler: list[str] = []
    old = [greet("one"), say(heard("Before"), TURN_COMPLETE, go_away("50s"))]
    async with GeminiPeer(old, [greet("two"), say(heard("After"))]) as peer:
        session = client(peer)
        session.on(vw.InputTranscript, lambda event: heard_by_handler.append(event.text))
        own = aiter(session.events(vw.InputTranscript))
        async with session:
            both = [await soon(anext(own)) for _ in range(3)]
            told = await until(aiter(session), vw.Reconnected)

    assert [(event.text, event.final) for event in both] == [("Before", False), ("Before", True), ("After", False)]
    assert heard_by_handler == ["Before", "Before", "After"]
    assert told[0].type == "open"


async def test_hooks_hear_of_one_session_only() -> None:
    opened: list[Any] = []
    closed: list[Any] = []
    hooks = vw.Hooks(on_open=lambda *a: opened.append(a), on_close=lambda *a: closed.append(a))
    old = [greet("one"), say(go_away("50s"))]
    async with GeminiPeer(old, [greet("two")]) as peer, client(peer, hooks=hooks) as session:
        await until(aiter(session), vw.Reconnected)
        assert len(opened) == 1
        assert closed == []

    assert closed == [(1000, "")]


async def test_a_client_made_in_one_call_goes_on_over_the_switch() -> None:
    old = [greet("one"), say(go_away("50s"))]
    async with GeminiPeer(old, [greet("two")]) as peer:
        made = vw.create_realtime("gemini-2.5-flash-live", url=peer.url, dialect="gemini")
        async with made as session:
            told = await until(aiter(session), vw.Reconnected)
            assert session.connected
        assert told[0].type == "open"

    assert session.state == "closed"
