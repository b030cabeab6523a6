//! Step "command → message": writes client events.

use serde_json::{json, Map, Value};

use super::dialect::Dialect;
use super::pending::Ack;
use super::session::{encode_overrides, encode_session, EncodedSession, SessionType};
use crate::command::{Command, CommandId};
use crate::config::SessionConfig;

/// The messages of one command, and the answer that settles it.
pub(super) struct Encoded {
    /// In the order of writing.
    pub(super) messages: Vec<Value>,
    pub(super) ack: Ack,
    /// Wire type of the message that is answered; it bears the command's own id.
    pub(super) kind: String,
    /// Ids of the other messages.
    pub(super) siblings: Vec<String>,
    /// The session object that was sent.
    pub(super) session: Option<EncodedSession>,
}

impl Encoded {
    /// A command of one message.
    pub(super) fn one(message: Value, ack: Ack) -> Self {
        let kind = message["type"].as_str().unwrap_or_default().to_owned();
        Self { messages: vec![message], ack, kind, siblings: Vec::new(), session: None }
    }
}

/// Where to cut an item.
pub(super) struct Cut {
    pub(super) item_id: String,
    pub(super) content_index: i64,
    pub(super) audio_end_ms: u64,
}

/// Encodes a command; None for those that depend on what plays.
pub(super) fn encode(dialect: &Dialect, kind: SessionType, command: Command, id: &CommandId) -> Option<Encoded> {
    let event_id = id.event_id.as_str();
    Some(match command {
        Command::UpdateSession(config) => update_session(dialect, kind, &config, event_id),
        Command::SendText { text, respond } => {
            send_content(&[json!({"type": "input_text", "text": text})], respond, event_id)
        }
        Command::SendContent { parts, respond } => send_content(&parts, respond, event_id),
        Command::CommitAudio => one(bare("input_audio_buffer.commit", event_id), Ack::Committed),
        Command::ClearAudio => one(bare("input_audio_buffer.clear", event_id), Ack::Cleared),
        Command::CreateResponse(overrides) => {
            one(response_create(encode_overrides(dialect, overrides), event_id), Ack::ResponseCreated)
        }
        Command::ToolOutput { call_id, output, .. } => tool_output(&call_id, &output, event_id),
        Command::Raw { kind, payload } => raw(&kind, payload, id),
        Command::CancelResponse { .. } | Command::Interrupt | Command::ReportPlayed { .. } => return None,
    })
}

/// Asks the service to stop a response, and to cut an item behind it.
pub(super) fn cancel(response_id: Option<&str>, cut: Option<Cut>, event_id: &str) -> Encoded {
    let mut message = bare("response.cancel", event_id);
    if let Some(response_id) = response_id {
        message["response_id"] = response_id.into();
    }
    let mut encoded = one(message, Ack::ResponseDone(response_id.map(str::to_owned)));
    if let Some(cut) = cut {
        let cut_id = format!("{event_id}_cut");
        encoded.messages.push(truncate(cut, &cut_id).messages.remove(0));
        encoded.siblings.push(cut_id);
    }
    encoded
}

/// Asks the service to cut an item.
pub(super) fn truncate(cut: Cut, event_id: &str) -> Encoded {
    let Cut { item_id, content_index, audio_end_ms } = cut;
    let message = json!({
        "type": "conversation.item.truncate", "event_id": event_id,
        "item_id": item_id, "content_index": content_index, "audio_end_ms": audio_end_ms,
    });
    one(message, Ack::ItemTruncated(item_id))
}

/// Adds an item that the conversation begins with, number `at` of them; an id of ours tells its answer from others.
pub(super) fn seed(dialect: &Dialect, item: &Value, at: usize, event_id: &str) -> Encoded {
    let mut item = item.clone();
    if let Value::Object(fields) = &mut item {
        fields.entry("id").or_insert_with(|| format!("item_history_{at}").into());
    }
    if item["role"] == "assistant" {
        for part in item.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
            match part["type"].as_str() {
                Some("text" | "output_text") => part["type"] = dialect.assistant_content.0.into(),
                Some("audio" | "output_audio") => part["type"] = dialect.assistant_content.1.into(),
                _ => {}
            }
        }
    }
    let ack = item["id"].as_str().map_or(Ack::None, |id| Ack::ItemAdded(id.to_owned()));
    one(json!({"type": "conversation.item.create", "event_id": event_id, "item": item}), ack)
}

