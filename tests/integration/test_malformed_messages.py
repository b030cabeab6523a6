"""Messages that are no events: one non-fatal error each, and everything around them is delivered."""

import json
from typing import Any

import pytest
from tests.integration.listening import of, soon, until, until_that
from tests.integration.peer import BINARY, Action, Peer, send, send_frame, send_text
from tests.integration.wire import CREATED, audio_delta, response_created, response_done, text_delta

import voicewire as vw

SECRET = "sk-very-secret-key"


async def between(*actions: Action) -> list[Any]:
    """All events of a session that gets these between a text and the end of a response; the session survives."""
    whole = (
        send(CREATED, response_created(), text_delta("before")),
        *actions,
        send(text_delta("after"), response_done()),
    )
    async with Peer(*whole) as peer, vw.RealtimeClient("m", url=peer.url, api_key=SECRET) as client:
        events = await until(aiter(client), vw.TurnComplete)
        assert client.connected
        assert await client.ping(5)
    assert [event.text for event in of(vw.TextDelta, events)] == ["before", "after"]
    return events


def nested(depth: int) -> str:
    return '{"type":"deep","a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{broken", "bad_json"),
        ("", "bad_json"),
        ("nonsense", "bad_json"),
        ('{"type":"a"} trailing', "bad_json"),
        ('{"type":"a","b":}', "bad_json"),
        ('{"type":"a","b":"\\x"}', "bad_json"),
        ('{"type":"a","b":NaN}', "bad_json"),
        ('{"type":"response.output_text.delta","delta":"A"', "bad_json"),
        ('{"type":"response.output_audio.delta","delta":"AQAC', "bad_json"),
        ('{"type":"response.output_audio.delta","delta":"AQAC",}', "bad_json"),
        ("[]", "bad_event"),
        ("7", "bad_event"),
        ("null", "bad_event"),
        ('"text"', "bad_event"),
        ("{}", "bad_event"),
        ('{"kind":"a"}', "bad_event"),
        ('{"type":7}', "bad_event"),
        ('{"type":null}', "bad_event"),
        ('{"type":{"a":1}}', "bad_event"),
        ('{"type":"response.output_text.delta"}', "bad_event"),
        ('{"type":"response.output_text.delta","delta":7}', "bad_event"),
        ('{"type":"response.output_audio.delta"}', "bad_event"),
        ('{"type":"response.output_audio.delta","delta":null}', "bad_event"),
        ('{"type":"response.output_audio.delta","delta":["AQAC"]}', "bad_event"),
        ('{"type":"response.function_call_arguments.done","arguments":"{}"}', "bad_event"),
        ('{"type":"response.output_audio.delta","delta":"!!!!"}', "bad_audio"),
        ('{"type":"response.output_audio.delta","delta":"AQACA"}', "bad_audio"),
        ('{"type":"response.output_audio.delta","delta":"AQ AC"}', "bad_audio"),
        ('{"type":"response.output_audio.delta","delta":"AQ-_"}', "bad_audio"),
        ('{"type":"response.output_audio.delta","delta":"AQ==AQ=="}', "bad_audio"),
        (nested(200), "too_deep"),
        (nested(129), "too_deep"),
        ("[" * 100_000, "too_deep"),
        ('{"a":' * 100_000, "too_deep"),
    ],
    ids=lambda value: value[:60] or "empty",
)
async def test_a_malformed_message_is_one_non_fatal_error(text: str, kind: str) -> None:
    events = await between(send_text(text))

    told = of(vw.ErrorEvent, events)
    assert [(type(event.error), event.error.kind, event.fatal) for event in told] == [(vw.ProtocolError, kind, False)]
    assert told[0].error.excerpt.encode().decode("unicode_escape")[:20] == text[:20]
    assert len(told[0].error.excerpt) <= 4096
    assert not of(vw.AudioDelta, events)


async def test_nesting_within_the_limit_passes() -> None:
    events = await between(send_text(nested(128)))

    assert "deep" in [event.type for event in events]
    assert not of(vw.ErrorEvent, events)


async def test_bad_audio_still_fires_its_wire_event() -> None:
    bad = {**audio_delta([1]), "delta": "!!!!"}
    seen: list[Any] = []

    async with Peer(send(CREATED, bad, response_done())) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        client.on("response.output_audio.delta", seen.append)
        async with client:
            await until(aiter(client), vw.TurnComplete)

    assert [event["delta"] for event in seen] == ["!!!!"]


