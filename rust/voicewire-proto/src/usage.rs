//! Tokens that a provider reports for a response.

use serde_json::Value;

/// Tokens of one response, by direction and kind; 0 where the provider does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens read.
    pub input_tokens: u64,
    /// All tokens written.
    pub output_tokens: u64,
    /// Input and output together.
    pub total_tokens: u64,
    /// Text read.
    pub input_text_tokens: u64,
    /// Audio read.
    pub input_audio_tokens: u64,
    /// Images read.
    pub input_image_tokens: u64,
    /// Part of the input that came from the provider's cache.
    pub cached_tokens: u64,
    /// Cached text.
    pub cached_text_tokens: u64,
    /// Cached audio.
    pub cached_audio_tokens: u64,
    /// Text written.
    pub output_text_tokens: u64,
    /// Audio written.
    pub output_audio_tokens: u64,
}

impl Usage {
    /// Names and values.
    pub fn each(&self) -> [(&'static str, u64); 11] {
        [
            ("input_tokens", self.input_tokens),
            ("output_tokens", self.output_tokens),
            ("total_tokens", self.total_tokens),
            ("input_text_tokens", self.input_text_tokens),
            ("input_audio_tokens", self.input_audio_tokens),
            ("input_image_tokens", self.input_image_tokens),
            ("cached_tokens", self.cached_tokens),
            ("cached_text_tokens", self.cached_text_tokens),
            ("cached_audio_tokens", self.cached_audio_tokens),
            ("output_text_tokens", self.output_text_tokens),
            ("output_audio_tokens", self.output_audio_tokens),
        ]
    }

    /// Reads OpenAI's usage object; some clones write `input_tokens_details` with an s.
    pub fn from_openai(value: &Value) -> Option<Self> {
        let usage = value.as_object()?;
        let count =
            |object: Option<&Value>, key: &str| object.and_then(|o| o.get(key)).and_then(Value::as_u64).unwrap_or(0);
        let details = |side: &str| {
            usage.get(&format!("{side}_token_details")).or_else(|| usage.get(&format!("{side}_tokens_details")))
        };
        let (input, output) = (details("input"), details("output"));
        let cached = input.and_then(|details| details.get("cached_tokens_details"));
        Some(Self {
            input_tokens: count(Some(value), "input_tokens"),
            output_tokens: count(Some(value), "output_tokens"),
            total_tokens: count(Some(value), "total_tokens"),
            input_text_tokens: count(input, "text_tokens"),
            input_audio_tokens: count(input, "audio_tokens"),
            input_image_tokens: count(input, "image_tokens"),
            cached_tokens: count(input, "cached_tokens"),
            cached_text_tokens: count(cached, "text_tokens"),
            cached_audio_tokens: count(cached, "audio_tokens"),
            output_text_tokens: count(output, "text_tokens"),
            output_audio_tokens: count(output, "audio_tokens"),
        })
    }
}
