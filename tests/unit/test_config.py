"""Session options and settings: what is accepted, what is refused and how it is told."""

import json
import math
from typing import Any

import pytest

from voicewire.config import (
    UNSET,
    AudioFormat,
    Limits,
    Reconnect,
    SemanticVAD,
    ServerVAD,
    SessionConfig,
    Timeouts,
)
from voicewire.exceptions import ConfigError

EVERY_OPTION: dict[str, Any] = {
    "instructions": "Be brief.",
    "voice": "marin",
    "modalities": ["audio"],
    "turn_detection": ServerVAD(),
    "input_format": "pcm16",
    "output_format": "g711_ulaw",
    "input_transcription": "whisper-1",
    "noise_reduction": "near_field",
    "tools": [{"name": "weather", "description": "Tells it.", "parameters": {"type": "object"}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "language": "en",
    "reasoning": "low",
    "max_output_tokens": 100,
    "temperature": 0.8,
    "speed": 1.1,
    "history": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}],
    "truncation": "auto",
    "metadata": {"call": "7"},
    "extra": {"tracing": "auto"},
}


def test_an_empty_config_asks_for_nothing() -> None:
    assert SessionConfig().to_dict() == {}


def test_every_option_is_ready_for_json() -> None:
    given = SessionConfig(**EVERY_OPTION).to_dict()

    assert json.loads(json.dumps(given)) == given
    assert list(given) == list(EVERY_OPTION)


@pytest.mark.parametrize("name", EVERY_OPTION)
def test_none_switches_an_option_off_and_is_told(name: str) -> None:
    assert SessionConfig.from_options(**{name: None}).to_dict() == {name: None}


def test_unset_is_false_and_tells_its_name() -> None:
    assert not UNSET
    assert repr(UNSET) == "UNSET"


def test_keywords_win_over_the_config() -> None:
    config = SessionConfig(voice="marin", speed=1.2)

    merged = SessionConfig.from_options(config, voice="cedar")

    assert merged.to_dict() == {"voice": "cedar", "speed": 1.2}
    assert config.voice == "marin"


def test_a_dict_is_a_config_in_the_same_words() -> None:
    config = {"voice": "marin", "transcription": True}

    assert SessionConfig.from_options(config).to_dict() == {
        "voice": "marin",
        "input_transcription": {},
    }


def test_none_as_keyword_wins_over_the_config() -> None:
    merged = SessionConfig.from_options({"turn_detection": ServerVAD()}, turn_detection=None)

    assert merged.to_dict() == {"turn_detection": None}


def test_a_config_is_frozen_and_keeps_no_reference_to_what_was_given() -> None:
    extra: dict[str, Any] = {"a": {"b": 1}}
    config = SessionConfig(extra=extra)

    extra["a"]["b"] = 2

    assert config.to_dict() == {"extra": {"a": {"b": 1}}}
    with pytest.raises(AttributeError):
        config.voice = "x"  # type: ignore[misc]


def test_an_unknown_option_names_the_nearest_and_all() -> None:
    with pytest.raises(ConfigError, match="unknown session option: 'voise'; did you mean voice") as caught:
        SessionConfig.from_options(voise="marin")

    assert all(name in str(caught.value) for name in EVERY_OPTION)
    assert caught.value.field == "voise"


def test_both_names_of_one_option_are_refused() -> None:
    with pytest.raises(ConfigError, match="same option"):
        SessionConfig.from_options(transcription=True, input_transcription=None)


