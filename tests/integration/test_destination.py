"""Where the client goes and with which key: URL, headers, subprotocols, environment, and what is refused."""

import logging
import pickle
import traceback
from typing import Any

import pytest
from tests.integration.listening import soon
from tests.integration.peer import Peer, Request, accept, send
from tests.integration.wire import CREATED

import voicewire as vw

SECRET = "sk-very-secret-key"
FOREIGN = "wss://example.org/v1"


async def requested(path: str = "/v1", upgrade: Any = None, **options: Any) -> Request:
    """The upgrade request that a client with these options makes."""
    async with Peer(send(CREATED), upgrade=upgrade) as peer:
        url = peer.url.removesuffix("/v1") + path
        async with vw.RealtimeClient(options.pop("model", "gpt-realtime"), url=url, **options):
            return (await peer.connection()).request


async def test_the_request_is_a_websocket_upgrade_with_the_key_as_bearer() -> None:
    request = await requested(api_key=SECRET)

    assert request.line == "GET /v1/realtime?model=gpt-realtime HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["upgrade"].lower() == "websocket"
    assert request.headers["connection"].lower() == "upgrade"
    assert request.headers["sec-websocket-version"] == "13"
    assert request.headers["host"].startswith("127.0.0.1:")
    assert "openai-beta" not in request.headers
    assert "sec-websocket-protocol" not in request.headers
    assert "sec-websocket-extensions" not in request.headers


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/v1/realtime?model=gpt-realtime"),
        ("/", "/v1/realtime?model=gpt-realtime"),
        ("/v1", "/v1/realtime?model=gpt-realtime"),
        ("/v1/", "/v1/realtime?model=gpt-realtime"),
        ("/openai/v1", "/openai/v1/realtime?model=gpt-realtime"),
        ("/custom/path", "/custom/path?model=gpt-realtime"),
        ("/v1/realtime", "/v1/realtime?model=gpt-realtime"),
        ("/v1?key=7", "/v1/realtime?key=7&model=gpt-realtime"),
        ("/v1?model=other", "/v1/realtime?model=other"),
        ("/v1#fragment", "/v1/realtime?model=gpt-realtime"),
    ],
)
async def test_a_base_gets_the_path_and_the_model(path: str, target: str) -> None:
    assert (await requested(path)).target == target


async def test_without_a_model_there_is_no_model_parameter() -> None:
    assert (await requested(model=None)).target == "/v1/realtime"


async def test_a_model_is_escaped_in_the_url() -> None:
    assert (await requested(model="my model&x=ü")).target in (
        "/v1/realtime?model=my+model%26x%3D%C3%BC",
        "/v1/realtime?model=my%20model%26x%3D%C3%BC",
    )


async def test_http_urls_are_read_as_websocket_urls(simulator: vw.Simulator) -> None:
    async with vw.RealtimeClient("m", url=simulator.http_url) as client:
        assert client.connected


async def test_further_headers_are_sent_as_they_are() -> None:
    request = await requested(headers={"OpenAI-Organization": "org-1", "X-Ümlaut".replace("Ü", "U"): "a b"})

    assert request.headers["openai-organization"] == "org-1"
    assert request.headers["x-umlaut"] == "a b"


async def test_a_header_of_the_user_wins_over_the_keys() -> None:
    request = await requested(headers={"authorization": "Basic abc"}, api_key=SECRET)

    assert request.headers["authorization"] == "Basic abc"


async def test_the_key_can_travel_as_a_subprotocol() -> None:
    upgrade = accept(headers="Sec-WebSocket-Protocol: realtime\r\n")
    request = await requested(upgrade=upgrade, api_key=SECRET, subprotocol_auth=True)

    offered = [name.strip() for name in request.headers["sec-websocket-protocol"].split(",")]
    assert offered == ["realtime", f"openai-insecure-api-key.{SECRET}"]
    assert "authorization" not in request.headers


async def test_the_simulator_takes_a_key_as_a_subprotocol() -> None:
    with vw.Simulator(api_key=SECRET) as simulator:
        client = vw.RealtimeClient("m", url=simulator.url, api_key=SECRET, subprotocol_auth=True)
        async with client:
            assert client.connected


