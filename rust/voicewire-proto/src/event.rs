//! Step "event": a normalised thing received, the same for every provider.

use std::time::Instant;

use voicewire_audio::codec::Codec;

use crate::error::Error;
use crate::item::ItemChange;
use crate::message::{Message, Text};
use crate::usage::Usage;

/// A normalised event.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happened.
    pub body: Body,
    /// The message it came in; None for events that we make.
    pub message: Option<Message>,
    /// The provider's name of it.
    pub wire_type: Text,
    /// The provider's id of the event.
    pub event_id: Text,
    /// The item it belongs to.
    pub item_id: Text,
    /// The response it belongs to.
    pub response_id: Text,
    /// What it changes in the conversation, beside the delta of its body.
    pub change: Option<Box<ItemChange>>,
    /// Whether it is the first of the events made from its message: wire handlers fire on that one.
    pub leads: bool,
    /// When the message was received.
    pub received_at: Instant,
}

impl Event {
    /// An event that has no message behind it.
    pub fn ours(body: Body, now: Instant) -> Self {
        Self {
            body,
            message: None,
            wire_type: Text::None,
            event_id: Text::None,
            item_id: Text::None,
            response_id: Text::None,
            change: None,
            leads: false,
            received_at: now,
        }
    }

    /// The string under `text`.
    pub fn resolve<'a>(&'a self, text: &'a Text) -> Option<&'a str> {
        match (&self.message, text) {
            (Some(message), text) => message.resolve(text),
            (None, Text::Owned(text)) => Some(text),
            (None, _) => None,
        }
    }

    /// Which of the neutral events it is.
    pub fn kind(&self) -> Kind {
        self.body.kind()
    }

