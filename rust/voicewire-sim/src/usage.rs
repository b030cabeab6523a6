//! Token counts as the service bills them; the last step before `response.done`.

use serde_json::{json, Value};

use crate::conversation::Item;

/// Tokens of an image at low detail, and at any other.
const IMAGE_LOW: u64 = 85;
const IMAGE_HIGH: u64 = 765;
/// The service caches prompts in steps of this many tokens.
const CACHE_STEP: u64 = 64;

/// Tokens in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) text: u64,
    pub(crate) audio: u64,
    pub(crate) image: u64,
}

impl Tokens {
    pub(crate) fn of_text(text: &str) -> Self {
        Tokens { text: text_tokens(text), ..Tokens::default() }
    }

    /// Input: 100 ms of audio a token.
    pub(crate) fn of_item(item: &Item) -> Self {
        let written = |key: &str| text_tokens(item.value[key].as_str().unwrap_or_default());
        let audio = item.audio.as_ref().map_or(0, |audio| audio.len_ms().div_ceil(100));
        let text = match item.kind() {
            "function_call" => written("arguments") + 4,
            "function_call_output" => written("output") + 4,
            "mcp_call" => written("arguments") + written("output") + 4,
            "mcp_list_tools" => text_tokens(&item.value["tools"].to_string()),
            "mcp_approval_request" | "mcp_approval_response" => written("arguments") + written("reason") + 4,
            _ if audio > 0 => 0,
            _ => text_tokens(&item.text()) + 3,
        };
        Tokens { text, audio, image: image_tokens(item) }
    }

    /// The share of a prompt that the service has cached from the one before.
    pub(crate) fn cached_of(self, before: Tokens) -> Self {
        let step = |now: u64, then: u64| now.min(then) / CACHE_STEP * CACHE_STEP;
        Tokens {
            text: step(self.text, before.text),
            audio: step(self.audio, before.audio),
            image: step(self.image, before.image),
        }
    }

    pub(crate) fn total(self) -> u64 {
        self.text + self.audio + self.image
    }
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        self.text += other.text;
        self.audio += other.audio;
        self.image += other.image;
    }
}

fn image_tokens(item: &Item) -> u64 {
    let parts = item.value["content"].as_array().into_iter().flatten();
    let images = parts.filter(|part| part["type"] == "input_image");
    images.map(|part| if part["detail"] == "low" { IMAGE_LOW } else { IMAGE_HIGH }).sum()
}

/// Output: 50 ms of audio a token.
pub(crate) fn output_audio_tokens(samples: usize, sample_rate: u32) -> u64 {
    (samples as u64 * 20).div_ceil(u64::from(sample_rate))
}

/// Four characters a token, the rule of thumb for English.
pub(crate) fn text_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// What a response cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bill {
    pub(crate) input: Tokens,
    pub(crate) cached: Tokens,
    pub(crate) output: Tokens,
    /// Tokens of thought, where the model reasons.
    pub(crate) reasoning: Option<u64>,
}

impl Bill {
    /// The object `usage` of a response.
    pub(crate) fn json(self) -> Value {
        let output = self.output.total() + self.reasoning.unwrap_or_default();
        let mut usage = json!({
            "total_tokens": self.input.total() + output,
            "input_tokens": self.input.total(),
            "output_tokens": output,
            "input_token_details": {
                "text_tokens": self.input.text,
                "audio_tokens": self.input.audio,
                "image_tokens": self.input.image,
                "cached_tokens": self.cached.total(),
                "cached_tokens_details": {
                    "text_tokens": self.cached.text,
                    "audio_tokens": self.cached.audio,
                    "image_tokens": self.cached.image,
                },
            },
            "output_token_details": {"text_tokens": self.output.text, "audio_tokens": self.output.audio},
        });
        if let Some(tokens) = self.reasoning {
            usage["output_token_details"]["reasoning_tokens"] = tokens.into();
        }
        usage
    }
}
