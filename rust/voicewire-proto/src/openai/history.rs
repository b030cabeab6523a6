//! The conversation as a service without a memory of its own is told it again: items, as the messages that make them.
//!
//! Capacity: that of [`Conversation`] for what was said, [`SENT_BYTES`] for items as we sent them; beyond it the oldest are
//! forgotten, and what is told again is "partial".

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{json, Value};
use voicewire_audio::codec::Codec;

use super::dialect::Dialect;
use crate::conversation::{lock, Conversation, Item, SharedItem};
use crate::event::{Body, Event};
use crate::item::{ItemChange, ItemFields};

/// Items as we sent them, pictures above all.
const SENT_BYTES: usize = 16 << 20;

/// What stands for a spoken turn of which neither words nor sound are left.
const UNHEARD: &str = "(The user said something here that was lost with the connection.)";

/// What both sides said, and which of it is whole.
#[derive(Debug, Default)]
pub(super) struct History {
    conversation: Conversation,
    /// Items as we sent them, oldest first, with their bytes.
    sent: VecDeque<(String, Value, usize)>,
    sent_bytes: usize,
    /// Words that were heard of items that were cut.
    heard: HashMap<String, String>,
    /// The response in progress.
    response: Option<String>,
    /// Its items, and whether each is whole.
    newest: Vec<(String, bool)>,
    /// Items that the session in progress has from us, not from its own making.
    told: HashSet<String>,
    /// Pieces of an answer that was asked for again, and of calls that never became whole.
    left_out: HashSet<String>,
}

/// Where the items are put that are told again.
pub(super) struct Teller<'a> {
    pub(super) dialect: &'static Dialect,
    /// How a content part has audio.
    pub(super) codec: Codec,
    /// The application's view, which has the audio where it is kept.
    pub(super) retained: Option<&'a Arc<Mutex<Conversation>>>,
}

impl History {
    /// Takes in an event; `active` is the id of the response in progress.
    pub(super) fn note(&mut self, event: &Event, active: Option<&str>) {
        let item_id = event.resolve(&event.item_id).filter(|id| !id.is_empty());
        let response = event.resolve(&event.response_id);
        match event.body {
            Body::ResponseStarted if response == active => self.begin(response),
            Body::TurnComplete(_) if response == self.response.as_deref() => self.begin(None),
            _ => {}
        }
        if let Some(id) = item_id {
            let is_of_response = active.is_some() && response == active;
            if is_of_response && self.newest.last().is_none_or(|(newest, _)| newest != id) {
                self.began(id);
            }
            if ends_item(event) {
                self.newest.iter_mut().filter(|(known, _)| known == id).for_each(|(_, is_whole)| *is_whole = true);
            }
            match event.change.as_deref() {
                Some(ItemChange::Truncated(ms)) => self.cut(id, *ms),
                Some(ItemChange::Deleted) => drop(self.heard.remove(id)),
                _ => {}
            }
        }
        drop(self.conversation.apply(event));
    }

    /// Remembers an item as it was sent, in a message of `size` bytes.
    pub(super) fn sent(&mut self, item: &Value, size: usize) {
        let Some(id) = item["id"].as_str() else { return };
        self.sent_bytes += size;
        self.sent.push_back((id.to_owned(), item.clone(), size));
        while self.sent_bytes > SENT_BYTES && self.sent.len() > 1 {
            self.sent_bytes -= self.sent.pop_front().map_or(0, |(_, _, size)| size);
        }
    }

    /// Whether the service has confirmed an item.
    pub(super) fn has(&self, id: &str) -> bool {
        self.conversation.item(id).is_some()
    }

    /// Whether the session in progress has the item from us: it is text there, and tells nothing that we do not know.
    pub(super) fn was_told(&self, id: &str) -> bool {
        self.told.contains(id)
    }

    /// Whether the newest response gave something whole, which is not to be asked for again.
    pub(super) fn has_whole_items(&self) -> bool {
        self.newest.iter().any(|(_, is_whole)| *is_whole)
    }

