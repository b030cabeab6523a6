"""The blocking client: the names of the async one, and calls that wait."""

import asyncio
import inspect
import threading
from typing import Any

import numpy as np
import pytest
from tests.integration.peer import never, send
from tests.integration.sync_peer import Aside, dispatch_threads, error_of, peer_away
from tests.integration.wire import CREATED

import voicewire as vw

NAMES = [name for name in dir(vw.RealtimeClient) if not name.startswith("_")]


@pytest.fixture
def client(simulator: vw.Simulator) -> vw.SyncRealtimeClient:
    """A client of the simulator, not connected."""
    return vw.SyncRealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test")


def shape(member: Any) -> Any:
    """What a caller has to know of a member: that it is a property, or its arguments."""
    if isinstance(member, property):
        return "property"
    return [(one.name, one.kind, one.default) for one in inspect.signature(member).parameters.values()]


@pytest.mark.parametrize("name", [*NAMES, "__init__"])
def test_every_name_of_the_async_client_is_there_with_its_arguments(name: str) -> None:
    ours = getattr(vw.SyncRealtimeClient, name)

    assert shape(ours) == shape(getattr(vw.RealtimeClient, name))
    assert ours.__doc__ or name == "__init__"
    assert not inspect.iscoroutinefunction(ours)


@pytest.mark.parametrize("name", ["send", "on", "off"])
def test_the_raw_wire_has_the_same_names_too(client: vw.SyncRealtimeClient, name: str) -> None:
    other = vw.RealtimeClient("sim/demo")

    assert shape(getattr(client.realtime, name)) == shape(getattr(other.realtime, name))


def test_commands_say_that_they_return_a_receipt_to_wait_for() -> None:
    assert inspect.signature(vw.SyncRealtimeClient.send_text).return_annotation == "SyncReceipt"
    assert inspect.signature(vw.SyncRealtimeClient.ask).return_annotation == "Reply"


def test_a_wrong_option_is_refused_at_construction() -> None:
    with pytest.raises(vw.ConfigError, match="instrctions"):
        vw.SyncRealtimeClient("sim/demo", instrctions="Be brief.")


def test_nothing_runs_before_connect_nor_after_disconnect(client: vw.SyncRealtimeClient) -> None:
    before = len(dispatch_threads())
    client.connect()
    during = len(dispatch_threads())
    client.disconnect()

    assert (before, during, len(dispatch_threads())) == (0, 1, 0)


def test_the_thread_is_a_daemon_with_a_name(client: vw.SyncRealtimeClient) -> None:
    with client:
        assert [(thread.name, thread.daemon) for thread in dispatch_threads()] == [("voicewire-dispatch", True)]


def test_entering_connects_and_leaving_disconnects(client: vw.SyncRealtimeClient) -> None:
    states = [client.state]
    with client as entered:
        assert entered is client
        assert client.connected
        assert client.is_connected()
        states.append(client.get_state())

    assert [*states, client.state] == ["idle", "open", "closed"]
    assert not client.connected


def test_leaving_by_an_exception_disconnects_and_lets_it_through(client: vw.SyncRealtimeClient) -> None:
    with pytest.raises(KeyError, match="mine"), client:
        raise KeyError("mine")

    assert client.state == "closed"


def test_a_client_can_connect_again(client: vw.SyncRealtimeClient) -> None:
    ids = []
    for _ in range(3):
        with client:
            ids.append(client.session_id)

    assert len(set(ids)) == 3
    assert dispatch_threads() == []


def test_connect_merges_its_options(client: vw.SyncRealtimeClient, simulator: vw.Simulator) -> None:
    client.connect("sk-other", instructions="Be brief.")
    client.disconnect()

    simulator.assert_sent("session.update", session={"instructions": "Be brief."})


