"""Connections that break: how the session ends, what the peer sees, and that what came before is delivered."""

import struct
from typing import Any

import pytest
from tests.integration.listening import of, rest, soon
from tests.integration.peer import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Action,
    Connection,
    Peer,
    abort,
    close,
    hang_up,
    send,
    send_frame,
    send_text,
)
from tests.integration.wire import CREATED, audio_delta, response_created, text_delta

import voicewire as vw

CAP = 16 * 1024 * 1024


async def ended_by(*actions: Action, **options: Any) -> tuple[list[Any], Connection]:
    """All events of a session that this ends in the middle of a reply, and the peer's side of it."""
    before = send(CREATED, response_created(), text_delta("before"), audio_delta([1, 2]))
    async with Peer(before, *actions) as peer:
        client = await vw.RealtimeClient("m", url=peer.url, reconnect=None, **options).connect()
        events = await rest(aiter(client))
        connection = await peer.connection()
        await soon(connection.gone.wait())
    assert client.state == "closed"
    assert [event.type for event in events[:4]] == ["open", "response_started", "text", "audio"]
    assert isinstance(events[-1], vw.Closed)
    assert len(of(vw.Closed, events)) == 1
    with pytest.raises(vw.ConnectionClosed):
        client.send_text("Hello?")
    return events, connection


@pytest.mark.parametrize("end", [abort(), hang_up()], ids=["reset", "end of stream"])
async def test_a_server_gone_mid_reply_closes_with_1006_and_not_cleanly(end: Action) -> None:
    events, _ = await ended_by(end)

    assert (events[-1].code, events[-1].clean) == (1006, False)
    assert not of(vw.TurnComplete, events)


async def test_a_server_gone_mid_message_closes_with_1006() -> None:
    async def half(connection: Connection) -> None:
        await connection.send_bytes(struct.pack(">BBH", 0x81, 126, 5000) + b'{"type":"never whole')
        connection.writer.close()

    events, _ = await ended_by(half)

    assert (events[-1].code, events[-1].clean) == (1006, False)
    assert not of(vw.ErrorEvent, events)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, ""), (1001, "Your session hit the maximum duration of 60 minutes."), (1011, "oops"), (4000, "x" * 123)],
)
async def test_a_server_that_says_goodbye_closes_cleanly_with_its_words(code: int, reason: str) -> None:
    events, connection = await ended_by(close(code, reason))

    assert (events[-1].code, events[-1].reason, events[-1].clean) == (code, reason, True)
    assert connection.close_code == code
    assert not of(vw.ErrorEvent, events)


async def test_an_empty_close_frame_is_1005() -> None:
    events, _ = await ended_by(close(None))

    assert (events[-1].code, events[-1].reason) == (1005, "")


async def test_an_expired_session_is_a_fatal_error_and_the_servers_code(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "session_expired", "after_events": 1}]

    async with vw.RealtimeClient("m", url=simulator.url, reconnect=None) as client:
        events = await rest(aiter(client))

    told = of(vw.ErrorEvent, events)
    assert [(type(event.error), event.fatal) for event in told] == [(vw.SessionExpired, True)]
    assert events.index(told[0]) == len(events) - 2
    assert events[-1].code == 1001


async def test_a_message_over_the_cap_is_fatal_and_the_peer_sees_1009() -> None:
    events, connection = await ended_by(send_text(b'{"type":"big","x":"' + b"x" * (CAP + 1 - 21) + b'"}'))

    told = of(vw.ErrorEvent, events)
    assert [(type(event.error), event.error.kind, event.fatal) for event in told] == [
        (vw.ProtocolError, "bad_message", True)
    ]
    assert str(CAP) in str(told[0].error)
    assert (events[-1].code, events[-1].clean) == (1009, False)
    assert connection.close_code == 1009


async def test_a_message_in_fragments_over_the_cap_is_fatal_as_well() -> None:
    events, connection = await ended_by(
        send_frame(TEXT, b"x" * 3000, fin=False), send_frame(0, b"x" * 3000), limits=vw.Limits(max_message_bytes=4096)
    )

    assert of(vw.ErrorEvent, events)[0].fatal
    assert (events[-1].code, connection.close_code) == (1009, 1009)


async def test_a_message_of_exactly_the_cap_passes() -> None:
    text = b'{"type":"big","x":"' + b"x" * (CAP - 21) + b'"}'
    assert len(text) == CAP

    events, _ = await ended_by(send_text(text), close(1000))

    assert [len(event["x"]) for event in events if event.type == "big"] == [CAP - 21]
    assert not of(vw.ErrorEvent, events)


