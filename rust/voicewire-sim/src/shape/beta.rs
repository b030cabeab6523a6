//! The beta shape of one connection: client events into GA, the session's events out of it.

use std::collections::{HashMap, VecDeque};

use serde_json::{json, Map, Value};

use super::flavour::Flavour;
use super::words::{
    check_modalities, item_in_beta, item_in_ga, response_in_beta, response_in_ga, session_in_beta, settings_in_ga,
};
use super::{extra_event, Heard};
use crate::event::ErrorBody;
use crate::ids::Ids;
use crate::schema::check_event;
use crate::session::rate_limits;

/// Most of a session's bytes are audio: of these the name is exchanged without reading the rest.
const GA_AUDIO: &str = r#"{"type":"response.output_audio.delta","#;
const BETA_AUDIO: &str = r#"{"type":"response.audio.delta","#;

/// Events that no beta service had.
const NEVER: &[&str] = &["conversation.item.done", "rate_limits.updated"];
const RECENT: &[&str] = &["mcp_list_tools.", "response.mcp_call", "input_audio_buffer.timeout_triggered"];

/// What the session does not keep for a beta client.
#[derive(Debug)]
pub(super) struct Beta {
    flavour: &'static Flavour,
    ids: Ids,
    conversation_id: String,
    /// Session fields that GA does not know.
    extras: Map<String, Value>,
    proposed: Option<Proposal>,
    /// Temperature and voice of the response that comes next, then of those that run, by id.
    next_notes: Option<Value>,
    notes: HashMap<String, Value>,
    heard: Heard,
}

/// What holds as soon as the session accepts an event.
#[derive(Debug)]
enum Proposal {
    Extras(Map<String, Value>),
    Response(Value),
}

impl Beta {
    pub(super) fn new(flavour: &'static Flavour, ids: Ids, conversation_id: &str) -> Self {
        let extras = match (flavour.extras)() {
            Value::Object(extras) => extras,
            _ => Map::new(),
        };
        Beta {
            flavour,
            ids,
            conversation_id: conversation_id.to_owned(),
            extras,
            proposed: None,
            next_notes: None,
            notes: HashMap::new(),
            heard: Heard::default(),
        }
    }

    /// The event in GA; none if it has no consequence.
    pub(super) fn receive(&mut self, event: &Value) -> Result<Option<Value>, ErrorBody> {
        self.proposed = None;
        let kind = check_event(event, self.flavour.events)?;
        let mut translated = event.clone();
        match kind {
            "session.update" => {
                self.check_modalities("session.modalities", &event["session"]["modalities"])?;
                translated["session"] = self.read_session("realtime", &event["session"]);
            }
            "transcription_session.update" => {
                translated["type"] = "session.update".into();
                translated["session"] = self.read_session("transcription", &event["session"]);
            }
            "response.create" => {
                self.check_modalities("response.modalities", &event["response"]["modalities"])?;
                translated["response"] = response_in_ga(&event["response"], self.flavour);
                self.proposed = Some(Proposal::Response(self.notes_of(&event["response"])));
            }
            "conversation.item.create" => translated["item"] = item_in_ga(&event["item"]),
            _ if is_ga(kind) => {}
            _ => return Ok(None),
        }
        Ok(Some(translated))
    }

    pub(super) fn settle(&mut self, accepted: bool) {
        match self.proposed.take().filter(|_| accepted) {
            Some(Proposal::Extras(extras)) => self.extras.extend(extras),
            Some(Proposal::Response(notes)) => self.next_notes = Some(notes),
            None => {}
        }
    }

    pub(super) fn translate(&mut self, event: String, out: &mut VecDeque<String>) {
        if let Some(rest) = event.strip_prefix(GA_AUDIO) {
            return out.push_back(format!("{BETA_AUDIO}{rest}"));
        }
        let Ok(Value::Object(mut fields)) = serde_json::from_str(&event) else {
            return out.push_back(event);
        };
        let kind = fields["type"].as_str().unwrap_or_default().to_owned();
        if !self.knows(&kind, &fields) {
            return;
        }
        fields.shift_remove("obfuscation");
        let name = self.rewrite(&kind, &mut fields);
        fields.insert("type".to_owned(), name.as_str().into());
        (self.flavour.write_event)(&name, &mut fields);
        out.push_back(Value::Object(fields).to_string());
        self.announce(&kind, out);
    }

