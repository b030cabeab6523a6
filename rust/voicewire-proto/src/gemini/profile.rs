//! What differs between the models behind Gemini Live, as data that the caller hands over.

use serde_json::Value;

/// What one model can do, as far as the wire is concerned.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Profile {
    /// `clientContent` may come at any time; else only before the model's first turn.
    pub client_content_mid_session: bool,
    /// `contextUpdate` changes instructions and tools in place.
    pub context_update: bool,
    /// Instructions change by a turn of context.
    pub instructions_by_turn: bool,
    /// Role of that turn; None where the service takes none.
    pub instructions_role: Option<String>,
    /// History goes in with `historyConfig`; else as a turn of context.
    pub history_config: bool,
    /// A request for a response needs a realtime input beside it.
    pub needs_nudge: bool,
    /// How thinking is asked for: "budget", "level", or "" where it must be left out.
    pub thinking: String,
    /// Tools do not hold up the model unless they say so.
    pub tools_nonblocking_default: bool,
    /// The server tells when the user speaks.
    pub speech_events: bool,
    /// Answers can be written instead of spoken.
    pub text_output: bool,
}

impl Profile {
    /// Reads the flags of a model; what is not told is as with the oldest model.
    pub fn read(flags: &Value) -> Self {
        let flag = |name: &str, default: bool| flags[name].as_bool().unwrap_or(default);
        let text = |name: &str| flags[name].as_str().map(str::to_owned);
        Self {
            client_content_mid_session: flag("client_content_mid_session", true),
            context_update: flag("context_update", false),
            instructions_by_turn: flag("instructions_by_turn", false),
            instructions_role: text("instructions_role"),
            history_config: flag("history_config", false),
            needs_nudge: flag("needs_nudge", false),
            thinking: text("thinking").unwrap_or_default(),
            tools_nonblocking_default: flag("tools_nonblocking_default", false),
            speech_events: flag("speech_events", false),
            text_output: flag("text_output", true),
        }
    }
}
