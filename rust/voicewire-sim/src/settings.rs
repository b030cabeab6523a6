//! The effective session: defaults, and updates that change all or nothing; the answer to `session.update`.

use serde_json::{json, Map, Value};

use crate::event::ErrorBody;
use crate::gate::Admission;
use crate::schema;
use crate::sound::Format;

/// The session object as `session.updated` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    session: Value,
}

impl Settings {
    /// The session before the first update.
    pub(crate) fn new(admission: &Admission, id: &str, expires_at: u64) -> Self {
        let session = if admission.transcription {
            transcription_session(id, expires_at)
        } else {
            realtime_session(&admission.model, id, expires_at)
        };
        Settings { session }
    }

    /// Apply what a session was made with, shape checked already; true if that told instructions.
    pub(crate) fn begin_with(&mut self, update: &Value) -> bool {
        // A refusal is impossible for what the REST interface let pass; the defaults stay if it happens.
        let _ = self.update(update, false);
        update["instructions"].is_string()
    }

    /// Apply an update whose shape is checked already; on an error nothing is changed.
    pub(crate) fn update(&mut self, update: &Value, has_spoken: bool) -> Result<(), ErrorBody> {
        self.check(update, has_spoken)?;
        for (key, value) in entries(update) {
            match key.as_str() {
                "audio" => self.update_audio(value),
                "tools" => self.session["tools"] = value.as_array().map_or(json!([]), |tools| order_tools(tools)),
                _ => self.session[key] = value.clone(),
            }
        }
        Ok(())
    }

    pub(crate) fn json(&self) -> &Value {
        &self.session
    }

    pub(crate) fn is_transcription(&self) -> bool {
        self.session["type"] == "transcription"
    }

    pub(crate) fn input_format(&self) -> Format {
        Format::from_json(&self.session["audio"]["input"]["format"])
    }

    pub(crate) fn output(&self) -> &Value {
        &self.session["audio"]["output"]
    }

    /// None if turns are made by hand.
    pub(crate) fn turn_detection(&self) -> Option<&Value> {
        Some(&self.session["audio"]["input"]["turn_detection"]).filter(|value| value.is_object())
    }

    pub(crate) fn transcribes(&self) -> bool {
        self.session["audio"]["input"]["transcription"].is_object()
    }

    fn check(&self, update: &Value, has_spoken: bool) -> Result<(), ErrorBody> {
        if update["type"] != self.session["type"] {
            let kinds = (self.session["type"].as_str(), update["type"].as_str());
            let message = format!(
                "Passing a {} session update event to a {} session is not allowed.",
                kinds.1.unwrap_or_default(),
                kinds.0.unwrap_or_default()
            );
            return Err(ErrorBody::invalid("invalid_value", &message).about("session.type"));
        }
        check_modalities("session.output_modalities", &update["output_modalities"])?;
        check_servers("session.tools", &update["tools"])?;
        let model = &update["model"];
        if !model.is_null() && *model != self.session["model"] {
            let message = "The model of a session cannot be changed.";
            return Err(ErrorBody::invalid("invalid_value", message).about("session.model"));
        }
        let voice = &update["audio"]["output"]["voice"];
        if has_spoken && !voice.is_null() && *voice != self.session["audio"]["output"]["voice"] {
            let message = "Cannot update a conversation's voice if assistant audio is present.";
            return Err(ErrorBody::invalid("cannot_update_voice", message).about("session.audio.output.voice"));
        }
        Ok(())
    }

    fn update_audio(&mut self, update: &Value) {
        for (side, fields) in entries(update) {
            for (key, value) in entries(fields) {
                let present = &mut self.session["audio"][side][key];
                *present = match key.as_str() {
                    "format" => Format::from_json(value).to_json(),
                    "turn_detection" => merge_turn_detection(present, value),
                    "transcription" => merge_transcription(value),
                    _ => value.clone(),
                };
            }
        }
    }
}

