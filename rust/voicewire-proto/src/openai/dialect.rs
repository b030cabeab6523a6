//! What differs between the services that speak OpenAI Realtime.

use crate::endpoint::EndpointProfile;
use crate::uplink::AudioEncoder;

/// One service's way of speaking.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Public name.
    pub name: &'static str,
    /// How it is reached.
    pub endpoint: EndpointProfile,
    /// How audio is sent.
    pub audio: AudioEncoder,
    /// Hz of the audio that it sends.
    pub output_sample_rate: u32,
    /// Neutral option → path in the session object.
    pub session_paths: &'static [(&'static str, &'static [&'static str])],
}

/// OpenAI's own protocol since 2025-08.
pub const GA: Dialect = Dialect {
    name: "ga",
    endpoint: EndpointProfile {
        base: "wss://api.openai.com/v1",
        path: "/realtime",
        subprotocol: "realtime",
        key_subprotocol: "openai-insecure-api-key.",
    },
    audio: AudioEncoder::new(r#"{"type":"input_audio_buffer.append","audio":""#, r#""}"#, 24_000),
    output_sample_rate: 24_000,
    session_paths: &[
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
    ],
};
