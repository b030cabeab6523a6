"""Events of the blocking client: loops that wait, iterators with a timeout, waiting for one event."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from tests.integration.peer import close, expect, send
from tests.integration.sync_peer import Aside, peer_away, until, until_somebody_listens, waiting_for
from tests.integration.wire import CREATED, audio_delta, response_created, response_done, text_delta

import voicewire as vw

GO = expect("go")
DELTAS = 400


@pytest.fixture
def client(simulator: vw.Simulator) -> vw.SyncRealtimeClient:
    """A client of the simulator, not connected."""
    return vw.SyncRealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test")


def types(events: Any) -> list[str]:
    return [event.type for event in events]


def test_a_loop_has_everything_from_connect_to_closed() -> None:
    early = send(CREATED, response_created(), text_delta("A"), response_done())
    with peer_away(early, GO, close()) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        client.realtime.send("go")

        assert types(client) == ["open", "response_started", "text", "turn_complete", "close"]
        assert types(client) == []


def test_a_loop_may_be_left_and_taken_up_again(client: vw.SyncRealtimeClient) -> None:
    with client:
        client.send_text("Hello.")
        first = until(iter(client), vw.ResponseStarted)
        second = until(iter(client), vw.TurnComplete)

    assert types(first)[0] == "open"
    assert not {"open", "response_started"} & set(types(second))


def test_a_loop_over_an_idle_client_is_an_error(client: vw.SyncRealtimeClient) -> None:
    with pytest.raises(vw.ConnectionClosed, match="idle"):
        iter(client)


def test_iterators_are_independent_and_filter() -> None:
    actions = (send(CREATED), GO, send(text_delta("A"), audio_delta([1]), text_delta("B"), response_done()))
    with peer_away(*actions) as peer:
        with vw.SyncRealtimeClient("m", url=peer.url) as client:
            texts, both = client.events(vw.TextDelta), client.events("audio", vw.TextDelta)
            client.realtime.send("go")
            until(iter(client), vw.TurnComplete)

        assert [event.text for event in texts if isinstance(event, vw.TextDelta)] == ["A", "B"]
        assert types(both) == ["text", "audio", "text"]


def test_an_iterator_made_before_connect_collects_from_there(client: vw.SyncRealtimeClient) -> None:
    events = client.events()

    with client:
        pass

    assert types(events) == ["open", "close"]


def test_what_is_no_event_class_cannot_be_filtered_for(client: vw.SyncRealtimeClient) -> None:
    with pytest.raises(vw.ConfigError, match="event"):
        client.events(int)  # type: ignore[arg-type]


def test_next_times_out_and_loses_nothing() -> None:
    with (
        peer_away(send(CREATED), GO, send(text_delta("A"), text_delta("B"))) as peer,
        vw.SyncRealtimeClient("m", url=peer.url) as client,
    ):
        texts = client.events(vw.TextDelta)
        for _ in range(5):
            with pytest.raises(TimeoutError, match="no event within"):
                texts.next(timeout=0.01)
        client.realtime.send("go")

        assert [event.text for event in (texts.next(10), texts.next(10)) if isinstance(event, vw.TextDelta)] == [
            "A",
            "B",
        ]


def test_next_behind_the_end_raises(client: vw.SyncRealtimeClient) -> None:
    with client:
        events = client.events(vw.Closed)

    assert events.next(timeout=10).type == "close"
    with pytest.raises(vw.ConnectionClosed, match="ended"):
        events.next(timeout=10)
    with pytest.raises(StopIteration):
        next(events)


def test_a_loop_that_waits_ends_when_another_thread_disconnects() -> None:
    with peer_away(send(CREATED)) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url).connect()
        with Aside(lambda: types(client)) as loop:
            client.disconnect()

    assert loop.result == ["open", "close"]


def test_a_loop_that_waits_before_connect_goes_on_with_the_session(client: vw.SyncRealtimeClient) -> None:
    events = client.events()
    with Aside(lambda: types(events)) as loop, client:
        client.flush(timeout=10)

    assert loop.result == ["open", "close"]


def test_threads_share_an_iterator() -> None:
    texts = send(*(text_delta(str(number)) for number in range(100)))
    with peer_away(send(CREATED), GO, texts, close()) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        events = client.events(vw.TextDelta)

        def take() -> list[int]:
            return [int(event.text) for event in events if isinstance(event, vw.TextDelta)]

        with Aside(take) as first, Aside(take) as second:
            client.realtime.send("go")

    assert first.result == sorted(first.result)
    assert second.result == sorted(second.result)
    assert sorted(first.result + second.result) == list(range(100))


def test_an_iterator_that_nobody_started_keeps_the_newest_mebibyte_and_counts() -> None:
    deltas = [audio_delta(np.full(12_000, number, np.int16)) for number in range(200)]
    with peer_away(send(CREATED), GO, send(*deltas, response_done())) as peer:
        with vw.SyncRealtimeClient("m", url=peer.url) as client, waiting_for(client, vw.TurnComplete):
            client.realtime.send("go")
        events = iter(client)
        kept = [event for event in events if isinstance(event, vw.AudioDelta)]

    assert 15 <= len(kept) <= 45  # 24,000 bytes of samples and 32,000 of message each
    assert events.dropped == 1 + 200 - len(kept)


def test_a_loop_that_stands_still_makes_the_socket_wait_and_loses_nothing() -> None:
    deltas = [audio_delta(np.full(12_000, number, np.int16)) for number in range(DELTAS)]
    limits = vw.Limits(inbox_bytes=1 << 20)
    with (
        peer_away(send(CREATED), GO, send(*deltas, response_done())) as peer,
        vw.SyncRealtimeClient("m", url=peer.url, limits=limits) as client,
    ):
        events = iter(client)
        until(events, vw.Open)
        client.realtime.send("go")
        peer.is_stuck()
        held = client.stats()["inbox_bytes"]
        taken = until(events, vw.TurnComplete)
        paused = client.stats()["read_paused_ms"]

    assert [int(event.audio[0]) for event in taken[:-1]] == list(range(DELTAS))
    assert held < 3 << 20
    assert paused > 0


def test_waiting_for_an_event_returns_it(client: vw.SyncRealtimeClient) -> None:
    with client:
        with waiting_for(client, "response.done") as waiting:
            client.send_text("Hello.")

        assert waiting.result.type == "response.done"


def test_waiting_takes_the_first_that_fits_the_predicate() -> None:
    texts = send(text_delta("A"), text_delta("B"))
    with peer_away(send(CREATED), GO, texts) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        with waiting_for(client, vw.TextDelta, predicate=lambda event: event.text == "B") as waiting:
            client.realtime.send("go")

        assert waiting.result.text == "B"


def test_a_predicate_that_raises_ends_the_wait() -> None:
    text = send(text_delta("A"))
    with peer_away(send(CREATED), GO, text) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        with pytest.raises(ZeroDivisionError), waiting_for(client, "text", predicate=lambda event: 1 / 0):
            client.realtime.send("go")

        assert client.connected


def test_waiting_times_out_and_leaves_no_handler_behind() -> None:
    with peer_away(send(CREATED)) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        with pytest.raises(TimeoutError):
            client.wait_for("text", timeout=0.01)

        assert client._client._registered == []


def test_waiting_ends_with_connection_closed_when_the_session_does() -> None:
    with peer_away(send(CREATED), GO, close()) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        client.realtime.send("go")
        with pytest.raises(vw.ConnectionClosed):
            client.wait_for("text", timeout=10)
        with pytest.raises(vw.ConnectionClosed):
            client.wait_for("text", timeout=10)


def test_waiting_may_begin_before_connect(client: vw.SyncRealtimeClient) -> None:
    with waiting_for(client, "open") as waiting, client:
        assert waiting.join().type == "open"


def test_waiting_for_the_session_needs_one_that_begins(client: vw.SyncRealtimeClient) -> None:
    with pytest.raises(vw.ConnectionClosed, match="idle"):
        client.wait_for_session_created(timeout=10)
    with client:
        assert client.wait_for_session_created(timeout=10)


def test_waiting_for_the_session_waits_while_it_begins() -> None:
    gate = threading.Event()
    with peer_away(lambda _: asyncio.to_thread(gate.wait, 10), send(CREATED)) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url)
        with Aside(client.connect):
            peer.arrived()
            with Aside(lambda: client.wait_for_session_created(timeout=10)) as waiting:
                until_somebody_listens(client)
                gate.set()
        client.disconnect()

    assert waiting.result is True


def test_items_are_waited_for(client: vw.SyncRealtimeClient) -> None:
    with client:
        with Aside(lambda: client.wait_for_next_completed_item(timeout=10)) as completed:
            until_somebody_listens(client)
            client.send_text("Hello.", respond=False)
        with Aside(lambda: client.wait_for_next_item(timeout=10)) as appended:
            until_somebody_listens(client)
            client.send_text("Again.", respond=False)

    assert (completed.result.text, appended.result.text) == ("Hello.", "Again.")


def test_an_iterator_works_inside_a_running_event_loop() -> None:
    async def use(url: str) -> list[str]:
        with vw.SyncRealtimeClient("m", url=url) as client:
            client.realtime.send("go")
            seen = types(client)
            await asyncio.sleep(0)
            return seen

    with peer_away(send(CREATED), GO, send(text_delta("A")), close()) as peer:
        assert asyncio.run(use(peer.url), debug=True) == ["open", "text", "close"]
