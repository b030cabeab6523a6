"""The conversation as a user sees it: items, utility events, retention."""

import asyncio
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import soon, until
from tests.integration.peer import Peer, send
from tests.integration.wire import CREATED, audio_delta, response_created, response_done, speech_started

import voicewire as vw

PATIENCE_S = 10
MARK = {"type": "x.mark"}


def item(
    id: str, role: str, status: str, *content: dict[str, Any], type: str = "message", **more: Any
) -> dict[str, Any]:
    words = {"role": role, "content": list(content)} if type == "message" else {}
    return {"id": id, "type": type, "status": status, **words, **more}


def told(kind: str, item: dict[str, Any], previous: str | None = None) -> dict[str, Any]:
    return {"type": f"conversation.item.{kind}", "event_id": "e", "previous_item_id": previous, "item": item}


def delta(kind: str, item: str, text: str) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "item_id": item, "response_id": "resp_1", "delta": text}


def heard(item: str, text: str) -> dict[str, Any]:
    kind = "conversation.item.input_audio_transcription.completed"
    return {"type": kind, "item_id": item, "content_index": 0, "transcript": text}


async def after(*messages: dict[str, Any], watch: Any = None, **options: Any) -> vw.RealtimeClient:
    """A client that has had these messages."""
    async with Peer(send(CREATED, *messages, MARK)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, **options)
        if watch is not None:
            watch(client)
        await client.connect()
        async with asyncio.timeout(PATIENCE_S):
            async for event in client:
                if event.wire_type == MARK["type"]:
                    break
        await client.disconnect()
    return client


def names(client: vw.RealtimeClient) -> list[str]:
    return [item.id for item in client.conversation.items]


async def test_a_turn_is_two_items(client: vw.RealtimeClient, simulator: vw.Simulator) -> None:
    simulator.script = [{"say": "It is noon."}]
    async with client:
        reply = await client.ask("What time is it?", timeout=PATIENCE_S)

    user, model = client.conversation.items
    assert (user.role, user.type, user.status, user.text) == ("user", "message", "completed", "What time is it?")
    assert (model.role, model.status, model.transcript) == ("assistant", "completed", reply.text)
    assert model.has_audio
    assert model.audio_ms == len(reply.audio) // 24
    assert len(model.audio) == 0
    assert client.conversation.get_item(user.id) == user
    assert client.conversation.get_items() == [user, model]
    assert client.conversation.get_item("none") is None
    assert (len(client.conversation), user.id in client.conversation) == (2, True)


async def test_items_show_the_words_of_the_reference_client() -> None:
    call = item("f", "", "completed", type="function_call", name="now", call_id="c", arguments='{"a":1}')
    output = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "noon"}
    text = {"type": "input_text", "text": "Hi."}

    client = await after(
        told("added", item("u", "user", "completed", text)), told("added", call), told("added", output)
    )

    user, tool, answer = client.conversation.items
    assert user["formatted"]["text"] == user.formatted.text == "Hi."
    assert user.content == [{"type": "input_text", "text": "Hi."}]
    assert tool.formatted.tool == {"type": "function", "name": "now", "call_id": "c", "arguments": '{"a":1}'}
    assert (tool.arguments, tool.name, tool.call_id) == ('{"a":1}', "now", "c")
    assert (answer.output, answer.formatted.output, answer.formatted.tool) == ("noon", "noon", None)
    with pytest.raises(KeyError):
        user["nothing"]
    with pytest.raises(KeyError):
        user.formatted["nothing"]


async def test_items_stand_in_the_order_of_the_server() -> None:
    client = await after(
        told("added", item("a", "user", "completed")),
        told("added", item("c", "user", "completed"), "a"),
        told("added", item("b", "user", "completed"), "a"),
        told("added", item("d", "user", "completed"), "unknown"),
        {"type": "conversation.item.deleted", "event_id": "e", "item_id": "c"},
    )

    assert names(client) == ["a", "b", "d"]


async def test_a_transcript_may_come_before_its_item() -> None:
    client = await after(heard("u", "Good day."), told("added", item("u", "user", "completed")))

    assert [item.transcript for item in client.conversation] == ["Good day."]