fn update_session(dialect: &Dialect, kind: SessionType, config: &SessionConfig, event_id: &str) -> Encoded {
    let encoded = encode_session(dialect, kind, config);
    let name = dialect.update_type(kind);
    let message = json!({"type": name, "event_id": event_id, "session": encoded.session});
    Encoded { session: Some(encoded), ..one(message, Ack::SessionUpdated) }
}

fn one(message: Value, ack: Ack) -> Encoded {
    Encoded::one(message, ack)
}

fn bare(kind: &str, event_id: &str) -> Value {
    json!({"type": kind, "event_id": event_id})
}

fn send_content(parts: &[Value], respond: bool, event_id: &str) -> Encoded {
    let item_id = own_item_id(event_id);
    let first_id = if respond { format!("{event_id}_item") } else { event_id.to_owned() };
    let item = json!({
        "type": "conversation.item.create",
        "event_id": first_id,
        "item": {
            "id": item_id, "type": "message", "role": "user",
            "content": parts,
        },
    });
    if !respond {
        return one(item, Ack::ItemAdded(item_id));
    }
    let mut encoded = one(response_create(Map::new(), event_id), Ack::ResponseCreated);
    encoded.messages.insert(0, item);
    encoded.siblings.push(first_id);
    encoded
}

fn tool_output(call_id: &str, output: &str, event_id: &str) -> Encoded {
    let item_id = own_item_id(event_id);
    let item = json!({"id": item_id, "type": "function_call_output", "call_id": call_id, "output": output});
    let message = json!({"type": "conversation.item.create", "event_id": event_id, "item": item});
    one(message, Ack::ItemAdded(item_id))
}

/// An id for an item of ours; services take 32 characters.
fn own_item_id(event_id: &str) -> String {
    format!("item_{}", event_id.trim_start_matches("evt_"))
}

pub(super) fn response_create(overrides: Map<String, Value>, event_id: &str) -> Value {
    let mut message = bare("response.create", event_id);
    if !overrides.is_empty() {
        message["response"] = Value::Object(overrides);
    }
    message
}

fn raw(kind: &str, mut payload: Map<String, Value>, id: &CommandId) -> Encoded {
    payload.insert("type".into(), kind.into());
    payload.entry("event_id").or_insert_with(|| id.event_id.as_str().into());
    if let (true, Some(Value::Object(item))) = (kind == "conversation.item.create", payload.get_mut("item")) {
        // An id of ours tells its answer from others; clients' ids are at most 32 characters long.
        item.entry("id").or_insert_with(|| format!("item_vw{:x}", id.receipt).into());
    }
    let target = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ack = match kind {
        "session.update" | "transcription_session.update" => Ack::SessionUpdated,
        "input_audio_buffer.commit" => Ack::Committed,
        "input_audio_buffer.clear" => Ack::Cleared,
        "response.create" => Ack::ResponseCreated,
        "response.cancel" => Ack::ResponseDone(payload.get("response_id").and_then(Value::as_str).map(str::to_owned)),
        "conversation.item.create" => match payload.get("item").and_then(|item| item.get("id")) {
            Some(Value::String(id)) => Ack::ItemAdded(id.clone()),
            _ => Ack::None,
        },
        "conversation.item.delete" => Ack::ItemDeleted(target("item_id")),
        "conversation.item.truncate" => Ack::ItemTruncated(target("item_id")),
        "conversation.item.retrieve" => Ack::ItemRetrieved(target("item_id")),
        _ => Ack::None,
    };
    one(Value::Object(payload), ack)
}
