"""What every event carries: type, raw, ids, time, match patterns; and the contract of audio arrays."""

import gc
import sys
import time
import weakref
from typing import Any

import numpy as np
import pytest
from tests.integration.listening import of, soon, until, until_that
from tests.integration.peer import Peer, send, send_text
from tests.integration.wire import CREATED, audio_delta, response_created, response_done, speech_started, text_delta

import voicewire as vw
from voicewire.events import KINDS

MATCH_ARGS = {
    "open": (),
    "audio": ("audio", "sample_rate", "item_id", "response_id", "content_index"),
    "text": ("text",),
    "transcript": ("text",),
    "thought": ("text",),
    "input_transcript": ("text", "final", "item_id"),
    "interrupted": ("item_id", "heard_ms"),
    "turn_complete": ("status", "response_id", "usage", "final"),
    "tool_call": ("call_id", "name", "arguments"),
    "tool_call_cancelled": ("call_ids",),
    "usage": ("usage",),
    "session_expiring": ("time_left",),
    "reconnected": ("restored", "gap_ms", "audio_lost_ms"),
    "input_committed": ("item_id",),
    "config_mismatch": ("fields",),
    "error": ("error", "fatal"),
    "close": ("code", "reason", "clean"),
    "server": ("type", "raw"),
}