    /// Items of the response in progress that are not whole, as incomplete ones: nothing more of them comes.
    pub(super) fn unfinished(&mut self) -> Vec<ItemFields> {
        let items = self.newest.iter().filter(|(_, is_whole)| !is_whole);
        let items = items.filter_map(|(id, _)| self.conversation.item(id));
        let items: Vec<ItemFields> = items.map(|shared| incomplete(&lock(&shared))).collect();
        let calls = items.iter().filter(|item| item.kind != "message");
        self.left_out.extend(calls.map(|call| call.id.clone()));
        items
    }

    /// The answer is asked for again: what came of it is not told.
    pub(super) fn leave_out_newest(&mut self) {
        self.left_out.extend(self.newest.drain(..).map(|(id, _)| id));
    }

    /// The messages that make the items again, and whether all of them are as they were. `is_partial` is about what was
    /// heard and said, not about what the listener did not hear.
    pub(super) fn again(&mut self, teller: &Teller<'_>) -> (Vec<Value>, bool) {
        let mut is_partial = self.conversation.forgotten() > 0;
        let mut messages = Vec::new();
        for shared in self.conversation.items() {
            let id = lock(&shared).id.clone();
            if self.left_out.contains(&id) {
                continue;
            }
            match self.tell(&shared, teller) {
                Told::As(item) => {
                    self.told.insert(id);
                    messages.push(item);
                }
                Told::Less(item) => {
                    is_partial = true;
                    self.told.insert(id);
                    messages.push(item);
                }
                // Nor is it told at the next cut, when nobody knows why.
                Told::Nothing => drop(self.left_out.insert(id)),
                Told::Lost => is_partial = true,
            }
        }
        (messages, is_partial)
    }

    fn begin(&mut self, response: Option<&str>) {
        self.response = response.map(str::to_owned);
        self.newest.clear();
    }

    fn began(&mut self, id: &str) {
        if !self.newest.iter().any(|(known, _)| known == id) {
            self.newest.push((id.to_owned(), false));
        }
    }

    /// The service deletes the words with the audio: those that were heard stay known here.
    fn cut(&mut self, id: &str, ms: u64) {
        let Some(shared) = self.conversation.item(id) else { return };
        let item = lock(&shared);
        let end = ms.saturating_mul(u64::from(item.sample_rate)) / 1000;
        if !item.transcript.is_empty() {
            self.heard.insert(id.to_owned(), start_of(&item.transcript, end, item.samples).to_owned());
        }
    }

    fn tell(&self, shared: &SharedItem, teller: &Teller<'_>) -> Told {
        let item = lock(shared);
        let as_sent = self.sent.iter().rev().find(|(id, ..)| *id == item.id);
        if let Some((_, sent, _)) = as_sent {
            return Told::As(sent.clone());
        }
        match (item.kind.as_str(), item.role.as_deref()) {
            ("message", Some("assistant")) => self.answer(&item, teller),
            ("message", Some(role)) => words_of(&item, role, teller),
            ("function_call", _) => call(&item),
            ("function_call_output", _) => Told::As(json!({
                "id": item.id, "type": "function_call_output", "call_id": item.call_id,
                "output": item.output.as_deref().unwrap_or_default(),
            })),
            // A service lists its tools by itself.
            ("mcp_list_tools", _) => Told::Nothing,
            _ => Told::Lost,
        }
    }

    fn answer(&self, item: &Item, teller: &Teller<'_>) -> Told {
        let heard = self.heard.get(&item.id);
        let spoken = heard.unwrap_or(&item.transcript);
        let kind = teller.dialect.assistant_content.0;
        let parts: Vec<Value> = [&item.text, spoken]
            .into_iter()
            .filter(|words| !words.is_empty())
            .map(|words| json!({"type": kind, "text": words}))
            .collect();
        if parts.is_empty() {
            // Of what was cut at its very start, nothing was heard.
            return if item.truncated_ms.is_some() || is_incomplete(item) { Told::Nothing } else { Told::Lost };
        }
        let is_cut = heard.is_some() || is_incomplete(item);
        let status = if is_cut { "incomplete" } else { "completed" };
        Told::As(json!({
            "id": item.id, "type": "message", "role": "assistant", "status": status, "content": parts,
        }))
    }
}

