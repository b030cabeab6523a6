"""Many clients together: on one loop, on loops of several threads, one after the other, and their independence."""

import asyncio
import threading

from tests.integration.listening import rest, soon, until
from tests.integration.peer import Peer, abort, expect, send
from tests.integration.wire import CREATED, response_done, text_delta

import voicewire as vw


async def test_fifty_clients_on_one_loop_each_get_their_own_answer(simulator: vw.Simulator) -> None:
    simulator.script = [{"audio": "tone"}]

    async def converse(number: int) -> str:
        async with vw.RealtimeClient("m", url=simulator.url) as client:
            return (await client.ask(f"Number {number}.", timeout=15)).text

    answers = await asyncio.gather(*(converse(number) for number in range(50)))

    assert [f"Number {number}." in answer for number, answer in enumerate(answers)] == [True] * 50


def test_loops_in_several_threads_do_not_disturb_each_other() -> None:
    answers: dict[int, str] = {}

    async def converse(url: str, number: int) -> None:
        async with vw.RealtimeClient("m", url=url) as client:
            answers[number] = (await client.ask(f"Number {number}.", timeout=10)).text

    with vw.Simulator(pace=0) as simulator:
        threads = [
            threading.Thread(target=lambda number=number: asyncio.run(converse(simulator.url, number)))
            for number in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)

    assert {number: f"Number {number}." in answer for number, answer in answers.items()} == dict.fromkeys(
        range(6), True
    )


def test_a_client_may_connect_on_one_loop_after_the_other() -> None:
    seen: list[str] = []

    async def converse(client: vw.RealtimeClient) -> None:
        async with client:
            seen.append((await client.ask("Hello.", timeout=10)).status)

    with vw.Simulator(pace=0) as simulator:
        client = vw.RealtimeClient("m", url=simulator.url)
        client.on(vw.TurnComplete, lambda event: seen.append(event.type))
        for _ in range(3):
            asyncio.run(converse(client))

    assert seen == ["turn_complete", "completed"] * 3


async def test_a_client_whose_server_breaks_leaves_the_others_alone(simulator: vw.Simulator) -> None:
    async with (
        Peer(send(CREATED), expect("go"), abort()) as peer,
        vw.RealtimeClient("m", url=simulator.url) as healthy,
    ):
        broken = await vw.RealtimeClient("m", url=peer.url, reconnect=None).connect()
        broken.realtime.send("go")
        events = await rest(aiter(broken))

        assert events[-1].code == 1006
        assert (await soon(healthy.ask("Hello."))).status == "completed"


async def test_a_client_that_is_not_read_does_not_hold_up_the_others(simulator: vw.Simulator) -> None:
    texts = [text_delta("x" * 10_000)] * 2000
    limits = vw.Limits(inbox_bytes=64 * 1024)
    async with (
        Peer(send(CREATED), expect("go"), send(*texts, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url, limits=limits) as stuck,
        vw.RealtimeClient("m", url=simulator.url) as healthy,
    ):
        connection = await peer.connection()
        events = aiter(stuck.events(vw.TextDelta, vw.TurnComplete))
        stuck.realtime.send("go")
        await soon(connection.blocked.wait())

        assert (await soon(healthy.ask("Hello."))).status == "completed"
        assert len(await until(events, vw.TurnComplete)) == 2001


async def test_connecting_and_disconnecting_again_and_again_leaves_nothing_behind(
    client: vw.RealtimeClient, simulator: vw.Simulator
) -> None:
    before = threading.active_count()

    for _ in range(50):
        await client.connect()
        receipt = client.send_text("Hello.", respond=False)
        await soon(client.disconnect())
        assert receipt.done()

    assert len(simulator.connections) == 50
    assert threading.active_count() <= before + 1
    assert [event.type for event in await rest(aiter(client))][-1] == "close"


async def test_disconnect_from_threads_while_events_pour_in_ends_every_session() -> None:
    texts = [text_delta(str(number)) for number in range(2000)]
    async with Peer(send(CREATED, *texts)) as peer:
        for _ in range(10):
            client = await vw.RealtimeClient("m", url=peer.url).connect()
            events = aiter(client)
            threads = [threading.Thread(target=client.disconnect) for _ in range(3)]
            for thread in threads:
                thread.start()
            taken = await rest(events)
            for thread in threads:
                thread.join()
            numbers = [int(event.text) for event in taken if isinstance(event, vw.TextDelta)]

            assert isinstance(taken[-1], vw.Closed)
            assert numbers == list(range(len(numbers)))
            assert client.state == "closed"
