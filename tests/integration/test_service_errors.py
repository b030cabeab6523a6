"""Each error of the service as a user meets it, and each odd shape of the services that are nearly alike."""

from typing import Any

import pytest
from tests.integration.listening import of, until
from tests.integration.peer import Peer, close, send
from tests.integration.wire import CREATED, response_created

import voicewire as vw

PATIENCE_S = 10
MARK = {"type": "x.mark"}


def opened(simulator: vw.Simulator, **options: Any) -> vw.RealtimeClient:
    return vw.RealtimeClient("openai/m", url=simulator.url, api_key="sk-test-1", **options)


async def told(*messages: dict[str, Any]) -> tuple[list[Any], vw.RealtimeClient]:
    """Events that these messages make."""
    async with Peer(send(CREATED, *messages, MARK)) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        async with client:
            seen: list[Any] = []
            async for event in client:
                if event.wire_type == MARK["type"]:
                    break
                seen.append(event)
    return seen[1:], client


@pytest.mark.parametrize(
    ("command", "code", "param"),
    [
        (lambda c: c.retrieve_item("none"), "item_retrieve_invalid_item_id", "item_id"),
        (lambda c: c.delete_item("none"), "item_delete_invalid_item_id", "item_id"),
        (lambda c: c.truncate_item("none", 10), "item_truncate_invalid_item_id", "item_id"),
        (lambda c: c.commit_audio(), "input_audio_buffer_commit_empty", None),
        (lambda c: c.update_session(extra={"nonsense": 1}), "unknown_parameter", "session.nonsense"),
        (lambda c: c.update_session(extra={"tool_choice": 7}), "invalid_type", "session.tool_choice"),
        (lambda c: c.realtime.send("conversation.item.retrieve"), "missing_required_parameter", "item_id"),
    ],
)
async def test_a_refusal_is_an_exception_and_one_event(
    simulator: vw.Simulator, command: Any, code: str, param: str | None
) -> None:
    errors: list[vw.ErrorEvent] = []
    client = opened(simulator, turn_detection=None)
    client.on("error", errors.append)
    async with client:
        with pytest.raises(vw.CommandRejected) as caught:
            await command(client)
        assert await client.ping()

    assert (caught.value.code, caught.value.param) == (code, param)
    assert [event.fatal for event in errors] == [False]


@pytest.mark.parametrize(
    ("type", "payload", "param"),
    [
        ("no.such.event", {}, "type"),
        ("response.cancel", {"event_id": "x" * 600}, "event_id"),
        ("output_audio_buffer.clear", {}, "type"),
    ],
)
async def test_a_message_without_an_answer_is_refused_by_an_event(
    simulator: vw.Simulator, type: str, payload: dict[str, Any], param: str
) -> None:
    async with opened(simulator) as client:
        problems = client.events(vw.ErrorEvent)
        client.realtime.send(type, payload)
        problem = (await until(problems, vw.ErrorEvent))[-1]

    assert (problem.error.code, problem.error.param, problem.fatal) == ("invalid_value", param, False)


async def test_benign_races_are_no_errors(simulator: vw.Simulator) -> None:
    errors: list[Any] = []
    item = {"id": "item_1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    client = opened(simulator)
    client.on("error", errors.append)
    async with client:
        assert await client.cancel_response() is None
        await client.realtime.send("conversation.item.create", {"item": item})
        assert await client.realtime.send("conversation.item.create", {"item": item}) is None

    assert errors == []


async def test_a_response_over_the_rate_limit_fails(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "rate_limit", "after_events": 0}]
    async with opened(simulator) as client:
        client.send_text("Hello.")
        turn = (await until(aiter(client), vw.TurnComplete))[-1]

    assert isinstance(turn.error, vw.ServerError)
    assert (turn.status, turn.error.code) == ("failed", "rate_limit_exceeded")


@pytest.mark.parametrize("refusal", ["http", "event"])
async def test_a_wrong_key_and_an_unknown_model_are_told_apart(refusal: Any) -> None:
    with vw.Simulator(api_key="sk-right-1", models=["known"], refusal=refusal) as simulator:
        with pytest.raises(vw.AuthenticationError):
            await opened(simulator).connect()
        with pytest.raises(vw.ConnectError, match=r"404|model_not_found"):
            await vw.RealtimeClient("openai/other", url=simulator.url, api_key="sk-right-1").connect()


async def test_an_error_that_is_a_string_is_told() -> None:
    (event,), _ = await told({"type": "error", "error": "out of order"})

    assert isinstance(event.error, vw.ServerError)
    assert (str(event.error), event.fatal) == ("out of order", False)


