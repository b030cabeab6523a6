//! Step "command → message" for Gemini Live. Nothing is acknowledged: a receipt resolves once its message is written, a
//! change that needs a new session once that is ready, a cancellation with the end of the response.

use std::time::{Duration, Instant};

use serde_json::{json, Map, Value};

use super::content::{media_of, parts_of, tool_response, user_text, words_of};
use super::protocol::Gemini;
use super::talk::Question;
use crate::command::{Command, ReceiptId};
use crate::event::{Body, Event};
use crate::protocol::Outcome;

/// How long a cancelled response may go without an end.
const GIVE_UP: Duration = Duration::from_secs(3);

impl Gemini {
    pub(super) fn encode(&mut self, command: Command, receipt: ReceiptId, now: Instant) {
        match command {
            Command::UpdateSession(changes) => self.update(&changes, receipt, now),
            Command::SendText { text, respond } => {
                let parts = [json!({"type": "input_text", "text": text})];
                self.send_content(&parts, respond, receipt, now);
            }
            Command::SendContent { parts, respond } => self.send_content(&parts, respond, receipt, now),
            Command::CommitAudio => self.commit(receipt),
            Command::CreateResponse(_) => self.request_response(receipt),
            Command::CancelResponse { truncate } => {
                if let Some((item_id, samples)) = truncate {
                    self.talk.playback.report(&item_id, samples);
                }
                self.cancel(false, receipt, now);
            }
            Command::Interrupt => self.cancel(true, receipt, now),
            Command::ReportPlayed { item_id, samples } => {
                self.talk.playback.report(&item_id, samples);
                self.settle(receipt, Outcome::Done, Vec::new());
            }
            Command::ToolOutput { call_id, output, name, scheduling } => {
                self.answer_call(&call_id, &output, name, scheduling, receipt, now);
            }
            Command::Raw { kind, payload } => {
                let asks = kind == "clientContent" && payload.get("turnComplete") == Some(&Value::Bool(true));
                self.talk.asked += u32::from(asks);
                self.push(&kind, Value::Object(payload), Some(receipt));
            }
            // Audio that was sent cannot be taken back: the client refuses it.
            Command::ClearAudio => self.settle(receipt, Outcome::Done, Vec::new()),
        }
    }

    /// What waited for the model to be silent goes out.
    pub(super) fn idle(&mut self) {
        let is_idle = self.ready && self.talk.response.is_none() && !self.awaits_answer();
        if is_idle && !self.context.is_empty() && self.takes_content() {
            let turns = std::mem::take(&mut self.context);
            self.push("clientContent", json!({"turns": turns, "turnComplete": false}), None);
        }
    }

    fn send_content(&mut self, parts: &[Value], respond: bool, receipt: ReceiptId, now: Instant) {
        let words = words_of(parts);
        let encoded = parts_of(parts, self.input_rate());
        self.user_item(&words, parts, now);
        if !self.takes_content() {
            return self.send_in_realtime(parts, &words, respond, receipt);
        }
        self.context.push(json!({"role": "user", "parts": encoded}));
        if !respond {
            // Context stops a running response: it waits for its end.
            self.idle();
            return self.settle(receipt, Outcome::Done, Vec::new());
        }
        let turns = std::mem::take(&mut self.context);
        self.ask("clientContent", json!({"turns": turns, "turnComplete": true}), receipt);
    }

    /// For models that take no turns once they have spoken.
    fn send_in_realtime(&mut self, parts: &[Value], words: &str, respond: bool, receipt: ReceiptId) {
        let input_rate = self.input_rate();
        for media in parts.iter().filter_map(|part| media_of(part, input_rate)) {
            self.push("realtimeInput", media, None);
        }
        if !respond {
            self.context.push(user_text(words));
            return self.settle(receipt, Outcome::Done, Vec::new());
        }
        self.ask_in_realtime(words, receipt);
    }

    /// Asks with the words that were kept and these; with a space where there are none.
    fn ask_in_realtime(&mut self, words: &str, receipt: ReceiptId) {
        let kept = std::mem::take(&mut self.context);
        let parts = kept.iter().filter_map(|turn| turn["parts"].as_array()).flatten();
        let kept = parts.filter_map(|part| part["text"].as_str()).chain([words]);
        let text = kept.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
        let text = if text.is_empty() { " ".to_owned() } else { text };
        self.ask("realtimeInput", json!({"text": text}), receipt);
    }

    /// Asks for a response: one that is running is stopped by that.
    fn ask(&mut self, kind: &'static str, value: Value, receipt: ReceiptId) {
        self.talk.asked += 1;
        self.talk.expects_interruption = self.talk.response.is_some();
        self.talk.question = Some(Question { kind, value: value.clone(), receipt });
        self.push(kind, value, Some(receipt));
    }

