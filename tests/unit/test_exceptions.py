"""The tree of exceptions: what is what, what it says, and that it survives pickling."""

import pickle

import pytest

from voicewire import exceptions
from voicewire.exceptions import (
    AckTimeout,
    AuthenticationError,
    BackpressureError,
    CommandRejected,
    ConfigError,
    ConnectError,
    ConnectionClosed,
    ConnectTimeout,
    DeviceError,
    ForkedError,
    HandlerError,
    InternalError,
    LimitExceeded,
    ProtocolError,
    ServerError,
    SessionExpired,
    UnsupportedError,
    VoicewireError,
)

ONE_OF_EACH = [
    VoicewireError("base"),
    ConnectError("refused", kind="refused"),
    ConnectError("busy", kind="http", status=429, body="slow down", retry_after=1.5),
    AuthenticationError("wrong key", status=401, body="{}"),
    ConnectTimeout("not ready"),
    ConnectionClosed(1006, "cut"),
    ConnectionClosed(),
    ServerError("server_error"),
    CommandRejected("refused", code="bad", param="session.voice", event_id="e1", type="invalid_request_error"),
    ProtocolError("no JSON", kind="bad_json", excerpt="{", wire_type="response.done"),
    BackpressureError("outbox full"),
    SessionExpired("60 minutes"),
    LimitExceeded("max_cost", 0.51, 0.5),
    ConfigError("speed is not within 0.25..1.5", field="speed", value=9),
    UnsupportedError("truncate", "use cancel_response()"),
    DeviceError("no microphone", reason="no_device"),
    ForkedError("made before the fork"),
    InternalError("panic"),
    AckTimeout("no answer"),
    HandlerError("on_audio", "audio", ValueError("mine")),
]


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling_with_text_and_attributes(error: VoicewireError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_one_of_each_covers_the_whole_tree() -> None:
    public = {getattr(exceptions, name) for name in exceptions.__all__ if not name.endswith(("Kind", "Reason"))}

    assert {type(error) for error in ONE_OF_EACH} == public


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_every_error_is_a_voicewire_error(error: VoicewireError) -> None:
    assert isinstance(error, VoicewireError)


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (AuthenticationError, ConnectError),
        (ConnectTimeout, ConnectError),
        (ConnectTimeout, TimeoutError),
        (AckTimeout, TimeoutError),
        (CommandRejected, ServerError),
        (ConfigError, ValueError),
    ],
)
def test_children_can_be_caught_as_their_parents(child: type[Exception], parent: type[Exception]) -> None:
    assert issubclass(child, parent)


def test_connect_errors_are_no_closed_connections() -> None:
    assert not issubclass(ConnectError, ConnectionClosed)


def test_config_error_shows_the_value_with_repr() -> None:
    error = ConfigError("voice is no string", field="voice", value=b"marin\n")

    assert str(error) == "voice is no string: b'marin\\n'"
    assert (error.field, error.value) == ("voice", b"marin\n")


@pytest.mark.parametrize("field", ["api_key", "token_provider", "headers", "headers['Authorization']"])
def test_config_error_never_holds_a_secret(field: str) -> None:
    error = ConfigError(f"{field} contains a line break", field=field, value="sk-very-secret")

    assert "sk-very-secret" not in str(error)
    assert "sk-very-secret" not in repr(error)
    assert error.value is None


def test_config_error_cuts_long_values() -> None:
    assert len(str(ConfigError("too long", field="voice", value="x" * 10_000))) < 200


def test_connection_closed_tells_code_and_reason() -> None:
    assert str(ConnectionClosed(1001, "going away")) == "connection closed: 1001 going away"


def test_connection_closed_without_a_session_tells_why() -> None:
    assert str(ConnectionClosed(None, "not connected")) == "connection closed: not connected"


def test_unsupported_error_tells_the_alternative() -> None:
    error = UnsupportedError("truncate", "use interrupt()")

    assert str(error) == "not supported by the provider: truncate; use interrupt()"


def test_handler_error_names_the_handler_and_keeps_its_exception() -> None:
    def on_audio(event: object) -> None: ...

    cause = RuntimeError("mine")
    error = HandlerError(on_audio, "audio", cause)

    assert "on_audio on audio: RuntimeError('mine')" in str(error)
    assert error.__cause__ is cause


def test_what_cannot_be_pickled_becomes_its_name() -> None:
    error = HandlerError(lambda event: event, object())

    copy = pickle.loads(pickle.dumps(error))

    assert "<lambda>" in copy.handler
    assert isinstance(copy.event, object)
