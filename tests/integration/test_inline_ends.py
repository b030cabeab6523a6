"""Ends of sessions on the event loop's own thread: loops that close, forks, interrupts, the end of the interpreter."""

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.integration.apart import Apart
from tests.integration.listening import soon
from tests.integration.peer import Peer, expect, never, send
from tests.integration.wire import CREATED, text_delta

import voicewire as vw

pytestmark = [
    pytest.mark.usefixtures("inline"),
    pytest.mark.skipif(sys.platform != "linux", reason="the inline driver is for Linux"),
]
GO = expect("go")
HIDING = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")


def can_hide() -> bool:
    try:
        return subprocess.run([*HIDING, "true"], capture_output=True, timeout=5, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run(program: str, *arguments: str, driver: str = "inline", front: tuple[str, ...] = ()) -> str:
    """What a program prints on both channels, with its driver set."""
    prelude = f"import asyncio, gc, os, sys, threading, voicewire as vw\nvw.configure(driver={driver!r})\n"
    command = [*front, sys.executable, "-c", prelude + textwrap.dedent(program), *arguments]
    # The environment would outdo what is set.
    environment = {name: value for name, value in os.environ.items() if name != "VOICEWIRE_DRIVER"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=15, check=False, env=environment
    )
    return f"{done.stdout} ({done.returncode})".replace("\n", "").lstrip()


def run_with_peer(program: str, *, driver: str = "inline") -> str:
    """The same, with the address of a peer that greets; the program's sockets are closed when this returns."""
    with Apart(Peer(send(CREATED))) as apart:
        told = run(program, apart.url, driver=driver)
        apart.run(apart.connection().gone.wait())
    return told


@pytest.mark.parametrize(
    ("driver", "host", "threads"), [("inline", "127.0.0.1", 1), ("inline", "localhost", 2), ("thread", "127.0.0.1", 2)]
)
def test_a_session_starts_no_thread_but_for_the_lookup_of_a_name(driver: str, host: str, threads: int) -> None:
    told = run_with_peer(
        """
        async def main():
            async with vw.RealtimeClient("m", url=sys.argv[1].replace("127.0.0.1", HOST)) as client:
                client.send_audio(bytes(960))
                await client.ping()
                print(len(os.listdir("/proc/self/task")))
        asyncio.run(main())
        """.replace("HOST", repr(host)),
        driver=driver,
    )

    assert told == f"{threads} (0)"


def test_a_blocking_client_stays_with_io_threads() -> None:
    told = run_with_peer(
        """
        with vw.SyncRealtimeClient("m", url=sys.argv[1]):
            names = {open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")}
            print("voicewire-io-0" in names)
        """
    )

    assert told == "True (0)"


@pytest.mark.skipif(not can_hide(), reason="this user cannot hide /proc from a process (unshare -rm)")
def test_a_system_that_shows_no_epoll_descriptors_is_a_config_error() -> None:
    told = run(
        """
        async def main():
            client = vw.RealtimeClient("m", url="ws://127.0.0.1:1/v1")
            try:
                await client.connect()
            except vw.ConfigError as error:
                print(error.field, client.state, 'use driver="thread"' in str(error))
        asyncio.run(main())
        """,
        front=HIDING,
    )

    assert told == "driver closed True (0)"


def test_a_loop_that_ends_with_a_live_client_closes_its_socket_and_warns() -> None:
    told = run_with_peer(
        """
        asyncio.run(vw.RealtimeClient("m", url=sys.argv[1], name="left").connect())
        gc.collect()
        print("collected")
        """
    )

    assert "ResourceWarning" not in told  # they are off by default
    assert told == "collected (0)"


def test_a_client_that_outlives_its_loop_is_closed_by_disconnect_and_connects_on_the_next() -> None:
    with Apart(Peer(send(CREATED))) as apart:
        client = vw.RealtimeClient("m", url=apart.url)

        async def leave() -> None:
            await client.connect()

        async def use() -> str:
            async with client:
                return client.state

        asyncio.run(leave())
        gc.collect()
        held, is_gone = client.state, apart.connection(0).gone.is_set()
        client.disconnect().result()
        apart.run(apart.connection(0).gone.wait())
        states = [client.state, asyncio.run(use()), client.state]

    assert (held, is_gone) == ("open", False)
    assert states == ["closed", "open", "closed"]


def test_a_client_that_is_collected_behind_its_loop_warns_and_closes_its_socket() -> None:
    with Apart(Peer(send(CREATED))) as apart:
        client = vw.RealtimeClient("m", url=apart.url, name="left")

        async def leave(client: vw.RealtimeClient) -> None:
            await client.connect()

        asyncio.run(leave(client))
        client.cycle = client  # type: ignore[attr-defined]
        del client
        with pytest.warns(ResourceWarning, match=r"unclosed client: <RealtimeClient left"):
            gc.collect()
        apart.run(apart.connection().gone.wait())


async def test_a_client_that_is_collected_on_another_thread_closes_its_socket() -> None:
    with Apart(Peer(send(CREATED))) as apart:
        client = await vw.RealtimeClient("m", url=apart.url, name="left").connect()
        connection = apart.connection()
        client.cycle = client  # type: ignore[attr-defined]
        del client
        with pytest.warns(ResourceWarning, match="unclosed client"):
            await asyncio.to_thread(gc.collect)
        await soon(asyncio.wrap_future(apart.start(connection.gone.wait())))


def test_a_loop_that_ends_while_a_connect_is_under_way_closes_its_socket() -> None:
    with Apart(Peer(upgrade=never())) as apart:
        client = vw.RealtimeClient("m", url=apart.url)

        async def leave(client: vw.RealtimeClient) -> None:
            connecting = asyncio.ensure_future(client.connect())
            await asyncio.to_thread(apart.connection)
            connecting.cancel()

        asyncio.run(leave(client))
        del client
        gc.collect()
        apart.run(apart.connection().gone.wait())


def test_descriptors_do_not_pile_up_from_loop_to_loop() -> None:
    with Apart(Peer(send(CREATED))) as apart:

        async def use() -> None:
            async with vw.RealtimeClient("m", url=apart.url):
                pass

        counts = []
        for number in range(6):
            asyncio.run(use())
            gc.collect()
            apart.run(apart.connection(number).gone.wait())
            counts.append(len(list(Path("/proc/self/fd").iterdir())))

    assert counts[-1] == counts[1]


def test_the_interpreter_ends_with_a_live_session_silently() -> None:
    told = run_with_peer(
        """
        client = vw.RealtimeClient("m", url=sys.argv[1])
        loop = asyncio.new_event_loop()
        loop.run_until_complete(client.connect())
        client.send_text("Hello.")
        """
    )

    assert told == "(0)"


def test_an_interrupt_in_a_handler_ends_the_loop_which_can_say_goodbye() -> None:
    told = run_with_peer(
        """
        client = vw.RealtimeClient("m", url=sys.argv[1])
        @client.on(vw.Open)
        def interrupt(event):
            raise KeyboardInterrupt
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(client.connect())
        except KeyboardInterrupt:
            print("interrupted", end=" ")
        async def goodbye():
            await client.disconnect()
            print(client.state)
        loop.run_until_complete(goodbye())
        loop.close()
        """
    )

    assert told == "interrupted closed (0)"


def test_ctrl_c_cancels_the_main_task_which_says_goodbye() -> None:
    told = run_with_peer(
        """
        import signal
        client = vw.RealtimeClient("m", url=sys.argv[1])
        closed = []
        client.on(vw.Closed, lambda event: closed.append((event.code, event.clean)))
        async def main():
            async with client:
                signal.raise_signal(signal.SIGINT)
                await asyncio.Event().wait()
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted", client.state, closed)
        """
    )

    assert told == "interrupted closed [(1000, True)] (0)"


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)", "gc.collect(); sys.exit(0)"])
def test_a_forked_child_leaves_the_sessions_of_its_parent_alone(end: str) -> None:
    told = run(
        f"""
        simulator = vw.Simulator(pace=0).start()
        url = simulator.url

        async def anew():
            async with vw.RealtimeClient("m", url=url, api_key="k") as client:
                print((await client.ask("Hello.", timeout=10)).status, end=" ", flush=True)

        loop = asyncio.new_event_loop()
        old = vw.RealtimeClient("m", url=url, api_key="k")
        loop.run_until_complete(old.connect())
        events = old.events()
        pid = os.fork()
        if pid == 0:
            try:
                old.send_text("x")
            except vw.ForkedError:
                print("forked", end=" ")
            asyncio.run(anew())
            del old, events
            {end}
        os.waitpid(pid, 0)
        print("parent", loop.run_until_complete(old.ask("Still there?", timeout=10)).status)
        loop.run_until_complete(old.disconnect())
        os._exit(0)
        """
    )

    assert told == "forked completed parent completed (0)"


def test_uvloop_runs_sessions_as_well() -> None:
    uvloop = pytest.importorskip("uvloop")
    heard: list[str] = []

    async def use(url: str) -> None:
        async with vw.RealtimeClient("m", url=url) as client:
            client.on(vw.TextDelta, lambda event: heard.append(event.text))
            client.realtime.send("go")
            await soon(client.wait_for(vw.TextDelta, timeout=10))
            await soon(client.ping(timeout=5))

    with Apart(Peer(send(CREATED), GO, send(text_delta("A")))) as apart:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(use(apart.url))
        apart.run(apart.connection().gone.wait())

    assert heard == ["A"]


def test_a_uvloop_that_ends_with_a_live_client_closes_its_socket() -> None:
    pytest.importorskip("uvloop")
    told = run_with_peer(
        """
        import uvloop
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(vw.RealtimeClient("m", url=sys.argv[1]).connect())
        del runner
        gc.collect()
        print("collected")
        """
    )

    assert told == "collected (0)"
