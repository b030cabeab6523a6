"""Where Gemini Live is reached and with which key: AI Studio, Vertex AI, and servers in their place."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.integration.peer import Peer, Request, kind_of
from tests.interop.gemini import greet

import voicewire as vw

SECRET = "AIza-very-secret-key"
TOKEN = "auth_tokens/very-secret-token"
MODEL = "gemini/gemini-3.8-live"
STUDIO = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage"
VERTEX = "google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
FOREIGN = "wss://example.org"
VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def address(model: str = MODEL, *, key: str | None = None, **options: Any) -> str:
    """The URL that a client would connect to, without secrets."""
    url, _ = vw.RealtimeClient(model, **options)._destination.check(key)
    return url


def key_of(model: str = MODEL, **options: Any) -> str | None:
    """The key that a client would send."""
    return vw.RealtimeClient(model, **options)._destination.key()


async def opened(path: str = "", model: str = MODEL, **options: Any) -> tuple[Request, dict[str, Any]]:
    """The upgrade and the setup that a client with these options sends."""
    async with Peer(*greet()) as peer:
        url = peer.url.removesuffix("/v1") + path
        async with vw.RealtimeClient(model, url=url, **options):
            connection = await peer.connection()
            assert kind_of(connection.received[0]) == "setup"
            return connection.request, connection.received[0]["setup"]


def test_ai_studio_is_the_default_in_its_beta_version() -> None:
    assert address() == f"{STUDIO}.v1beta.GenerativeService.BidiGenerateContent"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_a_url_that_ends_in_a_version_chooses_it(version: str) -> None:
    given = f"wss://generativelanguage.googleapis.com/{version}"

    assert address(url=given) == f"{STUDIO}.{version}.GenerativeService.BidiGenerateContent"


@pytest.mark.parametrize("path", ["", "/", "/ws", "/ws/"])
def test_a_bare_host_gets_the_whole_path(path: str) -> None:
    shown = address(url=FOREIGN + path)

    assert shown == f"{FOREIGN}/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def test_a_whole_path_is_left_as_it_is() -> None:
    given = f"{FOREIGN}/relay/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent"

    assert address(url=given) == given


def test_a_short_lived_token_has_a_method_of_its_own() -> None:
    assert address(key=TOKEN) == f"{STUDIO}.v1beta.GenerativeService.BidiGenerateContentConstrained"
    given = "wss://generativelanguage.googleapis.com/v1alpha"
    assert address(key=TOKEN, url=given) == f"{STUDIO}.v1alpha.GenerativeService.BidiGenerateContentConstrained"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (None, "us-central1-aiplatform.googleapis.com"),
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_a_location_has_its_host(location: str | None, host: str) -> None:
    assert address(project="demo-1", location=location) == f"wss://{host}/ws/{VERTEX}"


@pytest.mark.parametrize(("version", "path"), [("v1", "v1"), ("v1beta1", "v1beta1")])
def test_vertex_has_versions_of_its_own(version: str, path: str) -> None:
    given = f"wss://europe-west4-aiplatform.googleapis.com/{version}"

    assert address(url=given) == (
        f"wss://europe-west4-aiplatform.googleapis.com/ws/google.cloud.aiplatform.{path}.LlmBidiService/BidiGenerateContent"
    )


def test_a_project_makes_it_vertex() -> None:
    assert vw.RealtimeClient(MODEL, project="demo-1")._destination.dialect == "vertex"
    assert vw.RealtimeClient(MODEL)._destination.dialect == "gemini"
    assert vw.RealtimeClient(MODEL, dialect="vertex")._destination.dialect == "vertex"


@pytest.mark.parametrize("dialect", ["gemini", "vertex"])
@pytest.mark.parametrize("url", [None, "ws://127.0.0.1:9", FOREIGN])
def test_who_speaks_like_google_is_google(dialect: str, url: str | None) -> None:
    client = vw.RealtimeClient("gemini-3.8-live", dialect=dialect, url=url)

    assert (client.provider, client.model) == ("gemini", "gemini-3.8-live")
    assert vw.RealtimeClient("sim/gemini-3.8-live", dialect=dialect).provider == "sim"


def test_a_server_on_this_machine_that_speaks_like_google_gets_googles_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-openai")
    monkeypatch.setenv("GEMINI_API_KEY", "of-gemini")

    assert key_of("gemini-3.8-live", dialect="gemini", url="ws://127.0.0.1:9") == "of-gemini"


def test_project_and_location_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-2")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "eu")

    client = vw.RealtimeClient(MODEL, dialect="vertex")

    assert client._destination.endpoint(None)["resource"] == (
        "projects/demo-2/locations/eu/publishers/google/models/gemini-3.8-live"
    )
    assert address(dialect="vertex").startswith("wss://aiplatform.eu.rep.googleapis.com/")


def test_a_project_in_the_environment_alone_does_not_change_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-2")

    assert vw.RealtimeClient(MODEL)._destination.dialect == "gemini"


@pytest.mark.parametrize("name", ["project", "location"])
@pytest.mark.parametrize("value", ["a/b", "a b", "", "x" * 201, "evil.example/#", "ü"])
def test_a_wrong_place_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(vw.ConfigError) as caught:
        vw.RealtimeClient(MODEL, dialect="vertex", **{name: value})

    assert caught.value.field == name


@pytest.mark.parametrize("name", ["project", "location"])
def test_an_empty_place_is_told_as_such(name: str) -> None:
    with pytest.raises(vw.ConfigError, match=f"^{name} is empty; leave it out where there is none: ''$"):
        vw.RealtimeClient(MODEL, dialect="vertex", **{name: ""})


@pytest.mark.parametrize(
    ("model", "options", "shown"),
    [
        (MODEL, {}, "gemini/gemini-3.8-live"),
        (MODEL, {"project": "demo-1"}, "gemini/gemini-3.8-live (vertex)"),
        ("sim/gemini-3.8-live", {}, "sim/gemini-3.8-live (gemini)"),
        ("openai/gpt-realtime", {}, "openai/gpt-realtime"),
    ],
)
def test_a_client_shows_the_door_where_it_is_not_the_providers_usual_one(
    model: str, options: dict[str, Any], shown: str
) -> None:
    assert repr(vw.RealtimeClient(model, **options)) == f"<RealtimeClient {shown} idle>"


@pytest.mark.parametrize(
    ("model", "options", "resource"),
    [
        (MODEL, {}, "models/gemini-3.8-live"),
        ("google/gemini-3.8-live", {}, "models/gemini-3.8-live"),
        ("gemini/tunedModels/mine", {}, "tunedModels/mine"),
        (MODEL, {"dialect": "vertex"}, "publishers/google/models/gemini-3.8-live"),
        (
            MODEL,
            {"project": "demo-1", "location": "global"},
            "projects/demo-1/locations/global/publishers/google/models/gemini-3.8-live",
        ),
        ("gemini/publishers/google/models/m", {"project": "demo-1"}, "publishers/google/models/m"),
    ],
)
async def test_the_setup_names_the_model_as_the_service_does(
    model: str, options: dict[str, Any], resource: str
) -> None:
    _, setup = await opened(model=model, **options)

    assert setup["model"] == resource


async def test_a_key_travels_in_googles_header() -> None:
    request, _ = await opened(api_key=SECRET)

    assert request.headers["x-goog-api-key"] == SECRET
    assert "authorization" not in request.headers
    assert SECRET not in request.line
    assert request.target == "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@pytest.mark.parametrize("option", [{"api_key": TOKEN}, {"token_provider": lambda: TOKEN}])
async def test_a_short_lived_token_travels_under_a_scheme_of_its_own(option: dict[str, Any]) -> None:
    request, _ = await opened("/v1alpha", **option)

    assert request.headers["authorization"] == f"Token {TOKEN}"
    assert "x-goog-api-key" not in request.headers
    assert request.target == (
        "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
    )


async def test_vertex_takes_the_token_of_a_provider_as_bearer() -> None:
    async def fetch() -> str:
        return "ya29.secret"

    request, _ = await opened(token_provider=fetch, project="demo-1", headers={"x-goog-user-project": "payer"})

    assert request.headers["authorization"] == "Bearer ya29.secret"
    assert request.headers["x-goog-user-project"] == "payer"
    assert request.target == f"/ws/{VERTEX}"


async def test_vertex_takes_a_key_in_express_mode() -> None:
    request, _ = await opened(api_key=SECRET, dialect="vertex")

    assert request.headers["x-goog-api-key"] == SECRET


def test_a_key_is_no_subprotocol() -> None:
    with pytest.raises(vw.ConfigError) as caught:
        vw.RealtimeClient(MODEL, api_key=SECRET, subprotocol_auth=True)

    assert caught.value.field == "subprotocol_auth"


def test_the_variable_of_gemini_counts_before_that_of_google(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "of-google")
    assert key_of() == "of-google"
    monkeypatch.setenv("GEMINI_API_KEY", "of-gemini")
    assert key_of() == "of-gemini"
    assert key_of(api_key="given") == "given"


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "")
    monkeypatch.setenv("GOOGLE_API_KEY", "of-google")

    assert key_of() == "of-google"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("wss://generativelanguage.googleapis.com/v1alpha", SECRET),
        ("ws://127.0.0.1:9/v1", SECRET),
        ("ws://localhost:9", SECRET),
        (FOREIGN, None),
        ("wss://googleapis.com.example.org", None),
        ("wss://evilgoogleapis.com", None),
    ],
)
def test_a_key_of_the_environment_goes_to_google_and_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, url: str, key: str | None
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)
    monkeypatch.setenv("GOOGLE_API_KEY", SECRET)

    assert key_of(url=url) == key


def test_vertex_takes_no_key_of_ai_studio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)

    with pytest.raises(vw.ConfigError, match="token_provider="):
        key_of(project="demo-1")
    with pytest.raises(vw.ConfigError, match="token_provider="):
        key_of(dialect="vertex")


def test_express_mode_takes_googles_key_and_a_project_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", SECRET)

    assert key_of(dialect="vertex") == SECRET
    with pytest.raises(vw.ConfigError, match="no key"):
        key_of(project="demo-1")


def test_without_a_key_the_variable_is_named() -> None:
    with pytest.raises(vw.ConfigError, match="GEMINI_API_KEY") as caught:
        key_of()

    assert caught.value.field == "api_key"


async def test_a_key_that_goes_unencrypted_to_another_machine_is_refused() -> None:
    with pytest.raises(vw.ConfigError) as caught:
        vw.RealtimeClient(MODEL, url="ws://example.org", api_key=SECRET)

    assert caught.value.field == "url"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("key", [SECRET, TOKEN])
def test_a_key_shows_in_no_url_and_no_repr(key: str) -> None:
    written = quote(key, safe="")
    client = vw.RealtimeClient(MODEL, api_key=key, url=f"wss://user:{written}@example.org/v1beta?key={written}")

    assert "very-secret" not in f"{client!r} {client._destination!r}"
    url, _ = client._destination.check(key)
    assert "very-secret" not in url


def test_a_token_shows_in_no_error_about_the_url_that_it_spoils() -> None:
    with pytest.raises(vw.ConfigError) as caught:
        vw.RealtimeClient(MODEL, api_key=TOKEN, url=f"wss://user:{TOKEN}@example.org/v1beta")

    assert "very-secret" not in f"{caught.value} {caught.value.value}"
