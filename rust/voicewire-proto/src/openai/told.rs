//! Step "message → event": what messages tell of the session and of items.

use serde_json::Value;

use super::pending::{Ack, Pending};
use super::protocol::{OpenAi, CONFIG_EVENT_ID};
use super::reader::Reader;
use super::session::mismatches;
use crate::event::{Body, Event};
use crate::item::{ItemChange, ItemFields, Place};
use crate::protocol::Outcome;

impl OpenAi {
    pub(super) fn session_created(&mut self, reader: &mut Reader) {
        self.session_told(reader);
        let value = reader.value();
        let id = value["session"]["id"].as_str().or_else(|| value["id"].as_str());
        self.session_id = id.map(str::to_owned);
        if self.ready {
            return self.emit(reader, Body::Server);
        }
        self.emit(reader, if self.is_back() { Body::Server } else { Body::Open });
        self.greeted(reader.now);
    }

    pub(super) fn session_updated(&mut self, reader: &mut Reader) {
        self.session_told(reader);
        let event = reader.event(Body::Server);
        self.events.push_back(event.clone());
        let Some(pending) = self.pending.acknowledged(&Ack::SessionUpdated) else { return };
        self.session_taken(&pending);
        let mut ignored = Vec::new();
        if let Some(sent) = &pending.session {
            ignored = mismatches(self.dialect, &sent.session, &reader.value()["session"]);
            // The opening configuration's were told at the start.
            if pending.id.event_id != CONFIG_EVENT_ID {
                ignored.extend(sent.unexpressed.iter().cloned());
            }
        }
        if !ignored.is_empty() {
            self.events.push_back(Event::ours(Body::ConfigMismatch(ignored.clone()), reader.now));
        }
        self.settle(pending.id.receipt, Outcome::Acknowledged(Box::new(event)), ignored);
    }

    /// A change of the session counts for the connections to come.
    pub(super) fn session_taken(&mut self, pending: &Pending) {
        for message in pending.messages.iter().filter(|_| pending.ack == Ack::SessionUpdated) {
            self.standing.take_over(self.dialect, &message["session"]);
        }
    }

    /// Remembers what a session object says about sound and turns.
    pub(super) fn session_told(&mut self, reader: &mut Reader) {
        let Value::Object(session) = &reader.value()["session"] else { return };
        let inner = session.get("audio").map(|audio| &audio["input"]["turn_detection"]);
        let detection = inner.filter(|inner| inner.is_object()).or_else(|| session.get("turn_detection"));
        let interrupts = detection.and_then(|detection| detection.get("interrupt_response")).and_then(Value::as_bool);
        let (codec, rate) = self.dialect.formats.told_output(session);
        self.detection.hear(session);
        self.speech_interrupts = interrupts.unwrap_or(true);
        self.output_sample_rate = rate.unwrap_or(self.output_sample_rate);
        self.output_codec = codec.unwrap_or(self.output_codec);
    }

    /// A message that tells an item; `ack` says what it answers.
    pub(super) fn item_told(&mut self, reader: &mut Reader, ack: Option<fn(String) -> Ack>) {
        let value = reader.value();
        let mut fields = ItemFields::read(&value["item"], &value["previous_item_id"]);
        let id = fields.as_ref().map(|fields| fields.id.clone()).unwrap_or_default();
        if let Some(fields) = &mut fields {
            fields.is_done = reader.text(&reader.fields.kind) == Some("conversation.item.done");
            if fields.place == Place::Untold && self.turns.is_first(&fields.id) {
                fields.place = Place::First;
            }
        }
        let is_outside = self.turns.is_outside(reader.text(&reader.fields.response_id));
        // What we told the session is known better here than there.
        let change = fields
            .filter(|_| !is_outside && !self.history.was_told(&id))
            .map(|fields| Box::new(ItemChange::Told(Box::new(fields))));
        let item_id = Some(id.as_str()).filter(|id| !id.is_empty()).into();
        let event = Event { item_id, change, ..reader.event(Body::Server) };
        self.events.push_back(event.clone());
        if let Some(ack) = ack {
            self.acknowledge(event, &ack(id));
        }
    }

    pub(super) fn item_changed(&mut self, reader: &Reader, change: ItemChange, ack: fn(String) -> Ack) {
        let id = reader.text(&reader.fields.item_id).unwrap_or_default().to_owned();
        let event = Event { change: Some(Box::new(change)), ..reader.event(Body::Server) };
        self.events.push_back(event.clone());
        self.acknowledge(event, &ack(id));
    }

    pub(super) fn output_item_added(&mut self, reader: &mut Reader) {
        let item = &reader.value()["item"];
        if let (Some(call_id), Some(name)) = (item["call_id"].as_str(), item["name"].as_str()) {
            self.turns.call_added(call_id, name);
        }
        let item_id = item["id"].as_str().into();
        self.events.push_back(Event { item_id, ..reader.event(Body::Server) });
    }
}
