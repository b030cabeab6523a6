//! Step "command → message": hands the messages of a command to be written, and remembers it until it is answered.

use serde_json::{Map, Value};

use super::commands::Encoded;
use super::pending::{Ack, Pending};
use super::protocol::{OpenAi, Outgoing};
use crate::command::CommandId;

impl OpenAi {
    pub(super) fn push(&mut self, id: CommandId, encoded: Encoded) {
        let Encoded { mut messages, ack, kind: command, siblings, session } = encoded;
        self.feed(&messages, &ack, &id);
        if ack == Ack::None {
            messages.clear();
        }
        let (is_again, deadline) = (false, None);
        self.pending.push(Pending { id, ack, command, siblings, session, messages, is_again, deadline });
    }

    /// Whether a message of the user's own making cuts an item that the session in progress has as text.
    pub(super) fn cuts_what_was_told(&self, kind: &str, payload: &Map<String, Value>) -> bool {
        kind == "conversation.item.truncate" && self.history.was_told(item_of(payload))
    }

    /// Hands the messages of a command to be written; requests for a response in their turn.
    pub(super) fn feed(&mut self, messages: &[Value], ack: &Ack, id: &CommandId) {
        let settles = (*ack == Ack::None).then_some(id.receipt);
        for message in messages {
            let text = message.to_string();
            self.note_sent(message, text.len());
            let event_id = message["event_id"].as_str().unwrap_or_default().to_owned();
            let settles = settles.filter(|_| event_id == id.event_id);
            let asks = *ack == Ack::ResponseCreated && event_id == id.event_id && !is_out_of_band(message);
            let outgoing = Outgoing { event_id, text, settles };
            if asks {
                let admitted = self.sequencer.admit(outgoing, self.turns.is_active());
                self.outgoing.extend(admitted);
            } else {
                self.outgoing.push_back(outgoing);
            }
        }
    }

    fn note_sent(&mut self, message: &Value, size: usize) {
        if let (Some("root"), Some(id)) = (message["previous_item_id"].as_str(), message["item"]["id"].as_str()) {
            self.turns.put_first(id);
        }
        match message["type"].as_str() {
            Some("conversation.item.create") if self.settings.reconnects => self.history.sent(&message["item"], size),
            Some("session.update" | "transcription_session.update") => {
                if let Value::Object(session) = &message["session"] {
                    self.detection.hear(session);
                }
            }
            _ => {}
        }
    }
}

/// The item that a message is about.
pub(super) fn item_of(payload: &Map<String, Value>) -> &str {
    payload.get("item_id").and_then(Value::as_str).unwrap_or_default()
}

/// Whether a `response.create` leaves the conversation alone.
fn is_out_of_band(message: &Value) -> bool {
    message["response"]["conversation"] == "none"
}
