//! Step "event → conversation": the items of a session, from events in any order.
//!
//! Each delta is appended where it belongs, so its cost does not grow with the conversation. What is known of an item never
//! regresses: a later message without words, or with an older status, takes nothing back. Capacity is [`CAPACITY_BYTES`] of
//! words: beyond it the oldest items are forgotten and counted. Audio is kept only where asked for, newest first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{Body, Event};
use crate::item::{ItemChange, ItemFields, Place};

/// Words and JSON that a conversation holds; an hour of talk is about 100 KB.
pub const CAPACITY_BYTES: usize = 16 << 20;

/// Items that deltas speak of and nobody has added yet.
const STRAYS: usize = 64;

/// An item that readers and the conversation share.
pub type SharedItem = Arc<Mutex<Item>>;

/// One item, as far as it is known.
#[derive(Debug, Default)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// "message", "function_call", …; empty until it was added.
    pub kind: String,
    /// "user", "assistant" or "system".
    pub role: Option<String>,
    /// "in_progress", "completed" or "incomplete".
    pub status: Option<String>,
    /// Written words.
    pub text: String,
    /// Spoken words.
    pub transcript: String,
    /// Whether it is spoken.
    pub has_audio: bool,
    /// Arguments of a call, as text.
    pub arguments: Option<String>,
    /// Output of a call.
    pub output: Option<String>,
    /// Id that ties a call to its output.
    pub call_id: Option<String>,
    /// The tool.
    pub name: Option<String>,
    /// Where its audio was cut, in milliseconds.
    pub truncated_ms: Option<u64>,
    /// Samples that came, kept or not.
    pub samples: u64,
    /// Samples that are kept, the newest of those that came.
    pub audio: VecDeque<Vec<i16>>,
    /// Hz of its samples, 0 before any came.
    pub sample_rate: u32,
    /// Its own JSON as last told, without audio.
    pub raw: String,
    /// Whether the whole transcript has come.
    transcript_is_final: bool,
    /// Whether its completion was told.
    completed: bool,
}

/// What an event changed.
#[derive(Debug)]
pub struct Change {
    /// The item.
    pub item: SharedItem,
    /// Whether the item is new.
    pub appended: bool,
    /// Whether the item is complete, told once.
    pub completed: bool,
}

/// The items of a session, in their order.
#[derive(Debug, Default)]
pub struct Conversation {
    items: HashMap<String, SharedItem>,
    order: Vec<String>,
    /// The item that deltas spoke of last: they come in runs.
    latest: Option<(String, SharedItem)>,
    /// Items that deltas speak of before they are added, oldest first.
    strays: VecDeque<(String, SharedItem)>,
    /// Seconds of audio to keep, over all items.
    retain_s: f64,
    retained: VecDeque<(SharedItem, usize)>,
    retained_s: f64,
    bytes: usize,
    forgotten: u64,
}

impl Conversation {
    /// An empty conversation that keeps the newest `retain_s` seconds of audio.
    pub fn new(retain_s: f64) -> Self {
        Self { retain_s, ..Self::default() }
    }

    /// Takes in an event; tells what it changed.
    pub fn apply(&mut self, event: &Event) -> Option<Change> {
        if let Some(change) = &event.change {
            return self.change(event, change);
        }
        let id = event.resolve(&event.item_id).filter(|id| !id.is_empty())?;
        match &event.body {
            Body::Audio { samples, sample_rate, .. } => {
                let shared = self.shared(id);
                lock(&shared).heard(samples.len(), *sample_rate);
                self.retain(&shared, samples, *sample_rate);
                Some(updated(shared))
            }
            Body::TextDelta(text) => self.append(id, event.resolve(text)?, |item| &mut item.text),
            Body::Transcript(text) => self.speak(id, event.resolve(text)?, false),
            Body::InputTranscript { text, is_final } => self.speak(id, event.resolve(text)?, *is_final),
            _ => None,
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.retain_s);
    }

    /// The item with that id.
    pub fn item(&self, id: &str) -> Option<SharedItem> {
        self.items.get(id).cloned()
    }

