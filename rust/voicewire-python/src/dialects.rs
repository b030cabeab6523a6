//! What the dialects can do and how they write a configuration, for Python.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use serde_json::{json, Map, Value};
use voicewire_proto::gemini::{self, Backend, Gemini, Profile};
use voicewire_proto::openai::{self, Dialect, OpenAi, SessionType, Settings};
use voicewire_proto::{Conversation, Message, Protocol, Secrets, Service, SessionConfig};

use crate::conversation::{ConversationItem, ConversationStore};
use crate::endpoint::parse;
use crate::event;
use crate::request::read_config;

/// The service with that name; OpenAI's for an unknown one, since Python has checked the name.
pub(crate) fn read_service(name: &str) -> Service {
    Service::named(name).unwrap_or(Service::OpenAi(&openai::GA))
}

/// The protocol of a session.
pub(crate) fn protocol(service: Service, options: &Value, config: SessionConfig, common: Common) -> Box<dyn Protocol> {
    let Common { ack_timeout, secrets, max_depth, id_prefix, retained } = common;
    match service {
        Service::OpenAi(dialect) => {
            let settings = Settings {
                config,
                joins_call: options["call_id"].is_string(),
                session_type: read_session_type(options),
                auto_truncate: options["auto_truncate"].as_bool().unwrap_or(true),
                reconnects: options["reconnect"].is_object(),
                retained,
                ack_timeout,
                secrets,
                max_depth,
            };
            Box::new(OpenAi::new(dialect, settings))
        }
        Service::Gemini(backend) => {
            let settings = gemini::Settings {
                config,
                model: options["resource"].as_str().unwrap_or_default().to_owned(),
                profile: Profile::read(&options["profile"]),
                reconnects: options["reconnect"].is_object(),
                id_prefix,
                secrets,
                max_depth,
            };
            Box::new(Gemini::new(backend, settings))
        }
    }
}

/// What every protocol is told.
pub(crate) struct Common {
    pub(crate) ack_timeout: Duration,
    pub(crate) secrets: Secrets,
    pub(crate) max_depth: usize,
    pub(crate) id_prefix: String,
    /// The conversation as the application sees it, where it keeps audio.
    pub(crate) retained: Option<Arc<Mutex<Conversation>>>,
}

pub(crate) fn read_session_type(options: &Value) -> SessionType {
    match options["session_type"].as_str() {
        Some("transcription") => SessionType::Transcription,
        _ => SessionType::Realtime,
    }
}

/// What a dialect can do, as JSON; `profile` has the flags of the model.
#[pyfunction]
#[pyo3(signature = (dialect, profile="{}"))]
pub(crate) fn dialect_facts(dialect: &str, profile: &str) -> String {
    match read_service(dialect) {
        Service::OpenAi(dialect) => openai_facts(dialect),
        Service::Gemini(backend) => gemini_facts(backend, &Profile::read(&parse(profile))),
    }
    .to_string()
}

fn gemini_facts(backend: &Backend, profile: &Profile) -> Value {
    json!({
        "input_sample_rate": gemini::INPUT_RATE,
        "output_sample_rate": gemini::OUTPUT_RATE,
        "unsupported_options": gemini::encode_setup(profile, &every_option()).unexpressed,
        "has_own_address": backend.endpoint.base.is_some(),
    })
}

/// A configuration that asks for everything.
fn every_option() -> SessionConfig {
    let options = json!({
        "instructions": "x", "voice": "x", "modalities": ["audio"], "turn_detection": {"type": "server_vad"},
        "input_format": "pcm16", "output_format": "pcm16", "input_transcription": {}, "noise_reduction": "near_field",
        "tools": [], "tool_choice": "auto", "parallel_tool_calls": true, "language": "en", "reasoning": "low",
        "max_output_tokens": 1, "temperature": 1, "speed": 1.0, "truncation": "auto", "metadata": {"x": "x"},
    });
    SessionConfig::from_options(options.as_object().cloned().unwrap_or_default()).unwrap_or_default()
}

fn openai_facts(dialect: &Dialect) -> Value {
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
}

/// The session object of a configuration in a dialect's words, as JSON.
#[pyfunction]
#[pyo3(signature = (config, dialect, session_type="realtime"))]
pub(crate) fn encode_session(py: Python<'_>, config: &str, dialect: &str, session_type: &str) -> PyResult<String> {
    Ok(Value::Object(encoded(py, config, dialect, session_type, "{}")?.0).to_string())
}

/// Options of a configuration that a dialect has no words for; `profile` has the flags of the model.
#[pyfunction]
#[pyo3(signature = (config, dialect, session_type="realtime", profile="{}"))]
pub(crate) fn unsupported_options(
    py: Python<'_>,
    config: &str,
    dialect: &str,
    session_type: &str,
    profile: &str,
) -> PyResult<Vec<String>> {
    Ok(encoded(py, config, dialect, session_type, profile)?.1)
}

fn encoded(
    py: Python<'_>,
    config: &str,
    dialect: &str,
    session_type: &str,
    profile: &str,
) -> PyResult<(Map<String, Value>, Vec<String>)> {
    let kind = read_session_type(&json!({"session_type": session_type}));
    let config = read_config(py, config)?;
    Ok(match read_service(dialect) {
        Service::OpenAi(dialect) => {
            let encoded = openai::encode_session(dialect, kind, &config);
            (encoded.session, encoded.unexpressed)
        }
        Service::Gemini(_) => {
            let encoded = gemini::encode_setup(&Profile::read(&parse(profile)), &config);
            (encoded.setup, encoded.unexpressed)
        }
    })
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
        reconnects: false,
        retained: None,
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