    fn commit(&mut self, receipt: ReceiptId) {
        if !self.is_manual() {
            return self.push("realtimeInput", json!({"audioStreamEnd": true}), Some(receipt));
        }
        if !std::mem::take(&mut self.activity_is_open) {
            return self.settle(receipt, Outcome::Done, Vec::new());
        }
        // It asks for the response, too.
        self.push("realtimeInput", json!({"activityEnd": {}}), Some(receipt));
        self.talk.expects_interruption = false;
    }

    fn request_response(&mut self, receipt: ReceiptId) {
        if self.awaits_answer() && self.context.is_empty() {
            return self.settle(receipt, Outcome::Done, Vec::new());
        }
        if !self.takes_content() || self.settings.profile.needs_nudge {
            return self.ask_in_realtime("", receipt);
        }
        let mut content = Map::new();
        if !self.context.is_empty() {
            content.insert("turns".into(), std::mem::take(&mut self.context).into());
        }
        content.insert("turnComplete".into(), true.into());
        self.ask("clientContent", content.into(), receipt);
    }

    /// There is no cancellation: context stops a response, and what still comes of it is dropped.
    fn cancel(&mut self, tells: bool, receipt: ReceiptId, now: Instant) {
        let takes_content = self.takes_content();
        if self.talk.response.is_none() {
            if tells && self.talk.playback.is_playing(now) {
                self.stop_playing(Event::ours(Body::Server, now));
            }
            return self.settle(receipt, Outcome::Done, Vec::new());
        }
        let was_stopped = self.talk.response.as_ref().is_some_and(|response| response.is_stopped);
        if tells && !was_stopped {
            self.stop_playing(Event::ours(Body::Server, now));
        }
        if let Some(response) = &mut self.talk.response {
            response.is_stopped = true;
            response.is_muted = true;
        }
        self.talk.playback.silence(now);
        self.cancels.push(receipt);
        if takes_content && !was_stopped {
            self.talk.expects_interruption = true;
            self.muted_until = Some(now + GIVE_UP);
            self.push("clientContent", json!({"turnComplete": false}), None);
        } else if !takes_content {
            // Nothing stops this model but speech: for us it is over.
            self.talk.owes_end = true;
            self.talk.drops_rest = true;
            self.give_up_response(None, now);
        }
    }

    fn answer_call(
        &mut self,
        call_id: &str,
        output: &str,
        name: Option<String>,
        scheduling: Option<String>,
        receipt: ReceiptId,
        now: Instant,
    ) {
        if self.talk.was_taken_back(call_id) {
            return self.settle(receipt, Outcome::Done, Vec::new());
        }
        let mut response = Map::new();
        let call = self.talk.calls.iter_mut().find(|call| call.id == call_id);
        if call.as_ref().is_none_or(|call| !call.is_local) {
            response.insert("id".into(), call_id.into());
        }
        let name = call.as_ref().map(|call| call.name.clone()).or(name).unwrap_or_default();
        response.insert("name".into(), name.into());
        response.insert("response".into(), tool_response(output));
        let is_silent = scheduling.as_deref() == Some("SILENT");
        let interrupts = scheduling.as_deref() == Some("INTERRUPT");
        if let Some(scheduling) = scheduling {
            response.insert("scheduling".into(), scheduling.into());
        }
        let message = json!({"functionResponses": [response]});
        let is_blocking = call.as_ref().is_none_or(|call| call.is_blocking);
        match call {
            // The model says nothing to it, so nothing would tell that it came.
            Some(call) if is_silent && !call.is_blocking => self.talk.calls.retain(|call| call.id != call_id),
            Some(call) => call.answer = Some(message.to_string()),
            None => {}
        }
        if let Some(response) = self.talk.response.as_mut() {
            response.goes_on |= is_blocking && !is_silent;
            response.makes_way |= interrupts;
            self.talk.expects_interruption |= interrupts;
        }
        self.output_item(call_id, output, now);
        self.push("toolResponse", message, Some(receipt));
    }

    /// Whether turns may be sent now: some models take them only while nothing can have made them speak.
    fn takes_content(&self) -> bool {
        let may_speak = self.talk.model_spoke || self.talk.is_asked() || self.talk.has_heard;
        self.settings.profile.client_content_mid_session || !may_speak
    }

    /// Hz of sound within a turn: each message of audio names its rate.
    fn input_rate(&self) -> u32 {
        self.backend.audio_encoder(&self.settings.config).sample_rate
    }
}