@pytest.mark.parametrize("details", ["unimplemented", "completed", None, {}])
async def test_status_details_of_any_shape(details: Any) -> None:
    done = {"id": "r", "status": "completed", "status_details": details, "output": []}
    events, client = await told({"type": "response.done", "response": done, "usage": {"input_tokens": 3}})

    assert [event.type for event in events] == ["usage", "turn_complete"]
    assert (events[-1].status, client.usage.input_tokens) == ("completed", 3)


async def test_details_of_usage_with_an_s() -> None:
    usage = {
        "total_tokens": 9,
        "input_tokens_details": {"text_tokens": 4},
        "output_tokens_details": {"audio_tokens": 5},
    }
    _, client = await told({"type": "response.done", "response": {"id": "r", "status": "completed", "usage": usage}})

    assert (client.usage.input_text_tokens, client.usage.output_audio_tokens) == (4, 5)


@pytest.mark.parametrize("ids", [{}, {"item_id": "", "response_id": ""}, {"item_id": None, "response_id": None}])
async def test_audio_and_text_without_ids_arrive(ids: dict[str, Any]) -> None:
    events, client = await told(
        {"type": "response.audio.delta", "delta": "AQACAA==", **ids},
        {"type": "response.text.delta", "delta": "Hi.", **ids},
    )

    assert events[0].audio.tolist() == [1, 2]
    assert events[1].text == "Hi."
    assert all(event.item_id in (None, "") for event in events)
    assert len(client.conversation) == 0


async def test_items_that_are_added_and_never_done() -> None:
    item = {"id": "a", "object": "realtime.item", "type": "message", "role": "user", "content": []}
    _, client = await told({"type": "conversation.item.added", "item": item, "previous_item_id": None})

    assert [(item.id, item.status) for item in client.conversation] == [("a", None)]


async def test_a_greeting_without_a_session_object() -> None:
    greeting = {"type": "session.created", "id": "sess-vllm", "created": 1}
    async with Peer(send(greeting)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        assert client.session_id == "sess-vllm"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ping", "event_id": "e", "timestamp": 1785214084929, "previous_item_id": None},
        {"type": "conversation.created", "conversation": {"id": "c"}},
        {"type": "conversation.item.input_audio_transcription.updated", "item_id": "u", "transcript": "Good mor"},
        {"type": "response.content_part.done", "item_id": "a", "response_id": "r", "content_index": 0},
        {"type": "response.animation_blendshapes.delta", "frames": [[0.1]]},
        {"type": "something.of.tomorrow", "x": {"y": [1]}},
    ],
    ids=lambda message: message["type"],
)
async def test_what_nobody_declared_arrives_as_it_is(message: dict[str, Any]) -> None:
    (event,), _ = await told(message)

    assert isinstance(event, vw.ServerEvent)
    assert (event.type, event.raw) == (message["type"], message)


async def test_an_unknown_status_counts_as_complete() -> None:
    events, _ = await told(
        response_created("r"), {"type": "response.done", "response": {"id": "r", "status": "splendid"}}
    )

    assert events[-1].status == "completed"


async def test_a_transcription_that_failed_is_told() -> None:
    error = {"type": "invalid_request_error", "code": "DeploymentNotFound", "message": "No such deployment."}
    failed = {"type": "conversation.item.input_audio_transcription.failed", "item_id": "u", "error": error}
    event, problem = (await told(failed))[0]

    assert (event.type, event.item_id) == (failed["type"], "u")
    assert (problem.error.code, problem.fatal, problem.item_id) == ("DeploymentNotFound", False, "u")


async def test_several_completed_transcripts_of_one_item() -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    events, client = await told(
        *({"type": kind, "item_id": "u", "transcript": text} for text in ("Good", "Good morning", "")),
        {"type": "conversation.item.added", "item": {"id": "u", "type": "message", "role": "user", "content": []}},
    )

    assert [event.text for event in of(vw.InputTranscript, events)] == ["Good", "Good morning", ""]
    assert client.conversation.items[0].transcript == "Good morning"


async def test_a_close_behind_a_refusal_after_the_upgrade() -> None:
    error = {"type": "invalid_request_error", "code": "insufficient_quota", "message": "No money."}
    async with Peer(send({"type": "error", "error": error}), close(4000, "quota")) as peer:
        with pytest.raises(vw.ConnectError, match="insufficient_quota"):
            await vw.RealtimeClient("m", url=peer.url).connect()
