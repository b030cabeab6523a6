"""Requests beside the session: keys are minted, calls are directed; the key goes nowhere else, and shows nowhere."""

import asyncio
import io
import json
import pickle
import shutil
import socket
import subprocess
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.integration.service import Answer, Service

import voicewire as vw
from voicewire.rest import Rest

SECRET = "sk-very-secret-key"
MINTED = "ek_very_secret_value"
CALL = "rtc_u1_abc"
SESSION = {"type": "realtime", "model": "gpt-realtime", "client_secret": {"value": MINTED}}
MINT = Answer(body={"value": MINTED, "expires_at": 2_000_000_000, "session": SESSION})
SDP_SESSION = {"type": "realtime", "instructions": "Be brief.", "audio": {"output": {"voice": "marin"}}}


def nobody_url() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"


async def test_a_key_is_minted() -> None:
    with Service(MINT) as service:
        secret = await vw.create_client_secret(SECRET, session=SDP_SESSION, expires_after=60, url=service.url)

    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/v1/realtime/client_secrets")
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json == {
        "expires_after": {"anchor": "created_at", "seconds": 60},
        "session": {**SDP_SESSION, "model": "gpt-realtime"},
    }
    assert (secret.value, secret.expires_at, secret.model) == (MINTED, 2_000_000_000, "gpt-realtime")
    assert MINTED not in repr(secret)


def test_a_key_is_minted_without_an_event_loop() -> None:
    with Service(MINT) as service:
        assert vw.create_client_secret_sync(SECRET, url=service.url).value == MINTED

    assert service.asked[0].json["session"] == {"type": "realtime", "model": "gpt-realtime"}
    assert service.asked[0].json["expires_after"]["seconds"] == 600


async def test_a_minted_key_opens_a_session(simulator: vw.Simulator) -> None:
    with Service(MINT) as service:
        client = vw.RealtimeClient(
            url=simulator.url, token_provider=lambda: vw.create_client_secret(SECRET, url=service.url)
        )
        async with client:
            assert (client.connected, client.model) == (True, "gpt-realtime")


async def test_the_older_form_of_an_answer_is_read_too() -> None:
    with Service(Answer(body={"client_secret": {"value": MINTED, "expires_at": 7}, "model": "m"})) as service:
        secret = await vw.create_client_secret(url=service.url)

    assert (secret.value, secret.expires_at, secret.session) == (MINTED, 7, {})


@pytest.mark.parametrize(
    ("options", "session"),
    [
        ({"model": "openai/gpt-realtime-mini"}, {"type": "realtime", "model": "gpt-realtime-mini"}),
        ({"session": {"type": "realtime", "model": "m"}}, {"type": "realtime", "model": "m"}),
        ({"session": {"type": "realtime", "model": "m"}, "model": "n"}, {"type": "realtime", "model": "n"}),
        ({"session": {"type": "transcription"}}, {"type": "transcription"}),
        (
            {"session": vw.SessionConfig(extra={"prompt": {"id": "p"}}), "model": "m"},
            {"type": "realtime", "model": "m", "prompt": {"id": "p"}},
        ),
    ],
    ids=str,
)
async def test_the_session_goes_in_the_services_words(options: dict[str, Any], session: dict[str, Any]) -> None:
    with Service(MINT) as service:
        await vw.create_client_secret(url=service.url, **options)

    assert service.asked[0].json["session"] == session