def test_connecting_while_open_is_an_error_and_harmless(client: vw.SyncRealtimeClient) -> None:
    with client:
        with pytest.raises(vw.VoicewireError, match="open"):
            client.connect()

        assert client.ping(timeout=5)


def test_a_failed_connect_raises_and_leaves_no_thread(simulator: vw.Simulator) -> None:
    simulator.faults = [{"kind": "http", "code": 503, "connection": 0}]
    client = vw.SyncRealtimeClient("m", url=simulator.url, api_key="k")

    with pytest.raises(vw.ConnectError):
        client.connect()

    assert client.state == "closed"
    client.disconnect()
    assert dispatch_threads() == []
    with client:
        assert client.connected


def test_a_connect_with_wrong_options_raises_and_leaves_no_thread(client: vw.SyncRealtimeClient) -> None:
    with pytest.raises(vw.ConfigError):
        client.connect(voice=7)

    client.disconnect()
    assert dispatch_threads() == []


def test_disconnecting_during_connect_ends_it_in_the_other_thread() -> None:
    with peer_away(upgrade=never()) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url)
        with Aside(lambda: error_of(client.connect)) as connecting:
            peer.arrived()
            assert client.state == "connecting"
            client.disconnect()
        peer.has_gone()

    assert isinstance(connecting.result, vw.ConnectionClosed)
    assert client.state == "closed"
    assert dispatch_threads() == []


def test_disconnecting_is_idempotent_in_any_state(client: vw.SyncRealtimeClient) -> None:
    receipts = [client.disconnect()]
    client.connect()
    receipts += [client.disconnect(), client.disconnect()]

    assert [(receipt.done(), receipt.result(timeout=0)) for receipt in receipts] == [(True, None)] * 3


def test_a_receipt_gives_the_answer(client: vw.SyncRealtimeClient) -> None:
    with client:
        receipt = client.send_text("Hello.", respond=False)
        answer = receipt.result(timeout=10)

        assert answer.type == "conversation.item.added"
        assert receipt.done()
        assert receipt.event_id is not None
        assert receipt.ignored == ()
        assert receipt.exception() is None
        assert repr(receipt) == f"<SyncReceipt {receipt.event_id} done>"


def test_a_refused_command_raises_at_its_receipt(client: vw.SyncRealtimeClient) -> None:
    with client:
        receipt = client.retrieve_item("item_unknown")

        with pytest.raises(vw.CommandRejected):
            receipt.result(timeout=10)
        assert isinstance(receipt.exception(timeout=10), vw.CommandRejected)


def test_a_receipt_times_out_and_can_be_waited_for_again() -> None:
    with peer_away(send(CREATED)) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        receipt = client.send_text("Hello.")
        for _ in range(3):
            with pytest.raises(TimeoutError, match="no answer within"):
                receipt.result(timeout=0.01)
        assert not receipt.done()
        client.disconnect()

        with pytest.raises(vw.ConnectionClosed):
            receipt.result()


def test_several_threads_wait_for_one_receipt(client: vw.SyncRealtimeClient) -> None:
    with client:
        receipt = client.send_text("Hello.", respond=False)
        with Aside(receipt.result) as first, Aside(receipt.result) as second:
            assert first.join() is second.join() is receipt.result()


def test_commands_before_connect_are_sent_then(client: vw.SyncRealtimeClient) -> None:
    receipt = client.send_text("Hello.", respond=False)
    with pytest.raises(TimeoutError):
        receipt.result(timeout=0)

    with client:
        assert receipt.result(timeout=10).type == "conversation.item.added"


def test_asking_waits_for_the_whole_answer(client: vw.SyncRealtimeClient) -> None:
    with client:
        reply = client.ask("Hello.", timeout=10)

        assert reply.status == "completed"
        assert reply.text
        assert len(reply.audio) > 0
        assert client.usage.total_tokens > 0
        assert client.cost({"input_text": 4, "output_text": 16, "input_audio": 32, "output_audio": 64}) > 0
        assert len(client.conversation.items) == 2
        assert client.stats()["messages_in"] > 10


