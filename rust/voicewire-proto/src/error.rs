//! What can be wrong with a message, a command or a session, as the protocol sees it.

use thiserror::Error as ThisError;

/// An error that an event or a receipt carries.
#[derive(Clone, Debug, PartialEq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent something that cannot be read.
    #[error("{message}")]
    Malformed {
        /// What is wrong with it.
        kind: Malformed,
        /// What happened, to what, with which value.
        message: String,
        /// The start of the message, escaped, without secrets, at most 4 KiB.
        excerpt: String,
    },
    /// The service reported an error.
    #[error("{}", .0.message)]
    Server(ServerError),
    /// The service refused a command of ours.
    #[error("{}", .0.message)]
    Rejected(ServerError),
    /// The session reached the service's time limit.
    #[error("{}", .0.message)]
    SessionExpired(ServerError),
    /// The connection ended before the answer.
    #[error("connection closed: {code} {reason}")]
    ConnectionClosed {
        /// WebSocket close code.
        code: u16,
        /// The peer's words, or ours.
        reason: String,
    },
    /// No answer within the time that `timeouts.ack` gives.
    #[error("no answer to {command} within {seconds} s")]
    AckTimeout {
        /// Wire type of the command.
        command: String,
        /// The limit.
        seconds: f64,
    },
    /// A defect of ours that ended one session.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Ways in which a message can be unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// No JSON.
    BadJson,
    /// JSON, yet no event: no object, no type, a required field of the wrong type.
    BadEvent,
    /// Audio that is not base64 of whole samples.
    BadAudio,
    /// Tool arguments that are no JSON object.
    BadToolArguments,
    /// Nested deeper than 128 levels.
    TooDeep,
    /// A WebSocket message that is against the protocol: too long, not UTF-8, broken frames.
    BadMessage,
}

impl Malformed {
    /// The public word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadEvent => "bad_event",
            Self::BadAudio => "bad_audio",
            Self::BadToolArguments => "bad_tool_arguments",
            Self::TooDeep => "too_deep",
            Self::BadMessage => "bad_message",
        }
    }
}

/// An error in the service's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// What the service says.
    pub message: String,
    /// Its class, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// Its code, such as `unknown_parameter`.
    pub code: Option<String>,
    /// The field it is about.
    pub param: Option<String>,
    /// Id of the client event that caused it.
    pub event_id: Option<String>,
}
