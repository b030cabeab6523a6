//! The content of a response: words, sounds and calls, within its token limit; between the reply and the score.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::response::{Ending, Kind};
use super::Session;
use crate::conversation::Item;
use crate::reply::{Part, Prompt, Reply};
use crate::script::{Failure, Status};
use crate::sound::{resample, tone, Format, Sound, VOICE_RATE};
use crate::usage::{Bill, Tokens};
use crate::voice;

/// What a response will hold.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) kinds: Vec<Kind>,
    pub(super) delay: Duration,
    pub(super) ending: Ending,
    /// The script ends it half way.
    pub(super) halved: bool,
    pub(super) bill: Bill,
}

impl Session {
    /// Compose what a response with these wishes says; `items` replace the conversation as context, `parts` the reply.
    pub(super) fn compose(
        &mut self,
        wanted: &Value,
        items: Option<&[Item]>,
        parts: Option<Vec<Part>>,
        output: &Value,
    ) -> Content {
        let prompt = self.prompt(wanted, items);
        let bill = self.bill(wanted, &prompt);
        let reply = match parts {
            Some(parts) => Reply { parts, ..Reply::default() },
            None => prompt.answer(&self.stage),
        };
        let halved = matches!(reply.status, Status::Incomplete | Status::Cancelled);
        let mut ending = ending(reply.status, reply.reason, reply.error);
        let spoken = self.wish(wanted, "output_modalities")[0] != "text";
        let mut budget = Budget::new(self.wish(wanted, "max_output_tokens"));
        let mut kinds = Vec::new();
        for part in reply.parts {
            if budget.spent {
                break;
            }
            kinds.push(self.kind_of(part, spoken.then_some(output), &mut budget, &prompt));
        }
        if budget.spent {
            ending = Ending::Incomplete("max_output_tokens".to_owned());
        }
        self.prompted = bill.input;
        if std::mem::take(&mut self.rate_limited) {
            ending = Ending::Failed(rate_limit());
        }
        Content { kinds, delay: reply.delay, ending, halved, bill }
    }

    /// The part as far as the budget goes; `output` has the sound of a spoken answer.
    fn kind_of(&self, part: Part, output: Option<&Value>, budget: &mut Budget, prompt: &Prompt<'_>) -> Kind {
        match part {
            Part::Message { words, sound } => match output {
                Some(output) => {
                    let words = budget.cut(words, SPOKEN);
                    let samples = self.perform(&sound, &words, output, prompt);
                    Kind::Speech { words, samples }
                }
                None => Kind::Text { words: budget.cut(words, WRITTEN) },
            },
            Part::Call(call) => Kind::Call {
                name: call.name,
                call_id: call.call_id.unwrap_or_default(),
                arguments: budget.cut(call.arguments, WRITTEN),
            },
            Part::McpCall(call, approval) => Kind::McpCall { call, approval },
            Part::Approval(call) => Kind::Approval { call },
        }
    }

    fn bill(&self, wanted: &Value, prompt: &Prompt<'_>) -> Bill {
        let mut input = Tokens::of_text(prompt.instructions);
        if prompt.tools.as_array().is_some_and(|tools| !tools.is_empty()) {
            input += Tokens::of_text(&prompt.tools.to_string());
        }
        for item in &prompt.items {
            input += Tokens::of_item(item);
        }
        let effort = self.wish(wanted, "reasoning")["effort"].as_str();
        Bill { input, cached: input.cached_of(self.prompted), reasoning: effort.map(thought), ..Bill::default() }
    }

    fn prompt<'a>(&'a self, wanted: &'a Value, items: Option<&'a [Item]>) -> Prompt<'a> {
        let own = wanted["instructions"].as_str();
        let session = self.settings.json()["instructions"].as_str().filter(|_| self.instructed);
        Prompt {
            items: items.unwrap_or(self.conversation.items()).iter().collect(),
            instructions: own.or(session).unwrap_or_default(),
            tools: self.wish(wanted, "tools"),
            tool_choice: self.wish(wanted, "tool_choice"),
            parallel: *self.wish(wanted, "parallel_tool_calls") != false,
            number: self.response_count,
        }
    }

    /// Samples of a sound at the rate of the response's format.
    fn perform(&self, sound: &Sound, words: &str, output: &Value, prompt: &Prompt<'_>) -> Arc<[i16]> {
        let format = Format::from_json(&output["format"]);
        let voice = output["voice"].as_str().or_else(|| output["voice"]["id"].as_str()).unwrap_or("alloy");
        let speed = output["speed"].as_f64().unwrap_or(1.0);
        let (samples, rate): (Arc<[i16]>, u32) = match sound {
            Sound::Speech => (self.studio.speak(words, voice, speed), VOICE_RATE),
            Sound::Tone => (tone(voice::duration(words)).into(), VOICE_RATE),
            Sound::Recording(samples) => (Arc::clone(samples), VOICE_RATE),
            Sound::Echo => match prompt.last_audio() {
                Some(audio) => (audio.samples().into(), audio.sample_rate()),
                None => (self.studio.speak(words, voice, speed), VOICE_RATE),
            },
        };
        if rate == format.sample_rate() {
            return samples;
        }
        resample(&samples, rate, format.sample_rate()).into()
    }
}

/// Tokens of text in a written character, and of text and audio in a spoken one (1/14 s at 50 ms a token).
const WRITTEN: f64 = 0.25;
const SPOKEN: f64 = 0.25 + 20.0 / 14.0;

/// The tokens that a response may still use.
#[derive(Debug)]
struct Budget {
    left: f64,
    spent: bool,
}

impl Budget {
    fn new(limit: &Value) -> Self {
        Budget { left: limit.as_f64().unwrap_or(f64::INFINITY), spent: false }
    }

    /// The part of a text that fits.
    fn cut(&mut self, text: String, per_character: f64) -> String {
        let length = text.chars().count();
        let fitting = (self.left / per_character) as usize;
        self.spent = length > fitting;
        self.left -= length as f64 * per_character;
        if self.spent {
            text.chars().take(fitting).collect()
        } else {
            text
        }
    }
}

fn ending(status: Status, reason: Option<String>, error: Option<Failure>) -> Ending {
    let told = |default: &str| reason.unwrap_or_else(|| default.to_owned());
    match status {
        Status::Completed => Ending::Completed,
        Status::Failed => Ending::Failed(error.unwrap_or_else(scripted_failure)),
        Status::Incomplete => Ending::Incomplete(told("max_output_tokens")),
        Status::Cancelled => Ending::Cancelled(told("client_cancelled")),
    }
}

fn scripted_failure() -> Failure {
    failure("server_error", "The script lets this response fail.")
}

fn rate_limit() -> Failure {
    failure("rate_limit_exceeded", "Rate limit reached for the simulator. Please try again in 1s.")
}

fn failure(code: &str, message: &str) -> Failure {
    Failure { kind: "server_error".to_owned(), code: code.to_owned(), message: message.to_owned() }
}

/// Tokens of thought at an effort: more for more, as figures to calculate with.
fn thought(effort: &str) -> u64 {
    match effort {
        "minimal" => 8,
        "low" => 32,
        "medium" => 64,
        "high" => 128,
        _ => 256,
    }
}
