"""The client on the dispatch thread of a blocking one, and how its methods are made to block."""

from __future__ import annotations

import concurrent.futures
import inspect
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from voicewire.client import RealtimeClient
from voicewire.dispatch_thread import DispatchThread
from voicewire.exceptions import ConnectionClosed
from voicewire.receipt import Receipt
from voicewire.sync_receipt import SyncReceipt

__all__ = ["InnerClient", "blocking", "commanding", "same", "signed_as"]

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")


class InnerClient(RealtimeClient):
    """A client whose event loop is a thread of its own, which it starts and ends."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._calls: set[concurrent.futures.Future[Any]] = set()
        self.thread = DispatchThread(partial(_has_session, weakref.ref(self)), self._timeouts.close)

    @contextmanager
    def telling_the_end(self, call: concurrent.futures.Future[Any]) -> Iterator[None]:
        """Fail a future where the session ends meanwhile.

        Raises:
            ConnectionClosed: It is closed already.
        """
        self._calls.add(call)
        try:
            if self._state == "closed":
                raise ConnectionClosed(None, "session is closed")
            yield
        finally:
            self._calls.discard(call)

    def _gone(self, error: ConnectionClosed) -> None:
        super()._gone(error)
        for call in list(self._calls):
            with suppress(concurrent.futures.InvalidStateError):
                call.set_exception(error)
        self.thread.reconsider()

    def __repr__(self) -> str:
        return f"<Sync{super().__repr__()[1:]}"

    def __del__(self) -> None:
        super().__del__()
        thread = getattr(self, "thread", None)
        if thread is not None:
            thread.reconsider()


class _Blocking(Protocol):
    _client: InnerClient
    _thread: DispatchThread


def commanding(method: Callable[Concatenate[Any, P], Receipt]) -> Callable[Concatenate[Any, P], SyncReceipt]:
    """The same command, whose receipt can be waited for."""

    @wraps(method)
    def command(self: _Blocking, /, *args: P.args, **options: P.kwargs) -> SyncReceipt:
        return SyncReceipt(method(self._client, *args, **options), self._thread)

    return _returning("SyncReceipt", command)


def blocking(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """The same, run on the dispatch thread while the caller waits."""
    name = f"{method.__name__}()"

    @wraps(method)
    def call(self: _Blocking, /, *args: P.args, **options: P.kwargs) -> T:
        return self._thread.call(name, partial(method, self._client, *args, **options))

    return call


def same(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """The same: the method blocks nobody."""

    @wraps(method)
    def call(self: _Blocking, /, *args: P.args, **options: P.kwargs) -> T:
        return method(self._client, *args, **options)

    return call


def signed_as(
    make: Callable[P, Any],
) -> Callable[[Callable[Concatenate[S, ...], None]], Callable[Concatenate[S, P], None]]:
    """Give a constructor the arguments of another class."""

    def sign(method: Callable[Concatenate[S, ...], None]) -> Callable[Concatenate[S, P], None]:
        method.__signature__ = inspect.signature(make.__init__)  # type: ignore[attr-defined]
        return method

    return sign


def _returning(name: str, method: Callable[P, T]) -> Callable[P, T]:
    method.__signature__ = inspect.signature(method).replace(return_annotation=name)  # type: ignore[attr-defined]
    return method


def _has_session(client: weakref.ref[InnerClient]) -> bool:
    found = client()
    return found is not None and found.state not in ("idle", "closed")