async def test_a_message_in_fragments_with_a_ping_between_is_put_together() -> None:
    pieces = (
        send_frame(TEXT, b'{"type":"frag', fin=False),
        send_frame(PING, b"p"),
        send_frame(0, b"mented\xc3", fin=False),
        send_frame(0, b'\xa4"}'),
    )

    events, _ = await ended_by(*pieces, close(1000))

    assert "fragmentedä" in [event.type for event in events]


@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"type":"a\xc3"}', b"\xed\xa0\x80", b"\xc0\xaf"], ids=repr)
async def test_bad_utf_8_is_fatal_and_the_peer_sees_1007(payload: bytes) -> None:
    events, connection = await ended_by(send_text(payload))

    told = of(vw.ErrorEvent, events)
    assert [(type(event.error), event.error.kind) for event in told] == [(vw.ProtocolError, "bad_message")]
    assert (events[-1].code, events[-1].clean) == (1007, False)
    assert connection.close_code == 1007


@pytest.mark.parametrize(
    "frame",
    [
        send_frame(TEXT, b"{}", reserved=4),
        send_frame(TEXT, b"{}", reserved=2),
        send_frame(TEXT, b"{}", reserved=1),
        send_frame(3, b"{}"),
        send_frame(11, b""),
        send_frame(PING, b"x" * 126),
        send_frame(PING, b"x", fin=False),
        send_frame(0, b"x"),
        send_frame(CLOSE, b"\x03"),
        send_frame(CLOSE, struct.pack(">H", 999)),
        send_frame(CLOSE, struct.pack(">H", 1005)),
    ],
    ids=[
        "rsv1",
        "rsv2",
        "rsv3",
        "reserved opcode",
        "reserved control opcode",
        "long ping",
        "fragmented ping",
        "continuation of nothing",
        "close of one byte",
        "close 999",
        "close 1005",
    ],
)
async def test_a_broken_frame_is_fatal_and_the_peer_sees_1002(frame: Action) -> None:
    events, connection = await ended_by(frame)

    told = of(vw.ErrorEvent, events)
    assert [(type(event.error), event.error.kind, event.fatal) for event in told] == [
        (vw.ProtocolError, "bad_message", True)
    ]
    assert (events[-1].code, events[-1].clean) == (1002, False)
    assert connection.close_code == 1002


async def test_a_masked_frame_from_the_server_is_a_protocol_error() -> None:
    events, connection = await ended_by(lambda peer: peer.send_bytes(b"\x81\x82\0\0\0\0{}"))

    assert of(vw.ErrorEvent, events)[0].error.kind == "bad_message"
    assert connection.close_code == 1002


async def test_pongs_that_nobody_asked_for_are_ignored() -> None:
    events, _ = await ended_by(send_frame(PONG, b"unasked"), send(text_delta("after")), close(1000))

    assert [event.text for event in of(vw.TextDelta, events)] == ["before", "after"]


async def test_frames_behind_the_close_frame_are_ignored() -> None:
    events, _ = await ended_by(close(1000), send(text_delta("too late")))

    assert [event.text for event in of(vw.TextDelta, events)] == ["before"]


async def test_a_server_that_falls_silent_is_given_up_after_the_ping_timeout(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "half_open", "after_events": 1}]
    timeouts = vw.Timeouts(ping_interval=0.1, ping_timeout=0.3)

    client = await vw.RealtimeClient("m", url=simulator.url, timeouts=timeouts, reconnect=None).connect()
    events = await rest(aiter(client))

    assert (events[-1].code, events[-1].clean) == (1006, False)


async def test_a_stalled_server_that_answers_pings_is_not_given_up(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "stall", "after_events": 1}]
    timeouts = vw.Timeouts(ping_interval=0.05, ping_timeout=0.2, ack=0.6)

    async with vw.RealtimeClient("m", url=simulator.url, timeouts=timeouts) as client:
        with pytest.raises(vw.AckTimeout):
            await soon(client.clear_audio())
        assert client.connected


async def test_an_open_receipt_of_a_broken_session_ends_with_its_code() -> None:
    async with Peer(send(CREATED), lambda c: c.expect("response.create"), abort()) as peer:
        client = await vw.RealtimeClient("m", url=peer.url, reconnect=None).connect()
        with pytest.raises(vw.ConnectionClosed) as caught:
            await soon(client.send_text("Hello."))

    assert caught.value.code == 1006
