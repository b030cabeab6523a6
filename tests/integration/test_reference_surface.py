"""What the reference client of OpenAI offers, in Python: each method against the simulator."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import of, soon, until
from tests.integration.peer import Peer, send
from tests.integration.wire import CREATED, audio_delta, response_created, speech_started

import voicewire as vw

PATIENCE_S = 10
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


def opened(simulator: vw.Simulator, **options: Any) -> vw.RealtimeClient:
    return vw.RealtimeClient("openai/m", url=simulator.url, api_key="sk-test", **options)


def sent(simulator: vw.Simulator, type: str) -> list[dict[str, Any]]:
    return [event for event in simulator.received if event["type"] == type]


def types(simulator: vw.Simulator) -> list[str]:
    return [event["type"] for event in simulator.received if event["type"] != "input_audio_buffer.append"]


def silence(ms: int) -> Any:
    return np.zeros(24 * ms, np.int16)


async def test_waiting_for_the_session(client: vw.RealtimeClient) -> None:
    with pytest.raises(vw.ConnectionClosed, match="connect"):
        await client.wait_for_session_created()
    connecting = asyncio.ensure_future(client.connect())
    await asyncio.sleep(0)
    assert await soon(client.wait_for_session_created()) is True
    await connecting
    assert await client.wait_for_session_created() is True
    await client.disconnect()
    with pytest.raises(vw.ConnectionClosed, match="closed"):
        await client.wait_for_session_created()


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "server_vad"),
        ({"turn_detection": None}, None),
        ({"turn_detection": vw.ServerVAD()}, "server_vad"),
        ({"turn_detection": vw.SemanticVAD()}, "semantic_vad"),
        ({"turn_detection": {"type": "server_vad"}}, "server_vad"),
    ],
)
async def test_how_turns_are_detected(simulator: vw.Simulator, options: dict[str, Any], kind: str | None) -> None:
    client = opened(simulator, **options)
    before = client.get_turn_detection_type()
    async with client:
        during = client.get_turn_detection_type()
        await client.update_session(turn_detection=None)
        changed = client.get_turn_detection_type()

    assert (before, during, changed) == (kind, kind, None)


async def test_a_refused_change_of_turns_changes_nothing(simulator: vw.Simulator) -> None:
    async with opened(simulator) as client:
        with pytest.raises(vw.CommandRejected):
            await client.update_session(turn_detection={"type": "karaoke"})
        assert client.get_turn_detection_type() == "server_vad"


async def test_changes_before_connect_are_sent_and_kept(simulator: vw.Simulator) -> None:
    client = opened(simulator, instructions="One.")
    receipt = client.update_session(instructions="Two.", voice="marin")
    async with client:
        assert (await receipt).wire_type == "session.updated"
        await client.update_session(instructions="Three.")
    async with client:
        await client.ping()

    second = [event for event in simulator.connections[1]["received"] if event["type"] == "session.update"]
    assert [(event["session"]["instructions"], event["session"]["audio"]) for event in second] == [
        ("Three.", {"output": {"voice": "marin"}})
    ]


async def test_changes_while_closed_are_for_the_next_session(simulator: vw.Simulator) -> None:
    client = opened(simulator)
    async with client:
        pass
    assert await client.update_session(voice="marin") is None
    async with client:
        await client.ping()

    (update,) = sent(simulator, "session.update")
    assert update["session"]["audio"] == {"output": {"voice": "marin"}}


async def test_changes_survive_a_connect_that_failed(simulator: vw.Simulator) -> None:
    client = opened(simulator)
    simulator.faults = [{"kind": "http", "code": 503, "connection": 0}]
    receipt = client.update_session(voice="marin")
    with pytest.raises(vw.ConnectError):
        await client.connect()
    with pytest.raises(vw.ConnectionClosed):
        await receipt
    async with client:
        await client.ping()

    (update,) = sent(simulator, "session.update")
    assert update["session"]["audio"] == {"output": {"voice": "marin"}}


async def test_a_hundred_changes_are_one_configuration(simulator: vw.Simulator) -> None:
    client = opened(simulator)
    async with client:
        for number in range(100):
            await client.update_session(instructions=f"Number {number}.", max_output_tokens=number + 1)
        assert len(client._changes) <= 33
    async with client:
        await client.ping()

    (update,) = [event for event in simulator.connections[1]["received"] if event["type"] == "session.update"]
    assert (update["session"]["instructions"], update["session"]["max_output_tokens"]) == ("Number 99.", 100)


async def test_an_update_tells_what_was_ignored(simulator: vw.Simulator) -> None:
    mismatches: list[list[str]] = []
    client = opened(simulator)
    client.on("config_mismatch", lambda event: mismatches.append(event.fields))
    async with client:
        receipt = client.update_session(instructions="Be brief.", temperature=0.5)
        await receipt

    assert receipt.ignored == ("temperature",)
    assert mismatches == [["temperature"]]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("Hello.", [{"type": "input_text", "text": "Hello."}]),
        ([{"type": "input_text", "text": "Hi."}], [{"type": "input_text", "text": "Hi."}]),
        (
            [{"type": "input_audio", "audio": np.array([1, -1], np.int16)}],
            [{"type": "input_audio", "audio": base64.b64encode(b"\x01\x00\xff\xff").decode()}],
        ),
        ([{"type": "input_audio", "audio": "AQD//w=="}], [{"type": "input_audio", "audio": "AQD//w=="}]),
        (
            [{"type": "input_image", "image": PNG}],
            [{"type": "input_image", "image_url": "data:image/png;base64," + base64.b64encode(PNG).decode()}],
        ),
    ],
    ids=["text", "parts", "samples", "base64", "image"],
)
async def test_content_of_the_user(simulator: vw.Simulator, content: Any, parts: list[dict[str, Any]]) -> None:
    async with opened(simulator) as client:
        await client.send_user_message_content(content)

    (message,) = sent(simulator, "conversation.item.create")
    assert (message["item"]["role"], message["item"]["content"]) == ("user", parts)
    assert types(simulator) == ["conversation.item.create", "response.create"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (3, "content"),
        ([], "content"),
        (["x"], "content[0]"),
        ([{"text": "x"}], "content[0].type"),
        ([{"type": "input_text"}], "content[0].text"),
        ([{"type": "input_audio", "audio": [1.5]}], "content[0].audio"),
        ([{"type": "input_image", "image": b"none"}], "content[0].image"),
    ],
)
def test_wrong_content_names_the_part(client: vw.RealtimeClient, content: Any, field: str) -> None:
    with pytest.raises(vw.ConfigError) as caught:
        client.send_user_message_content(content)

    assert caught.value.field == field


async def test_images_are_sent_as_data(simulator: vw.Simulator, tmp_path: Any) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff" + bytes(8))
    async with opened(simulator) as client:
        await client.send_image(path, detail="low")
        await client.send(image=PNG, text="What is it?")

    first, second = (message["item"]["content"] for message in sent(simulator, "conversation.item.create"))
    assert first[0]["image_url"].startswith("data:image/jpeg;base64,")
    assert first[0]["detail"] == "low"
    assert [part["type"] for part in second] == ["input_image", "input_text"]
    assert types(simulator).count("response.create") == 1


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda client: client.send(), "text"),
        (lambda client: client.send_image(3), "image"),
        (lambda client: client.send_image(b"?"), "image"),
        (lambda client: client.send_image(PNG, detail="most"), "detail"),
        (lambda client: client.truncate_item("a", 0), "audio_end_ms"),
        (lambda client: client.truncate_item("a", 1.5), "audio_end_ms"),
        (lambda client: client.delete_item(3), "item_id"),
        (lambda client: client.cancel_response("a", -1), "sample_count"),
        (lambda client: client.report_played("a", -1), "samples"),
        (lambda client: client.report_played(None, 1), "item_id"),
    ],
)
def test_wrong_arguments_are_named(client: vw.RealtimeClient, call: Any, field: str) -> None:
    with pytest.raises(vw.ConfigError) as caught:
        call(client)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("detection", "ms", "commits"),
    [(None, 200, True), (None, 50, False), (vw.ServerVAD(), 200, False)],
    ids=["by hand", "too short", "by the server"],
)
async def test_a_response_commits_what_was_said(
    simulator: vw.Simulator, detection: Any, ms: int, commits: bool
) -> None:
    async with opened(simulator, turn_detection=detection) as client:
        client.append_input_audio(silence(ms))
        await client.create_response()
        await client.flush()

    expected = ["input_audio_buffer.commit", "response.create"] if commits else ["response.create"]
    assert types(simulator)[1:] == expected


async def test_a_response_with_an_instruction_of_its_own(simulator: vw.Simulator) -> None:
    async with opened(simulator) as client:
        await client.request_response("Say goodbye.")

    assert sent(simulator, "response.create")[0]["response"] == {"instructions": "Say goodbye."}


async def test_out_of_band_responses_are_matched_by_metadata(simulator: vw.Simulator) -> None:
    async with opened(simulator) as client:
        turns = client.events(vw.TurnComplete)
        client.send_text("Hello.")
        aside = await client.create_response(
            conversation="none", metadata={"topic": "title"}, modalities=["text"], instructions="A title."
        )
        about = [(await soon(anext(turns))).raw["response"].get("metadata") for _ in range(2)]
        roles = [item.role for item in client.conversation]

    assert aside.raw["response"]["metadata"] == {"topic": "title"}
    assert sorted(about, key=str) == [None, {"topic": "title"}]
    assert roles == ["user", "assistant"]


async def test_items_are_deleted_retrieved_and_cut(simulator: vw.Simulator) -> None:
    async with opened(simulator) as client:
        await client.ask("Hello.", timeout=PATIENCE_S)
        user, model = client.conversation.items
        told = await client.retrieve_item(user.id)
        await client.truncate_item(model.id, 100)
        await client.delete_item(user.id)
        left = [item.id for item in client.conversation]
        with pytest.raises(vw.CommandRejected) as caught:
            await client.delete_item("item_none")

    assert told.raw["item"]["content"] == [{"type": "input_text", "text": "Hello."}]
    assert left == [model.id]
    assert (model.truncated_ms, model.transcript) == (100, "")
    assert caught.value.code == "item_delete_invalid_item_id"


async def test_the_next_item_and_the_next_complete_one() -> None:
    with vw.Simulator(pace=0, script=[{"say": "Fine."}]) as simulator:
        async with opened(simulator) as client:
            first = asyncio.ensure_future(client.wait_for_next_item(PATIENCE_S))
            complete = asyncio.ensure_future(client.wait_for_next_completed_item(PATIENCE_S))
            await asyncio.sleep(0)
            await client.ask("How are you?", timeout=PATIENCE_S)

    assert (await first).text == "How are you?"
    assert (await complete).role == "user"


async def test_a_cut_counts_samples_heard() -> None:
    async with (
        Peer(send(CREATED, response_created(), audio_delta(np.ones(24_000), item="a"))) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        await until(aiter(client), vw.AudioDelta)
        client.cancel_response("a", 12_000)
        connection = await peer.connection()
        await connection.expect("response.cancel")
        cut = await connection.expect("conversation.item.truncate")

    assert (cut["item_id"], cut["content_index"], cut["audio_end_ms"]) == ("a", 0, 500)


async def test_barge_in_cuts_where_the_player_was() -> None:
    async with (
        Peer(send(CREATED, response_created(), audio_delta(np.ones(48_000), item="a"))) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        events = aiter(client)
        await until(events, vw.AudioDelta)
        await client.report_played("a", 6_000)
        connection = await peer.connection()
        await connection.send(speech_started(100))
        (interrupted,) = of(vw.Interrupted, await until(events, vw.Interrupted))
        cut = await connection.expect("conversation.item.truncate")
        await connection.send(audio_delta(np.ones(10), item="a"), {"type": "x.mark"})
        late = await until(events, vw.ServerEvent)

    assert (interrupted.item_id, interrupted.heard_ms, interrupted.estimated) == ("a", 250, False)
    assert cut["audio_end_ms"] == 250
    assert of(vw.AudioDelta, late) == []


async def test_without_auto_truncate_nothing_is_cut() -> None:
    async with (
        Peer(send(CREATED, response_created(), audio_delta(np.ones(48_000), item="a"))) as peer,
        vw.RealtimeClient("m", url=peer.url, auto_truncate=False) as client,
    ):
        events = aiter(client)
        await until(events, vw.AudioDelta)
        await client.report_played("a", 6_000)
        connection = await peer.connection()
        await connection.send(speech_started(100))
        await until(events, vw.Interrupted)
        await client.ping()
        await client.flush()

    assert [message["type"] for message in connection.received] == []


async def test_interrupt_stops_a_long_answer() -> None:
    story = "A long story that goes on and on, and then on again, for quite a while, until somebody speaks."
    with vw.Simulator(pace=4, script=[{"say": story}]) as simulator:
        async with opened(simulator) as client:
            events = aiter(client)
            client.send_text("Tell me a story.")
            audio = (await until(events, vw.AudioDelta))[-1]
            await client.report_played(audio.item_id, 4_800)
            cancelled = await client.interrupt()
            seen = await until(events, vw.TurnComplete)
            model = client.conversation.get_item(audio.item_id)
            cut = await simulator.wait_for("conversation.item.truncate", timeout=PATIENCE_S)
            await client.ping()

    assert cancelled.raw["response"]["status"] == "cancelled"
    assert seen[-1].status == "cancelled"
    assert of(vw.Interrupted, seen)[0].heard_ms == 200
    assert cut["audio_end_ms"] == 200
    assert model is not None


async def test_interrupt_of_nothing_is_nothing(simulator: vw.Simulator) -> None:
    async with opened(simulator) as client:
        assert await client.interrupt() is None

    assert simulator.received == []


def test_helpers_of_the_reference_client() -> None:
    merged = vw.audio.merge_int16_arrays(np.array([1, 2], np.int16), b"\x03\x00")
    assert merged.tolist() == [1, 2, 3]
    assert merged.dtype == np.int16
    with pytest.raises(TypeError):
        vw.audio.merge_int16_arrays([1], [2])
    made = {vw.generate_id("item_") for _ in range(100)}
    assert len(made) == 100
    assert all(len(id) == 21 and id.startswith("item_") and id[5:].isalnum() for id in made)
    assert len(vw.generate_id("evt_", 9)) == 9
    with pytest.raises(vw.ConfigError, match="no room"):
        vw.generate_id("item_", 5)
