"""Blocking clients that nobody ended properly: interrupted, collected, left to the interpreter, forked."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.peer import expect, never, send
from tests.integration.sync_peer import Aside, Away, dispatch_threads, peer_away
from tests.integration.wire import CREATED

import voicewire as vw

GO = expect("go")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and forks of POSIX")


def interrupt() -> None:
    """Press Ctrl-C in the main thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_an_interrupted_connect_closes_the_client() -> None:
    with peer_away(upgrade=never()) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url)

        def press() -> None:
            peer.arrived()
            interrupt()

        with Aside(press), pytest.raises(KeyboardInterrupt):
            client.connect()

        client.disconnect()
        peer.has_gone()
    assert client.state == "closed"
    assert dispatch_threads() == []


def go_and(wait: Callable[[], object], client: vw.SyncRealtimeClient) -> None:
    client.realtime.send("go")
    wait()


WAITS: dict[str, Callable[[vw.SyncRealtimeClient], object]] = {
    "wait_for": lambda client: client.wait_for("text"),
    "ask": lambda client: client.ask("Hello."),
    "result": lambda client: client.send_text("Hello.").result(),
    "iteration": lambda client: list(client.events("text")),
    "next": lambda client: client.events("text").next(10),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_after_any_other_interrupted_wait_the_session_goes_on(
    wait: Callable[[vw.SyncRealtimeClient], object],
) -> None:
    def press(peer: Away) -> None:
        peer.expect("go")
        interrupt()

    with peer_away(send(CREATED)) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        with Aside(lambda: press(peer)), pytest.raises(KeyboardInterrupt):
            go_and(lambda: wait(client), client)

        assert client.connected
        assert client.ping(timeout=10)


def test_an_interrupted_wait_ends_at_once() -> None:
    with peer_away(send(CREATED)) as peer, vw.SyncRealtimeClient("m", url=peer.url) as client:
        pressed: list[float] = []

        def press() -> None:
            peer.expect("go")
            pressed.append(time.monotonic())
            interrupt()

        with Aside(press), pytest.raises(KeyboardInterrupt):
            go_and(lambda: client.wait_for("text", timeout=10), client)
        assert time.monotonic() - pressed[0] < 1


def test_a_collected_client_warns_closes_its_socket_and_ends_its_thread() -> None:
    with peer_away(send(CREATED)) as peer:
        client = vw.SyncRealtimeClient("m", url=peer.url, name="forgotten").connect()
        client.on("text", client.send_text)
        client.cycle = client  # type: ignore[attr-defined]
        thread = dispatch_threads()[0]

        del client
        with pytest.warns(ResourceWarning, match=r"unclosed client: <SyncRealtimeClient forgotten"):
            gc.collect()

        peer.has_gone()
        thread.join(10)
    assert not thread.is_alive()


def test_a_client_that_was_closed_does_not_warn(simulator: vw.Simulator) -> None:
    with vw.SyncRealtimeClient("m", url=simulator.url, api_key="k") as client:
        client.ask("Hello.", timeout=10)
    del client
    gc.collect()


def test_an_iterator_keeps_its_client() -> None:
    with peer_away(send(CREATED)) as peer:
        events = vw.SyncRealtimeClient("m", url=peer.url).connect().events("close")
        gc.collect()
        assert events._client.connected

        closing: Any = events._client.disconnect()
        assert events.next(timeout=10).type == "close"
        assert closing is not None


def test_the_interpreter_ends_with_a_live_session_silently_and_at_once() -> None:
    done, seconds = run(
        """
        import time, voicewire as vw
        simulator = vw.Simulator(pace=0).start()
        client = vw.SyncRealtimeClient("m", url=simulator.url, api_key="k").connect()
        client.on("audio", lambda event: None)
        client.send_text("Hello.")
        print([next(iter(client)).type for _ in range(3)])
        print(time.time())
        """
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 1


@pytest.mark.parametrize("work", ["threading.Event().wait(30)", "[time.sleep(0.001) for _ in range(30_000)]"])
def test_the_interpreter_ends_while_a_handler_and_other_threads_wait(work: str) -> None:
    done, seconds = run(
        f"""
        import asyncio, threading, time, voicewire as vw
        simulator = vw.Simulator(pace=0).start()
        client = vw.SyncRealtimeClient("m", url=simulator.url, api_key="k").connect()
        began = threading.Event()
        client.on("audio", lambda event: (began.set(), {work}))

        @client.on("open")
        async def opened(event):
            await asyncio.sleep(30)

        for wait in (lambda: list(client), lambda: client.wait_for("close"), lambda: client.ask("And?")):
            threading.Thread(target=wait, daemon=True).start()
        client.send_text("Hello.")
        began.wait(10)
        print(time.time())
        """
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 1


def test_an_unhandled_error_of_the_main_thread_does_not_hang() -> None:
    done, _ = run(
        """
        import time, voicewire as vw
        simulator = vw.Simulator(pace=0).start()
        client = vw.SyncRealtimeClient("m", url=simulator.url, api_key="k").connect()
        print(time.time())
        raise KeyError("mine")
        """
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "KeyError: 'mine'"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_in_a_forked_child_the_old_client_raises_and_a_new_one_works() -> None:
    done, _ = run(
        """
        import gc, os, time, voicewire as vw
        simulator = vw.Simulator(pace=0).start()
        url = simulator.url
        old = vw.SyncRealtimeClient("m", url=url, api_key="k").connect()
        events, receipt = iter(old), old.send_text("x", respond=False)
        receipt_open = old.realtime.send("unknown.type")

        def child():
            methods = [lambda: old.send_text("x"), lambda: old.send_audio(b"\\0\\0"), old.stats, old.connect,
                       lambda: old.events(), lambda: old.on("audio", print), lambda: old.ask("x"), old.flush, old.ping,
                       lambda: old.wait_for("text"), lambda: next(events), lambda: iter(old)]
            forked = 0
            for method in methods:
                try:
                    method()
                except vw.ForkedError:
                    forked += 1
            print(forked == len(methods), old.disconnect().done(), old.state, "closed" in repr(old), flush=True)
            with vw.SyncRealtimeClient("m", url=url, api_key="k") as client:
                print(client.ask("Hello.", timeout=10).status, flush=True)

        pid = os.fork()
        if pid == 0:
            child()
            del old, events
            gc.collect()
            os._exit(0)
        os.waitpid(pid, 0)
        print("parent", old.ask("Still there?", timeout=10).status)
        old.disconnect()
        simulator.stop()
        print(time.time())
        """,
        "-W",
        "error",
        "-W",
        "ignore::DeprecationWarning",
    )

    assert done.stdout.splitlines()[:-1] == ["True True closed True", "completed", "parent completed"]
    assert (done.returncode, done.stderr) == (0, "")


def run(program: str, *options: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a program that prints the time last; how it ended, and how long that took."""
    command = [sys.executable, *(options or ("-W", "ignore::ResourceWarning")), "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    ended = time.time()
    assert done.stdout, done.stderr
    return done, ended - float(done.stdout.splitlines()[-1])
