"""Iterators: from connect to Closed, independent of each other, bounded where nobody listens."""

import asyncio

import numpy as np
import pytest
from tests.integration.listening import rest, soon, until
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, audio_delta, response_created, response_done, text_delta

import voicewire as vw

GO = expect("go")


async def test_the_main_iterator_has_everything_from_connect_to_closed() -> None:
    early = send(CREATED, response_created(), text_delta("A"))
    async with Peer(early, GO, send(response_done())) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            client.realtime.send("go")
            await soon(client.wait_for(vw.TurnComplete))
        events = await rest(aiter(client))

    assert [event.type for event in events] == ["open", "response_started", "text", "turn_complete", "close"]


async def test_iteration_does_not_end_with_a_turn_and_ends_with_closed(client: vw.RealtimeClient) -> None:
    turns = 0
    async with client:
        client.send_text("One.")
        async for event in client:
            match event:
                case vw.TurnComplete():
                    turns += 1
                    client.send_text("Two.") if turns == 1 else client.disconnect()
                case vw.Closed(code, _, clean):
                    assert (code, clean) == (1000, True)

    assert turns == 2


async def test_leaving_a_loop_and_coming_back_goes_on_where_it_stopped(client: vw.RealtimeClient) -> None:
    async with client:
        client.send_text("Hello.")
        async for event in client:
            if isinstance(event, vw.ResponseStarted):
                break
        async for event in client:
            assert not isinstance(event, vw.Open | vw.ResponseStarted)
            if isinstance(event, vw.TurnComplete):
                break


async def test_iterating_an_idle_client_is_an_error(client: vw.RealtimeClient) -> None:
    with pytest.raises(vw.ConnectionClosed, match="idle"):
        aiter(client)


async def test_iterators_are_independent_and_filter() -> None:
    actions = (send(CREATED), GO, send(text_delta("A"), audio_delta([1]), text_delta("B"), response_done()))
    async with Peer(*actions) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            texts, more, both = client.events(vw.TextDelta), client.events("text"), client.events("audio", vw.TextDelta)
            everything = client.events()
            client.realtime.send("go")
            await soon(client.wait_for(vw.TurnComplete))

        assert [event.text for event in await rest(texts)] == ["A", "B"]
        assert [event.text for event in await rest(more)] == ["A", "B"]
        assert [event.type for event in await rest(both)] == ["text", "audio", "text"]
        assert [event.type for event in await rest(everything)] == [
            "text",
            "audio",
            "text",
            "turn_complete",
            "close",
        ]


async def test_a_filtered_iterator_ends_when_the_session_does(client: vw.RealtimeClient) -> None:
    async with client:
        texts = client.events(vw.ToolCall)

    assert await rest(texts) == []


async def test_an_iterator_made_before_connect_collects_from_there(client: vw.RealtimeClient) -> None:
    events = client.events()

    async with client:
        pass

    assert [event.type for event in await rest(events)] == ["open", "close"]


async def test_an_iterator_collects_from_its_making_on() -> None:
    actions = (send(CREATED, text_delta("early")), GO, send(text_delta("late")))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        await until(aiter(client), vw.TextDelta)
        texts = client.events(vw.TextDelta)
        client.realtime.send("go")
        assert (await soon(anext(texts))).text == "late"


@pytest.mark.parametrize("wrong", [int, "no.such.name", 7, vw.RealtimeClient])
def test_what_is_no_event_class_cannot_be_filtered_for(client: vw.RealtimeClient, wrong: object) -> None:
    with pytest.raises(vw.ConfigError, match="event"):
        client.events(wrong)  # type: ignore[arg-type]


async def test_a_cancelled_wait_loses_no_event() -> None:
    actions = (send(CREATED), GO, send(text_delta("A"), text_delta("B")))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        texts = client.events(vw.TextDelta)

        async def take() -> vw.Event:
            return await anext(texts)

        waiting = asyncio.create_task(take())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        client.realtime.send("go")

        assert [(await soon(anext(texts))).text for _ in range(2)] == ["A", "B"]


async def test_two_tasks_may_share_one_iterator() -> None:
    actions = (send(CREATED), GO, send(*(text_delta(str(number)) for number in range(10))))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        texts = client.events(vw.TextDelta)

        async def take() -> list[str]:
            return [(await anext(texts)).text for _ in range(5)]

        tasks = [asyncio.create_task(take()) for _ in range(2)]
        await asyncio.sleep(0)
        client.realtime.send("go")
        taken = await soon(asyncio.gather(*tasks))

    assert sorted(taken[0] + taken[1], key=int) == [str(number) for number in range(10)]


