//! Gemini Live as a [`Protocol`], over as many connections as a session takes.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{json, Map, Value};

use super::backend::Backend;
use super::history::History;
use super::profile::Profile;
use super::setup::{encode_setup, history_of};
use super::switch::{Resumption, Switch};
use super::talk::Talk;
use crate::command::{Command, CommandId, ReceiptId};
use crate::config::SessionConfig;
use crate::error::Error;
use crate::event::{Body, Event, TurnComplete, TurnStatus};
use crate::message::Message;
use crate::protocol::{Outcome, Protocol, Recovery, Settled, Transmit};
use crate::secret::Secrets;
use crate::usage::Usage;

use super::reader::Reader;

/// What a session starts with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the session is configured.
    pub config: SessionConfig,
    /// Resource name of the model, such as `models/gemini-3.8-live`.
    pub model: String,
    /// What the model can do.
    pub profile: Profile,
    /// Whether a connection that ends may be followed by another.
    pub reconnects: bool,
    /// Makes the ids of this session differ from those of others.
    pub id_prefix: String,
    /// What must not be shown.
    pub secrets: Secrets,
    /// How deep a message may be nested, at most 128.
    pub max_depth: usize,
}

/// The protocol of one session.
#[derive(Debug)]
pub struct Gemini {
    pub(super) settings: Settings,
    pub(super) events: VecDeque<Event>,
    pub(super) talk: Talk,
    pub(super) history: History,
    pub(super) ids: Ids,
    /// Tokens told in the midst of a turn.
    pub(super) usage: Option<Usage>,
    /// Cancellations that wait for the end of the response.
    pub(super) cancels: Vec<ReceiptId>,
    /// Samples of late audio that were not delivered.
    pub(super) late_samples: u64,
    /// Turns of context that wait until the model is silent.
    pub(super) context: Vec<Value>,
    /// Whether turns are made by hand, as the session was set up.
    is_manual: bool,
    /// Whether the user's turn was opened by hand.
    pub(super) activity_is_open: bool,
    /// When a cancelled response that nobody ends counts as ended.
    pub(super) muted_until: Option<Instant>,
    pub(super) resumption: Resumption,
    pub(super) switch: Option<Switch>,
    pub(super) ready: bool,
    pub(super) refusal: Option<Error>,
    pub(super) backend: Backend,
    settled: VecDeque<Settled>,
    outgoing: VecDeque<Transmit>,
    /// Whether a session was ready before.
    was_open: bool,
    /// The configuration that the service took last.
    pub(super) ready_config: SessionConfig,
    session_id: Option<String>,
}

/// Makes ids.
#[derive(Debug)]
pub(super) struct Ids {
    prefix: String,
    count: u64,
}

impl Ids {
    pub(super) fn next(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}_{}{}", self.prefix, self.count)
    }
}

impl Gemini {
    /// A protocol for one session.
    pub fn new(backend: &Backend, settings: Settings) -> Self {
        let talk = Talk::new(settings.profile.speech_events);
        Self {
            backend: *backend,
            ids: Ids { prefix: settings.id_prefix.clone(), count: 0 },
            talk,
            settings,
            events: VecDeque::new(),
            history: History::default(),
            usage: None,
            cancels: Vec::new(),
            late_samples: 0,
            context: Vec::new(),
            is_manual: false,
            activity_is_open: false,
            muted_until: None,
            resumption: Resumption::default(),
            switch: None,
            ready: false,
            refusal: None,
            settled: VecDeque::new(),
            outgoing: VecDeque::new(),
            was_open: false,
            ready_config: SessionConfig::default(),
            session_id: None,
        }
    }

    /// Whether turns are made by hand: a change of that waits for the next connection.
    pub(super) fn is_manual(&self) -> bool {
        self.is_manual
    }

    /// Whether an answer was asked for and has not begun.
    pub(super) fn awaits_answer(&self) -> bool {
        self.talk.is_asked() || (self.is_manual && self.talk.has_heard && !self.activity_is_open)
    }

    /// Tells the fate of a command; nobody waits for receipt 0.
    pub(super) fn settle(&mut self, receipt: ReceiptId, outcome: Outcome, ignored: Vec<String>) {
        if receipt != 0 {
            self.settled.push_back(Settled { receipt, outcome, ignored });
        }
    }

    /// Sends a message of one kind; its receipt resolves once it is written.
    pub(super) fn push(&mut self, kind: &str, value: Value, settles: Option<ReceiptId>) {
        self.outgoing.push_back(Transmit { text: message(kind, value), settles });
    }

    /// The server has taken our setup.
    pub(super) fn set_up(&mut self, reader: &Reader<'_>, session_id: Option<&str>) {
        if std::mem::replace(&mut self.ready, true) {
            return;
        }
        self.ready_config = self.settings.config.clone();
        self.session_id = session_id.map(str::to_owned);
        let is_first = !std::mem::replace(&mut self.was_open, true);
        let event = reader.event(if is_first { Body::Open } else { Body::Server });
        self.events.push_back(event.clone());
        if is_first {
            self.opened(reader.now);
            return self.idle();
        }
        self.replay();
        for (receipt, ignored) in self.switch.take().map(|switch| switch.receipts).unwrap_or_default() {
            self.settle(receipt, Outcome::Acknowledged(Box::new(event.clone())), ignored);
        }
    }

