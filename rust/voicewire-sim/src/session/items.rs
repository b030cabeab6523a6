//! Client events about conversation items: create, retrieve, truncate, delete; between the event and the conversation.

use std::time::Instant;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::{json, Map, Value};

use super::transcribing::Utterance;
use super::Session;
use crate::conversation::{Audio, Item};
use crate::event::ErrorBody;
use crate::ids::Ids;
use crate::schema;
use crate::sound::Format;

impl Session {
    pub(super) fn create_item(&mut self, item: &Value, previous: &Value, now: Instant) -> Result<(), ErrorBody> {
        let item = read_item(item, "item", self.settings.input_format(), &mut self.outbox.ids)?;
        let id = item.id().to_owned();
        if self.conversation.find(&id).is_some() {
            let message = format!("Error creating item: an item with item_id '{id}' already exists.");
            return Err(ErrorBody::invalid("item_create_duplicate_item_id", &message).about("item.id"));
        }
        self.check_call_id(&item)?;
        self.check_approval(&item)?;
        let previous = match previous.as_str() {
            Some(previous) => previous.to_owned(),
            None => self.conversation.last_id().unwrap_or("root").to_owned(),
        };
        let untold = item.audio.is_some() && item.words.is_none() && item.is_user_message();
        let seconds = item.audio.as_ref().map_or(0.0, |audio| audio.len_ms() as f64 / 1000.0);
        let value = item.value.clone();
        if self.conversation.insert(&previous, item).is_none() {
            let message = format!("Error creating item: the previous item with item_id '{previous}' does not exist.");
            return Err(ErrorBody::invalid("item_create_invalid_previous_item_id", &message).about("previous_item_id"));
        }
        self.stop_waiting();
        self.announce_item(&id, value.clone());
        if untold {
            self.hear(&id, seconds, Utterance::default(), now);
        }
        if value["type"] == "mcp_approval_response" {
            self.take_approval(&value, now);
        }
        Ok(())
    }

    /// `conversation.item.added` and `.done` of an item that is complete.
    pub(super) fn announce_item(&mut self, id: &str, value: Value) {
        let fields = json!({"previous_item_id": self.conversation.before(id), "item": value});
        self.outbox.push("conversation.item.added", fields.clone());
        self.outbox.push("conversation.item.done", fields);
    }

    pub(super) fn retrieve_item(&mut self, id: &Value) -> Result<(), ErrorBody> {
        let id = id.as_str().unwrap_or_default();
        let Some(item) = self.conversation.find(id) else {
            return Err(unknown_item("retrieve", "retrieving", id));
        };
        let format = match item.value["role"].as_str() {
            Some("assistant") => Format::from_json(&self.settings.output()["format"]),
            _ => self.settings.input_format(),
        };
        let value = item.with_audio(format);
        self.outbox.push("conversation.item.retrieved", json!({ "item": value }));
        Ok(())
    }

    pub(super) fn delete_item(&mut self, id: &Value) -> Result<(), ErrorBody> {
        let id = id.as_str().unwrap_or_default();
        if self.conversation.remove(id).is_none() {
            return Err(unknown_item("delete", "deleting", id));
        }
        self.outbox.push("conversation.item.deleted", json!({ "item_id": id }));
        Ok(())
    }

    /// Drops later audio and the transcript: what was not heard was not said.
    pub(super) fn truncate_item(&mut self, event: &Value) -> Result<(), ErrorBody> {
        let id = event["item_id"].as_str().unwrap_or_default();
        let end_ms = event["audio_end_ms"].as_u64().unwrap_or_default();
        if end_ms == 0 {
            let message = "Invalid 'audio_end_ms': expected a value from 1, but got 0.";
            return Err(ErrorBody::invalid("invalid_value", message).about("audio_end_ms"));
        }
        let Some(item) = self.conversation.find_mut(id) else {
            return Err(unknown_item("truncate", "truncating", id));
        };
        if item.value["role"] != "assistant" || item.kind() != "message" {
            let message = "Only model output audio messages can be truncated";
            return Err(ErrorBody::invalid("invalid_value", message).about("item_id"));
        }
        let index = item.audio_part().filter(|index| event["content_index"] == *index);
        let (Some(index), Some(audio)) = (index, item.audio.as_mut()) else {
            let message = format!("Item '{id}' has no audio content at index {}.", event["content_index"]);
            return Err(ErrorBody::invalid("invalid_value", &message).about("content_index"));
        };
        let length_ms = audio.len_ms();
        if end_ms > length_ms {
            let message = format!("Audio content of {length_ms}ms is already shorter than {end_ms}ms");
            return Err(ErrorBody::invalid("invalid_value", &message).about("audio_end_ms"));
        }
        audio.truncate_ms(end_ms);
        item.words = Some(String::new());
        if let Some(Value::Object(part)) = item.value["content"].get_mut(index) {
            part.remove("transcript");
        }
        let fields = json!({"item_id": id, "content_index": index, "audio_end_ms": end_ms});
        self.outbox.push("conversation.item.truncated", fields);
        Ok(())
    }

