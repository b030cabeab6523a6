//! A running response: what it says, how far it is, and how it ends; between the reply and its events.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{json, Value};

use crate::ids::Ids;
use crate::reply::{argument_pieces, pieces};
use crate::script::Failure;
use crate::script_mcp::{McpCall, Outcome};
use crate::sound::Format;
use crate::usage::{output_audio_tokens, text_tokens, Bill, Tokens};

/// Places in the score at pace 1; divided by the usual pace of 12 they are the latencies measured at the service.
const FIRST_ITEM: Duration = Duration::from_millis(240);
const FIRST_TEXT: Duration = Duration::from_millis(60);
const FIRST_AUDIO: Duration = Duration::from_millis(240);
const TEXT_GAP: Duration = Duration::from_millis(120);
const ARGUMENTS_GAP: Duration = Duration::from_millis(60);
const NEXT_ITEM: Duration = Duration::from_millis(24);
/// A server's tool takes this long.
const MCP_CALL: Duration = Duration::from_millis(600);
/// The transcript is done when this share of the audio was sent.
const TRANSCRIPT_LEAD: f64 = 0.6;

/// A response in progress.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) key: u64,
    pub(super) id: String,
    /// False for `conversation: "none"`.
    pub(super) in_conversation: bool,
    /// Fields that do not change: conversation_id, output_modalities, max_output_tokens, audio.
    pub(super) constants: Value,
    pub(super) metadata: Value,
    pub(super) format: Format,
    pub(super) outputs: Vec<Output>,
    /// Index of the item between its `added` and its `done`.
    pub(super) open: Option<usize>,
    pub(super) finished: Vec<Value>,
    pub(super) ending: Ending,
    pub(super) stopping: bool,
    /// What it cost, without its output.
    pub(super) bill: Bill,
    /// What the client asked for; a response that follows by itself asks for the same.
    pub(super) wanted: Value,
}

/// One output item.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) item_id: String,
    pub(super) kind: Kind,
    /// Text, transcript or arguments sent so far.
    pub(super) text: String,
    pub(super) samples: usize,
    pub(super) previous: Option<String>,
    /// Models that reason tell what kind of message it is.
    pub(super) phase: Option<&'static str>,
    /// A server's tool has been called.
    pub(super) performed: bool,
}

/// What an output item is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text {
        words: String,
    },
    Speech {
        words: String,
        samples: Arc<[i16]>,
    },
    /// `call_id` is empty until the item gets its ids.
    Call {
        name: String,
        call_id: String,
        arguments: String,
    },
    McpCall {
        call: McpCall,
        approval: Option<String>,
    },
    Approval {
        call: McpCall,
    },
}

/// How a response ends.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    Completed,
    Cancelled(String),
    Incomplete(String),
    Failed(Failure),
}

/// One action of a response.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Open(usize),
    /// A piece of text, transcript or arguments.
    Text(String),
    Audio(Range<usize>),
    /// The arguments are complete, and a server's tool is called.
    Perform,
    Close,
    Finish,
}

impl Step {
    pub(super) fn is_delta(&self) -> bool {
        matches!(self, Step::Text(_) | Step::Audio(_))
    }
}

impl Response {
    /// The steps with their places at pace 1.
    pub(super) fn score(&self, delta_ms: u32) -> Vec<(Duration, Step)> {
        let mut score = Vec::new();
        let mut place = FIRST_ITEM;
        let failed = matches!(self.ending, Ending::Failed(_));
        for (index, output) in self.outputs.iter().enumerate().filter(|_| !failed) {
            score.push((place, Step::Open(index)));
            let end = self.score_output(output, place, delta_ms, &mut score);
            score.sort_by_key(|(place, _)| *place);
            score.push((end, Step::Close));
            place = end + NEXT_ITEM;
        }
        score.push((place, Step::Finish));
        score
    }

    fn score_output(
        &self,
        output: &Output,
        start: Duration,
        delta_ms: u32,
        score: &mut Vec<(Duration, Step)>,
    ) -> Duration {
        let text = start + FIRST_TEXT;
        match &output.kind {
            Kind::Text { words } => score_text(pieces(words), text, TEXT_GAP, score),
            Kind::Call { arguments, .. } => score_text(argument_pieces(arguments), text, ARGUMENTS_GAP, score),
            Kind::Approval { .. } => text,
            Kind::McpCall { call, .. } => {
                let complete = score_text(argument_pieces(&call.arguments), text, ARGUMENTS_GAP, score);
                score.push((complete, Step::Perform));
                complete + MCP_CALL
            }
            Kind::Speech { words, samples } => {
                let audio = start + FIRST_AUDIO;
                let rate = self.format.sample_rate();
                let length = Duration::from_secs_f64(samples.len() as f64 / f64::from(rate));
                let count = pieces(words).count().max(1) as u32;
                let spoken = score_text(pieces(words), text, length.mul_f64(TRANSCRIPT_LEAD) / count, score);
                let chunk = (u64::from(rate) * u64::from(delta_ms) / 1000) as usize;
                let mut last = audio;
                for (index, from) in (0..samples.len()).step_by(chunk.max(1)).enumerate() {
                    last = audio + Duration::from_millis(u64::from(delta_ms)) * index as u32;
                    score.push((last, Step::Audio(from..(from + chunk).min(samples.len()))));
                }
                last.max(spoken) + Duration::from_millis(48)
            }
        }
    }

    /// Messages before a call comment on it; the last word is the answer.
    pub(super) fn name_phases(&mut self) {
        let mut phase = "final_answer";
        for output in self.outputs.iter_mut().rev() {
            match output.is_message() {
                true => output.phase = Some(phase),
                false => phase = "commentary",
            }
        }
    }

