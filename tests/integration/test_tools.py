"""Tools: calls run once, their answers go out, one response follows each group."""

import asyncio
import contextvars
import json
import threading
from typing import Any

import numpy as np
import pytest
from tests.integration.peer import Connection, Peer, send
from tests.integration.wire import CREATED, response_created, response_done, speech_started

import voicewire as vw

PATIENCE_S = 10


def call(call_id: str, name: str, arguments: Any, response: str = "resp_1") -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {
        "type": "response.function_call_arguments.done",
        "event_id": f"event_{call_id}",
        "response_id": response,
        "item_id": f"item_{call_id}",
        "output_index": 0,
        "call_id": call_id,
        "name": name,
        "arguments": text,
    }


def calling(*calls: dict[str, Any]) -> list[dict[str, Any]]:
    return [CREATED, response_created(), *calls, response_done()]


async def outputs(connection: Connection, count: int) -> dict[str, Any]:
    """What the client answered, by call."""
    await connection.expect("conversation.item.create", count)
    items = [message["item"] for message in connection.received if message["type"] == "conversation.item.create"]
    return {item["call_id"]: item["output"] for item in items if item["type"] == "function_call_output"}


def types(connection: Connection) -> list[str]:
    return [message["type"] for message in connection.received if message["type"] != "session.update"]


def told_of(client: vw.RealtimeClient, event: type[vw.Event]) -> asyncio.Event:
    """Set once the client has had such an event."""
    told = asyncio.Event()
    client.on(event, lambda _: told.set())
    return told


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()


def opened(peer: Peer, **options: Any) -> vw.RealtimeClient:
    return vw.RealtimeClient("m", url=peer.url, **options)


async def test_a_tool_runs_and_its_answer_is_spoken(simulator: vw.Simulator) -> None:
    simulator.script = [
        {"when": {"text": "weather"}, "tools": [{"name": "weather", "arguments": {"city": "Ulm", "unit": "C"}}]},
    ]
    asked: list[tuple[str, str]] = []
    client = vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test")

    @client.tool
    def weather(city: str, unit: str = "K") -> dict[str, Any]:
        """Look up the weather."""
        asked.append((city, unit))
        return {"degrees": 21}

    async with client:
        reply = await client.ask("What is the weather?", timeout=PATIENCE_S)

    assert asked == [("Ulm", "C")]
    assert "21" in reply.text
    (update,) = [event for event in simulator.received if event["type"] == "session.update"]
    assert update["session"]["tools"][0]["description"] == "Look up the weather."


async def test_the_turn_is_final_only_when_tools_are_answered(simulator: vw.Simulator) -> None:
    simulator.script = [{"when": {"text": "go"}, "tools": [{"name": "now", "arguments": {}}]}]
    client = vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="sk-test")

    @client.tool
    async def now() -> str:
        return "noon"

    finals: list[bool] = []
    async with client:
        client.send_text("go")
        async for event in client:
            if isinstance(event, vw.TurnComplete):
                finals.append(event.final)
                if event.final:
                    break

    assert finals == [False, True]


async def test_parallel_calls_are_answered_by_one_response() -> None:
    calls = [call(f"c{number}", "double", {"n": number}) for number in range(3)]
    async with Peer(send(*calling(*calls))) as peer:
        client = opened(peer)
        together = threading.Barrier(3, timeout=PATIENCE_S)

        @client.tool
        def double(n: int) -> int:
            together.wait()
            return 2 * n

        async with client:
            connection = await peer.connection()
            assert await outputs(connection, 3) == {"c0": "0", "c1": "2", "c2": "4"}
            await connection.expect("response.create")
            await client.flush()

        assert types(connection).count("response.create") == 1
        assert types(connection)[-1] == "response.create"


async def test_the_response_waits_for_the_end_of_the_one_that_called() -> None:
    async with Peer(send(CREATED, response_created(), call("c", "now", {}))) as peer:
        client = opened(peer)

        @client.tool
        async def now() -> str:
            return "noon"

        async with client:
            connection = await peer.connection()
            assert await outputs(connection, 1) == {"c": "noon"}
            await client.ping()
            assert "response.create" not in types(connection)
            await connection.send(response_done())
            await connection.expect("response.create")


