//! The events of a response, step by step; the last thing before the outbox.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::response::{Ending, Kind, Response, Step};
use super::{Cue, Session};
use crate::conversation::{Audio, Item};
use crate::script_mcp::Outcome;

/// Place of `rate_limits.updated` at pace 1, after `response.done`.
const RATE_LIMITS: Duration = Duration::from_millis(360);

impl Session {
    /// Do one step of a response.
    pub(super) fn play(&mut self, key: u64, step: Step, now: Instant) {
        let Some(at) = self.responses.iter().position(|response| response.key == key) else {
            return;
        };
        match step {
            Step::Open(index) => self.open_item(at, index),
            Step::Text(delta) => self.send_text(at, &delta),
            Step::Audio(range) => self.send_audio(at, range),
            Step::Perform => self.perform_call(at),
            Step::Close => self.close_item(at),
            Step::Finish => self.finish(at, now),
        }
    }

    fn finish(&mut self, at: usize, now: Instant) {
        let response = self.responses.remove(at);
        self.outbox.push("response.done", json!({ "response": response.done() }));
        if self.manner.rate_limits {
            let due = now + self.paced(RATE_LIMITS);
            self.timeline.push(due, RATE_LIMITS, Cue::RateLimits);
        }
        if !response.in_conversation {
            return;
        }
        self.await_user(response.played(), now);
        if response.goes_on() {
            let mut wanted = response.wanted;
            // The call's output is in the conversation, which an input of its own would hide.
            if let Some(fields) = wanted.as_object_mut() {
                fields.remove("input");
            }
            self.respond(&wanted, None, None, now);
        } else {
            self.continue_approved(now);
        }
    }

    fn open_item(&mut self, at: usize, index: usize) {
        let response = &mut self.responses[at];
        response.open = Some(index);
        let output = &mut response.outputs[index];
        let item = output.item("in_progress");
        let fields = json!({"response_id": response.id, "output_index": index, "item": item});
        self.outbox.push("response.output_item.added", fields);
        if response.in_conversation {
            output.previous = self.conversation.last_id().map(str::to_owned);
            let fields = json!({"previous_item_id": output.previous, "item": item});
            self.outbox.push("conversation.item.added", fields);
            self.conversation.push(Item::new(item));
        }
        if let Kind::Speech { samples, .. } = &output.kind {
            self.has_spoken = true;
            let mut audio = Audio::new(samples.clone(), response.format.sample_rate());
            audio.set_length(0);
            self.conversation.set_audio(&output.item_id, audio);
        }
        if output.is_message() {
            let part = output.part();
            self.push_part("response.content_part.added", at, json!({ "part": part }));
        }
    }

    fn send_text(&mut self, at: usize, delta: &str) {
        let Some((_, output)) = open_output(&mut self.responses[at]) else {
            return;
        };
        output.text += delta;
        let kind = match &output.kind {
            Kind::Text { .. } => "response.output_text.delta",
            Kind::Speech { .. } => "response.output_audio_transcript.delta",
            Kind::Call { .. } => "response.function_call_arguments.delta",
            Kind::McpCall { .. } | Kind::Approval { .. } => "response.mcp_call_arguments.delta",
        };
        let place = place(&self.responses[at], json!({}));
        self.outbox.push_delta(kind, place, delta);
    }

    /// Written by hand: most of a session's bytes go through here, and base64 needs no escapes.
    fn send_audio(&mut self, at: usize, range: Range<usize>) {
        let response = &mut self.responses[at];
        let format = response.format;
        let response_id = response.id.clone();
        let Some((index, output)) = open_output(response) else {
            return;
        };
        let Kind::Speech { samples, .. } = &output.kind else {
            return;
        };
        let delta = format.encode(&samples[range.clone()]);
        output.samples = range.end;
        let item_id = &output.item_id;
        if let Some(audio) = self.conversation.find_mut(item_id).and_then(|item| item.audio.as_mut()) {
            audio.set_length(range.end);
        }
        let event_id = self.outbox.ids.make("event");
        self.outbox.push_text(format!(
            r#"{{"type":"response.output_audio.delta","event_id":"{event_id}","response_id":"{response_id}","item_id":"{item_id}","output_index":{index},"content_index":0,"delta":"{delta}"}}"#
        ));
    }

