//! Step "message → event": the tokens that a turn cost.

use super::wire::UsageMetadata;
use crate::usage::Usage;

impl Usage {
    /// Reads Gemini's tokens. The input is the whole context of the turn; thoughts are not counted in the total.
    pub(super) fn from_gemini(told: &UsageMetadata) -> Self {
        let mut usage = Self {
            input_tokens: told.prompt_token_count.0 + told.tool_use_prompt_token_count.0,
            output_tokens: told.response_token_count.0.max(told.candidates_token_count.0),
            total_tokens: told.total_token_count.0,
            cached_tokens: told.cached_content_token_count.0,
            ..Self::default()
        };
        for detail in told.prompt_tokens_details.iter().flatten() {
            match detail.modality.as_deref() {
                Some("AUDIO") => usage.input_audio_tokens += detail.token_count.0,
                Some("IMAGE" | "VIDEO") => usage.input_image_tokens += detail.token_count.0,
                _ => usage.input_text_tokens += detail.token_count.0,
            }
        }
        for detail in told.cache_tokens_details.iter().flatten() {
            match detail.modality.as_deref() {
                Some("AUDIO") => usage.cached_audio_tokens += detail.token_count.0,
                _ => usage.cached_text_tokens += detail.token_count.0,
            }
        }
        for detail in
            told.response_tokens_details.as_ref().or(told.candidates_tokens_details.as_ref()).into_iter().flatten()
        {
            match detail.modality.as_deref() {
                Some("AUDIO") => usage.output_audio_tokens += detail.token_count.0,
                _ => usage.output_text_tokens += detail.token_count.0,
            }
        }
        usage
    }
}
