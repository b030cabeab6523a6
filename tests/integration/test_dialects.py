"""One client, many services: the same program against each dialect of the simulator."""

import asyncio
from typing import Any

import numpy as np
import pytest

import voicewire as vw

PATIENCE_S = 10
DIALECTS = ["ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen"]
PATHS = {
    "ga": "/v1/realtime?model=m",
    "beta": "/v1/realtime?model=m",
    "azure": "/openai/v1/realtime?model=m",
    "azure-preview": "/openai/realtime?api-version=2025-04-01-preview&deployment=m",
    "voice-live": "/voice-live/realtime?api-version=2025-10-01&model=m",
    "xai": "/v1/realtime?model=m",
    "qwen": "/api-ws/v1/realtime?model=m",
}
AZURE = ("azure", "azure-preview", "voice-live")


def simulated(dialect: str, **options: Any) -> vw.Simulator:
    # xAI is reached at the same path as OpenAI.
    return vw.Simulator(pace=0, beta="allow", dialect="xai" if dialect == "xai" else None, **options)


def opened(simulator: vw.Simulator, dialect: Any, **options: Any) -> vw.RealtimeClient:
    return vw.RealtimeClient("m", url=simulator.url, dialect=dialect, api_key="sk-test-1", **options)


def tone(seconds: float, rate: int) -> Any:
    return (8_000 * np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 220 / rate)).astype(np.int16)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_same_program_talks_to_each_service(dialect: str) -> None:
    script = [
        {
            "when": {"text": "weather"},
            "tools": [{"name": "look", "arguments": {"at": "Ulm"}}, {"name": "look", "arguments": {"at": "Rom"}}],
        }
    ]
    problems: list[Any] = []
    with simulated(dialect, script=script, api_key="sk-test-1") as simulator:
        client = opened(simulator, dialect, instructions="Be brief.", voice="alloy", max_output_tokens=500)
        client.on("error", problems.append)
        client.on("config_mismatch", problems.append)

        @client.tool
        def look(at: str) -> str:
            """Look out of the window."""
            return f"sunny in {at}"

        async with client:
            reply = await client.ask("How is the weather?", timeout=PATIENCE_S)
            again = await client.ask("Thanks.", timeout=PATIENCE_S)
            kinds = [item.type for item in client.conversation]
            answers = [item.transcript or item.text for item in client.conversation if item.role == "assistant"]
            usage = client.usage
        (connection,) = simulator.connections

    assert problems == []
    assert connection["path"] == PATHS[dialect]
    assert "sunny in Ulm" in reply.text
    assert "sunny in Rom" in reply.text
    assert len(reply.audio) > 24_000
    assert kinds == ["message", *["function_call"] * 2, *["function_call_output"] * 2, *["message"] * 3]
    assert answers == [reply.text, again.text]
    assert usage.output_tokens > 0


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_speech_becomes_a_turn_at_each_service(dialect: str) -> None:
    with simulated(dialect) as simulator:
        client = opened(simulator, dialect, turn_detection=vw.ServerVAD(), input_transcription=True)
        async with client:
            rate = client.capabilities.input_sample_rate
            for _ in range(2):
                client.send_audio(tone(0.5, rate))
            client.send_audio(np.zeros(rate, np.int16))
            seen = []
            async with asyncio.timeout(PATIENCE_S):
                async for event in client:
                    seen.append(event.type)
                    if isinstance(event, vw.TurnComplete):
                        break
            user = next(item for item in client.conversation if item.role == "user")

    assert seen.index("speech_started") < seen.index("speech_stopped") < seen.index("response_started")
    assert "audio" in seen
    assert user.has_audio
    assert user.transcript


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_handlers_may_use_the_names_of_either_generation(dialect: str) -> None:
    heard: dict[str, int] = {}

    def count(name: str) -> Any:
        return lambda event: heard.__setitem__(name, heard.get(name, 0) + 1)

    with simulated(dialect) as simulator:
        client = opened(simulator, dialect)
        for name in ("response.audio.delta", "response.output_audio.delta", "audio", "conversation.item.created"):
            client.on(name, count(name))
        async with client:
            await client.ask("Hello.", timeout=PATIENCE_S)

    assert heard["response.audio.delta"] == heard["response.output_audio.delta"] == heard["audio"]
    assert heard["conversation.item.created"] == 2


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_key_travels_as_the_service_wants_it(dialect: str) -> None:
    with simulated(dialect) as simulator:
        async with opened(simulator, dialect):
            pass
        headers = {name.lower() for name in simulator.connections[0]["headers"]}

    assert ("api-key" in headers) == (dialect in AZURE)
    assert ("authorization" in headers) == (dialect not in AZURE)
    assert ("openai-beta" in headers) == (dialect == "beta")


