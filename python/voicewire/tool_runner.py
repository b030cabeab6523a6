"""Runs tools: one run for each call, one response for each group of calls."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import inspect
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod, ref

from voicewire.events import Event, ToolCall, ToolCallCancelled, TurnComplete
from voicewire.tool_schema import ArgumentsError
from voicewire.tools import Tool, Toolbox, ToolResponse
from voicewire.values import dataclass

if TYPE_CHECKING:
    from voicewire.client import RealtimeClient
    from voicewire.receipt import Receipt

__all__ = ["ToolRunner"]

# Calls remembered, so that one told twice runs once.
_REMEMBERED = 1024
# Groups whose answers are open. A dialect that never ends a response must not fill the memory.
_GROUPS = 64
_CANCELLED = "cancelled: the user interrupted"


@dataclass
class _Group:
    """The calls of one response: which are open, and which of those have a handler here."""

    open: set[str] = dataclasses.field(default_factory=set)
    running: dict[str, asyncio.Task[None]] = dataclasses.field(default_factory=dict)
    is_done: bool = False
    is_cancelled: bool = False
    has_handlers: bool = False
    is_silent: bool = True


class ToolRunner:
    """Runs the tools of one client, which it holds weakly; handlers run on the client's loop or in threads."""

    def __init__(self, client: RealtimeClient, toolbox: Toolbox, *, auto_respond: bool) -> None:
        self._client = ref(client)
        self._toolbox = toolbox
        self._auto_respond = auto_respond
        self._lock = threading.RLock()
        self._seen: OrderedDict[str, str | None] = OrderedDict()
        self._groups: OrderedDict[str | None, _Group] = OrderedDict()
        handlers: dict[str, Callable[[Any], None]] = {
            "tool_call": self._called,
            "turn_complete": self._completed,
            "interrupted": self._interrupted,
            "tool_call_cancelled": self._taken_back,
        }
        for kind, handler in handlers.items():
            client._session.add_handler(f"neutral:{kind}", _Weak(handler))

    def answers(self, response_id: str | None, has_open_calls: bool) -> bool:
        """Whether handlers here answer calls of a response, so that the turn goes on by itself.

        ``has_open_calls`` tells whether some were unanswered at its end; they may have been answered since.
        """
        with self._lock:
            group = self._groups.get(response_id) or self._groups.get(None)
            if group is None or not group.has_handlers or group.is_cancelled:
                return False
            # A service that goes on by itself does so within the response, but for answers that come behind its end.
            return has_open_calls if self._goes_on_by_itself() else self._auto_respond

    def respond(self, responses: list[ToolResponse]) -> Receipt:
        """Send answers of the application; ask for a response where they were the last of their group."""
        client = self._client()
        assert client is not None
        receipt: Receipt | None = None
        asks = False
        by_service = self._goes_on_by_itself()
        for response in responses:
            if response.scheduling == "INTERRUPT" and not by_service:
                client._command("interrupt")
            receipt = self._send(client, response)
            is_silent = response.scheduling == "SILENT" and not by_service
            with self._lock:
                group = self._group_of(response.call_id)
                if group is not None:
                    group.open.discard(response.call_id)
                    group.is_silent &= is_silent
                asks |= group is None and not is_silent
        if asks and self._auto_respond and not by_service:
            client.create_response()
        self._settle()
        assert receipt is not None
        return receipt

    def cancel_all(self, *, tells: bool = True) -> None:
        """Cancel every run; the model is told of it where it waits for the answers."""
        with self._lock:
            groups = list(self._groups.values())
            if not tells:
                self._groups.clear()
        for group in groups:
            self._cancel(group, list(group.running), tells=tells)

    # What the session tells

    def _called(self, event: ToolCall) -> None:
        call_id = event.call_id
        with self._lock:
            if call_id in self._seen:
                return
            self._seen[call_id] = event.response_id
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            group = self._groups.setdefault(event.response_id, _Group())
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
            group.open.add(call_id)
        tool = self._toolbox.get(event.name)
        if tool is not None and tool.handler is not None:
            group.has_handlers = True
            task = asyncio.get_running_loop().create_task(self._run(tool, event, group))
            group.running[call_id] = task

    def _completed(self, event: TurnComplete) -> None:
        with self._lock:
            group = self._groups.get(event.response_id) or self._groups.get(None)
            if group is None:
                return
            group.is_done = True
        if event.status == "cancelled" and not self._is_told_of_cancellations():
            self._cancel(group, list(group.running), tells=True)
        self._settle()

    def _interrupted(self, event: Event) -> None:
        if not self._is_told_of_cancellations():
            self.cancel_all()

    def _taken_back(self, event: ToolCallCancelled) -> None:
        for call_id in event.call_ids:
            with self._lock:
                group = self._group_of(call_id)
                # A service that has lost it may call it again.
                self._seen.pop(call_id, None)
            if group is not None:
                group.open.discard(call_id)
                self._cancel(group, [call_id], tells=False)

    # Runs

    async def _run(self, tool: Tool, event: ToolCall, group: _Group) -> None:
        try:
            output = await self._output(tool, event)
        except asyncio.CancelledError:
            return
        finally:
            group.running.pop(event.call_id, None)
        with self._lock:
            is_open = event.call_id in group.open
            group.open.discard(event.call_id)
            group.is_silent = False
        client = self._client()
        if is_open and client is not None and (client.state == "open" or client.reconnecting):
            self._send(client, ToolResponse(event.call_id, _cut(output, tool.max_output), tool.key))
            self._settle()

    async def _output(self, tool: Tool, event: ToolCall) -> str:
        assert tool.handler is not None
        assert tool.read is not None
        try:
            arguments = tool.read(event.arguments_json)
        except ArgumentsError as error:
            return _error(str(error))
        try:
            async with asyncio.timeout(tool.timeout) as limit:
                return _text(await _result(tool.handler, arguments))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # The handler awaited something that was cancelled: its own affair.
            return self._failed(tool, event, error)
        except TimeoutError as error:
            if limit.expired():
                return _error(f"no result within {tool.timeout} s")
            return self._failed(tool, event, error)
        except Exception as error:
            return self._failed(tool, event, error)

    def _failed(self, tool: Tool, event: ToolCall, error: BaseException) -> str:
        client = self._client()
        if client is not None and tool.handler is not None:
            client._handler_failed(tool.handler, event, error)
        return _error(str(error) or type(error).__name__)

    def _cancel(self, group: _Group, call_ids: list[str], *, tells: bool) -> None:
        client = self._client()
        for call_id in call_ids:
            task = group.running.pop(call_id, None)
            if task is None:
                continue
            # From any thread, also when the loop is gone.
            with suppress(RuntimeError):
                task.get_loop().call_soon_threadsafe(task.cancel)
            with self._lock:
                group.open.discard(call_id)
                group.is_cancelled = True
            if tells and client is not None and client.state == "open":
                self._send(client, ToolResponse(call_id, _error(_CANCELLED)))

    def _send(self, client: RealtimeClient, response: ToolResponse) -> Receipt:
        payload = {**dataclasses.asdict(response), "output": _text(response.output)}
        return client._command("tool_output", payload)

    def _settle(self) -> None:
        """Ask for a response for each group that is answered in full."""
        with self._lock:
            settled = [key for key, group in self._groups.items() if group.is_done and not group.open]
            groups = [self._groups.pop(key) for key in settled]
        client = self._client()
        if client is None or not self._auto_respond or self._goes_on_by_itself():
            return
        # What is asked for while the connection is made again goes out on the next.
        if client.state == "open" or client.reconnecting:
            for group in groups:
                if not (group.is_cancelled or group.is_silent):
                    client.create_response()

    def _goes_on_by_itself(self) -> bool:
        client = self._client()
        return client is not None and client.capabilities.tool_answers_respond

    def _is_told_of_cancellations(self) -> bool:
        client = self._client()
        return client is not None and client.capabilities.tool_cancellation

    def _group_of(self, call_id: str) -> _Group | None:
        return next((group for group in self._groups.values() if call_id in group.open), None)


