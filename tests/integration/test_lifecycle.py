"""From idle to closed: what the states are, who may call what when, and what comes back."""

import asyncio
import threading

import pytest
from tests.integration.listening import rest, soon, until
from tests.integration.peer import Peer, never, send
from tests.integration.wire import CREATED

import voicewire as vw


async def test_states_go_from_idle_to_closed() -> None:
    proceed = asyncio.Event()

    async with Peer(lambda _: _wait(proceed), send(CREATED)) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        states = [client.state]
        connecting = asyncio.create_task(client.connect())
        await peer.connection()
        states.append(client.state)
        proceed.set()
        await soon(connecting)
        states.append(client.state)
        closing = client.disconnect()
        states.append(client.state)
        await soon(closing)
        states.append(client.state)

    assert states == ["idle", "connecting", "open", "closing", "closed"]


async def test_connect_returns_the_client_once_the_session_is_ready(client: vw.RealtimeClient) -> None:
    assert await client.connect() is client
    assert client.state == client.get_state() == "open"
    assert client.connected
    assert client.is_connected()
    await client.disconnect()


async def test_entering_connects_and_leaving_disconnects(client: vw.RealtimeClient) -> None:
    async with client as entered:
        assert entered is client
        assert client.connected

    assert client.state == "closed"
    assert not client.connected
    assert not client.is_connected()


async def test_leaving_by_an_exception_disconnects_and_lets_it_through(client: vw.RealtimeClient) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with client:
            raise KeyError("mine")

    assert client.state == "closed"


async def test_a_client_names_its_session_provider_and_model(client: vw.RealtimeClient) -> None:
    assert (client.provider, client.model, client.session_id) == ("openai", "gpt-realtime", None)

    async with client:
        assert client.session_id is not None
        assert client.session_id.startswith("sess_")


async def test_the_session_id_is_the_one_of_the_server() -> None:
    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        assert client.session_id == "sess_1"


async def test_connecting_while_connecting_is_an_error_and_harmless() -> None:
    proceed = asyncio.Event()

    async with Peer(lambda _: _wait(proceed), send(CREATED)) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        first = asyncio.create_task(client.connect())
        await peer.connection()

        with pytest.raises(vw.VoicewireError, match="connecting"):
            await client.connect()

        proceed.set()
        assert await soon(first) is client
        await soon(client.disconnect())


async def test_connecting_while_open_is_an_error_and_harmless(client: vw.RealtimeClient) -> None:
    async with client:
        with pytest.raises(vw.VoicewireError, match="open"):
            await client.connect()

        assert (await soon(client.send_text("Hello.", respond=False))).type == "conversation.item.added"


async def test_connecting_while_closing_is_an_error(client: vw.RealtimeClient) -> None:
    await client.connect()
    closing = client.disconnect()

    with pytest.raises(vw.VoicewireError, match="closing"):
        await client.connect()
    await soon(closing)


async def test_disconnecting_an_idle_client_resolves_at_once(client: vw.RealtimeClient) -> None:
    receipt = client.disconnect()

    assert receipt.done()
    assert await receipt is None
    assert client.state == "closed"


async def test_disconnecting_twice_is_the_same_as_once(client: vw.RealtimeClient) -> None:
    await client.connect()
    first, second = client.disconnect(), client.disconnect()

    assert await soon(first) is None
    assert await soon(second) is None
    assert await soon(client.disconnect()) is None
    assert client.state == "closed"


