//! Function calls and their answers: what the model waits for, and what it hears later.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{json, Map, Value};

use super::endpoint::Backend;
use super::talk::Talk;
use super::turn::Stage;
use super::Close;
use crate::conversation::Item;
use crate::script::Call;

/// Cancelled calls that are remembered: their answers may be under way.
const CANCELLED_LIMIT: usize = 256;

/// Calls that are not answered.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: Vec<OpenCall>,
    cancelled: VecDeque<String>,
}

#[derive(Debug)]
struct OpenCall {
    id: String,
    name: String,
    /// The open turn waits for it.
    blocking: bool,
}

impl Calls {
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Place of the call that an answer names: by id, or by name where it has none.
    fn find(&self, id: Option<&str>, name: &str) -> Option<usize> {
        self.open.iter().position(|call| id.map_or(call.name == name, |id| call.id == id))
    }

    fn was_cancelled(&self, id: Option<&str>, name: &str) -> bool {
        self.cancelled.iter().any(|known| known == id.unwrap_or(name))
    }
}

impl Talk {
    /// Send calls of one group; a turn that waits for them pauses.
    pub(super) fn send_calls(&mut self, calls: Vec<Call>) {
        self.keep_words();
        let blocks = calls.iter().any(|call| self.is_blocking(&call.name));
        let sent: Vec<_> = calls.into_iter().map(|call| self.register(call, blocks)).collect();
        if self.setup.profile.bundles {
            self.push_content(json!({}));
        }
        self.push(json!({"toolCall": {"functionCalls": sent}}));
        if let Some(turn) = self.turn.as_mut().filter(|_| blocks) {
            turn.stage = Stage::Waiting;
        }
    }

    /// Take answers in; the model goes on by itself when it has what it waits for.
    ///
    /// # Errors
    /// The close frame for an answer to no call.
    pub(super) fn take_responses(&mut self, body: &Value, now: Instant) -> Result<(), Close> {
        let mut late = None;
        for response in body["functionResponses"].as_array().into_iter().flatten() {
            late = self.take_response(response)?.or(late);
        }
        let waits = self.turn.as_ref().is_some_and(|turn| turn.stage == Stage::Waiting);
        if waits && !self.calls.open.iter().any(|call| call.blocking) {
            self.go_on(now);
        }
        match late {
            Some(Scheduling::Interrupt) if !self.ear.hears_speech() => {
                self.interrupt();
                self.respond(now);
            }
            Some(Scheduling::Silent) | None => {}
            Some(_) if self.turn.is_some() || self.ear.hears_speech() => self.owed = true,
            Some(_) => self.respond(now),
        }
        Ok(())
    }

    /// The calls of the open turn will not be heard.
    pub(super) fn cancel_calls(&mut self) {
        let (cancelled, open) = std::mem::take(&mut self.calls.open).into_iter().partition(|call| call.blocking);
        self.calls.open = open;
        let cancelled: Vec<OpenCall> = cancelled;
        let keys = cancelled.iter().map(|call| if self.manner.call_ids { &call.id } else { &call.name });
        self.calls.cancelled.extend(keys.cloned());
        while self.calls.cancelled.len() > CANCELLED_LIMIT {
            self.calls.cancelled.pop_front();
        }
        if self.manner.call_ids {
            let ids: Vec<_> = cancelled.iter().map(|call| call.id.as_str()).collect();
            self.push(json!({"toolCallCancellation": {"ids": ids}}));
        }
    }

    /// Note a call, and its wire form. Arguments are an object on this wire, whatever a script says.
    fn register(&mut self, call: Call, blocking: bool) -> Value {
        let id = call
            .call_id
            .unwrap_or_else(|| format!("{}{:019}", self.setup.profile.call_prefix, self.outbox.ids.next_u64() >> 1));
        let arguments: Map<String, Value> = serde_json::from_str(&call.arguments).unwrap_or_default();
        self.conversation.push(Item::new(json!({
            "id": self.outbox.ids.make("item"),
            "type": "function_call",
            "name": call.name,
            "call_id": id,
            "arguments": call.arguments,
        })));
        let mut sent = json!({"name": call.name, "args": arguments});
        if self.manner.call_ids {
            sent["id"] = id.clone().into();
        }
        self.calls.open.push(OpenCall { id, name: call.name, blocking });
        sent
    }

    /// Take one answer in; how a call that nobody waits for wants to be heard.
    fn take_response(&mut self, response: &Value) -> Result<Option<Scheduling>, Close> {
        let name = response["name"].as_str().unwrap_or_default();
        let id = response["id"].as_str().filter(|id| !id.is_empty());
        if id.is_none() && self.manner.backend == Backend::AiStudio && self.manner.call_ids {
            return Err(Close::invalid("tool_response.function_responses.id: must be specified"));
        }
        let Some(at) = self.calls.find(id, name) else {
            return if self.calls.was_cancelled(id, name) { Ok(None) } else { Err(unknown_call(id, name)) };
        };
        let blocking = self.calls.open[at].blocking;
        let call_id = self.calls.open[at].id.clone();
        if response["willContinue"] != true {
            self.calls.open.remove(at);
        }
        let id = self.outbox.ids.make("item");
        let output = output_of(&response["response"]);
        let item = json!({"id": id, "type": "function_call_output", "call_id": call_id, "output": output});
        self.conversation.push(Item::new(item));
        Ok((!blocking).then(|| Scheduling::of(&response["scheduling"])))
    }

    /// The turn that waited goes on; on Vertex it ends first, and the answer has a turn of its own.
    fn go_on(&mut self, now: Instant) {
        match self.manner.backend {
            Backend::Vertex => self.split_turn(),
            Backend::AiStudio => self.turn = None,
        }
        self.respond(now);
    }
}

/// When an answer that nobody waits for is heard.
#[derive(Clone, Copy, Debug)]
enum Scheduling {
    Silent,
    WhenIdle,
    Interrupt,
}

impl Scheduling {
    fn of(value: &Value) -> Self {
        match value.as_str() {
            Some("SILENT") => Scheduling::Silent,
            Some("INTERRUPT") => Scheduling::Interrupt,
            _ => Scheduling::WhenIdle,
        }
    }
}

/// The text of a result: what stands under `output` or `error`, else all of it.
fn output_of(response: &Value) -> String {
    let told =
        [&response["output"], &response["error"], &response["result"]].into_iter().find(|value| !value.is_null());
    match told.unwrap_or(response) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn unknown_call(id: Option<&str>, name: &str) -> Close {
    Close::invalid(&format!("tool_response: no function call with id {}.", id.unwrap_or(name)))
}
