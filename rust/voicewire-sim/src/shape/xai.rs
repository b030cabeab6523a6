//! xAI's shape of one connection: GA's event names around a session, items and usage of its own.

use std::collections::VecDeque;

use serde_json::{json, Map, Value};

use super::words::{item_in_beta, item_in_ga, put};
use super::xai_schema::EVENTS;
use super::{extra_event, Heard};
use crate::event::ErrorBody;
use crate::ids::Ids;
use crate::schema::check_event;

/// What the session does not keep for a client of xAI.
#[derive(Debug)]
pub(super) struct Xai {
    ids: Ids,
    conversation_id: String,
    /// The session as the client sees it, and as it will if the session accepts an update.
    session: Map<String, Value>,
    proposed: Option<Map<String, Value>>,
    /// `response.output_audio.done`, which comes after the end of its part here.
    audio_done: Option<Map<String, Value>>,
    output_rate: u64,
    output_ms: f64,
    heard: Heard,
}

/// What a session begins with: turns by hand, a voice of xAI.
pub(super) fn starting_settings() -> Value {
    let audio = json!({"input": {"turn_detection": null}, "output": {"voice": "ara"}});
    json!({"type": "realtime", "audio": audio})
}

impl Xai {
    pub(super) fn new(ids: Ids, conversation_id: &str) -> Self {
        Xai {
            ids,
            conversation_id: conversation_id.to_owned(),
            session: Map::new(),
            proposed: None,
            audio_done: None,
            output_rate: 24_000,
            output_ms: 0.0,
            heard: Heard::default(),
        }
    }

    pub(super) fn receive(&mut self, event: &Value) -> Result<Option<Value>, ErrorBody> {
        self.proposed = None;
        let kind = check_event(event, EVENTS)?;
        let mut translated = event.clone();
        match kind {
            "session.update" => {
                self.proposed = Some(told(&event["session"]));
                translated["session"] = settings_in_ga(&event["session"]);
            }
            "conversation.item.commit" => translated["type"] = "input_audio_buffer.commit".into(),
            "conversation.item.create" => translated["item"] = item_in_ga(&event["item"]),
            "response.create" if event["response"]["modalities"].is_array() => {
                translated["response"]["output_modalities"] = modalities_in_ga(&event["response"]["modalities"]);
            }
            _ => {}
        }
        Ok(Some(translated))
    }

    pub(super) fn settle(&mut self, accepted: bool) {
        if let Some(update) = self.proposed.take().filter(|_| accepted) {
            self.session.extend(update);
        }
    }

    pub(super) fn translate(&mut self, event: &str, unix_ms: u64, out: &mut VecDeque<String>) {
        let Some(Value::Object(mut fields)) = super::parse(event) else {
            return;
        };
        let kind = fields["type"].as_str().unwrap_or_default().to_owned();
        fields.shift_remove("obfuscation");
        if kind != "session.created" {
            fields.entry("previous_item_id").or_insert(Value::Null);
        }
        match kind.as_str() {
            "conversation.item.done" | "rate_limits.updated" => return,
            "response.output_audio.done" => {
                self.audio_done = Some(fields);
                return;
            }
            _ => self.rewrite(&kind, &mut fields, unix_ms),
        }
        send(fields, out);
        match kind.as_str() {
            "session.created" => {
                let conversation = json!({"id": self.conversation_id, "object": "realtime.conversation"});
                let created = json!({"conversation": conversation, "previous_item_id": null});
                send(extra_event("conversation.created", &mut self.ids, created), out);
                self.ping(unix_ms, out);
            }
            "response.content_part.done" => {
                if let Some(done) = self.audio_done.take() {
                    send(done, out);
                }
            }
            "response.done" => self.ping(unix_ms, out),
            _ => {}
        }
    }

    fn ping(&mut self, unix_ms: u64, out: &mut VecDeque<String>) {
        let fields = json!({"timestamp": unix_ms, "previous_item_id": null});
        send(extra_event("ping", &mut self.ids, fields), out);
    }