async def test_disconnecting_during_connect_ends_it() -> None:
    async with Peer(upgrade=never()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        connecting = asyncio.create_task(client.connect())
        connection = await peer.connection()

        assert await soon(client.disconnect()) is None

        with pytest.raises(vw.ConnectionClosed):
            await soon(connecting)
        assert client.state == "closed"
        await soon(connection.gone.wait())


async def test_disconnecting_between_upgrade_and_greeting_ends_connect() -> None:
    async with Peer() as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        connecting = asyncio.create_task(client.connect())
        connection = await peer.connection()

        await soon(client.disconnect())

        with pytest.raises(vw.ConnectionClosed):
            await soon(connecting)
        await soon(connection.gone.wait())


async def test_disconnecting_while_a_token_is_fetched_ends_connect(simulator: vw.Simulator) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def token() -> str:
        asked.set()
        await answer.wait()
        return "sk-late"

    client = vw.RealtimeClient("m", url=simulator.url, token_provider=token)
    connecting = asyncio.create_task(client.connect())
    await soon(asked.wait())
    client.disconnect()
    answer.set()

    try:
        with pytest.raises(vw.ConnectionClosed):
            await soon(connecting)
        assert client.state == "closed"
        assert simulator.connections == []
    finally:
        await soon(client.disconnect())


async def test_disconnect_may_be_called_from_another_thread(client: vw.RealtimeClient) -> None:
    await client.connect()
    events = aiter(client)
    receipts: list[vw.Receipt] = []

    thread = threading.Thread(target=lambda: receipts.append(client.disconnect()))
    thread.start()
    closed = (await until(events, vw.Closed))[-1]
    thread.join()

    assert (closed.code, closed.clean) == (1000, True)
    assert await soon(receipts[0]) is None


async def test_what_was_sent_before_disconnect_still_goes_out(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    async with client:
        for number in range(20):
            client.realtime.send("input_audio_buffer.clear", {"event_id": f"evt_{number}"})

    sent = [event["event_id"] for event in simulator.received]
    assert sent == [f"evt_{number}" for number in range(20)]


async def test_the_peer_sees_our_goodbye_with_1000() -> None:
    async with Peer(send(CREATED)) as peer:
        async with vw.RealtimeClient("m", url=peer.url):
            connection = await peer.connection()

        await soon(connection.gone.wait())
        assert connection.close_code == 1000


async def test_a_peer_that_does_not_answer_our_goodbye_holds_us_up_no_longer_than_the_timeout() -> None:
    async with Peer(send(CREATED), reads=False) as peer:
        client = vw.RealtimeClient("m", url=peer.url, timeouts=vw.Timeouts(close=0.1))
        await client.connect()
        events = aiter(client)

        await soon(client.disconnect())

        closed = (await rest(events))[-1]
        assert (closed.type, closed.code, closed.clean) == ("close", 1000, False)


async def test_reconnecting_begins_a_session_and_an_iterator_of_its_own(client: vw.RealtimeClient) -> None:
    await client.connect()
    first_id, first_events = client.session_id, aiter(client)
    await client.disconnect()

    async with client:
        second_events = aiter(client)
        assert client.session_id != first_id
        assert second_events is not first_events

    assert [event.type for event in await rest(first_events)] == ["open", "close"]
    assert [event.type for event in await rest(second_events)] == ["open", "close"]


async def test_handlers_stay_for_the_next_session(client: vw.RealtimeClient) -> None:
    seen: list[str] = []
    client.on(vw.Open, lambda event: seen.append(event.type))

    for _ in range(2):
        async with client:
            pass

    assert seen == ["open", "open"]


async def test_a_client_whose_connect_failed_can_try_again(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "http", "code": 503, "connection": 0}]
    client = vw.RealtimeClient("m", url=simulator.url)

    with pytest.raises(vw.ConnectError):
        await client.connect()
    assert client.state == "closed"

    async with client:
        assert client.connected


async def test_a_ping_is_answered_and_measured(client: vw.RealtimeClient) -> None:
    async with client:
        assert await client.ping(timeout=5)
        assert client.stats()["pongs"] >= 1
        assert client.stats()["rtt_ms"] > 0

    assert not await client.ping(timeout=5)


async def test_stats_count_both_directions(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.ask("Hello."))
        stats = client.stats()

    assert stats["messages_out"] == len(simulator.received) == 2
    assert stats["messages_in"] > 10
    assert stats["bytes_in"] > stats["bytes_out"] > 100
    assert stats["wakes"] >= 1
    assert stats["outbox_bytes"] == 0
    assert stats["reconnects"] == 0
    assert stats["first_audio_ms"] > 0


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_shutdown_closes_the_clients_of_all_loops(simulator: vw.Simulator) -> None:
    opened, told = threading.Event(), []

    def elsewhere() -> None:
        async def run() -> None:
            client = vw.RealtimeClient("openai/m", url=simulator.url, api_key="k")
            await client.connect()
            opened.set()
            told.append(await client.wait_for("close", timeout=10))

        asyncio.run(run())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert await asyncio.to_thread(opened.wait, 10)
    here, idle = (vw.RealtimeClient("openai/m", url=simulator.url, api_key="k") for _ in range(2))
    await here.connect()
    await vw.shutdown(timeout=10)
    await asyncio.to_thread(thread.join, 10)

    assert [here.state, idle.state] == ["closed", "closed"]
    assert [event.code for event in told] == [1000]


async def test_shutdown_says_how_many_clients_are_still_closing(simulator: vw.Simulator) -> None:
    opened, proceed = threading.Event(), threading.Event()

    def elsewhere() -> None:
        async def run() -> None:
            client = vw.RealtimeClient("openai/m", url=simulator.url, api_key="k")
            await client.connect()
            opened.set()
            proceed.wait(10)

        asyncio.run(run())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert await asyncio.to_thread(opened.wait, 10)
    with pytest.raises(TimeoutError, match=r"^1 of \d+ clients were not closed within 0\.05 s$"):
        await vw.shutdown(timeout=0.05)
    proceed.set()
    await asyncio.to_thread(thread.join, 10)


async def test_shutdown_refuses_a_timeout_that_is_no_time() -> None:
    with pytest.raises(vw.ConfigError, match="timeout is not above 0"):
        await vw.shutdown(timeout=0)