def test_a_config_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="config is neither"):
        SessionConfig.from_options("marin")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instructions", 1),
        ("instructions", b"text"),
        ("voice", 7),
        ("voice", ["marin"]),
        ("modalities", []),
        ("modalities", "video"),
        ("modalities", 1),
        ("turn_detection", "server_vad"),
        ("turn_detection", True),
        ("input_format", "mp3"),
        ("output_format", 16),
        ("input_transcription", 1),
        ("noise_reduction", 1),
        ("tools", {"name": "weather"}),
        ("tools", "weather"),
        ("tool_choice", "always"),
        ("tool_choice", 1),
        ("parallel_tool_calls", 1),
        ("language", 1),
        ("reasoning", 1),
        ("max_output_tokens", 0),
        ("max_output_tokens", 4097),
        ("max_output_tokens", "infinite"),
        ("max_output_tokens", 1.5),
        ("max_output_tokens", True),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", "hot"),
        ("speed", 0.24),
        ("speed", 1.51),
        ("speed", True),
        ("history", "hello"),
        ("truncation", "sometimes"),
        ("metadata", ["a"]),
        ("extra", 3),
    ],
)
def test_a_wrong_value_is_refused_naming_field_and_value(field: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        SessionConfig.from_options(**{field: value})

    assert caught.value.field == field
    assert caught.value.value == value
    assert field in str(caught.value)
    assert repr(value) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="speed is not within"):
        SessionConfig(speed=value)


def test_a_wrong_modality_in_a_list_is_named() -> None:
    with pytest.raises(ConfigError, match="modalities is not one of text, audio: 'video'"):
        SessionConfig(modalities=["audio", "video"])


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("input_transcription", True, {}),
        ("input_transcription", "whisper-1", {"model": "whisper-1"}),
        ("input_transcription", {"language": "en"}, {"language": "en"}),
        ("input_transcription", False, None),
        ("modalities", "text", ["text"]),
        ("modalities", ("audio", "text"), ["audio", "text"]),
        ("max_output_tokens", "inf", "inf"),
        ("max_output_tokens", 4096, 4096),
        ("speed", 0.25, 0.25),
        ("speed", 1.5, 1.5),
        ("voice", {"id": "voice_1"}, {"id": "voice_1"}),
        ("tool_choice", {"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        ("noise_reduction", {"type": "far_field"}, {"type": "far_field"}),
        ("input_format", AudioFormat("g711_alaw"), "g711_alaw"),
        ("input_format", AudioFormat("pcm16", 16_000), {"type": "pcm16", "rate": 16_000}),
        ("input_format", {"type": "pcm16", "rate": 8_000}, {"type": "pcm16", "rate": 8_000}),
        ("tools", [{"type": "mcp", "server_label": "s"}], [{"type": "mcp", "server_label": "s"}]),
        (
            "turn_detection",
            {"type": "server_vad", "threshold": 0.2},
            {"type": "server_vad", "threshold": 0.2},
        ),
        ("turn_detection", {"type": "azure_semantic_vad"}, {"type": "azure_semantic_vad"}),
    ],
)
def test_a_value_is_told_in_neutral_words(field: str, value: object, told: object) -> None:
    assert SessionConfig.from_options(**{field: value}).to_dict() == {field: told}


def test_tools_are_functions_unless_they_say_otherwise() -> None:
    tool = {"name": "weather", "description": "", "parameters": {}}

    assert SessionConfig(tools=[tool]).to_dict() == {"tools": [{"type": "function", **tool}]}


@pytest.mark.parametrize(
    ("tool", "field"),
    [
        ({}, "tools[0].name"),
        ({"name": ""}, "tools[0].name"),
        ({"name": "f", "description": 1}, "tools[0].description"),
        ({"name": "f", "parameters": "{}"}, "tools[0].parameters"),
        ("weather", "tools[0]"),
    ],
)
def test_a_wrong_tool_names_its_place(tool: Any, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SessionConfig(tools=[tool])

    assert caught.value.field == field


def test_what_json_cannot_express_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match="extra cannot be written as JSON") as caught:
        SessionConfig(extra={"key": object(), "secret": "sk-1"})

    assert "sk-1" not in str(caught.value)


def test_nan_inside_a_dict_is_refused() -> None:
    with pytest.raises(ConfigError, match="extra cannot be written as JSON"):
        SessionConfig(extra={"x": math.nan})


def test_server_vad_has_the_documented_defaults() -> None:
    assert ServerVAD().to_dict() == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "create_response": True,
        "interrupt_response": True,
    }