/// How an item can be told again.
enum Told {
    /// As it was.
    As(Value),
    /// With less in it.
    Less(Value),
    /// There is nothing to tell.
    Nothing,
    /// It cannot be told.
    Lost,
}

/// A turn of the user or the system: its words, else its sound, else that there was one.
fn words_of(item: &Item, role: &str, teller: &Teller<'_>) -> Told {
    let message = |part: Value| json!({"id": item.id, "type": "message", "role": role, "content": [part]});
    let text = |words: &str| message(json!({"type": "input_text", "text": words}));
    if !item.text.is_empty() {
        return Told::As(text(&item.text));
    }
    if !item.transcript.is_empty() {
        return Told::As(text(&item.transcript));
    }
    match audio_of(&item.id, teller) {
        Some(audio) => Told::As(message(json!({"type": "input_audio", "audio": audio}))),
        None => Told::Less(text(UNHEARD)),
    }
}

/// The sound of an item as base64, where all of it is kept.
fn audio_of(id: &str, teller: &Teller<'_>) -> Option<String> {
    let shared = teller.retained?.lock().unwrap_or_else(PoisonError::into_inner).item(id)?;
    let item = lock(&shared);
    let samples: Vec<i16> = item.audio.iter().flatten().copied().collect();
    if samples.is_empty() || samples.len() as u64 != item.samples {
        return None;
    }
    let mut text = Vec::new();
    teller.codec.encode_base64(&samples, &mut text);
    String::from_utf8(text).ok()
}

fn call(item: &Item) -> Told {
    let Some(arguments) = &item.arguments else { return Told::Lost };
    Told::As(json!({
        "id": item.id, "type": "function_call", "call_id": item.call_id, "name": item.name, "arguments": arguments,
    }))
}

fn is_incomplete(item: &Item) -> bool {
    item.status.as_deref() == Some("incomplete")
}

fn incomplete(item: &Item) -> ItemFields {
    ItemFields {
        id: item.id.clone(),
        kind: item.kind.clone(),
        role: item.role.clone(),
        status: Some("incomplete".to_owned()),
        has_audio: item.has_audio,
        is_done: true,
        raw: item.raw.clone(),
        ..ItemFields::default()
    }
}

/// Whether an event says that its item is whole.
fn ends_item(event: &Event) -> bool {
    let tells_item = matches!(event.change.as_deref(), Some(ItemChange::Told(_)));
    let ends = |name| matches!(name, Some("conversation.item.done" | "response.output_item.done"));
    matches!(event.body, Body::ToolCall { .. }) || (tells_item && ends(event.resolve(&event.wire_type)))
}

/// The words that are spoken by sample `end` of `samples`, whole ones only.
fn start_of(words: &str, end: u64, samples: u64) -> &str {
    if end >= samples {
        return words;
    }
    let mut at = (words.len() as u64 * end / samples.max(1)) as usize;
    while !words.is_char_boundary(at) {
        at -= 1;
    }
    if words[at..].starts_with(char::is_whitespace) {
        return &words[..at];
    }
    words[..at].rfind(char::is_whitespace).map_or("", |space| &words[..space])
}

#[cfg(test)]
mod tests {
    use super::start_of;

    #[test]
    fn the_words_that_were_heard_end_with_a_whole_one() {
        let words = "one two three";
        assert_eq!(start_of(words, 50, 100), "one");
        assert_eq!(start_of(words, 7 * 100, 13 * 100), "one two");
        assert_eq!(start_of(words, 1, 100), "");
        assert_eq!(start_of(words, 200, 100), words);
        assert_eq!(start_of("ääää bb", 30, 100), "");
    }
}
