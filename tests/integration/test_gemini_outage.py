"""A Gemini connection that is lost is replaced, as long as there is hope; else the session ends and says why."""

import asyncio
from typing import Any

import pytest
from tests.integration.gemini_peer import (
    GeminiPeer,
    LinkAction,
    abort,
    client,
    close,
    expect,
    expect_setup_and_close,
    greet,
    greet_after,
    heard,
    resumable,
    say,
    wait_for,
)
from tests.integration.listening import of, rest, soon, until

import voicewire as vw

FAST = vw.Reconnect(min_delay=0.001, max_delay=0.001, min_session=0)
LOSSES: dict[str, LinkAction] = {
    "the limit of a connection's life": close(1000, "The operation was cancelled."),
    "a cut": abort(),
    "no code": close(None),
    "an internal error": close(1011, "Internal error occurred."),
    "a service restart": close(1012),
    "going away": close(1001),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_a_lost_connection_is_replaced(loss: LinkAction) -> None:
    go_on = asyncio.Event()
    states: list[tuple[str, bool]] = []
    async with GeminiPeer([greet("one"), loss], greet_after(go_on)) as peer:
        session = client(peer)
        for kind in (vw.Open, vw.Reconnecting, vw.Reconnected):
            session.on(kind, lambda _: states.append((session.state, session.reconnecting)))
        async with session:
            events = aiter(session)
            told = await until(events, vw.Reconnecting)
            assert (session.state, session.reconnecting) == ("connecting", True)
            assert told[-1].attempt == 1
            go_on.set()
            reconnected = (await until(events, vw.Reconnected))[-1]
            second = await peer.link(1)

            assert reconnected.restored == "resumed"
            assert second.handle == "one"
            assert states == [("open", False), ("connecting", True), ("open", False)]
            assert session.stats()["reconnects"] == 1


async def test_the_gap_is_told() -> None:
    async with GeminiPeer([greet("one"), abort()], [greet("two")]) as peer, client(peer) as session:
        reconnected = (await until(aiter(session), vw.Reconnected))[-1]

    assert 0 <= reconnected.gap_ms < 10_000
    assert reconnected.audio_lost_ms == 0


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1007, "Request contains an invalid argument."), (1002, ""), (1003, "no"), (1009, "too long"), (4000, "mine")],
)
async def test_what_would_happen_again_ends_the_session_with_its_reason(code: int, reason: str) -> None:
    async with GeminiPeer([greet("one"), close(code, reason)]) as peer, client(peer) as session:
        told = await rest(aiter(session))

        assert (told[-1].code, told[-1].reason) == (code, reason)
        assert of(vw.Reconnecting, told) == []
        assert len(peer.connections) == 1
        assert session.state == "closed"


async def test_a_refusal_by_policy_is_forgiven_once() -> None:
    refused = close(1008, "Operation is not implemented, or supported, or enabled.")
    async with GeminiPeer([greet("one"), refused], [greet("two"), refused]) as peer, client(peer) as session:
        told = await rest(aiter(session))

    assert len(of(vw.Reconnected, told)) == 1
    assert told[-1].code == 1008
    assert len(peer.connections) == 2


async def test_a_handle_that_is_refused_is_not_tried_again() -> None:
    scripts = [
        [greet("one"), say(heard("I am Ada.")), abort()],
        expect_setup_and_close(1007, "Invalid resumption handle."),
        [greet("three")],
    ]
    async with GeminiPeer(*scripts) as peer, client(peer, reconnect=FAST) as session:
        told = await until(aiter(session), vw.Reconnected)
        handles = [(await peer.link(number)).handle for number in range(3)]

    assert handles == [None, "one", None]
    assert [event.attempt for event in of(vw.Reconnecting, told)] == [1, 2]
    assert told[-1].restored != "resumed"


async def test_a_setup_that_is_refused_without_a_handle_ends_the_session() -> None:
    reason = "Request contains an invalid argument."
    scripts = [[greet("one"), abort()], expect_setup_and_close(1007, reason)]
    async with GeminiPeer(*scripts) as peer, client(peer, reconnect=FAST) as session:
        told = await rest(aiter(session))

    errors = of(vw.ErrorEvent, told)
    assert len(peer.connections) == 3
    assert [error.fatal for error in errors] == [True]
    assert reason in str(errors[0].error)
    assert type(told[-1]) is vw.Closed
    assert told[-1].clean is False


async def test_a_switch_that_fails_ends_the_session_with_the_reason() -> None:
    reason = "Request contains an invalid argument."
    scripts = [[greet()], expect_setup_and_close(1007, reason)]
    async with GeminiPeer(*scripts) as peer, client(peer, reconnect=FAST) as session:
        receipt = session.update_config(voice="Nobody")
        told = await rest(aiter(session))

    with pytest.raises(vw.CommandRejected):
        await soon(receipt)
    # The change is refused, and so is the way back.
    assert [error.fatal for error in of(vw.ErrorEvent, told)] == [False, True]
    assert (told[-1].code, told[-1].clean) == (1007, False)
    assert reason in told[-1].reason