async def test_options_in_neutral_words_are_translated_by_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(config: str, dialect: str) -> str:
        return json.dumps({"type": "realtime", "seen": json.loads(config), "dialect": dialect})

    monkeypatch.setattr("voicewire._voicewire.encode_session", encode, raising=False)
    with Service(MINT) as service:
        await vw.create_client_secret(url=service.url, session={"voice": "marin"}, model="m")

    sent = service.asked[0].json["session"]
    assert sent == {"type": "realtime", "seen": {"voice": "marin"}, "dialect": "ga", "model": "m"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"expires_after": 9}, "expires_after"),
        ({"expires_after": 7_201}, "expires_after"),
        ({"expires_after": 60.5}, "expires_after"),
        ({"session": {"voise": "marin"}}, "did you mean voice"),
        ({"session": {"history": [{"role": "user", "text": "Hi."}]}}, "history"),
        ({"timeout": 0}, "timeout"),
        ({"headers": {"Content-Length": "7"}}, "Content-Length"),
        ({"headers": {"X-Test": "ü"}}, "ASCII"),
        ({"headers": {"X-Test": "a\r\nb"}}, "header"),
        ({"api_key": "sk-a\r\nX-Evil: 1"}, "key"),
        ({"api_key": ""}, "key"),
        ({"ca": "/nowhere.pem"}, "ca"),
        ({"ca": "-----BEGIN CERTIFICATE-----\nnone"}, "ca"),
        ({"url": "ftp://127.0.0.1"}, "url"),
        ({"url": "http://user:pw@127.0.0.1:1/v1"}, "user"),
        ({"model": "nobody/m"}, "provider"),
    ],
    ids=str,
)
async def test_wrong_arguments_are_refused_before_a_byte_is_sent(options: dict[str, Any], words: str) -> None:
    with Service(MINT) as service, pytest.raises(vw.ConfigError, match=words) as caught:
        await vw.create_client_secret(**{"url": service.url, **options})

    assert service.asked == []
    assert "sk-a" not in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"value": 7}', b'{"client_secret": {}}', b"\xff"], ids=repr
)
async def test_an_answer_without_a_key_is_a_protocol_error(body: bytes) -> None:
    with Service(Answer(body=body)) as service, pytest.raises(vw.ProtocolError, match="client_secrets"):
        await vw.create_client_secret(url=service.url)


@pytest.mark.parametrize(
    ("verb", "arguments", "body"),
    [
        ("accept", {}, {"type": "realtime", "model": "gpt-realtime"}),
        ("accept", {"config": SDP_SESSION, "model": "m"}, {**SDP_SESSION, "model": "m"}),
        ("reject", {}, {"status_code": 603}),
        ("reject", {"status_code": 486}, {"status_code": 486}),
        ("refer", {"target_uri": "tel:+14155550123"}, {"target_uri": "tel:+14155550123"}),
    ],
)
async def test_calls_are_directed(verb: str, arguments: dict[str, Any], body: dict[str, Any]) -> None:
    with Service() as service:
        await getattr(vw.Calls(SECRET, url=service.url), verb)(CALL, **arguments)
        getattr(vw.SyncCalls(SECRET, url=service.url), verb)(CALL, **arguments)

    for asked in service.asked:
        assert (asked.method, asked.path, asked.json) == ("POST", f"/v1/realtime/calls/{CALL}/{verb}", body)
        assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert len(service.asked) == 2


async def test_hanging_up_has_no_body() -> None:
    with Service() as service:
        await vw.Calls(url=service.url).hangup(CALL)

    assert (service.asked[0].path, service.asked[0].body) == (f"/v1/realtime/calls/{CALL}/hangup", b"")


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("hangup", ("",), "call_id"),
        ("hangup", ("../secrets",), "call_id"),
        ("accept", ("rtc?x=1",), "call_id"),
        ("reject", (CALL, 200), "status_code"),
        ("reject", (CALL, 700), "status_code"),
        ("refer", (CALL, " "), "target_uri"),
        ("accept", (CALL, {"voise": "marin"}), "did you mean voice"),
    ],
    ids=str,
)
async def test_wrong_arguments_about_calls_are_refused(verb: str, arguments: tuple[Any, ...], words: str) -> None:
    with Service() as service, pytest.raises(vw.ConfigError, match=words):
        await getattr(vw.Calls(url=service.url), verb)(*arguments)

    assert service.asked == []


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/v1/realtime/calls/c/hangup"),
        ("/v1/", "/v1/realtime/calls/c/hangup"),
        ("/openai/v1?api-version=preview", "/openai/v1/realtime/calls/c/hangup?api-version=preview"),
        ("/v1/realtime?model=m", "/v1/realtime/calls/c/hangup?model=m"),
        ("/gäte way", "/g%C3%A4te%20way/realtime/calls/c/hangup"),
    ],
)
def test_the_address_of_a_session_serves_requests_too(path: str, target: str) -> None:
    with Service() as service:
        vw.SyncCalls(url=service.url.removesuffix("/v1").replace("http:", "ws:") + path).hangup("c")

    assert service.asked[0].path == target


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, vw.AuthenticationError),
        (403, vw.AuthenticationError),
        (400, vw.ConnectError),
        (404, vw.ConnectError),
        (500, vw.ConnectError),
    ],
)
def test_a_refusal_tells_status_words_and_when_to_come_again(status: int, kind: type[Exception]) -> None:
    body = {"error": {"message": f"Key {SECRET} is odd", "code": "odd"}}
    with Service(Answer(status, body, {"Retry-After": "7"})) as service, pytest.raises(kind) as caught:
        vw.SyncCalls(SECRET, url=service.url).hangup(CALL)

    error = caught.value
    assert isinstance(error, vw.ConnectError)
    assert (error.kind, error.status, error.retry_after) == ("http", status, 7.0)
    assert "Key *** is odd" in str(error)
    assert json.loads(error.body or "") == {"error": {"message": "Key *** is odd", "code": "odd"}}
    assert SECRET not in f"{error!r}{vars(error)}{pickle.dumps(error)!r}" + "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("told", "seconds"), [("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)], ids=str
)
def test_retry_after_may_be_a_date_or_nothing(told: str, seconds: float | None) -> None:
    answer = Answer(429, b"slow down", {"Retry-After": told})
    with Service(answer) as service, pytest.raises(vw.ConnectError) as caught:
        vw.SyncCalls(url=service.url).hangup(CALL)

    assert caught.value.retry_after == seconds