async def test_a_call_told_twice_runs_once() -> None:
    runs: list[int] = []
    async with Peer(send(*calling(call("c", "f", {}), call("c", "f", {})))) as peer:
        client = opened(peer)

        @client.tool
        async def f() -> None:
            runs.append(1)

        async with client:
            connection = await peer.connection()
            await connection.expect("response.create")
            await client.flush()

    assert runs == [1]
    assert types(connection) == ["conversation.item.create", "response.create"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ({}, "n: Field required"),
        ({"n": "1"}, "n: Input should be a valid integer"),
        ({"n": 1, "x": 1}, "x: Extra inputs"),
    ],
)
async def test_arguments_that_do_not_fit_do_not_reach_the_handler(arguments: Any, told: str) -> None:
    runs: list[int] = []
    async with Peer(send(*calling(call("c", "f", arguments)))) as peer:
        client = opened(peer)

        @client.tool
        def f(n: int) -> None:
            runs.append(n)

        async with client:
            output = (await outputs(await peer.connection(), 1))["c"]

    assert told in json.loads(output)["error"]
    assert runs == []


async def test_a_tool_that_raises_tells_the_model_its_words_and_the_application_all() -> None:
    async with Peer(send(*calling(call("c", "f", {})))) as peer:
        client = opened(peer)

        @client.tool
        def f() -> None:
            raise RuntimeError("no such flight")

        async with client:
            output = (await outputs(await peer.connection(), 1))["c"]
            error = await anext(event async for event in client if isinstance(event, vw.ErrorEvent))

    assert json.loads(output) == {"error": "no such flight"}
    assert isinstance(error.error, vw.HandlerError)
    assert not error.fatal


async def test_a_tool_that_awaits_something_cancelled_answers_all_the_same() -> None:
    async with Peer(send(*calling(call("c", "f", {})))) as peer:
        client = opened(peer)

        @client.tool
        async def f() -> None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        async with client:
            connection = await peer.connection()
            output = (await outputs(connection, 1))["c"]
            await connection.expect("response.create")

    assert json.loads(output) == {"error": "CancelledError"}


async def test_interrupting_from_another_thread_cancels_too() -> None:
    cancelled = asyncio.Event()
    async with Peer(send(CREATED, response_created(), call("c", "slow", {}))) as peer:
        client = opened(peer)
        called = asyncio.Event()

        @client.tool
        async def slow() -> None:
            called.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        async with client:
            await soon(called)
            await asyncio.to_thread(client.interrupt)
            await soon(cancelled)


async def test_without_auto_respond_the_turn_is_final(simulator: vw.Simulator) -> None:
    simulator.script = [{"when": {"text": "go"}, "tools": [{"name": "now", "arguments": {}}]}]
    client = vw.RealtimeClient("openai/m", url=simulator.url, api_key="sk-test", auto_respond=False)
    client.add_tool({"name": "now"}, lambda: "noon")
    async with client:
        reply = await client.ask("go", timeout=PATIENCE_S)

    assert (reply.text, reply.status) == ("", "completed")


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_tool_that_hangs_is_given_up(is_async: bool) -> None:
    released = threading.Event()

    async def wait() -> None:
        await asyncio.Event().wait()

    def block() -> None:
        released.wait(PATIENCE_S)

    async with Peer(send(*calling(call("c", "hang", {})))) as peer:
        client = opened(peer, tool_timeout=0.05)
        client.tool(name="hang")(wait if is_async else block)
        async with client:
            output = (await outputs(await peer.connection(), 1))["c"]
    released.set()

    assert json.loads(output) == {"error": "no result within 0.05 s"}


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("plain", "plain"),
        (None, "null"),
        ({"a": [1, "ü"]}, '{"a": [1, "ü"]}'),
        (np.float32(0.5), "0.5"),
        (np.arange(3), "[0,1,2]"),
        ({1, 2}, "[1,2]"),
    ],
    ids=["str", "none", "dict", "scalar", "array", "set"],
)
async def test_results_become_text(value: Any, output: str) -> None:
    async with Peer(send(*calling(call("c", "f", {})))) as peer:
        client = opened(peer)
        client.add_tool({"name": "f"}, lambda: value)
        async with client:
            assert await outputs(await peer.connection(), 1) == {"c": output}


