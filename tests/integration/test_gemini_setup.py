"""Session options in the words of Gemini Live, as a peer gets them."""

from typing import Any

import pytest
from tests.integration.listening import of, soon, until_that
from tests.integration.peer import Peer
from tests.interop.gemini import greet

import voicewire as vw

OLD, NEW = "gemini-2.5-flash-native-audio-latest", "gemini-3.8-live"
DETECTION = "realtimeInputConfig.automaticActivityDetection"
VOICE = "generationConfig.speechConfig.voiceConfig"
THINKING = "generationConfig.thinkingConfig"
CLONED = {"replicatedVoiceConfig": {"mimeType": "audio/wav", "voiceSampleAudio": "AQACAAMA"}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


async def setup_of(model: str = OLD, **options: Any) -> tuple[dict[str, Any], list[Any]]:
    """The setup, and the options that were told to have no words."""
    mismatches: list[Any] = []
    async with Peer(*greet()) as peer:
        client = vw.RealtimeClient(model, url=peer.url, dialect="gemini", reconnect=None, **options)
        client.on("config_mismatch", lambda event: mismatches.extend(event.fields))
        async with client:
            await soon(client.flush())
            return (await peer.connection()).received[0]["setup"], mismatches


def at(setup: dict[str, Any], path: str) -> Any:
    """What stands under a dotted path; None for nothing."""
    found: Any = setup
    for key in path.split("."):
        found = (found or {}).get(key)
    return found


async def test_a_setup_without_options_is_short() -> None:
    setup, mismatches = await setup_of()

    assert setup == {
        "model": f"models/{OLD}",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "outputAudioTranscription": {},
        "contextWindowCompression": {"slidingWindow": {}},
    }
    assert mismatches == []


@pytest.mark.parametrize(
    ("option", "path", "value"),
    [
        ({"instructions": "Be brief."}, "systemInstruction", {"parts": [{"text": "Be brief."}]}),
        ({"voice": "Puck"}, VOICE, {"prebuiltVoiceConfig": {"voiceName": "Puck"}}),
        ({"voice": CLONED}, VOICE, CLONED),
        ({"language": "de-DE"}, "generationConfig.speechConfig.languageCode", "de-DE"),
        ({"temperature": 0.5}, "generationConfig.temperature", 0.5),
        ({"max_output_tokens": 100}, "generationConfig.maxOutputTokens", 100),
        ({"max_output_tokens": "inf"}, "generationConfig.maxOutputTokens", None),
        ({"modalities": ["text", "audio"]}, "generationConfig.responseModalities", ["AUDIO"]),
        ({"turn_detection": None}, DETECTION, {"disabled": True}),
        (
            {"turn_detection": vw.ServerVAD(prefix_padding_ms=100, silence_duration_ms=700)},
            DETECTION,
            {"prefixPaddingMs": 100, "silenceDurationMs": 700},
        ),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.3}},
            f"{DETECTION}.startOfSpeechSensitivity",
            "START_SENSITIVITY_HIGH",
        ),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.8}},
            f"{DETECTION}.startOfSpeechSensitivity",
            "START_SENSITIVITY_LOW",
        ),
        (
            {"turn_detection": vw.SemanticVAD(eagerness="low")},
            f"{DETECTION}.endOfSpeechSensitivity",
            "END_SENSITIVITY_LOW",
        ),
        (
            {"turn_detection": vw.SemanticVAD(interrupt_response=False)},
            "realtimeInputConfig.activityHandling",
            "NO_INTERRUPTION",
        ),
        (
            {"turn_detection": {"type": "server_vad", "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH"}},
            DETECTION,
            {"endOfSpeechSensitivity": "END_SENSITIVITY_HIGH"},
        ),
        ({"input_transcription": True}, "inputAudioTranscription", {}),
        ({"input_transcription": {"language": "de"}}, "inputAudioTranscription", {"languageCodes": ["de"]}),
        (
            {"tools": [{"name": "f", "description": "Does it.", "parameters": SCHEMA, "behavior": "NON_BLOCKING"}]},
            "tools",
            [
                {
                    "functionDeclarations": [
                        {
                            "name": "f",
                            "description": "Does it.",
                            "parametersJsonSchema": SCHEMA,
                            "behavior": "NON_BLOCKING",
                        }
                    ]
                }
            ],
        ),
        ({"tools": [{"type": "google_search"}]}, "tools", [{"googleSearch": {}}]),
        ({"tools": [{"name": "f"}], "tool_choice": "none"}, "tools", None),
        ({"tools": [{"name": "f"}], "tool_choice": "auto"}, "tools", [{"functionDeclarations": [{"name": "f"}]}]),
        ({"reasoning": "minimal"}, THINKING, {"thinkingBudget": 0}),
        ({"reasoning": "low"}, THINKING, {"thinkingBudget": 1024}),
        ({"reasoning": "high"}, THINKING, {"thinkingBudget": -1}),
        ({"reasoning": {"includeThoughts": True}}, THINKING, {"includeThoughts": True}),
        ({"truncation": "auto"}, "contextWindowCompression", {"slidingWindow": {}}),
        ({"truncation": "disabled"}, "contextWindowCompression", None),
        ({"truncation": {"triggerTokens": 9000}}, "contextWindowCompression", {"triggerTokens": 9000}),
        ({"extra": {"proactivity": {"proactiveAudio": True}}}, "proactivity", {"proactiveAudio": True}),
        ({"extra": {"generationConfig": {"topK": 3}}}, "generationConfig.topK", 3),
    ],
    ids=repr,
)
async def test_an_option_has_its_field(option: dict[str, Any], path: str, value: Any) -> None:
    setup, mismatches = await setup_of(**option)

    assert at(setup, path) == value
    assert mismatches == []


