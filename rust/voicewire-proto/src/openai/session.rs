//! Writes the neutral configuration as the objects of `session.update` and `response.create`, and compares what a server
//! says it applied.

use serde_json::{json, Map, Value};

use super::dialect::{Dialect, Paths};
use crate::config::SessionConfig;
use crate::merge::merge;

/// What a session is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionType {
    /// A conversation with a model.
    #[default]
    Realtime,
    /// Text for audio, no answers.
    Transcription,
}

/// A configuration in a dialect's words.
#[derive(Clone, Debug, Default)]
pub struct EncodedSession {
    /// The session object.
    pub session: Map<String, Value>,
    /// Options that the dialect has no words for.
    pub unexpressed: Vec<String>,
}

/// The session object for `config`.
pub fn encode_session(dialect: &Dialect, kind: SessionType, config: &SessionConfig) -> EncodedSession {
    let mut encoded = EncodedSession::default();
    if dialect.typed_sessions {
        let name = if kind == SessionType::Transcription { "transcription" } else { "realtime" };
        encoded.session.insert("type".into(), name.into());
    }
    for (name, value) in config.iter().filter(|(name, _)| !BESIDE_THE_SESSION.contains(name)) {
        let path = path_of(dialect.session_paths, name).filter(|_| kind.has(name));
        let wire = path.and_then(|path| Some((path, wire_value(dialect, name, path, value)?)));
        match wire {
            Some((path, value)) => place(&mut encoded.session, path, value),
            None => encoded.unexpressed.push(name.to_owned()),
        }
        if let ("input_format", Some(field)) = (name, dialect.formats.rate_field()) {
            encoded.session.insert(field.to_owned(), dialect.formats.input_rate(Some(value)).into());
        }
    }
    if let Some(Value::Object(extra)) = config.get("extra") {
        merge(&mut encoded.session, extra);
    }
    encoded
}

/// The `response` object for one response: neutral words are translated, others pass as they are.
pub(super) fn encode_overrides(dialect: &Dialect, overrides: Map<String, Value>) -> Map<String, Value> {
    let mut response = Map::new();
    for (name, value) in overrides {
        let path = path_of(dialect.response_paths, &name);
        match path.and_then(|path| Some((path, wire_value(dialect, &name, path, &value)?))) {
            Some((path, value)) => place(&mut response, path, value),
            None => merge(&mut response, &Map::from_iter([(name, value)])),
        }
    }
    response
}

/// Options that the server's session object does not show as `sent`: neutral names, or the path of an extra.
pub(super) fn mismatches(dialect: &Dialect, sent: &Map<String, Value>, applied: &Value) -> Vec<String> {
    let Value::Object(applied) = applied else { return Vec::new() };
    let mut different = Vec::new();
    compare(sent, applied, &mut Vec::new(), &mut different);
    let mut names: Vec<String> = different.iter().map(|path| option_at(dialect, path)).collect();
    names.dedup();
    names
}

impl SessionType {
    /// Whether sessions of this type have the option.
    fn has(self, option: &str) -> bool {
        self == Self::Realtime || OF_TRANSCRIPTION.contains(&option)
    }
}

fn path_of(paths: Paths, option: &str) -> Option<&'static [&'static str]> {
    paths.iter().find(|(name, _)| *name == option).map(|(_, path)| *path)
}

fn wire_value(dialect: &Dialect, name: &str, path: &[&str], value: &Value) -> Option<Value> {
    Some(match (name, value) {
        (_, Value::Null) => Value::Null,
        ("input_format" | "output_format", value) => dialect.formats.encode(name, value)?,
        ("noise_reduction", Value::String(kind)) => json!({"type": kind}),
        ("reasoning", value) => reasoning(path, value),
        ("modalities", Value::Array(list)) if list.iter().any(|item| item == "audio") => {
            // Where only one of the two is taken, audio comes with its transcript.
            if dialect.both_modalities {
                json!(["text", "audio"])
            } else {
                json!(["audio"])
            }
        }
        ("input_transcription", Value::Object(words)) if !words.contains_key("model") => {
            let mut words = words.clone();
            words.insert("model".into(), dialect.transcription_model.into());
            words.into()
        }
        ("tools", Value::Array(tools)) if dialect.nested_tools => tools.iter().map(nested).collect(),
        _ => value.clone(),
    })
}