async def received(*events: dict[str, Any], kind: type[vw.Event]) -> list[Any]:
    """What a client makes of these events, up to the first of a kind."""
    async with Peer(send(CREATED, *events)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        return await until(aiter(client), kind)


@pytest.mark.parametrize("name", MATCH_ARGS)
def test_match_args_are_those_of_the_design(name: str) -> None:
    assert KINDS[name].__match_args__ == MATCH_ARGS[name]


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_class_is_an_event_and_public(kind: type[vw.Event]) -> None:
    assert issubclass(kind, vw.Event)
    assert getattr(vw, kind.__name__) is kind


async def test_events_match_by_position_and_keyword() -> None:
    events = await received(
        speech_started(40, "item_u"),
        response_created("resp_1"),
        text_delta("Hi", response="resp_1", item="item_1"),
        audio_delta([1, 2]),
        {"type": "brand.new", "x": 1},
        response_done(usage={"total_tokens": 3, "input_tokens": 1, "output_tokens": 2}),
        kind=vw.TurnComplete,
    )

    told: list[Any] = []
    for event in events:
        match event:
            case vw.Open():
                told.append("open")
            case vw.SpeechStarted(item):
                told.append(item)
            case vw.ResponseStarted(response):
                told.append(response)
            case vw.TextDelta(text, item_id=item):
                told.append((text, item))
            case vw.AudioDelta(audio, rate, item, response, index):
                told.append((audio.tolist(), rate, item, response, index))
            case vw.ServerEvent(type, raw):
                told.append((type, raw["x"]))
            case vw.UsageReported(usage):
                told.append(usage.total_tokens)
            case vw.TurnComplete(status, response, vw.Usage(total_tokens=total), final):
                told.append((status, response, total, final))
    assert told == [
        "open",
        "item_u",
        "resp_1",
        ("Hi", "item_1"),
        ([1, 2], 24_000, "item_1", "resp_1", 0),
        ("brand.new", 1),
        3,
        ("completed", "resp_1", 3, True),
    ]


async def test_raw_is_the_json_that_was_sent() -> None:
    odd = {**text_delta('Grüße "\\\n\u2028🎈\u0001'), "extra": {"nested": [1, 2.5, None, True, {"a": []}]}}
    sent = [speech_started(1), odd, audio_delta([1, 2, 3]), response_created(), response_done()]

    events = await received(*sent, kind=vw.TurnComplete)

    assert [event.raw for event in events] == [CREATED, *sent]
    assert events[2].text == odd["delta"]


async def test_raw_is_parsed_once() -> None:
    event = (await received(text_delta("Hi"), kind=vw.TextDelta))[-1]

    assert event.raw is event.raw


async def test_wire_type_and_event_id_are_the_providers() -> None:
    events = await received(text_delta("Hi"), audio_delta([1]), {"type": "brand.new"}, kind=vw.ServerEvent)

    assert [(event.type, event.wire_type, event.event_id) for event in events] == [
        ("open", "session.created", "event_created"),
        ("text", "response.output_text.delta", "event_delta"),
        ("audio", "response.output_audio.delta", "event_delta"),
        ("brand.new", "brand.new", None),
    ]


async def test_an_unknown_event_is_delivered_with_all_it_has() -> None:
    event = (
        await received({"type": "brand.new", "a": {"b": [1]}, "item_id": "i", "response_id": "r"}, kind=vw.ServerEvent)
    )[-1]

    assert event["a"] == {"b": [1]}
    assert "a" in event
    assert "z" not in event
    assert event.get("z", 7) == 7
    assert (event.item_id, event.response_id) == ("i", "r")
    with pytest.raises(KeyError):
        event["z"]


async def test_events_that_we_make_have_no_raw_and_no_wire_type() -> None:
    async with Peer(send(CREATED)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        events = aiter(client)
        await soon(client.disconnect())
        closed = (await until(events, vw.Closed))[-1]

    assert (closed.raw, closed.wire_type, closed.event_id) == (None, None, None)


async def test_received_at_is_on_the_clock_of_time_monotonic() -> None:
    before = time.monotonic()
    events = await received(text_delta("A"), text_delta("B"), audio_delta([1]), kind=vw.AudioDelta)
    after = time.monotonic()

    stamps = [event.received_at for event in events]
    assert stamps == sorted(stamps)
    assert before <= stamps[0]
    assert stamps[-1] <= after


async def test_fields_of_events_are_frozen() -> None:
    event = (await received(text_delta("A"), kind=vw.TextDelta))[-1]

    with pytest.raises(AttributeError):
        event.text = "B"


async def test_ids_that_the_server_does_not_send_are_none() -> None:
    bare = {"type": "response.output_audio.delta", "delta": audio_delta([5])["delta"]}

    event = (await received(bare, kind=vw.AudioDelta))[-1]

    assert event.audio.tolist() == [5]
    assert (event.item_id, event.response_id, event.content_index, event.event_id) == (None, None, None, None)


async def test_an_audio_array_is_plain_owned_and_writeable() -> None:
    event = (await received(audio_delta(range(1000)), kind=vw.AudioDelta))[-1]
    audio = event.audio

    assert (audio.dtype, audio.ndim, audio.shape) == (np.dtype(np.int16), 1, (1000,))
    assert audio.dtype.isnative
    assert audio.flags.c_contiguous
    assert audio.flags.writeable
    assert audio.flags.aligned
    assert type(audio) is np.ndarray


async def test_an_audio_array_is_the_same_at_each_access_and_keeps_what_is_written() -> None:
    event = (await received(audio_delta([1, 2, 3]), kind=vw.AudioDelta))[-1]

    event.audio[0] = 99

    assert event.audio is event.audio
    assert event.audio.tolist() == [99, 2, 3]


async def test_audio_outlives_its_event_and_nobody_else_holds_it() -> None:
    events = await received(audio_delta([1, 2, 3]), audio_delta([4, 5, 6]), text_delta("x"), kind=vw.TextDelta)
    first, second = (event.audio for event in of(vw.AudioDelta, events))
    del events
    gc.collect()

    first[:] = 0

    assert second.tolist() == [4, 5, 6]
    assert not np.shares_memory(first, second)
    assert sys.getrefcount(first) == 2
    died = weakref.ref(first)
    del first
    assert died() is None


async def test_iterators_and_handlers_see_one_and_the_same_event() -> None:
    seen: list[Any] = []
    actions = (send(CREATED), lambda connection: connection.expect("go"), send(audio_delta([1])))
    async with Peer(*actions) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        client.on(vw.AudioDelta, seen.append)
        one, two = client.events(vw.AudioDelta), client.events(vw.AudioDelta)
        client.realtime.send("go")
        first, second = await soon(anext(one)), await soon(anext(two))

    assert first.audio is second.audio is seen[0].audio


async def test_an_empty_delta_is_an_empty_array() -> None:
    event = (await received(audio_delta([]), kind=vw.AudioDelta))[-1]

    assert event.audio.shape == (0,)
    assert event.audio.flags.writeable


@pytest.mark.parametrize(
    "text",
    [
        '{ "delta" : "AQACAA==" , "type" : "response.output_audio.delta" }',
        '{"type":"response.audio.delta","delta":"AQACAA=="}',
        '{"type":"response.output_audio.delta","delta":"AQ\\u0041CAA=="}',
        '\n\t{"x":[1,{"delta":"no"}],"type":"response.output_audio.delta","delta":"AQACAA=="}\n',
        '{"type":"response.output_\\u0061udio.delta","delta":"AQACAA=="}',
    ],
    ids=["spaced", "beta", "escaped base64", "nested decoy", "escaped type"],
)
async def test_audio_is_found_however_the_json_is_written(text: str) -> None:
    async with Peer(send(CREATED), send_text(text)) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        events = await until_that(aiter(client), lambda event: event.type in ("audio", "error"))

    assert events[-1].audio.tolist() == [1, 2]