async def test_a_key_of_connect_wins() -> None:
    async with Peer(send(CREATED)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, api_key="sk-first")
        await client.connect(api_key="sk-second")
        await soon(client.disconnect())

        assert (await peer.connection()).request.headers["authorization"] == "Bearer sk-second"


async def test_a_token_provider_is_asked_at_every_connect() -> None:
    tokens = iter(["one", "two"])

    async def fetch() -> str:
        return next(tokens)

    async with Peer(send(CREATED)) as peer:
        client = vw.RealtimeClient("m", url=peer.url, token_provider=fetch)
        for _ in range(2):
            async with client:
                pass

    sent = [connection.request.headers["authorization"] for connection in peer.connections]
    assert sent == ["Bearer one", "Bearer two"]


async def test_a_token_provider_that_fails_raises_its_own_error() -> None:
    def fetch() -> str:
        raise LookupError("no token")

    client = vw.RealtimeClient("m", url="ws://127.0.0.1:1/v1", token_provider=fetch)

    with pytest.raises(LookupError, match="no token"):
        await client.connect()
    assert client.state in ("idle", "closed")


async def test_openai_base_url_is_read_and_its_host_counts_as_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Peer(send(CREATED)) as peer:
        monkeypatch.setenv("OPENAI_BASE_URL", peer.url.replace("ws:", "http:"))
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        async with vw.RealtimeClient("openai/gpt-realtime"):
            request = (await peer.connection()).request

    assert request.target == "/v1/realtime?model=gpt-realtime"
    assert request.headers["authorization"] == f"Bearer {SECRET}"


async def test_the_key_of_the_environment_goes_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)

    assert (await requested()).headers["authorization"] == f"Bearer {SECRET}"


async def test_the_key_of_the_environment_does_not_go_to_a_foreign_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    async with Peer(send(CREATED)) as peer:
        foreign = peer.url.replace("127.0.0.1", "0.0.0.0")  # reaches the peer, and is not loopback
        async with vw.RealtimeClient("m", url=foreign):
            request = (await peer.connection()).request

    assert "authorization" not in request.headers
    assert SECRET not in str(request)


async def test_a_missing_key_is_a_config_error_that_names_the_variable() -> None:
    client = vw.RealtimeClient("openai/gpt-realtime")

    with pytest.raises(vw.ConfigError, match="OPENAI_API_KEY"):
        await client.connect()
    assert client.state in ("idle", "closed")


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\r\nX-Evil: 1", "a\0b"], ids=repr)
@pytest.mark.parametrize("field", ["api_key", "model", "url", "headers", "header name", "connect"])
async def test_line_breaks_and_nul_are_refused_before_a_byte_is_sent(field: str, bad: str) -> None:
    async with Peer(send(CREATED)) as peer:
        options: dict[str, dict[str, Any]] = {
            "api_key": {"api_key": bad},
            "model": {"model": bad},
            "url": {"url": f"{peer.url}/{bad}"},
            "headers": {"headers": {"X-Test": bad}},
            "header name": {"headers": {bad: "x"}},
            "connect": {},
        }

        async def connect() -> None:
            client = vw.RealtimeClient(**{"model": "m", "url": peer.url, **options[field]})
            await client.connect(api_key=bad if field == "connect" else None)

        with pytest.raises(vw.ConfigError) as caught:
            await connect()

    assert isinstance(caught.value, ValueError)
    assert peer.connections == []
    assert field in ("model", "url") or bad not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "url is empty; leave it out for the provider's own: ''"),
        ("not a url", "URL does not begin with wss://, ws://, https:// or http://: url=not a url"),
        ("localhost:8000", "URL does not begin with wss://, ws://, https:// or http://: url=localhost:8000"),
        ("ftp://host/v1", "URL does not begin with wss://, ws://, https:// or http://: url=ftp://host/v1"),
        ("wss:///v1", "URL has no host: url=wss:///v1"),
        (f"user:{SECRET}@host", "URL does not begin with wss://, ws://, https:// or http://: url=host"),
        (f"wss://user:{SECRET}@?key={SECRET}", "not a URL (empty host): url=wss://"),
    ],
)
def test_a_url_that_is_none_is_named_as_it_was_given(url: str, told: str) -> None:
    with pytest.raises(vw.ConfigError) as caught:
        vw.RealtimeClient("m", url=url)

    assert str(caught.value) == told
    assert caught.value.field == "url"