async def test_a_result_that_is_no_json_is_an_error_to_the_model() -> None:
    async with Peer(send(*calling(call("c", "f", {})))) as peer:
        client = opened(peer)
        client.add_tool({"name": "f"}, lambda: threading.Lock())
        async with client:
            output = (await outputs(await peer.connection(), 1))["c"]

    assert "cannot be written as JSON: lock" in json.loads(output)["error"]


async def test_a_result_of_2_mb_is_cut_and_says_so() -> None:
    async with Peer(send(*calling(call("c", "f", {})))) as peer:
        client = opened(peer)
        client.add_tool({"name": "f"}, lambda: "ü" * 1_000_000)
        async with client:
            output = (await outputs(await peer.connection(), 1))["c"]

    assert len(output.encode()) <= 64 * 1024
    assert output.endswith("[cut: the whole output has 2000000 bytes]")


async def test_context_variables_reach_a_thread() -> None:
    user = contextvars.ContextVar("user", default="nobody")
    user.set("ada")
    async with Peer(send(*calling(call("c", "who", {})))) as peer:
        client = opened(peer)
        client.add_tool({"name": "who"}, user.get)
        async with client:
            output = await outputs(await peer.connection(), 1)

    assert output == {"c": "ada"}


async def test_an_interruption_cancels_what_runs_and_asks_for_nothing() -> None:
    cancelled = asyncio.Event()
    async with Peer(send(CREATED, response_created(), call("c", "slow", {}))) as peer:
        client = opened(peer)
        called = told_of(client, vw.ToolCall)

        @client.tool
        async def slow() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        async with client:
            connection = await peer.connection()
            await soon(called)
            await connection.send(speech_started(100), response_done(status="cancelled"))
            await soon(cancelled)
            output = (await outputs(connection, 1))["c"]
            await client.flush()

    assert json.loads(output) == {"error": "cancelled: the user interrupted"}
    assert "response.create" not in types(connection)


async def test_a_result_that_comes_after_the_interruption_is_dropped() -> None:
    began, release, ended = threading.Event(), threading.Event(), threading.Event()
    async with Peer(send(CREATED, response_created(), call("c", "slow", {}), response_done())) as peer:
        client = opened(peer)
        ended_turn = told_of(client, vw.TurnComplete)

        @client.tool
        def slow() -> str:
            began.set()
            release.wait(PATIENCE_S)
            ended.set()
            return "late"

        async with client:
            connection = await peer.connection()
            await soon(ended_turn)
            assert await asyncio.to_thread(began.wait, PATIENCE_S)
            client.interrupt()
            await connection.expect("conversation.item.create")
            release.set()
            assert await asyncio.to_thread(ended.wait, PATIENCE_S)
            await client.flush()

    assert list((await outputs(connection, 1)).values()) == ['{"error": "cancelled: the user interrupted"}']


async def test_without_auto_respond_outputs_go_out_alone() -> None:
    async with Peer(send(*calling(call("c", "f", {})))) as peer:
        client = opened(peer, auto_respond=False)
        client.add_tool({"name": "f"}, lambda: "done")
        async with client:
            connection = await peer.connection()
            assert await outputs(connection, 1) == {"c": "done"}
            await client.ping()
            await client.flush()

    assert types(connection) == ["conversation.item.create"]


