"""Commands on the wire: each as the protocol wants it, and what the server does upon it."""

from typing import Any

import numpy as np
import pytest
from tests.integration.listening import of, soon, until, until_that
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, audio_delta, response_created, response_done, text_delta

import voicewire as vw

SECOND = (3000 * np.sin(np.arange(24_000) / 10)).astype(np.int16)


async def test_send_text_adds_an_item_of_the_user_and_asks_for_a_response(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    async with client:
        created = await soon(client.send_text('Grüße, "Welt"\n🎈'))

    item, response = simulator.received
    assert item["type"] == "conversation.item.create"
    assert item["item"]["role"] == "user"
    assert item["item"]["content"] == [{"type": "input_text", "text": 'Grüße, "Welt"\n🎈'}]
    assert response["type"] == "response.create"
    assert created.type == "response.created"


async def test_send_text_without_respond_only_adds_the_item(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        added = await soon(client.send_text("Note.", respond=False))
        await soon(client.flush())

    assert [event["type"] for event in simulator.received] == ["conversation.item.create"]
    assert added.type == "conversation.item.added"
    assert added["item"]["content"][0]["text"] == "Note."


@pytest.mark.parametrize("text", [None, 7, b"bytes"])
async def test_text_that_is_no_string_raises_at_the_call(client: vw.RealtimeClient, text: Any) -> None:
    with pytest.raises(vw.ConfigError, match="text"):
        client.send_text(text)


async def test_every_client_event_id_is_of_its_own(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        receipts = [client.send_text("A", respond=False), client.clear_audio(), client.clear_audio()]
        [await soon(receipt) for receipt in receipts]

    ids = [event["event_id"] for event in simulator.received]
    assert len(set(ids)) == 3
    assert ids == [receipt.event_id for receipt in receipts]


async def test_a_manual_turn_is_appended_committed_and_answered(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        client.send_audio(SECOND)
        committed = await soon(client.commit_audio())
        created = await soon(client.create_response())
        events = await until(aiter(client), vw.TurnComplete)

    assert committed.type == "input_audio_buffer.committed"
    assert created.type == "response.created"
    assert of(vw.InputCommitted, events)[0].item_id == committed["item_id"]
    assert not of(vw.SpeechStarted, events)
    assert [event["type"] for event in simulator.received] == [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]


async def test_cleared_audio_is_forgotten(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        client.send_audio(SECOND)
        cleared = await soon(client.clear_audio())
        with pytest.raises(vw.CommandRejected) as caught:
            await soon(client.commit_audio())

    assert cleared.type == "input_audio_buffer.cleared"
    assert caught.value.code == "input_audio_buffer_commit_empty"


async def test_overrides_of_a_response_are_written_in_ga_words(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    overrides: dict[str, Any] = {
        "instructions": "In German.",
        "modalities": ["text"],
        "voice": "ash",
        "max_output_tokens": 50,
        "conversation": "none",
        "metadata": {"topic": "x"},
    }

    async with client:
        await soon(client.create_response(**overrides))

    assert simulator.assert_sent("response.create")["response"] == {
        "instructions": "In German.",
        "output_modalities": ["text"],
        "audio": {"output": {"voice": "ash"}},
        "max_output_tokens": 50,
        "conversation": "none",
        "metadata": {"topic": "x"},
    }


async def test_a_response_without_overrides_is_bare(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        receipt = client.create_response()
        await soon(receipt)

    assert simulator.received == [{"type": "response.create", "event_id": receipt.event_id}]


async def test_overrides_that_are_no_json_raise_at_the_call(client: vw.RealtimeClient) -> None:
    with pytest.raises(vw.ConfigError):
        client.create_response(metadata=object())


async def test_a_cancelled_response_ends_as_cancelled_and_its_receipt_resolves_with_it() -> None:
    with vw.Simulator(pace=1.0, delta_ms=50, script=[{"say": "One two three four five six. " * 20}]) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url, api_key="k") as client:
            events = aiter(client)
            client.send_text("Count.")
            await until(events, vw.AudioDelta)
            cancelled = client.cancel_response()
            later = await until(events, vw.TurnComplete)
            done = await soon(cancelled)

    assert later[-1].status == "cancelled"
    assert done.type == "response.done"
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["id"] == later[-1].response_id


async def test_late_audio_of_a_cancelled_response_is_dropped_and_its_text_is_not() -> None:
    async def stragglers(connection: Any) -> None:
        await connection.expect("response.cancel")
        await connection.send(audio_delta([2] * 240), text_delta("late"), response_done(status="cancelled"))
        await connection.send(response_created("resp_2"), audio_delta([3], response="resp_2", item="item_2"))
        await connection.send(response_done("resp_2"))

    actions = (send(CREATED, response_created(), audio_delta([1])), stragglers)
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        events = aiter(client)
        early = await until(events, vw.AudioDelta)
        wire = [early[-1].wire_type]
        client.on("response.output_audio.delta", lambda event: wire.append(event.type))
        receipt = client.cancel_response()
        late = await until_that(events, lambda e: e.type == "turn_complete" and e.response_id == "resp_2")
        done = await soon(receipt)
        dropped_ms = client.stats()["audio_out_dropped_ms"]

    assert [event.audio.tolist() for event in of(vw.AudioDelta, late)] == [[3]]
    assert [event.text for event in of(vw.TextDelta, late)] == ["late"]
    assert wire == ["response.output_audio.delta"] * 3
    assert dropped_ms == pytest.approx(10)
    assert done["response"]["id"] == "resp_1"


async def test_cancelling_nothing_resolves_with_none_and_is_no_error(client: vw.RealtimeClient) -> None:
    async with client:
        events = client.events(vw.ErrorEvent, vw.Closed)

        assert await soon(client.cancel_response()) is None

    assert [event.type for event in await until(events, vw.Closed)] == ["close"]


async def test_cancelling_at_a_sample_truncates_the_item_there() -> None:
    actions = (send(CREATED, response_created(), audio_delta([1] * 24_000)), expect("response.cancel"))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        await until(aiter(client), vw.AudioDelta)
        client.cancel_response("item_1", 12_000)
        connection = await peer.connection()
        truncated = await connection.expect("conversation.item.truncate")
        await connection.expect("response.cancel")

    assert truncated["item_id"] == "item_1"
    assert truncated["audio_end_ms"] == 500
    assert truncated["content_index"] == 0


async def test_a_raw_message_goes_out_as_it_is_with_an_event_id(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    item = {"id": "item_mine", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "A"}]}

    async with client:
        receipt = client.realtime.send("conversation.item.create", {"item": item, "previous_item_id": "root"})
        added = await soon(receipt)

    assert simulator.received == [
        {
            "type": "conversation.item.create",
            "event_id": receipt.event_id,
            "item": item,
            "previous_item_id": "root",
        }
    ]
    assert added["item"]["id"] == "item_mine"


async def test_a_raw_message_keeps_an_event_id_of_its_own(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        receipt = client.realtime.send("input_audio_buffer.clear", {"event_id": "mine"})
        await soon(receipt)

    assert simulator.received == [{"type": "input_audio_buffer.clear", "event_id": "mine"}]
    assert receipt.event_id == "mine"


async def test_asking_returns_the_whole_answer(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    simulator.script = [{"say": "It is noon.", "audio": "tone"}]

    async with client:
        reply = await soon(client.ask("What time is it?"))

    assert (reply.text, reply.status, reply.sample_rate) == ("It is noon.", "completed", 24_000)
    assert reply.audio.dtype == np.int16
    assert len(reply.audio) > 6000
    assert np.abs(reply.audio).max() > 1000
    assert reply.usage == client.usage


async def test_asking_raises_when_the_response_failed(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    simulator.script = [{"status": "failed"}]

    async with client:
        with pytest.raises(vw.VoicewireError):
            await soon(client.ask("Hello."))


async def test_asking_raises_when_the_session_ends_first() -> None:
    async with (
        Peer(send(CREATED), expect("response.create"), send(response_created())) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        asking = client.ask("Hello.")
        client.on(vw.ResponseStarted, lambda event: client.disconnect())

        with pytest.raises(vw.ConnectionClosed):
            await soon(asking)


async def test_usage_is_the_sum_over_responses(client: vw.RealtimeClient) -> None:
    async with client:
        first = await soon(client.ask("One."))
        second = await soon(client.ask("Two."))

    assert first.usage is not None
    assert second.usage is not None
    assert client.usage == first.usage + second.usage
    assert client.usage.total_tokens > first.usage.total_tokens > 0
