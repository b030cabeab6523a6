//! A script: what the simulator answers to which turn; consulted between the user's item and the response.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

use crate::sound::Sound;

/// A rule or a value in a script that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The text is no JSON.
    #[error("script is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A field has a value that it cannot have.
    #[error("{field}: {problem}: {value}")]
    Field {
        /// Path of the field, as `rules[0].when.text`.
        field: String,
        /// What is wrong.
        problem: String,
        /// The value as JSON.
        value: String,
    },
}

/// Rules in order; the first that matches a turn is used.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) rules: Vec<Arc<Rule>>,
}

/// One rule of a script.
#[derive(Debug, Default)]
pub struct Rule {
    pub(crate) text: Option<Regex>,
    pub(crate) audio: Option<bool>,
    pub(crate) turn: Option<u64>,
    pub(crate) say: Option<String>,
    pub(crate) sound: Option<Sound>,
    pub(crate) transcript: Option<String>,
    pub(crate) tools: Vec<(String, String)>,
    pub(crate) delay_ms: u64,
    pub(crate) status: Status,
    pub(crate) once: bool,
}

/// How a scripted response ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Completed,
    Failed,
    Incomplete,
    Cancelled,
}

impl Script {
    /// Read a script: a JSON list of rules, or an object `{"rules": […]}`.
    ///
    /// # Errors
    /// Names the field and the value that cannot be understood; an unknown key is one.
    pub fn from_json(text: &str) -> Result<Script, ScriptError> {
        let value: Value = serde_json::from_str(text)?;
        let list = match &value {
            Value::Object(fields) if fields.len() == 1 && fields.contains_key("rules") => &fields["rules"],
            other => other,
        };
        let Value::Array(rules) = list else {
            return Err(wrong("rules", "expected a list of rules", list));
        };
        let rules = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| parse_rule(&format!("rules[{index}]"), rule).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Script { rules })
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True if there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

fn parse_rule(path: &str, value: &Value) -> Result<Rule, ScriptError> {
    let mut rule = Rule::default();
    for (key, value) in object(path, value)? {
        let field = format!("{path}.{key}");
        match key.as_str() {
            "when" => parse_when(&field, value, &mut rule)?,
            "say" => rule.say = Some(string(&field, value)?),
            "audio" => rule.sound = Some(parse_sound(&field, value)?),
            "transcript" => rule.transcript = Some(string(&field, value)?),
            "tools" => rule.tools = parse_tools(&field, value)?,
            "delay_ms" => rule.delay_ms = unsigned(&field, value)?,
            "status" => rule.status = parse_status(&field, value)?,
            "once" => rule.once = boolean(&field, value)?,
            _ => return Err(wrong(&field, "unknown key", value)),
        }
    }
    Ok(rule)
}

fn parse_when(path: &str, value: &Value, rule: &mut Rule) -> Result<(), ScriptError> {
    for (key, value) in object(path, value)? {
        let field = format!("{path}.{key}");
        match key.as_str() {
            "text" => {
                let pattern = string(&field, value)?;
                let regex = Regex::new(&pattern).map_err(|_| wrong(&field, "not a regular expression", value))?;
                rule.text = Some(regex);
            }
            "audio" => rule.audio = Some(boolean(&field, value)?),
            "turn" => rule.turn = Some(unsigned(&field, value)?),
            _ => return Err(wrong(&field, "unknown key", value)),
        }
    }
    Ok(())
}

fn parse_tools(path: &str, value: &Value) -> Result<Vec<(String, String)>, ScriptError> {
    let Value::Array(calls) = value else {
        return Err(wrong(path, "expected a list of calls", value));
    };
    let parse = |(index, call): (usize, &Value)| parse_call(&format!("{path}[{index}]"), call);
    calls.iter().enumerate().map(parse).collect()
}

/// Arguments may be an object, or a string that is sent as it is, so that broken JSON can be scripted too.
fn parse_call(path: &str, value: &Value) -> Result<(String, String), ScriptError> {
    let mut name = None;
    let mut arguments = "{}".to_owned();
    for (key, value) in object(path, value)? {
        let field = format!("{path}.{key}");
        match (key.as_str(), value) {
            ("name", value) => name = Some(string(&field, value)?),
            ("arguments", Value::String(text)) => arguments.clone_from(text),
            ("arguments", value @ Value::Object(_)) => arguments = value.to_string(),
            ("arguments", value) => return Err(wrong(&field, "expected an object or a string", value)),
            _ => return Err(wrong(&field, "unknown key", value)),
        }
    }
    let name = name.ok_or_else(|| wrong(&format!("{path}.name"), "missing", value))?;
    Ok((name, arguments))
}

fn parse_status(path: &str, value: &Value) -> Result<Status, ScriptError> {
    match value.as_str() {
        Some("completed") => Ok(Status::Completed),
        Some("failed") => Ok(Status::Failed),
        Some("incomplete") => Ok(Status::Incomplete),
        Some("cancelled") => Ok(Status::Cancelled),
        _ => Err(wrong(path, "expected completed, failed, incomplete or cancelled", value)),
    }
}

/// A WAV is read here and not when it is played, so that a wrong path is told to whoever wrote it.
fn parse_sound(path: &str, value: &Value) -> Result<Sound, ScriptError> {
    match string(path, value)?.as_str() {
        "speech" => Ok(Sound::Speech),
        "tone" => Ok(Sound::Tone),
        "echo" => Ok(Sound::Echo),
        file => Sound::read_wav(file).map_err(|problem| wrong(path, &problem, value)),
    }
}

fn object<'a>(path: &str, value: &'a Value) -> Result<&'a Map<String, Value>, ScriptError> {
    value.as_object().ok_or_else(|| wrong(path, "expected an object", value))
}

fn string(path: &str, value: &Value) -> Result<String, ScriptError> {
    let text = value.as_str().ok_or_else(|| wrong(path, "expected a string", value))?;
    Ok(text.to_owned())
}

fn unsigned(path: &str, value: &Value) -> Result<u64, ScriptError> {
    value.as_u64().ok_or_else(|| wrong(path, "expected a whole number from 0", value))
}

fn boolean(path: &str, value: &Value) -> Result<bool, ScriptError> {
    value.as_bool().ok_or_else(|| wrong(path, "expected true or false", value))
}

fn wrong(field: &str, problem: &str, value: &Value) -> ScriptError {
    ScriptError::Field { field: field.to_owned(), problem: problem.to_owned(), value: value.to_string() }
}
