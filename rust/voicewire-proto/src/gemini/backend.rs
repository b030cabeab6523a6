//! Where Gemini Live is reached: Google AI Studio and Vertex AI.

use crate::endpoint::{EndpointProfile, TokenRule};
use crate::uplink::AudioEncoder;

use crate::config::SessionConfig;

/// One way to the service.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// Public name.
    pub name: &'static str,
    /// How it is reached.
    pub endpoint: EndpointProfile,
}

/// Google AI Studio: keys and ephemeral tokens.
pub const GEMINI: Backend = Backend {
    name: "gemini",
    endpoint: EndpointProfile {
        base: Some("wss://generativelanguage.googleapis.com"),
        root: "/ws",
        path: "/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent",
        version: "v1beta",
        versions: &["v1", "v1beta", "v1alpha"],
        model_parameter: "",
        query: &[],
        headers: &[],
        key_header: Some("x-goog-api-key"),
        token: TokenRule::GoogleEphemeral,
        subprotocol: "",
        key_subprotocol: "",
        subprotocols: &[],
    },
};

/// Vertex AI: OAuth tokens, or keys in express mode. Its host follows from the location.
pub const VERTEX: Backend = Backend {
    name: "vertex",
    endpoint: EndpointProfile {
        base: None,
        path: "/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent",
        version: "v1beta1",
        versions: &["v1", "v1beta1"],
        token: TokenRule::Bearer,
        ..GEMINI.endpoint
    },
};

/// The backend with that public name.
pub fn backend(name: &str) -> Option<&'static Backend> {
    [&GEMINI, &VERTEX].into_iter().find(|backend| backend.name == name)
}

impl Backend {
    /// How audio is sent under `config`.
    pub fn audio_encoder(&self, config: &SessionConfig) -> AudioEncoder {
        let rate =
            config.get("input_format").and_then(|format| format["rate"].as_u64()).unwrap_or(u64::from(INPUT_RATE));
        let (rate, prefix) =
            AUDIO_PREFIXES.iter().find(|(known, _)| u64::from(*known) == rate).unwrap_or(&AUDIO_PREFIXES[0]);
        AudioEncoder::new(prefix, r#""}}}"#, *rate)
    }
}

/// Whether audio can be sent at that rate.
pub(super) fn takes_rate(rate: u64) -> bool {
    AUDIO_PREFIXES.iter().any(|(known, _)| u64::from(*known) == rate)
}

/// Hz of the input that the models work with.
pub const INPUT_RATE: u32 = 16_000;

/// Hz of the output, where a message does not tell.
pub const OUTPUT_RATE: u32 = 24_000;

macro_rules! audio_prefix {
    ($rate:literal) => {
        ($rate, concat!(r#"{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate="#, $rate, r#"","data":""#))
    };
}

/// The start of an audio message for each rate; the models' own first.
const AUDIO_PREFIXES: &[(u32, &str)] =
    &[audio_prefix!(16000), audio_prefix!(8000), audio_prefix!(24000), audio_prefix!(44100), audio_prefix!(48000)];
