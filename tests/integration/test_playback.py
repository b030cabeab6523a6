"""What a client knows of its listener: while it answers, when it is interrupted, and at the end."""

import asyncio
import gc
import weakref

from tests.integration.listening import soon
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, audio_delta, response_created, response_done

import voicewire as vw


async def test_an_answer_is_played_once_its_length_has_passed(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "Yes.", "audio": "tone"}]

    async with vw.RealtimeClient("m", url=simulator.url) as client:
        began = asyncio.get_running_loop().time()
        reply = await soon(client.ask("Is it so?"))
        await soon(reply.played())
        passed = asyncio.get_running_loop().time() - began
        heard = [client.playback.item(item_id) for item_id in reply.item_ids]

    assert len(reply.item_ids) == 1
    assert passed >= len(reply.audio) / reply.sample_rate
    assert [played.heard for played in heard if played] == [len(reply.audio)]


async def test_a_written_answer_is_played_at_once(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, modalities=["text"]) as client:
        reply = await soon(client.ask("Is it so?"))
        await soon(reply.played())

    assert reply.item_ids == ()


async def test_reports_of_a_player_count_in_place_of_time(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "A long answer, which nobody has time to hear.", "audio": "tone"}]

    async with vw.RealtimeClient("m", url=simulator.url) as client:
        reply = await soon(client.ask("Tell me."))
        item_id = str(reply.item_ids[0])
        client.report_played(item_id, 1_200)
        before = client.playback.heard_ms(item_id)
        client.report_played(item_id, len(reply.audio))
        await soon(client.wait_played(item_id))

    assert before == 50


async def test_an_interruption_ends_the_waiting_and_cuts_the_clock_where_it_was_heard(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "A long answer, which nobody has time to hear.", "audio": "tone"}]

    async with vw.RealtimeClient("m", url=simulator.url) as client:
        reply = await soon(client.ask("Tell me."))
        item_id = str(reply.item_ids[0])
        client.report_played(item_id, 2_400)
        client.interrupt()
        await soon(reply.played())
        played = client.playback.item(item_id)

    assert played is not None
    assert (played.heard_ms, played.received) == (100, len(reply.audio))


async def test_waiting_lasts_while_a_response_is_under_way() -> None:
    answer = (response_created("r"), audio_delta([0] * 240, response="r", item="i"))
    async with Peer(send(CREATED), expect("go"), send(*answer), expect("on"), send(response_done("r"))) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        clock = client.playback
        async with client:
            client.realtime.send("go")
            await soon(client.wait_for("audio"))
            waiting = asyncio.create_task(client.wait_played())
            await soon(clock.wait_played("i"))
            was_done = waiting.done()
            client.realtime.send("on")
            await soon(waiting)

    assert not was_done


async def test_a_closed_session_ends_the_waiting(simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "Later.", "delay_ms": 60_000}]

    client = vw.RealtimeClient("m", url=simulator.url)
    clock = client.playback
    async with client:
        client.send_text("Now?")
        await soon(client.wait_for("response_started"))
        waiting = asyncio.create_task(clock.wait_played())
    await soon(waiting)


async def test_nothing_is_counted_where_nobody_asks(client: vw.RealtimeClient) -> None:
    async with client:
        client.send_text("Hello.")
        await soon(client.wait_for("turn_complete"))

    assert client._playback is None
    assert client.playback.items == []


async def test_a_reset_forgets_what_was_heard(client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.ask("Hello."))
        await soon(client.reset())

    assert client.playback.items == []


async def test_a_clock_keeps_no_client_alive(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient("m", url=simulator.url)
    clock = client.playback
    async with client:
        await soon(client.ask("Hello."))
    forgotten = weakref.ref(client)

    del client
    gc.collect()

    assert forgotten() is None
    assert clock.items