def test_a_long_refusal_is_cut() -> None:
    with Service(Answer(500, b"x" * 200_000)) as service, pytest.raises(vw.ConnectError) as caught:
        vw.SyncCalls(url=service.url).hangup(CALL)

    assert len(caught.value.body or "") == 64 * 1024


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_takes_the_key_nowhere(status: int) -> None:
    with Service() as elsewhere, Service(Answer(status, b"", {"Location": elsewhere.url})) as service:
        calls = vw.SyncCalls(SECRET, url=service.url)
        with pytest.raises(vw.ConnectError, match="redirects are not followed") as caught:
            calls.hangup(CALL)

    assert caught.value.status == status
    assert elsewhere.asked == []


def test_nobody_there_is_told_as_refused() -> None:
    with pytest.raises(vw.ConnectError) as caught:
        vw.SyncCalls(url=nobody_url()).hangup(CALL)

    assert (caught.value.kind, caught.value.status) == ("refused", None)


def test_a_name_that_does_not_exist_is_told_as_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*arguments: Any, **keywords: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(vw.ConnectError) as caught:
        vw.SyncCalls(url="https://voice.invalid").hangup(CALL)

    assert caught.value.kind == "dns"


def test_a_service_without_tls_is_told_as_tls() -> None:
    with Service() as service, pytest.raises(vw.ConnectError) as caught:
        vw.SyncCalls(SECRET, url=service.url.replace("http:", "https:")).hangup(CALL)

    assert caught.value.kind == "tls"
    assert service.asked == []


def test_a_silent_service_is_a_timeout() -> None:
    proceed = threading.Event()

    with Service(Answer(before=_quietly(_thinking(proceed)))) as service:
        with pytest.raises(vw.ConnectTimeout) as caught:
            vw.SyncCalls(url=service.url, timeout=0.1).hangup(CALL)
        proceed.set()

    assert isinstance(caught.value, TimeoutError)
    assert caught.value.kind == "timeout"


