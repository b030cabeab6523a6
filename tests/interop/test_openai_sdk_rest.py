"""The official SDK's HTTP calls against our simulator: secrets, calls, sessions beside them."""

import asyncio
from typing import Any

import pytest
from tests.interop.test_openai_sdk import PATIENCE_S, sdk, until

import voicewire as vw

openai = pytest.importorskip("openai", reason="the official SDK is not installed")
websockets = pytest.importorskip("websockets", reason="websockets is not installed")

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


async def call_id(client: Any) -> str:
    """A call begun with the SDK."""
    raw = client.realtime.calls.with_raw_response
    answer = await raw.create(sdp=OFFER, session={"type": "realtime", "model": "gpt-realtime"})
    return str(answer.headers["location"].rsplit("/", 1)[1])


async def test_a_secret_is_made_and_used(simulator: vw.Simulator) -> None:
    async with sdk(simulator) as client:
        secret = await client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={"type": "realtime", "model": "gpt-realtime-mini", "instructions": "Be brief."},
        )
    async with (
        sdk(simulator, secret.value) as client,
        client.realtime.connect(model="gpt-realtime-mini") as connection,
    ):
        created = (await until(connection, "session.created"))[-1]

    assert secret.session.instructions == "Be brief."
    assert created.session.instructions == "Be brief."
    assert created.session.model == "gpt-realtime-mini"


async def test_a_call_is_begun_joined_and_hung_up(simulator: vw.Simulator) -> None:
    async with sdk(simulator) as client:
        name = await call_id(client)
        async with client.realtime.connect(call_id=name) as connection:
            await connection.session.update(session={"type": "realtime"})
            assert [event.type for event in await until(connection, "session.updated")] == ["session.updated"]
            await client.realtime.calls.hangup(name)
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(websockets.ConnectionClosedOK):
                    await connection.recv()

    assert [request["path"] for request in simulator.requests] == [
        "/v1/realtime/calls",
        f"/v1/realtime/calls/{name}/hangup",
    ]
    assert simulator.requests[0]["body"]["session"]["model"] == "gpt-realtime"


async def test_calls_are_accepted_referred_and_rejected(simulator: vw.Simulator) -> None:
    async with sdk(simulator) as client:
        name = await call_id(client)
        await client.realtime.calls.accept(name, type="realtime", instructions="Hello.")
        await client.realtime.calls.refer(name, target_uri="tel:+15550100")
        await client.realtime.calls.reject(name, status_code=486)
        with pytest.raises(openai.NotFoundError):
            await client.realtime.calls.hangup(name)

    assert [request["body"] for request in simulator.requests[1:4]] == [
        {"type": "realtime", "instructions": "Hello."},
        {"target_uri": "tel:+15550100"},
        {"status_code": 486},
    ]


async def test_the_beta_client_speaks_beta() -> None:
    script = [{"say": "Hello."}]
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    async with (
        vw.Simulator(beta="allow", pace=0, script=script) as simulator,
        sdk(simulator) as client,
        client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection,
    ):
        await connection.session.update(session={"modalities": ["text"], "temperature": 0.7})
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        events = await until(connection, "response.done")

    assert [event.delta for event in events if event.type == "response.text.delta"] == ["Hello", "."]
    assert events[-1].response.temperature == 0.7