    /// All items, in order.
    pub fn items(&self) -> Vec<SharedItem> {
        self.order.iter().filter_map(|id| self.item(id)).collect()
    }

    /// Items that were forgotten for want of room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Gives an item audio that did not come with an event, such as the user's own.
    pub fn attach(&mut self, id: &str, samples: &[i16], sample_rate: u32) {
        let shared = self.shared(id);
        lock(&shared).heard(samples.len(), sample_rate);
        self.retain(&shared, samples, sample_rate);
    }

    fn change(&mut self, event: &Event, change: &ItemChange) -> Option<Change> {
        if let ItemChange::Told(fields) = change {
            return Some(self.told(fields));
        }
        let id = event.resolve(&event.item_id).filter(|id| !id.is_empty())?;
        match change {
            ItemChange::Arguments(delta) => {
                self.append(id, delta, |item| item.arguments.get_or_insert_with(String::new))
            }
            ItemChange::Truncated(ms) => {
                let shared = self.item(id)?;
                lock(&shared).truncate(*ms);
                Some(updated(shared))
            }
            _ => self.delete(id).map(updated),
        }
    }

    fn told(&mut self, fields: &ItemFields) -> Change {
        let known = self.items.get(&fields.id).cloned();
        let appended = known.is_none();
        let shared = known.unwrap_or_else(|| self.add(&fields.id, &fields.place));
        let (before, completed, after) = {
            let mut item = lock(&shared);
            let before = item.bytes();
            item.told(fields);
            let is_complete = match item.status.as_deref() {
                Some(status) => status == "completed",
                None => fields.is_done,
            };
            let completed = is_complete && !item.completed;
            item.completed |= completed;
            (before, completed, item.bytes())
        };
        self.bytes = self.bytes + after - before.min(self.bytes + after);
        self.forget_oldest();
        Change { item: shared, appended, completed }
    }

    fn append(&mut self, id: &str, delta: &str, field: fn(&mut Item) -> &mut String) -> Option<Change> {
        let shared = self.shared(id);
        field(&mut lock(&shared)).push_str(delta);
        self.bytes += delta.len();
        Some(updated(shared))
    }

    fn speak(&mut self, id: &str, words: &str, is_final: bool) -> Option<Change> {
        let shared = self.shared(id);
        lock(&shared).speak(words, is_final);
        self.bytes += words.len();
        Some(updated(shared))
    }

    /// The item with that id; one that nobody has added yet is kept aside until somebody does.
    fn shared(&mut self, id: &str) -> SharedItem {
        if let Some((_, item)) = self.latest.as_ref().filter(|(latest, _)| latest == id) {
            return Arc::clone(item);
        }
        if let Some(item) = self.items.get(id) {
            self.latest = Some((id.to_owned(), Arc::clone(item)));
            return Arc::clone(item);
        }
        if let Some((_, item)) = self.strays.iter().find(|(stray, _)| stray == id) {
            return Arc::clone(item);
        }
        if self.strays.len() == STRAYS {
            self.strays.pop_front();
        }
        let item = Arc::new(Mutex::new(Item { id: id.to_owned(), ..Item::default() }));
        self.strays.push_back((id.to_owned(), Arc::clone(&item)));
        item
    }

    fn add(&mut self, id: &str, place: &Place) -> SharedItem {
        let stray = self.strays.iter().position(|(stray, _)| stray == id).and_then(|at| self.strays.remove(at));
        let item =
            stray.map_or_else(|| Arc::new(Mutex::new(Item { id: id.to_owned(), ..Item::default() })), |(_, item)| item);
        let at = match place {
            Place::First => 0,
            Place::Untold => self.order.len(),
            // The anchor is nearly always the newest item.
            Place::Behind(anchor) => {
                self.order.iter().rposition(|known| known == anchor).map_or(self.order.len(), |at| at + 1)
            }
        };
        self.order.insert(at, id.to_owned());
        self.items.insert(id.to_owned(), Arc::clone(&item));
        item
    }

    fn delete(&mut self, id: &str) -> Option<SharedItem> {
        self.latest = None;
        let item = self.items.remove(id)?;
        self.order.retain(|known| known != id);
        self.bytes = self.bytes.saturating_sub(lock(&item).bytes());
        Some(item)
    }