def test_asking_for_too_long_raises_and_the_session_goes_on() -> None:
    with peer_away(send(CREATED)) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        with pytest.raises(TimeoutError):
            client.ask("Hello.", timeout=0.05)

        assert client.ping(timeout=5)


def test_asking_without_a_session_is_an_error(client: vw.SyncRealtimeClient) -> None:
    with pytest.raises(vw.ConnectionClosed, match="connect"):
        client.ask("Hello.")
    with pytest.raises(vw.ConnectionClosed):
        client.flush()
    assert not client.ping()
    assert dispatch_threads() == []


def test_asking_ends_when_the_session_does() -> None:
    with peer_away(send(CREATED)) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url).connect()
        with Aside(lambda: error_of(lambda: client.ask("Hello."))) as asking:
            peer.expect("conversation.item.create")
            client.disconnect()

    assert isinstance(asking.result, vw.ConnectionClosed)


def test_audio_is_sent_and_flushed(client: vw.SyncRealtimeClient, simulator: vw.Simulator) -> None:
    with client:
        client.send_audio(np.ones(24_000, np.int16))
        client.flush(timeout=10)

        assert client.stats()["outbox_bytes"] == 0


def test_a_file_is_streamed(client: vw.SyncRealtimeClient, simulator: vw.Simulator, tmp_path: Any) -> None:
    path = tmp_path / "speech.wav"
    vw.audio.write_wav(path, np.ones(4_800, np.int16), 24_000)

    with client:
        client.send_file(path)
        client.flush(timeout=10)

    assert sum(event["type"] == "input_audio_buffer.append" for event in simulator.received) >= 10
    with pytest.raises(OSError):
        client.connect().send_file(tmp_path / "none.wav")
    client.disconnect()


def test_the_raw_wire_sends_and_hears(client: vw.SyncRealtimeClient) -> None:
    heard: list[str] = []
    client.realtime.on("server.input_audio_buffer.cleared", lambda event: heard.append(event.type))

    with client:
        assert client.realtime.send("input_audio_buffer.clear").result(10).type == "input_audio_buffer.cleared"

    assert heard == ["input_audio_buffer.cleared"]


def test_a_changed_session_is_acknowledged(client: vw.SyncRealtimeClient) -> None:
    with client:
        assert client.update_session(instructions="Be brief.").result(timeout=10).type == "session.updated"
        assert client.session["instructions"] == "Be brief."
        assert client.update_config(turn_detection=None).result(timeout=10) is not None
        assert client.get_turn_detection_type() is None


def test_reset_goes_back_to_the_start(client: vw.SyncRealtimeClient) -> None:
    client.on("open", print)
    with client:
        client.ask("Hello.", timeout=10)
        assert client.reset().done()

    assert client.state == "closed"
    assert client.conversation.items == []
    assert client.usage.total_tokens == 0
    assert dispatch_threads() == []


def test_tools_answer_calls(simulator: vw.Simulator, client: vw.SyncRealtimeClient) -> None:
    simulator.script = [{"when": {"turn": 1}, "tools": [{"name": name, "arguments": {"number": 2}} for name in "fgh"]}]
    ran: dict[str, str] = {}

    @client.tool
    def f(number: int) -> int:
        ran["f"] = threading.current_thread().name
        return number * int(client.send_text("Aside.", respond=False).result(timeout=10) is not None)

    @client.tool(name="g")
    async def other(number: int) -> int:
        ran["g"] = threading.current_thread().name
        return 2 * number

    with client:
        client.add_tool({"name": "h", "parameters": {"type": "object"}}, lambda number: 3 * number).result(timeout=10)
        client.ask("Call them.", timeout=10)

    outputs = [event["item"] for event in simulator.received if event["type"] == "conversation.item.create"]
    found = sorted(item["output"] for item in outputs if item["type"] == "function_call_output")
    assert found == ["2", "4", "6"]
    assert ran == {"f": "voicewire-tool", "g": "voicewire-dispatch"}