async def test_an_odd_byte_is_dropped_and_the_next_delta_is_intact() -> None:
    deltas = [audio_delta(b"\1\0\2\0\3"), audio_delta([1000, -1000]), audio_delta(b"\5\0\6"), audio_delta([7])]

    events = await between(send(*deltas))

    assert [event.audio.tolist() for event in of(vw.AudioDelta, events)] == [[1, 2], [1000, -1000], [5], [7]]
    assert [event.error.kind for event in of(vw.ErrorEvent, events)] == ["bad_audio"]


async def test_odd_bytes_are_told_once_for_each_response() -> None:
    deltas = [audio_delta(b"\1\0\2", response=response) for response in ("a", "a", "b", "b", "a")]

    events = await between(send(*deltas))

    assert len(of(vw.AudioDelta, events)) == 5
    assert [event.error.kind for event in of(vw.ErrorEvent, events)] == ["bad_audio", "bad_audio"]


async def test_bad_base64_delivers_nothing_and_leaves_the_next_delta_intact() -> None:
    bad = {**audio_delta([1]), "delta": "AQACA!=="}

    events = await between(send(audio_delta([1]), bad, audio_delta([2])))

    assert [event.audio.tolist() for event in of(vw.AudioDelta, events)] == [[1], [2]]
    assert [event.error.kind for event in of(vw.ErrorEvent, events)] == ["bad_audio"]


async def test_an_unknown_event_is_no_error() -> None:
    events = await between(send({"type": "response.future.thing", "x": {"y": 1}}))

    assert [event.raw for event in events if event.type == "response.future.thing"] == [
        {"type": "response.future.thing", "x": {"y": 1}}
    ]
    assert not of(vw.ErrorEvent, events)


async def test_many_malformed_messages_are_told_each_by_itself() -> None:
    events = await between(*(send_text(f"{{broken {number}") for number in range(50)))

    assert [event.error.excerpt for event in of(vw.ErrorEvent, events)] == [
        f"{{broken {number}" for number in range(50)
    ]


async def test_an_excerpt_is_escaped_cut_and_without_secrets() -> None:
    text = f"\x00\n\x1b[31m {SECRET} " + "x" * 10_000

    told = of(vw.ErrorEvent, await between(send_text(text)))[0]

    assert told.error.excerpt.isprintable()
    assert SECRET not in f"{told.error.excerpt} {told.error} {told!r}"
    assert 3000 < len(told.error.excerpt) <= 4096


@pytest.mark.parametrize("room", [1, 5, 12, len(SECRET) - 1])
async def test_a_secret_that_the_cut_of_the_excerpt_goes_through_is_not_shown_in_part(room: int) -> None:
    text = "x" * (4096 - room) + SECRET

    told = of(vw.ErrorEvent, await between(send_text(text)))[0]

    assert told.error.excerpt.startswith("x" * 4000)
    assert SECRET[:12] not in told.error.excerpt


async def test_json_in_binary_messages_is_read() -> None:
    events = await between(send_frame(BINARY, json.dumps(audio_delta([1, 2])).encode()))

    assert of(vw.AudioDelta, events)[0].audio.tolist() == [1, 2]


async def test_binary_messages_that_are_no_text_are_a_bad_message() -> None:
    events = await between(send_frame(BINARY, b"\xff\xfe\x00"))

    assert [event.error.kind for event in of(vw.ErrorEvent, events)] == ["bad_message"]


async def test_a_wrong_field_that_nothing_depends_on_is_passed_through() -> None:
    odd = {**text_delta("x"), "response_id": 7, "item_id": None, "output_index": "zero", "content_index": {}}

    async with Peer(send(CREATED, odd)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        event = (await until_that(aiter(client), lambda e: e.type in ("text", "error")))[-1]

    assert (event.type, event.text, event.response_id, event.item_id) == ("text", "x", None, None)
    assert event.raw == odd


@pytest.mark.parametrize(
    "bare",
    [
        {"type": "response.done"},
        {"type": "response.done", "response": None},
        {"type": "response.done", "response": {"status_details": "unimplemented", "usage": "none"}},
    ],
    ids=str,
)
async def test_a_response_done_without_its_fields_still_ends_the_turn(bare: dict[str, Any]) -> None:
    async with Peer(send(CREATED, bare)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        complete = (await until(aiter(client), vw.TurnComplete))[-1]

    assert (complete.status, complete.response_id, complete.usage) == ("completed", None, None)


async def test_lone_surrogates_in_json_do_not_end_the_session() -> None:
    events = await between(send_text('{"type":"odd","x":"\\ud800"}'))

    assert [event.type for event in events if event.type in ("odd", "error")] != []


async def test_the_greeting_may_be_malformed_before_it_is_right() -> None:
    async with Peer(send_text("{broken"), send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        events = await soon(until(aiter(client), vw.Open))

    assert client.session_id == "sess_1"
    assert [event.type for event in events] == ["error", "open"]
