//! A script: what the simulator answers to which turn; consulted between the user's item and the response.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

use crate::script_mcp::{parse_listings, parse_mcp_calls, Listing, McpCall};
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
    /// How the transcription of the user's audio fails, if it does.
    pub(crate) transcription: Option<Failure>,
    pub(crate) tools: Vec<Call>,
    pub(crate) mcp_calls: Vec<McpCall>,
    /// What MCP servers list, by label.
    pub(crate) mcp: Vec<(String, Listing)>,
    pub(crate) delay_ms: u64,
    pub(crate) status: Status,
    pub(crate) error: Option<Failure>,
    pub(crate) reason: Option<String>,
    pub(crate) once: bool,
    /// False for a rule that tells of MCP servers only.
    pub(crate) answers: bool,
}

/// A function call of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: String,
    /// None: an id is made.
    pub(crate) call_id: Option<String>,
}

/// What went wrong, as the script tells it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: String,
    pub(crate) code: String,
    pub(crate) message: String,
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
    let fields = object(path, value)?;
    for (key, value) in fields {
        let field = format!("{path}.{key}");
        match key.as_str() {
            "when" => parse_when(&field, value, &mut rule)?,
            "say" => rule.say = Some(string(&field, value)?),
            "audio" => rule.sound = Some(parse_sound(&field, value)?),
            "transcript" => rule.transcript = Some(string(&field, value)?),
            "transcription" => rule.transcription = Some(parse_transcription(&field, value)?),
            "tools" => rule.tools = parse_tools(&field, value)?,
            "mcp_call" => rule.mcp_calls = parse_mcp_calls(&field, value)?,
            "mcp" => rule.mcp = parse_listings(&field, value)?,
            "delay_ms" => rule.delay_ms = unsigned(&field, value)?,
            "status" => rule.status = parse_status(&field, value)?,
            "error" => rule.error = Some(parse_failure(&field, value, "server_error")?),
            "reason" => rule.reason = Some(string(&field, value)?),
            "once" => rule.once = boolean(&field, value)?,
            _ => return Err(wrong(&field, "unknown key", value)),
        }
    }
    rule.answers = rule.mcp.is_empty() || fields.keys().any(|key| !matches!(key.as_str(), "mcp" | "once"));
    check_ending(path, &mut rule, value)?;
    Ok(rule)
}

/// `error` and `reason` belong to an ending, and name it where `status` does not.
fn check_ending(path: &str, rule: &mut Rule, value: &Value) -> Result<(), ScriptError> {
    let told = |status: Status| if value["status"].is_null() { status } else { rule.status };
    if rule.error.is_some() {
        if told(Status::Failed) != Status::Failed {
            return Err(wrong(&format!("{path}.error"), "only with status failed", &value["error"]));
        }
        rule.status = Status::Failed;
    }
    let status = match rule.reason.as_deref() {
        None => return Ok(()),
        Some("max_output_tokens" | "content_filter") => Status::Incomplete,
        Some("client_cancelled" | "turn_detected") => Status::Cancelled,
        Some(_) => {
            let expected = "expected max_output_tokens, content_filter, client_cancelled or turn_detected";
            return Err(wrong(&format!("{path}.reason"), expected, &value["reason"]));
        }
    };
    if value["status"].is_null() && rule.error.is_none() {
        rule.status = status;
    }
    if rule.status != status {
        return Err(wrong(&format!("{path}.reason"), "not a reason of this status", &value["reason"]));
    }
    Ok(())
}

/// `"failed"`, or `{"error": {"code", "message"}}`.
fn parse_transcription(path: &str, value: &Value) -> Result<Failure, ScriptError> {
    match value {
        Value::String(text) if text == "failed" => Ok(Failure {
            kind: "transcription_error".to_owned(),
            code: "audio_unintelligible".to_owned(),
            message: "The audio could not be transcribed.".to_owned(),
        }),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("error") => {
            parse_failure(&format!("{path}.error"), &fields["error"], "transcription_error")
        }
        _ => Err(wrong(path, "expected \"failed\" or {\"error\": …}", value)),
    }
}

fn parse_failure(path: &str, value: &Value, kind: &str) -> Result<Failure, ScriptError> {
    let mut failure =
        Failure { kind: kind.to_owned(), code: kind.to_owned(), message: "The script says so.".to_owned() };
    for (key, value) in object(path, value)? {
        let field = format!("{path}.{key}");
        match key.as_str() {
            "type" => failure.kind = string(&field, value)?,
            "code" => failure.code = string(&field, value)?,
            "message" => failure.message = string(&field, value)?,
            _ => return Err(wrong(&field, "unknown key", value)),
        }
    }
    Ok(failure)
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

fn parse_tools(path: &str, value: &Value) -> Result<Vec<Call>, ScriptError> {
    let Value::Array(calls) = value else {
        return Err(wrong(path, "expected a list of calls", value));
    };
    let parse = |(index, call): (usize, &Value)| parse_call(&format!("{path}[{index}]"), call);
    calls.iter().enumerate().map(parse).collect()
}

fn parse_call(path: &str, value: &Value) -> Result<Call, ScriptError> {
    let mut call = Call { name: name_of(path, value)?, arguments: "{}".to_owned(), call_id: None };
    for (key, value) in object(path, value)? {
        let field = format!("{path}.{key}");
        match key.as_str() {
            "name" => {}
            "arguments" => call.arguments = arguments(&field, value)?,
            "call_id" => call.call_id = Some(string(&field, value)?),
            _ => return Err(wrong(&field, "unknown key", value)),
        }
    }
    Ok(call)
}

pub(crate) fn name_of(path: &str, value: &Value) -> Result<String, ScriptError> {
    let field = format!("{path}.name");
    match object(path, value)?.get("name") {
        Some(name) => string(&field, name),
        None => Err(wrong(&field, "missing", value)),
    }
}

/// Arguments may be an object, or a string that is sent as it is, so that broken JSON can be scripted too.
pub(crate) fn arguments(path: &str, value: &Value) -> Result<String, ScriptError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Object(_) => Ok(value.to_string()),
        _ => Err(wrong(path, "expected an object or a string", value)),
    }
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

pub(crate) fn object<'a>(path: &str, value: &'a Value) -> Result<&'a Map<String, Value>, ScriptError> {
    value.as_object().ok_or_else(|| wrong(path, "expected an object", value))
}

pub(crate) fn string(path: &str, value: &Value) -> Result<String, ScriptError> {
    let text = value.as_str().ok_or_else(|| wrong(path, "expected a string", value))?;
    Ok(text.to_owned())
}

fn unsigned(path: &str, value: &Value) -> Result<u64, ScriptError> {
    value.as_u64().ok_or_else(|| wrong(path, "expected a whole number from 0", value))
}

fn boolean(path: &str, value: &Value) -> Result<bool, ScriptError> {
    value.as_bool().ok_or_else(|| wrong(path, "expected true or false", value))
}

pub(crate) fn wrong(field: &str, problem: &str, value: &Value) -> ScriptError {
    ScriptError::Field { field: field.to_owned(), problem: problem.to_owned(), value: value.to_string() }
}
