//! From one connection to the next: OpenAI's sessions end with theirs, so the next one is told what it has to know.

use std::time::Instant;

use serde_json::{json, Map, Value};

use super::commands::{response_create, Encoded};
use super::history::Teller;
use super::pending::{Ack, Pending};
use super::protocol::OpenAi;
use super::session::SessionType;
use crate::command::CommandId;
use crate::error::{Error, ServerError};
use crate::event::{Body, Event, TurnComplete, TurnStatus};
use crate::item::ItemChange;
use crate::message::Text;
use crate::protocol::{Outcome, Recovery};

/// Start of the `event_id` of what a new connection is told of the old one.
const RESTORE_EVENT_ID: &str = "evt_restore_";

/// Errors of the account: no connection fares better.
const HOPELESS: &[&str] =
    &["insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached"];

/// Errors in place of the greeting that another attempt would meet as well.
const TURNED_AWAY: &[&str] = &[
    "missing_api_key",
    "invalid_authentication",
    "invalid_organization",
    "model_not_found",
    "beta_api_shape_disabled",
];

impl OpenAi {
    pub(super) fn recovery_from(&self, code: u16) -> Recovery {
        match code {
            _ if !self.settings.reconnects || self.is_hopeless => Recovery::Never,
            1001 | 1005 | 1006 | 1011..=1015 => Recovery::Reconnect,
            _ => Recovery::Never,
        }
    }

    /// Takes note of what the service says went wrong.
    pub(super) fn weigh(&mut self, error: &ServerError) {
        self.is_hopeless |= is_hopeless(error);
    }

    /// The connection is gone: what cannot go on in the next one is told.
    pub(super) fn left(&mut self, now: Instant) {
        self.refusal = None;
        if !std::mem::replace(&mut self.ready, false) {
            return;
        }
        // A call that was joined goes on without us.
        let unfinished = if self.settings.joins_call { Vec::new() } else { self.history.unfinished() };
        self.asks_again = self.question();
        for fields in unfinished {
            let change = Some(Box::new(ItemChange::Told(Box::new(fields))));
            self.events.push_back(Event { change, ..Event::ours(Body::Wire, now) });
        }
        self.give_up_responses(now);
        // What was never written is written on the next connection; what has an answer goes by its command.
        self.outgoing.retain(|outgoing| outgoing.settles.is_some_and(|receipt| receipt != 0));
        let pending = self.pending.take();
        self.sequencer.leave(|event_id| pending.iter().any(|pending| pending.id.event_id == event_id));
        for pending in pending {
            self.leave_command(pending, now);
        }
        self.turns.is_speaking = false;
    }

    /// Tells the new session how it is configured, what was said, and what was asked for.
    pub(super) fn restore(&mut self) {
        self.restored = "resumed";
        let unwritten = std::mem::take(&mut self.outgoing);
        let mut waiting = self.pending.take();
        if !self.settings.joins_call {
            self.restore_session();
            let is_update = |pending: &Pending| pending.ack == Ack::SessionUpdated;
            let (updates, others) = waiting.into_iter().partition(is_update);
            waiting = others;
            self.send_again(updates);
            self.restore_conversation();
        }
        if let Some(question) = self.asks_again.take() {
            let id = self.restore_id();
            let mut message = question;
            message["event_id"] = id.event_id.as_str().into();
            let encoded = Encoded::one(message, Ack::ResponseCreated);
            self.push(id, encoded);
        }
        self.send_again(waiting);
        self.outgoing.extend(unwritten);
        self.request_next_response();
    }

    /// Cuts an item where its listener stopped hearing it; the session in progress has it as text, which cannot be cut.
    pub(super) fn cut_here(&mut self, item_id: &str, ms: u64, now: Instant) {
        let change = Some(Box::new(ItemChange::Truncated(ms)));
        self.events.push_back(Event { change, item_id: Text::owned(item_id), ..Event::ours(Body::Wire, now) });
    }

    /// What to ask the next session: the newest turn of the user has no answer, nor does anybody else ask for it.
    fn question(&mut self) -> Option<Value> {
        let is_asked = self.sequencer.in_flight().is_some() || self.settings.joins_call;
        // The audio of whoever speaks is sent again, and its end makes a response.
        let is_speaking = self.turns.is_speaking && !self.detection.by_hand && self.detection.creates_response;
        if is_asked || is_speaking || self.settings.session_type == SessionType::Transcription {
            return None;
        }
        if self.turns.running().is_some() {
            let is_unanswered = !self.history.has_whole_items();
            return is_unanswered.then(|| {
                self.history.leave_out_newest();
                self.sequencer.answered().unwrap_or_else(|| response_create(Map::new(), ""))
            });
        }
        std::mem::take(&mut self.turns.is_unanswered).then(|| response_create(Map::new(), ""))
    }