async def test_answers_by_hand_ask_for_one_response() -> None:
    async with Peer(send(CREATED)) as peer, opened(peer) as client:
        connection = await peer.connection()
        ended_turn = told_of(client, vw.TurnComplete)
        await connection.send(*calling(call("a", "f", {}), call("b", "g", {}))[1:])
        await soon(ended_turn)
        client.send_tool_response({"call_id": "a", "output": {"n": 1}})
        client.send_tool_response([vw.ToolResponse("b", "two")])
        assert await outputs(connection, 2) == {"a": '{"n": 1}', "b": "two"}
        await connection.expect("response.create")
        await client.flush()

    assert types(connection) == ["conversation.item.create", "conversation.item.create", "response.create"]


async def test_a_group_waits_for_the_answers_by_hand() -> None:
    async with Peer(send(*calling(call("a", "auto", {}), call("b", "manual", {})))) as peer:
        client = opened(peer)
        client.add_tool({"name": "auto"}, lambda: "1")
        client.add_tool({"name": "manual"})
        async with client:
            connection = await peer.connection()
            await outputs(connection, 1)
            assert "response.create" not in types(connection)
            client.send_tool_response(vw.ToolResponse("b", "2"))
            await connection.expect("response.create")


async def test_an_unknown_call_is_answered_at_once() -> None:
    async with Peer(send(CREATED)) as peer, opened(peer) as client:
        client.send_tool_response({"call_id": "x", "output": "y"})
        connection = await peer.connection()
        assert await outputs(connection, 1) == {"x": "y"}
        await connection.expect("response.create")


async def test_a_silent_answer_asks_for_no_response() -> None:
    async with Peer(send(CREATED)) as peer, opened(peer) as client:
        connection = await peer.connection()
        ended_turn = told_of(client, vw.TurnComplete)
        await connection.send(*calling(call("a", "f", {}))[1:])
        await soon(ended_turn)
        client.send_tool_response(vw.ToolResponse("a", "1", scheduling="SILENT"))
        client.send_tool_response(vw.ToolResponse("unknown", "2", scheduling="SILENT"))
        assert await outputs(connection, 2) == {"a": "1", "unknown": "2"}
        await client.flush()

    assert types(connection) == ["conversation.item.create", "conversation.item.create"]


async def test_an_urgent_answer_stops_the_response_in_progress() -> None:
    running = {"type": "response.created", "response": {"id": "resp_9", "status": "in_progress"}}
    async with Peer(send(CREATED)) as peer, opened(peer) as client:
        connection = await peer.connection()
        began = told_of(client, vw.ResponseStarted)
        await connection.send(running)
        await soon(began)
        client.send_tool_response(vw.ToolResponse("x", "1", scheduling="INTERRUPT"))
        await connection.expect("conversation.item.create")

    assert types(connection)[:2] == ["response.cancel", "conversation.item.create"]


@pytest.mark.parametrize(
    ("responses", "field"),
    [
        ([], "responses"),
        ("x", "responses"),
        ({"call_id": "a"}, "responses[0].output"),
        ({"output": "a"}, "responses[0].call_id"),
        ({"call_id": "", "output": "a"}, "responses[0].call_id"),
        ({"call_id": "a", "output": "b", "scheduling": "NOW"}, "responses[0].scheduling"),
        ([{"call_id": "a", "output": "b"}, 3], "responses[1]"),
    ],
)
async def test_wrong_answers_name_the_field(client: vw.RealtimeClient, responses: Any, field: str) -> None:
    with pytest.raises(vw.ConfigError) as caught:
        client.send_tool_response(responses)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({}, "definition.name"),
        ({"name": "a b"}, "definition.name"),
        ({"name": "f", "description": "x" * 1025}, "definition.description"),
        ({"name": "f", "parameters": 3}, "definition.parameters"),
        ({"name": "f", "parameters": {"type": "wrong"}}, "parameters"),
        (7, "definition"),
    ],
)
def test_wrong_definitions_name_the_field(client: vw.RealtimeClient, definition: Any, told: str) -> None:
    with pytest.raises(vw.ConfigError, match=told):
        client.add_tool(definition, print)


