//! The services that speak OpenAI Realtime, one constant each.

use super::dialect::{Abilities, Dialect, Paths};
use super::formats::Formats;
use crate::endpoint::{EndpointProfile, TokenRule};

/// The dialect with that public name.
pub fn dialect(name: &str) -> Option<&'static Dialect> {
    ALL.iter().copied().find(|dialect| dialect.name == name)
}

/// All of them, OpenAI's own first.
pub const ALL: &[&Dialect] = &[&GA, &BETA, &AZURE, &AZURE_PREVIEW, &VOICE_LIVE, &XAI, &QWEN];

/// OpenAI's own protocol since 2025-08.
pub const GA: Dialect = Dialect {
    name: "ga",
    endpoint: OPENAI,
    formats: Formats::Typed { rates: &[24_000] },
    session_paths: GA_SESSION,
    response_paths: GA_RESPONSE,
    typed_sessions: true,
    transcription_update: "session.update",
    transcription_model: "gpt-4o-mini-transcribe",
    both_modalities: false,
    nested_tools: false,
    assistant_content: ("output_text", "output_audio"),
    abilities: Abilities {
        per_response_options: true,
        image_input: true,
        mcp: true,
        session_resumption: false,
        server_ids: true,
        max_session_minutes: 60,
    },
};

/// OpenAI's first protocol, which other servers still speak. OpenAI refuses it since 2026-05: it has no address of its own.
pub const BETA: Dialect = Dialect {
    name: "beta",
    endpoint: EndpointProfile {
        base: None,
        headers: &[("OpenAI-Beta", "realtime=v1")],
        subprotocols: &["openai-beta.realtime-v1"],
        ..OPENAI
    },
    formats: Formats::Named { input: BETA_FORMATS, output: BETA_FORMATS, rate_field: None },
    session_paths: BETA_SESSION,
    response_paths: BETA_RESPONSE,
    typed_sessions: false,
    transcription_update: "transcription_session.update",
    transcription_model: "gpt-4o-mini-transcribe",
    both_modalities: true,
    nested_tools: false,
    assistant_content: ("text", "audio"),
    abilities: Abilities { image_input: false, mcp: false, max_session_minutes: 30, ..GA.abilities },
};

/// Azure OpenAI, `/openai/v1`: the GA protocol under a customer's own host.
pub const AZURE: Dialect = Dialect {
    name: "azure",
    endpoint: EndpointProfile { base: None, root: "/openai/v1", key_header: Some("api-key"), ..OPENAI },
    ..GA
};

/// Azure OpenAI with a dated `api-version`: the beta protocol, without its header.
pub const AZURE_PREVIEW: Dialect = Dialect {
    name: "azure-preview",
    endpoint: EndpointProfile {
        base: None,
        root: "/openai",
        model_parameter: "deployment",
        query: &[("api-version", "2025-04-01-preview")],
        key_header: Some("api-key"),
        ..OPENAI
    },
    ..BETA
};

/// Azure Voice Live: beta names with a session of its own.
pub const VOICE_LIVE: Dialect = Dialect {
    name: "voice-live",
    endpoint: EndpointProfile {
        base: None,
        root: "/voice-live",
        query: &[("api-version", "2025-10-01")],
        key_header: Some("api-key"),
        ..OPENAI
    },
    formats: Formats::Named {
        input: &[
            ("pcm16", 24_000, "pcm16"),
            ("pcm16", 16_000, "pcm16"),
            ("pcm16", 8_000, "pcm16"),
            ("g711_ulaw", 8_000, "g711_ulaw"),
            ("g711_alaw", 8_000, "g711_alaw"),
        ],
        output: &[
            ("pcm16", 24_000, "pcm16"),
            ("pcm16", 16_000, "pcm16_16000hz"),
            ("pcm16", 8_000, "pcm16_8000hz"),
            ("g711_ulaw", 8_000, "g711_ulaw"),
            ("g711_alaw", 8_000, "g711_alaw"),
        ],
        rate_field: Some("input_audio_sampling_rate"),
    },
    transcription_model: "whisper-1",
    session_paths: VOICE_LIVE_SESSION,
    response_paths: VOICE_LIVE_RESPONSE,
    abilities: Abilities { mcp: true, image_input: true, max_session_minutes: 30, ..GA.abilities },
    ..BETA
};

/// xAI's Grok voice: GA names, a session half in beta words.
pub const XAI: Dialect = Dialect {
    name: "xai",
    endpoint: EndpointProfile {
        base: Some("wss://api.x.ai/v1"),
        key_subprotocol: "xai-client-secret.",
        subprotocols: &[],
        ..OPENAI
    },
    formats: Formats::Typed { rates: &[24_000, 8_000, 16_000, 22_050, 32_000, 44_100, 48_000] },
    transcription_model: "grok-transcribe",
    session_paths: XAI_SESSION,
    response_paths: XAI_RESPONSE,
    typed_sessions: false,
    abilities: Abilities {
        image_input: false,
        mcp: false,
        session_resumption: true,
        max_session_minutes: 0,
        ..GA.abilities
    },
    ..GA
};