@pytest.mark.parametrize(
    "name", ["Host", "connection", "UPGRADE", "Sec-WebSocket-Key", "sec-websocket-protocol", "bad name", "bad:name", ""]
)
def test_headers_of_the_handshake_and_no_names_are_refused(name: str) -> None:
    with pytest.raises(vw.ConfigError, match="header"):
        vw.RealtimeClient("m", url="ws://127.0.0.1:1/v1", headers={name: "x"})


@pytest.mark.parametrize(
    "url", ["ws://example.org/v1", "http://10.0.0.1", "ws://localhost.example.org", "ws://[::2]/v1"]
)
def test_a_key_over_plain_ws_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(vw.ConfigError, match="allow_insecure") as caught:
        vw.RealtimeClient("m", url=url, api_key=SECRET)

    assert SECRET not in f"{caught.value!r} {caught.value}"
    vw.RealtimeClient("m", url=url, api_key=SECRET, allow_insecure=True)
    vw.RealtimeClient("m", url=url)


@pytest.mark.parametrize("url", ["ws://localhost:1/v1", "ws://127.0.0.1:1", "ws://127.8.9.1:1", "ws://[::1]:1/v1"])
def test_a_key_over_plain_ws_to_this_machine_is_fine(url: str) -> None:
    vw.RealtimeClient("m", url=url, api_key=SECRET)


async def test_a_key_of_connect_or_environment_is_not_sent_unencrypted_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = vw.RealtimeClient("m", url="ws://example.org/v1")

    with pytest.raises(vw.ConfigError, match="allow_insecure"):
        await client.connect(api_key=SECRET)


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host/v1", "ws://", "ws://host:99999/v1"])
def test_a_url_that_cannot_be_used_is_a_config_error(url: str) -> None:
    with pytest.raises(vw.ConfigError, match="url"):
        vw.RealtimeClient("m", url=url)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "nobody/model"}, "openai"),
        ({"model": "bare"}, "provider"),
        ({"model": None}, "provider"),
        ({"model": "openai/m", "dialect": "esperanto"}, "ga"),
        ({"model": "openai/m", "provider": "nobody"}, "openai"),
    ],
    ids=str,
)
def test_an_unknown_destination_raises_at_construction_and_names_the_choices(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(vw.ConfigError, match=words):
        vw.RealtimeClient(**options)


async def test_the_builtin_simulator_needs_neither_key_nor_url() -> None:
    async with vw.RealtimeClient("sim/demo") as client:
        assert (client.provider, client.model) == ("sim", "demo")
        assert (await soon(client.send_text("Hello.", respond=False))).type == "conversation.item.added"


async def test_a_secret_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    client = vw.RealtimeClient(
        "m", url=f"ws://user:{SECRET}@127.0.0.1:1/v1?token={SECRET}", api_key=SECRET, headers={"X-Key": SECRET}
    )

    try:
        await client.connect()
    except vw.ConnectError as error:
        shown += [repr(error), str(error), str(vars(error)), str(pickle.dumps(error))]
        shown += traceback.format_exception(error)
    shown += [repr(client), str(client), str(client.stats()), caplog.text]

    assert SECRET not in "".join(shown)


async def test_a_server_that_repeats_the_key_does_not_make_us_show_it() -> None:
    told = {"type": "error", "error": {"code": "odd", "message": f"Key {SECRET} is odd", "param": SECRET}}

    async with Peer(send(CREATED, told)) as peer, vw.RealtimeClient("m", url=peer.url, api_key=SECRET) as client:
        async for event in client:
            if isinstance(event, vw.ErrorEvent):
                break

    assert isinstance(event, vw.ErrorEvent)
    assert SECRET not in f"{event.error!r} {event.error} {vars(event.error)} {event!r}"
