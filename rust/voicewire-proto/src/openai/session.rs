//! Writes the neutral configuration as the `session` object of `session.update`.

use serde_json::{json, Map, Value};

use super::dialect::Dialect;
use crate::config::SessionConfig;

/// The session object for `config`, and the options that the dialect has no words for.
pub fn encode_session(dialect: &Dialect, config: &SessionConfig) -> (Map<String, Value>, Vec<String>) {
    let mut session = Map::new();
    session.insert("type".into(), "realtime".into());
    let mut unexpressed = Vec::new();
    for (name, value) in config.iter() {
        if name == "extra" {
            continue;
        }
        match dialect.session_paths.iter().find(|(option, _)| *option == name) {
            Some((_, path)) => place(&mut session, path, wire_value(name, value)),
            None => unexpressed.push(name.to_owned()),
        }
    }
    if let Some(Value::Object(extra)) = config.get("extra") {
        merge(&mut session, extra);
    }
    (session, unexpressed)
}

/// The `response` object for one response: neutral words are translated, others pass as they are.
pub(super) fn encode_overrides(dialect: &Dialect, overrides: Map<String, Value>) -> Map<String, Value> {
    let mut response = Map::new();
    for (name, value) in &overrides {
        match dialect.session_paths.iter().find(|(option, _)| option == name) {
            Some((_, path)) => place(&mut response, path, wire_value(name, value)),
            None => merge(&mut response, &Map::from_iter([(name.clone(), value.clone())])),
        }
    }
    response
}

fn wire_value(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("input_format" | "output_format", value) if !value.is_null() => wire_format(value),
        ("noise_reduction", Value::String(kind)) => json!({"type": kind}),
        ("reasoning", Value::String(effort)) => json!({"effort": effort}),
        // GA takes one of the two; audio comes with its transcript.
        ("modalities", Value::Array(list)) if list.iter().any(|item| item == "audio") => json!(["audio"]),
        _ => value.clone(),
    }
}

/// A format in our words or in OpenAI's.
fn wire_format(value: &Value) -> Value {
    let name = value.as_str().or_else(|| value["type"].as_str()).unwrap_or_default();
    let rate = value.get("rate").filter(|rate| !rate.is_null());
    match name {
        "pcm16" => json!({"type": "audio/pcm", "rate": rate.cloned().unwrap_or(24_000.into())}),
        "g711_ulaw" => json!({"type": "audio/pcmu"}),
        "g711_alaw" => json!({"type": "audio/pcma"}),
        _ if value.is_object() => value.clone(),
        other => json!({"type": other}),
    }
}

/// Puts `value` at `path`, making the objects on the way.
fn place(object: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => merge(object, &Map::from_iter([((*last).to_owned(), value)])),
        [first, rest @ ..] => {
            let entry = object.entry(*first).or_insert(Value::Null);
            if !entry.is_object() {
                *entry = Value::Object(Map::new());
            }
            if let Value::Object(inner) = entry {
                place(inner, rest, value);
            }
        }
    }
}

/// Merges `other` into `object`, objects key by key, everything else by replacement.
fn merge(object: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, value) in other {
        match (object.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            _ => {
                object.insert(key.clone(), value.clone());
            }
        }
    }
}