    /// Bytes it holds in memory, about.
    pub fn weight(&self) -> usize {
        let samples = if let Body::Audio { samples, .. } = &self.body { samples.len() * 2 } else { 0 };
        samples + self.message.as_ref().map_or(0, |message| message.as_bytes().len()) + 256
    }
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Body {
    /// The session is ready.
    Open,
    /// A piece of the model's voice.
    Audio {
        /// PCM16, mono.
        samples: Vec<i16>,
        /// Hz.
        sample_rate: u32,
        /// Content part of the item; None where the dialect does not tell.
        content_index: Option<i64>,
        /// How it was written on the wire.
        codec: Codec,
        /// What was written on the wire, as base64.
        encoded: Text,
    },
    /// A piece of written answer.
    TextDelta(Text),
    /// A piece of the transcript of the spoken answer.
    Transcript(Text),
    /// A piece of the model's thinking.
    Thought(Text),
    /// What the user said.
    InputTranscript {
        /// A piece, or the whole where `is_final`.
        text: Text,
        /// Whether it is the whole transcript of the item.
        is_final: bool,
    },
    /// The server heard the user begin.
    SpeechStarted(Option<i64>),
    /// The server heard the user stop.
    SpeechStopped(Option<i64>),
    /// The user's audio became an item.
    InputCommitted,
    /// The user spoke over the answer.
    Interrupted {
        /// How much of the item had been heard; None where nothing had come.
        heard_ms: Option<i64>,
        /// Whether that is a guess from the clock.
        estimated: bool,
    },
    /// The model began a response.
    ResponseStarted,
    /// The model ended a response.
    TurnComplete(Box<TurnComplete>),
    /// The model calls a tool.
    ToolCall {
        /// Id to answer under.
        call_id: Text,
        /// The tool.
        name: Text,
        /// JSON text.
        arguments: Text,
    },
    /// Tokens used.
    Usage(Box<Usage>),
    /// What is left of the rate limits.
    RateLimits,
    /// The provider took calls back.
    ToolCallCancelled(Vec<String>),
    /// The session reaches its time limit in so many seconds.
    SessionExpiring(f64),
    /// The connection is being made again.
    Reconnecting {
        /// From 1.
        attempt: u32,
    },
    /// The connection is back.
    Reconnected {
        /// What the new session knows of the old.
        restored: &'static str,
        /// Without a session.
        gap_ms: u64,
        /// Input that did not fit the ring.
        audio_lost_ms: u64,
        /// Input that was sent again.
        audio_resent_ms: u64,
        /// Samples of input, counted from the first connection, behind which the new session begins to hear.
        input_start: u64,
    },
    /// Options that the session does not have as asked for.
    ConfigMismatch(Vec<String>),
    /// Something is wrong.
    Error {
        /// What.
        error: Box<Error>,
        /// Whether the session ends by it.
        fatal: bool,
    },
    /// The session ended.
    Closed {
        /// WebSocket close code, 1005 without one, 1006 for a cut.
        code: u16,
        /// The peer's words, or ours.
        reason: Box<str>,
        /// Whether both sides said goodbye.
        clean: bool,
    },
    /// A wire event that maps to no neutral one.
    Server,
    /// A wire event that only wire handlers see: its neutral form was dropped.
    Wire,
}

/// How a response ended.
#[derive(Clone, Debug)]
pub struct TurnComplete {
    /// How it ended.
    pub status: TurnStatus,
    /// Tokens used, where told.
    pub usage: Option<Usage>,
    /// False while the model is about to go on by itself.
    pub is_final: bool,
    /// Whether calls of the model were unanswered when it ended, so that answers may make it go on.
    pub has_open_calls: bool,
    /// Why it failed.
    pub error: Option<Error>,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnStatus {
    /// It said all it had to say.
    Completed,
    /// It was cancelled by us or by the user's voice.
    Cancelled,
    /// It ran into a limit.
    Incomplete,
    /// The service failed.
    Failed,
}

impl TurnStatus {
    /// The public word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

macro_rules! kinds {
    ($($kind:ident = $name:literal),* $(,)?) => {
        /// The neutral events, in the order of their bits in a filter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        #[allow(missing_docs)]
        pub enum Kind { $($kind),* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            /// The neutral name.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name),* }
            }

            /// The kind with that neutral name.
            pub fn named(name: &str) -> Option<Kind> {
                match name { $($name => Some(Kind::$kind),)* _ => None }
            }
        }
    };
}

kinds! {
    Open = "open",
    Audio = "audio",
    Text = "text",
    Transcript = "transcript",
    Thought = "thought",
    InputTranscript = "input_transcript",
    SpeechStarted = "speech_started",
    SpeechStopped = "speech_stopped",
    InputCommitted = "input_committed",
    Interrupted = "interrupted",
    ResponseStarted = "response_started",
    TurnComplete = "turn_complete",
    ToolCall = "tool_call",
    ToolCallCancelled = "tool_call_cancelled",
    Usage = "usage",
    RateLimits = "rate_limits",
    SessionExpiring = "session_expiring",
    Reconnecting = "reconnecting",
    Reconnected = "reconnected",
    ConfigMismatch = "config_mismatch",
    Error = "error",
    Closed = "close",
    Server = "server",
    Wire = "wire",
}

impl Kind {
    /// Its bit in a filter.
    pub fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

impl Body {
    /// Which of the neutral events it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Open => Kind::Open,
            Self::Audio { .. } => Kind::Audio,
            Self::TextDelta(_) => Kind::Text,
            Self::Transcript(_) => Kind::Transcript,
            Self::Thought(_) => Kind::Thought,
            Self::InputTranscript { .. } => Kind::InputTranscript,
            Self::SpeechStarted(_) => Kind::SpeechStarted,
            Self::SpeechStopped(_) => Kind::SpeechStopped,
            Self::InputCommitted => Kind::InputCommitted,
            Self::Interrupted { .. } => Kind::Interrupted,
            Self::ResponseStarted => Kind::ResponseStarted,
            Self::TurnComplete(_) => Kind::TurnComplete,
            Self::ToolCall { .. } => Kind::ToolCall,
            Self::Usage(_) => Kind::Usage,
            Self::RateLimits => Kind::RateLimits,
            Self::ToolCallCancelled(_) => Kind::ToolCallCancelled,
            Self::SessionExpiring(_) => Kind::SessionExpiring,
            Self::Reconnecting { .. } => Kind::Reconnecting,
            Self::Reconnected { .. } => Kind::Reconnected,
            Self::ConfigMismatch(_) => Kind::ConfigMismatch,
            Self::Error { .. } => Kind::Error,
            Self::Closed { .. } => Kind::Closed,
            Self::Server => Kind::Server,
            Self::Wire => Kind::Wire,
        }
    }
}
