//! The services behind the public names of dialects.

use crate::config::SessionConfig;
use crate::endpoint::EndpointProfile;
use crate::gemini::{self, Backend};
use crate::openai::{self, Dialect};
use crate::uplink::AudioEncoder;

/// A service, by the protocol that it speaks.
#[derive(Clone, Copy, Debug)]
pub enum Service {
    /// OpenAI Realtime, in one of its dialects.
    OpenAi(&'static Dialect),
    /// Gemini Live, by one of its backends.
    Gemini(&'static Backend),
}

impl Service {
    /// The service with that public name.
    pub fn named(name: &str) -> Option<Self> {
        openai::dialect(name).map(Self::OpenAi).or_else(|| gemini::backend(name).map(Self::Gemini))
    }

    /// How it is reached.
    pub fn endpoint(&self) -> &'static EndpointProfile {
        match self {
            Self::OpenAi(dialect) => &dialect.endpoint,
            Self::Gemini(backend) => &backend.endpoint,
        }
    }

    /// How audio is sent under `config`.
    pub fn audio_encoder(&self, config: &SessionConfig) -> AudioEncoder {
        match self {
            Self::OpenAi(dialect) => dialect.audio_encoder(config),
            Self::Gemini(backend) => backend.audio_encoder(config),
        }
    }
}
