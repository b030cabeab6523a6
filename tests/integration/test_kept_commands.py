"""Commands given before the session is ready: kept, and sent in order."""

import asyncio

import numpy as np
import pytest
from tests.integration.listening import soon
from tests.integration.peer import Connection, Peer, send
from tests.integration.wire import CREATED

import voicewire as vw


async def test_commands_given_before_connect_are_sent_after_it_in_order(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    receipts = [client.send_text(f"Text {number}.", respond=False) for number in range(5)]
    assert not any(receipt.done() for receipt in receipts)

    async with client:
        answers = [await soon(receipt) for receipt in receipts]

    texts = [event["item"]["content"][0]["text"] for event in simulator.received]
    assert texts == [f"Text {number}." for number in range(5)]
    assert [answer["item"]["content"][0]["text"] for answer in answers] == texts


async def test_the_session_options_go_first(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url, instructions="Be brief.")
    client.send_text("Hello.")

    async with client:
        await simulator.wait_for("response.create")

    assert [event["type"] for event in simulator.received] == [
        "session.update",
        "conversation.item.create",
        "response.create",
    ]


async def test_nothing_is_sent_before_the_server_has_greeted() -> None:
    seen_before: list[str] = []

    async def greet(connection: Connection) -> None:
        seen_before.extend(message["type"] for message in connection.received)
        await connection.send(CREATED)

    async with Peer(greet) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.send_text("Hello.", respond=False)
        async with client:
            connection = await peer.connection()
            await connection.expect("conversation.item.create")

    assert seen_before == []


async def test_audio_and_commands_given_while_connecting_are_sent_in_order() -> None:
    proceed = asyncio.Event()

    async def greet(connection: Connection) -> None:
        await proceed.wait()
        await connection.send(CREATED)

    async with Peer(greet) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        connecting = asyncio.create_task(client.connect())
        connection = await peer.connection()

        client.send_audio(np.full(240, 1, np.int16))
        client.commit_audio()
        client.send_audio(np.full(240, 2, np.int16))
        client.send_text("Hello.", respond=False)
        client.send_audio(np.full(240, 3, np.int16))
        proceed.set()
        await soon(connecting)
        await connection.expect("input_audio_buffer.append", 3)
        await soon(client.disconnect())

    sent = [
        vw.audio.base64_decode(message["audio"])[0] if "audio" in message else message["type"]
        for message in connection.received
    ]
    assert sent == [1, "input_audio_buffer.commit", 2, "conversation.item.create", 3]


async def test_the_input_ring_keeps_the_newest_audio_and_counts_the_rest() -> None:
    proceed = asyncio.Event()

    async def greet(connection: Connection) -> None:
        await proceed.wait()
        await connection.send(CREATED)

    async with Peer(greet) as peer:
        client = vw.RealtimeClient("m", url=peer.url, limits=vw.Limits(input_ring_ms=100))
        connecting = asyncio.create_task(client.connect())
        connection = await peer.connection()

        for value in range(5):
            client.send_audio(np.full(1200, value, np.int16))  # 50 ms each
        client.commit_audio()
        proceed.set()
        await soon(connecting)
        await connection.expect("input_audio_buffer.commit")
        dropped_ms = client.stats()["audio_in_dropped_ms"]
        await soon(client.disconnect())

    appended = [vw.audio.base64_decode(message["audio"]) for message in connection.received if "audio" in message]
    assert np.concatenate(appended).tolist() == [3] * 1200 + [4] * 1200
    assert dropped_ms == pytest.approx(150)


def test_audio_before_connect_raises_connection_closed(client: vw.RealtimeClient) -> None:
    with pytest.raises(vw.ConnectionClosed, match="idle"):
        client.send_audio(np.zeros(240, np.int16))


async def test_audio_after_disconnect_raises_connection_closed() -> None:
    async with Peer(send(CREATED), reads=False) as peer:
        client = vw.RealtimeClient("m", url=peer.url, timeouts=vw.Timeouts(close=0.2))
        await client.connect()
        closing = client.disconnect()

        with pytest.raises(vw.ConnectionClosed, match="closing"):
            client.send_audio(b"\0\0")
        await soon(closing)
        with pytest.raises(vw.ConnectionClosed, match="closed"):
            client.send_audio(b"\0\0")


async def test_commands_after_disconnect_raise_connection_closed_at_the_call(
    client: vw.RealtimeClient,
) -> None:
    await client.connect()
    await soon(client.disconnect())

    for command in (client.commit_audio, client.clear_audio, client.create_response, client.cancel_response):
        with pytest.raises(vw.ConnectionClosed):
            command()
    with pytest.raises(vw.ConnectionClosed):
        client.send_text("Hello.")


async def test_commands_kept_for_a_connect_that_fails_end_with_connection_closed() -> None:
    client = vw.RealtimeClient("m", url="ws://127.0.0.1:1/v1")
    receipt = client.send_text("Hello.")

    with pytest.raises(vw.ConnectError):
        await client.connect()

    with pytest.raises(vw.ConnectionClosed):
        await soon(receipt)


async def test_commands_kept_by_a_client_that_is_disconnected_end_with_connection_closed(
    client: vw.RealtimeClient,
) -> None:
    receipt = client.send_text("Hello.")
    client.disconnect()

    with pytest.raises(vw.ConnectionClosed):
        await soon(receipt)