async def test_nothing_regresses() -> None:
    spoken = {"type": "output_audio", "transcript": "All of it."}
    client = await after(
        told("done", item("a", "assistant", "completed", spoken)),
        told("added", item("a", "assistant", "in_progress")),
        delta("output_audio_transcript", "b", "Strays wait"),
        told("added", item("b", "assistant", "in_progress"), "a"),
        delta("output_audio_transcript", "b", " for their item."),
    )

    assert [(item.transcript, item.status) for item in client.conversation] == [
        ("All of it.", "completed"),
        ("Strays wait for their item.", "in_progress"),
    ]


async def test_utility_events_are_those_of_the_reference_client() -> None:
    seen: list[tuple[Any, ...]] = []

    def watch(client: vw.RealtimeClient) -> None:
        client.on("conversation.updated", lambda e: seen.append(("updated", e.item.id, e["delta"])))
        client.on("conversation.item.appended", lambda e: seen.append(("appended", e["item"].id)))
        client.on("conversation.item.completed", lambda e: seen.append(("completed", e.item.id)))
        client.on("conversation.interrupted", lambda e: seen.append((e.type,)))

    await after(
        told("added", item("u", "user", "completed")),
        told("done", item("u", "user", "completed")),
        response_created(),
        told("added", item("a", "assistant", "in_progress"), "u"),
        delta("output_text", "a", "Hi."),
        {"type": "response.function_call_arguments.delta", "item_id": "a", "delta": "{}"},
        told("done", item("a", "assistant", "completed")),
        speech_started(10),
        watch=watch,
    )

    assert seen == [
        ("updated", "u", None),
        ("appended", "u"),
        ("completed", "u"),
        ("updated", "u", None),
        ("updated", "a", None),
        ("appended", "a"),
        ("updated", "a", vw.Delta(text="Hi.")),
        ("updated", "a", vw.Delta(arguments="{}")),
        ("updated", "a", None),
        ("completed", "a"),
        ("conversation.interrupted",),
    ]


async def test_audio_deltas_are_arrays() -> None:
    deltas: list[Any] = []

    await after(
        told("added", item("a", "assistant", "in_progress")),
        audio_delta([1, 2, 3], item="a"),
        watch=lambda client: client.on("conversation.updated", lambda event: deltas.append(event.delta)),
    )

    assert deltas[0] is None
    assert deltas[1].audio.tolist() == [1, 2, 3]
    assert (deltas[1].text, deltas[1].transcript, deltas[1]["arguments"]) == (None, None, None)


async def test_messages_of_either_side_can_be_logged(client: vw.RealtimeClient) -> None:
    log: list[vw.RealtimeEvent] = []
    client.on("realtime.event", log.append)
    async with client:
        await client.ask("Hello.", timeout=PATIENCE_S)

    sent = [entry.event["type"] for entry in log if entry.source == "client"]
    got = [entry["event"]["type"] for entry in log if entry["source"] == "server"]
    assert sent == ["conversation.item.create", "response.create"]
    assert got[0] == "session.created"
    assert "response.done" in got
    assert all(entry.time.endswith("Z") and entry.time[10] == "T" for entry in log)


async def test_handlers_of_utility_events_come_and_go() -> None:
    counts = dict.fromkeys(["kept", "once", "left", "raises"], 0)
    problems: list[Any] = []

    def count(name: str) -> Any:
        return lambda event: counts.__setitem__(name, counts[name] + 1)

    def fail(event: Any) -> None:
        counts["raises"] += 1
        raise RuntimeError("of the handler")

    def watch(client: vw.RealtimeClient) -> None:
        client.on("conversation.updated", fail)
        client.on("conversation.updated", count("kept"))
        client.once("conversation.updated", count("once"))
        client.on("conversation.updated", count("left"))()
        client.on("error", lambda event: problems.append(event.error))

    await after(*(told("added", item(id, "user", "completed")) for id in "abc"), watch=watch)

    assert counts == {"kept": 3, "once": 1, "left": 0, "raises": 3}
    assert all(isinstance(problem, vw.HandlerError) for problem in problems)
    assert len(problems) == 3


async def test_async_handlers_get_them_in_order() -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async def note(event: Any) -> None:
        await asyncio.sleep(0)
        seen.append(event.item.id)
        if len(seen) == 3:
            done.set()

    await after(
        *(told("added", item(id, "user", "completed")) for id in "abc"),
        watch=lambda client: client.on("conversation.item.appended", note),
    )
    await soon(done.wait())

    assert seen == ["a", "b", "c"]