    fn rewrite(&mut self, kind: &str, fields: &mut Map<String, Value>, unix_ms: u64) {
        if fields.contains_key("output_index") {
            fields.insert("output_index".to_owned(), 0.into());
        }
        match kind {
            "session.created" => fields["session"] = created(&fields["session"]),
            "session.updated" => fields["session"] = self.updated(&fields["session"].take()),
            "conversation.item.added" | "conversation.item.retrieved" => fields["item"] = item(&fields["item"], "tool"),
            "response.output_item.added" | "response.output_item.done" => {
                fields["item"] = item(&fields["item"], "user");
                if let Some(item) = fields["item"].as_object_mut() {
                    item.shift_remove("content");
                }
            }
            "response.content_part.added" => {
                fields.insert("previous_item_id".to_owned(), "0".into());
            }
            "response.content_part.done" => {
                fields.shift_remove("part");
            }
            "response.output_audio.delta" => self.rewrite_audio(fields, unix_ms),
            "response.output_audio_transcript.delta" => {
                fields.insert("rid".to_owned(), self.ids.make("rid").into());
                fields.insert("start_time".to_owned(), (self.output_ms / 1000.0).into());
            }
            "response.function_call_arguments.delta" => {
                fields.shift_remove("output_index");
            }
            "response.created" => {
                self.output_ms = 0.0;
                self.output_rate = fields["response"]["audio"]["output"]["format"]["rate"].as_u64().unwrap_or(8_000);
                fields["response"] = response(&fields["response"]);
            }
            "response.done" => self.rewrite_done(fields),
            _ => self.rewrite_transcription(kind, fields),
        }
    }

    fn rewrite_audio(&mut self, fields: &mut Map<String, Value>, unix_ms: u64) {
        let text = fields["delta"].as_str().unwrap_or_default();
        let bytes = text.len() / 4 * 3 - text.bytes().rev().take_while(|byte| *byte == b'=').count();
        // PCM has two bytes a sample; G.711 has one, of 8,000 a second.
        let width = if self.output_rate == 8_000 { 1.0 } else { 2.0 };
        let ms = bytes as f64 * 1000.0 / width / self.output_rate as f64;
        fields.insert("rid".to_owned(), self.ids.make("rid").into());
        if self.output_ms == 0.0 {
            fields.insert("latency".to_owned(), "0.52".into());
        }
        self.output_ms += ms;
        fields.insert("audio_duration_ms".to_owned(), (ms.round() as u64).into());
        fields.insert("ts".to_owned(), unix_ms.into());
    }

    fn rewrite_done(&mut self, fields: &mut Map<String, Value>) {
        let full = fields["response"].take();
        let count = |side: &str, kind: &str| full["usage"][format!("{side}_token_details")][kind].clone();
        let details = |side: &str| json!({"text_tokens": count(side, "text_tokens"), "audio_tokens": count(side, "audio_tokens"), "grok_tokens": 0});
        let usage = json!({
            "input_tokens": full["usage"]["input_tokens"],
            "input_token_details": details("input"),
            "output_tokens": full["usage"]["output_tokens"],
            "output_token_details": details("output"),
            "total_tokens": full["usage"]["total_tokens"],
            "output_audio_seconds": self.output_ms / 1000.0,
            "billable_audio_seconds": (self.output_ms / 1000.0).round() as u64,
        });
        fields["response"] = response(&full);
        fields.insert("response_id".to_owned(), full["id"].clone());
        fields.insert("usage".to_owned(), usage);
    }

    /// A transcript is told whole each time, and has a status at its end.
    fn rewrite_transcription(&mut self, kind: &str, fields: &mut Map<String, Value>) {
        let item_id = fields.get("item_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind.ends_with("input_audio_transcription.delta") {
            let delta = fields.shift_remove("delta").unwrap_or_default();
            let text = self.heard.grow(&item_id, delta.as_str().unwrap_or_default()).to_owned();
            fields.insert("type".to_owned(), "conversation.item.input_audio_transcription.updated".into());
            fields.insert("transcript".to_owned(), text.into());
        } else if kind.ends_with("input_audio_transcription.completed") {
            self.heard.end(&item_id);
            fields.insert("status".to_owned(), "completed".into());
        }
    }

    /// The session of `session.updated`: what the client said stands as it said it.
    fn updated(&self, session: &Value) -> Value {
        let audio = &session["audio"];
        let format = |side: &str| json!({"format": audio[side]["format"], "transport": "json"});
        let mut fields = json!({
            "instructions": session["instructions"],
            "voice": audio["output"]["voice"],
            "enable_noise_suppression": true,
            "turn_detection": turn_detection(&audio["input"]["turn_detection"]),
            "model": session["model"],
            "keep_context": false,
            "enable_phonetic_spelling": false,
            "modalities": session["output_modalities"],
            "input_audio_format": "not specified",
            "output_audio_format": "not specified",
            "tool_choice": session["tool_choice"],
            "temperature": -1.0,
            "max_response_output_tokens": session["max_output_tokens"],
            "audio": {"input": format("input"), "output": format("output")},
        });
        for (key, value) in &self.session {
            fields[key] = value.clone();
        }
        let transcription = &audio["input"]["transcription"];
        if transcription.is_object() {
            fields["input_audio_transcription"] = json!({"model": transcription["model"]});
            fields["audio"]["input"]["transcription"] = json!({"model": transcription["model"]});
        }
        fields
    }
}