class _Weak:
    """Calls a method of an object that it does not keep alive."""

    def __init__(self, method: Callable[[Any], None]) -> None:
        self._method = WeakMethod(method)

    def __call__(self, event: Any) -> None:
        method = self._method()
        if method is not None:
            method(event)


async def _result(handler: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    if _is_async(handler):
        return await handler(**arguments)
    result = await _in_thread(handler, arguments)
    return await result if inspect.isawaitable(result) else result


def _is_async(handler: Any) -> bool:
    while hasattr(handler, "func"):
        handler = handler.func
    call = getattr(handler, "__call__", None)  # noqa: B004 - the method is wanted, not the answer
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)


# Threads that tools may hold at a time, in all sessions of the process.
_threads = threading.BoundedSemaphore(256)


async def _in_thread(handler: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Run in a daemon thread: a tool that hangs must not hold up the end of the process."""
    if not _threads.acquire(blocking=False):
        raise RuntimeError("too many tools are running")
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(handler, **arguments)
        except BaseException as raised:
            error = raised
        finally:
            _threads.release()
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_tell, future, result, error)

    threading.Thread(target=work, name="voicewire-tool", daemon=True).start()
    return await future


def _tell(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        future.set_exception(error)
    else:
        future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        from pydantic_core import to_json

        try:
            return to_json(value, fallback=_of_numpy).decode()
        except Exception as error:
            raise TypeError(f"result cannot be written as JSON: {type(value).__name__}: {error}") from error


def _of_numpy(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"no JSON form: {type(value).__name__}")


def _error(text: str) -> str:
    return json.dumps({"error": text}, ensure_ascii=False)


def _cut(output: str, limit: int) -> str:
    data = output.encode()
    if len(data) <= limit:
        return output
    notice = f" [cut: the whole output has {len(data)} bytes]"
    return data[: limit - len(notice)].decode(errors="ignore") + notice