async def test_a_handler_finds_what_its_event_changed_and_nothing_later() -> None:
    texts: list[str] = []

    def watch(client: vw.RealtimeClient) -> None:
        client.on(vw.TextDelta, lambda event: texts.append(client.conversation.items[0].text))

    await after(
        told("added", item("a", "assistant", "in_progress")),
        *(delta("output_text", "a", piece) for piece in ("One", " two", " three")),
        watch=watch,
    )

    assert texts == ["One", "One two", "One two three"]


async def test_audio_is_kept_where_asked_for() -> None:
    client = await after(
        told("added", item("a", "assistant", "in_progress")),
        audio_delta(np.arange(24_000) % 100, item="a"),
        audio_delta(np.full(12_000, 7), item="a"),
        retain_audio_s=1.2,
    )

    (model,) = client.conversation.items
    # Whole chunks go: the newest 1.2 seconds have the second chunk only.
    assert model.audio.tolist() == [7] * 12_000
    assert (model.audio_ms, model.sample_rate) == (1_500, 24_000)


@pytest.mark.parametrize("manual", [True, False])
async def test_the_users_audio_is_kept_too(manual: bool) -> None:
    voice = (8_000 * np.sin(np.arange(24_000) * 2 * np.pi * 220 / 24_000)).astype(np.int16)
    detection = None if manual else vw.ServerVAD()
    with vw.Simulator(pace=0) as simulator:
        client = vw.RealtimeClient(
            "openai/m", url=simulator.url, api_key="sk-test", turn_detection=detection, retain_audio_s=60
        )
        async with client:
            client.send_audio(voice)
            client.send_audio(np.zeros(0 if manual else 24_000, np.int16))
            if manual:
                await client.commit_audio()
            else:
                await until(aiter(client), vw.InputCommitted)
            user = await soon(client.wait_for_next_item()) if not client.conversation.items else None
            user = user or client.conversation.items[0]

    assert user.role == "user"
    kept = user.audio
    assert len(kept) >= 23_000
    assert np.abs(kept[:12_000]).max() > 7_000


async def test_a_truncated_item_has_no_transcript() -> None:
    client = await after(
        told("added", item("a", "assistant", "in_progress")),
        delta("output_audio_transcript", "a", "A long story."),
        audio_delta(np.ones(24_000), item="a"),
        {"type": "conversation.item.truncated", "item_id": "a", "content_index": 0, "audio_end_ms": 250},
        retain_audio_s=10,
    )

    (model,) = client.conversation.items
    assert (model.transcript, model.truncated_ms, model.audio_ms, len(model.audio)) == ("", 250, 250, 6_000)


async def test_a_session_begins_where_the_last_one_ended(client: vw.RealtimeClient) -> None:
    for _ in range(2):
        async with client:
            await client.ask("Hello.", timeout=PATIENCE_S)
    assert len(client.conversation) == 4

    client.conversation.clear()
    assert len(client.conversation) == 0


def test_events_can_be_fed_by_hand() -> None:
    conversation = vw.Conversation()

    item_, change = conversation.process_event(told("added", item("a", "assistant", "in_progress")))
    assert item_ is not None
    assert (item_.id, change) == ("a", None)
    assert conversation.process_event(delta("output_text", "a", "Hi."))[1] == vw.Delta(text="Hi.")
    assert conversation.process_event({"type": "response.done", "response": {}}) == (None, None)
    assert [item.text for item in conversation] == ["Hi."]
    with pytest.raises(vw.ConfigError, match=r"event\.type is no string"):
        conversation.process_event({"type": object()})


async def test_reset_goes_back_to_the_start(client: vw.RealtimeClient, simulator: vw.Simulator) -> None:
    calls: list[Any] = []
    client.on("*", calls.append)
    client.add_tool({"name": "f"})
    async with client:
        await client.update_session(instructions="Be brief.")
        await client.ask("Hello.", timeout=PATIENCE_S)
        assert client.usage.total_tokens > 0
        await client.reset()
    calls.clear()

    assert (client.state, len(client.conversation), client.usage) == ("closed", 0, vw.Usage())
    async with client:
        await client.ask("Hello.", timeout=PATIENCE_S)
    assert calls == []
    assert [event["type"] for event in simulator.connections[1]["received"]] == [
        "conversation.item.create",
        "response.create",
    ]


async def test_a_response_that_ends_without_its_items_leaves_nothing_behind() -> None:
    client = await after(response_created(), response_done(status="failed"))

    assert names(client) == []
