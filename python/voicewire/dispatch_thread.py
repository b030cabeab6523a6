"""The thread that a blocking client hears on: it runs a private event loop, and other threads wait for what it does."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from voicewire.exceptions import ConnectionClosed, ForkedError, VoicewireError
from voicewire.process import keep_threads_for

__all__ = ["DispatchThread", "outcome", "wait"]

T = TypeVar("T")
log = logging.getLogger("voicewire")

# The main thread naps where it waits: Ctrl-C is heard between two naps on Windows, and elsewhere where it came in the
# moment before the wait began.
_NAP_S = 0.2
# At the end of the interpreter all threads together have this long, and again once their handlers are thrown out.
_AT_EXIT_S = 0.25


class DispatchThread:
    """Runs the event loop of one client while its session lives or a call is under way; then it ends by itself.

    Args:
        is_needed: Whether there is a session. It must not keep the client alive.
        grace: Seconds that async handlers have to end once the session is over.
    """

    def __init__(self, is_needed: Callable[[], bool], grace: float) -> None:
        self._is_needed = is_needed
        self._grace = grace
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._process = os.getpid()

    def call(self, name: str, make: Callable[[], Coroutine[Any, Any, T]], *, starts: bool = False) -> T:
        """Run a coroutine on the thread and wait for its outcome; an interrupted wait cancels it.

        Args:
            name: The method that blocks, for errors.
            make: Makes the coroutine.
            starts: Whether to start the thread where it does not run.

        Raises:
            VoicewireError: The caller is the thread itself.
            ConnectionClosed: The thread does not run, or ended meanwhile.
        """
        self.refuse(name)
        run = self._enter(starts)
        try:
            future = asyncio.run_coroutine_threadsafe(make(), run.loop)
            try:
                return outcome(future)
            except concurrent.futures.CancelledError:
                raise ConnectionClosed(None, f"session ended during {name}") from None
            except BaseException:
                future.cancel()
                raise
        finally:
            run.leave()

    def refuse(self, name: str) -> None:
        """Raise where waiting could never end: on the thread itself, and in a forked child.

        Raises:
            VoicewireError: The caller is the thread itself.
            ForkedError: The thread runs in the parent process.
        """
        if self.is_foreign:
            raise ForkedError("client was made before a fork and belongs to the parent process")
        if self.is_current:
            raise VoicewireError(f"{name} blocks: a handler on the dispatch thread cannot call it")

    @property
    def is_foreign(self) -> bool:
        """Whether the thread belongs to the parent of a forked process."""
        return os.getpid() != self._process

    @property
    def is_current(self) -> bool:
        """Whether the caller is the thread itself."""
        run = self._run
        return run is not None and run.thread is threading.current_thread()

    def reconsider(self) -> None:
        """The session may be over: end the thread unless something needs it. Takes no lock, so a finaliser may call."""
        run = self._run
        if run is not None and not self.is_foreign:
            run.reconsider()

    def join(self) -> None:
        """Wait until the thread has ended; gives up where another thread has found it something to do."""
        run = self._run
        if run is not None and not self.is_foreign:
            wait(run.ended, 2 * self._grace + 1)

    def _enter(self, starts: bool) -> _Run:
        with self._lock:
            run = self._run
            if run is None or run.is_over:
                if not starts:
                    raise ConnectionClosed(None, "there is no session: call connect() first")
                if run is not None:
                    # Handlers of the next session must not run beside those of the last.
                    run.thread.join()
                run = _Run(self._lock, self._is_needed, self._grace)
                run.thread.start()
                self._run = run
            run.calls += 1
        return run


class _Run:
    """One life of the thread."""

    def __init__(self, lock: threading.Lock, is_needed: Callable[[], bool], grace: float) -> None:
        self.loop = asyncio.new_event_loop()
        # A handler may block here, and the sockets are not to wait for it.
        keep_threads_for(self.loop)
        self.thread = threading.Thread(target=self._work, name="voicewire-dispatch", daemon=True)
        self.ended = threading.Event()
        self.calls = 0
        self.is_over = False
        self._lock = lock
        self._is_needed = is_needed
        self._grace = grace
        self._ending: asyncio.Task[None] | None = None
        self._is_thrown_out = False
        _runs.add(self)

    def leave(self) -> None:
        """A call is over."""
        with self._lock:
            self.calls -= 1
        self.reconsider()

    def reconsider(self) -> None:
        """End, from any thread, unless there is something to do."""
        with suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(self._consider)

    def stop(self) -> None:
        """End whatever there is to do, and at once."""
        self.is_over, self._grace = True, 0
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)

    def throw_out(self) -> None:
        """Raise SystemExit in a handler that does not return, once it runs Python code."""
        import ctypes

        self._is_thrown_out = True
        # Tasks that go with the interpreter are nobody's mistake.
        self.loop.set_exception_handler(lambda loop, context: None)
        number = ctypes.c_ulong(self.thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(SystemExit))

    def _consider(self) -> None:
        if self._ending is None and not self.is_over and not self._has_work():
            self._ending = self.loop.create_task(self._end())

    def _has_work(self) -> bool:
        return self.calls > 0 or self._is_needed()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=self._grace)
        self._ending = None
        # With the lock, so that no call slips in between.
        with self._lock:
            self.is_over = not self._has_work()
        if self.is_over:
            self.loop.stop()

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            while not self.is_over:
                self._run_loop()
            if not self._is_thrown_out:
                self._cancel_rest()
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()
            self.ended.set()

    def _run_loop(self) -> None:
        try:
            self.loop.run_forever()
        except BaseException as error:
            # SystemExit and the like of a handler: a thread cannot end the process.
            if not self.is_over:
                log.error("handler raised on the dispatch thread: %r", error, exc_info=error)

    def _cancel_rest(self) -> None:
        # One round, so that what was handed over last becomes a task.
        self.loop.run_until_complete(asyncio.sleep(0))
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=self._grace))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())


def outcome(future: concurrent.futures.Future[T], timeout: float | None = None) -> T:
    """Wait for a future; Ctrl-C interrupts it on every system.

    Raises:
        TimeoutError: It took longer than ``timeout`` seconds.
    """
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not wait(done, timeout):
        raise TimeoutError(f"took longer than {timeout} s")
    return future.result()


def wait(event: threading.Event, timeout: float | None = None) -> bool:
    """Wait for an event, at most ``timeout`` seconds; whether it came. Ctrl-C interrupts it on every system."""
    until = None if timeout is None else time.monotonic() + timeout
    nap = _NAP_S if threading.current_thread() is threading.main_thread() else threading.TIMEOUT_MAX
    while True:
        left = nap if until is None else min(nap, until - time.monotonic())
        if event.wait(left):
            return True
        if until is not None and time.monotonic() >= until:
            return False


def _stop_all() -> None:
    """End with the interpreter: a thread in the core that wants it back later would take the process down."""
    runs = [run for run in _runs if not run.ended.is_set()]
    for run in runs:
        run.stop()
    stuck = _still_running(runs)
    for run in stuck:
        run.throw_out()
    _still_running(stuck)


def _still_running(runs: list[_Run]) -> list[_Run]:
    until = time.monotonic() + _AT_EXIT_S
    return [run for run in runs if not run.ended.wait(max(0.0, until - time.monotonic()))]


def _forsake() -> None:
    """In a forked child: the loops are the parent's, and closing them would take its descriptors away."""
    _forsaken.extend(_runs)
    _runs.clear()


_runs: weakref.WeakSet[_Run] = weakref.WeakSet()
_forsaken: list[_Run] = []
atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forsake)