fn reasoning(path: &[&str], value: &Value) -> Value {
    let effort = if value.is_object() { value["effort"].clone() } else { value.clone() };
    match path.last() {
        Some(&"reasoning_effort") => effort,
        _ if value.is_object() => value.clone(),
        _ => json!({"effort": effort}),
    }
}

fn nested(tool: &Value) -> Value {
    match tool {
        Value::Object(fields) if !fields.contains_key("function") && tool["type"] == "function" => {
            let mut function = fields.clone();
            function.remove("type");
            json!({"type": "function", "function": function})
        }
        _ => tool.clone(),
    }
}

/// Collects the paths of `sent` that `applied` has differently.
fn compare(
    sent: &Map<String, Value>,
    applied: &Map<String, Value>,
    path: &mut Vec<String>,
    different: &mut Vec<Vec<String>>,
) {
    for (key, value) in sent.iter().filter(|(key, _)| !NEVER_TOLD.contains(&key.as_str())) {
        path.push(key.clone());
        match (value, applied.get(key)) {
            (Value::Object(value), Some(Value::Object(told))) => compare(value, told, path, different),
            (value, told) if is_told(value, told.unwrap_or(&Value::Null)) => {}
            _ => different.push(path.clone()),
        }
        path.pop();
    }
}

/// Whether `told` has all of `sent`: servers add fields, and echo 0.6 as 0.6000000238418579.
fn is_told(sent: &Value, told: &Value) -> bool {
    match (sent, told) {
        (Value::Number(sent), Value::Number(told)) => {
            let (sent, told) = (sent.as_f64().unwrap_or_default(), told.as_f64().unwrap_or_default());
            (sent - told).abs() <= 1e-6 * sent.abs().max(1.0)
        }
        (Value::Array(sent), Value::Array(told)) => {
            sent.len() == told.len() && sent.iter().all(|item| told.iter().any(|told| is_told(item, told)))
        }
        (Value::Object(sent), Value::Object(told)) => {
            // xAI takes a tool's fields flat and shows them under `function`.
            let inner = told.get("function").and_then(Value::as_object);
            let shown = |key: &str| told.get(key).or_else(|| inner?.get(key)).unwrap_or(&Value::Null);
            sent.iter().all(|(key, value)| NEVER_TOLD.contains(&key.as_str()) || is_told(value, shown(key)))
        }
        // A voice by name is told as an object with a name or an id.
        (Value::String(sent), Value::Object(told)) => {
            ["name", "id"].iter().any(|key| told.get(*key) == Some(&sent[..].into()))
        }
        // No turn detection is told as null, as absent, or as a detection without a type.
        (Value::Null, Value::Object(told)) => told.get("type").is_some_and(Value::is_null),
        _ => sent == told,
    }
}

/// The neutral option at a path of the session object, or the path itself.
fn option_at(dialect: &Dialect, path: &[String]) -> String {
    let covers = |option: &[&str]| option.len() <= path.len() && option.iter().zip(path).all(|(a, b)| a == b);
    let named =
        dialect.session_paths.iter().filter(|(_, option)| covers(option)).max_by_key(|(_, option)| option.len());
    match named {
        Some((name, _)) => (*name).to_owned(),
        None if dialect.formats.rate_field().is_some_and(|field| path == [field]) => "input_format".to_owned(),
        None => path.join("."),
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

/// Options that are no part of the session object.
const BESIDE_THE_SESSION: &[&str] = &["extra", "history"];

/// Options that a transcription session has.
const OF_TRANSCRIPTION: &[&str] =
    &["turn_detection", "input_format", "input_transcription", "language", "noise_reduction"];

/// Fields that servers keep to themselves: credentials of MCP servers, and what names the kind of a session.
const NEVER_TOLD: &[&str] = &["authorization", "headers", "type"];
