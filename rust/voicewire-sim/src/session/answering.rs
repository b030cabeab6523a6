//! Responses begin: `response.create` is checked, answered and scheduled; between the event and the score.

use std::time::Instant;

use serde_json::{json, Value};

use super::composing::Content;
use super::items::read_item;
use super::response::{Output, Response};
use super::stopping::halve;
use super::{Cue, Session};
use crate::conversation::Item;
use crate::event::ErrorBody;
use crate::reply::Part;
use crate::settings::{check_modalities, check_servers};
use crate::sound::Format;

/// Pairs in a response's metadata.
const METADATA_LIMIT: usize = 16;
/// Characters of a key in it; the values are checked by the schema.
const METADATA_KEY_LIMIT: usize = 64;

impl Session {
    pub(super) fn create_response(&mut self, wanted: &Value, now: Instant) -> Result<(), ErrorBody> {
        self.check_response(wanted)?;
        let items = self.read_input(&wanted["input"])?;
        if wanted["conversation"] != "none" {
            self.list_tools(&wanted["tools"], now);
        }
        self.respond(wanted, items.as_deref(), None, now);
        Ok(())
    }

    /// Begin a response; `parts` are what it holds, where that is known already.
    pub(super) fn respond(&mut self, wanted: &Value, items: Option<&[Item]>, parts: Option<Vec<Part>>, now: Instant) {
        self.response_count += 1;
        self.stop_waiting();
        let output = self.output_of(wanted);
        let mut content = self.compose(wanted, items, parts, &output);
        let (delay, halved) = (content.delay, content.halved);
        let kinds = std::mem::take(&mut content.kinds);
        let mut response = self.begin(wanted, &output, content);
        self.outbox.push("response.created", json!({ "response": response.created() }));
        response.outputs = kinds.into_iter().map(|kind| Output::new(&mut self.outbox.ids, kind)).collect();
        if response.bill.reasoning.is_some() {
            response.name_phases();
        }
        let mut score = response.score(self.manner.delta_ms);
        if halved {
            halve(&mut score);
        }
        let key = response.key;
        for (place, step) in score {
            let due = now + delay + self.paced(place);
            self.timeline.push(due, place, Cue::Response { key, step });
        }
        self.responses.push(response);
    }

    fn begin(&mut self, wanted: &Value, output: &Value, content: Content) -> Response {
        let in_conversation = wanted["conversation"] != "none";
        Response {
            key: self.response_count,
            id: self.outbox.ids.make("resp"),
            in_conversation,
            constants: json!({
                "conversation_id": in_conversation.then_some(&self.conversation_id),
                "output_modalities": self.wish(wanted, "output_modalities"),
                "max_output_tokens": self.wish(wanted, "max_output_tokens"),
                "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
            }),
            metadata: wanted["metadata"].clone(),
            format: Format::from_json(&output["format"]),
            outputs: Vec::new(),
            open: None,
            finished: Vec::new(),
            ending: content.ending,
            stopping: false,
            bill: content.bill,
            wanted: wanted.clone(),
        }
    }

    pub(super) fn active_response(&self) -> Option<&Response> {
        self.responses.iter().find(|response| response.in_conversation)
    }

    fn check_response(&self, wanted: &Value) -> Result<(), ErrorBody> {
        if self.settings.is_transcription() {
            let message = "Transcription sessions have no responses.";
            return Err(ErrorBody::invalid("invalid_value", message).about("type"));
        }
        check_modalities("response.output_modalities", &wanted["output_modalities"])?;
        check_servers("response.tools", &wanted["tools"])?;
        check_metadata(&wanted["metadata"])?;
        match self.active_response() {
            Some(active) if wanted["conversation"] != "none" => {
                let message = format!(
                    "Conversation already has an active response in progress: {}. Wait until the response is finished before creating a new one.",
                    active.id
                );
                Err(ErrorBody::invalid("conversation_already_has_active_response", &message))
            }
            _ => Ok(()),
        }
    }

    /// Items that replace the conversation as context.
    fn read_input(&mut self, input: &Value) -> Result<Option<Vec<Item>>, ErrorBody> {
        let Some(list) = input.as_array() else {
            return Ok(None);
        };
        let read = |(index, item): (usize, &Value)| self.read_input_item(&format!("response.input[{index}]"), item);
        list.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }

    fn read_input_item(&mut self, path: &str, item: &Value) -> Result<Item, ErrorBody> {
        if item["type"] != "item_reference" {
            return read_item(item, path, self.settings.input_format(), &mut self.outbox.ids);
        }
        let id = item["id"].as_str().unwrap_or_default();
        self.conversation.find(id).cloned().ok_or_else(|| {
            let message = format!("Item with item_id '{id}' not found in conversation.");
            ErrorBody::invalid("invalid_value", &message).about(&format!("{path}.id"))
        })
    }

    /// An option of this response, or of the session.
    pub(super) fn wish<'a>(&'a self, wanted: &'a Value, key: &str) -> &'a Value {
        match &wanted[key] {
            Value::Null => &self.settings.json()[key],
            own => own,
        }
    }

    fn output_of(&self, wanted: &Value) -> Value {
        let mut output = self.settings.output().clone();
        let own = &wanted["audio"]["output"];
        if own["format"].is_object() {
            output["format"] = Format::from_json(&own["format"]).to_json();
        }
        if !own["voice"].is_null() {
            output["voice"] = own["voice"].clone();
        }
        output
    }
}

fn check_metadata(metadata: &Value) -> Result<(), ErrorBody> {
    let Some(pairs) = metadata.as_object() else {
        return Ok(());
    };
    let problem = if pairs.len() > METADATA_LIMIT {
        format!("expected at most {METADATA_LIMIT} pairs, but got {}", pairs.len())
    } else if pairs.keys().any(|key| key.chars().count() > METADATA_KEY_LIMIT) {
        format!("expected keys of at most {METADATA_KEY_LIMIT} characters")
    } else {
        return Ok(());
    };
    let message = format!("Invalid 'response.metadata': {problem}.");
    Err(ErrorBody::invalid("invalid_value", &message).about("response.metadata"))
}
