//! What differs between the services that speak beta: tables and small functions, read by the translation.

use serde_json::{json, Map, Value};

use super::{beta_schema, qwen, voice_live, words};
use crate::schema::Field;

/// One service's way of speaking beta.
#[derive(Debug)]
pub(super) struct Flavour {
    /// Client events by type.
    pub(super) events: &'static [(&'static str, &'static [Field])],
    /// Sends `conversation.created` behind `session.created` and rate limits behind `response.created`.
    pub(super) announces: bool,
    /// Has MCP and the idle timeout, which came with GA.
    pub(super) is_recent: bool,
    /// Audio may be asked for without text.
    pub(super) audio_alone: bool,
    /// Tells all that was heard with each delta of an input transcription.
    pub(super) hears_whole: bool,
    /// Session fields that GA does not know, with their defaults.
    pub(super) extras: fn() -> Value,
    /// Read what is this service's own in a session update.
    pub(super) read_session: fn(&Value, &mut Value, &mut Map<String, Value>),
    pub(super) read_tools: fn(&Value) -> Value,
    /// The GA format of a name; true for the input.
    pub(super) read_format: fn(&Value, bool) -> Value,
    pub(super) format_name: fn(&Value) -> Value,
    pub(super) write_session: fn(&mut Value),
    pub(super) write_usage: fn(&Value) -> Value,
    /// Change an event that is beta already.
    pub(super) write_event: fn(&str, &mut Map<String, Value>),
}

/// OpenAI until May 2026, and Azure's dated versions.
pub(super) const OPENAI: Flavour = Flavour {
    events: beta_schema::EVENTS,
    announces: true,
    is_recent: false,
    audio_alone: false,
    hears_whole: false,
    extras: || json!({"temperature": 0.8}),
    read_session: |_, _, _| {},
    read_tools: Value::clone,
    read_format: |name, _| ga_format(name, 24_000),
    format_name: words::format_name,
    write_session: |_| {},
    write_usage: words::usage_in_beta,
    write_event: |_, _| {},
};

/// Azure Voice Live.
pub(super) const VOICE_LIVE: Flavour = Flavour {
    events: voice_live::EVENTS,
    announces: false,
    is_recent: true,
    audio_alone: true,
    extras: voice_live::extras,
    read_session: voice_live::read_session,
    read_format: |name, _| voice_live::ga_format(name),
    format_name: voice_live::format_name,
    write_session: voice_live::write_session,
    write_usage: Value::clone,
    write_event: voice_live::write_event,
    ..OPENAI
};

/// Qwen-Omni-Realtime.
pub(super) const QWEN: Flavour = Flavour {
    events: qwen::EVENTS,
    announces: false,
    hears_whole: true,
    extras: qwen::extras,
    read_session: qwen::read_session,
    read_tools: qwen::read_tools,
    read_format: |_, is_input| qwen::ga_format(is_input),
    format_name: |_| "pcm".into(),
    write_session: qwen::write_session,
    write_usage: qwen::write_usage,
    write_event: qwen::write_event,
    ..OPENAI
};

/// The GA format of a beta name; PCM at this rate.
pub(super) fn ga_format(name: &Value, rate: u32) -> Value {
    match name.as_str() {
        Some("g711_ulaw") => json!({"type": "audio/pcmu"}),
        Some("g711_alaw") => json!({"type": "audio/pcma"}),
        _ => json!({"type": "audio/pcm", "rate": rate}),
    }
}
