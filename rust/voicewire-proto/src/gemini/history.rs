//! What both sides said, as text, for a session that cannot be taken up again.
//!
//! Capacity is [`CAPACITY_BYTES`]: beyond it the oldest turns are forgotten.

use std::collections::VecDeque;

use serde_json::{json, Value};

/// Some 8,000 words: an hour of talk.
const CAPACITY_BYTES: usize = 64 << 10;

/// The turns of a conversation, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    turns: VecDeque<(&'static str, String)>,
    bytes: usize,
    /// Whether something was said whose words are not known.
    pub(super) has_gap: bool,
}

impl History {
    /// Adds what one side said.
    pub(super) fn add(&mut self, role: &'static str, words: &str) {
        if words.is_empty() {
            return;
        }
        self.bytes += words.len();
        self.turns.push_back((role, words.to_owned()));
        while self.bytes > CAPACITY_BYTES && self.turns.len() > 1 {
            self.bytes -= self.turns.pop_front().map_or(0, |(_, words)| words.len());
            self.has_gap = true;
        }
    }

    /// Whether there is nothing to tell, but for a question that is asked again.
    pub(super) fn is_empty(&self, has_question: bool) -> bool {
        self.told(has_question).next().is_none()
    }

    /// The turns for a model to read.
    pub(super) fn text(&self, has_question: bool) -> String {
        let line =
            |(role, words): &(&str, String)| format!("{}: {words}", if *role == "model" { "You" } else { "User" });
        self.told(has_question).map(line).collect::<Vec<_>>().join("\n")
    }

    /// The turns as `clientContent` takes them; neighbours of one side are one turn.
    pub(super) fn turns(&self, has_question: bool) -> Vec<Value> {
        let mut turns: Vec<Value> = Vec::new();
        for (role, words) in self.told(has_question) {
            let part = json!({"text": words});
            match turns.last_mut() {
                Some(last) if last["role"] == *role => {
                    if let Some(parts) = last["parts"].as_array_mut() {
                        parts.push(part);
                    }
                }
                _ => turns.push(json!({"role": role, "parts": [part]})),
            }
        }
        turns
    }

    /// All turns but for a question at the end that is open.
    fn told(&self, has_question: bool) -> impl Iterator<Item = &(&'static str, String)> {
        let is_last = has_question && self.turns.back().is_some_and(|(role, _)| *role == "user");
        self.turns.iter().take(self.turns.len() - usize::from(is_last))
    }
}