/// Qwen-Omni on DashScope: the beta protocol, 16 kHz in and 24 kHz out.
pub const QWEN: Dialect = Dialect {
    name: "qwen",
    endpoint: EndpointProfile { base: Some("wss://dashscope.aliyuncs.com/api-ws/v1"), root: "/api-ws/v1", ..OPENAI },
    formats: Formats::Named {
        input: &[("pcm16", 16_000, "pcm")],
        output: &[("pcm16", 24_000, "pcm")],
        rate_field: None,
    },
    transcription_model: "gummy-realtime-v1",
    session_paths: QWEN_SESSION,
    nested_tools: true,
    abilities: Abilities { image_input: false, mcp: false, max_session_minutes: 0, ..GA.abilities },
    ..BETA
};

const OPENAI: EndpointProfile = EndpointProfile {
    base: Some("wss://api.openai.com/v1"),
    root: "/v1",
    path: "/realtime",
    version: "",
    versions: &[],
    model_parameter: "model",
    query: &[],
    headers: &[],
    key_header: None,
    token: TokenRule::Bearer,
    subprotocol: "realtime",
    key_subprotocol: "openai-insecure-api-key.",
    subprotocols: &[],
};

const GA_SESSION: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["audio", "output", "voice"]),
    ("speed", &["audio", "output", "speed"]),
    ("modalities", &["output_modalities"]),
    ("turn_detection", &["audio", "input", "turn_detection"]),
    ("input_format", &["audio", "input", "format"]),
    ("output_format", &["audio", "output", "format"]),
    ("input_transcription", &["audio", "input", "transcription"]),
    ("language", &["audio", "input", "transcription", "language"]),
    ("noise_reduction", &["audio", "input", "noise_reduction"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("parallel_tool_calls", &["parallel_tool_calls"]),
    ("reasoning", &["reasoning"]),
    ("max_output_tokens", &["max_output_tokens"]),
    ("truncation", &["truncation"]),
];

const GA_RESPONSE: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["audio", "output", "voice"]),
    ("modalities", &["output_modalities"]),
    ("output_format", &["audio", "output", "format"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("parallel_tool_calls", &["parallel_tool_calls"]),
    ("reasoning", &["reasoning"]),
    ("max_output_tokens", &["max_output_tokens"]),
    ("metadata", &["metadata"]),
];

const BETA_SESSION: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["voice"]),
    ("speed", &["speed"]),
    ("modalities", &["modalities"]),
    ("turn_detection", &["turn_detection"]),
    ("input_format", &["input_audio_format"]),
    ("output_format", &["output_audio_format"]),
    ("input_transcription", &["input_audio_transcription"]),
    ("language", &["input_audio_transcription", "language"]),
    ("noise_reduction", &["input_audio_noise_reduction"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("max_output_tokens", &["max_response_output_tokens"]),
    ("temperature", &["temperature"]),
];

const BETA_RESPONSE: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["voice"]),
    ("modalities", &["modalities"]),
    ("output_format", &["output_audio_format"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("max_output_tokens", &["max_response_output_tokens"]),
    ("temperature", &["temperature"]),
    ("metadata", &["metadata"]),
];

const VOICE_LIVE_SESSION: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["voice"]),
    ("modalities", &["modalities"]),
    ("turn_detection", &["turn_detection"]),
    ("input_format", &["input_audio_format"]),
    ("output_format", &["output_audio_format"]),
    ("input_transcription", &["input_audio_transcription"]),
    ("language", &["input_audio_transcription", "language"]),
    ("noise_reduction", &["input_audio_noise_reduction"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("parallel_tool_calls", &["parallel_tool_calls"]),
    ("reasoning", &["reasoning_effort"]),
    ("max_output_tokens", &["max_response_output_tokens"]),
    ("temperature", &["temperature"]),
    ("metadata", &["metadata"]),
];

const VOICE_LIVE_RESPONSE: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["voice"]),
    ("modalities", &["modalities"]),
    ("output_format", &["output_audio_format"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("max_output_tokens", &["max_output_tokens"]),
    ("temperature", &["temperature"]),
    ("reasoning", &["reasoning_effort"]),
    ("metadata", &["metadata"]),
];

const XAI_SESSION: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["voice"]),
    ("modalities", &["modalities"]),
    ("turn_detection", &["turn_detection"]),
    ("input_format", &["audio", "input", "format"]),
    ("output_format", &["audio", "output", "format"]),
    ("input_transcription", &["audio", "input", "transcription"]),
    ("language", &["audio", "input", "transcription", "language"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("max_output_tokens", &["max_response_output_tokens"]),
    ("temperature", &["temperature"]),
];

const XAI_RESPONSE: Paths = &[
    ("instructions", &["instructions"]),
    ("modalities", &["modalities"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("metadata", &["metadata"]),
];

const QWEN_SESSION: Paths = &[
    ("instructions", &["instructions"]),
    ("voice", &["voice"]),
    ("modalities", &["modalities"]),
    ("turn_detection", &["turn_detection"]),
    ("input_format", &["input_audio_format"]),
    ("output_format", &["output_audio_format"]),
    ("input_transcription", &["input_audio_transcription"]),
    ("language", &["input_audio_transcription", "language"]),
    ("tools", &["tools"]),
    ("tool_choice", &["tool_choice"]),
    ("max_output_tokens", &["max_tokens"]),
    ("temperature", &["temperature"]),
];

const BETA_FORMATS: &[super::formats::Name] =
    &[("pcm16", 24_000, "pcm16"), ("g711_ulaw", 8_000, "g711_ulaw"), ("g711_alaw", 8_000, "g711_alaw")];
