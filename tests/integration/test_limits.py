"""Money, time and silence: what a session costs, and that it ends by itself where it must."""

import weakref
from typing import Any

import pytest
from tests.integration.listening import of, rest, until
from tests.integration.peer import Peer, close, expect, send
from tests.integration.wire import CREATED, response_created, response_done, speech_started

import voicewire as vw

PRICES = vw.Prices(input_text=1, output_text=2)
USAGE = {
    "total_tokens": 300_000,
    "input_tokens": 100_000,
    "output_tokens": 200_000,
    "input_token_details": {"text_tokens": 100_000, "cached_tokens": 50_000},
    "output_token_details": {"text_tokens": 200_000, "audio_tokens": 0},
}
TURN = (response_created(), response_done(usage=USAGE))
BRIEF = 0.1


def limited(peer: Peer, **limits: Any) -> vw.RealtimeClient:
    return vw.RealtimeClient("m", url=peer.url, limits=vw.Limits(**limits))


def exceeded(events: list[Any]) -> vw.LimitExceeded:
    """The limit that ended a session, checked to be told in the right order."""
    error, closed = events[-2:]
    assert isinstance(error, vw.ErrorEvent)
    assert error.fatal
    assert isinstance(error.error, vw.LimitExceeded)
    assert isinstance(closed, vw.Closed)
    assert (closed.code, closed.clean) == (1000, True)
    return error.error


async def test_a_session_costs_what_its_responses_used() -> None:
    async with Peer(send(CREATED, *TURN)) as peer, limited(peer) as client:
        await until(aiter(client), vw.TurnComplete)

        assert client.cost(PRICES) == client.cost({"input_text": 1, "output_text": 2}) == 0.5
        assert client.cost({"m": PRICES}) == 0.5
        with pytest.raises(vw.ConfigError, match="openai/m"):
            client.cost()


async def test_the_prices_of_the_limits_are_those_of_cost() -> None:
    async with Peer(send(CREATED, *TURN)) as peer, limited(peer, prices=PRICES) as client:
        await until(aiter(client), vw.TurnComplete)

        assert client.cost() == 0.5


async def test_published_prices_need_no_argument(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("openai/gpt-realtime", url=simulator.url) as client:
        await client.ask("Hello.")

        assert 0 < client.cost() < 1


def test_before_the_first_response_nothing_was_spent() -> None:
    assert vw.RealtimeClient("sim/gpt-realtime").cost() == 0


async def test_the_session_ends_when_the_money_is_spent() -> None:
    async with Peer(send(CREATED, *TURN)) as peer:
        client = limited(peer, max_cost=0.5, prices=PRICES)
        heard: list[vw.Event] = []
        client.on("error", heard.append)
        await client.connect()
        events = await rest(aiter(client))

        error = exceeded(events)
        assert (error.limit, error.value, error.allowed) == ("max_cost", 0.5, 0.5)
        assert "max_cost=0.5 US dollars" in str(error)
        assert len(of(vw.TurnComplete, events)) == len(heard) == 1
        assert client.state == "closed"
        with pytest.raises(vw.LimitExceeded):
            await client.connect()
        assert len(peer.connections) == 1


async def test_below_the_limit_the_session_goes_on() -> None:
    async with Peer(send(CREATED, *TURN), close()) as peer, limited(peer, max_cost=0.51, prices=PRICES) as client:
        events = await rest(aiter(client))

    assert of(vw.ErrorEvent, events) == []


@pytest.mark.parametrize("model", ["openai/gpt-nobody", None])
def test_a_limit_on_money_without_a_price_is_refused_at_construction(model: str | None) -> None:
    with pytest.raises(vw.ConfigError, match="prices"):
        vw.RealtimeClient(model, url="ws://127.0.0.1:1/v1", limits=vw.Limits(max_cost=1))


async def test_a_session_ends_after_its_time() -> None:
    async with Peer(send(CREATED)) as peer, limited(peer, max_duration=BRIEF) as client:
        error = exceeded(await rest(aiter(client)))

    assert (error.limit, error.allowed) == ("max_duration", BRIEF)


async def test_after_a_limit_of_time_the_client_may_connect_again() -> None:
    async with Peer(send(CREATED)) as peer:
        client = limited(peer, max_duration=BRIEF)
        for _ in range(2):
            await client.connect()
            assert exceeded(await rest(aiter(client))).limit == "max_duration"

        assert len(peer.connections) == 2


async def test_silence_ends_a_session() -> None:
    async with Peer(send(CREATED)) as peer, limited(peer, idle_timeout=BRIEF) as client:
        error = exceeded(await rest(aiter(client)))

    assert error.limit == "idle_timeout"
    assert error.value >= error.allowed == BRIEF


async def test_a_stalled_answer_counts_as_silence() -> None:
    async with Peer(send(CREATED, response_created())) as peer, limited(peer, idle_timeout=BRIEF) as client:
        assert exceeded(await rest(aiter(client))).limit == "idle_timeout"


async def test_stalled_speech_counts_as_silence() -> None:
    async with Peer(send(CREATED, speech_started(0))) as peer, limited(peer, idle_timeout=BRIEF) as client:
        assert exceeded(await rest(aiter(client))).limit == "idle_timeout"


async def test_timers_end_with_the_session() -> None:
    async with Peer(send(CREATED)) as peer, limited(peer, max_duration=600, idle_timeout=600) as client:
        timers = list(client._guard._timers.values())

    assert len(timers) == 2
    assert all(timer.cancelled() for timer in timers)


async def test_timers_do_not_keep_a_client() -> None:
    async with Peer(send(CREATED), expect("never")) as peer:
        client = await limited(peer, max_duration=600, idle_timeout=600).connect()
        connection = await peer.connection()
        forgotten = weakref.ref(client)
        with pytest.warns(ResourceWarning, match="unclosed"):
            del client

        assert forgotten() is None
        with pytest.raises(AssertionError, match="client left"):
            await connection.expect("never")