    /// The object of `response.created`.
    pub(super) fn created(&self) -> Value {
        self.json("in_progress", Value::Null, Value::Null)
    }

    /// The object of `response.done`.
    pub(super) fn done(&self) -> Value {
        let details = match &self.ending {
            Ending::Completed => Value::Null,
            Ending::Cancelled(reason) => json!({"type": "cancelled", "reason": reason}),
            Ending::Incomplete(reason) => json!({"type": "incomplete", "reason": reason}),
            Ending::Failed(Failure { kind, code, message }) => {
                json!({"type": "failed", "error": {"type": kind, "code": code, "message": message}})
            }
        };
        let bill = Bill { output: self.generated(), ..self.bill };
        self.json(self.status(), details, bill.json())
    }

    pub(super) fn status(&self) -> &'static str {
        match &self.ending {
            Ending::Completed => "completed",
            Ending::Cancelled(_) => "cancelled",
            Ending::Incomplete(_) => "incomplete",
            Ending::Failed(_) => "failed",
        }
    }

    /// Time that the audio takes to play.
    pub(super) fn played(&self) -> Duration {
        let samples: usize = self.outputs.iter().map(|output| output.samples).sum();
        Duration::from_secs_f64(samples as f64 / f64::from(self.format.sample_rate()))
    }

    /// True if the service goes on by itself: it has outputs of servers' tools and waits for nobody.
    pub(super) fn goes_on(&self) -> bool {
        let waits = |output: &Output| matches!(output.kind, Kind::Call { .. } | Kind::Approval { .. });
        let completed = self.in_conversation && matches!(self.ending, Ending::Completed);
        completed && self.outputs.iter().any(|output| output.performed) && !self.outputs.iter().any(waits)
    }

    fn generated(&self) -> Tokens {
        let mut tokens = Tokens::default();
        for output in &self.outputs {
            tokens += Tokens {
                text: text_tokens(&output.text),
                audio: output_audio_tokens(output.samples, self.format.sample_rate()),
                image: 0,
            };
        }
        tokens
    }

    fn json(&self, status: &str, details: Value, usage: Value) -> Value {
        let mut response = json!({
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": self.finished,
        });
        if let (Value::Object(fields), Value::Object(constants)) = (&mut response, &self.constants) {
            fields.extend(constants.clone());
            fields.insert("usage".to_owned(), usage);
            fields.insert("metadata".to_owned(), self.metadata.clone());
        }
        response
    }
}

impl Output {
    pub(super) fn new(ids: &mut Ids, mut kind: Kind) -> Self {
        if let Kind::Call { call_id, .. } = &mut kind {
            if call_id.is_empty() {
                *call_id = ids.call();
            }
        }
        Output {
            item_id: ids.make("item"),
            kind,
            text: String::new(),
            samples: 0,
            previous: None,
            phase: None,
            performed: false,
        }
    }

    /// The item as it stands: empty at its start, with what was sent at its end.
    pub(super) fn item(&self, status: &str) -> Value {
        match &self.kind {
            Kind::Call { name, call_id, .. } => json!({
                "id": self.item_id,
                "type": "function_call",
                "status": status,
                "name": name,
                "call_id": call_id,
                "arguments": self.text,
            }),
            Kind::McpCall { call, approval } => self.mcp_item(call, approval.as_deref()),
            Kind::Approval { call } => json!({
                "id": self.item_id,
                "type": "mcp_approval_request",
                "server_label": call.server_label,
                "name": call.name,
                "arguments": call.arguments,
            }),
            Kind::Text { .. } | Kind::Speech { .. } => self.message(status),
        }
    }

    fn message(&self, status: &str) -> Value {
        let mut item = json!({"id": self.item_id, "type": "message", "status": status, "role": "assistant"});
        if let Some(phase) = self.phase {
            item["phase"] = phase.into();
        }
        item["content"] = if status == "in_progress" { json!([]) } else { json!([self.content()]) };
        item
    }

    fn mcp_item(&self, call: &McpCall, approval: Option<&str>) -> Value {
        let (output, error) = match &call.outcome {
            Outcome::Output(text) if self.performed => (json!(text), Value::Null),
            Outcome::Error(error) if self.performed => (Value::Null, error.clone()),
            _ => (Value::Null, Value::Null),
        };
        json!({
            "id": self.item_id,
            "type": "mcp_call",
            "approval_request_id": approval,
            "server_label": call.server_label,
            "name": call.name,
            "arguments": self.text,
            "output": output,
            "error": error,
        })
    }

    pub(super) fn is_message(&self) -> bool {
        matches!(self.kind, Kind::Text { .. } | Kind::Speech { .. })
    }

    /// The content part of `response.content_part.added` and `.done`, whose type has no `output_`.
    pub(super) fn part(&self) -> Value {
        match &self.kind {
            Kind::Speech { .. } => json!({"type": "audio", "transcript": self.text}),
            _ => json!({"type": "text", "text": self.text}),
        }
    }

    fn content(&self) -> Value {
        match &self.kind {
            Kind::Speech { .. } => json!({"type": "output_audio", "transcript": self.text}),
            _ => json!({"type": "output_text", "text": self.text}),
        }
    }
}

fn score_text<'a>(
    pieces: impl Iterator<Item = &'a str>,
    start: Duration,
    gap: Duration,
    score: &mut Vec<(Duration, Step)>,
) -> Duration {
    let mut place = start;
    for piece in pieces {
        score.push((place, Step::Text(piece.to_owned())));
        place += gap;
    }
    place
}
