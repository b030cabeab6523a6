//! Step "command → message": writes client events.

use serde_json::{json, Map, Value};

use super::dialect::Dialect;
use super::pending::Ack;
use super::session::{encode_overrides, encode_session};
use crate::command::{Command, CommandId};

/// The messages of one command, and the answer that settles it.
pub(super) struct Encoded {
    /// In the order of writing; the last one bears the command's own id.
    pub(super) messages: Vec<Value>,
    pub(super) ack: Ack,
    /// Wire type of the message that is answered.
    pub(super) kind: String,
    /// Ids of the messages before the last.
    pub(super) siblings: Vec<String>,
    /// Options that the dialect has no words for.
    pub(super) unexpressed: Vec<String>,
}

pub(super) fn encode(dialect: &Dialect, command: Command, id: &CommandId) -> Encoded {
    let event_id = id.event_id.as_str();
    match command {
        Command::UpdateSession(config) => {
            let (session, unexpressed) = encode_session(dialect, &config);
            let message = json!({"type": "session.update", "event_id": event_id, "session": session});
            Encoded { unexpressed, ..one(message, Ack::SessionUpdated) }
        }
        Command::SendText { text, respond } => send_text(&text, respond, event_id),
        Command::CommitAudio => one(bare("input_audio_buffer.commit", event_id), Ack::Committed),
        Command::ClearAudio => one(bare("input_audio_buffer.clear", event_id), Ack::Cleared),
        Command::CreateResponse(overrides) => {
            one(response_create(encode_overrides(dialect, overrides), event_id), Ack::ResponseCreated)
        }
        Command::CancelResponse { truncate } => cancel(truncate, event_id),
        Command::Raw { kind, payload } => raw(&kind, payload, id),
    }
}

fn one(message: Value, ack: Ack) -> Encoded {
    let kind = message["type"].as_str().unwrap_or_default().to_owned();
    Encoded { messages: vec![message], ack, kind, siblings: Vec::new(), unexpressed: Vec::new() }
}

fn bare(kind: &str, event_id: &str) -> Value {
    json!({"type": kind, "event_id": event_id})
}

fn send_text(text: &str, respond: bool, event_id: &str) -> Encoded {
    // Ids chosen by a client are at most 32 characters long.
    let item_id = format!("item_{}", event_id.trim_start_matches("evt_"));
    let first_id = if respond { format!("{event_id}_item") } else { event_id.to_owned() };
    let item = json!({
        "type": "conversation.item.create",
        "event_id": first_id,
        "item": {
            "id": item_id, "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": text}],
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

fn response_create(overrides: Map<String, Value>, event_id: &str) -> Value {
    let mut message = bare("response.create", event_id);
    if !overrides.is_empty() {
        message["response"] = Value::Object(overrides);
    }
    message
}

fn cancel(truncate: Option<(String, u64)>, event_id: &str) -> Encoded {
    let mut encoded = one(bare("response.cancel", event_id), Ack::ResponseDone);
    if let Some((item_id, audio_end_ms)) = truncate {
        let truncate_id = format!("{event_id}_cut");
        encoded.messages.insert(
            0,
            json!({
                "type": "conversation.item.truncate", "event_id": truncate_id,
                "item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms,
            }),
        );
        encoded.siblings.push(truncate_id);
    }
    encoded
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
        "session.update" => Ack::SessionUpdated,
        "input_audio_buffer.commit" => Ack::Committed,
        "input_audio_buffer.clear" => Ack::Cleared,
        "response.create" => Ack::ResponseCreated,
        "response.cancel" => Ack::ResponseDone,
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
