//! OpenAI Realtime as a [`Protocol`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use voicewire_audio::codec::Codec;

use super::commands::{cancel, encode, seed, truncate, Cut};
use super::dialect::Dialect;
use super::feed::item_of;
use super::history::History;
use super::pending::PendingCommands;
use super::restore::is_final;
use super::sequencer::Sequencer;
use super::session::{encode_session, SessionType};
use super::standing::{Detection, Standing};
use super::turn::Turns;
use crate::command::{Command, CommandId};
use crate::config::SessionConfig;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::event::{Body, Event};
use crate::message::{Message, Text};
use crate::playback::Heard;
use crate::protocol::{Outcome, Protocol, Recovery, Settled, Transmit};
use crate::secret::Secrets;

/// What a session starts with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sent as `session.update` as soon as the service has greeted us; its history follows.
    pub config: SessionConfig,
    /// Whether the session is another's, joined by the id of a call: nobody greets us then.
    pub joins_call: bool,
    /// What the session is for.
    pub session_type: SessionType,
    /// Whether an answer that the user speaks over is cut where he stopped hearing it.
    pub auto_truncate: bool,
    /// Whether a connection that is lost may be followed by another.
    pub reconnects: bool,
    /// Where the audio of the user is kept, if at all, to be told again.
    pub retained: Option<Arc<Mutex<Conversation>>>,
    /// How long a command waits for its answer.
    pub ack_timeout: Duration,
    /// What must not be shown.
    pub secrets: Secrets,
    /// How deep a message may be nested, at most 128.
    pub max_depth: usize,
}

/// The protocol of one session, over as many connections as it takes.
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
    /// Hz of the audio that comes.
    pub(super) output_sample_rate: u32,
    /// How it is written.
    pub(super) output_codec: Codec,
    /// Whether the user's speech stops a response.
    pub(super) speech_interrupts: bool,
    pub(super) detection: Detection,
    pub(super) standing: Standing,
    pub(super) history: History,
    /// The request for a response that the next session begins with.
    pub(super) asks_again: Option<Value>,
    /// What the newest session knows of the one before it.
    pub(super) restored: &'static str,
    /// Whether the service has said why no other connection will do.
    pub(super) is_hopeless: bool,
    pub(super) outgoing: VecDeque<Outgoing>,
    /// Commands of our own making so far.
    pub(super) own: u64,
    /// Whether a session was ready before.
    was_open: bool,
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) event_id: String,
    pub(super) text: String,
    pub(super) settles: Option<u64>,
}

/// The `event_id` of the configuration that opens a session.
pub(super) const CONFIG_EVENT_ID: &str = "evt_config";

/// Start of the `event_id` of a truncation that follows a barge-in.
pub(super) const CUT_EVENT_ID: &str = "evt_cut_";

impl OpenAi {
    /// A protocol for one session.
    pub fn new(dialect: &'static Dialect, settings: Settings) -> Self {
        Self {
            dialect,
            output_sample_rate: dialect.output_sample_rate(&settings.config),
            output_codec: dialect.formats.output_codec(settings.config.get("output_format")),
            speech_interrupts: true,
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
            detection: Detection::default(),
            standing: Standing::default(),
            history: History::default(),
            asks_again: None,
            restored: "none",
            is_hopeless: false,
            outgoing: VecDeque::new(),
            own: 0,
            was_open: false,
        }
    }

    /// Whether the greeting is that of another connection than the first.
    pub(super) fn is_back(&self) -> bool {
        self.was_open
    }

    /// The greeting: the session is ready, our configuration goes out, and the history behind it.
    pub(super) fn greeted(&mut self, now: Instant) {
        self.ready = true;
        if std::mem::replace(&mut self.was_open, true) {
            return self.restore();
        }
        let config = self.settings.config.clone();
        let history = config.get("history").and_then(Value::as_array).cloned().unwrap_or_default();
        if self.settings.session_type == SessionType::Transcription || config.iter().any(|(name, _)| name != "history")
        {
            self.configure(config, now);
        }
        for (at, item) in history.iter().enumerate() {
            let id = self.own_id(&format!("evt_history_{at}"));
            let encoded = seed(self.dialect, item, at, &id.event_id);
            self.push(id, encoded);
        }
    }

    fn configure(&mut self, config: SessionConfig, now: Instant) {
        let unexpressed = encode_session(self.dialect, self.settings.session_type, &config).unexpressed;
        let id = self.own_id(CONFIG_EVENT_ID);
        self.send(Command::UpdateSession(Box::new(config)), id, now);
        if !unexpressed.is_empty() {
            self.events.push_back(Event::ours(Body::ConfigMismatch(unexpressed), now));
        }
    }

    /// Tells the fate of a command; nobody waits for receipt 0, what we send of our own accord.
    pub(super) fn settle(&mut self, receipt: u64, outcome: Outcome, ignored: Vec<String>) {
        if receipt != 0 {
            self.settled.push_back(Settled { receipt, outcome, ignored });
        }
    }

    /// Sends the next request for a response, if its turn has come.
    pub(super) fn request_next_response(&mut self) {
        let next = self.sequencer.next(self.turns.is_active());
        self.outgoing.extend(next);
    }

