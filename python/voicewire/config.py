"""What a session is asked to be: a ``SessionConfig`` that exists is valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from voicewire import parse
from voicewire.exceptions import ConfigError
from voicewire.history import items_of
from voicewire.policy import Limits, Reconnect, Timeouts
from voicewire.values import dataclass

__all__ = [
    "UNSET",
    "AudioFormat",
    "Limits",
    "Reconnect",
    "SemanticVAD",
    "ServerVAD",
    "SessionConfig",
    "Timeouts",
    "Unset",
    "detection_type",
]


class Unset(Enum):
    """The type of ``UNSET``."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Final = Unset.UNSET
"""An option that was not given: the provider's default holds. None switches a feature off."""

JSONObject: TypeAlias = Mapping[str, Any]
Eagerness = Literal["low", "medium", "high", "auto"]
FormatName = Literal["pcm16", "g711_ulaw", "g711_alaw"]


@dataclass(frozen=True, kw_only=True)
class SessionConfig:
    """Options of a session. An omitted one keeps the provider's default, None switches the feature off.

    Attributes:
        instructions: The system prompt.
        voice: Name of the voice, or the provider's voice object.
        modalities: What the model answers with: "audio", "text", or both.
        turn_detection: ``ServerVAD``, ``SemanticVAD``, a dict in OpenAI's words, or None for manual turns.
        input_format: Format sent: "pcm16", "g711_ulaw", "g711_alaw" or an ``AudioFormat``.
        output_format: Format received, likewise.
        input_transcription: Transcribe the user: a model name, a dict, True (the dialect's usual model) or None.
        noise_reduction: "near_field", "far_field", a dict, or None.
        tools: Definitions: dicts with name, description, parameters.
        tool_choice: "auto", "none", "required", or a dict that names one tool.
        parallel_tool_calls: Whether one response may call several tools.
        language: Language spoken, such as "en".
        reasoning: Effort, such as "low", or a dict.
        max_output_tokens: 1 to 4096 for each response, or "inf".
        temperature: 0 to 2, where the provider has it.
        speed: Pace of the voice, 0.25 to 1.5.
        history: What was said before: dicts with role and text, chat messages, or items of the wire.
        truncation: "auto", "disabled", or a dict in OpenAI's words.
        metadata: Names and values kept with the session.
        extra: A dict passed to the provider as it is.
    """

    instructions: str | Unset | None = UNSET
    voice: str | JSONObject | Unset | None = UNSET
    modalities: Sequence[str] | Unset | None = UNSET
    turn_detection: ServerVAD | SemanticVAD | JSONObject | Unset | None = UNSET
    input_format: FormatName | AudioFormat | JSONObject | Unset | None = UNSET
    output_format: FormatName | AudioFormat | JSONObject | Unset | None = UNSET
    input_transcription: str | JSONObject | bool | Unset | None = UNSET
    noise_reduction: str | JSONObject | Unset | None = UNSET
    tools: Sequence[JSONObject] | Unset | None = UNSET
    tool_choice: str | JSONObject | Unset | None = UNSET
    parallel_tool_calls: bool | Unset | None = UNSET
    language: str | Unset | None = UNSET
    reasoning: str | JSONObject | Unset | None = UNSET
    max_output_tokens: int | Literal["inf"] | Unset | None = UNSET
    temperature: float | Unset | None = UNSET
    speed: float | Unset | None = UNSET
    history: Sequence[JSONObject] | Unset | None = UNSET
    truncation: str | JSONObject | Unset | None = UNSET
    metadata: JSONObject | Unset | None = UNSET
    extra: JSONObject | Unset | None = UNSET

    def __post_init__(self) -> None:
        for name, read in _READERS.items():
            value = getattr(self, name)
            if value is not UNSET and value is not None:
                object.__setattr__(self, name, read(name, value))

    @classmethod
    def from_options(cls, config: SessionConfig | JSONObject | None = None, **options: Any) -> SessionConfig:
        """Merge a config with keyword options, which win; ``transcription`` is ``input_transcription``.

        Raises:
            ConfigError: A name is unknown (it tells the nearest one and all), or a value does not fit.
        """
        return cls(**{**_given(config), **_spelled_out(options)})

    def to_dict(self) -> dict[str, Any]:
        """Give the options that are set, in neutral words, ready for JSON."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in given.items() if value is not UNSET}


@dataclass(frozen=True, kw_only=True)
class ServerVAD:
    """Turns by loudness and silence, detected by the server.

    Attributes:
        threshold: Loudness that counts as speech, 0 to 1.
        prefix_padding_ms: Audio kept from before speech began.
        silence_duration_ms: Silence that ends a turn. Shorter answers sooner and cuts in more often.
        create_response: Whether the end of a turn asks for a response.
        interrupt_response: Whether speech interrupts a response.
        idle_timeout_ms: Silence after which the model speaks up, 5,000 to 30,000, or None for never.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 200
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: int | None = None

    def __post_init__(self) -> None:
        _check_vad(asdict(self))

    def to_dict(self) -> dict[str, Any]:
        """The setting in OpenAI's words."""
        return {"type": "server_vad", **_without_none(asdict(self))}


