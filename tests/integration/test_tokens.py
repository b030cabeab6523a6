"""Tokens of a provider, and calls joined by their id: what the handshake asks for."""

import time
from typing import Any

import pytest
from tests.integration.peer import Peer, Request, accept, send
from tests.integration.wire import CREATED

import voicewire as vw

SECRET = "ek_very_secret_value"


async def requested(path: str = "/v1", upgrade: Any = None, **options: Any) -> Request:
    async with Peer(send(CREATED), upgrade=upgrade) as peer:
        url = peer.url.removesuffix("/v1") + path
        async with vw.RealtimeClient(url=url, **options):
            return (await peer.connection()).request


@pytest.mark.parametrize(
    "token",
    [
        {"value": SECRET, "expires_at": time.time() + 3_600, "session": {"model": "minted"}},
        {"client_secret": {"value": SECRET, "expires_at": time.time() + 3_600}, "session_id": "s", "model": "minted"},
        {"client_secret": SECRET, "session_id": "s", "model": "minted"},
    ],
    ids=["ga", "beta", "house"],
)
async def test_a_token_brings_the_key_and_the_model(token: dict[str, Any]) -> None:
    request = await requested(token_provider=lambda: token)

    assert request.target == "/v1/realtime?model=minted"
    assert request.headers["authorization"] == f"Bearer {SECRET}"


async def test_the_model_of_the_client_wins_over_that_of_the_token() -> None:
    request = await requested(model="mine", token_provider=lambda: {"value": SECRET, "model": "minted"})

    assert request.target == "/v1/realtime?model=mine"


async def test_each_connect_takes_the_model_of_its_token() -> None:
    async def mint() -> dict[str, Any]:
        return {"value": SECRET, "model": f"model-{len(peer.connections)}"}

    async with Peer(send(CREATED)) as peer:
        client = vw.RealtimeClient(url=peer.url, token_provider=mint)
        for number in range(2):
            async with client:
                assert client.model == f"model-{number}"

    targets = [connection.request.target for connection in peer.connections]
    assert targets == ["/v1/realtime?model=model-0", "/v1/realtime?model=model-1"]


async def test_a_token_can_travel_as_a_subprotocol() -> None:
    upgrade = accept(headers="Sec-WebSocket-Protocol: realtime\r\n")
    request = await requested(upgrade=upgrade, token_provider=lambda: {"value": SECRET}, subprotocol_auth=True)

    assert f"openai-insecure-api-key.{SECRET}" in request.headers["sec-websocket-protocol"]
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("token", "error"),
    [({"value": SECRET, "expires_at": 1_700_000_000}, vw.AuthenticationError), ({"key": SECRET}, vw.ConfigError)],
    ids=["expired", "wrong"],
)
async def test_a_token_that_cannot_be_used_sends_nothing(token: Any, error: type[Exception]) -> None:
    async with Peer(send(CREATED)) as peer:
        client = vw.RealtimeClient(url=peer.url, token_provider=lambda: token)
        with pytest.raises(error):
            await client.connect()

    assert client.state == "closed"
    assert peer.connections == []


async def test_without_a_price_for_the_model_of_a_token_nothing_is_spent() -> None:
    async with Peer(send(CREATED)) as peer:
        client = vw.RealtimeClient(
            url=peer.url, token_provider=lambda: {"value": SECRET, "model": "odd"}, limits=vw.Limits(max_cost=1)
        )
        with pytest.raises(vw.ConfigError, match="openai/odd"):
            await client.connect()

    assert peer.connections == []


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({}, "/v1/realtime?call_id=rtc_1"),
        ({"model": "openai/gpt-realtime"}, "/v1/realtime?call_id=rtc_1"),
        ({"path": "/v1?region=eu"}, "/v1/realtime?region=eu&call_id=rtc_1"),
    ],
    ids=["alone", "with a model", "with a query"],
)
async def test_a_call_is_joined_by_its_id_and_without_a_model(options: dict[str, Any], target: str) -> None:
    assert (await requested(call_id="rtc_1", **options)).target == target


def test_a_call_needs_neither_model_nor_provider() -> None:
    assert vw.RealtimeClient(call_id="rtc_1").provider == "openai"


@pytest.mark.parametrize("bad", ["", "rtc 1", "a/b", "..", "a&b", 7, "ü"])
def test_an_id_that_is_none_is_refused(bad: Any) -> None:
    with pytest.raises(vw.ConfigError, match="call_id"):
        vw.RealtimeClient("openai/m", call_id=bad)


def test_an_unknown_type_of_session_is_refused() -> None:
    with pytest.raises(vw.ConfigError, match="realtime, transcription"):
        vw.RealtimeClient("openai/m", session_type="karaoke")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_the_core_is_told_the_type_of_session_and_the_call(kind: Any) -> None:
    client = vw.RealtimeClient("openai/m", session_type=kind, call_id="rtc_1")
    shown, _ = client._destination.check(None)

    assert client._destination.endpoint(None)["session_type"] == kind
    assert "call_id=rtc_1" in shown
    assert "model=" not in shown