def test_a_name_is_taken_once(client: vw.RealtimeClient) -> None:
    client.add_tool({"name": "f"})

    with pytest.raises(vw.ConfigError, match="exists already"):
        client.add_tool({"name": "f"})
    client.remove_tool("f")
    client.add_tool({"name": "f"})
    with pytest.raises(vw.ConfigError, match="no such tool"):
        client.remove_tool("g")


async def test_tools_change_while_the_session_is_open(client: vw.RealtimeClient, simulator: vw.Simulator) -> None:
    async with client:
        await client.add_tool({"type": "function", "function": {"name": "a", "description": "A."}}, print)
        await client.update_session(tools=[{"name": "own"}], instructions="Be brief.")
        await client.add_tool({"name": "b"}, print)
        await client.remove_tool("a")

    updates = [event["session"]["tools"] for event in simulator.received if event["type"] == "session.update"]
    assert [[tool["name"] for tool in tools] for tools in updates] == [
        ["a"],
        ["own", "a"],
        ["own", "a", "b"],
        ["own", "b"],
    ]


async def test_a_new_session_has_the_tools_too(client: vw.RealtimeClient, simulator: vw.Simulator) -> None:
    client.add_tool({"name": "a"}, print)
    for _ in range(2):
        async with client:
            pass

    updates = [event["session"]["tools"] for event in simulator.received if event["type"] == "session.update"]
    assert [[tool["name"] for tool in tools] for tools in updates] == [["a"], ["a"]]


def approval(request_id: str) -> dict[str, Any]:
    item = {
        "id": request_id,
        "type": "mcp_approval_request",
        "server_label": "shop",
        "name": "buy",
        "arguments": '{"n": 3}',
    }
    return {"type": "conversation.item.done", "event_id": "event_done", "previous_item_id": None, "item": item}


@pytest.mark.parametrize("is_async", [True, False])
async def test_mcp_calls_are_approved_once_by_a_handler(is_async: bool) -> None:
    seen: list[vw.McpApproval] = []

    async def decide(request: vw.McpApproval) -> bool:
        return decide_at_once(request)

    def decide_at_once(request: vw.McpApproval) -> bool:
        seen.append(request)
        return request.arguments["n"] < 5

    repeated = {**approval("r"), "type": "response.output_item.done", "response_id": "resp_1", "output_index": 0}
    async with Peer(send(CREATED)) as peer, opened(peer) as client:
        client.mcp_approval(decide if is_async else decide_at_once)
        connection = await peer.connection()
        await connection.send(approval("r"), repeated, approval("s"))
        await connection.expect("conversation.item.create", 2)
        await client.flush()

    items = [message["item"] for message in connection.received if message["type"] == "conversation.item.create"]
    assert [(item["approval_request_id"], item["approve"]) for item in items] == [("r", True), ("s", True)]
    assert seen[0] == vw.McpApproval("r", "shop", "buy", {"n": 3})


async def test_an_approval_handler_that_raises_refuses() -> None:
    async with Peer(send(CREATED)) as peer, opened(peer) as client:

        @client.mcp_approval
        def decide(request: vw.McpApproval) -> bool:
            raise RuntimeError("unsure")

        connection = await peer.connection()
        await connection.send(approval("r"))
        item = (await connection.expect("conversation.item.create"))["item"]

    assert (item["type"], item["approve"]) == ("mcp_approval_response", False)


async def test_approval_by_hand_gives_a_reason(client: vw.RealtimeClient) -> None:
    async with Peer(send(CREATED)) as peer, opened(peer) as client:
        client.approve_mcp("r", False, "too dear")
        item = (await (await peer.connection()).expect("conversation.item.create"))["item"]

    assert (item["approve"], item["reason"]) == (False, "too dear")


async def test_closing_cancels_what_runs() -> None:
    cancelled = asyncio.Event()
    async with Peer(send(CREATED, response_created(), call("c", "slow", {}))) as peer:
        client = opened(peer)
        called = told_of(client, vw.ToolCall)

        @client.tool
        async def slow() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        async with client:
            await soon(called)
        await soon(cancelled)