@dataclass(frozen=True, kw_only=True)
class SemanticVAD:
    """Turns by meaning: the server waits while a sentence sounds unfinished.

    Attributes:
        eagerness: How soon to answer: "low", "medium", "high", "auto", or None for the provider's choice.
        create_response: Whether the end of a turn asks for a response.
        interrupt_response: Whether speech interrupts a response.
    """

    eagerness: Eagerness | None = None
    create_response: bool = True
    interrupt_response: bool = True

    def __post_init__(self) -> None:
        _check_vad(asdict(self))

    def to_dict(self) -> dict[str, Any]:
        """The setting in OpenAI's words."""
        return {"type": "semantic_vad", **_without_none(asdict(self))}


@dataclass(frozen=True)
class AudioFormat:
    """A format of the wire; mono always.

    Attributes:
        type: "pcm16" (little-endian), "g711_ulaw" or "g711_alaw".
        rate: Samples per second, or None for the provider's rate.
    """

    type: FormatName = "pcm16"
    rate: int | None = None

    def __post_init__(self) -> None:
        parse.choice("type", self.type, _FORMATS)
        if self.rate is not None:
            parse.integer("rate", self.rate, 4_000, 192_000)

    def to_dict(self) -> dict[str, Any]:
        """Type and rate, ready for JSON."""
        return asdict(self)


def detection_type(config: SessionConfig, session: Mapping[str, Any]) -> str | None:
    """How turns are detected, from what was asked for, else from the server's session object; None: by hand."""
    wanted = config.turn_detection
    if wanted is UNSET:
        spoken = session.get("audio", {}).get("input", {})
        wanted = {**session, **spoken}.get("turn_detection", {"type": "server_vad"})
    words = wanted.to_dict() if isinstance(wanted, (ServerVAD, SemanticVAD)) else wanted or {}
    kind: str | None = words.get("type")
    return kind


def _given(config: SessionConfig | JSONObject | None) -> dict[str, Any]:
    if config is None:
        return {}
    if isinstance(config, SessionConfig):
        given = {field.name: getattr(config, field.name) for field in fields(config)}
        return {name: value for name, value in given.items() if value is not UNSET}
    if not isinstance(config, Mapping):
        raise ConfigError("config is neither SessionConfig nor mapping", field="config", value=config)
    return _spelled_out(config)


def _spelled_out(options: JSONObject) -> dict[str, Any]:
    parse.known_names("session option", options, (*_OPTIONS, "transcription"))
    spelled = dict(options)
    if "transcription" in spelled:
        if "input_transcription" in spelled:
            raise ConfigError("transcription and input_transcription are the same option", field="transcription")
        spelled["input_transcription"] = spelled.pop("transcription")
    return spelled


def _plain(value: object) -> Any:
    if isinstance(value, (ServerVAD, SemanticVAD, AudioFormat)):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _check_vad(words: JSONObject) -> None:
    for name, read in _VAD_READERS.items():
        if words.get(name) is not None:
            read(name, words[name])


