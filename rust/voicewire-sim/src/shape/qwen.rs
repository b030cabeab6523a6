//! Qwen-Omni-Realtime: beta names, 16 kHz in and 24 kHz out, tools one level deeper.

use serde_json::{json, Map, Value};

use super::beta_schema::{
    APPEND, CANCEL, CLEAR, COMMIT, CREATE_ITEM, DELETE, EVENT_ID, FUNCTION, MAX_TOKENS, MODALITIES, RETRIEVE,
    SERVER_VAD, TOOL_CHOICE, TRUNCATE, TYPE,
};
use super::words;
use crate::schema::Shape::{Any, Boolean, Integer, List, Nullable, Number, Object, Tagged, Text, Word};
use crate::schema::{optional, required, Field, Shape};

/// Client events by type.
pub(super) const EVENTS: &[(&str, &[Field])] = &[
    ("session.update", &[TYPE, EVENT_ID, required("session", Object(SESSION))]),
    APPEND,
    COMMIT,
    CLEAR,
    ("input_image_buffer.append", &[TYPE, EVENT_ID, required("image", Text)]),
    CREATE_ITEM,
    RETRIEVE,
    TRUNCATE,
    DELETE,
    ("response.create", &[TYPE, EVENT_ID, optional("response", Object(RESPONSE))]),
    CANCEL,
];

const SESSION: &[Field] = &[
    optional("enable_search", Boolean),
    optional("input_audio_format", Word(&["pcm", "pcm16"])),
    optional("input_audio_transcription", Nullable(&Object(&[optional("model", Text), optional("language", Text)]))),
    optional("instructions", Text),
    optional("max_response_output_tokens", MAX_TOKENS),
    optional("max_tokens", Integer(1, i64::MAX)),
    optional("modalities", MODALITIES),
    optional("model", Text),
    optional("output_audio_format", Word(&["pcm", "pcm16", "pcm24"])),
    optional("presence_penalty", Number(-2.0, 2.0)),
    optional("repetition_penalty", Number(0.0, 10.0)),
    optional("search_options", Any),
    optional("seed", Integer(0, i64::MAX)),
    optional("smooth_output", Nullable(&Boolean)),
    optional("temperature", Number(0.0, 2.0)),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", List(&TOOL)),
    optional("top_k", Integer(0, i64::MAX)),
    optional("top_p", Number(0.0, 1.0)),
    optional("turn_detection", Nullable(&Tagged("type", &[("server_vad", SERVER_VAD), ("semantic_vad", SERVER_VAD)]))),
    optional("voice", Text),
];

const RESPONSE: &[Field] = &[optional("instructions", Text), optional("modalities", MODALITIES)];

const TOOL: Shape = Object(&[required("type", Word(&["function"])), required("function", Object(FUNCTION))]);

/// What a session begins with: speech of 16 kHz.
pub(super) fn starting_settings() -> Value {
    json!({
        "type": "realtime",
        "audio": {"input": {"format": ga_format(true)}, "output": {"voice": "Cherry"}},
    })
}

/// Session fields that GA does not know, with their defaults.
pub(super) fn extras() -> Value {
    json!({"temperature": 0.9, "top_p": 1.0, "top_k": 50, "max_tokens": 16_384, "repetition_penalty": 1.05})
}

/// A semantic detector takes the numbers of the other one here; in GA it has none.
pub(super) fn read_session(session: &Value, update: &mut Value, extras: &mut Map<String, Value>) {
    if session["tools"].is_array() {
        update["tools"] = read_tools(&session["tools"]);
    }
    if let Some(detection) = session.get("turn_detection") {
        extras.insert("turn_detection".to_owned(), detection.clone());
    }
    if session["turn_detection"]["type"] == "semantic_vad" {
        update["audio"]["input"]["turn_detection"]["type"] = "server_vad".into();
    }
}

/// `{type, function: {…}}` as `{type, …}`.
pub(super) fn read_tools(tools: &Value) -> Value {
    let flat = |tool: &Value| {
        let mut flat = tool["function"].clone();
        flat["type"] = "function".into();
        flat
    };
    tools.as_array().into_iter().flatten().map(flat).collect()
}

pub(super) fn ga_format(is_input: bool) -> Value {
    json!({"type": "audio/pcm", "rate": if is_input { 16_000 } else { 24_000 }})
}

pub(super) fn write_session(session: &mut Value) {
    let nested = |tool: &Value| {
        let mut function = tool.clone();
        if let Value::Object(fields) = &mut function {
            fields.shift_remove("type");
        }
        json!({"type": "function", "function": function})
    };
    session["tools"] = session["tools"].as_array().into_iter().flatten().map(nested).collect();
    if let Value::Object(fields) = session {
        for key in ["client_secret", "speed", "tracing", "expires_at", "include", "input_audio_noise_reduction"] {
            fields.shift_remove(key);
        }
    }
}

/// The details carry another name here: `input_tokens_details`.
pub(super) fn write_usage(usage: &Value) -> Value {
    let Value::Object(fields) = words::usage_in_beta(usage) else {
        return Value::Null;
    };
    fields.into_iter().map(|(key, value)| (key.replace("_token_details", "_tokens_details"), value)).collect()
}

/// Transcription is told as settled text and a rest that may change; errors do not name the client's event.
pub(super) fn write_event(kind: &str, fields: &mut Map<String, Value>) {
    match kind {
        "conversation.item.input_audio_transcription.delta" => {
            let delta = fields.shift_remove("delta").unwrap_or_default();
            fields.insert("text".to_owned(), delta);
            fields.insert("stash".to_owned(), "".into());
            fields.insert("language".to_owned(), "en".into());
            fields.insert("emotion".to_owned(), "neutral".into());
        }
        "error" => {
            if let Some(Value::Object(error)) = fields.get_mut("error") {
                error.shift_remove("event_id");
            }
        }
        _ => {}
    }
}
