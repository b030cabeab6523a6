"""Connections that do not come about: the exception, its kind, and what it tells."""

import asyncio
import socket
import time

import pytest
from tests.integration.listening import soon
from tests.integration.peer import Peer, abort, accept, close, expect, hang_up, never, refuse, send
from tests.integration.wire import CREATED, error

import voicewire as vw

KEY = "sk-very-secret-key"


async def refused(url: str, *, key: str | None = KEY, timeouts: vw.Timeouts | None = None) -> vw.VoicewireError:
    """The exception of a connect that fails; the client is closed after it and shows no key."""
    client = vw.RealtimeClient("m", url=url, api_key=key, timeouts=timeouts)
    with pytest.raises(vw.VoicewireError) as caught:
        await client.connect()
    assert client.state == "closed"
    assert KEY not in f"{client!r} {caught.value!r} {caught.value} {vars(caught.value)}"
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_key_refused_by_http_is_an_authentication_error_with_the_body(status: int) -> None:
    body = '{"error": {"code": "invalid_api_key", "message": "Wrong key: sk-very-secret-key"}}'

    async with Peer(upgrade=refuse(f"{status} Refused", body)) as peer:
        failure = await refused(peer.url)

    assert isinstance(failure, vw.AuthenticationError)
    assert isinstance(failure, vw.ConnectError)
    assert (failure.kind, failure.status, failure.retry_after) == ("http", status, None)
    assert '"invalid_api_key"' in failure.body
    assert "Wrong key: " in failure.body


async def test_a_wrong_key_refused_after_the_upgrade_is_an_authentication_error() -> None:
    told = error("invalid_api_key", f"Wrong key: {KEY}")

    async with Peer(send(told), close(3000, "invalid_request_error.invalid_api_key")) as peer:
        failure = await refused(peer.url)

    assert isinstance(failure, vw.AuthenticationError)
    assert "invalid_api_key" in str(failure)


@pytest.mark.parametrize("refusal", ["http", "event"])
async def test_the_simulators_wrong_key_is_an_authentication_error(refusal: str) -> None:
    with vw.Simulator(api_key="sk-right", refusal=refusal) as simulator:  # type: ignore[arg-type]
        failure = await refused(simulator.url)
        client = vw.RealtimeClient("m", url=simulator.url, api_key="sk-right")
        async with client:
            assert client.connected

    assert isinstance(failure, vw.AuthenticationError)


@pytest.mark.parametrize("refusal", ["http", "event"])
async def test_an_unknown_model_is_a_connect_error(refusal: str) -> None:
    with vw.Simulator(models=["gpt-realtime"], refusal=refusal) as simulator:  # type: ignore[arg-type]
        failure = await refused(simulator.url)

    assert isinstance(failure, vw.ConnectError)
    assert not isinstance(failure, vw.AuthenticationError)
    assert failure.kind == "http"
    assert failure.status == (404 if refusal == "http" else None)
    assert "model_not_found" in f"{failure} {failure.body}"


async def test_the_beta_refusal_names_its_code() -> None:
    told = error("beta_api_shape_disabled", "The beta API is gone.")

    async with Peer(send(told), close(4000, "invalid_request_error.beta_api_shape_disabled")) as peer:
        failure = await refused(peer.url)

    assert isinstance(failure, vw.ConnectError)
    assert "beta_api_shape_disabled" in str(failure)


async def test_a_refused_port_is_told_as_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        failure = await refused(f"ws://127.0.0.1:{port}/v1")

    assert isinstance(failure, vw.ConnectError)
    assert (failure.kind, failure.status, failure.body) == ("refused", None, None)
    assert str(port) in str(failure)


async def test_a_name_that_does_not_resolve_is_told_as_dns() -> None:
    failure = await refused("wss://no-such-host.invalid/v1")

    assert isinstance(failure, vw.ConnectError)
    assert failure.kind == "dns"
    assert "no-such-host.invalid" in str(failure)


@pytest.mark.parametrize("stage", ["upgrade", "greeting"])
async def test_a_silent_server_is_a_connect_timeout(stage: str) -> None:
    upgrade = {"upgrade": never(), "greeting": accept()}[stage]

    async with Peer(upgrade=upgrade) as peer:
        began = time.monotonic()
        failure = await refused(peer.url, timeouts=vw.Timeouts(connect=0.2))
        took = time.monotonic() - began
        await soon((await peer.connection()).gone.wait())

    assert isinstance(failure, vw.ConnectTimeout)
    assert isinstance(failure, TimeoutError)
    assert failure.kind == "timeout"
    assert 0.15 < took < 2


