"""Clients and simulators that nobody ended properly: cancelled, collected, left by their loop, forked."""

import asyncio
import gc
import os
import subprocess
import sys
import textwrap

import pytest
from tests.integration.listening import soon
from tests.integration.peer import Peer, never, send
from tests.integration.wire import CREATED

import voicewire as vw


async def test_cancelling_connect_closes_the_socket() -> None:
    async with Peer(upgrade=never()) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        connecting = asyncio.create_task(client.connect())
        connection = await peer.connection()

        connecting.cancel()

        with pytest.raises(asyncio.CancelledError):
            await connecting
        await soon(connection.gone.wait())
        await soon(client.disconnect())
        assert client.state == "closed"


async def test_cancelling_connect_before_the_greeting_closes_the_socket() -> None:
    async with Peer() as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        connecting = asyncio.create_task(client.connect())
        connection = await peer.connection()

        connecting.cancel()

        with pytest.raises(asyncio.CancelledError):
            await connecting
        await soon(connection.gone.wait())


async def test_a_client_whose_connect_was_cancelled_can_connect_again() -> None:
    async with Peer(upgrade=never()) as silent, Peer(send(CREATED)) as peer:
        client = vw.RealtimeClient("m", url=peer.url)
        connecting = asyncio.create_task(vw.RealtimeClient("m", url=silent.url).connect())
        await silent.connection()
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)

        async with client:
            assert client.connected


async def test_a_collected_client_warns_and_closes_its_socket() -> None:
    async with Peer(send(CREATED)) as peer:
        client = await vw.RealtimeClient("m", url=peer.url, name="forgotten").connect()
        connection = await peer.connection()

        client.cycle = client  # type: ignore[attr-defined]
        del client
        with pytest.warns(ResourceWarning, match=r"unclosed client: <RealtimeClient forgotten"):
            gc.collect()

        await soon(connection.gone.wait())


async def test_a_client_with_handlers_iterator_and_receipts_can_be_collected() -> None:
    async with Peer(send(CREATED)) as peer:
        client = await vw.RealtimeClient("m", url=peer.url).connect()
        connection = await peer.connection()

        async def listen(event: vw.Event) -> None: ...

        client.on("*", print)
        client.on(vw.AudioDelta, listen)
        client.realtime.on("server.response.done", print)
        events, receipt = aiter(client), client.send_text("Hello.")

        client.cycle = client  # type: ignore[attr-defined]
        del client
        with pytest.warns(ResourceWarning, match="unclosed client"):
            gc.collect()

        await soon(connection.gone.wait())
        del events, receipt


def test_a_loop_that_ends_with_a_live_client_does_not_hang_and_its_socket_is_closed() -> None:
    done = _run(
        """
        import asyncio, gc, warnings, voicewire as vw
        simulator = vw.Simulator(pace=0).start()
        clients = []
        async def main():
            clients.append(await vw.RealtimeClient("m", url=simulator.url, api_key="k").connect())
            clients[0].send_text("Hello.")
            await simulator.wait_for("response.create")
        asyncio.run(main())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clients.clear()
            gc.collect()
        print([warning.category.__name__ for warning in caught])
        simulator.stop()
        """
    )

    assert done.stdout.strip() == "['ResourceWarning']"
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_client_outlives_its_loop_and_connects_on_the_next() -> None:
    client = vw.RealtimeClient("openai/m", api_key="k", url="ws://127.0.0.1:1/v1")

    async def use() -> None:
        with pytest.raises(vw.ConnectError):
            await client.connect()

    asyncio.run(use())
    asyncio.run(use())
    assert client.state == "closed"


def test_a_server_sees_the_end_of_a_client_whose_loop_is_gone() -> None:
    async def serve() -> None:
        async with Peer(send(CREATED)) as peer:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-W",
                "ignore::ResourceWarning",
                "-c",
                "import asyncio, sys, voicewire as vw\nasyncio.run(vw.RealtimeClient('m', url=sys.argv[1]).connect())",
                peer.url,
                stderr=asyncio.subprocess.PIPE,
            )
            connection = await peer.connection()
            await soon(connection.gone.wait())
            _, errors = await soon(process.communicate())
            assert (process.returncode, errors) == (0, b"")

    asyncio.run(serve())


def test_the_interpreter_ends_with_a_live_session_silently_and_at_once() -> None:
    done = _run(
        """
        import asyncio, voicewire as vw
        simulator = vw.Simulator(pace=0).start()
        client = vw.RealtimeClient("m", url=simulator.url, api_key="k")
        async def main():
            await client.connect()
            client.send_text("Hello.")
        asyncio.run(main())
        """,
        "-W",
        "ignore::ResourceWarning",
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_in_a_forked_child_the_old_client_raises_and_a_new_one_works() -> None:
    done = _run(
        """
        import asyncio, os, voicewire as vw
        simulator = vw.Simulator(pace=0).start()
        url = simulator.url

        def child(old):
            methods = [lambda: old.send_text("x"), lambda: old.send_audio(b"\\0\\0"), lambda: old.stats(),
                       lambda: old.events(), lambda: old.on("audio", print), lambda: old.commit_audio()]
            for method in methods:
                try:
                    method()
                except vw.ForkedError:
                    print("forked", end=" ")
            try:
                asyncio.run(old.connect())
            except vw.ForkedError:
                print("forked", end=" ")
            old.disconnect()
            print(old.state, "closed" in repr(old), end=" ")
            async def anew():
                async with vw.RealtimeClient("m", url=url, api_key="k") as client:
                    reply = await client.ask("Hello.", timeout=10)
                    print(reply.status, flush=True)
            asyncio.run(anew())

        async def hold():
            client = await vw.RealtimeClient("m", url=url, api_key="k").connect()
            return client
        loop = asyncio.new_event_loop()
        old = loop.run_until_complete(hold())
        pid = os.fork()
        if pid == 0:
            asyncio.set_event_loop(None)
            child(old)
            os._exit(0)
        loop.run_until_complete(asyncio.to_thread(os.waitpid, pid, 0))
        print("parent", loop.run_until_complete(old.ask("Still there?", timeout=10)).status)
        loop.run_until_complete(old.disconnect())
        loop.close()
        simulator.stop()
        """,
        "-W",
        "ignore::DeprecationWarning",
    )

    assert done.stdout.splitlines() == [
        "forked forked forked forked forked forked forked closed True completed",
        "parent completed",
    ]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize(
    "act",
    ["pass", "simulator.stop()", "del simulator", "simulator.__exit__(None, None, None)", "simulator.cpu_s"],
)
def test_a_forked_child_leaves_the_simulator_to_its_parent(act: str) -> None:
    done = _run(
        f"""
        import os, socket, sys, voicewire as vw
        simulator = vw.Simulator(tls=True).start()
        pid = os.fork()
        if pid == 0:
            {act}
            sys.exit(0)
        _, status = os.waitpid(pid, 0)
        port = int(simulator.gemini_url.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), 5).close()
        print(os.waitstatus_to_exitcode(status), os.path.exists(simulator.ca_file))
        ca_file = simulator.ca_file
        simulator.stop()
        print(os.path.exists(ca_file))
        """,
        "-W",
        "ignore::DeprecationWarning",
    )

    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["0", "True", "False"], "")


def _run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
