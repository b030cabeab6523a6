//! What the dialects can do and how they write a configuration, for Python.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use serde_json::{json, Value};
use voicewire_proto::openai::{self, Dialect, OpenAi, SessionType, Settings};
use voicewire_proto::{Message, Protocol, Secrets, SessionConfig};

use crate::conversation::{ConversationItem, ConversationStore};
use crate::event;
use crate::request::read_config;

/// The dialect with that name; GA for an unknown one, since Python has checked the name.
pub(crate) fn read_dialect(name: &str) -> &'static Dialect {
    openai::dialect(name).unwrap_or(&openai::GA)
}

pub(crate) fn read_session_type(options: &Value) -> SessionType {
    match options["session_type"].as_str() {
        Some("transcription") => SessionType::Transcription,
        _ => SessionType::Realtime,
    }
}

/// What a dialect can do, as JSON.
#[pyfunction]
pub(crate) fn dialect_facts(dialect: &str) -> String {
    let dialect = read_dialect(dialect);
    let abilities = dialect.abilities;
    let config = SessionConfig::default();
    json!({
        "per_response_options": abilities.per_response_options,
        "image_input": abilities.image_input,
        "mcp": abilities.mcp,
        "session_resumption": abilities.session_resumption,
        "server_ids": abilities.server_ids,
        "max_session_minutes": abilities.max_session_minutes,
        "input_sample_rate": dialect.audio_encoder(&config).sample_rate,
        "output_sample_rate": dialect.output_sample_rate(&config),
        "unsupported_options": dialect.unsupported_options().collect::<Vec<_>>(),
        "has_own_address": dialect.endpoint.base.is_some(),
    })
    .to_string()
}

/// The session object of a configuration in a dialect's words, as JSON.
#[pyfunction]
#[pyo3(signature = (config, dialect, session_type="realtime"))]
pub(crate) fn encode_session(py: Python<'_>, config: &str, dialect: &str, session_type: &str) -> PyResult<String> {
    Ok(Value::Object(encoded(py, config, dialect, session_type)?.session).to_string())
}

/// Options of a configuration that a dialect has no words for.
#[pyfunction]
#[pyo3(signature = (config, dialect, session_type="realtime"))]
pub(crate) fn unsupported_options(
    py: Python<'_>,
    config: &str,
    dialect: &str,
    session_type: &str,
) -> PyResult<Vec<String>> {
    Ok(encoded(py, config, dialect, session_type)?.unexpressed)
}

fn encoded(py: Python<'_>, config: &str, dialect: &str, session_type: &str) -> PyResult<openai::EncodedSession> {
    let kind = read_session_type(&json!({"session_type": session_type}));
    Ok(openai::encode_session(read_dialect(dialect), kind, &read_config(py, config)?))
}

/// An event, the item that it changed, whether it was appended, whether it was completed.
type Changed = (Py<PyAny>, ConversationItem, bool, bool);

/// Takes one server event, as JSON, into a conversation outside of a session; returns what it changed as tuples of
/// event, item, whether it was appended, whether it was completed.
#[pyfunction]
pub(crate) fn decode_event(py: Python<'_>, store: &ConversationStore, text: &str) -> PyResult<Vec<Changed>> {
    let settings = Settings {
        config: SessionConfig::default(),
        joins_call: false,
        session_type: SessionType::Realtime,
        auto_truncate: false,
        ack_timeout: Duration::ZERO,
        secrets: Secrets::default(),
        max_depth: 128,
    };
    let mut protocol = OpenAi::new(&openai::GA, settings);
    protocol.receive(Message::new(text.as_bytes().to_vec().into()), Instant::now());
    let conversation = Arc::clone(&store.inner);
    let mut changes = Vec::new();
    while let Some(event) = protocol.poll_event() {
        let change = conversation.lock().unwrap_or_else(std::sync::PoisonError::into_inner).apply(&event);
        if let Some(change) = change {
            let item = ConversationItem::new(change.item);
            changes.push((event::build(py, event)?, item, change.appended, change.completed));
        }
    }
    Ok(changes)
}
