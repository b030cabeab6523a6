//! What a simulator is started with; read on every step of the path.

use crate::{Fault, Script};

/// How a service speaks; its name is the one of the client's option `dialect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI since 2025-08: `ga`.
    Ga,
    /// OpenAI before: `beta`.
    Beta,
    /// Azure OpenAI's GA path: `azure`.
    Azure,
    /// Azure OpenAI's dated versions, in the beta shape: `azure-preview`.
    AzurePreview,
    /// Azure Voice Live: `voice-live`.
    VoiceLive,
    /// xAI's voice agent: `xai`.
    Xai,
    /// Qwen-Omni-Realtime: `qwen`.
    Qwen,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 7] = [
        Dialect::Ga,
        Dialect::Beta,
        Dialect::Azure,
        Dialect::AzurePreview,
        Dialect::VoiceLive,
        Dialect::Xai,
        Dialect::Qwen,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Ga => "ga",
            Dialect::Beta => "beta",
            Dialect::Azure => "azure",
            Dialect::AzurePreview => "azure-preview",
            Dialect::VoiceLive => "voice-live",
            Dialect::Xai => "xai",
            Dialect::Qwen => "qwen",
        }
    }

    /// The dialect of a name; None if there is none.
    pub fn from_name(name: &str) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// What happens on OpenAI's path to a client that sends the header `OpenAI-Beta: realtime=v1` or its subprotocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Beta {
    /// Upgrade, then `error{code: beta_api_shape_disabled}` and close 4000, as the service does since May 2026.
    #[default]
    Refuse,
    /// Serve the client in the beta shape.
    Allow,
}

/// How a wrong key or an unknown model is refused; both ways are seen in the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// An HTTP response (401, 404) with a JSON body instead of the upgrade.
    #[default]
    Http,
    /// Upgrade, then an `error` event and close 4000.
    Event,
}

/// Options of Gemini Live's paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeminiConfig {
    /// Send messages in text frames. Default no: the service uses binary frames.
    pub text_frames: bool,
    /// Give calls ids. Default yes; without, as Vertex may do, their answers are found by name.
    pub call_ids: bool,
    /// Whether `clientContent` may follow a turn of the model. Default none: as the model has it, no for 3.1 only.
    pub content_mid_session: Option<bool>,
}

impl Default for GeminiConfig {
    fn default() -> Self {
        GeminiConfig { text_frames: false, call_ids: true, content_mid_session: None }
    }
}

/// Options of a simulator.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Address to listen on. Default `127.0.0.1`: the simulator is not hardened for a network.
    pub host: String,
    /// Port to listen on. Default 0: the system picks one, `Simulator::url` tells it.
    pub port: u16,
    /// The dialect of every connection. Default none: the path of a connection tells, and xAI's is taken for GA.
    pub dialect: Option<Dialect>,
    /// Serve TLS, with a certificate for this machine made at start. Default no.
    pub tls: bool,
    /// Treatment of beta clients. Default: refuse.
    pub beta: Beta,
    /// Key that clients must show. Default none: any key, or no key, is accepted.
    pub api_key: Option<String>,
    /// How a wrong key or an unknown model is refused. Default: by HTTP.
    pub refusal: Refusal,
    /// Models that exist. Default none: any model.
    pub models: Option<Vec<String>>,
    /// Seed of ids and noise; equal seeds give equal ids for the n-th connection.
    pub seed: u64,
    /// Delay in milliseconds before every event, as of a longer line: it adds latency and takes no throughput. Default 0.
    pub latency_ms: u64,
    /// Audio is sent at this multiple of real time. Default 12, measured at the service; 0 removes every wait.
    pub pace: f64,
    /// Length of one audio delta in milliseconds. Default 250, the service's usual length.
    pub delta_ms: u32,
    /// Deltas that still arrive after a cancellation. Default 3.
    pub stragglers: u32,
    /// Whether text deltas carry `obfuscation`, the service's padding against guessing by length. Default true.
    pub obfuscation: bool,
    /// Whether `rate_limits.updated` follows each response; the service often leaves it out. Default true.
    pub rate_limits: bool,
    /// What is special to Gemini Live.
    pub gemini: GeminiConfig,
    /// What the simulator answers. Default: text that reflects instructions, history and the user's words.
    pub script: Script,
    /// Faults to inject. Default none.
    pub faults: Vec<Fault>,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        SimulatorConfig {
            host: "127.0.0.1".to_owned(),
            port: 0,
            dialect: None,
            tls: false,
            beta: Beta::default(),
            api_key: None,
            refusal: Refusal::default(),
            models: None,
            seed: 0,
            latency_ms: 0,
            pace: 12.0,
            delta_ms: 250,
            stragglers: 3,
            obfuscation: true,
            rate_limits: true,
            gemini: GeminiConfig::default(),
            script: Script::default(),
            faults: Vec::new(),
        }
    }
}
