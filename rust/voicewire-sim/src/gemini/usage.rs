//! Token counts in this service's words; they stand beside `turnComplete`.

use serde_json::{json, Value};

use super::endpoint::Backend;
use crate::conversation::Item;
use crate::sound::VOICE_RATE;
use crate::usage::{text_tokens, Tokens};

/// Audio of one token in milliseconds, both ways.
const AUDIO_TOKEN_MS: u64 = 40;
/// Tokens of an image.
const IMAGE_TOKENS: u64 = 258;

/// What a turn cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bill {
    /// The whole context, each turn again.
    pub(super) prompt: Tokens,
    pub(super) response: Tokens,
    pub(super) thoughts: u64,
}

impl Bill {
    /// The bill for a context, before anything was answered.
    pub(super) fn of_prompt(instructions: &str, tools: &Value, items: &[Item]) -> Self {
        let mut prompt = Tokens::of_text(instructions);
        if tools.as_array().is_some_and(|tools| !tools.is_empty()) {
            prompt += Tokens::of_text(&tools.to_string());
        }
        for item in items {
            prompt += tokens_of(item);
        }
        Bill { prompt, ..Bill::default() }
    }

    pub(super) fn add_text(&mut self, text: &str) {
        self.response.text += text_tokens(text);
    }

    pub(super) fn set_audio(&mut self, samples: usize) {
        let ms = samples as u64 * 1000 / u64::from(VOICE_RATE);
        self.response.audio = ms.div_ceil(AUDIO_TOKEN_MS);
    }

    /// The object `usageMetadata`.
    pub(super) fn json(&self, backend: Backend) -> Value {
        let (count, details) = match backend {
            Backend::AiStudio => ("responseTokenCount", "responseTokensDetails"),
            Backend::Vertex => ("candidatesTokenCount", "candidatesTokensDetails"),
        };
        let mut usage = json!({
            "promptTokenCount": self.prompt.total(),
            count: self.response.total(),
            "totalTokenCount": self.prompt.total() + self.response.total(),
            "promptTokensDetails": by_modality(self.prompt),
            details: by_modality(self.response),
        });
        if self.thoughts > 0 {
            usage["thoughtsTokenCount"] = self.thoughts.into();
        }
        usage
    }
}

fn by_modality(tokens: Tokens) -> Value {
    let counts = [("TEXT", tokens.text), ("AUDIO", tokens.audio), ("IMAGE", tokens.image)];
    let told = counts.into_iter().filter(|(_, count)| *count > 0);
    told.map(|(modality, count)| json!({"modality": modality, "tokenCount": count})).collect()
}

fn tokens_of(item: &Item) -> Tokens {
    let spoken = item.audio.as_ref().map_or(0, |audio| audio.len_ms().div_ceil(AUDIO_TOKEN_MS));
    let parts = item.value["content"].as_array().into_iter().flatten();
    let image = parts.filter(|part| part["type"] == "input_image").count() as u64 * IMAGE_TOKENS;
    let text = if spoken > 0 { 0 } else { Tokens::of_item(item).text };
    Tokens { text, audio: spoken, image }
}
