//! From one connection to the next: handles, `goAway`, changes that need a new session, and what the new one is told.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::{json, Map, Value};

use super::protocol::Gemini;
use super::setup::encode_setup;
use super::talk::Question;
use crate::command::ReceiptId;
use crate::error::{Error, ServerError};
use crate::event::{Body, Event};
use crate::protocol::{Outcome, Recovery};

/// How a session can be taken up again.
#[derive(Debug)]
pub(super) struct Resumption {
    /// The newest handle that can be used.
    handle: Option<String>,
    /// Whether the newest word was that there is nothing newer than the handle.
    is_current: bool,
    /// Whether the connection being made uses the handle.
    is_tried: bool,
    /// Whether a close by policy was forgiven since a turn last came to its end.
    pub(super) forgave_policy: Cell<bool>,
    /// Whether the connection was cut without a word.
    was_cut: Cell<bool>,
    /// Whether the handle survived a connection that was cut before its greeting.
    forgave_cut: bool,
    /// What the newest session knows of the one before it.
    pub(super) restored: &'static str,
}

impl Default for Resumption {
    fn default() -> Self {
        Self {
            handle: None,
            is_current: true,
            is_tried: false,
            forgave_policy: Cell::new(false),
            was_cut: Cell::new(false),
            forgave_cut: false,
            restored: "none",
        }
    }
}

impl Resumption {
    /// Drops a handle that a connection without a greeting has used; returns whether there was one. A cut says nothing
    /// of the handle, two in a row may.
    fn refuse(&mut self, was_cut: bool) -> bool {
        if was_cut && !std::mem::replace(&mut self.forgave_cut, true) {
            return false;
        }
        self.is_tried && self.handle.take().is_some()
    }
}

/// A connection that is to be replaced.
#[derive(Debug)]
pub(super) struct Switch {
    /// When it happens at the latest; before that at a quiet moment.
    deadline: Instant,
    /// When the timer last asked whether it is time.
    looked_at: Option<Instant>,
    /// Commands that it carries out, with the options that they could not express.
    pub(super) receipts: Vec<(ReceiptId, Vec<String>)>,
}

/// How long a change of the configuration waits for a quiet moment.
const PATIENCE: Duration = Duration::from_secs(8);

/// Seconds before the server's deadline at which we go.
const MARGIN_S: f64 = 5.0;

impl Gemini {
    /// Plans a new connection for a change of the configuration.
    pub(super) fn plan_switch(&mut self, receipt: ReceiptId, ignored: Vec<String>, now: Instant) {
        self.switch_by(now + PATIENCE).receipts.push((receipt, ignored));
    }

    /// The server goes in `left` seconds.
    pub(super) fn going_away(&mut self, left: f64, now: Instant) {
        if self.settings.reconnects {
            self.switch_by(now + Duration::from_secs_f64((left - MARGIN_S).max(0.0)));
        }
    }

    pub(super) fn resumption_told(&mut self, handle: Option<&str>, resumable: bool) {
        self.resumption.is_current = resumable;
        // Without a new one the last one is still good, and does not know of what is going on.
        if let Some(handle) = handle.filter(|_| resumable) {
            self.resumption.handle = Some(handle.to_owned());
            self.talk.calls.iter_mut().for_each(|call| call.in_handle = true);
        }
    }

    pub(super) fn is_switch_due(&self, now: Instant) -> bool {
        let Some(switch) = &self.switch else { return false };
        self.ready && (switch.deadline <= now || (self.is_quiet() && !self.talk.playback.is_playing(now)))
    }

    /// When the switch may become due by itself. A time that was looked at is not told again: who cannot switch then
    /// would be called without an end.
    pub(super) fn next_switch(&self) -> Option<Instant> {
        let switch = self.switch.as_ref().filter(|_| self.ready)?;
        let silent = self.talk.playback.ends().filter(|_| self.is_quiet());
        let times = [silent, Some(switch.deadline)].into_iter().flatten();
        times.filter(|time| switch.looked_at.is_none_or(|looked_at| *time > looked_at)).min()
    }

    pub(super) fn look_at_switch(&mut self, now: Instant) {
        if let Some(switch) = &mut self.switch {
            switch.looked_at = Some(now);
        }
    }

    pub(super) fn recovery_from(&self, code: u16) -> Recovery {
        self.resumption.was_cut.set(matches!(code, 1005 | 1006));
        match code {
            _ if !self.settings.reconnects => Recovery::Never,
            // 1000 is the limit of a connection's life, the others are the network's and the service's troubles.
            1000 | 1001 | 1005 | 1006 | 1011..=1014 => Recovery::Reconnect,
            // A known fault of the service, also a wrong model: once.
            1008 if !self.resumption.forgave_policy.replace(true) => Recovery::Reconnect,
            _ => Recovery::Never,
        }
    }

