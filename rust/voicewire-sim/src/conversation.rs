//! The items of a conversation with their audio; between client commands and the responses that read them.

use std::sync::Arc;

use serde_json::{json, Value};

use crate::sound::Format;

/// Audio of items that is kept for retrieval and echo, in samples (64 MiB); of older items only the length is kept.
const AUDIO_LIMIT: usize = 32 << 20;

/// Items in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    items: Vec<Item>,
    audio_samples: usize,
}

/// An item as events show it, and what they do not show.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Without audio.
    pub(crate) value: Value,
    pub(crate) audio: Option<Audio>,
    /// What was said, known to the simulator even if no transcription is asked for.
    pub(crate) words: Option<String>,
}

/// Audio of the item's audio part.
#[derive(Clone, Debug)]
pub(crate) struct Audio {
    samples: Arc<[i16]>,
    sample_rate: u32,
    length: usize,
}

impl Conversation {
    /// Insert behind an item, or at the start for `root`. None if there is no such item.
    pub(crate) fn insert(&mut self, previous: &str, item: Item) -> Option<()> {
        let at = if previous == "root" { 0 } else { self.position(previous)? + 1 };
        self.audio_samples += item.audio.as_ref().map_or(0, |audio| audio.samples.len());
        self.items.insert(at, item);
        self.forget_old_audio();
        Some(())
    }

    pub(crate) fn push(&mut self, item: Item) {
        let previous = self.last_id().unwrap_or("root").to_owned();
        let _ = self.insert(&previous, item);
    }

    /// Give an item its audio, if it is there and has none.
    pub(crate) fn set_audio(&mut self, id: &str, audio: Audio) {
        let Some(item) = self.items.iter_mut().rev().find(|item| item.id() == id && item.audio.is_none()) else {
            return;
        };
        self.audio_samples += audio.samples.len();
        item.audio = Some(audio);
        self.forget_old_audio();
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Item> {
        let item = self.items.remove(self.position(id)?);
        self.audio_samples -= item.audio.as_ref().map_or(0, |audio| audio.samples.len());
        Some(item)
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id() == id)
    }

    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id() == id)
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(crate) fn last_id(&self) -> Option<&str> {
        self.items.last().map(Item::id)
    }

    /// Id of the item before this one.
    pub(crate) fn before(&self, id: &str) -> Option<&str> {
        let at = self.position(id)?;
        at.checked_sub(1).map(|before| self.items[before].id())
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.items.iter().rposition(|item| item.id() == id)
    }

    fn forget_old_audio(&mut self) {
        for item in &mut self.items {
            if self.audio_samples <= AUDIO_LIMIT {
                return;
            }
            if let Some(audio) = &mut item.audio {
                self.audio_samples -= audio.samples.len();
                audio.samples = Arc::default();
            }
        }
    }
}

impl Item {
    pub(crate) fn new(value: Value) -> Self {
        Item { value, audio: None, words: None }
    }

    pub(crate) fn id(&self) -> &str {
        self.value["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> &str {
        self.value["type"].as_str().unwrap_or_default()
    }

    pub(crate) fn is_user_message(&self) -> bool {
        self.kind() == "message" && self.value["role"] == "user"
    }

    /// Text of all parts, or what was said.
    pub(crate) fn text(&self) -> String {
        if let Some(words) = &self.words {
            return words.clone();
        }
        let part_text = |part: &Value| part["text"].as_str().or_else(|| part["transcript"].as_str()).map(str::to_owned);
        let parts = self.value["content"].as_array().into_iter().flatten().filter_map(part_text);
        parts.collect::<Vec<_>>().join(" ")
    }

    /// True for what a response may be an answer to.
    pub(crate) fn is_input(&self) -> bool {
        let answered = ["function_call_output", "mcp_call", "mcp_approval_response"];
        self.is_user_message() || answered.contains(&self.kind())
    }

    /// Index of the content part that holds the audio; an answer that is still spoken has it at 0.
    pub(crate) fn audio_part(&self) -> Option<usize> {
        let parts = self.audio.as_ref().and(self.value["content"].as_array())?;
        let is_audio = |part: &Value| part["type"].as_str().is_some_and(|kind| kind.ends_with("_audio"));
        Some(parts.iter().position(is_audio).unwrap_or(0))
    }

    /// The item with its audio, as `conversation.item.retrieved` shows it.
    pub(crate) fn with_audio(&self, format: Format) -> Value {
        let mut value = self.value.clone();
        if let Some(audio) = &self.audio {
            if let Some(part) = self.audio_part().and_then(|index| value["content"].get_mut(index)) {
                let samples = &audio.samples[..audio.length.min(audio.samples.len())];
                part["audio"] =
                    format.encode(&crate::sound::resample(samples, audio.sample_rate, format.sample_rate())).into();
            }
        }
        value
    }
}

impl Audio {
    pub(crate) fn new(samples: Arc<[i16]>, sample_rate: u32) -> Self {
        let length = samples.len();
        Audio { samples, sample_rate, length }
    }

    /// Cut, or count only what was sent so far.
    pub(crate) fn set_length(&mut self, samples: usize) {
        self.length = samples;
    }

    pub(crate) fn truncate_ms(&mut self, ms: u64) {
        self.length = self.length.min((ms * u64::from(self.sample_rate) / 1000) as usize);
    }

    pub(crate) fn len_ms(&self) -> u64 {
        self.length as u64 * 1000 / u64::from(self.sample_rate)
    }

    pub(crate) fn samples(&self) -> &[i16] {
        &self.samples
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }
}

/// The item of committed audio.
pub(crate) fn user_audio(id: &str, audio: Audio, words: String) -> Item {
    let content = json!([{"type": "input_audio", "transcript": null}]);
    Item {
        value: json!({"id": id, "type": "message", "status": "completed", "role": "user", "content": content}),
        audio: Some(audio),
        words: Some(words),
    }
}
