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
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The turns for a model to read.
    pub(super) fn text(&self) -> String {
        let line =
            |(role, words): &(&str, String)| format!("{}: {words}", if *role == "model" { "You" } else { "User" });
        self.turns.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The turns as `clientContent` takes them; neighbours of one side are one turn.
    pub(super) fn turns(&self) -> Vec<Value> {
        let mut turns: Vec<Value> = Vec::new();
        for (role, words) in &self.turns {
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
}