    fn opened(&mut self, now: Instant) {
        let encoded = encode_setup(&self.settings.profile, &self.settings.config);
        if !encoded.unexpressed.is_empty() {
            self.events.push_back(Event::ours(Body::ConfigMismatch(encoded.unexpressed), now));
        }
        let turns: Vec<Value> = history_of(&self.settings.config).collect();
        if turns.is_empty() {
            return;
        }
        for turn in &turns {
            self.history_item(turn, now);
        }
        self.push_history(turns);
    }

    /// What the session begins with. Where the setup announces it, a whole turn ends it and asks for nothing.
    pub(super) fn push_history(&mut self, turns: Vec<Value>) {
        let is_announced = self.settings.profile.history_config;
        self.push("clientContent", json!({"turns": turns, "turnComplete": is_announced}), None);
    }

    /// The response is over without the server's word, because the connection or our patience is.
    pub(super) fn give_up_response(&mut self, usage: Option<Usage>, now: Instant) {
        let Some(response) = self.talk.response.take() else { return };
        let is_whole = response.is_generated && !response.is_stopped;
        let status = if is_whole { TurnStatus::Completed } else { TurnStatus::Cancelled };
        // Calls that the next connection knows of are answered there.
        let has_open_calls = self.talk.has_open_calls();
        let is_final = !self.talk.has_answers();
        let reader = Reader::ours(now);
        self.report_usage(&reader, usage, Some(&response.id));
        let told = TurnComplete { status, usage, is_final, has_open_calls, error: None };
        self.end_response(&reader, response, told);
    }

    /// Whoever asked hears that it failed, so nobody asks again for him.
    pub(super) fn command_failed(&mut self, receipt: ReceiptId) {
        if self.talk.question.as_ref().is_some_and(|question| question.receipt == receipt) {
            self.talk.question = None;
        }
    }

    /// Who waits for the end of the response hears of it.
    pub(super) fn response_ended(&mut self, event: &Event) {
        self.muted_until = None;
        for receipt in std::mem::take(&mut self.cancels) {
            self.settle(receipt, Outcome::Acknowledged(Box::new(event.clone())), Vec::new());
        }
    }

    /// What was not written is lost with its connection.
    pub(super) fn forget_outgoing(&mut self, error: &Error) {
        for transmit in std::mem::take(&mut self.outgoing) {
            if let Some(receipt) = transmit.settles {
                self.command_failed(receipt);
                self.settle(receipt, Outcome::Failed(error.clone()), Vec::new());
            }
        }
    }
}

/// The message of one kind.
fn message(kind: &str, value: Value) -> String {
    Value::Object(Map::from_iter([(kind.to_owned(), value)])).to_string()
}

impl Protocol for Gemini {
    fn start(&mut self, _now: Instant) {
        self.is_manual = self.settings.config.get("turn_detection").is_some_and(Value::is_null);
        self.send_setup();
    }

    fn receive(&mut self, message: Message, now: Instant) {
        self.decode(&message, now);
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_settled(&mut self) -> Option<Settled> {
        self.settled.pop_front()
    }

    fn send(&mut self, command: Command, id: CommandId, now: Instant) {
        self.encode(command, id.receipt, now);
    }

    fn audio_goes_out(&mut self) {
        self.talk.has_heard = true;
        if self.is_manual() && !self.activity_is_open {
            self.activity_is_open = true;
            self.push("realtimeInput", json!({"activityStart": {}}), None);
        }
    }

    fn turns_by_hand(&self) -> bool {
        self.is_manual()
    }

    fn poll_transmit(&mut self, _now: Instant) -> Option<Transmit> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.muted_until, self.next_switch()].into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.muted_until.is_some_and(|until| until <= now) {
            self.muted_until = None;
            self.talk.owes_end = true;
            // The tokens follow with its late end.
            self.give_up_response(None, now);
            self.idle();
        }
        self.look_at_switch(now);
    }

    fn wants_switch(&self, now: Instant) -> bool {
        self.is_switch_due(now)
    }

    fn recovery(&self, code: u16) -> Recovery {
        self.recovery_from(code)
    }

    fn failed(&mut self, receipt: ReceiptId) {
        self.command_failed(receipt);
    }

    fn keep_secret(&mut self, secrets: &Secrets) {
        self.settings.secrets.extend(secrets);
    }

    fn leave(&mut self, now: Instant) -> bool {
        self.left(now)
    }

    fn restored(&self) -> &'static str {
        self.resumption.restored
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

    fn close(&mut self, error: Error) {
        self.forget_outgoing(&error);
        let switching = self.switch.take().map(|switch| switch.receipts).unwrap_or_default();
        let waiting =
            std::mem::take(&mut self.cancels).into_iter().chain(switching.into_iter().map(|(receipt, _)| receipt));
        for receipt in waiting.collect::<Vec<_>>() {
            self.settle(receipt, Outcome::Failed(error.clone()), Vec::new());
        }
    }
}
