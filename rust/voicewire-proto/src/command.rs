//! Step "command": a normalised thing sent.

use serde_json::{Map, Value};

use crate::config::SessionConfig;

/// Names a receipt within a session.
pub type ReceiptId = u64;

/// Ties a command to its receipt and to the errors that the service reports about it.
#[derive(Clone, Debug)]
pub struct CommandId {
    /// Whom to tell.
    pub receipt: ReceiptId,
    /// The `event_id` that we send.
    pub event_id: String,
}

/// What a user can ask of a session; audio takes the short way, see [`crate::AudioEncoder`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Change the session's configuration.
    UpdateSession(Box<SessionConfig>),
    /// Add a text of the user, and ask for an answer where `respond`.
    SendText {
        /// The words.
        text: String,
        /// Whether to ask for a response.
        respond: bool,
    },
    /// Add a message of the user, and ask for an answer where `respond`.
    SendContent {
        /// `input_text`, `input_audio` and `input_image` parts.
        parts: Vec<Value>,
        /// Whether to ask for a response.
        respond: bool,
    },
    /// Make a turn of the audio sent since the last one.
    CommitAudio,
    /// Forget the audio sent since the last turn.
    ClearAudio,
    /// Ask for a response.
    CreateResponse(Map<String, Value>),
    /// Stop the response in progress; with an item, also cut it where the listener stopped hearing it.
    CancelResponse {
        /// The item to cut, with the samples of it that were heard, at the rate we deliver.
        truncate: Option<(String, u64)>,
    },
    /// Stop the answer: cancel the response in progress, and cut what plays where the listener stopped hearing it.
    Interrupt,
    /// A player has played so many samples of an item.
    ReportPlayed {
        /// The item.
        item_id: String,
        /// Samples heard so far, at the rate we deliver.
        samples: u64,
    },
    /// Answer a tool call.
    ToolOutput {
        /// The call.
        call_id: String,
        /// What the tool gave, as text.
        output: String,
        /// The tool, where the application says.
        name: Option<String>,
        /// When the model takes it up: "SILENT", "WHEN_IDLE" or "INTERRUPT", where the provider has that.
        scheduling: Option<String>,
    },
    /// A message of the user's own making.
    Raw {
        /// Wire type.
        kind: String,
        /// Its other fields.
        payload: Map<String, Value>,
    },
}

impl Command {
    /// Whether it ends the user's turn of audio: true by a commit, false by taking the audio back.
    pub fn closes_turn(&self) -> Option<bool> {
        match self {
            Self::CommitAudio => Some(true),
            Self::ClearAudio => Some(false),
            Self::Raw { kind, .. } if kind == "input_audio_buffer.commit" => Some(true),
            Self::Raw { kind, .. } if kind == "input_audio_buffer.clear" => Some(false),
            _ => None,
        }
    }
}