async def test_a_token_provider_of_azure_gives_a_bearer_token_at_every_connect() -> None:
    given: list[str] = []

    async def token() -> str:
        given.append(f"entra-token-{len(given)}")
        return given[-1]

    with simulated("azure") as simulator:
        client = vw.RealtimeClient("azure/m", url=simulator.url, token_provider=token)
        for _ in range(2):
            async with client:
                pass
        headers = [{name.lower() for name in connection["headers"]} for connection in simulator.connections]

    assert given == ["entra-token-0", "entra-token-1"]
    assert all("authorization" in names and "api-key" not in names for names in headers)


@pytest.mark.parametrize(
    ("dialect", "unsupported"),
    [
        ("ga", {"temperature", "metadata"}),
        ("beta", {"reasoning", "parallel_tool_calls", "truncation", "metadata"}),
        ("xai", {"speed", "noise_reduction", "reasoning", "parallel_tool_calls", "truncation", "metadata"}),
        ("voice-live", {"speed", "truncation"}),
    ],
)
def test_capabilities_name_the_options_without_words(dialect: Any, unsupported: set[str]) -> None:
    client = vw.RealtimeClient("m", url="ws://localhost/v1", dialect=dialect)

    assert set(client.capabilities.unsupported_options) == unsupported


async def test_options_without_words_are_told_after_open(simulator: vw.Simulator) -> None:
    async with opened(simulator, "ga", temperature=0.5) as client:
        seen = [await anext(aiter(client)), await anext(aiter(client))]

    assert isinstance(seen[0], vw.Open)
    match seen[1]:
        case vw.ConfigMismatch(fields=fields):
            assert fields == ["temperature"]
        case other:
            raise AssertionError(other)


def test_strict_refuses_options_without_words() -> None:
    with pytest.raises(vw.ConfigError, match="dialect ga has no words for temperature") as caught:
        vw.RealtimeClient("openai/m", temperature=0.5, strict=True)

    assert caught.value.field == "temperature"


async def test_beta_is_never_sent_to_openai_by_itself() -> None:
    with pytest.raises(vw.ConfigError, match="no address of its own"):
        vw.RealtimeClient("openai/m", dialect="beta")


async def test_a_server_without_beta_refuses_with_a_typed_error() -> None:
    with vw.Simulator() as simulator, pytest.raises(vw.ConnectError, match="beta_api_shape_disabled"):
        await opened(simulator, "beta").connect()


def test_azure_asks_for_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    client = vw.RealtimeClient("azure/m")

    with pytest.raises(vw.ConfigError, match="AZURE_OPENAI_ENDPOINT"):
        asyncio.run(client.connect())


