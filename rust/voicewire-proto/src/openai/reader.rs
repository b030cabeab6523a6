//! Step "message → event": one message with what has been read of it.

use std::time::Instant;

use serde_json::Value;

use crate::event::{Body, Event};
use crate::message::Message;
use crate::scan::{Field, Fields};

/// One message with what has been read of it.
pub(super) struct Reader {
    pub(super) message: Message,
    pub(super) fields: Fields,
    pub(super) value: Option<Value>,
    pub(super) now: Instant,
}

impl Reader {
    /// The whole message as JSON.
    pub(super) fn value(&mut self) -> &Value {
        let message = &self.message;
        self.value.get_or_insert_with(|| serde_json::from_slice(message.as_bytes()).unwrap_or_default())
    }

    pub(super) fn text<'a>(&'a self, field: &'a Field) -> Option<&'a str> {
        self.message.resolve_field(field)
    }

    pub(super) fn event(&self, body: Body) -> Event {
        Event {
            body,
            message: Some(self.message.clone()),
            wire_type: self.fields.kind.text(),
            event_id: self.fields.event_id.text(),
            item_id: self.fields.item_id.text(),
            response_id: self.fields.response_id.text(),
            change: None,
            leads: true,
            received_at: self.now,
        }
    }
}

impl Message {
    pub(super) fn resolve_field<'a>(&'a self, field: &'a Field) -> Option<&'a str> {
        match field {
            Field::Str(text) => self.resolve(text),
            _ => None,
        }
    }
}
