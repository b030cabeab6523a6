//! Server events that wait for the socket, with the ids that number them; between the session and the connection.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::event::ErrorBody;
use crate::ids::Ids;

/// Replies pause while this much waits: the client reads slower than the pace.
const REPLY_LIMIT: usize = 1 << 20;
/// Above this the connection reads no more commands, whose answers would have to wait too.
const READ_LIMIT: usize = 4 << 20;

/// Events in order. Bounded by its users: see `has_room_for_replies` and `has_room_for_reading`.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) ids: Ids,
    /// Whether text deltas are padded.
    pub(crate) obfuscates: bool,
    events: VecDeque<String>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn new(ids: Ids) -> Self {
        Outbox { ids, obfuscates: true, events: VecDeque::new(), bytes: 0 }
    }

    /// Queue an event: `type` and `event_id` first, then the fields in their order.
    pub(crate) fn push(&mut self, kind: &str, fields: Value) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("event_id".to_owned(), self.ids.make("event").into());
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.push_text(Value::Object(event).to_string());
    }

    /// Queue a text delta, with its padding.
    pub(crate) fn push_delta(&mut self, kind: &str, mut fields: Value, delta: &str) {
        fields["delta"] = delta.into();
        if self.obfuscates {
            fields["obfuscation"] = self.ids.obfuscation(delta).into();
        }
        self.push(kind, fields);
    }

    pub(crate) fn push_error(&mut self, error: &ErrorBody, event_id: Option<&str>) {
        self.push("error", serde_json::json!({ "error": error.event(event_id) }));
    }

    pub(crate) fn push_text(&mut self, event: String) {
        self.bytes += event.len();
        self.events.push_back(event);
    }

    pub(crate) fn pop(&mut self) -> Option<String> {
        let event = self.events.pop_front()?;
        self.bytes -= event.len();
        Some(event)
    }

    pub(crate) fn has_room_for_replies(&self) -> bool {
        self.bytes < REPLY_LIMIT
    }

    pub(crate) fn has_room_for_reading(&self) -> bool {
        self.bytes < READ_LIMIT
    }
}
