//! OpenAI Realtime as a [`Protocol`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::commands::encode;
use super::dialect::Dialect;
use super::pending::{Ack, PendingCommands};
use super::sequencer::Sequencer;
use super::turn::Turns;
use crate::command::{Command, CommandId};
use crate::config::SessionConfig;
use crate::error::Error;
use crate::event::{Body, Event};
use crate::message::Message;
use crate::protocol::{Outcome, Protocol, Settled, Transmit};
use crate::secret::Secrets;
use crate::uplink::AudioEncoder;

/// What a session starts with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sent as `session.update` as soon as the service has greeted us.
    pub config: SessionConfig,
    /// How long a command waits for its answer.
    pub ack_timeout: Duration,
    /// What must not be shown.
    pub secrets: Secrets,
    /// How deep a message may be nested, at most 128.
    pub max_depth: usize,
}

/// The protocol of one connection.
#[derive(Debug)]
pub struct OpenAi {
    pub(super) dialect: &'static Dialect,
    pub(super) settings: Settings,
    pub(super) events: VecDeque<Event>,
    pub(super) settled: VecDeque<Settled>,
    pub(super) pending: PendingCommands,
    pub(super) turns: Turns,
    pub(super) session_id: Option<String>,
    pub(super) ready: bool,
    pub(super) refusal: Option<Error>,
    /// Samples of late audio that were not delivered.
    pub(super) late_samples: u64,
    pub(super) sequencer: Sequencer,
    outgoing: VecDeque<Outgoing>,
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) event_id: String,
    text: String,
    pub(super) settles: Option<u64>,
}

/// The `event_id` of the configuration that opens a session.
pub(super) const CONFIG_EVENT_ID: &str = "evt_config";

impl OpenAi {
    /// A protocol for one connection.
    pub fn new(dialect: &'static Dialect, settings: Settings) -> Self {
        Self {
            dialect,
            pending: PendingCommands::new(settings.ack_timeout),
            settings,
            events: VecDeque::new(),
            settled: VecDeque::new(),
            turns: Turns::default(),
            session_id: None,
            ready: false,
            refusal: None,
            late_samples: 0,
            sequencer: Sequencer::default(),
            outgoing: VecDeque::new(),
        }
    }

    /// The greeting: the session is ready, our configuration goes out.
    pub(super) fn greeted(&mut self, now: Instant) {
        self.ready = true;
        if self.settings.config.is_empty() {
            return;
        }
        let config = Box::new(std::mem::take(&mut self.settings.config));
        let id = CommandId { receipt: 0, event_id: CONFIG_EVENT_ID.to_owned() };
        let unexpressed = self.enqueue(Command::UpdateSession(config), id);
        if !unexpressed.is_empty() {
            self.events.push_back(Event::ours(Body::ConfigMismatch(unexpressed), now));
        }
    }

    /// Tells the fate of a command; nobody waits for receipt 0, the opening configuration.
    pub(super) fn settle(&mut self, receipt: u64, outcome: Outcome) {
        if receipt != 0 {
            self.settled.push_back(Settled { receipt, outcome });
        }
    }

    /// Sends the next request for a response, if its turn has come.
    pub(super) fn request_next_response(&mut self) {
        let next = self.sequencer.next(self.turns.is_active());
        self.outgoing.extend(next);
    }

    fn enqueue(&mut self, command: Command, id: CommandId) -> Vec<String> {
        if matches!(command, Command::CancelResponse { .. }) {
            self.turns.cancel_active();
        }
        let encoded = encode(self.dialect, command, &id);
        let settles = (encoded.ack == Ack::None).then_some(id.receipt);
        let last = encoded.messages.len() - 1;
        for (at, message) in encoded.messages.into_iter().enumerate() {
            let event_id = message["event_id"].as_str().unwrap_or_default().to_owned();
            let settles = settles.filter(|_| at == last);
            let outgoing = Outgoing { event_id, text: message.to_string(), settles };
            if encoded.ack == Ack::ResponseCreated && at == last && !is_out_of_band(&message) {
                let admitted = self.sequencer.admit(outgoing, self.turns.is_active());
                self.outgoing.extend(admitted);
            } else {
                self.outgoing.push_back(outgoing);
            }
        }
        self.pending.push(id, encoded.ack, &encoded.kind, encoded.siblings);
        encoded.unexpressed
    }
}

impl Protocol for OpenAi {
    fn receive(&mut self, message: Message, now: Instant) {
        self.decode(message, now);
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_settled(&mut self) -> Option<Settled> {
        self.settled.pop_front()
    }

    fn send(&mut self, command: Command, id: CommandId) {
        self.enqueue(command, id);
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let Outgoing { event_id, text, settles } = self.outgoing.pop_front()?;
        self.pending.written(&event_id, now);
        Some(Transmit { text, settles })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.pending.next_deadline()
    }

    fn handle_timeout(&mut self, now: Instant) {
        for (event_id, settled) in self.pending.expire(now) {
            self.sequencer.forget(&event_id);
            self.settle(settled.receipt, settled.outcome);
        }
        self.request_next_response();
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn refusal(&self) -> Option<&Error> {
        self.refusal.as_ref()
    }

    fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    fn dropped_samples(&self) -> u64 {
        self.late_samples
    }

    fn audio_encoder(&self) -> AudioEncoder {
        self.dialect.audio
    }

    fn close(&mut self, error: Error) {
        self.settled.extend(self.pending.fail_all(&error));
    }
}

/// Whether a `response.create` leaves the conversation alone.
fn is_out_of_band(message: &serde_json::Value) -> bool {
    message["response"]["conversation"] == "none"
}