@pytest.mark.parametrize(
    ("model", "effort", "value"),
    [("gemini-3.1-flash-live-preview", "low", "LOW"), ("gemini-3.8-live-extended-thinking", "high", "HIGH")],
)
async def test_models_of_the_third_generation_think_by_levels(model: str, effort: str, value: str) -> None:
    setup, mismatches = await setup_of(model, reasoning=effort)

    assert (at(setup, THINKING), mismatches) == ({"thinkingLevel": value}, [])


async def test_a_model_that_writes_is_asked_to() -> None:
    setup, mismatches = await setup_of("gemini-2.0-flash-live-001", modalities=["text"])

    assert at(setup, "generationConfig.responseModalities") == ["TEXT"]
    assert (at(setup, "outputAudioTranscription"), mismatches) == (None, [])


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"noise_reduction": "near_field"}, "noise_reduction"),
        ({"parallel_tool_calls": True}, "parallel_tool_calls"),
        ({"speed": 1.2}, "speed"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"input_transcription": "whisper-1"}, "input_transcription.model"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"turn_detection": vw.ServerVAD(create_response=False)}, "turn_detection.create_response"),
        ({"turn_detection": vw.ServerVAD(idle_timeout_ms=6000)}, "turn_detection.idle_timeout_ms"),
        ({"input_transcription": {"prompt": "names of rivers"}}, "input_transcription.prompt"),
    ],
    ids=repr,
)
async def test_an_option_without_words_is_told(option: dict[str, Any], name: str) -> None:
    _, mismatches = await setup_of(**option)

    assert mismatches == [name]


async def test_a_model_that_wants_no_thinking_option_gets_none() -> None:
    setup, mismatches = await setup_of(NEW, reasoning="low")

    assert (at(setup, THINKING), mismatches) == (None, ["reasoning"])


@pytest.mark.parametrize(("model", "is_announced"), [(OLD, None), (NEW, True)])
async def test_history_goes_out_behind_the_setup(model: str, is_announced: bool | None) -> None:
    said = [{"role": "user", "text": "My name is Ada."}, {"role": "assistant", "text": "Hello Ada."}]
    async with Peer(*greet()) as peer:
        client = vw.RealtimeClient(model, url=peer.url, dialect="gemini", reconnect=None, history=said)
        async with client:
            sent = (await (await peer.connection()).expect("clientContent"))["clientContent"]
            setup = (await peer.connection()).received[0]["setup"]

    assert at(setup, "historyConfig.initialHistoryInClientContent") == is_announced
    assert sent["turns"] == [
        {"role": "user", "parts": [{"text": "My name is Ada."}]},
        {"role": "model", "parts": [{"text": "Hello Ada."}]},
    ]
    # A whole turn asks for an answer, but where it was announced as history.
    assert sent["turnComplete"] is bool(is_announced)


async def test_reconnection_asks_for_handles() -> None:
    async with Peer(*greet()) as peer, vw.RealtimeClient(OLD, url=peer.url, dialect="gemini"):
        setup = (await peer.connection()).received[0]["setup"]

    assert setup["sessionResumption"] == {}


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
async def test_audio_goes_out_at_the_rate_asked_for(rate: int) -> None:
    async with Peer(*greet()) as peer:
        client = vw.RealtimeClient(OLD, url=peer.url, dialect="gemini", input_format=vw.AudioFormat("pcm16", rate))
        async with client:
            client.send_audio(bytes(2 * rate // 10), rate)
            sent = await (await peer.connection()).expect("realtimeInput")

    assert sent["realtimeInput"]["audio"]["mimeType"] == f"audio/pcm;rate={rate}"


async def test_a_change_that_needs_a_new_connection_is_refused_without_reconnection() -> None:
    async with Peer(*greet()) as peer:
        client = vw.RealtimeClient(OLD, url=peer.url, dialect="gemini", reconnect=None)
        async with client:
            events = aiter(client)
            with pytest.raises(vw.CommandRejected) as caught:
                await soon(client.update_config(voice="Puck"))
            told = await until_that(events, lambda event: event.type == "error")

    assert caught.value.code == "reconnect_is_off"
    assert [event.fatal for event in of(vw.ErrorEvent, told)] == [False]


@pytest.mark.parametrize(("model", "told"), [(OLD, []), ("gemini-3.1-flash-live-preview", []), (NEW, ["reasoning"])])
async def test_what_a_model_has_no_words_for_is_known_before_there_is_a_session(model: str, told: list[str]) -> None:
    _, mismatches = await setup_of(model, reasoning="low")

    able = vw.RealtimeClient(f"gemini/{model}").capabilities
    assert mismatches == told
    assert [name for name in able.unsupported_options if name == "reasoning"] == told


@pytest.mark.parametrize("options", [{"reasoning": "low"}, {"modalities": ["text"]}])
def test_strict_refuses_what_the_model_has_no_words_for(options: dict[str, Any]) -> None:
    field = next(iter(options))

    with pytest.raises(vw.ConfigError, match=f"^model {NEW} has no words for {field}$") as caught:
        vw.RealtimeClient(f"gemini/{NEW}", strict=True, **options)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("model", "options"), [(OLD, {"reasoning": "low"}), ("gemini-2.0-flash-live-001", {"modalities": ["text"]})]
)
def test_strict_takes_what_the_model_has_words_for(model: str, options: dict[str, Any]) -> None:
    assert vw.RealtimeClient(f"gemini/{model}", strict=True, **options).state == "idle"