    /// The connection is gone: what cannot go on in the next one is told.
    pub(super) fn left(&mut self, now: Instant) -> bool {
        let was_cut = self.resumption.was_cut.take();
        let is_refused = !self.ready && (self.refuse_change(was_cut, now) || self.resumption.refuse(was_cut));
        self.ready = false;
        self.refusal = None;
        let error = Error::ConnectionClosed { code: 1006, reason: "the connection was replaced".into() };
        self.forget_outgoing(&error);
        self.leave_user_turn(now);
        let usage = self.usage.take();
        self.activity_is_open = false;
        let has_handle = self.resumption.handle.is_some();
        let lost = self.talk.calls.iter().filter(|call| !(has_handle && call.in_handle)).map(|call| call.id.clone());
        let lost: Vec<String> = lost.collect();
        if !lost.is_empty() {
            self.calls_taken_back(lost, Event::ours(Body::Server, now));
        }
        self.give_up_response(usage, now);
        self.talk.reconnected(has_handle);
        is_refused
    }

    /// The service turned a changed configuration away: the one that it took before is good again, and so is the handle.
    fn refuse_change(&mut self, was_cut: bool, now: Instant) -> bool {
        let receipts = self.switch.as_mut().map(|switch| std::mem::take(&mut switch.receipts)).unwrap_or_default();
        if was_cut || receipts.is_empty() {
            self.switch.iter_mut().for_each(|switch| switch.receipts.clone_from(&receipts));
            return false;
        }
        self.settings.config = self.ready_config.clone();
        let message = "the service refused the changed configuration; the session goes on without it".to_owned();
        let error = Error::Rejected(ServerError { message, ..ServerError::default() });
        let body = Body::Error { error: Box::new(error.clone()), fatal: false };
        self.events.push_back(Event::ours(body, now));
        for (receipt, ignored) in receipts {
            self.settle(receipt, Outcome::Failed(error.clone()), ignored);
        }
        true
    }

    /// Says who we are, and what was.
    pub(super) fn send_setup(&mut self) {
        let encoded = encode_setup(&self.settings.profile, &self.settings.config);
        let mut setup = Map::new();
        setup.insert("model".into(), self.settings.model.clone().into());
        setup.extend(encoded.setup);
        if self.settings.reconnects {
            setup.entry("sessionResumption").or_insert_with(|| json!({}));
        }
        if let Some(handle) = &self.resumption.handle {
            object_in(&mut setup, "sessionResumption").insert("handle".into(), handle.as_str().into());
            // The session has its history, and would take the next turns for it.
            setup.remove("historyConfig");
        }
        self.resumption.is_tried = self.resumption.handle.is_some();
        self.resumption.restored = match () {
            () if self.resumption.is_tried => "resumed",
            () if self.history.is_empty(self.talk.question.is_some()) => "none",
            () if self.history.has_gap => "partial",
            () => "replayed",
        };
        if matches!(self.resumption.restored, "replayed" | "partial") {
            self.prepare_replay(&mut setup);
        }
        self.push("setup", Value::Object(setup), None);
    }

    /// What the new session does not know of the old one, behind its setup.
    pub(super) fn replay(&mut self) {
        self.resumption.forgave_cut = false;
        if self.resumption.restored != "resumed" {
            // What waited is part of the history and of the setup.
            self.context.clear();
            self.talk.model_spoke = false;
        }
        if self.resumption.restored != "resumed"
            && self.settings.profile.history_config
            && !self.history.is_empty(self.talk.question.is_some())
        {
            let turns = self.history.turns(self.talk.question.is_some());
            self.push_history(turns);
        }
        // Results that the old connection may not have delivered: the model would wait for them for ever.
        let answers: Vec<String> = self.talk.calls.iter().filter_map(|call| call.answer.clone()).collect();
        for answer in answers {
            self.push("toolResponse", serde_json::from_str(&answer).unwrap_or_default(), None);
        }
        if let Some(Question { kind, value, .. }) = self.talk.question.clone() {
            self.talk.asked = 1;
            self.push(kind, value, None);
        }
        self.idle();
    }

    /// Whether nothing is going on but sound.
    fn is_quiet(&self) -> bool {
        self.talk.response.is_none()
            && self.talk.user.is_none()
            && self.talk.calls.is_empty()
            && !self.talk.goes_on
            && !self.activity_is_open
            && !self.awaits_answer()
            && (self.resumption.is_current || self.resumption.handle.is_none())
    }

    fn switch_by(&mut self, deadline: Instant) -> &mut Switch {
        let switch = self.switch.get_or_insert(Switch { deadline, looked_at: None, receipts: Vec::new() });
        switch.deadline = switch.deadline.min(deadline);
        switch
    }

    /// Models that take no history forget turns of context as soon as somebody speaks; their instructions they keep.
    fn prepare_replay(&self, setup: &mut Map<String, Value>) {
        if self.settings.profile.history_config {
            setup.insert("historyConfig".into(), json!({"initialHistoryInClientContent": true}));
            return;
        }
        let part =
            json!({"text": format!("The conversation so far:\n{}", self.history.text(self.talk.question.is_some()))});
        let instruction = object_in(setup, "systemInstruction");
        match instruction.get_mut("parts") {
            Some(Value::Array(parts)) => parts.push(part),
            _ => drop(instruction.insert("parts".into(), json!([part]))),
        }
    }
}

/// The object under `key`; what is no object gives way to an empty one.
fn object_in<'a>(setup: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = setup.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("made an object above")
}
