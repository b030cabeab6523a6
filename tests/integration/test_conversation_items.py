"""The conversation as a user sees it: items, their words and their order, from events in any order."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import soon
from tests.integration.playing import after
from tests.integration.wire import (
    arguments_delta,
    audio_delta,
    input_transcript,
    item_told,
    of_item,
    response_created,
    text_delta,
    transcript_delta,
)

import voicewire as vw
from voicewire.conversation import Conversation

ASSISTANT: dict[str, Any] = {"role": "assistant", "status": "in_progress"}
CALL: dict[str, Any] = {"type": "function_call", "role": None, "call_id": "call_1", "name": "add"}
TOOL_RULES: list[dict[str, Any]] = [
    {"when": {"text": "Add"}, "tools": [{"name": "add", "arguments": {"a": 1, "b": 2}}]},
    {"say": "Three."},
]


def ids(conversation: Conversation) -> list[str]:
    return [item.id for item in conversation.items]


async def test_a_turn_is_two_items_with_their_words(client: vw.RealtimeClient) -> None:
    async with client:
        reply = await soon(client.ask("Hello."))

    user, assistant = client.conversation.items
    assert (user.type, user.role, user.status) == ("message", "user", "completed")
    assert (user.text, user.transcript, user.has_audio) == ("Hello.", "", False)
    assert user.content == [{"type": "input_text", "text": "Hello."}]
    assert (assistant.role, assistant.status, assistant.has_audio) == ("assistant", "completed", True)
    assert (assistant.text, assistant.transcript) == ("", reply.text)
    assert assistant.content == [{"type": "output_audio", "transcript": reply.text}]
    assert assistant.audio_ms == len(reply.audio) // 24
    assert assistant.sample_rate == 24_000


async def test_a_written_answer_has_text_and_no_audio(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, modalities=["text"]) as client:
        reply = await soon(client.ask("Hello."))

    assistant = client.conversation.items[1]
    assert assistant.text == reply.text
    assert (assistant.transcript, assistant.has_audio, assistant.audio_ms) == ("", False, 0)


async def test_a_call_and_its_output_are_items_too(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    simulator.script = TOOL_RULES
    async with client:
        client.send_text("Add.")
        told = await soon(client.wait_for(vw.ToolCall))
        output = {"type": "function_call_output", "call_id": told.call_id, "output": "3"}
        await soon(client.realtime.send("conversation.item.create", {"item": output}))

    _, call, answer = client.conversation
    assert (call.type, call.role, call.name, call.call_id) == ("function_call", None, "add", told.call_id)
    assert call.arguments == told.arguments_json
    assert (answer.type, answer.call_id, answer.output) == ("function_call_output", told.call_id, "3")


async def test_formatted_has_the_words_under_their_other_names(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    simulator.script = TOOL_RULES
    async with client:
        client.send_text("Add.")
        call = await soon(client.wait_for(vw.ToolCall))
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "3"}
        client.realtime.send("conversation.item.create", {"item": output})
        client.create_response()
        await soon(client.wait_for("turn_complete", predicate=lambda event: event.response_id != call.response_id))

    user, called, answered, spoken = [item.formatted for item in client.conversation]
    assert (user.text, user.transcript, user.tool, user.output) == ("Add.", "", None, None)
    assert called["tool"] == {
        "type": "function",
        "name": "add",
        "call_id": call.call_id,
        "arguments": call.arguments_json,
    }
    assert answered["output"] == "3"
    assert spoken["transcript"] == "Three."
    assert spoken["audio"].dtype == np.int16
    assert "Three." in repr(spoken)


async def test_items_and_their_forms_have_item_access() -> None:
    client = await after(item_told("added", "a", content=[{"type": "input_text", "text": "A"}]))

    item = client.conversation.items[0]
    assert item["id"] == "a"
    assert item["formatted"]["text"] == "A"
    with pytest.raises(KeyError, match="nothing"):
        item["nothing"]
    with pytest.raises(KeyError, match="nothing"):
        item.formatted["nothing"]


async def test_items_stand_behind_their_previous_item() -> None:
    client = await after(
        item_told("added", "a"),
        item_told("added", "c", previous="a"),
        item_told("added", "b", previous="a"),
        item_told("done", "c"),
        item_told("added", "d", previous="no such item"),
    )

    assert ids(client.conversation) == ["a", "b", "c", "d"]
    assert len(client.conversation) == 4
    assert "b" in client.conversation
    assert "x" not in client.conversation
    assert client.conversation.get_items() == client.conversation.items == list(client.conversation)


async def test_an_item_put_before_all_others_stands_first(client: vw.RealtimeClient) -> None:
    first = {"id": "item_first", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "A"}]}
    async with client:
        await soon(client.send_text("B", respond=False))
        await soon(client.realtime.send("conversation.item.create", {"item": first, "previous_item_id": "root"}))

    assert ids(client.conversation)[0] == "item_first"


async def test_words_that_come_before_their_item_are_its_words() -> None:
    client = await after(
        input_transcript("Good", "u", final=False),
        input_transcript(" day", "u", final=False),
        input_transcript("", "silent"),
        item_told("added", "u", content=[{"type": "input_audio", "transcript": None}]),
        item_told("added", "silent", content=[{"type": "input_audio", "transcript": None}]),
        input_transcript("Good day.", "u"),
    )

    assert [item.transcript for item in client.conversation] == ["Good day.", ""]
    assert client.conversation.items[0].content == [{"type": "input_audio", "transcript": "Good day."}]


async def test_a_whole_transcript_may_come_before_its_item_too() -> None:
    client = await after(input_transcript("Good day.", "u"), item_told("added", "u", content=[{"type": "input_audio"}]))

    assert client.conversation.items[0].transcript == "Good day."


async def test_words_of_an_item_that_nobody_adds_are_in_no_item() -> None:
    client = await after(input_transcript("Lost.", "u"), text_delta("lost", item="v"))

    assert client.conversation.items == []
    assert client.conversation.get_item("u") is None


async def test_nothing_that_is_known_regresses() -> None:
    empty: dict[str, Any] = {**ASSISTANT, "content": []}
    client = await after(
        item_told("added", "item_1", **empty),
        text_delta("A"),
        transcript_delta("B"),
        item_told("done", "item_1", **{**ASSISTANT, "status": "completed"}),
        item_told("added", "item_1", **empty),
        item_told("retrieved", "item_1", **empty),
    )

    item = client.conversation.items[0]
    assert (item.text, item.transcript, item.status) == ("A", "B", "completed")
    assert len(client.conversation) == 1


async def test_a_deleted_item_is_gone(client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.ask("Hello."))
        user, assistant = client.conversation.items
        await soon(client.delete_item(user.id))

        assert client.conversation.items == [assistant]
        assert client.conversation.get_item(user.id) is None
        assert user.id not in client.conversation
        assert user.text == "Hello."


async def test_a_truncated_item_has_no_transcript_and_only_what_was_heard(client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.ask("Hello."))
        item = client.conversation.items[1]
        await soon(client.truncate_item(item.id, 100))

    assert (item.transcript, item.truncated_ms, item.audio_ms) == ("", 100, 100)
    assert item.formatted.transcript == ""


async def test_words_behind_a_truncation_do_not_come_back() -> None:
    client = await after(
        item_told("added", "item_1", **ASSISTANT),
        transcript_delta("A"),
        of_item("conversation.item.truncated", "item_1", content_index=0, audio_end_ms=5),
        transcript_delta("B"),
    )

    assert client.conversation.items[0].transcript == ""


async def test_clear_forgets_here_and_what_follows_is_taken_in() -> None:
    def clear_at_b(client: vw.RealtimeClient) -> None:
        client.on("text", lambda event: event.text == "B" and client.conversation.clear())

    client = await after(
        item_told("added", "item_1", **ASSISTANT),
        text_delta("A"),
        text_delta("B"),
        text_delta("C"),
        item_told("added", "item_2"),
        prepare=clear_at_b,
    )

    assert ids(client.conversation) == ["item_2"]


async def test_the_conversation_outlives_its_session_and_reset_empties_it(client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.ask("Hello."))
    async with client:
        await soon(client.send_text("Again.", respond=False))
        assert [item.text for item in client.conversation] == ["Hello.", "", "Again."]
        await soon(client.reset())

    assert client.conversation.items == []
    assert client.usage == vw.Usage()


async def test_a_handler_sees_exactly_what_its_event_changed() -> None:
    seen: list[tuple[str, str | None]] = []

    def look(client: vw.RealtimeClient) -> None:
        def reads(event: Any) -> None:
            item = client.conversation.get_item("item_1")
            seen.append((event.type, item.text if item else None))

        for name in ("server.conversation.item.added", "text", "conversation.updated"):
            client.on(name, reads)

    await after(item_told("added", "item_1", **ASSISTANT), *map(text_delta, "ABC"), prepare=look)

    assert seen == [
        ("conversation.item.added", ""),
        ("conversation.updated", ""),
        ("text", "A"),
        ("conversation.updated", "A"),
        ("text", "AB"),
        ("conversation.updated", "AB"),
        ("text", "ABC"),
        ("conversation.updated", "ABC"),
    ]


async def test_without_listeners_no_change_is_told() -> None:
    told: list[Any] = []

    def count(client: vw.RealtimeClient) -> None:
        client._conversed = lambda *change: told.append(change)  # type: ignore[method-assign]
        client.on("conversation.updated", told.append)()

    client = await after(item_told("added", "item_1", **ASSISTANT), text_delta("A"), prepare=count)

    assert told == []
    assert client.conversation.items[0].text == "A"


async def test_a_delta_copies_nothing_of_what_its_item_holds() -> None:
    held = 4_000_000
    peaks: list[int] = []

    def measure(client: vw.RealtimeClient) -> None:
        client.once("audio", lambda event: tracemalloc.start())
        client.on("conversation.updated", lambda update: update.item.id)
        client.once("turn_complete", lambda event: peaks.append(tracemalloc.get_traced_memory()[1]))

    try:
        client = await after(
            response_created(),
            item_told("added", "item_1", **ASSISTANT),
            text_delta("x" * held),
            audio_delta(np.zeros(held // 2, np.int16)),
            *[text_delta("y"), audio_delta([1]), arguments_delta("z")] * 50,
            prepare=measure,
            retain_audio_s=600,
        )
    finally:
        tracemalloc.stop()

    item = client.conversation.items[0]
    assert len(item.text) == held + 50
    assert len(item.audio) == held // 2 + 50
    assert peaks[0] < held // 4


def test_events_can_be_processed_by_hand() -> None:
    conversation = Conversation()

    added, nothing = conversation.process_event(item_told("added", "item_1", **ASSISTANT))
    item, delta = conversation.process_event(text_delta("A"))

    assert nothing is None
    assert item == added == conversation.get_item("item_1")
    assert delta is not None
    assert (delta.text, delta["text"], delta.audio, delta.transcript, delta.arguments) == ("A", "A", None, None, None)
    assert item is not None
    assert item.text == "A"


def test_a_beta_event_and_an_event_of_no_item_can_be_processed_by_hand() -> None:
    conversation = Conversation()

    created, _ = conversation.process_event({**item_told("added", "a"), "type": "conversation.item.created"})

    assert created == conversation.get_item("a")
    assert conversation.process_event({"type": "rate_limits.updated", "rate_limits": []}) == (None, None)
    assert conversation.process_event({"type": "of.another.kind"}) == (None, None)


@pytest.mark.parametrize("wrong", [None, 7, "text", [], {}, {"type": 7}, {"type": "a", "b": object()}], ids=repr)
def test_what_is_no_event_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match="event") as caught:
        Conversation().process_event(wrong)

    assert (caught.value.field or "").startswith("event")


@pytest.mark.parametrize("wrong", [None, 7, b"a"])
def test_an_id_that_is_no_string_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(vw.ConfigError, match="id"):
        Conversation().get_item(wrong)


async def test_raw_is_the_item_as_the_server_told_it() -> None:
    told = item_told("added", "a", content=[{"type": "input_text", "text": "A"}], phase="odd")

    client = await after(told)

    assert client.conversation.items[0].raw == told["item"]


async def test_raw_of_a_call_is_as_the_server_told_it() -> None:
    item = {"id": "a", "type": "function_call_output", "call_id": "call_1", "output": "3"}

    client = await after({"type": "conversation.item.added", "previous_item_id": None, "item": item})

    assert client.conversation.items[0].raw == item


async def test_arguments_come_in_pieces_and_whole() -> None:
    whole = {**CALL, "status": "completed", "arguments": '{"a": 1}'}
    client = await after(
        item_told("added", "item_1", **CALL, arguments=""),
        arguments_delta('{"a"'),
        arguments_delta(": 1}"),
        item_told("added", "item_2", **whole),
    )

    assert [item.formatted.tool["arguments"] for item in client.conversation] == ['{"a": 1}', '{"a": 1}']
    assert [item.arguments for item in client.conversation] == ['{"a": 1}', '{"a": 1}']
