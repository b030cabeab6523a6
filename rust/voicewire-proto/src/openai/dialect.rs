//! What differs between the services that speak OpenAI Realtime, as data; the services themselves are in `services.rs`.

use crate::config::SessionConfig;
use crate::endpoint::EndpointProfile;
use crate::uplink::AudioEncoder;

use super::formats::Formats;
use super::session::SessionType;

/// Neutral option → path in an object of the wire.
pub(super) type Paths = &'static [(&'static str, &'static [&'static str])];

/// One service's way of speaking.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Public name.
    pub name: &'static str,
    /// How it is reached.
    pub endpoint: EndpointProfile,
    /// How it writes audio formats, and at which rates it works.
    pub formats: Formats,
    /// Where options stand in the session object.
    pub session_paths: Paths,
    /// Where options stand in the response object; empty: no overrides.
    pub response_paths: Paths,
    /// Whether the session object says its type, "realtime" or "transcription".
    pub typed_sessions: bool,
    /// Wire type that configures a transcription session.
    pub transcription_update: &'static str,
    /// What transcribes the user where nobody says which model: it streams, and is the cheapest.
    pub transcription_model: &'static str,
    /// Whether audio is asked for together with text; else it implies its transcript.
    pub both_modalities: bool,
    /// Whether a tool's definition stands under `function`.
    pub nested_tools: bool,
    /// Content types of an assistant's words: written, spoken.
    pub assistant_content: (&'static str, &'static str),
    /// What it can do.
    pub abilities: Abilities,
}

/// What a service can do, beyond what all of them can.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// Takes `response.create` with overrides.
    pub per_response_options: bool,
    /// Takes images.
    pub image_input: bool,
    /// Runs MCP tools by itself.
    pub mcp: bool,
    /// Resumes a session after a drop.
    pub session_resumption: bool,
    /// Gives each item and response an id.
    pub server_ids: bool,
    /// Longest session in minutes, 0 where not told.
    pub max_session_minutes: u32,
}

impl Dialect {
    /// How audio is sent under `config`.
    pub fn audio_encoder(&self, config: &SessionConfig) -> AudioEncoder {
        let format = config.get("input_format");
        AudioEncoder::new(APPEND.0, APPEND.1, self.formats.input_rate(format))
            .with_codec(self.formats.input_codec(format))
    }

    /// Wire type of the message that configures a session.
    pub(super) fn update_type(&self, kind: SessionType) -> &'static str {
        match kind {
            SessionType::Realtime => "session.update",
            SessionType::Transcription => self.transcription_update,
        }
    }

    /// Hz of the audio that comes under `config`.
    pub fn output_sample_rate(&self, config: &SessionConfig) -> u32 {
        self.formats.output_rate(config.get("output_format"))
    }

    /// Options that this service has no words for.
    pub fn unsupported_options(&self) -> impl Iterator<Item = &'static str> + '_ {
        let expressed = |option: &str| self.session_paths.iter().any(|(name, _)| *name == option);
        SessionConfig::names().filter(move |option| !matches!(*option, "extra" | "history") && !expressed(option))
    }
}

/// The append message around its base64 text.
const APPEND: (&str, &str) = (r#"{"type":"input_audio_buffer.append","audio":""#, r#""}"#);