    /// Put an event's fields into beta; its beta name.
    fn rewrite(&mut self, kind: &str, fields: &mut Map<String, Value>) -> String {
        if let Some(item) = fields.get_mut("item") {
            *item = item_in_beta(item);
        }
        match kind {
            "session.created" | "session.updated" => {
                let session = &fields["session"];
                let prefix = if session["type"] == "transcription" { "transcription_" } else { "" };
                let session = session_in_beta(session, &self.extras, self.flavour);
                fields.insert("session".to_owned(), session);
                return format!("{prefix}{kind}");
            }
            "response.created" | "response.done" => self.rewrite_response(kind, fields),
            "response.function_call_arguments.done" => {
                fields.shift_remove("name");
            }
            "conversation.item.input_audio_transcription.delta" if self.flavour.hears_whole => {
                let item_id = fields["item_id"].as_str().unwrap_or_default();
                let text = self.heard.grow(item_id, fields["delta"].as_str().unwrap_or_default()).to_owned();
                fields.insert("delta".to_owned(), text.into());
            }
            "conversation.item.input_audio_transcription.completed" => {
                self.heard.end(fields["item_id"].as_str().unwrap_or_default());
            }
            _ => {}
        }
        beta_name(kind)
    }

    fn rewrite_response(&mut self, kind: &str, fields: &mut Map<String, Value>) {
        let id = fields["response"]["id"].as_str().unwrap_or_default().to_owned();
        let notes = match kind {
            "response.created" => self.next_notes.take().unwrap_or_else(|| self.notes_of(&Value::Null)),
            _ => self.notes.remove(&id).unwrap_or_default(),
        };
        let response = response_in_beta(&fields["response"], &notes, self.flavour);
        fields.insert("response".to_owned(), response);
        if kind == "response.created" {
            self.notes.insert(id, notes);
        }
    }

    /// What the service tells unasked behind an event.
    fn announce(&mut self, kind: &str, out: &mut VecDeque<String>) {
        let (name, fields) = match kind {
            _ if !self.flavour.announces => return,
            "session.created" => {
                let conversation = json!({"id": self.conversation_id, "object": "realtime.conversation"});
                ("conversation.created", json!({ "conversation": conversation }))
            }
            "response.created" => ("rate_limits.updated", rate_limits()),
            _ => return,
        };
        let event = extra_event(name, &mut self.ids, fields);
        out.push_back(Value::Object(event).to_string());
    }

    fn knows(&self, kind: &str, fields: &Map<String, Value>) -> bool {
        let item_kind = fields.get("item").map_or("", |item| item["type"].as_str().unwrap_or_default());
        let is_recent = item_kind.starts_with("mcp_") || RECENT.iter().any(|name| kind.starts_with(name));
        !NEVER.contains(&kind) && (self.flavour.is_recent || !is_recent)
    }

    fn read_session(&mut self, kind: &str, session: &Value) -> Value {
        let (update, extras) = settings_in_ga(kind, session, self.flavour);
        self.proposed = Some(Proposal::Extras(extras));
        update
    }

    fn check_modalities(&self, path: &str, modalities: &Value) -> Result<(), ErrorBody> {
        if self.flavour.audio_alone {
            return Ok(());
        }
        check_modalities(path, modalities)
    }

    /// Temperature and voice of a response: its own or the session's.
    fn notes_of(&self, wanted: &Value) -> Value {
        let own = |key: &str| match &wanted[key] {
            Value::Null => self.extras.get(key).cloned().unwrap_or_default(),
            Value::String(name) if self.extras.get(key).is_some_and(Value::is_object) => {
                json!({"name": name, "type": "openai"})
            }
            value => value.clone(),
        };
        json!({"temperature": own("temperature"), "voice": own("voice")})
    }
}

/// Beta's name of a GA event.
fn beta_name(kind: &str) -> String {
    match kind {
        "conversation.item.added" => "conversation.item.created".to_owned(),
        _ if kind.starts_with("response.output_item") => kind.to_owned(),
        _ => kind.replacen("response.output_", "response.", 1),
    }
}

fn is_ga(kind: &str) -> bool {
    crate::schema_items::EVENTS.iter().any(|(name, _)| *name == kind)
}
