//! Step "drain → handlers": who wants which event.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use pyo3::prelude::*;
use voicewire_proto::openai::canonical;
use voicewire_proto::{Body, Event, Kind, Text};

/// One registered callable.
pub(crate) struct Handler {
    /// Registration number: handlers fire in this order.
    pub(crate) token: u64,
    pub(crate) callable: Py<PyAny>,
    /// Cleared by `off`, so that a handler removed by another one does not fire for the same event.
    active: AtomicBool,
}

impl Handler {
    pub(crate) fn new(token: u64, callable: Py<PyAny>) -> Self {
        Self { token, callable, active: AtomicBool::new(true) }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::SeqCst)
    }
}

/// What a handler is registered under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// A neutral event.
    Kind(Kind),
    /// A wire event, by its canonical name.
    Wire(String),
    /// Every wire event.
    AnyWire,
    /// A message of ours, by its type.
    Sent(String),
    /// Every message of ours.
    AnySent,
}

/// The handlers of a session; copied on change, so that dispatch holds no lock while it calls.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    /// By the number of the kind; as long as it has to be.
    by_kind: Vec<Vec<Arc<Handler>>>,
    by_name: HashMap<Topic, Vec<Arc<Handler>>>,
    /// Whether anybody listens to wire names.
    wire: bool,
}

impl Handlers {
    pub(crate) fn add(&mut self, topic: Topic, handler: Arc<Handler>) {
        self.wire |= matches!(topic, Topic::Wire(_) | Topic::AnyWire);
        match topic {
            Topic::Kind(kind) => {
                self.by_kind.resize_with(self.by_kind.len().max(kind as usize + 1), Vec::new);
                self.by_kind[kind as usize].push(handler);
            }
            other => self.by_name.entry(other).or_default().push(handler),
        }
    }

    pub(crate) fn remove(&mut self, token: u64) {
        let lists = self.by_kind.iter_mut().chain(self.by_name.values_mut());
        for list in lists {
            list.iter().filter(|handler| handler.token == token).for_each(|handler| {
                handler.active.store(false, Ordering::SeqCst);
            });
            list.retain(|handler| handler.token != token);
        }
    }

    pub(crate) fn observes_sent(&self) -> bool {
        self.by_name.iter().any(|(topic, list)| matches!(topic, Topic::Sent(_) | Topic::AnySent) && !list.is_empty())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.by_kind.iter().chain(self.by_name.values()).flatten()
    }

    pub(crate) fn neutral(&self, kind: Kind) -> &[Arc<Handler>] {
        self.by_kind.get(kind as usize).map_or(&[], Vec::as_slice)
    }

    /// Handlers of the event's wire name; none unless the event leads its message.
    pub(crate) fn of_wire(&self, event: &Event) -> Vec<Arc<Handler>> {
        if !self.wire || !event.leads {
            return Vec::new();
        }
        let Some(name) = event.resolve(&event.wire_type) else { return Vec::new() };
        self.named(Topic::Wire(canonical(name).to_owned()), &Topic::AnyWire)
    }

    pub(crate) fn of_sent(&self, name: &str) -> Vec<Arc<Handler>> {
        self.named(Topic::Sent(name.to_owned()), &Topic::AnySent)
    }

    fn named(&self, topic: Topic, any: &Topic) -> Vec<Arc<Handler>> {
        let list = |topic: &Topic| self.by_name.get(topic).into_iter().flatten().cloned();
        let mut found: Vec<_> = list(&topic).chain(list(any)).collect();
        found.sort_by_key(|handler| handler.token);
        found
    }
}

/// The wire view of an event, for handlers of wire names.
pub(crate) fn wire_view(event: &Event) -> Event {
    Event {
        body: Body::Server,
        message: event.message.clone(),
        wire_type: event.wire_type.clone(),
        event_id: event.event_id.clone(),
        item_id: event.item_id.clone(),
        response_id: event.response_id.clone(),
        change: None,
        leads: true,
        received_at: event.received_at,
    }
}

/// An event for a message of ours.
pub(crate) fn sent_view(text: bytes::Bytes, at: std::time::Instant) -> Option<Event> {
    let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
    // Gemini names a message by its first key.
    let name = Text::from(value["type"].as_str().or_else(|| Some(value.as_object()?.keys().next()?.as_str())));
    let mut event = Event::ours(Body::Server, at);
    event.event_id = Text::from(value["event_id"].as_str());
    event.message = Some(voicewire_proto::Message::new(text));
    event.wire_type = name;
    Some(event)
}