    fn forget_oldest(&mut self) {
        while self.bytes > CAPACITY_BYTES && self.order.len() > 1 {
            let oldest = self.order[0].clone();
            self.delete(&oldest);
            self.forgotten += 1;
        }
    }

    fn retain(&mut self, item: &SharedItem, samples: &[i16], sample_rate: u32) {
        if self.retain_s <= 0.0 || samples.is_empty() {
            return;
        }
        lock(item).audio.push_back(samples.to_vec());
        self.retained.push_back((Arc::clone(item), samples.len()));
        self.retained_s += samples.len() as f64 / f64::from(sample_rate.max(1));
        while self.retained_s > self.retain_s {
            let Some((oldest, length)) = self.retained.pop_front() else { return };
            let mut oldest = lock(&oldest);
            oldest.audio.pop_front();
            self.retained_s -= length as f64 / f64::from(oldest.sample_rate.max(1));
        }
    }
}

impl Item {
    fn told(&mut self, fields: &ItemFields) {
        let take = |known: &mut Option<String>, told: &Option<String>| {
            if told.as_deref().is_some_and(|told| !told.is_empty()) || known.is_none() {
                known.clone_from(told);
            }
        };
        self.kind.clone_from(&fields.kind);
        self.has_audio |= fields.has_audio;
        take(&mut self.role, &fields.role);
        take(&mut self.arguments, &fields.arguments);
        take(&mut self.output, &fields.output);
        take(&mut self.call_id, &fields.call_id);
        take(&mut self.name, &fields.name);
        if rank(fields.status.as_deref()) >= rank(self.status.as_deref()) {
            take(&mut self.status, &fields.status);
        }
        if !fields.text.is_empty() {
            self.text.clone_from(&fields.text);
        }
        if !fields.transcript.is_empty() && self.truncated_ms.is_none() {
            self.transcript.clone_from(&fields.transcript);
        }
        self.raw.clone_from(&fields.raw);
    }

    fn speak(&mut self, words: &str, is_final: bool) {
        self.has_audio = true;
        if self.truncated_ms.is_some() {
            return;
        }
        if !is_final {
            // xAI goes on with pieces behind a whole; the next whole has them.
            if !self.transcript_is_final {
                self.transcript.push_str(words);
            }
        } else if !words.is_empty() {
            words.clone_into(&mut self.transcript);
            self.transcript_is_final = true;
        }
    }

    fn heard(&mut self, samples: usize, sample_rate: u32) {
        self.has_audio = true;
        self.samples += samples as u64;
        self.sample_rate = sample_rate;
    }

    /// Cuts its audio; the service deletes the transcript too.
    fn truncate(&mut self, ms: u64) {
        self.truncated_ms = Some(self.truncated_ms.map_or(ms, |known| known.min(ms)));
        self.transcript.clear();
        let end = ms * u64::from(self.sample_rate) / 1000;
        let kept: u64 = self.audio.iter().map(|chunk| chunk.len() as u64).sum();
        // What is kept are the newest of the samples that came: its first may not be the item's first.
        let mut room = kept.saturating_sub(self.samples.saturating_sub(end));
        for chunk in &mut self.audio {
            chunk.truncate(room.min(chunk.len() as u64) as usize);
            room -= chunk.len() as u64;
        }
        self.samples = self.samples.min(end);
    }

    fn bytes(&self) -> usize {
        let optional = [&self.arguments, &self.output].into_iter().flatten().map(String::len).sum::<usize>();
        self.text.len() + self.transcript.len() + self.raw.len() + optional + 256
    }
}

/// Locks an item: whole between any two statements of its writers.
pub fn lock(item: &SharedItem) -> MutexGuard<'_, Item> {
    item.lock().unwrap_or_else(PoisonError::into_inner)
}

fn updated(item: SharedItem) -> Change {
    Change { item, appended: false, completed: false }
}

fn rank(status: Option<&str>) -> u8 {
    match status {
        None => 0,
        Some("in_progress") => 1,
        Some("incomplete") => 2,
        Some(_) => 3,
    }
}
