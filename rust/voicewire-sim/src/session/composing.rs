//! The content of a response: words, sounds and calls, within its token limit; between the reply and the score.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::response::{Ending, Kind};
use super::Session;
use crate::conversation::Item;
use crate::reply::{Part, Prompt};
use crate::script::Status;
use crate::sound::{resample, tone, Format, Sound, VOICE_RATE};
use crate::usage::{text_tokens, Tokens};
use crate::voice;

const RATE_LIMIT: Ending = Ending::Failed {
    code: "rate_limit_exceeded",
    message: "Rate limit reached for the simulator. Please try again in 1s.",
};
const SCRIPTED_FAILURE: Ending =
    Ending::Failed { code: "server_error", message: "The script lets this response fail." };

/// What a response will hold.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) kinds: Vec<Kind>,
    pub(super) delay: Duration,
    pub(super) ending: Ending,
    /// The script ends it half way.
    pub(super) halved: bool,
    pub(super) input: Tokens,
}

impl Session {
    /// Compose what a response with these wishes says; `items` replace the conversation as context.
    pub(super) fn compose(&mut self, wanted: &Value, items: Option<&[Item]>, output: &Value) -> Content {
        let prompt = self.prompt(wanted, items);
        let mut input = Tokens { text: text_tokens(prompt.instructions), audio: 0 };
        for item in &prompt.items {
            input += Tokens::of_item(item);
        }
        let reply = prompt.answer(&self.stage);
        let mut content = Content {
            kinds: Vec::new(),
            delay: reply.delay,
            ending: ending(reply.status),
            halved: matches!(reply.status, Status::Incomplete | Status::Cancelled),
            input,
        };
        let spoken = self.wish(wanted, "output_modalities")[0] != "text";
        let limit = character_limit(self.wish(wanted, "max_output_tokens"), spoken);
        for part in reply.parts {
            let kind = match part {
                Part::Call { name, arguments } => Kind::Call { name, call_id: String::new(), arguments },
                Part::Message { mut words, sound } => {
                    if words.chars().count() > limit {
                        words = words.chars().take(limit).collect();
                        content.ending = Ending::Incomplete("max_output_tokens");
                    }
                    if spoken {
                        let samples = self.perform(&sound, &words, output, &prompt);
                        Kind::Speech { words, samples }
                    } else {
                        Kind::Text { words }
                    }
                }
            };
            content.kinds.push(kind);
        }
        if std::mem::take(&mut self.rate_limited) {
            content.ending = RATE_LIMIT;
        }
        content
    }

    fn prompt<'a>(&'a self, wanted: &'a Value, items: Option<&'a [Item]>) -> Prompt<'a> {
        let own = wanted["instructions"].as_str();
        let session = self.settings.json()["instructions"].as_str().filter(|_| self.instructed);
        Prompt {
            items: items.unwrap_or(self.conversation.items()).iter().collect(),
            instructions: own.or(session).unwrap_or_default(),
            tools: self.wish(wanted, "tools"),
            tool_choice: self.wish(wanted, "tool_choice"),
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

fn ending(status: Status) -> Ending {
    match status {
        Status::Completed => Ending::Completed,
        Status::Failed => SCRIPTED_FAILURE,
        Status::Incomplete => Ending::Incomplete("max_output_tokens"),
        Status::Cancelled => Ending::Cancelled("client_cancelled"),
    }
}

/// Characters that fit into a token limit: four a token of text, and each 1/14 s of audio at 50 ms a token.
fn character_limit(tokens: &Value, spoken: bool) -> usize {
    let per_character = 0.25 + if spoken { 20.0 / 14.0 } else { 0.0 };
    tokens.as_f64().map_or(usize::MAX, |limit| (limit / per_character) as usize)
}
