"""Each connection that replaces another goes with a key of its own, where a token provider hands them out."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.gemini_peer import GeminiPeer
from tests.integration.gemini_peer import abort as cut_gemini
from tests.integration.gemini_peer import client as gemini_client
from tests.integration.gemini_peer import greet as greet_gemini
from tests.integration.lines import FAST, Lines, client, cut, greet, wait_for
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import refuse

import voicewire as vw


def minting(*tokens: Any) -> Callable[[], Any]:
    """Hand out one token after the other; exceptions are raised."""
    left = list(tokens)

    def mint() -> Any:
        token = left.pop(0)
        if isinstance(token, Exception):
            raise token
        return token

    return mint


def keys(peer: Lines) -> list[str]:
    return [connection.request.headers["authorization"] for connection in peer.connections]


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
async def test_each_connection_gets_a_fresh_key(is_async: bool) -> None:
    mint = minting("ek_first", {"value": "ek_second"}, vw.ClientSecret("ek_third"))

    async def later() -> Any:
        await asyncio.sleep(0)
        return mint()

    async with (
        Lines([greet(), cut()], [greet(), cut()], [greet()]) as peer,
        client(peer, token_provider=later if is_async else mint) as session,
    ):
        events = aiter(session)
        for _ in range(2):
            await until(events, vw.Reconnected)

        assert keys(peer) == ["Bearer ek_first", "Bearer ek_second", "Bearer ek_third"]


async def test_each_attempt_gets_a_fresh_key() -> None:
    async with (
        Lines([greet(), cut()], [greet()], upgrades={1: refuse("503 Busy")}) as peer,
        client(peer, token_provider=minting("ek_first", "ek_second", "ek_third")) as session,
    ):
        await until(aiter(session), vw.Reconnected)

        assert keys(peer)[1:] == ["Bearer ek_second", "Bearer ek_third"]


async def test_a_key_given_at_connect_stays() -> None:
    async with Lines([greet(), cut()], [greet()]) as peer:
        session = client(peer, token_provider=minting())
        await session.connect(api_key="sk-mine-alone")
        await until(aiter(session), vw.Reconnected)
        await session.disconnect()

    assert keys(peer) == ["Bearer sk-mine-alone"] * 2


async def test_gemini_gets_fresh_keys_as_well() -> None:
    async with (
        GeminiPeer([greet_gemini("one"), cut_gemini()], [greet_gemini("two")]) as peer,
        gemini_client(peer, token_provider=minting("key-first", "key-second")) as session,
    ):
        await until(aiter(session), vw.Reconnected)
        shown = [str((line.request.target, line.request.headers)) for line in peer.connections]

    assert "key-first" in shown[0]
    assert "key-second" in shown[1]
    assert "key-first" not in shown[1]


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ({"value": "ek_stale", "expires_at": time.time() - 1}, vw.AuthenticationError),
        ({"key": "ek_odd"}, vw.ConfigError),
        (vw.AuthenticationError("signed out"), vw.AuthenticationError),
    ],
    ids=["expired", "wrong", "refused"],
)
async def test_a_token_that_cannot_be_used_ends_the_session_and_sends_nothing(
    token: Any, kind: type[Exception]
) -> None:
    async with (
        Lines([greet(), cut()], [greet()]) as peer,
        client(peer, token_provider=minting("ek_first", token)) as session,
    ):
        told = await rest(aiter(session))

        assert [(type(event.error), event.fatal) for event in of(vw.ErrorEvent, told)] == [(kind, True)]
        assert isinstance(told[-1], vw.Closed)
        assert len(peer.connections) == 1


async def test_a_provider_that_stumbles_is_asked_again() -> None:
    mint = minting("ek_first", OSError("no route"), "ek_third")
    async with Lines([greet(), cut()], [greet()]) as peer, client(peer, token_provider=mint) as session:
        told = await until(aiter(session), vw.Reconnected)

        assert [event.attempt for event in of(vw.Reconnecting, told)] == [1, 2]
        assert keys(peer)[1:] == ["Bearer ek_third"]


async def test_a_provider_that_never_answers_is_given_up() -> None:
    async def mint() -> str:
        tokens.append("ek_first")
        if len(tokens) > 1:
            await asyncio.Event().wait()
        return tokens[0]

    tokens: list[str] = []
    policy = vw.Reconnect(max_attempts=2, min_delay=0.001, max_delay=0.001)
    async with (
        Lines([greet(), cut()], [greet()]) as peer,
        client(peer, token_provider=mint, reconnect=policy, timeouts=vw.Timeouts(connect=0.2)) as session,
    ):
        told = await rest(aiter(session))

    assert "no key from the token provider within 0.2 s" in str(of(vw.ErrorEvent, told)[-1].error)
    assert len(tokens) == 2


async def test_a_disconnect_while_a_key_is_awaited_ends_it_cleanly() -> None:
    asked = asyncio.Event()

    async def mint() -> str:
        if peer.connections:
            asked.set()
            await asyncio.Event().wait()
        return "ek_first"

    async with Lines([greet(), cut()], [greet()]) as peer, client(peer, token_provider=mint) as session:
        await soon(asked.wait())
        await soon(session.disconnect())

        assert (await rest(aiter(session)))[-1].code == 1000
        assert len(peer.connections) == 1


async def test_a_fresh_key_is_shown_nowhere() -> None:
    go_on = asyncio.Event()
    again = [greet({"type": "error", "error": {"message": "Is ek_very_second yours?"}}), wait_for(go_on)]
    mint = minting("ek_very_first", "ek_very_second")
    async with Lines([greet(), cut()], again) as peer, client(peer, token_provider=mint, reconnect=FAST) as session:
        told = await until(aiter(session), vw.ErrorEvent)
        go_on.set()

    assert "ek_very" not in repr(told)
    assert "***" in str(told[-1].error)