async def test_patience_ends_after_so_many_attempts() -> None:
    policy = vw.Reconnect(max_attempts=2, min_delay=0.001, max_delay=0.001)
    scripts = [[greet("one"), abort()], expect_setup_and_close(1011, "Internal error occurred.")]
    async with GeminiPeer(*scripts) as peer, client(peer, reconnect=policy) as session:
        told = await rest(aiter(session))

    assert [event.attempt for event in of(vw.Reconnecting, told)] == [1, 2]
    assert [type(event) for event in told[-2:]] == [vw.ErrorEvent, vw.Closed]
    assert told[-2].fatal is True
    assert "attempt 2" in str(told[-2].error)
    assert told[-1].code == 1006
    assert len(peer.connections) == 3
    assert session.state == "closed"
    assert session.reconnecting is False


async def test_patience_ends_after_so_many_seconds() -> None:
    policy = vw.Reconnect(max_elapsed=0, min_delay=0.001, max_delay=0.001)
    scripts = [[greet("one"), abort()], expect_setup_and_close(1011)]
    async with GeminiPeer(*scripts) as peer, client(peer, reconnect=policy) as session:
        told = await rest(aiter(session))

    assert [event.attempt for event in of(vw.Reconnecting, told)] == [1]
    assert told[-2].fatal is True


async def test_a_planned_switch_has_the_same_patience() -> None:
    policy = vw.Reconnect(max_attempts=2, min_delay=0.001, max_delay=0.001)
    scripts = [[greet("one")], expect_setup_and_close(1011, "Internal error occurred.")]
    async with GeminiPeer(*scripts) as peer, client(peer, reconnect=policy) as session:
        session.update_config(voice="Kore")
        told = await rest(aiter(session))

    assert [event.attempt for event in of(vw.Reconnecting, told)] == [2]
    assert len(peer.connections) == 3
    assert (told[-1].code, told[-1].clean) == (1011, False)


async def test_three_sessions_that_were_too_short_end_it() -> None:
    async with GeminiPeer([greet("one"), close(1011, "Internal error occurred.")]) as peer, client(peer) as session:
        told = await rest(aiter(session))

    assert len(of(vw.Reconnected, told)) == 2
    assert len(peer.connections) == 3
    assert told[-2].fatal is True
    assert "3 sessions in a row" in str(told[-2].error)
    assert (told[-1].code, told[-1].reason) == (1011, "Internal error occurred.")


async def test_sessions_that_lived_long_enough_are_not_counted() -> None:
    lost = [[greet(f"h{number}"), close(1011)] for number in range(5)]
    async with GeminiPeer(*lost, [greet("last")]) as peer, client(peer, reconnect=FAST) as session:
        events = aiter(session)
        for _ in lost:
            await until(events, vw.Reconnected)

        assert session.stats()["reconnects"] == 5
        assert session.state == "open"


async def test_without_reconnect_a_loss_ends_the_session() -> None:
    async with GeminiPeer([greet("one"), abort()]) as peer, client(peer, reconnect=None) as session:
        told = await rest(aiter(session))

    assert (told[-1].code, told[-1].clean) == (1006, False)
    assert of(vw.Reconnecting, told) == []


async def test_a_disconnect_during_an_outage_ends_it_cleanly() -> None:
    async with GeminiPeer([greet("one"), abort()], greet_after(asyncio.Event())) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.Reconnecting)
        kept = session.send_text("Hello")
        await soon(session.disconnect())
        told = await rest(events)

    assert (told[-1].code, told[-1].clean) == (1000, True)
    with pytest.raises(vw.ConnectionClosed):
        await soon(kept)


async def test_a_disconnect_while_waiting_for_the_next_attempt_ends_it_at_once() -> None:
    policy = vw.Reconnect(initial_delay=60)
    async with GeminiPeer([greet("one"), abort()]) as peer, client(peer, reconnect=policy) as session:
        events = aiter(session)
        await until(events, vw.Reconnecting)
        await soon(session.disconnect())

        assert (await rest(events))[-1].code == 1000
        assert len(peer.connections) == 1


async def test_the_newest_handle_counts_also_when_it_came_last() -> None:
    old = [greet("one"), say(resumable("two"), resumable("three")), close(1000)]
    async with GeminiPeer(old, [greet("four")]) as peer, client(peer) as session:
        await until(aiter(session), vw.Reconnected)

        assert (await peer.link(1)).handle == "three"


async def test_hooks_hear_of_the_end_only_at_the_end() -> None:
    opened: list[Any] = []
    closed: list[Any] = []
    hooks = vw.Hooks(on_open=lambda *a: opened.append(a), on_close=lambda *a: closed.append(a))
    leave = asyncio.Event()
    scripts = [[greet("one"), abort()], [greet("two"), wait_for(leave), close(1007, "Enough.")]]
    async with GeminiPeer(*scripts) as peer, client(peer, hooks=hooks) as session:
        events = aiter(session)
        await until(events, vw.Reconnected)
        assert closed == []
        leave.set()
        await rest(events)

    assert len(opened) == 1
    assert closed == [(1007, "Enough.")]


async def test_a_client_made_in_one_call_survives_an_outage() -> None:
    async with (
        GeminiPeer([greet("one"), abort()], [greet("two"), expect("clientContent")]) as peer,
        vw.create_realtime("gemini-2.5-flash-live", url=peer.url, dialect="gemini") as session,
    ):
        await until(aiter(session), vw.Reconnected)
        await soon(session.send_text("Hello"))

    assert session.state == "closed"
