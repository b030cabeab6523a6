//! One session of the service without I/O or clock: the setup first, then the talk; an error ends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::endpoint::Backend;
use super::schema;
use super::setup::Setup;
use super::talk::{Manner, Talk};
use super::Close;
use crate::ids::Ids;
use crate::listener::Shared;

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    backend: Backend,
    shared: Arc<Shared>,
    /// Taken by the talk.
    ids: Option<Ids>,
    /// None before the setup.
    talk: Option<Talk>,
    /// Messages taken, the setup included.
    consumed: u64,
    /// When it ends by itself, once that was told.
    departs: Option<Instant>,
    closing: Option<Close>,
}

impl Session {
    /// A session that waits for its setup.
    pub(crate) fn open(backend: Backend, ids: Ids, shared: &Arc<Shared>) -> Self {
        let shared = Arc::clone(shared);
        Session { backend, shared, ids: Some(ids), talk: None, consumed: 0, departs: None, closing: None }
    }

    /// Act on a client's message; whatever is wrong with it ends the session.
    pub(crate) fn receive(&mut self, text: &str, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.consumed += 1;
        if let Err(close) = self.dispatch(text, now) {
            self.closing = Some(close);
        }
    }

    /// Play one cue that is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        if self.departs.is_some_and(|time| time <= now) {
            self.closing = Some(Close::usual(1000));
        } else if let Some(talk) = &mut self.talk {
            self.closing = talk.handle_timeout(now).err();
        }
    }

    /// Announce the end of the connection, and let it come. Before the setup there is nobody to tell.
    pub(crate) fn go_away(&mut self, time_left: Duration, now: Instant) {
        let Some(talk) = &mut self.talk else {
            return;
        };
        talk.push(json!({"goAway": {"timeLeft": seconds(time_left)}}));
        self.departs = Some(now + time_left);
    }

    /// Fail the next generation for want of quota.
    pub(crate) fn limit_rate(&mut self) {
        if let Some(talk) = &mut self.talk {
            talk.limit_rate();
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let cue = self.talk.as_ref().and_then(Talk::poll_timeout);
        [cue, self.departs].into_iter().flatten().min().filter(|_| self.closing.is_none())
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<String> {
        self.talk.as_mut()?.outbox.pop()
    }

    /// The close frame that follows the last message.
    pub(crate) fn closing(&self) -> Option<&Close> {
        self.closing.as_ref()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.talk.as_ref().is_none_or(|talk| talk.outbox.has_room_for_replies())
    }

    pub(crate) fn may_read(&self) -> bool {
        self.talk.as_ref().is_none_or(|talk| talk.outbox.has_room_for_reading())
    }

    fn dispatch(&mut self, text: &str, now: Instant) -> Result<(), Close> {
        let message = schema::read(text)?;
        if let Some(talk) = &mut self.talk {
            talk.consumed = self.consumed;
            return talk.receive(message, now);
        }
        if message.kind != "setup" {
            return Err(Close::invalid("The first message must be setup."));
        }
        let setup = Setup::read(&message.body, self.shared.config.models.as_deref())?;
        let Some(ids) = self.ids.take() else {
            return Err(Close::usual(1011));
        };
        let manner = Manner::of(self.backend, &self.shared.config);
        self.talk = Some(Talk::open(setup, manner, ids, &self.shared)?);
        Ok(())
    }
}

/// A time as `50s` or `1.880s`.
pub(super) fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        part => format!("{}.{part:03}s", time.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_seconds() {
        assert_eq!(seconds(Duration::from_secs(50)), "50s");
        assert_eq!(seconds(Duration::from_millis(1_880)), "1.880s");
    }
}
