"""The utility events of OpenAI's JavaScript client: what each tells, in which order, and who gets it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.listening import soon, until
from tests.integration.peer import Peer, expect, send
from tests.integration.playing import after
from tests.integration.wire import (
    CREATED,
    arguments_delta,
    audio_delta,
    input_transcript,
    item_told,
    of_item,
    response_done,
    speech_started,
    text_delta,
    transcript_delta,
)

import voicewire as vw

ASSISTANT: dict[str, Any] = {"role": "assistant", "status": "in_progress"}
NAMES = (
    "conversation.updated",
    "conversation.item.appended",
    "conversation.item.completed",
    "conversation.interrupted",
    "realtime.event",
)
# Each of the names at least twice.
TWICE = (
    speech_started(0, "a"),
    item_told("added", "a"),
    speech_started(100, "b"),
    item_told("added", "b"),
)


def listen(*names: str) -> tuple[list[Any], Callable[[vw.RealtimeClient], None]]:
    """A list, and what has a client put its events of these names there."""
    heard: list[Any] = []

    def prepare(client: vw.RealtimeClient) -> None:
        for name in names:
            client.on(name, heard.append)

    return heard, prepare


async def test_each_kind_of_delta_is_told_with_its_item() -> None:
    heard, prepare = listen("conversation.updated")

    await after(
        item_told("added", "item_1", **ASSISTANT),
        text_delta("A"),
        transcript_delta("B"),
        audio_delta([1, -1]),
        arguments_delta("{"),
        prepare=prepare,
    )

    _, text, transcript, audio, arguments = heard
    assert {update.type for update in heard} == {"conversation.updated"}
    assert {update.item.id for update in heard} == {"item_1"}
    assert heard[0].delta is None
    assert (text.delta.text, text.delta.audio) == ("A", None)
    assert transcript.delta.transcript == "B"
    assert audio.delta.audio.tolist() == [1, -1]
    assert arguments.delta.arguments == "{"


async def test_fields_are_attributes_and_items_alike() -> None:
    heard, prepare = listen("conversation.updated")

    await after(item_told("added", "item_1", **ASSISTANT), text_delta("A"), prepare=prepare)

    update = heard[1]
    assert update["item"] == update.item
    assert update["item"]["id"] == "item_1"
    assert update["delta"]["text"] == update.delta.text == "A"
    assert update["delta"]["audio"] is None
    with pytest.raises(KeyError, match="nothing"):
        update["nothing"]
    with pytest.raises(KeyError, match="nothing"):
        update["delta"]["nothing"]


async def test_the_users_words_are_a_delta() -> None:
    heard, prepare = listen("conversation.updated")

    await after(item_told("added", "u"), input_transcript("Hello.", "u"), prepare=prepare)

    assert heard[1].item.id == "u"
    assert heard[1].delta.transcript == "Hello."
    assert heard[1].item.formatted.transcript == "Hello."


@pytest.mark.parametrize(
    "event",
    [
        of_item("conversation.item.truncated", "item_1", content_index=0, audio_end_ms=5),
        of_item("conversation.item.deleted", "item_1"),
        item_told("done", "item_1", role="assistant"),
        item_told("retrieved", "item_1", role="assistant"),
    ],
    ids=lambda event: event["type"],
)
async def test_a_change_without_words_is_told_without_delta(event: dict[str, Any]) -> None:
    heard, prepare = listen("conversation.updated")

    await after(item_told("added", "item_1", **ASSISTANT), event, prepare=prepare)

    assert [(update.item.id, update.delta) for update in heard] == [("item_1", None)] * 2


async def test_an_item_is_appended_once_and_completed_once() -> None:
    heard, prepare = listen("conversation.item.appended", "conversation.item.completed")

    client = await after(
        item_told("added", "u"),
        item_told("done", "u"),
        item_told("added", "item_1", **ASSISTANT),
        text_delta("A"),
        item_told("done", "item_1", role="assistant"),
        {"type": "response.output_item.done", "item": item_told("done", "item_1", role="assistant")["item"]},
        item_told("retrieved", "item_1", role="assistant"),
        prepare=prepare,
    )

    assert [(update.type.rsplit(".", 1)[1], update.item.id) for update in heard] == [
        ("appended", "u"),
        ("completed", "u"),
        ("appended", "item_1"),
        ("completed", "item_1"),
    ]
    assert [update.item for update in heard[::2]] == client.conversation.items
    assert {update.delta for update in heard} == {None}


async def test_an_item_that_was_cut_short_is_never_completed() -> None:
    heard, prepare = listen("conversation.item.completed")

    await after(
        item_told("added", "item_1", **ASSISTANT),
        item_told("done", "item_1", role="assistant", status="incomplete"),
        prepare=prepare,
    )

    assert heard == []


async def test_an_output_of_a_call_is_completed() -> None:
    heard, prepare = listen("conversation.item.completed")
    item = {"id": "item_1", "type": "function_call_output", "call_id": "call_1", "output": "3"}
    told = [{"type": f"conversation.item.{kind}", "previous_item_id": None, "item": item} for kind in ("added", "done")]

    await after(*told, prepare=prepare)

    assert [update.item.id for update in heard] == ["item_1"]


async def test_one_event_is_told_as_updated_appended_completed() -> None:
    heard, prepare = listen("conversation.item.completed", "conversation.item.appended", "conversation.updated")

    await after(item_told("added", "a"), prepare=prepare)

    assert [update.type for update in heard] == [
        "conversation.updated",
        "conversation.item.appended",
        "conversation.item.completed",
    ]


async def test_words_before_their_item_are_told_with_an_item_that_is_not_listed_yet() -> None:
    heard, prepare = listen("conversation.updated", "conversation.item.appended")

    client = await after(input_transcript("Hi.", "u"), item_told("added", "u"), prepare=prepare)

    assert [update.type for update in heard] == ["conversation.updated"] * 2 + ["conversation.item.appended"]
    assert heard[0].item == heard[2].item == client.conversation.items[0]


async def test_speech_interrupts() -> None:
    heard, prepare = listen("conversation.interrupted")

    await after(speech_started(40), prepare=prepare)

    assert [(update.type, update.item, update.delta) for update in heard] == [("conversation.interrupted", None, None)]


async def test_both_directions_are_logged_with_their_time(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    heard: list[Any] = []
    client.on("realtime.event", heard.append)
    before = datetime.now(UTC)

    async with client:
        await soon(client.ask("Hello."))

    times = [datetime.fromisoformat(logged.time) for logged in heard]
    sent = [logged.event for logged in heard if logged.source == "client"]
    answers = [logged["event"]["type"] for logged in heard if logged["source"] == "server"]
    assert sent == simulator.received
    assert answers[0] == "session.created"
    assert "response.done" in answers
    assert {logged.type for logged in heard} == {"realtime.event"}
    assert all(logged.time.endswith("Z") for logged in heard)
    assert before - timedelta(seconds=1) < min(times)
    assert max(times) <= datetime.now(UTC)


@pytest.mark.parametrize("name", NAMES)
async def test_on_hears_all_once_the_first_and_taken_out_ones_nothing(name: str) -> None:
    heard: list[str] = []

    def prepare(client: vw.RealtimeClient) -> None:
        def taken_out(update: Any) -> None:
            heard.append("never")

        client.on(name, lambda update: heard.append("on"))
        client.once(name, lambda update: heard.append("once"))
        client.on(name, taken_out)()
        client.once(name, taken_out)()
        client.on(name, taken_out)
        client.off(name, taken_out)

    await after(*TWICE, prepare=prepare)

    assert heard.count("on") >= 2
    assert heard.count("once") == 1
    assert heard[:2] == ["on", "once"]
    assert "never" not in heard


@pytest.mark.parametrize("name", NAMES)
async def test_off_without_a_handler_and_clearing_take_all_out(name: str) -> None:
    heard: list[Any] = []

    def prepare(client: vw.RealtimeClient) -> None:
        client.on(name, heard.append)
        client.once(name, heard.append)
        client.off(name)
        client.on(name, heard.append)
        client.once(name, heard.append)
        client.clear_event_handlers()

    await after(*TWICE, prepare=prepare)

    assert heard == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_handler_may_take_out_those_behind_it(name: str) -> None:
    heard: list[str] = []

    def prepare(client: vw.RealtimeClient) -> None:
        def first(update: Any) -> None:
            heard.append("first")
            client.off(name)

        client.on(name, first)
        client.on(name, lambda update: heard.append("second"))

    await after(*TWICE, prepare=prepare)

    assert heard == ["first"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_decorated_async_handler_takes_them_one_after_the_other(name: str) -> None:
    heard: list[str] = []
    twice = asyncio.Event()

    def prepare(client: vw.RealtimeClient) -> None:
        @client.on(name)
        async def slow(update: Any) -> None:
            heard.append("begin")
            await asyncio.sleep(0)
            heard.append("end")
            if len(heard) >= 4:
                twice.set()

    await after(*TWICE, prepare=prepare)
    await soon(twice.wait())

    assert heard[:4] == ["begin", "end", "begin", "end"]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("how", ["on", "once"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_handler_that_raises_is_named_and_the_others_still_run(
    name: str, how: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "voicewire")
    heard: list[Any] = []

    def failing(update: Any) -> None:
        raise RuntimeError("told")

    async def failing_later(update: Any) -> None:
        failing(update)

    handler = failing_later if is_async else failing
    async with Peer(send(CREATED), expect("go"), send(*TWICE, response_done())) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        getattr(client, how)(name, handler)
        client.on(name, heard.append)
        async with client:
            events = aiter(client)
            client.realtime.send("go")
            reported = (await until(events, vw.ErrorEvent))[-1]

    assert len(heard) >= 2
    assert not reported.fatal
    assert isinstance(reported.error, vw.HandlerError)
    assert reported.error.handler is handler
    assert isinstance(reported.error.__cause__, RuntimeError)


@pytest.mark.parametrize("name", NAMES)
async def test_the_next_one_can_be_waited_for(name: str) -> None:
    async with (
        Peer(send(CREATED), expect("go"), send(*TWICE)) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        client.realtime.send("go")
        update = await soon(client.wait_for(name, 5))

    assert update.type == name


async def test_they_go_on_in_the_next_session(client: vw.RealtimeClient) -> None:
    heard: list[str] = []
    client.on("conversation.item.appended", lambda update: heard.append(update.item.text))

    for text in ("A", "B"):
        async with client:
            await soon(client.send_text(text, respond=False))

    assert heard == ["A", "B"]
