//! Step "message → event": what services say is wrong, and messages that cannot be read.

use std::time::Instant;

use serde_json::Value;

use super::pending::Pending;
use super::protocol::{OpenAi, CUT_EVENT_ID};
use super::reader::Reader;
use crate::error::{Error, Malformed, ServerError};
use crate::event::Body;
use crate::malformed::malformed;
use crate::message::Message;
use crate::protocol::Outcome;

impl OpenAi {
    pub(super) fn error(&mut self, reader: &mut Reader) {
        let value = reader.value().clone();
        let error = self.server_error(if value["error"].is_null() { &value } else { &value["error"] });
        let code = error.code.clone().unwrap_or_default();
        self.weigh(&error);
        if !self.ready {
            self.refusal = Some(Error::Server(error));
            return;
        }
        let refused = match error.event_id.as_deref() {
            Some(id) => self.pending.refused(id),
            // Some services do not name the command: these refusals can only mean one.
            None => self.refused_without_id(&code),
        };
        let Some(pending) = refused else {
            let id = error.event_id.as_deref().unwrap_or_default();
            if code == ACTIVE_RESPONSE && self.sequencer.postpone(id) {
                return self.emit(reader, Body::Wire);
            }
            if BENIGN.contains(&code.as_str()) && error.event_id.is_none() {
                return self.emit(reader, Body::Wire);
            }
            let is_expired = code == "session_expired";
            // Where another session follows, nothing ends.
            let fatal = is_expired && !self.settings.reconnects;
            let error = if is_expired { Error::SessionExpired(error) } else { Error::Server(error) };
            return self.emit(reader, Body::Error { error: Box::new(error), fatal });
        };
        if code == ACTIVE_RESPONSE {
            self.sequencer.postpone(&pending.id.event_id);
        } else {
            self.sequencer.forget(&pending.id.event_id);
            self.request_next_response();
        }
        if BENIGN.contains(&code.as_str()) || pending.id.event_id.starts_with(CUT_EVENT_ID) {
            self.emit(reader, Body::Wire);
            return self.settle(pending.id.receipt, Outcome::Done, Vec::new());
        }
        let error = Error::Rejected(error);
        self.emit(reader, Body::Error { error: Box::new(error.clone()), fatal: false });
        self.settle(pending.id.receipt, Outcome::Failed(error), Vec::new());
    }

    pub(super) fn refused_without_id(&mut self, code: &str) -> Option<Pending> {
        let id = match code {
            ACTIVE_RESPONSE => self.sequencer.in_flight()?.to_owned(),
            CANCEL_NOT_ACTIVE => self.pending.oldest_cancel()?.to_owned(),
            _ => return None,
        };
        self.pending.refused(&id)
    }

    pub(super) fn server_error(&self, value: &Value) -> ServerError {
        let text = |key: &str| match &value[key] {
            Value::String(text) => Some(self.settings.secrets.mask(text)),
            Value::Null => None,
            other => Some(self.settings.secrets.mask(&other.to_string())),
        };
        let message = match value {
            Value::String(message) => Some(self.settings.secrets.mask(message)),
            _ => text("message"),
        };
        ServerError {
            message: message.unwrap_or_else(|| "the service reported an error without a message".to_owned()),
            kind: text("type"),
            code: text("code"),
            param: text("param"),
            event_id: text("event_id"),
        }
    }

    /// Reports a message that cannot be read; the session goes on.
    pub(super) fn malformed(&mut self, kind: Malformed, message: String, source: &Message, now: Instant) {
        self.events.push_back(malformed(&self.settings.secrets, kind, &message, source, now));
    }
}

/// Refusals that only mean that somebody else was first.
const BENIGN: &[&str] = &[ACTIVE_RESPONSE, CANCEL_NOT_ACTIVE, "item_create_duplicate_item_id"];

/// The refusal of a cancellation that came too late.
const CANCEL_NOT_ACTIVE: &str = "response_cancel_not_active";

/// The refusal of a second response; the request goes out again after the first.
const ACTIVE_RESPONSE: &str = "conversation_already_has_active_response";