    /// Tells that the answer was spoken over at `now`; returns where to cut it.
    pub(super) fn interrupted(&mut self, now: Instant, mut event: Event) -> Option<Cut> {
        let heard = self.turns.interrupt(now)?;
        let heard_ms = heard.as_ref().map(|heard| heard.ms as i64);
        event.body = Body::Interrupted { heard_ms, estimated: heard.as_ref().is_none_or(|heard| heard.estimated) };
        event.item_id = Text::from(heard.as_ref().map(|heard| heard.item_id.as_str()).filter(|id| !id.is_empty()));
        event.leads = false;
        self.events.push_back(event);
        let Heard { item_id, content_index, ms, .. } = heard.filter(|heard| heard.worth_cutting)?;
        if self.history.was_told(&item_id) {
            self.cut_here(&item_id, ms, now);
            return None;
        }
        Some(Cut { item_id, content_index, audio_end_ms: ms })
    }

    /// Cuts an item of our own accord.
    pub(super) fn cut(&mut self, cut: Cut) {
        self.own += 1;
        let id = self.own_id(&format!("{CUT_EVENT_ID}{}", self.own));
        let encoded = truncate(cut, &id.event_id);
        self.push(id, encoded);
    }

    fn own_id(&self, event_id: &str) -> CommandId {
        CommandId { receipt: 0, event_id: event_id.to_owned() }
    }

    fn cancel(&mut self, truncated: Option<(String, u64)>, id: CommandId, now: Instant) {
        self.turns.cancel_active();
        let cut = truncated.and_then(|(item_id, samples)| {
            let ms = samples.saturating_mul(1000) / u64::from(self.output_sample_rate);
            let (content_index, audio_end_ms) = self.turns.playback.clamp(&item_id, ms)?;
            if self.history.was_told(&item_id) {
                self.cut_here(&item_id, audio_end_ms, now);
                return None;
            }
            // The service refuses to cut at 0.
            (audio_end_ms > 0).then_some(Cut { item_id, content_index, audio_end_ms })
        });
        if cut.is_some() {
            self.turns.playback.silence(now);
        }
        let encoded = cancel(None, cut, &id.event_id);
        self.push(id, encoded);
    }

    fn interrupt(&mut self, id: CommandId, now: Instant) {
        let active = self.turns.running().map(str::to_owned);
        let cut = self.interrupted(now, Event::ours(Body::Server, now));
        match (active, cut) {
            (Some(active), cut) => {
                let encoded = cancel(Some(&active).filter(|id| !id.is_empty()).map(String::as_str), cut, &id.event_id);
                self.push(id, encoded);
            }
            (None, Some(cut)) => {
                let encoded = truncate(cut, &id.event_id);
                self.push(id, encoded);
            }
            (None, None) => self.settle(id.receipt, Outcome::Done, Vec::new()),
        }
    }
}

impl Protocol for OpenAi {
    fn start(&mut self, now: Instant) {
        if self.settings.joins_call {
            if !self.was_open {
                self.events.push_back(Event::ours(Body::Open, now));
            }
            self.greeted(now);
        }
    }

    fn receive(&mut self, message: Message, now: Instant) {
        self.decode(message, now);
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if self.settings.reconnects {
            self.history.note(&event, self.turns.active());
        }
        Some(event)
    }

    fn poll_settled(&mut self) -> Option<Settled> {
        self.settled.pop_front()
    }

    fn send(&mut self, command: Command, id: CommandId, now: Instant) {
        match command {
            Command::CancelResponse { truncate } => self.cancel(truncate, id, now),
            Command::Interrupt => self.interrupt(id, now),
            Command::ReportPlayed { item_id, samples } => {
                self.turns.playback.report(&item_id, samples);
                self.settle(id.receipt, Outcome::Done, Vec::new());
            }
            Command::Raw { ref kind, ref payload } if self.cuts_what_was_told(kind, payload) => {
                let ms = payload.get("audio_end_ms").and_then(Value::as_u64).unwrap_or_default();
                self.cut_here(item_of(payload), ms, now);
                self.settle(id.receipt, Outcome::Done, Vec::new());
            }
            command => {
                if let Command::UpdateSession(changes) = &command {
                    self.settings.config.merge(changes);
                }
                if let Some(encoded) = encode(self.dialect, self.settings.session_type, command, &id) {
                    self.push(id, encoded);
                }
            }
        }
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
        for (pending, settled) in self.pending.expire(now) {
            self.sequencer.forget(&pending.id.event_id);
            // Nobody has refused it.
            self.session_taken(&pending);
            self.settle(settled.receipt, settled.outcome, settled.ignored);
        }
        self.request_next_response();
    }

    fn turns_by_hand(&self) -> bool {
        self.detection.by_hand
    }

    fn recovery(&self, code: u16) -> Recovery {
        self.recovery_from(code)
    }

    fn forgives(&self, error: &Error) -> bool {
        !matches!(error, Error::Server(error) if is_final(error))
    }

    fn leave(&mut self, now: Instant) -> bool {
        self.left(now);
        false
    }

    fn restored(&self) -> &'static str {
        self.restored
    }

    fn keep_secret(&mut self, secrets: &Secrets) {
        self.settings.secrets.extend(secrets);
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
        self.settled.extend(self.pending.fail_all(&error));
    }
}