/// The fields of an update that are told as they came; tools are told one level deeper.
fn told(session: &Value) -> Map<String, Value> {
    let mut fields = Map::new();
    for (key, value) in session.as_object().into_iter().flatten() {
        match key.as_str() {
            "tools" => {
                fields.insert(key.clone(), value.as_array().into_iter().flatten().map(nested).collect());
            }
            "turn_detection" => {
                fields.insert(key.clone(), turn_detection(value));
            }
            "resumption" | "temperature" => {
                fields.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    fields
}

fn nested(tool: &Value) -> Value {
    if tool["type"] != "function" {
        return tool.clone();
    }
    let mut function = tool.clone();
    if let Value::Object(fields) = &mut function {
        fields.shift_remove("type");
    }
    json!({"type": "function", "function": function})
}

fn settings_in_ga(session: &Value) -> Value {
    let mut update = json!({"type": "realtime"});
    for (key, value) in session.as_object().into_iter().flatten() {
        match key.as_str() {
            "instructions" | "model" | "tool_choice" => update[key] = value.clone(),
            "tools" => {
                let functions = value.as_array().into_iter().flatten().filter(|tool| tool["type"] == "function");
                update["tools"] = functions.cloned().collect();
            }
            "voice" => put(&mut update, "/audio/output/voice", value.clone()),
            "modalities" => update["output_modalities"] = modalities_in_ga(value),
            "max_response_output_tokens" => update["max_output_tokens"] = value.clone(),
            "input_audio_transcription" => put(&mut update, "/audio/input/transcription", transcription(value)),
            "turn_detection" => {
                let detection = if value["type"].is_null() { Value::Null } else { value.clone() };
                put(&mut update, "/audio/input/turn_detection", detection);
            }
            _ => {}
        }
    }
    for side in ["input", "output"] {
        for key in ["format", "transcription", "speed"] {
            match &session["audio"][side][key] {
                Value::Null => {}
                value if key == "transcription" => update["audio"][side][key] = transcription(value),
                value => update["audio"][side][key] = value.clone(),
            }
        }
    }
    update
}

fn transcription(given: &Value) -> Value {
    let mut named = given.clone();
    if named.is_object() && named["model"].is_null() {
        named["model"] = "grok-transcribe".into();
    }
    named
}

fn modalities_in_ga(modalities: &Value) -> Value {
    let spoken = modalities.as_array().into_iter().flatten().any(|word| word == "audio");
    json!([if spoken { "audio" } else { "text" }])
}

fn created(session: &Value) -> Value {
    json!({
        "id": session["id"].as_str().unwrap_or_default().replace('-', ""),
        "object": session["object"],
        "instructions": "",
        "voice": session["audio"]["output"]["voice"],
        "modalities": session["output_modalities"],
        "turn_detection": turn_detection(&session["audio"]["input"]["turn_detection"]),
        "tools": [],
        "model": session["model"],
    })
}

/// None is told as an object whose type is null.
fn turn_detection(detection: &Value) -> Value {
    if detection.is_null() {
        json!({"type": null})
    } else {
        detection.clone()
    }
}

/// Items of functions have a role here, and it depends on the event.
fn item(item: &Value, function_role: &str) -> Value {
    let mut item = item_in_beta(item);
    if item["type"] != "message" {
        item["role"] = function_role.into();
        if item["status"].is_null() {
            item["status"] = "completed".into();
        }
    }
    item
}

fn response(response: &Value) -> Value {
    json!({
        "id": response["id"],
        "object": response["object"],
        "output": response["output"].as_array().into_iter().flatten().map(|entry| item(entry, "user")).collect::<Value>(),
        "status": response["status"],
        "status_details": "unimplemented",
        "usage": {},
    })
}

fn send(fields: Map<String, Value>, out: &mut VecDeque<String>) {
    out.push_back(Value::Object(fields).to_string());
}