    fn perform_call(&mut self, at: usize) {
        let Some((index, output)) = open_output(&mut self.responses[at]) else {
            return;
        };
        output.performed = true;
        let fields = json!({"item_id": output.item_id, "output_index": index});
        let arguments = json!({ "arguments": output.text });
        self.push_part("response.mcp_call_arguments.done", at, arguments);
        self.outbox.push("response.mcp_call.in_progress", fields);
    }

    /// The `done` chain; what was not sent does not appear in it.
    fn close_item(&mut self, at: usize) {
        let status = match self.responses[at].ending {
            Ending::Completed => "completed",
            _ => "incomplete",
        };
        self.send_content_done(at);
        let response = &mut self.responses[at];
        let Some(index) = response.open.take() else {
            return;
        };
        let output = &response.outputs[index];
        let item = output.item(status);
        response.finished.push(item.clone());
        if let (true, Kind::Approval { call }) = (response.in_conversation, &output.kind) {
            self.approvals.push((output.item_id.clone(), call.clone()));
        }
        if response.in_conversation {
            // The service tells the previous item of a text answer only.
            let previous = output.previous.as_ref().filter(|_| matches!(output.kind, Kind::Text { .. }));
            self.outbox.push("conversation.item.done", json!({"previous_item_id": previous, "item": item}));
            if let Some(stored) = self.conversation.find_mut(&output.item_id) {
                stored.value = item.clone();
            }
        }
        let fields = json!({"response_id": response.id, "output_index": index, "item": item});
        self.outbox.push("response.output_item.done", fields);
    }

    fn send_content_done(&mut self, at: usize) {
        let Some((index, output)) = open_output(&mut self.responses[at]) else {
            return;
        };
        let (text, part) = (output.text.clone(), output.part());
        let place = json!({"item_id": output.item_id, "output_index": index});
        let performed = output.performed;
        match output.kind.clone() {
            Kind::Text { .. } => self.push_part("response.output_text.done", at, json!({ "text": text })),
            Kind::Speech { .. } => {
                self.push_part("response.output_audio.done", at, json!({}));
                self.push_part("response.output_audio_transcript.done", at, json!({ "transcript": text }));
            }
            Kind::Call { name, .. } => {
                let fields = json!({"name": name, "arguments": text});
                return self.push_part("response.function_call_arguments.done", at, fields);
            }
            Kind::McpCall { .. } if !performed => {
                return self.push_part("response.mcp_call_arguments.done", at, json!({ "arguments": text }));
            }
            Kind::McpCall { call, .. } => {
                let failed = matches!(call.outcome, Outcome::Error(_));
                let kind = if failed { "response.mcp_call.failed" } else { "response.mcp_call.completed" };
                return self.outbox.push(kind, place);
            }
            Kind::Approval { .. } => return,
        }
        self.push_part("response.content_part.done", at, json!({ "part": part }));
    }

    fn push_part(&mut self, kind: &str, at: usize, extra: Value) {
        let fields = place(&self.responses[at], extra);
        self.outbox.push(kind, fields);
    }
}

/// The fields that say where in a response an event belongs, then the event's own.
fn place(response: &Response, extra: Value) -> Value {
    let index = response.open.unwrap_or_default();
    let output = &response.outputs[index];
    let mut fields = json!({"response_id": response.id, "item_id": output.item_id, "output_index": index});
    match &output.kind {
        Kind::Call { call_id, .. } => fields["call_id"] = json!(call_id),
        _ if output.is_message() => fields["content_index"] = json!(0),
        _ => {}
    }
    if let (Value::Object(fields), Value::Object(extra)) = (&mut fields, extra) {
        fields.extend(extra);
    }
    fields
}

fn open_output(response: &mut Response) -> Option<(usize, &mut super::response::Output)> {
    let index = response.open?;
    Some((index, &mut response.outputs[index]))
}