/// One of text or audio: audio brings its transcript.
pub(crate) fn check_modalities(path: &str, modalities: &Value) -> Result<(), ErrorBody> {
    let Some(list) = modalities.as_array() else {
        return Ok(());
    };
    if list.len() == 1 {
        return Ok(());
    }
    let message = format!("Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio'].");
    Err(ErrorBody::invalid("invalid_value", &message).about(path))
}

/// An MCP server is found by its address or by its connector, and is called by a label of its own.
pub(crate) fn check_servers(path: &str, tools: &Value) -> Result<(), ErrorBody> {
    let mut labels = Vec::new();
    for (index, tool) in tools.as_array().into_iter().flatten().enumerate().filter(|(_, tool)| tool["type"] == "mcp") {
        let field = format!("{path}[{index}]");
        if ["server_url", "connector_id", "tunnel_id"].iter().all(|key| tool[*key].is_null()) {
            return Err(schema::missing(&format!("{field}.server_url")));
        }
        if labels.contains(&&tool["server_label"]) {
            let message = format!("Duplicate MCP server_label: {}.", tool["server_label"]);
            return Err(ErrorBody::invalid("invalid_value", &message).about(&format!("{field}.server_label")));
        }
        labels.push(&tool["server_label"]);
    }
    Ok(())
}

fn realtime_session(model: &str, id: &str, expires_at: u64) -> Value {
    json!({
        "type": "realtime",
        "object": "realtime.session",
        "id": id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a simulator. Tell what you heard.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": null,
        "truncation": "auto",
        "prompt": null,
        "expires_at": expires_at,
        "audio": {
            "input": input_defaults(),
            "output": {"format": Format::default().to_json(), "voice": "alloy", "speed": 1.0},
        },
        "include": null,
    })
}

/// It transcribes from the start: that is all it is for.
fn transcription_session(id: &str, expires_at: u64) -> Value {
    let mut input = input_defaults();
    input["transcription"] = merge_transcription(&json!({}));
    json!({
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": id,
        "expires_at": expires_at,
        "audio": {"input": input},
        "include": null,
    })
}

fn input_defaults() -> Value {
    json!({
        "format": Format::default().to_json(),
        "transcription": null,
        "noise_reduction": null,
        "turn_detection": detection_defaults("server_vad"),
    })
}

fn detection_defaults(kind: &str) -> Value {
    match kind {
        "semantic_vad" => {
            json!({"type": kind, "eagerness": "auto", "create_response": true, "interrupt_response": true})
        }
        _ => json!({
            "type": kind,
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 200,
            "idle_timeout_ms": null,
            "create_response": true,
            "interrupt_response": true,
        }),
    }
}

/// What an update leaves out stays as it was; another kind of detection starts from its defaults.
fn merge_turn_detection(present: &Value, update: &Value) -> Value {
    let Some(kind) = update["type"].as_str() else {
        return Value::Null;
    };
    let mut merged = if present["type"] == kind { present.clone() } else { detection_defaults(kind) };
    for (key, value) in entries(update) {
        merged[key] = value.clone();
    }
    merged
}

fn merge_transcription(update: &Value) -> Value {
    if update.is_null() {
        return Value::Null;
    }
    let mut merged = json!({"model": "gpt-realtime-whisper", "language": null, "prompt": null});
    for (key, value) in entries(update) {
        merged[key] = value.clone();
    }
    merged
}

/// The service shows a function's keys in an order of its own.
fn order_tools(tools: &[Value]) -> Value {
    let order = |tool: &Value| {
        let mut ordered = Map::new();
        for key in ["type", "name", "description", "parameters"] {
            if let Some(value) = tool.get(key) {
                ordered.insert(key.to_owned(), value.clone());
            }
        }
        ordered.extend(entries(tool).map(|(key, value)| (key.clone(), value.clone())));
        Value::Object(ordered)
    };
    tools.iter().map(order).collect()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
