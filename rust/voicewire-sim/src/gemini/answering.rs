//! A turn of the model begins: its content is composed and scheduled; between the user's turn and the score.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::talk::{Cue, Talk};
use super::turn::{score, Content, Cut, Stage, Turn};
use super::usage::Bill;
use super::Close;
use crate::conversation::Item;
use crate::reply::{Part, Prompt, Reply};
use crate::script::{Call, Status};
use crate::sound::{resample, tone, Sound, VOICE_RATE};
use crate::voice;

const NO_QUOTA: &str = "Resource has been exhausted (e.g. check quota).";

impl Talk {
    /// Answer what the conversation holds; a turn that is open has to be ended before.
    pub(super) fn respond(&mut self, now: Instant) {
        self.owed = false;
        if !self.setup.profile.answers {
            return;
        }
        self.turns += 1;
        let reply = self.reply();
        let (delay, status) = (reply.delay, reply.status);
        if let Some(close) = self.failure(&reply) {
            self.timeline.push(now + delay, Duration::ZERO, Cue::Fail(close));
            return;
        }
        let mut content = self.compose(reply);
        content.halved = matches!(status, Status::Incomplete | Status::Cancelled);
        self.tell_no_handle();
        let cut = Cut { delta_ms: self.manner.delta_ms, ragged: self.setup.profile.ragged };
        for (place, step) in score(&content, cut) {
            self.timeline.push(now + delay + self.paced(place), place, Cue::Turn(step));
        }
        self.turn = Some(Turn {
            stage: Stage::Generating,
            samples: content.samples,
            words: String::new(),
            bill: Bill::of_prompt(&self.setup.instructions, &self.tools_json(), self.conversation.items()),
            cancelled: status == Status::Cancelled,
            begun: false,
        });
    }

    /// Answer the user's item: at once, or after the open turn where the client wants it to go on.
    pub(super) fn answer_user(&mut self, item: Item, now: Instant) {
        if self.setup.interrupts {
            self.interrupt();
        }
        self.conversation.push(item);
        if self.turn.is_some() {
            self.owed = true;
        } else {
            self.respond(now);
        }
    }

    fn reply(&self) -> Reply {
        let tools = self.tools_json();
        let prompt = Prompt {
            items: self.conversation.items().iter().collect(),
            instructions: &self.setup.instructions,
            tools: &tools,
            tool_choice: &self.wanted_tool(),
            parallel: true,
            number: self.turns,
        };
        prompt.answer(&self.shared.stage)
    }

    /// A declared function whose name is among the user's last words, so that calls can be had without a script.
    fn wanted_tool(&self) -> Value {
        let last = self.conversation.items().iter().rev().find(|item| item.is_user_message());
        let words = last.map(|item| item.text().to_lowercase()).unwrap_or_default();
        let named = |name: &str| words.contains(name) || words.contains(&name.replace('_', " "));
        match self.setup.tools.iter().find(|tool| named(&tool.name.to_lowercase())) {
            Some(tool) => json!({"type": "function", "name": tool.name}),
            None => "auto".into(),
        }
    }

    fn tools_json(&self) -> Value {
        self.setup.tools.iter().map(|tool| tool.json()).collect()
    }

    fn failure(&mut self, reply: &Reply) -> Option<Close> {
        if std::mem::take(&mut self.rate_limited) {
            return Some(Close::new(1011, NO_QUOTA));
        }
        let told = reply.error.as_ref().map(|error| Close::new(1011, &error.message));
        (reply.status == Status::Failed).then(|| told.unwrap_or_else(|| Close::usual(1011)))
    }

    fn compose(&self, reply: Reply) -> Content {
        let mut content = Content::default();
        let mut samples: Vec<i16> = Vec::new();
        let mut sentences = Vec::new();
        for part in reply.parts {
            match part {
                Part::Message { words, sound } => {
                    samples.extend_from_slice(&self.perform(&sound, &words));
                    sentences.push(words);
                }
                Part::Call(call) => content.calls.push(call),
                // MCP is the other family's.
                Part::McpCall(..) | Part::Approval(_) => {}
            }
        }
        content.blocks = content.calls.iter().any(|call| self.is_blocking(&call.name));
        if sentences.is_empty() && !content.calls.is_empty() && !content.blocks {
            let words = meanwhile(&content.calls);
            samples.extend_from_slice(&self.perform(&Sound::Speech, &words));
            sentences.push(words);
        }
        content.words = sentences.join(" ");
        content.samples = samples.into();
        content.thought = (self.setup.thinks && !sentences.is_empty()).then(|| thought(&content));
        content
    }

    /// The model waits for this function; so it does for one that was not declared.
    pub(super) fn is_blocking(&self, name: &str) -> bool {
        self.setup.tools.iter().find(|tool| tool.name == name).is_none_or(|tool| tool.blocking)
    }

    /// Samples at `VOICE_RATE`; none for a written answer.
    fn perform(&self, sound: &Sound, words: &str) -> Arc<[i16]> {
        if !self.setup.spoken {
            return Arc::default();
        }
        let speech = || self.shared.studio.speak(words, &self.setup.voice, 1.0);
        match sound {
            Sound::Speech => speech(),
            Sound::Tone => tone(voice::duration(words)).into(),
            Sound::Recording(samples) => Arc::clone(samples),
            Sound::Echo => {
                let spoken = self.conversation.items().iter().rev().filter(|item| item.is_user_message());
                match spoken.filter_map(|item| item.audio.as_ref()).next() {
                    Some(audio) => resample(audio.samples(), audio.sample_rate(), VOICE_RATE).into(),
                    None => speech(),
                }
            }
        }
    }
}

/// What is said while calls are answered that nobody waits for.
fn meanwhile(calls: &[Call]) -> String {
    let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
    format!("I am asking {}.", names.join(" and "))
}

fn thought(content: &Content) -> String {
    match content.calls.first() {
        Some(call) => format!("**Choosing a Tool**\n\nI call {} and wait for what it says.\n\n\n", call.name),
        None => "**Reflecting the Words**\n\nI repeat what I was told, so that it can be checked.\n\n\n".to_owned(),
    }
}
