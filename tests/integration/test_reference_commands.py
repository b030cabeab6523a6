"""The commands of OpenAI's JavaScript client under their Python names: what the server gets, and what comes back."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import soon, until
from tests.integration.peer import Peer, expect, send
from tests.integration.wire import CREATED, audio_delta, response_created

import voicewire as vw

RATE = 24_000
SECOND = (3000 * np.sin(np.arange(RATE) / 10)).astype(np.int16)
SILENCE = np.zeros(RATE, np.int16)
BASE64 = base64.b64encode(SECOND.tobytes()).decode()
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
PNG_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
LONG = [{"say": "One two three four five six seven. " * 10}]


def types(simulator: vw.Simulator) -> list[str]:
    return [event["type"] for event in simulator.received]


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("Hello.", [{"type": "input_text", "text": "Hello."}]),
        ([{"type": "input_text", "text": "A"}, {"type": "input_text", "text": "B"}], None),
        ([{"type": "input_audio", "audio": SECOND}], [{"type": "input_audio", "audio": BASE64}]),
        ([{"type": "input_audio", "audio": SECOND.tobytes()}], [{"type": "input_audio", "audio": BASE64}]),
        ([{"type": "input_audio", "audio": BASE64}], None),
        ([{"type": "input_image", "image": PNG}], [{"type": "input_image", "image_url": PNG_URL}]),
        ([{"type": "input_image", "image_url": PNG_URL}], None),
    ],
    ids=["str", "parts", "samples", "bytes", "base64", "image", "image URL"],
)
async def test_a_users_message_is_added_and_answered(
    simulator: vw.Simulator, client: vw.RealtimeClient, content: Any, sent: Any
) -> None:
    async with client:
        created = await soon(client.send_user_message_content(content))

    item, response = simulator.received
    assert (item["item"]["type"], item["item"]["role"]) == ("message", "user")
    assert item["item"]["content"] == (sent or content)
    assert response["type"] == "response.create"
    assert created.type == "response.created"


async def test_a_users_message_may_wait_for_its_answer(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        added = await soon(client.send_user_message_content("Note.", respond=False))

    assert added.type == "conversation.item.added"
    assert types(simulator) == ["conversation.item.create"]


async def test_one_message_may_hold_text_audio_and_image(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.send("What is it?", SECOND, PNG))
        await soon(client.send(text="Wait.", turn_complete=False))

    first, _, second = simulator.received
    assert first["item"]["content"] == [
        {"type": "input_image", "image_url": PNG_URL},
        {"type": "input_audio", "audio": BASE64},
        {"type": "input_text", "text": "What is it?"},
    ]
    assert second["item"]["content"] == [{"type": "input_text", "text": "Wait."}]


@pytest.mark.parametrize(
    "read", [Path.read_bytes, lambda path: path, str, lambda path: PNG_URL], ids=["bytes", "path", "str", "URL"]
)
async def test_an_image_is_sent_as_a_url_with_its_type(
    simulator: vw.Simulator, client: vw.RealtimeClient, tmp_path: Path, read: Callable[[Path], Any]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    async with client:
        added = await soon(client.send_image(read(path), detail="low"))

    part = {"type": "input_image", "image_url": PNG_URL, "detail": "low"}
    assert simulator.assert_sent("conversation.item.create")["item"]["content"] == [part]
    assert added.type == "conversation.item.added"
    assert types(simulator) == ["conversation.item.create"]


async def test_an_image_may_ask_for_an_answer(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.send_image(PNG, respond=True))

    assert types(simulator) == ["conversation.item.create", "response.create"]


@pytest.mark.parametrize(
    "audio", [SECOND, SECOND.tobytes(), memoryview(SECOND.tobytes())], ids=["array", "bytes", "view"]
)
async def test_appended_audio_is_the_users(simulator: vw.Simulator, client: vw.RealtimeClient, audio: Any) -> None:
    async with client:
        client.append_input_audio(audio)
        await soon(client.flush())
        await simulator.wait_for("input_audio_buffer.append")

    sent = b"".join(base64.b64decode(event["audio"]) for event in simulator.received)
    assert sent == SECOND.tobytes()


async def test_asking_for_a_response_makes_a_turn_of_pending_audio_once(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        events = client.events(vw.TurnComplete)
        client.append_input_audio(SECOND)
        client.create_response()
        await until(events, vw.TurnComplete)
        await soon(client.create_response())

    assert types(simulator)[1:] == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
        "response.create",
    ]


@pytest.mark.parametrize(
    ("options", "samples"),
    [({}, RATE), ({"turn_detection": vw.SemanticVAD()}, RATE), ({"turn_detection": None}, RATE // 10 - 1)],
    ids=["server_vad", "semantic_vad", "below 100 ms"],
)
async def test_asking_for_a_response_leaves_other_audio_alone(
    simulator: vw.Simulator, options: dict[str, Any], samples: int
) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, **options) as client:
        client.append_input_audio(SILENCE[:samples])
        await soon(client.create_response())

    assert "input_audio_buffer.append" in types(simulator)
    assert "input_audio_buffer.commit" not in types(simulator)


async def test_100_ms_are_enough_for_a_turn(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.url, turn_detection=None) as client:
        client.append_input_audio(SILENCE[: RATE // 10])
        await soon(client.request_response())

    assert "input_audio_buffer.commit" in types(simulator)


async def test_a_response_may_have_an_instruction_of_its_own(
    simulator: vw.Simulator, client: vw.RealtimeClient
) -> None:
    async with client:
        await soon(client.request_response("In German."))

    assert simulator.assert_sent("response.create")["response"] == {"instructions": "In German."}


async def test_options_of_a_response_may_be_of_our_classes(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.create_response(output_format=vw.AudioFormat("pcm16"), max_output_tokens=9))

    assert simulator.assert_sent("response.create")["response"]["max_output_tokens"] == 9


async def test_cancelling_cuts_the_item_at_the_samples_heard() -> None:
    with vw.Simulator(pace=1.0, delta_ms=50, script=LONG) as simulator:
        async with vw.RealtimeClient("m", url=simulator.url) as client:
            events = aiter(client)
            client.send_text("Count.")
            *_, first = await until(events, vw.AudioDelta)
            done = await soon(client.cancel_response(first.item_id, 480))
            await simulator.wait_for("conversation.item.truncate")

    simulator.assert_sent("conversation.item.truncate", item_id=first.item_id, audio_end_ms=20, content_index=0)
    simulator.assert_sent("response.cancel")
    assert done["response"]["status"] == "cancelled"


@pytest.mark.parametrize("arguments", [(), ("item_1",), ("item_1", None), (None, 480), ("item_1", 0)], ids=str)
async def test_cancelling_without_item_and_samples_cuts_nothing(arguments: tuple[Any, ...]) -> None:
    actions = (send(CREATED, response_created(), audio_delta([1] * RATE)), expect("go"))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        await until(aiter(client), vw.AudioDelta)
        client.cancel_response(*arguments)
        client.realtime.send("go")
        connection = await peer.connection()
        await connection.expect("go")

    assert [event["type"] for event in connection.received] == ["response.cancel", "go"]


async def test_interrupting_cuts_at_the_most_samples_reported(simulator: vw.Simulator) -> None:
    simulator.script = LONG
    async with vw.RealtimeClient("m", url=simulator.url) as client:
        reply = await soon(client.ask("Count."))
        item = client.conversation.items[1]
        for samples in (2_400, 12_000, 4_800):
            client.report_played(item.id, samples)
        client.interrupt()
        await soon(client.wait_for("conversation.item.truncated"))

    assert len(reply.audio) > 12_000
    simulator.assert_sent("conversation.item.truncate", item_id=item.id, audio_end_ms=500)
    assert item.truncated_ms == 500
    assert item.transcript == ""


async def test_speech_over_an_answer_cuts_it_at_the_samples_reported(simulator: vw.Simulator) -> None:
    simulator.script = LONG
    async with vw.RealtimeClient("m", url=simulator.url) as client:
        await soon(client.ask("Count."))
        item = client.conversation.items[1]
        client.report_played(item.id, 7_200)
        client.append_input_audio(np.concatenate([SILENCE, SECOND]))
        interrupted = await soon(client.wait_for(vw.Interrupted))
        await simulator.wait_for("conversation.item.truncate", item_id=item.id, audio_end_ms=300)

    assert (interrupted.item_id, interrupted.heard_ms, interrupted.estimated) == (item.id, 300, False)


async def test_interrupting_silence_sends_nothing(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        assert await soon(client.interrupt()) is None
        await soon(client.ping())

    assert simulator.received == []


async def test_items_can_be_retrieved_truncated_and_deleted(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    async with client:
        await soon(client.ask("Hello."))
        user, assistant = client.conversation.items
        retrieved = await soon(client.retrieve_item(user.id))
        truncated = await soon(client.truncate_item(assistant.id, 50, content_index=0))
        deleted = await soon(client.delete_item(assistant.id))

    assert retrieved["item"]["content"][0]["text"] == "Hello."
    assert (truncated.type, truncated["audio_end_ms"]) == ("conversation.item.truncated", 50)
    assert (deleted.type, deleted["item_id"]) == ("conversation.item.deleted", assistant.id)
    simulator.assert_sent("conversation.item.truncate", item_id=assistant.id, content_index=0, audio_end_ms=50)


@pytest.mark.parametrize(
    "command",
    [lambda c: c.delete_item("none"), lambda c: c.retrieve_item("none"), lambda c: c.truncate_item("none", 1)],
    ids=["delete", "retrieve", "truncate"],
)
async def test_an_item_that_the_server_does_not_know_is_a_rejection(
    client: vw.RealtimeClient, command: Callable[[vw.RealtimeClient], vw.Receipt]
) -> None:
    async with client:
        receipt = command(client)
        with pytest.raises(vw.CommandRejected, match="none") as caught:
            await soon(receipt)

    assert caught.value.event_id == receipt.event_id


async def test_the_next_item_and_the_next_completed_one_can_be_waited_for(client: vw.RealtimeClient) -> None:
    async def next_ones(command: Callable[[], object]) -> list[Any]:
        waiting = asyncio.gather(client.wait_for_next_item(), client.wait_for_next_completed_item())
        await asyncio.sleep(0)
        command()
        return await soon(waiting)

    async with client:
        added, completed = await next_ones(lambda: client.send_text("Hello.", respond=False))
        assistant, answered = await next_ones(client.create_response)

    assert added == completed == client.conversation.items[0]
    assert assistant == answered == client.conversation.items[1]


@pytest.mark.parametrize("name", ["wait_for_next_item", "wait_for_next_completed_item"])
async def test_waiting_for_an_item_ends_with_the_time_or_the_session(client: vw.RealtimeClient, name: str) -> None:
    async with client:
        with pytest.raises(TimeoutError):
            await getattr(client, name)(0.01)
        waiting = asyncio.create_task(getattr(client, name)())
        await asyncio.sleep(0)

    with pytest.raises(vw.ConnectionClosed):
        await soon(waiting)


async def test_the_raw_wire_sends_and_hears(simulator: vw.Simulator, client: vw.RealtimeClient) -> None:
    heard: list[str] = []
    client.realtime.on("server.response.done", lambda event: heard.append(event.type))
    client.realtime.on("client.response.create", lambda event: heard.append(event.type))
    client.realtime.on("server.response.created", heard.append)
    client.realtime.off("server.response.created")

    async with client:
        turns = client.events(vw.TurnComplete)
        await soon(client.realtime.send("response.create", {"response": {"instructions": "Brief."}}))
        await soon(anext(turns))

    assert heard == ["response.create", "response.done"]
    assert simulator.assert_sent("response.create")["response"] == {"instructions": "Brief."}


BAD_INPUT: list[tuple[Callable[[vw.RealtimeClient], object], str]] = [
    (lambda c: c.send_text(7), "text"),  # type: ignore[arg-type]
    (lambda c: c.send(), "text"),
    (lambda c: c.send(7), "text"),  # type: ignore[arg-type]
    (lambda c: c.send(audio=[1]), "audio"),
    (lambda c: c.send(image=7), "image"),
    (lambda c: c.send_image(7), "image"),
    (lambda c: c.send_image(b"no image"), "image"),
    (lambda c: c.send_image(PNG, mime_type=7), "mime_type"),  # type: ignore[arg-type]
    (lambda c: c.send_image(PNG, detail="most"), "detail"),
    (lambda c: c.send_user_message_content(7), "content"),  # type: ignore[arg-type]
    (lambda c: c.send_user_message_content([]), "content"),
    (lambda c: c.send_user_message_content([7]), "content[0]"),  # type: ignore[list-item]
    (lambda c: c.send_user_message_content([{}]), "content[0].type"),
    (lambda c: c.send_user_message_content([{"type": "input_text"}]), "content[0].text"),
    (lambda c: c.send_user_message_content([{"type": "input_audio"}]), "content[0].audio"),
    (lambda c: c.send_user_message_content([{"type": "input_image"}]), "content[0].image_url"),
    (lambda c: c.send_user_message_content([{"type": "input_image", "image": 7}]), "content[0].image"),
    (lambda c: c.create_response(instructions=7), "instructions"),
    (lambda c: c.create_response(max_output_tokens=0), "max_output_tokens"),
    (lambda c: c.create_response(item=object()), "payload"),
    (lambda c: c.request_response(7), "instruction"),  # type: ignore[arg-type]
    (lambda c: c.cancel_response(7), "item_id"),  # type: ignore[arg-type]
    (lambda c: c.cancel_response(7, 1), "item_id"),  # type: ignore[arg-type]
    (lambda c: c.cancel_response("a", -1), "sample_count"),
    (lambda c: c.cancel_response(None, 1.5), "sample_count"),  # type: ignore[arg-type]
    (lambda c: c.report_played(7, 1), "item_id"),  # type: ignore[arg-type]
    (lambda c: c.report_played("a", -1), "samples"),
    (lambda c: c.delete_item(7), "item_id"),  # type: ignore[arg-type]
    (lambda c: c.retrieve_item(None), "item_id"),  # type: ignore[arg-type]
    (lambda c: c.truncate_item(None, 1), "item_id"),  # type: ignore[arg-type]
    (lambda c: c.truncate_item("a", 0), "audio_end_ms"),
    (lambda c: c.truncate_item("a", 1, content_index=-1), "content_index"),
    (lambda c: c.update_session(voise="marin"), "voise"),
    (lambda c: c.update_session(speed=9), "speed"),
    (lambda c: c.realtime.send(7), "type"),  # type: ignore[arg-type]
    (lambda c: c.realtime.send("a", 7), "payload"),  # type: ignore[arg-type]
    (lambda c: c.realtime.send("a", {"b": object()}), "payload"),
    (lambda c: c.realtime.on(7, print), "event"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    ("command", "field"), BAD_INPUT, ids=[f"{at} {field}" for at, (_, field) in enumerate(BAD_INPUT)]
)
async def test_wrong_input_is_refused_by_name_and_nothing_is_sent(
    simulator: vw.Simulator,
    client: vw.RealtimeClient,
    command: Callable[[vw.RealtimeClient], object],
    field: str,
) -> None:
    async with client:
        with pytest.raises(vw.ConfigError) as caught:
            command(client)
        await soon(client.ping())

    assert caught.value.field == field
    assert field in str(caught.value)
    assert simulator.received == []


@pytest.mark.parametrize(
    ("audio", "error"),
    [
        (7, TypeError),
        ([1, 2], TypeError),
        ("AAA=", TypeError),
        (b"\0", ValueError),
        (SECOND.reshape(2, -1), ValueError),
    ],
    ids=["int", "list", "str", "odd", "2-D"],
)
async def test_audio_that_is_none_is_refused_by_name(
    client: vw.RealtimeClient, audio: Any, error: type[Exception]
) -> None:
    async with client:
        with pytest.raises(error, match="samples"):
            client.append_input_audio(audio)
