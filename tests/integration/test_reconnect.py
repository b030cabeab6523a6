"""A lost connection of the OpenAI family is replaced as long as there is hope; else the session says why not."""

import asyncio
import time
from typing import Any

import pytest
from tests.integration.lines import FAST, Lines, client, cut, expect, greet, wait_for
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Action, close, hang_up, refuse, send
from tests.integration.wire import error

import voicewire as vw

LOSSES: dict[str, Action] = {
    "a cut": cut(),
    "the end of the stream": hang_up(),
    "no code": close(None),
    "going away": close(1001, "Your session hit the maximum duration of 60 minutes."),
    **{str(code): close(code) for code in (1011, 1012, 1013)},
}
ENDS = (1000, 1003, 1007, 1008, 1009, 1010, 3000, 4000, 4999)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_a_lost_connection_is_replaced(loss: Action) -> None:
    go_on = asyncio.Event()
    states: list[tuple[str, bool]] = []
    async with Lines([greet(), loss], [wait_for(go_on), greet()]) as peer:
        session = client(peer)
        for kind in (vw.Open, vw.Reconnecting, vw.Reconnected):
            session.on(kind, lambda _: states.append((session.state, session.reconnecting)))
        async with session:
            events = aiter(session)
            told = await until(events, vw.Reconnecting)
            assert (session.state, session.reconnecting, told[-1].attempt) == ("connecting", True, 1)
            go_on.set()
            reconnected = (await until(events, vw.Reconnected))[-1]

            assert (reconnected.restored, reconnected.audio_lost_ms) == ("none", 0)
            assert states == [("open", False), ("connecting", True), ("open", False)]
            assert session.stats()["reconnects"] == 1


@pytest.mark.parametrize("code", ENDS)
async def test_codes_that_say_it_is_over_end_the_session(code: int) -> None:
    async with Lines([greet(), close(code, "Enough.")]) as peer, client(peer) as session:
        told = await rest(aiter(session))

        assert (told[-1].code, told[-1].reason) == (code, "Enough.")
        assert of(vw.Reconnecting, told) == []
        assert len(peer.connections) == 1


@pytest.mark.parametrize("off", [None, False], ids=repr)
async def test_without_reconnect_a_loss_ends_the_session(off: Any) -> None:
    async with Lines([greet(), cut()]) as peer, client(peer, reconnect=off) as session:
        told = await rest(aiter(session))

        assert (told[-1].code, told[-1].clean) == (1006, False)
        assert len(peer.connections) == 1


async def test_reconnection_is_on_by_default() -> None:
    async with Lines([greet(), cut()], [greet()]) as peer, vw.RealtimeClient("m", url=peer.url) as session:
        await until(aiter(session), vw.Reconnected)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_a_service_that_is_busy_is_asked_again(status: int) -> None:
    busy = refuse(f"{status} Busy")
    async with Lines([greet(), cut()], [greet()], upgrades={1: busy, 2: busy}) as peer, client(peer) as session:
        told = await until(aiter(session), vw.Reconnected)

        assert [event.attempt for event in of(vw.Reconnecting, told)] == [1, 2, 3]
        assert of(vw.ErrorEvent, told) == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, vw.ConnectError),
        (401, vw.AuthenticationError),
        (403, vw.AuthenticationError),
        (404, vw.ConnectError),
    ],
)
async def test_a_refusal_ends_the_session_with_its_own_error(status: int, kind: type[Exception]) -> None:
    async with Lines([greet(), cut()], upgrades={1: refuse(f"{status} No", "Why.")}) as peer, client(peer) as session:
        told = await rest(aiter(session))

        errors = of(vw.ErrorEvent, told)
        assert [(type(event.error), event.fatal) for event in errors] == [(kind, True)]
        assert (errors[0].error.status, errors[0].error.body) == (status, "Why.")
        assert [type(event) for event in told[-2:]] == [vw.ErrorEvent, vw.Closed]
        assert len(peer.connections) == 2


async def test_the_service_says_how_long_to_wait() -> None:
    busy = refuse("429 Slow Down", headers="retry-after-ms: 300\r\n")
    async with Lines([greet(), cut()], [greet()], upgrades={1: busy}) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.Reconnecting)
        began = time.monotonic()
        await until(events, vw.Reconnected)

    assert time.monotonic() - began >= 0.3


async def test_a_wait_beyond_our_patience_ends_the_session_at_once() -> None:
    busy = refuse("503 Closed For Today", headers="Retry-After: 3600\r\n")
    async with Lines([greet(), cut()], upgrades={1: busy}) as peer, client(peer) as session:
        told = await rest(aiter(session))

        assert "503" in str(of(vw.ErrorEvent, told)[-1].error)
        assert len(peer.connections) == 2


async def test_attempts_end_with_one_error_that_says_why() -> None:
    policy = vw.Reconnect(max_attempts=3, min_delay=0.001, max_delay=0.001)
    busy = refuse("503 Busy")
    upgrades = dict.fromkeys(range(1, 9), busy)
    async with Lines([greet(), cut()], upgrades=upgrades) as peer, client(peer, reconnect=policy) as session:
        told = await rest(aiter(session))

        errors = of(vw.ErrorEvent, told)
        assert [event.fatal for event in errors] == [True]
        assert "attempt 3" in str(errors[0].error)
        assert (told[-1].code, len(peer.connections)) == (1006, 4)


