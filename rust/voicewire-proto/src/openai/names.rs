//! Wire names: the GA spelling of beta names, and what each name means to the decoder.

/// Beta name → GA name. Services mix both, so both are understood everywhere.
const RENAMED: &[(&str, &str)] = &[
    ("response.text.delta", "response.output_text.delta"),
    ("response.text.done", "response.output_text.done"),
    ("response.audio.delta", "response.output_audio.delta"),
    ("response.audio.done", "response.output_audio.done"),
    ("response.audio_transcript.delta", "response.output_audio_transcript.delta"),
    ("response.audio_transcript.done", "response.output_audio_transcript.done"),
    ("conversation.item.created", "conversation.item.added"),
];

/// The GA spelling of a wire name; names that never changed come back as they are.
pub fn canonical(name: &str) -> &str {
    RENAMED.iter().find(|(beta, _)| *beta == name).map_or(name, |(_, ga)| ga)
}

/// Whether a name looks like one of the wire: they have dots, neutral names have none.
pub fn is_wire_name(name: &str) -> bool {
    name.contains('.') || name == "error"
}

/// What the decoder does with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireKind {
    AudioDelta,
    TextDelta,
    TranscriptDelta,
    InputTranscriptDelta,
    InputTranscriptDone,
    InputTranscriptFailed,
    ArgumentsDelta,
    ArgumentsDone,
    SpeechStarted,
    SpeechStopped,
    Committed,
    Cleared,
    SessionCreated,
    SessionUpdated,
    ItemAdded,
    ItemDone,
    ItemDeleted,
    ItemTruncated,
    ItemRetrieved,
    OutputItemAdded,
    ResponseCreated,
    ResponseDone,
    RateLimits,
    Error,
    Other,
}

impl WireKind {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "response.output_audio.delta" | "response.audio.delta" => Self::AudioDelta,
            "response.output_text.delta" | "response.text.delta" => Self::TextDelta,
            "response.output_audio_transcript.delta" | "response.audio_transcript.delta" => Self::TranscriptDelta,
            "conversation.item.input_audio_transcription.delta" => Self::InputTranscriptDelta,
            "conversation.item.input_audio_transcription.completed" => Self::InputTranscriptDone,
            "conversation.item.input_audio_transcription.failed" => Self::InputTranscriptFailed,
            "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => Self::ArgumentsDelta,
            "response.function_call_arguments.done" => Self::ArgumentsDone,
            "input_audio_buffer.speech_started" => Self::SpeechStarted,
            "input_audio_buffer.speech_stopped" => Self::SpeechStopped,
            "input_audio_buffer.committed" => Self::Committed,
            "input_audio_buffer.cleared" => Self::Cleared,
            "session.created" | "transcription_session.created" => Self::SessionCreated,
            "session.updated" | "transcription_session.updated" => Self::SessionUpdated,
            "conversation.item.added" | "conversation.item.created" => Self::ItemAdded,
            "conversation.item.done" | "response.output_item.done" => Self::ItemDone,
            "conversation.item.deleted" => Self::ItemDeleted,
            "conversation.item.truncated" => Self::ItemTruncated,
            "conversation.item.retrieved" => Self::ItemRetrieved,
            "response.output_item.added" => Self::OutputItemAdded,
            "response.created" => Self::ResponseCreated,
            "response.done" => Self::ResponseDone,
            "rate_limits.updated" => Self::RateLimits,
            "error" => Self::Error,
            _ => Self::Other,
        }
    }
}