def test_a_tool_knows_the_types_of_where_it_is_defined(client: vw.SyncRealtimeClient, simulator: vw.Simulator) -> None:
    Local = str  # noqa: N806 - stands for a class

    @client.tool()
    def look_up(place: "Local") -> str:
        return place

    with client:
        client.flush(timeout=10)

    sent = next(event for event in simulator.received if event["type"] == "session.update")
    assert sent["session"]["tools"][0]["parameters"]["properties"]["place"]["type"] == "string"


def test_a_tool_can_be_taken_away_and_answered_by_hand(simulator: vw.Simulator, client: vw.SyncRealtimeClient) -> None:
    simulator.script = [{"when": {"turn": 1}, "tools": [{"name": "end_call", "arguments": {}}]}]
    client.add_tool({"name": "end_call"})
    with client:
        calls = client.events(vw.ToolCall)
        client.send_text("Goodbye.")
        call: Any = calls.next(timeout=10)
        assert client.send_tool_response({"call_id": call.call_id, "output": "ended"}).result(timeout=10) is not None
        assert client.remove_tool("end_call").result(timeout=10) is not None


def test_a_tool_that_has_a_thread_may_end_the_session(simulator: vw.Simulator, client: vw.SyncRealtimeClient) -> None:
    simulator.script = [{"when": {"turn": 1}, "tools": [{"name": "end_call", "arguments": {}}]}]

    @client.tool
    def end_call() -> None:
        client.disconnect()

    client.connect()
    client.send_text("Goodbye.")

    assert [event.type for event in client][-1] == "close"
    client.disconnect()
    assert dispatch_threads() == []


def test_hooks_are_called(simulator: vw.Simulator) -> None:
    told: list[Any] = []
    hooks = vw.Hooks(on_open=lambda *names: told.append(names[:2]), on_close=lambda *code: told.append(code[0]))

    with vw.SyncRealtimeClient("openai/m", url=simulator.url, api_key="k", hooks=hooks):
        pass

    assert told == [("openai", "m"), 1000]


def test_a_client_works_inside_a_running_event_loop(simulator: vw.Simulator) -> None:
    async def use() -> list[str]:
        with vw.SyncRealtimeClient("m", url=simulator.url, api_key="k") as client:
            turns = client.events(vw.TurnComplete)
            client.send_text("Hello.")
            seen = [next(iter(client)).type, turns.next(timeout=10).type]
            assert asyncio.get_running_loop().is_running()
            return seen

    assert asyncio.run(use(), debug=True) == ["open", "turn_complete"]


def test_several_clients_live_side_by_side(simulator: vw.Simulator) -> None:
    clients = [vw.SyncRealtimeClient("m", url=simulator.url, api_key="k").connect() for _ in range(3)]

    assert len(dispatch_threads()) == 3
    assert [client.ask("Hello.", timeout=10).status for client in clients] == ["completed"] * 3
    for client in clients:
        client.disconnect()
    assert dispatch_threads() == []


def test_several_threads_use_one_client(client: vw.SyncRealtimeClient) -> None:
    def send_ten() -> list[Any]:
        receipts = [client.send_text(str(number), respond=False) for number in range(10)]
        return [receipt.result(timeout=10).type for receipt in receipts]

    with client:
        with Aside(send_ten) as first, Aside(send_ten) as second, Aside(lambda: client.ping(timeout=10)) as third:
            pass
        assert len(client.conversation.items) == 20

    assert first.result == second.result == ["conversation.item.added"] * 10
    assert third.result is True


def test_repr_names_the_class_and_the_state() -> None:
    assert repr(vw.SyncRealtimeClient("sim/demo", name="desk")) == "<SyncRealtimeClient desk sim/demo idle>"