def _turn_detection(field: str, value: object) -> ServerVAD | SemanticVAD | dict[str, Any]:
    if isinstance(value, (ServerVAD, SemanticVAD)):
        return value
    words = parse.json_object(field, value)
    parse.text(f"{field}.type", words.get("type"))
    _check_vad(words)
    return words


def _format(field: str, value: object) -> str | AudioFormat:
    if isinstance(value, Mapping):
        parse.known_names(f"key of {field}", value, ("type", "rate"))
        value = AudioFormat(**value)
    if isinstance(value, AudioFormat):
        return value if value.rate is not None else value.type
    return parse.choice(field, value, _FORMATS)


def _transcription(field: str, value: object) -> dict[str, Any] | None:
    if isinstance(value, bool):
        # Without a model the core takes the dialect's.
        return {} if value else None
    if isinstance(value, str):
        return {"model": parse.text(field, value)}
    return parse.json_object(field, value)


def _modalities(field: str, value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple, set, frozenset)) or not names:
        raise ConfigError(f"{field} is no list of text, audio", field=field, value=value)
    return tuple(dict.fromkeys(parse.choice(field, name, ("text", "audio")) for name in names))


def _tools(field: str, value: object) -> tuple[dict[str, Any], ...]:
    return tuple(_tool(f"{field}[{index}]", tool) for index, tool in enumerate(parse.json_list(field, value)))


def _tool(field: str, tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type", "function") != "function":
        return tool  # a kind the provider runs itself, such as "mcp"
    if not parse.text(f"{field}.name", tool.get("name")):
        raise ConfigError(f"{field}.name is empty", field=f"{field}.name")
    parse.text(f"{field}.description", tool.get("description", ""))
    parse.json_object(f"{field}.parameters", tool.get("parameters", {}))
    return {"type": "function", **tool}


def _max_output_tokens(field: str, value: object) -> int | str:
    return "inf" if value == "inf" else parse.integer(field, value, 1, 4096)


def _text_or_object(field: str, value: object) -> str | dict[str, Any]:
    return parse.text(field, value) if isinstance(value, str) else parse.json_object(field, value)


def _one_of(*choices: str) -> Callable[[str, object], str | dict[str, Any]]:
    """Read one of ``choices``, or the provider's object."""

    def read(field: str, value: object) -> str | dict[str, Any]:
        return parse.json_object(field, value) if isinstance(value, Mapping) else parse.choice(field, value, choices)

    return read


def _number(low: float, high: float) -> Callable[[str, object], float]:
    return lambda field, value: parse.number(field, value, low, high)


_FORMATS = ("pcm16", "g711_ulaw", "g711_alaw")
_OPTIONS = tuple(field.name for field in fields(SessionConfig))
_VAD_READERS: dict[str, Callable[[str, object], object]] = {
    "threshold": _number(0, 1),
    "prefix_padding_ms": parse.integer,
    "silence_duration_ms": parse.integer,
    "create_response": parse.flag,
    "interrupt_response": parse.flag,
    "idle_timeout_ms": lambda field, value: parse.integer(field, value, 5_000, 30_000),
    "eagerness": lambda field, value: parse.choice(field, value, ("low", "medium", "high", "auto")),
}
_READERS: dict[str, Callable[[str, object], object]] = {
    "instructions": parse.text,
    "voice": _text_or_object,
    "modalities": _modalities,
    "turn_detection": _turn_detection,
    "input_format": _format,
    "output_format": _format,
    "input_transcription": _transcription,
    "noise_reduction": _text_or_object,
    "tools": _tools,
    "tool_choice": _one_of("auto", "none", "required"),
    "parallel_tool_calls": parse.flag,
    "language": parse.text,
    "reasoning": _text_or_object,
    "max_output_tokens": _max_output_tokens,
    "temperature": _number(0, 2),
    "speed": _number(0.25, 1.5),
    "history": lambda field, value: tuple(items_of(value, field)),
    "truncation": _one_of("auto", "disabled"),
    "metadata": parse.json_object,
    "extra": parse.json_object,
}