def test_a_service_that_hangs_up_is_told_as_reset() -> None:
    with Service(Answer(before=_quietly(_hang_up))) as service, pytest.raises(vw.ConnectError) as caught:
        vw.SyncCalls(url=service.url).hangup(CALL)

    assert caught.value.kind == "reset"


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def _quietly(action: Callable[[BaseHTTPRequestHandler], object]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Act on a connection that the answer will not reach any more."""

    def run(handler: BaseHTTPRequestHandler) -> None:
        action(handler)
        handler.wfile = io.BytesIO()

    return run


def _thinking(until: threading.Event) -> Callable[[BaseHTTPRequestHandler], object]:
    return lambda handler: until.wait(5)


async def test_the_event_loop_goes_on_while_a_service_thinks() -> None:
    loop_ran = threading.Event()

    with Service(Answer(before=_thinking(loop_ran))) as service:
        asking = asyncio.create_task(vw.Calls(url=service.url).hangup(CALL))
        while not service.asked:
            await asyncio.sleep(0)
        loop_ran.set()
        await asking


def test_without_a_key_the_variable_is_named() -> None:
    with pytest.raises(vw.ConfigError, match="OPENAI_API_KEY"):
        vw.SyncCalls().hangup(CALL)


def test_the_key_of_the_environment_goes_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with Service() as service:
        vw.SyncCalls(url=service.url).hangup(CALL)

    assert service.asked[0].headers["authorization"] == f"Bearer {SECRET}"


def test_the_key_of_the_environment_does_not_go_to_a_foreign_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with Service(host="0.0.0.0") as service:  # reaches the service, and is not loopback
        vw.SyncCalls(url=service.url).hangup(CALL)

    assert "authorization" not in service.asked[0].headers


def test_the_address_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Service() as service:
        monkeypatch.setenv("OPENAI_BASE_URL", service.url)
        vw.SyncCalls(SECRET).hangup(CALL)

    assert len(service.asked) == 1


def test_a_key_over_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(vw.ConfigError, match="allow_insecure"):
        vw.Calls(SECRET, url="http://example.org/v1")

    vw.Calls(SECRET, url="http://example.org/v1", allow_insecure=True)


def test_a_proxy_of_the_environment_is_used_but_not_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Service() as proxy, Service() as service:
        monkeypatch.setenv("http_proxy", proxy.url)
        vw.SyncCalls(SECRET, url=service.url).hangup("local")
        vw.SyncCalls(url="http://voice.invalid/v1").hangup("far")

    assert [asked.path for asked in service.asked] == ["/v1/realtime/calls/local/hangup"]
    assert [asked.path for asked in proxy.asked] == ["http://voice.invalid/v1/realtime/calls/far/hangup"]


def test_a_proxy_that_refuses_a_tunnel_is_told_as_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Service() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(vw.ConnectError) as caught:
            vw.SyncCalls(SECRET, url="https://voice.invalid/v1").hangup(CALL)

    assert caught.value.kind == "proxy"
    assert SECRET not in str(caught.value)


def test_a_header_of_the_user_wins_and_is_masked() -> None:
    with Service(Answer(400, b"you sent Basic abcdef")) as service, pytest.raises(vw.ConnectError) as caught:
        vw.SyncCalls(SECRET, url=service.url, headers={"authorization": "Basic abcdef"}).hangup(CALL)

    assert service.asked[0].headers["authorization"] == "Basic abcdef"
    assert caught.value.body == "you sent ***"


def test_an_endless_answer_is_cut_off() -> None:
    with Service(Answer(body=b" " * (1 << 20) + b" ")) as service, pytest.raises(vw.ConnectError, match="1 MiB"):
        vw.SyncCalls(url=service.url).hangup(CALL)


def test_nothing_shows_the_key() -> None:
    rest = Rest(SECRET, url="http://127.0.0.1:1/v1?token=hidden-token", headers={"X-Key": "other-secret"})

    assert repr(rest) == "<Rest ws://127.0.0.1:1/v1/realtime>"
    assert repr(vw.Calls(SECRET)).startswith("<voicewire.calls.Calls object")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one PEM file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not there")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ["-subj", "/CN=voicewire", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = ["openssl", "req", "-x509", *kind, "-keyout", str(key), "-out", str(cert), *names]
    subprocess.run(command, check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + cert.read_text())
    return both


def test_a_ca_given_as_path_or_text_is_trusted(certificate: Path) -> None:
    text = certificate.read_text()
    with Service(certificate=certificate) as service:
        vw.SyncCalls(SECRET, url=service.url, ca=certificate).hangup("path")
        vw.SyncCalls(SECRET, url=service.url, ca=text[text.index("-----BEGIN CERT") :]).hangup("text")
        with pytest.raises(vw.ConnectError) as caught:
            vw.SyncCalls(SECRET, url=service.url).hangup("unknown")

    assert caught.value.kind == "tls"
    assert [asked.path.split("/")[-2] for asked in service.asked] == ["path", "text"]