    fn check_call_id(&self, item: &Item) -> Result<(), ErrorBody> {
        if item.kind() != "function_call_output" {
            return Ok(());
        }
        let id = &item.value["call_id"];
        let is_call = |item: &Item| item.kind() == "function_call" && item.value["call_id"] == *id;
        if self.conversation.items().iter().any(is_call) {
            return Ok(());
        }
        let message = format!("Tool call ID {id} not found in conversation.");
        Err(ErrorBody::invalid("invalid_tool_call_id", &message).about("item.call_id"))
    }
}

/// An item of a client, its shape checked already, with its keys in the service's order.
pub(super) fn read_item(value: &Value, path: &str, format: Format, ids: &mut Ids) -> Result<Item, ErrorBody> {
    let kind = value["type"].as_str().ok_or_else(|| schema::missing(&format!("{path}.type")))?;
    let mut ordered = Map::new();
    let id = value["id"].as_str().map_or_else(|| ids.make("item"), str::to_owned);
    ordered.insert("id".to_owned(), id.into());
    ordered.insert("type".to_owned(), kind.into());
    if matches!(kind, "message" | "function_call") {
        ordered.insert("status".to_owned(), value.get("status").cloned().unwrap_or_else(|| "completed".into()));
    }
    if kind == "function_call" {
        let call_id = value["call_id"].as_str().map_or_else(|| ids.call(), str::to_owned);
        ordered.insert("name".to_owned(), value["name"].clone());
        ordered.insert("call_id".to_owned(), call_id.into());
    }
    for (key, field) in value.as_object().into_iter().flatten() {
        let hidden = key == "object" || (key == "status" && kind == "function_call_output");
        if !hidden && !ordered.contains_key(key) {
            ordered.insert(key.clone(), field.clone());
        }
    }
    let mut item = Item::new(Value::Object(ordered));
    if kind == "message" {
        read_content(&mut item, path, format)?;
    }
    Ok(item)
}

/// Check the parts against the role and move their audio out of sight.
fn read_content(item: &mut Item, path: &str, format: Format) -> Result<(), ErrorBody> {
    let allowed: &[&str] = match item.value["role"].as_str() {
        Some("user") => &["input_text", "input_audio", "input_image"],
        Some("system") => &["input_text"],
        _ => &["output_text", "output_audio"],
    };
    let Value::Array(parts) = &mut item.value["content"] else {
        return Ok(());
    };
    for (index, part) in parts.iter_mut().enumerate() {
        let field = format!("{path}.content[{index}]");
        let kind = part["type"].as_str().unwrap_or_default().to_owned();
        if !allowed.contains(&kind.as_str()) {
            return Err(schema::unknown_word(&format!("{field}.type"), &kind, allowed.iter().copied()));
        }
        if kind == "input_image" {
            check_image(&field, part)?;
        }
        if !kind.ends_with("_audio") {
            continue;
        }
        let transcript = part["transcript"].clone();
        if let Some(text) = part["audio"].as_str() {
            let samples = format.decode(text).ok_or_else(|| bad_audio(&format!("{field}.audio")))?;
            item.audio = Some(Audio::new(samples.into(), format.sample_rate()));
        }
        item.words = transcript.as_str().map(str::to_owned).or(item.words.take());
        *part = json!({"type": kind, "transcript": transcript});
    }
    Ok(())
}

/// Images come inside the event.
fn check_image(path: &str, part: &Value) -> Result<(), ErrorBody> {
    let url = part["image_url"].as_str().unwrap_or_default();
    let data = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    let is_image = |(kind, text): (&str, &str)| matches!(kind, "png" | "jpeg") && BASE64_STANDARD.decode(text).is_ok();
    if data.is_some_and(is_image) {
        return Ok(());
    }
    let message = format!("Invalid '{path}.image_url'. Expected a data URL of a base64-encoded PNG or JPEG.");
    Err(ErrorBody::invalid("invalid_value", &message).about(&format!("{path}.image_url")))
}

pub(super) fn bad_audio(path: &str) -> ErrorBody {
    let message = format!("Invalid '{path}'. Expected base64-encoded audio bytes in the session's input format.");
    ErrorBody::invalid("invalid_value", &message).about(path)
}

fn unknown_item(verb: &str, doing: &str, id: &str) -> ErrorBody {
    let message = format!("Error {doing} item: the item with item_id '{id}' does not exist.");
    ErrorBody::invalid(&format!("item_{verb}_invalid_item_id"), &message).about("item_id")
}
