"""Receipts: what each command resolves to, how refusals, silence and the end of the session come through them."""

import asyncio
import threading

import pytest
from tests.integration.listening import of, rest, soon, until
from tests.integration.peer import Connection, Peer, expect, send
from tests.integration.wire import CREATED, error, response_created, response_done

import voicewire as vw


async def test_a_receipt_can_be_awaited_many_times_and_by_many(client: vw.RealtimeClient) -> None:
    async with client:
        receipt = client.clear_audio()
        answers = await soon(asyncio.gather(*(wait(receipt) for _ in range(5))))
        again = await receipt

    assert all(answer is again for answer in answers)
    assert receipt.done()
    assert receipt.result() is again
    assert receipt.exception() is None


async def wait(receipt: vw.Receipt) -> object:
    return await receipt


async def test_an_open_receipt_has_no_result(client: vw.RealtimeClient) -> None:
    receipt = client.clear_audio()

    assert not receipt.done()
    with pytest.raises(asyncio.InvalidStateError):
        receipt.result()
    async with client:
        await soon(receipt)


async def test_each_command_resolves_to_the_event_that_acknowledges_it(simulator: vw.Simulator) -> None:
    item = {"id": "item_mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "A"}]}

    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        raw = client.realtime.send
        client.send_audio(b"\1\0" * 24_000)
        receipts = {
            "session.updated": client.update_session(instructions="A"),
            "input_audio_buffer.committed": client.commit_audio(),
            "input_audio_buffer.cleared": client.clear_audio(),
            "conversation.item.added": raw("conversation.item.create", {"item": item}),
            "conversation.item.retrieved": raw("conversation.item.retrieve", {"item_id": "item_mine"}),
            "conversation.item.deleted": raw("conversation.item.delete", {"item_id": "item_mine"}),
            "response.created": client.create_response(),
        }
        answers = {name: await soon(receipt) for name, receipt in receipts.items()}

    assert {name: answer.type for name, answer in answers.items()} == {name: name for name in receipts}
    assert {type(answer) for answer in answers.values()} == {vw.ServerEvent}


async def test_truncating_resolves_to_truncated(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url) as client:
        client.send_text("Hello.")
        item_id = of(vw.AudioDelta, await until(aiter(client), vw.TurnComplete))[0].item_id
        fields = {"item_id": item_id, "content_index": 0, "audio_end_ms": 100}
        truncated = await soon(client.realtime.send("conversation.item.truncate", fields))

    assert truncated.type == "conversation.item.truncated"
    assert truncated["audio_end_ms"] == 100


async def test_commands_of_one_kind_are_answered_in_order(client: vw.RealtimeClient) -> None:
    async with client:
        receipts = [client.send_text(f"{number}", respond=False) for number in range(20)]
        answers = [await soon(receipt) for receipt in receipts]

    assert [answer["item"]["content"][0]["text"] for answer in answers] == [str(number) for number in range(20)]


async def test_a_message_without_an_answer_resolves_with_none_once_written() -> None:
    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        assert await soon(client.realtime.send("something.new", {"a": 1})) is None

        assert (await (await peer.connection()).expect("something.new"))["a"] == 1


async def test_a_refusal_raises_and_is_told_by_one_error_event(client: vw.RealtimeClient) -> None:
    async with client:
        item = {"id": "item_mine", "type": "nonsense"}
        receipt = client.realtime.send("conversation.item.create", {"item": item})
        with pytest.raises(vw.CommandRejected) as caught:
            await soon(receipt)
    told = of(vw.ErrorEvent, await rest(aiter(client)))

    assert caught.value.event_id == receipt.event_id
    assert caught.value.code is not None
    assert "item.type" in (caught.value.param or "")
    assert isinstance(caught.value, vw.ServerError)
    assert [(event.error.event_id, event.error.code, event.fatal) for event in told] == [
        (receipt.event_id, caught.value.code, False)
    ]
    assert isinstance(receipt.exception(), vw.CommandRejected)


async def test_a_refusal_of_a_raw_message_with_its_own_event_id_reaches_its_receipt(
    client: vw.RealtimeClient,
) -> None:
    async with client:
        fields = {"event_id": "mine", "item": {"id": "item_mine", "type": "nonsense"}}
        with pytest.raises(vw.CommandRejected) as caught:
            await soon(client.realtime.send("conversation.item.create", fields))

    assert caught.value.event_id == "mine"


async def test_an_item_without_an_id_of_its_own_is_acknowledged_or_refused_as_well(
    client: vw.RealtimeClient,
) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A"}]}

    async with client:
        added = await soon(client.realtime.send("conversation.item.create", {"item": item}))
        with pytest.raises(vw.CommandRejected):
            await soon(client.realtime.send("conversation.item.create", {"item": {"type": "nonsense"}}))

    assert added.type == "conversation.item.added"


async def test_a_refusal_that_nobody_awaits_is_an_error_event_and_nothing_else(client: vw.RealtimeClient) -> None:
    async with client:
        client.commit_audio()
        await soon(client.clear_audio())
    told = of(vw.ErrorEvent, await rest(aiter(client)))

    assert [(type(event.error), event.error.code) for event in told] == [
        (vw.CommandRejected, "input_audio_buffer_commit_empty")
    ]


async def test_either_half_of_send_text_may_be_refused() -> None:
    async def refuse_item(connection: Connection) -> None:
        item = await connection.expect("conversation.item.create")
        await connection.send(error("invalid_value", "No.", event_id=item["event_id"], param="item"))

    async with Peer(send(CREATED), refuse_item) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        with pytest.raises(vw.CommandRejected, match="No") as caught:
            await soon(client.send_text("Hello."))

    assert (caught.value.code, caught.value.param) == ("invalid_value", "item")


@pytest.mark.parametrize(
    "code", ["response_cancel_not_active", "conversation_already_has_active_response", "item_create_duplicate_item_id"]
)
async def test_benign_races_resolve_without_an_error(code: str) -> None:
    commands = {
        "response_cancel_not_active": ("response.cancel", {}),
        "conversation_already_has_active_response": ("response.create", {}),
        "item_create_duplicate_item_id": ("conversation.item.create", {"item": {"id": "i"}}),
    }
    kind, fields = commands[code]

    async def refuse(connection: Connection) -> None:
        sent = await connection.expect(kind)
        await connection.send(error(code, "A race.", event_id=sent["event_id"]))

    async with Peer(send(CREATED), refuse) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            assert await soon(client.realtime.send(kind, fields)) is None
        events = await rest(aiter(client))

    assert not of(vw.ErrorEvent, events)


async def test_an_error_without_a_cause_is_a_non_fatal_event() -> None:
    async with (
        Peer(send(CREATED, error("odd", "Odd.", param="p"))) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        told = (await until(aiter(client), vw.ErrorEvent))[-1]

    assert not told.fatal
    assert isinstance(told.error, vw.ServerError)
    assert not isinstance(told.error, vw.CommandRejected)
    assert (str(told.error), told.error.code, told.error.param, told.error.event_id) == ("Odd.", "odd", "p", None)
    assert told.raw["error"]["code"] == "odd"


async def test_an_error_that_is_a_string_is_told() -> None:
    async with (
        Peer(send(CREATED, {"type": "error", "error": "out of luck"})) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        told = (await until(aiter(client), vw.ErrorEvent))[-1]

    assert "out of luck" in str(told.error)


async def test_disconnecting_ends_open_receipts_with_connection_closed() -> None:
    async with Peer(send(CREATED)) as peer:
        async with vw.RealtimeClient("m", url=peer.url) as client:
            receipts = [client.send_text("Hello."), client.commit_audio(), client.cancel_response()]

        for receipt in receipts:
            with pytest.raises(vw.ConnectionClosed):
                await soon(receipt)


async def test_a_server_that_leaves_ends_open_receipts_with_its_code() -> None:
    actions = (send(CREATED), expect("response.create"), lambda connection: connection.close(4321, "bye"))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        with pytest.raises(vw.ConnectionClosed) as caught:
            await soon(client.send_text("Hello."))

    assert (caught.value.code, caught.value.reason) == (4321, "bye")


async def test_a_server_that_never_answers_is_an_ack_timeout_and_the_session_goes_on() -> None:
    async def answer_the_second(connection: Connection) -> None:
        await connection.expect("input_audio_buffer.clear")
        await connection.send({"type": "input_audio_buffer.cleared", "event_id": "e"})

    async with Peer(send(CREATED), answer_the_second) as peer:
        timeouts = vw.Timeouts(ack=0.1)
        async with vw.RealtimeClient("m", url=peer.url, timeouts=timeouts) as client:
            receipt = client.commit_audio()
            with pytest.raises(vw.AckTimeout) as caught:
                await soon(receipt)
            assert (await soon(client.clear_audio())).type == "input_audio_buffer.cleared"

    assert isinstance(caught.value, TimeoutError)
    assert "input_audio_buffer.commit" in str(caught.value)


async def test_commands_come_from_many_threads(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    receipts: dict[str, vw.Receipt] = {}

    def command(thread: int) -> None:
        for number in range(25):
            text = f"{thread}.{number}"
            receipts[text] = client.send_text(text, respond=False)
            client.send_audio(b"\1\0" * 24)

    async with client:
        threads = [threading.Thread(target=command, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        await soon(asyncio.to_thread(lambda: [thread.join() for thread in threads]))
        answers = {text: await soon(receipt) for text, receipt in receipts.items()}

    assert {text: answer["item"]["content"][0]["text"] for text, answer in answers.items()} == {
        text: text for text in receipts
    }
    sent = [event["item"]["content"][0]["text"] for event in simulator.received if "item" in event]
    for number in range(4):
        own = [text for text in sent if text.startswith(f"{number}.")]
        assert own == [f"{number}.{index}" for index in range(25)]
    assert len([event for event in simulator.received if "audio" in event]) == 100


async def test_a_receipt_can_be_awaited_on_another_loop(client: vw.RealtimeClient) -> None:
    def elsewhere(receipt: vw.Receipt) -> object:
        async def wait_there() -> object:
            return await soon(receipt)

        return asyncio.run(wait_there())

    async with client:
        answer = await soon(asyncio.to_thread(lambda: elsewhere(client.clear_audio())))

    assert answer.type == "input_audio_buffer.cleared"


async def test_cancelling_who_waits_leaves_the_command_and_others_alone(client: vw.RealtimeClient) -> None:
    receipt = client.clear_audio()
    first, second = asyncio.create_task(wait(receipt)), asyncio.create_task(wait(receipt))
    await asyncio.sleep(0)
    first.cancel()

    async with client:
        assert (await soon(second)).type == "input_audio_buffer.cleared"
    assert first.cancelled()


async def test_the_receipt_of_a_cancel_resolves_with_the_cancelled_response() -> None:
    async def cancel(connection: Connection) -> None:
        await connection.expect("response.cancel")
        await connection.send(response_done(status="cancelled"))

    async with (
        Peer(send(CREATED, response_created()), cancel) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        await until(aiter(client), vw.ResponseStarted)
        done = await soon(client.cancel_response())

    assert done.type == "response.done"
    assert done["response"]["status"] == "cancelled"