def test_semantic_vad_leaves_eagerness_to_the_provider() -> None:
    assert SemanticVAD().to_dict() == {
        "type": "semantic_vad",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", -0.01),
        ("threshold", 1.01),
        ("threshold", "0.5"),
        ("prefix_padding_ms", -1),
        ("prefix_padding_ms", 1.5),
        ("silence_duration_ms", -1),
        ("create_response", 1),
        ("interrupt_response", "yes"),
        ("idle_timeout_ms", 4_999),
        ("idle_timeout_ms", 30_001),
    ],
)
def test_server_vad_refuses_what_is_out_of_range(field: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        ServerVAD(**{field: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught_in_dict:
        SessionConfig(turn_detection={"type": "server_vad", field: value})

    assert (caught.value.field, caught.value.value) == (field, value)
    assert (caught_in_dict.value.field, caught_in_dict.value.value) == (field, value)


def test_semantic_vad_refuses_an_unknown_eagerness() -> None:
    with pytest.raises(ConfigError, match="eagerness is not one of low, medium, high, auto: 'very'"):
        SemanticVAD(eagerness="very")  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [3_999, 192_001, 8_000.5, "8000"])
def test_audio_format_refuses_a_rate_out_of_range(rate: Any) -> None:
    with pytest.raises(ConfigError, match="rate"):
        AudioFormat("pcm16", rate)


def test_an_unknown_key_of_a_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown key of input_format: 'rat'; did you mean rate"):
        SessionConfig(input_format={"type": "pcm16", "rat": 8_000})


def test_limits_have_the_documented_defaults() -> None:
    assert Limits().to_dict() == {
        "max_duration": None,
        "max_cost": None,
        "idle_timeout": None,
        "max_message_bytes": 16 * 1024 * 1024,
        "inbox_bytes": 16 * 1024 * 1024,
        "outbox_bytes": 1024 * 1024,
        "input_ring_ms": 30_000,
        "json_depth": 128,
    }


def test_timeouts_have_the_documented_defaults() -> None:
    assert Timeouts().to_dict() == {
        "connect": 10,
        "ack": 10,
        "close": 2,
        "ping_interval": 5,
        "ping_timeout": None,
    }


def test_reconnect_has_the_documented_defaults() -> None:
    assert Reconnect().to_dict() == {
        "max_attempts": 8,
        "max_elapsed": 60,
        "initial_delay": 0,
        "min_delay": 0.25,
        "max_delay": 8,
        "jitter": 1,
        "initial": False,
        "replay_audio": "turn",
        "min_session": 5.0,
    }


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (Limits, "max_duration", 0),
        (Limits, "max_cost", -1),
        (Limits, "inbox_bytes", 1.5),
        (Limits, "outbox_bytes", 0),
        (Limits, "json_depth", 0),
        (Limits, "input_ring_ms", -1),
        (Timeouts, "connect", 0),
        (Timeouts, "ack", None),
        (Timeouts, "close", -1),
        (Timeouts, "ping_interval", "5"),
        (Timeouts, "ping_timeout", math.inf),
        (Reconnect, "max_attempts", 0),
        (Reconnect, "jitter", 1.1),
        (Reconnect, "initial", "yes"),
        (Reconnect, "replay_audio", "all"),
        (Reconnect, "min_delay", 9),
    ],
)
def test_settings_refuse_wrong_values_naming_the_field(settings: Any, field: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**{field: value})

    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (None, None),
        (False, None),
        (True, Reconnect()),
        (Reconnect(max_attempts=2), Reconnect(max_attempts=2)),
    ],
)
def test_reconnect_is_off_for_none_and_false(given: Any, parsed: Reconnect | None) -> None:
    assert Reconnect.parse(given) == parsed


def test_reconnect_refuses_anything_else() -> None:
    with pytest.raises(ConfigError, match="reconnect is no Reconnect: 3"):
        Reconnect.parse(3)  # type: ignore[arg-type]
