//! Token counts as the service bills them; the last step before `response.done`.

use serde_json::{json, Value};

use crate::conversation::Item;

/// Tokens in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) text: u64,
    pub(crate) audio: u64,
}

impl Tokens {
    /// Input: 100 ms of audio a token.
    pub(crate) fn of_item(item: &Item) -> Self {
        let audio = item.audio.as_ref().map_or(0, |audio| audio.len_ms().div_ceil(100));
        let written = match item.kind() {
            "function_call" => text_tokens(item.value["arguments"].as_str().unwrap_or_default()) + 4,
            "function_call_output" => text_tokens(item.value["output"].as_str().unwrap_or_default()) + 4,
            _ if audio > 0 => 0,
            _ => text_tokens(&item.text()) + 3,
        };
        Tokens { text: written, audio }
    }

    pub(crate) fn total(self) -> u64 {
        self.text + self.audio
    }
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        self.text += other.text;
        self.audio += other.audio;
    }
}

/// Output: 50 ms of audio a token.
pub(crate) fn output_audio_tokens(samples: usize, sample_rate: u32) -> u64 {
    (samples as u64 * 20).div_ceil(u64::from(sample_rate))
}

/// Four characters a token, the rule of thumb for English.
pub(crate) fn text_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// The object `usage` of a response.
pub(crate) fn usage(input: Tokens, output: Tokens) -> Value {
    json!({
        "total_tokens": input.total() + output.total(),
        "input_tokens": input.total(),
        "output_tokens": output.total(),
        "input_token_details": {
            "text_tokens": input.text,
            "audio_tokens": input.audio,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": output.text, "audio_tokens": output.audio},
    })
}