async def test_an_iterator_that_nobody_started_keeps_the_newest_mebibyte_and_counts() -> None:
    deltas = [audio_delta(np.full(12_000, number, np.int16)) for number in range(200)]
    async with Peer(send(CREATED), GO, send(*deltas, response_done())) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            idle = client.events()
            client.realtime.send("go")
            await soon(client.wait_for(vw.TurnComplete))
        kept, other = await rest(aiter(client)), await rest(idle)

    numbers = [int(event.audio[0]) for event in kept if isinstance(event, vw.AudioDelta)]
    assert 15 <= len(numbers) <= 45  # 24,000 bytes of samples and 32,000 of message each
    assert numbers == list(range(200 - len(numbers), 200))
    assert [event.type for event in kept[-2:]] == ["turn_complete", "close"]
    assert aiter(client).dropped == 1 + 200 - len(numbers)
    assert [event.type for event in other[-2:]] == ["turn_complete", "close"]


async def test_a_started_iterator_loses_nothing() -> None:
    deltas = [audio_delta(np.full(12_000, number, np.int16)) for number in range(200)]
    async with (
        Peer(send(CREATED), GO, send(*deltas, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        events = aiter(client)
        await until(events, vw.Open)
        client.realtime.send("go")
        taken = await until(events, vw.TurnComplete)

    assert [int(event.audio[0]) for event in taken[:-1]] == list(range(200))


# Audio that a handler was given is kept to 64 KiB: two of these, 24,000 bytes of samples and 32,000 of message each.
LARGE = [audio_delta(np.full(12_000, number, np.int16)) for number in range(20)]


@pytest.mark.parametrize("event", [vw.AudioDelta, "audio", "*"])
async def test_before_somebody_starts_it_the_main_iterator_keeps_the_first_audio_that_a_handler_was_given(
    event: object,
) -> None:
    heard: list[vw.Event] = []
    async with Peer(send(CREATED), GO, send(*LARGE, text_delta("A"), response_done())) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            client.on(event, heard.append)  # type: ignore[arg-type]
            client.realtime.send("go")
            await soon(client.wait_for(vw.TurnComplete))
        kept = await rest(aiter(client))

    assert len(heard) >= 20
    assert [event.type for event in kept] == ["open", "audio", "audio", "text", "turn_complete", "close"]
    assert [int(event.audio[0]) for event in kept[1:3]] == [0, 1]
    assert aiter(client).dropped == 18


async def test_an_iterator_of_certain_events_keeps_the_audio_that_handlers_have_from_its_making_on() -> None:
    heard: list[vw.Event] = []
    async with Peer(send(CREATED), GO, send(*LARGE, response_done())) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            client.on(vw.AudioDelta, heard.append)
            audio = client.events(vw.AudioDelta)
            client.realtime.send("go")
            await soon(client.wait_for(vw.TurnComplete))
        kept = await rest(audio)

    assert (len(heard), len(kept), audio.dropped) == (20, 20, 0)


async def test_a_handler_of_the_name_on_the_wire_counts_as_well() -> None:
    heard: list[vw.Event] = []
    async with (
        Peer(send(CREATED), GO, send(*LARGE, response_done())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        client.realtime.on("server.response.output_audio.delta", heard.append)
        client.realtime.send("go")
        await soon(client.wait_for(vw.TurnComplete))
        dropped = aiter(client).dropped

    assert (len(heard), dropped) == (20, 18)


async def test_what_handlers_are_given_apart_from_audio_is_kept() -> None:
    texts = [text_delta("x" * 10_000) for _ in range(20)]
    heard: list[vw.Event] = []
    async with Peer(send(CREATED), GO, send(*texts, response_done())) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            client.on(vw.TextDelta, heard.append)
            client.realtime.send("go")
            await soon(client.wait_for(vw.TurnComplete))
        kept = await rest(aiter(client))

    assert len(heard) == 20
    assert [event.type for event in kept] == ["open", *["text"] * 20, "turn_complete", "close"]


async def test_a_main_iterator_begun_late_has_the_audio_that_comes_then() -> None:
    heard: list[vw.Event] = []
    actions = (send(CREATED), GO, send(*LARGE, text_delta("A")), expect("more"), send(audio_delta([-1])))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        client.on(vw.AudioDelta, heard.append)
        told = asyncio.ensure_future(client.wait_for(vw.TextDelta))
        await asyncio.sleep(0)
        client.realtime.send("go")
        await soon(told)
        late = aiter(client)
        client.realtime.send("more")
        taken = await until(late, vw.TextDelta)
        newest = await soon(anext(late))

    assert [event.type for event in taken] == ["open", "audio", "audio", "text"]
    assert int(newest.audio[0]) == -1
    assert (len(heard), late.dropped) == (21, 18)