async def test_a_server_that_is_gone_is_given_up() -> None:
    policy = vw.Reconnect(max_attempts=2, min_delay=0.001, max_delay=0.001)
    leave = asyncio.Event()
    async with Lines([greet(), wait_for(leave), cut()]) as peer, client(peer, reconnect=policy) as session:
        events = aiter(session)
        await until(events, vw.Open)
        peer.stop_listening()
        leave.set()
        told = await rest(events)

    assert "refused" in str(of(vw.ErrorEvent, told)[-1].error)
    assert of(vw.ErrorEvent, told)[-1].fatal


@pytest.mark.parametrize(
    "code", ["insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached"]
)
async def test_an_account_at_fault_ends_the_session_with_its_connection(code: str) -> None:
    async with Lines([greet(error(code, "No.")), cut()]) as peer, client(peer) as session:
        told = await rest(aiter(session))

        assert [event.error.code for event in of(vw.ErrorEvent, told)] == [code]
        assert (told[-1].code, len(peer.connections)) == (1006, 1)


async def test_a_refusal_in_place_of_a_greeting_ends_the_session() -> None:
    turned_away = [send(error("invalid_api_key", "Bad key.")), close(4000)]
    async with Lines([greet(), cut()], turned_away) as peer, client(peer) as session:
        told = await rest(aiter(session))

        assert [type(event.error) for event in of(vw.ErrorEvent, told)] == [vw.AuthenticationError]
        assert len(peer.connections) == 2


async def test_a_service_with_troubles_of_its_own_is_asked_again() -> None:
    trouble = error("internal_error", "Oops.")
    trouble["error"]["type"] = "server_error"
    async with Lines([greet(), cut()], [send(trouble), close(1011)], [greet()]) as peer, client(peer) as session:
        told = await until(aiter(session), vw.Reconnected)

        assert of(vw.ErrorEvent, told) == []
        assert len(peer.connections) == 3


async def test_three_sessions_in_a_row_that_were_short_are_enough() -> None:
    policy = vw.Reconnect(min_delay=0.001, max_delay=0.001)
    async with Lines([greet(), cut()]) as peer, client(peer, reconnect=policy) as session:
        told = await rest(aiter(session))

        errors = of(vw.ErrorEvent, told)
        assert [(type(event.error), event.fatal) for event in errors] == [(vw.ConnectionClosed, True)]
        assert "3 sessions in a row" in str(errors[0].error)
        assert len(peer.connections) == 3


async def test_an_expired_session_is_followed_by_another() -> None:
    expired = error("session_expired", "Your session hit the maximum duration of 60 minutes.")
    async with Lines([greet(expired), close(1001)], [greet()]) as peer, client(peer) as session:
        told = await until(aiter(session), vw.Reconnected)

    assert [(type(event.error), event.fatal) for event in of(vw.ErrorEvent, told)] == [(vw.SessionExpired, False)]


async def test_a_session_is_told_as_opened_once() -> None:
    opened: list[Any] = []
    second = {"type": "session.created", "event_id": "event_2", "session": {"id": "sess_2", "type": "realtime"}}
    hooks = vw.Hooks(on_open=lambda *told: opened.append(told))
    async with Lines([greet(), cut()], [send(second)]) as peer, client(peer, hooks=hooks) as session:
        told = await until(aiter(session), vw.Reconnected)

        assert (len(of(vw.Open, told)), len(opened)) == (1, 1)
        assert session.session_id == "sess_2"


async def test_a_disconnect_during_an_outage_ends_it_cleanly() -> None:
    async with Lines([greet(), cut()], [wait_for(asyncio.Event())]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.Reconnecting)
        kept = session.send_text("Hello.")
        await soon(session.disconnect())

        assert (await rest(events))[-1].code == 1000
        with pytest.raises(vw.ConnectionClosed):
            await soon(kept)


async def test_a_call_that_was_joined_is_joined_again_and_told_nothing() -> None:
    async with (
        Lines([expect("session.update"), cut()], [expect("go")]) as peer,
        vw.RealtimeClient(call_id="rtc_1", url=peer.url, reconnect=FAST, instructions="Be brief.") as session,
    ):
        reconnected = (await until(aiter(session), vw.Reconnected))[-1]
        session.realtime.send("go")
        sent = await peer.sent(1, "go")

        assert peer.connections[1].request.target.endswith("call_id=rtc_1")
        assert reconnected.restored == "resumed"
        assert {message["type"] for message in sent} <= CONFIGURED_ONCE


# What was never acknowledged is sent again, also where the session goes on.
CONFIGURED_ONCE = {"session.update", "go"}


async def test_a_first_connection_is_tried_again_where_that_is_asked_for() -> None:
    policy = vw.Reconnect(initial=True, min_delay=0.001, max_delay=0.001)
    busy = refuse("503 Busy")
    async with Lines([greet()], upgrades={0: busy, 1: busy}) as peer, client(peer, reconnect=policy) as session:
        assert session.connected
        assert len(peer.connections) == 3


@pytest.mark.parametrize(("status", "attempts"), [(503, 2), (401, 1)])
async def test_a_first_connection_that_never_comes_about_raises_the_last_reason(status: int, attempts: int) -> None:
    policy = vw.Reconnect(initial=True, max_attempts=2, min_delay=0.001, max_delay=0.001)
    busy = refuse(f"{status} No")
    async with Lines([greet()], upgrades=dict.fromkeys(range(9), busy)) as peer:
        with pytest.raises(vw.ConnectError) as caught:
            await client(peer, reconnect=policy).connect()

    assert (caught.value.status, len(peer.connections)) == (status, attempts)