    fn give_up_responses(&mut self, now: Instant) {
        let goes_on = self.asks_again.is_some();
        for (id, is_stopped) in self.turns.abandon() {
            let is_final = !goes_on || self.turns.is_outside(Some(&id));
            // What is asked for again comes as a whole.
            let is_void = is_stopped || !is_final;
            let status = if is_void { TurnStatus::Cancelled } else { TurnStatus::Incomplete };
            let turn = TurnComplete { status, usage: None, is_final, has_open_calls: false, error: None };
            let response_id = Text::from(Some(id.as_str()).filter(|id| !id.is_empty()));
            let event = Event { response_id, ..Event::ours(Body::TurnComplete(Box::new(turn)), now) };
            self.events.push_back(event.clone());
            self.acknowledge(event, &Ack::ResponseDone(Some(id)));
        }
    }

    /// A command whose answer was lost with the connection: it is sent again, or fails.
    fn leave_command(&mut self, pending: Pending, now: Instant) {
        for message in pending.messages.iter().filter(|message| message["type"] == TRUNCATE) {
            let ms = message["audio_end_ms"].as_u64().unwrap_or_default();
            self.cut_here(message["item_id"].as_str().unwrap_or_default(), ms, now);
        }
        let is_written = pending.deadline.is_some();
        match &pending.ack {
            Ack::SessionUpdated | Ack::ItemAdded(_) | Ack::ItemDeleted(_) => self.pending.keep(pending),
            Ack::ResponseCreated if !(is_written && pending.is_again) => {
                self.pending.keep(Pending { is_again: is_written, ..pending });
            }
            Ack::ItemTruncated(_) | Ack::ResponseDone(_) => self.settle(pending.id.receipt, Outcome::Done, Vec::new()),
            Ack::None => {}
            Ack::ResponseCreated | Ack::Committed | Ack::Cleared | Ack::ItemRetrieved(_) => {
                let reason = format!("the connection was lost before the answer to {}", pending.command);
                let error = Error::ConnectionClosed { code: 1006, reason };
                self.settle(pending.id.receipt, Outcome::Failed(error), Vec::new());
            }
        }
    }

    fn restore_session(&mut self) {
        let session = self.standing.session().cloned();
        let Some(session) = session else { return };
        let id = self.restore_id();
        let kind = self.dialect.update_type(self.settings.session_type);
        let message = json!({"type": kind, "event_id": id.event_id, "session": session});
        self.push(id, Encoded::one(message, Ack::SessionUpdated));
    }

    fn restore_conversation(&mut self) {
        if self.settings.session_type == SessionType::Transcription {
            // It answers nobody, and has no use for what was said.
            self.restored = "none";
            return;
        }
        let teller = Teller {
            dialect: self.dialect,
            codec: self.dialect.formats.input_codec(self.settings.config.get("input_format")),
            retained: self.settings.retained.as_ref(),
        };
        let (items, is_partial) = self.history.again(&teller);
        self.restored = match () {
            () if is_partial => "partial",
            () if items.is_empty() => "none",
            () => "replayed",
        };
        for item in items {
            let id = self.restore_id();
            let message = json!({"type": "conversation.item.create", "event_id": id.event_id, "item": item});
            self.push(id, Encoded::one(message, Ack::None));
        }
    }

    fn send_again(&mut self, commands: Vec<Pending>) {
        for mut pending in commands {
            let is_known = |message: &Value| {
                message["type"] == "conversation.item.create"
                    && message["item"]["id"].as_str().is_some_and(|id| self.history.has(id))
            };
            pending.messages.retain(|message| !is_known(message));
            self.feed(&pending.messages, &pending.ack, &pending.id);
            self.pending.push(Pending { deadline: None, ..pending });
        }
    }

    fn restore_id(&mut self) -> CommandId {
        self.own += 1;
        CommandId { receipt: 0, event_id: format!("{RESTORE_EVENT_ID}{}", self.own) }
    }
}

/// Whether a service that turned us away so would do it again.
pub(super) fn is_final(error: &ServerError) -> bool {
    let is_known = error.code.as_deref().is_some_and(|code| TURNED_AWAY.contains(&code));
    is_known || is_hopeless(error) || error.kind.as_deref() == Some("invalid_request_error")
}

fn is_hopeless(error: &ServerError) -> bool {
    error.code.as_deref().is_some_and(|code| HOPELESS.contains(&code))
}

const TRUNCATE: &str = "conversation.item.truncate";
