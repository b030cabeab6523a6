"""What a new connection of the OpenAI family is told of the one before it, and what becomes of what was under way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.integration.lines import (
    APPEND,
    CREATE,
    FAST,
    RESPOND,
    UPDATE,
    Lines,
    answer,
    answering,
    calling,
    client,
    cut,
    expect,
    greet,
    items,
    kinds,
    said,
    wait_for,
    words,
)
from tests.integration.listening import of, soon, until, until_that
from tests.integration.peer import Connection, send
from tests.integration.wire import error, item_told, response_created, response_done, text_delta

import voicewire as vw

UPDATED = {"type": "session.updated", "event_id": "event_updated", "session": {"type": "realtime"}}
DIALECTS: list[Any] = ["ga", "beta", "azure", "azure-preview", "voice-live", "xai"]


def with_tool(session: vw.RealtimeClient, handler: Callable[..., Awaitable[Any]]) -> vw.RealtimeClient:
    session.add_tool({"type": "function", "name": handler.__name__}, handler)
    return session


def take_item(number: int = 1) -> Callable[[Connection], Awaitable[None]]:
    """Confirm the ``number``-th item that the client makes."""

    async def confirm(connection: Connection) -> None:
        item = (await connection.expect(CREATE, number))["item"]
        await connection.send(item_told("added", item["id"], **_fields(item)))

    return confirm


def _fields(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "id"}


async def test_a_new_session_is_configured_and_told_before_anything_else_goes_out() -> None:
    go_on = asyncio.Event()
    talk = [*said("item_1", "Who are you?"), *answer("A model.", "resp_1", "item_2")]
    old = [greet(), expect(UPDATE), send(UPDATED, *talk), cut()]
    async with (
        Lines(old, [wait_for(go_on), greet(), expect("last")]) as peer,
        client(peer, instructions="Be brief.") as session,
    ):
        events = aiter(session)
        await until(events, vw.Reconnecting)
        session.send_audio(b"\x01\x00\x02\x00")
        session.send_text("And now?")
        session.realtime.send("last")
        go_on.set()
        reconnected = (await until(events, vw.Reconnected))[-1]
        sent = await peer.sent(1, "last")

    assert kinds(sent) == [UPDATE, CREATE, CREATE, APPEND, CREATE, RESPOND, "last"]
    assert sent[0]["session"]["instructions"] == "Be brief."
    assert words(sent) == ["Who are you?", "A model.", "And now?"]
    assert [item["id"] for item in items(sent)][:2] == ["item_1", "item_2"]
    assert reconnected.restored == "replayed"


async def test_a_session_is_configured_as_it_stands() -> None:
    async def weather() -> str:
        return "rain"

    old = [greet(), expect(UPDATE), send(UPDATED), expect(UPDATE, 2), send(UPDATED), expect(UPDATE, 3), cut()]
    async with (
        Lines(old, [greet(), expect(UPDATE, 2), send(UPDATED, UPDATED)]) as peer,
        with_tool(client(peer, instructions="Be brief.", voice="marin"), weather) as session,
    ):
        events = aiter(session)
        await soon(session.update_session(instructions="Be long."))
        waiting = session.update_session(turn_detection=None)
        await until(events, vw.Reconnected)
        answered = await soon(waiting)
        first, second = await peer.sent(1, UPDATE, 2)

    told = first["session"]
    assert (told["instructions"], told["audio"]["output"]["voice"]) == ("Be long.", "marin")
    assert [tool["name"] for tool in told["tools"]] == ["weather"]
    assert second["session"]["audio"]["input"]["turn_detection"] is None
    assert answered.type == "session.updated"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_dialect_is_told_again(dialect: Any) -> None:
    talk = [*said("item_1", "Who are you?"), *answer("A model.", "resp_1", "item_2")]
    async with (
        Lines([greet(), expect(UPDATE), send(UPDATED, *talk), cut()], [greet(), expect("last")]) as peer,
        client(peer, dialect=dialect, instructions="Be brief.") as session,
    ):
        told = (await until(aiter(session), vw.Reconnected))[-1]
        session.realtime.send("last")
        sent = await peer.sent(1, "last")

    assert kinds(sent) == [UPDATE, CREATE, CREATE, "last"]
    assert words(sent) == ["Who are you?", "A model."]
    assert told.restored == "replayed"


async def test_a_transcription_session_is_configured_again_and_told_nothing() -> None:
    old = [greet(), expect(UPDATE), send(UPDATED, *said("item_1", "Who are you?")), cut()]
    async with (
        Lines(old, [greet(), expect("last")]) as peer,
        client(peer, session_type="transcription", language="en") as session,
    ):
        await until(aiter(session), vw.Reconnected)
        session.realtime.send("last")
        sent = await peer.sent(1, "last")

    assert kinds(sent) == [UPDATE, "last"]
    assert sent[0]["session"]["type"] == "transcription"


async def test_pictures_and_given_history_are_told_as_they_were_sent() -> None:
    history = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Welcome."}]}]
    old = [greet(), take_item(1), take_item(2), cut()]
    async with (
        Lines(old, [greet(), expect("last")]) as peer,
        client(peer, history=history) as session,
    ):
        session.send_image(b"\x89PNG\r\n\x1a\n", mime_type="image/png", respond=False)
        await until(aiter(session), vw.Reconnected)
        session.realtime.send("last")
        before, after = peer.connections[0].received, await peer.sent(1, "last")

    assert items(after) == items(before)
    assert items(after)[1]["content"][0]["type"] == "input_image"


async def test_the_conversation_shows_no_trace_of_an_outage() -> None:
    talk = [*said("item_1", "Who are you?"), *answer("A model.", "resp_1", "item_2")]

    async def echo(connection: Connection) -> None:
        for number in (1, 2):
            item = (await connection.expect(CREATE, number))["item"]
            await connection.send(item_told("added", item["id"], **_fields(item)))
        await connection.send(text_delta("More.", response="resp_2", item="item_3"))

    async with Lines([greet(*talk), cut()], [greet(), echo]) as peer, client(peer) as session:
        await until(aiter(session), vw.TextDelta)

        shown = [(item.id, item.text, item.transcript) for item in session.conversation]
        assert shown == [("item_1", "", "Who are you?"), ("item_2", "", "A model.")]


async def test_a_spoken_turn_without_words_makes_the_history_partial() -> None:
    talk = [*said("item_1"), *answer("A model.", "resp_1", "item_2")]
    async with Lines([greet(*talk), cut()], [greet(), expect("last")]) as peer, client(peer) as session:
        told = (await until(aiter(session), vw.Reconnected))[-1]
        session.realtime.send("last")
        sent = await peer.sent(1, "last")

    assert told.restored == "partial"
    assert "lost with the connection" in words(sent)[0]


async def test_an_answer_that_was_cut_is_told_as_cancelled_once_and_asked_for_again() -> None:
    talk = [*said("item_1", "Count."), *answering("One, two", "resp_1", "item_2")]
    new = [greet(), expect(RESPOND), send(*answer("One, two, three.", "resp_2", "item_3"))]
    async with Lines([greet(*talk), cut()], new) as peer, client(peer) as session:
        told = await until(aiter(session), vw.Reconnected)
        told += await until(session.events(vw.TurnComplete), vw.TurnComplete)
        sent = await peer.sent(1, RESPOND)

        turns = of(vw.TurnComplete, told)
        assert [(turn.status, turn.final) for turn in turns] == [("cancelled", False), ("completed", True)]
        assert words(sent) == ["Count."]
        assert [item.status for item in session.conversation][1:] == ["incomplete", "completed"]


async def test_ask_gives_the_whole_answer_although_it_was_cut() -> None:
    old = [greet(), take_item(), expect(RESPOND), send(*answering("One", "resp_1", "item_2")), cut()]
    new = [greet(), expect(RESPOND), send(*answer("One, two.", "resp_2", "item_3"))]
    async with Lines(old, new) as peer, client(peer) as session:
        reply = await soon(session.ask("Count."))

    assert (reply.status, reply.text) == ("completed", "One, two.")


async def test_a_question_without_an_answer_is_asked_once_more() -> None:
    old = [greet(), take_item(), expect(RESPOND), cut()]
    new = [greet(), expect(RESPOND), send(response_created("resp_1"), response_done("resp_1")), expect("last")]
    async with Lines(old, new) as peer, client(peer) as session:
        asked = session.send_text("Hello.")
        answered = await soon(asked)
        session.realtime.send("last")
        sent = await peer.sent(1, "last")

    assert answered.type == "response.created"
    assert kinds(sent) == [CREATE, RESPOND, "last"]
    assert sent[1]["event_id"] == asked.event_id


async def test_a_question_that_was_lost_twice_fails() -> None:
    old = [greet(), take_item(), expect(RESPOND), cut()]
    async with Lines(old, [greet(), expect(RESPOND), cut()], [greet()]) as peer, client(peer) as session:
        with pytest.raises(vw.ConnectionClosed):
            await soon(session.send_text("Hello."))


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("input_audio_buffer.commit", lambda session: session.commit_audio()),
        ("input_audio_buffer.clear", lambda session: session.clear_audio()),
        ("conversation.item.retrieve", lambda session: session.retrieve_item("item_1")),
    ],
)
async def test_what_cannot_be_done_twice_fails_with_its_connection(
    kind: str, command: Callable[[vw.RealtimeClient], vw.Receipt]
) -> None:
    async with (
        Lines([greet(), expect(kind), cut()], [greet(), expect("last")]) as peer,
        client(peer, turn_detection=None) as session,
    ):
        session.send_audio(b"\x01\x00" * 4800)
        with pytest.raises(vw.ConnectionClosed):
            await soon(command(session))
        session.realtime.send("last")

        assert kind not in kinds(await peer.sent(1, "last"))


async def test_a_deletion_without_an_answer_is_sent_again() -> None:
    deleted = {"type": "conversation.item.deleted", "event_id": "event_deleted", "item_id": "item_1"}
    talk = [*said("item_1", "Who are you?"), *answer("A model.", "resp_1", "item_2")]
    delete = "conversation.item.delete"
    async with (
        Lines([greet(*talk), expect(delete), cut()], [greet(), expect(delete), send(deleted)]) as peer,
        client(peer) as session,
    ):
        await until(aiter(session), vw.TurnComplete)
        assert (await soon(session.delete_item("item_1"))).type == "conversation.item.deleted"

        assert [item.id for item in session.conversation] == ["item_2"]


async def test_what_is_asked_for_during_an_outage_is_done_after_it() -> None:
    go_on = asyncio.Event()
    async with (
        Lines([greet(), cut()], [wait_for(go_on), greet(), expect(RESPOND), send(response_created())]) as peer,
        client(peer) as session,
    ):
        await until(aiter(session), vw.Reconnecting)
        text = session.send_text("Hello.")
        flushed = asyncio.create_task(session.flush())
        answered = asyncio.create_task(session.ping())
        await asyncio.sleep(0)
        assert not any(waiting.done() for waiting in (text, flushed, answered))
        go_on.set()

        assert (await soon(text)).type == "response.created"
        await soon(flushed)
        assert await soon(answered) is True


async def test_a_response_that_was_cancelled_is_told_as_cancelled_and_not_asked_for_again() -> None:
    old = [greet(*answering("One", "resp_1", "item_1")), expect("response.cancel"), cut()]
    async with Lines(old, [greet(), expect("last")]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.AudioDelta)
        cancelling = session.cancel_response()
        told = await until(events, vw.Reconnected)
        await soon(cancelling)
        session.realtime.send("last")

        assert [turn.status for turn in of(vw.TurnComplete, told)] == ["cancelled"]
        assert RESPOND not in kinds(await peer.sent(1, "last"))


async def test_a_tool_that_finishes_during_an_outage_is_heard_on_the_new_connection() -> None:
    finish, go_on = asyncio.Event(), asyncio.Event()

    async def weather() -> str:
        await finish.wait()
        return "rain"

    talk = [*said("item_1", "How is the weather?"), *calling("weather", "{}", "resp_1", "item_2", "call_1")]
    old = [greet(), expect(UPDATE), send(UPDATED, *talk), cut()]
    new = [wait_for(go_on), greet(), take_item(3), expect(RESPOND)]
    async with Lines(old, new) as peer, with_tool(client(peer), weather) as session:
        events = aiter(session)
        told = await until(events, vw.Reconnecting)
        finish.set()
        await asyncio.sleep(0)
        go_on.set()
        told += await until(events, vw.Reconnected)
        sent = await peer.sent(1, RESPOND)

    assert [item["type"] for item in items(sent)] == ["message", "function_call", "function_call_output"]
    assert items(sent)[1] == {
        "id": "item_2",
        "type": "function_call",
        "call_id": "call_1",
        "name": "weather",
        "arguments": "{}",
    }
    assert (items(sent)[2]["call_id"], items(sent)[2]["output"]) == ("call_1", "rain")
    assert kinds(sent).count(RESPOND) == 1
    assert [(turn.status, turn.final) for turn in of(vw.TurnComplete, told)] == [("incomplete", False)]
    assert of(vw.ToolCallCancelled, told) == []


async def test_a_result_that_may_not_have_arrived_is_sent_again() -> None:
    async def weather() -> str:
        return "rain"

    talk = [*calling("weather", "{}", "resp_1", "item_2", "call_1"), response_done("resp_1")]
    old = [greet(), expect(UPDATE), send(UPDATED, *talk), expect(RESPOND), cut()]
    async with (
        Lines(old, [greet(), expect(RESPOND)]) as peer,
        with_tool(client(peer), weather) as session,
    ):
        await until(aiter(session), vw.Reconnected)
        first, second = peer.connections[0].received, await peer.sent(1, RESPOND)

    assert items(second)[-1] == items(first)[-1]
    assert kinds(second) == [UPDATE, CREATE, CREATE, RESPOND]


async def test_an_item_that_the_new_session_refuses_is_told_and_nothing_ends() -> None:
    async def refuse_first(connection: Connection) -> None:
        event_id = (await connection.expect(CREATE))["event_id"]
        await connection.send(error("invalid_value", "No.", event_id=event_id))

    talk = [*said("item_1", "Who are you?"), *answer("A model.", "resp_1", "item_2")]
    async with Lines([greet(*talk), cut()], [greet(), refuse_first]) as peer, client(peer) as session:
        events = aiter(session)
        await until(events, vw.Reconnected)
        told = (await until(events, vw.ErrorEvent))[-1]

        assert not told.fatal
        assert session.state == "open"


async def test_events_of_both_connections_come_in_order() -> None:
    first = [text_delta(f"{number}") for number in range(50)]
    second = [text_delta(f"{number}", item="item_2") for number in range(50, 100)]
    async with Lines([greet(*first), cut()], [greet(*second)]) as peer, client(peer) as session:
        told = await until_that(aiter(session), lambda event: getattr(event, "text", "") == "99")

    pieces = [event.text for event in of(vw.TextDelta, told)]
    assert pieces == [str(number) for number in range(100)]


async def test_usage_sums_over_connections() -> None:
    spent = {"total_tokens": 10, "input_tokens": 4, "output_tokens": 6}
    old = [greet(response_created(), response_done(usage=spent)), cut()]
    new = [greet(response_created("resp_2"), response_done("resp_2", usage=spent))]
    async with Lines(old, new) as peer, client(peer, reconnect=FAST) as session:
        events = aiter(session)
        for _ in range(2):
            await until(events, vw.UsageReported)

        assert session.usage.total_tokens == 20