@pytest.mark.parametrize(
    ("endpoint", "url", "dialect"),
    [
        ("https://r.openai.azure.com/", "wss://r.openai.azure.com/openai/v1/realtime?model=m", "azure"),
        (
            "https://r.openai.azure.com/openai/realtime?api-version=2024-10-01-preview",
            "wss://r.openai.azure.com/openai/realtime?api-version=2024-10-01-preview&deployment=m",
            "azure-preview",
        ),
        (
            "https://r.services.ai.azure.com/voice-live/realtime?api-version=2025-10-01",
            "wss://r.services.ai.azure.com/voice-live/realtime?api-version=2025-10-01&model=m",
            "voice-live",
        ),
    ],
)
def test_azure_s_address_tells_the_dialect(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, url: str, dialect: str
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", endpoint)
    destination = vw.RealtimeClient("azure/m", api_key="k-123456")._destination

    assert destination.dialect == dialect
    assert destination.check("k-123456")[0] == url


@pytest.mark.parametrize(
    ("model", "url", "variable", "goes"),
    [
        ("xai/m", None, "XAI_API_KEY", True),
        ("xai/m", "wss://relay.example.com/v1", "XAI_API_KEY", False),
        ("azure/m", "https://r.openai.azure.com", "AZURE_OPENAI_API_KEY", True),
        ("azure/m", "https://openai.azure.com.example.com", "AZURE_OPENAI_API_KEY", False),
        ("qwen/m", None, "DASHSCOPE_API_KEY", True),
    ],
)
def test_keys_of_the_environment_go_to_their_own_hosts(
    monkeypatch: pytest.MonkeyPatch, model: str, url: str | None, variable: str, goes: bool
) -> None:
    monkeypatch.setenv(variable, "k-of-the-environment")
    destination = vw.RealtimeClient(model, url=url)._destination

    assert (destination.key() == "k-of-the-environment") is goes


async def test_a_transcription_session_writes_and_does_not_answer(simulator: vw.Simulator) -> None:
    client = vw.RealtimeClient(
        "openai/gpt-4o-transcribe",
        url=simulator.url,
        api_key="sk-test-1",
        session_type="transcription",
        input_transcription="gpt-4o-transcribe",
        turn_detection=None,
    )
    async with client:
        client.send_audio(tone(0.5, 24_000))
        client.commit_audio()
        async with asyncio.timeout(PATIENCE_S):
            final = await anext(e async for e in client if isinstance(e, vw.InputTranscript) and e.final)

    assert final.text
    assert simulator.connections[0]["path"] == "/v1/realtime?intent=transcription"
    (update,) = [event for event in simulator.received if event["type"] == "session.update"]
    assert update["session"] == {
        "type": "transcription",
        "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": None}},
    }


async def test_a_call_is_joined_beside_its_caller(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("openai/m", url=simulator.url, api_key="sk-test-1", call_id="rtc_1") as client:
        reply = await client.ask("Hello.", timeout=PATIENCE_S)

    assert reply.text
    assert simulator.connections[0]["path"] == "/v1/realtime?call_id=rtc_1"


async def test_a_minted_key_opens_a_session_over_tls() -> None:
    with vw.Simulator(pace=0, tls=True, api_key="sk-server-key") as simulator:
        secret = await vw.create_client_secret(
            "sk-server-key", url=simulator.http_url, ca=simulator.ca_file, session={"instructions": "Be brief."}
        )

        def provider() -> dict[str, Any]:
            return {"client_secret": {"value": secret.value, "expires_at": secret.expires_at}, "model": "gpt-realtime"}

        client = vw.RealtimeClient("openai/", url=simulator.url, ca=simulator.ca_file, token_provider=provider)
        async with client:
            reply = await client.ask("Who are you?", timeout=PATIENCE_S)

    assert "Be brief." in reply.text
    assert client.model == "gpt-realtime"


async def test_history_is_known_to_the_model(simulator: vw.Simulator) -> None:
    history = [{"role": "user", "text": "My name is Ada."}, {"role": "assistant", "text": "Hello, Ada."}]
    client = vw.RealtimeClient("openai/m", url=simulator.url, api_key="sk-test-1", history=history)
    async with client:
        reply = await client.ask("Go on.", timeout=PATIENCE_S)
        said = [item.text for item in client.conversation][:2]

    assert said == ["My name is Ada.", "Hello, Ada."]
    assert "My name is Ada." in reply.text


def test_what_a_service_cannot_do_is_an_error_at_once() -> None:
    client = vw.RealtimeClient("m", url="ws://localhost/v1", dialect="xai")

    with pytest.raises(vw.UnsupportedError, match="image_input"):
        client.send_image(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(vw.UnsupportedError, match="mcp"):
        client.add_tool({"type": "mcp", "server_label": "shop", "server_url": "https://example.com"})
