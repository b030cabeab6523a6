"""What a type checker makes of the blocking client; mypy reads this file, nothing runs it."""

from typing import Any, assert_type

import numpy as np

import voicewire as vw


def a_client_is_made_with_the_options_of_the_async_one() -> None:
    vw.SyncRealtimeClient("sim/demo", tool_timeout=None, instructions="Be brief.")
    vw.SyncRealtimeClient("sim/demo", tool_timeout="soon")  # type: ignore[arg-type]
    vw.SyncRealtimeClient(7)  # type: ignore[arg-type]


def what_lives_blocks(client: vw.SyncRealtimeClient) -> None:
    with client as entered:
        assert_type(entered, vw.SyncRealtimeClient)
    assert_type(client.connect("sk-key"), vw.SyncRealtimeClient)
    assert_type(client.ping(timeout=1), bool)
    assert_type(client.ask("Hello.", timeout=1), vw.Reply)
    assert_type(client.flush(timeout=1), None)
    assert_type(client.send_file("speech.wav"), None)
    assert_type(client.disconnect(), vw.SyncReceipt)
    client.ask(7)  # type: ignore[arg-type]
    client.flush(until=1)  # type: ignore[call-arg]


def commands_return_receipts(client: vw.SyncRealtimeClient) -> None:
    assert_type(client.send_text("Hello.", respond=False), vw.SyncReceipt)
    assert_type(client.update_config(instructions="Be brief."), vw.SyncReceipt)
    assert_type(client.create_response(), vw.SyncReceipt)
    assert_type(client.realtime.send("input_audio_buffer.clear"), vw.SyncReceipt)
    assert_type(client.send_audio(np.zeros(480, np.int16), 24_000), None)
    assert_type(client.commit_audio().result(timeout=1), Any)
    assert_type(client.commit_audio().exception(1), BaseException | None)
    client.truncate_item("item_1", audio_end_ms="soon")  # type: ignore[arg-type]
    client.send_text()  # type: ignore[call-arg]


def events_are_events(client: vw.SyncRealtimeClient) -> None:
    for event in client:
        assert_type(event, vw.Event)
    assert_type(client.events(vw.TextDelta, "audio"), vw.SyncEvents)
    assert_type(client.events().next(timeout=1), vw.Event)
    client.on("open", print)()


def accounts(client: vw.SyncRealtimeClient) -> None:
    assert_type(client.usage, vw.Usage)
    assert_type(client.cost(), vw.Cost)
    assert_type(client.stats(), dict[str, float])
    assert_type(client.conversation, vw.Conversation)
    assert_type(client.capabilities, vw.Capabilities)


def a_tool_stays_the_function_it_is(client: vw.SyncRealtimeClient) -> None:
    @client.tool
    def add(first: int, second: int) -> int:
        return first + second

    @client.tool(timeout=1)
    async def double(number: int) -> int:
        return 2 * number

    assert_type(add(1, 2), int)
    assert_type(client.add_tool({"name": "end_call"}), vw.SyncReceipt)
