"""Every declared message of Gemini Live, with every declared field, both ways: nothing is lost or told twice."""

from typing import Any

import pytest
from tests.integration.listening import of, rest, soon
from tests.integration.peer import Peer, close, expect, kind_of, send, send_binary
from tests.interop.gemini import GREETING, MODEL_2_5, greet
from tests.interop.gemini_table import UNDECLARED, kinds, table

import voicewire as vw

TURN_END = {"serverContent": {"turnComplete": True}}
USED = {"usageMetadata": {"promptTokenCount": 3, "responseTokenCount": 4, "totalTokenCount": 7}}


def client_of(peer: Peer, model: str = MODEL_2_5) -> vw.RealtimeClient:
    return vw.RealtimeClient(model, url=peer.url, dialect="gemini", reconnect=None)


async def received(kind: str, messages: list[Any], model: str = MODEL_2_5) -> tuple[list[Any], list[Any], list[Any]]:
    """What an iterator, a handler of all messages and one under the kind get."""
    every: list[Any] = []
    handled: list[Any] = []
    async with Peer(*greet(), send_binary(*messages), close(1000)) as peer:
        client = client_of(peer, model)
        client.on("*", lambda event: every.append(event.raw))
        client.on(kind, lambda event: handled.append(event.raw))
        await client.connect()
        events = await rest(aiter(client))
    return events, every[1:], [raw for raw in handled if raw != GREETING]


@pytest.mark.parametrize("model", [MODEL_2_5, "gemini-3.8-live"])
@pytest.mark.parametrize("kind", kinds("server"))
async def test_every_sample_of_a_kind_is_delivered_once_and_as_it_was_sent(kind: str, model: str) -> None:
    declared = table()
    samples = [{kind: sample} for sample in declared.samples(declared.server[kind])]
    # Each sample begins with no response in progress.
    messages = [message for sample in samples for message in (sample, {**TURN_END, **USED})]

    events, every, handled = await received(kind, messages, model)

    assert every == messages
    assert handled == [message for message in messages if kind_of(message) == kind and message != GREETING]
    assert of(vw.ErrorEvent, events) == []


@pytest.mark.parametrize("kind", kinds("server"))
async def test_tokens_may_come_with_any_kind(kind: str) -> None:
    declared = table()
    message = {kind: declared.full(declared.server[kind]), **USED}

    events, every, _ = await received(kind, [message, TURN_END])

    assert every[0] == message
    assert [event.usage.total_tokens for event in of(vw.UsageReported, events)] == [7]
    assert of(vw.ErrorEvent, events) == []


@pytest.mark.parametrize("say", [send, send_binary])
async def test_the_greeting_is_open_whatever_it_holds(say: Any) -> None:
    declared = table()
    greeting = {"setupComplete": declared.full(declared.server["setupComplete"], extra=UNDECLARED)}

    async with Peer(expect("setup"), say(greeting)) as peer, client_of(peer) as client:
        event = await anext(aiter(client))

    assert isinstance(event, vw.Open)
    assert event.raw == greeting
    assert client.session_id == greeting["setupComplete"]["sessionId"]


async def test_all_that_one_content_says_is_told_in_order() -> None:
    declared = table()
    content = declared.full(declared.server["serverContent"])

    events, _, _ = await received("serverContent", [{"serverContent": content, **USED}])

    assert [event.type for event in events if event.wire_type == "serverContent"] == [
        "speech_started",
        "interrupted",
        "input_transcript",
        "input_transcript",
        "speech_stopped",
        "input_committed",
        "response_started",
        "audio",
        "thought",
        "transcript",
        "serverContent",
        "usage",
        "turn_complete",
    ]


async def test_the_end_of_a_turn_without_tokens_is_delivered_as_well() -> None:
    spoken = {"serverContent": {"outputTranscription": {"text": "Hello."}}}

    _, every, handled = await received("serverContent", [spoken, TURN_END])

    assert every == handled == [spoken, TURN_END]


async def test_a_kind_that_nobody_declared_is_a_server_event() -> None:
    message = {"xUndeclared": {"a": [1, None]}}

    events, every, handled = await received("xUndeclared", [message])

    assert every == handled == [message]
    assert [event.type for event in of(vw.ServerEvent, events)] == ["xUndeclared"]


async def test_a_message_without_a_kind_says_nothing() -> None:
    events, every, _ = await received("serverContent", [{}, {}])

    assert every == []
    assert [event.type for event in events] == ["open", "close"]


@pytest.mark.parametrize("kind", kinds("client"))
async def test_a_message_of_a_client_goes_out_as_it_is(kind: str) -> None:
    declared = table()
    payloads = [sample for sample in declared.samples(declared.client[kind]) if sample is not None]

    async with Peer(*greet()) as peer, client_of(peer) as client:
        await client.flush()
        for payload in payloads:
            client.realtime.send(kind, payload)
            await soon(client.flush())
        connection = await peer.connection()
        await connection.expect(kind, len(payloads) + (kind == "setup"))
        sent = connection.received[1:]

    assert sent == [{kind: payload} for payload in payloads]
