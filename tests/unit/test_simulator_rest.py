"""The simulator's HTTP interface and its TLS: secrets, calls, certificates."""

import json
import ssl
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

import voicewire as vw

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
PATIENCE_S = 10.0


def post(
    simulator: vw.Simulator, path: str, body: Any, *, key: str = "sk-right", kind: str = "application/json"
) -> tuple[HTTPResponse, str]:
    data = body if isinstance(body, str) else json.dumps(body)
    request = urllib.request.Request(f"{simulator.http_url}{path}", data.encode(), method="POST")
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", kind)
    context = ssl.create_default_context(cafile=simulator.ca_file) if simulator.ca_file else None
    with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as response:
        return response, response.read().decode()


def refused(simulator: vw.Simulator, path: str, body: Any, **options: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(simulator, path, body, **options)
    with caught.value as error:
        return error.code, json.loads(error.read())["error"]


async def test_a_client_connects_with_a_secret() -> None:
    session = {"type": "realtime", "instructions": "Be brief."}
    async with vw.Simulator(api_key="sk-right", pace=0) as simulator:
        _, text = post(simulator, "/realtime/client_secrets", {"session": session})
        secret = json.loads(text)["value"]

        async with vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key=secret) as client:
            reply = await client.ask("Hello.")
        with pytest.raises(vw.AuthenticationError):
            await vw.RealtimeClient("openai/gpt-realtime", url=simulator.url, api_key="ek_none").connect()

    assert secret.startswith("ek_")
    assert "My instructions are: Be brief." in reply.text


def test_wrong_limits_of_a_secret_are_refused() -> None:
    body = {"expires_after": {"anchor": "created_at", "seconds": 9}}
    with vw.Simulator() as simulator:
        status, error = refused(simulator, "/realtime/client_secrets", body)

    assert (status, error["code"], error["param"]) == (400, "invalid_value", "expires_after.seconds")


def test_requests_can_be_looked_at_while_it_runs_and_after() -> None:
    simulator = vw.Simulator(api_key="sk-right")
    with simulator:
        response, answer = post(simulator, "/realtime/calls", OFFER, kind="application/sdp")
        location = response.headers["Location"]
        post(simulator, f"{location.removeprefix('/v1')}/reject", {"status_code": 486})
        refused(simulator, "/realtime/calls/rtc_none/hangup", "")
        seen = simulator.requests

    assert answer.startswith("v=0")
    assert [(request["method"], request["path"], request["status"]) for request in seen] == [
        ("POST", "/v1/realtime/calls", 201),
        ("POST", f"{location}/reject", 200),
        ("POST", "/v1/realtime/calls/rtc_none/hangup", 404),
    ]
    assert [request["body"] for request in seen] == [{"sdp": OFFER}, {"status_code": 486}, None]
    assert simulator.requests == seen
    assert simulator.connections == []


def test_a_wrong_key_is_refused() -> None:
    with vw.Simulator(api_key="sk-right") as simulator:
        status, error = refused(simulator, "/realtime/client_secrets", {}, key="sk-wrong")

    assert (status, error["code"]) == (401, "invalid_api_key")


async def test_a_client_talks_over_tls() -> None:
    async with vw.Simulator(tls=True, pace=0, script=[{"say": "Hello."}]) as simulator:
        assert simulator.url.startswith("wss://127.0.0.1:")
        assert simulator.http_url.startswith("https://127.0.0.1:")
        assert simulator.ca_file is not None
        post(simulator, "/realtime/client_secrets", {})

        async with vw.RealtimeClient("openai/any", url=simulator.url, api_key="k", ca=simulator.ca_file) as client:
            reply = await client.ask("Hi.")
        with pytest.raises(vw.ConnectError, match="not trusted"):
            await vw.RealtimeClient("openai/any", url=simulator.url, api_key="k").connect()
        path = Path(simulator.ca_file)

    assert reply.text == "Hello."
    assert not path.exists()


def test_without_tls_there_is_nothing_to_trust() -> None:
    with vw.Simulator() as simulator:
        assert simulator.ca_file is None
