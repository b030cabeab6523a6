"""What a token provider may hand out: every form that services use, and none that is wrong."""

import time
from typing import Any

import pytest

import voicewire as vw
from voicewire.keys import Grant, read_token

SECRET = "ek_very_secret_value"
LATER = time.time() + 3600
BEFORE = time.time() - 90


@pytest.mark.parametrize(
    ("token", "model"),
    [
        (SECRET, None),
        ({"value": SECRET}, None),
        ({"value": SECRET, "expires_at": LATER}, None),
        ({"value": SECRET, "expires_at": 0, "model": "m"}, "m"),
        ({"value": SECRET, "expires_at": None, "session": {"model": "m"}}, "m"),
        ({"client_secret": {"value": SECRET, "expires_at": LATER}, "session_id": "sess_1", "model": "m"}, "m"),
        ({"client_secret": SECRET, "session_id": "sess_1"}, None),
        ({"client_secret": SECRET, "expires_at": LATER, "model": "m", "session": {"model": "n"}}, "m"),
        (vw.ClientSecret(SECRET, LATER, {"model": "m"}), "m"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_form_of_token_is_read(token: Any, model: str | None) -> None:
    assert read_token(token) == Grant(SECRET, model)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "token is empty"),
        (None, "token is neither string nor dict but NoneType"),
        (7, "neither string nor dict but int"),
        (SECRET.encode(), "neither string nor dict but bytes"),
        ({}, "value or client_secret is missing"),
        ({"secret": SECRET}, "value or client_secret is missing"),
        ({"value": 7}, "value is no string but int"),
        ({"value": ""}, "value is empty"),
        ({"client_secret": {"expires_at": LATER, "key": SECRET}}, "client_secret.value is missing"),
        ({"client_secret": [SECRET]}, "client_secret is neither string nor dict but list"),
        ({"value": SECRET, "expires_at": "soon"}, "expires_at is no number of seconds but str"),
        ({"value": SECRET, "model": 7}, "model is no string but int"),
    ],
    ids=str,
)
def test_a_wrong_token_is_refused_by_the_name_of_what_is_wrong(token: Any, words: str) -> None:
    with pytest.raises(vw.ConfigError, match=words) as caught:
        read_token(token)

    assert SECRET not in f"{caught.value!r} {caught.value} {vars(caught.value)}"


@pytest.mark.parametrize(
    "token",
    [
        {"value": SECRET, "expires_at": BEFORE},
        {"client_secret": {"value": SECRET, "expires_at": BEFORE}},
        {"client_secret": SECRET, "expires_at": int(BEFORE)},
        vw.ClientSecret(SECRET, BEFORE),
    ],
    ids=str,
)
def test_an_expired_token_is_refused_and_tells_since_when(token: Any) -> None:
    with pytest.raises(vw.AuthenticationError, match=r"expires_at=\d+ was \d+ s ago") as caught:
        read_token(token)

    assert SECRET not in f"{caught.value!r} {caught.value} {vars(caught.value)}"


def test_a_client_secret_is_not_in_its_repr() -> None:
    secret = vw.ClientSecret(SECRET, LATER, {"model": "m", "client_secret": {"value": SECRET}})

    assert SECRET not in repr(secret)
    assert SECRET not in repr(read_token(secret))
    assert secret.model == "m"
