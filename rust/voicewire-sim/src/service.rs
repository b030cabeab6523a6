//! The session of one connection, of whichever family of services: between the connection and the sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::{unix_seconds, unix_time};
use crate::event::ErrorBody;
use crate::gate::Admission;
use crate::gemini::endpoint::Backend;
use crate::gemini::{self, Close};
use crate::ids::Ids;
use crate::listener::Shared;
use crate::outbox::Outbox;
use crate::session::{Origin, Session};
use crate::shape::{Edge, Inward};
use crate::Dialect;

const EXPIRED: &str = "Your session hit the maximum duration of 60 minutes.";

/// A session and what it needs to speak.
#[derive(Debug)]
pub(crate) enum Service {
    OpenAi { session: Box<Session>, edge: Box<Edge> },
    Gemini(Box<gemini::Session>),
}

impl Service {
    pub(crate) fn open_ai(admission: Admission, ids: Ids, shared: &Shared) -> Self {
        let dialect = admission.dialect;
        let ids = if dialect == Dialect::Xai { ids.into_uuids() } else { ids };
        let edge_ids = ids.branch();
        let session = Session::open(Origin { admission, unix_seconds: unix_seconds() }, Outbox::new(ids), shared);
        let edge = Edge::new(dialect, edge_ids, session.conversation_id());
        Service::OpenAi { session: Box::new(session), edge: Box::new(edge) }
    }

    pub(crate) fn gemini(backend: Backend, ids: Ids, shared: &Arc<Shared>) -> Self {
        Service::Gemini(Box::new(gemini::Session::open(backend, ids, shared)))
    }

    /// Act on a client's text message.
    pub(crate) fn receive(&mut self, text: &str) {
        let now = Instant::now();
        match self {
            Service::OpenAi { session, edge } => receive_event(session, edge, text, now),
            Service::Gemini(session) => session.receive(text, now),
        }
    }

    /// Act on a client's binary message: one of these services reads it as text.
    pub(crate) fn receive_binary(&mut self, bytes: &[u8]) -> Option<String> {
        match self {
            Service::OpenAi { session, .. } => {
                session.refuse_binary();
                None
            }
            Service::Gemini(_) => Some(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    /// Play one cue that is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Service::OpenAi { session, .. } => session.handle_timeout(now),
            Service::Gemini(session) => session.handle_timeout(now),
        }
    }

    /// The next message for the client.
    pub(crate) fn poll_transmit(&mut self) -> Option<String> {
        match self {
            Service::OpenAi { session, edge } => loop {
                if let Some(event) = edge.poll() {
                    return Some(event);
                }
                edge.push(session.poll_transmit()?, unix_time().as_millis() as u64);
            },
            Service::Gemini(session) => session.poll_transmit(),
        }
    }

    /// Fail the next answer for want of quota.
    pub(crate) fn limit_rate(&mut self) {
        match self {
            Service::OpenAi { session, .. } => session.limit_rate(),
            Service::Gemini(session) => session.limit_rate(),
        }
    }

    /// A key of the caller's telephone; Gemini Live has none.
    pub(crate) fn press(&mut self, key: char) {
        if let Service::OpenAi { session, .. } = self {
            session.press(&key.to_string(), unix_seconds());
        }
    }

    /// Announce the end of the connection; only Gemini Live does so.
    pub(crate) fn go_away(&mut self, time_left: Duration) {
        if let Service::Gemini(session) = self {
            session.go_away(time_left, Instant::now());
        }
    }

    /// Tell that the session is too old; the close frame that ends it.
    pub(crate) fn expire(&mut self) -> Close {
        match self {
            Service::OpenAi { session, .. } => {
                session.refuse(&ErrorBody::invalid("session_expired", EXPIRED), None);
                Close::new(1001, EXPIRED)
            }
            Service::Gemini(_) => Close::usual(1000),
        }
    }

    /// The close frame with this code, with the reason that the service has for it.
    pub(crate) fn close_frame(&self, code: u16) -> Close {
        match self {
            Service::OpenAi { .. } => Close::new(code, ""),
            Service::Gemini(_) => Close::usual(code),
        }
    }

    /// The close frame that follows the last message.
    pub(crate) fn closing(&self) -> Option<&Close> {
        match self {
            Service::OpenAi { .. } => None,
            Service::Gemini(session) => session.closing(),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Service::OpenAi { session, .. } => session.poll_timeout(),
            Service::Gemini(session) => session.poll_timeout(),
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        match self {
            Service::OpenAi { session, .. } => session.has_room(),
            Service::Gemini(session) => session.has_room(),
        }
    }

    pub(crate) fn may_read(&self) -> bool {
        match self {
            Service::OpenAi { session, .. } => session.may_read(),
            Service::Gemini(session) => session.may_read(),
        }
    }
}

fn receive_event(session: &mut Session, edge: &mut Edge, text: &str, now: Instant) {
    match edge.receive(text) {
        Inward::AsItCame => session.receive(text, now),
        Inward::Checked(event) => {
            let result = session.receive_checked(&event, now);
            if let Some(error) = edge.settle(result) {
                session.refuse(&error, event["event_id"].as_str());
            }
        }
        Inward::Ignored => {}
        Inward::Refused(error, event_id) => session.refuse(&error, event_id.as_deref()),
    }
}