async def test_a_server_that_dribbles_its_answer_is_waited_for_no_longer_than_the_timeout() -> None:
    async def dribble(connection: object) -> None:
        while not connection.gone.is_set():  # type: ignore[attr-defined]
            await connection.send_bytes(b"H")  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)

    async with Peer(upgrade=dribble) as peer:
        failure = await refused(peer.url, timeouts=vw.Timeouts(connect=0.2))

    assert isinstance(failure, vw.ConnectError)


async def test_an_upgrade_that_comes_byte_by_byte_is_taken() -> None:
    async with (
        Peer(send(CREATED), upgrade=accept(byte_by_byte=True)) as peer,
        vw.RealtimeClient("m", url=peer.url) as client,
    ):
        assert client.session_id == "sess_1"


@pytest.mark.parametrize("end", [abort(), hang_up()], ids=["reset", "end of stream"])
async def test_a_server_that_hangs_up_instead_of_an_upgrade_is_told_as_reset(end: object) -> None:
    async with Peer(upgrade=end) as peer:  # type: ignore[arg-type]
        failure = await refused(peer.url)

    assert isinstance(failure, vw.ConnectError)
    assert failure.kind == "reset"


@pytest.mark.parametrize("end", [abort(), hang_up(), close(1011, "broken")], ids=["reset", "end", "close"])
async def test_a_server_that_leaves_before_its_greeting_is_told_as_reset(end: object) -> None:
    async with Peer(end) as peer:  # type: ignore[arg-type]
        failure = await refused(peer.url)

    assert isinstance(failure, vw.ConnectError)
    assert failure.kind == "reset"


async def test_a_server_that_answers_no_http_is_told_as_http() -> None:
    async def banner(connection: object) -> None:
        await connection.send_bytes(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")  # type: ignore[attr-defined]

    async with Peer(upgrade=banner) as peer:
        failure = await refused(peer.url)

    assert (type(failure), failure.kind, failure.status) == (vw.ConnectError, "http", None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("Retry-After: 7\r\n", 7),
        ("retry-after-ms: 1500\r\nRetry-After: 2\r\n", 1.5),
        ("Retry-After: soon\r\n", None),
        ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 0),
        ("", None),
    ],
    ids=repr,
)
async def test_retry_after_is_told_in_seconds(headers: str, seconds: float | None) -> None:
    async with Peer(upgrade=refuse("429 Too Many Requests", "Slow down.", headers)) as peer:
        failure = await refused(peer.url)

    assert isinstance(failure, vw.ConnectError)
    assert (failure.status, failure.body, failure.retry_after) == (429, "Slow down.", seconds)


async def test_the_body_of_a_refusal_is_cut_at_64_kib() -> None:
    async with Peer(upgrade=refuse("500 Oops", "x" * 200_000)) as peer:
        failure = await refused(peer.url)

    assert isinstance(failure, vw.ConnectError)
    assert failure.body == "x" * 65_536


async def test_a_redirect_is_not_followed_and_its_key_goes_nowhere() -> None:
    async with Peer(send(CREATED)) as elsewhere:
        headers = f"Location: {elsewhere.url.replace('ws:', 'http:')}/realtime\r\n"
        async with Peer(upgrade=refuse("307 Temporary Redirect", "", headers)) as peer:
            failure = await refused(peer.url)

    assert isinstance(failure, vw.ConnectError)
    assert failure.status == 307
    assert elsewhere.connections == []


async def test_a_101_with_a_wrong_accept_key_is_refused() -> None:
    async def lie(connection: object) -> None:
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        await connection.send_bytes(head + b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n")  # type: ignore[attr-defined]

    async with Peer(upgrade=lie) as peer:
        failure = await refused(peer.url)

    assert (type(failure), failure.kind) == (vw.ConnectError, "http")


async def test_an_extension_or_subprotocol_that_nobody_asked_for_is_refused() -> None:
    for header in ("Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Protocol: chat\r\n"):
        async with Peer(send(CREATED), upgrade=accept(headers=header)) as peer:
            failure = await refused(peer.url)
        assert (type(failure), failure.kind) == (vw.ConnectError, "http")


async def test_frames_sent_together_with_the_upgrade_are_not_lost() -> None:
    async def at_once(connection: object) -> None:
        pieces: list[bytes] = []
        send_bytes = connection.send_bytes  # type: ignore[attr-defined]

        async def gather(data: bytes) -> None:
            pieces.append(data)

        connection.send_bytes = gather  # type: ignore[attr-defined]
        await accept()(connection)  # type: ignore[arg-type]
        await connection.send(CREATED, {"type": "second"})  # type: ignore[attr-defined]
        connection.send_bytes = send_bytes  # type: ignore[attr-defined]
        await send_bytes(b"".join(pieces))

    async with Peer(expect("go"), upgrade=at_once) as peer, vw.RealtimeClient("m", url=peer.url) as client:
        events = aiter(client)
        assert [(await soon(anext(events))).type for _ in range(2)] == ["open", "second"]
        client.realtime.send("go")
