//! What a client sends: recognised, counted, not kept.

use serde_json::Value;

pub(crate) enum Uplink {
    Audio { samples: u64 },
    Ask,
    Configure,
    Other,
}

impl Uplink {
    pub(crate) fn of(message: &[u8]) -> Self {
        if let Some(samples) = appended_samples(message) {
            return Self::Audio { samples };
        }
        let event: Value = serde_json::from_slice(message).unwrap_or_default();
        match event["type"].as_str() {
            Some("response.create") => Self::Ask,
            Some("session.update") => Self::Configure,
            _ => Self::Other,
        }
    }
}

/// Counts the samples of `input_audio_buffer.append` by the length of its text; parsing it would load the server.
fn appended_samples(message: &[u8]) -> Option<u64> {
    let head = &message[..message.len().min(256)];
    let key = head.windows(8).position(|window| window == b"\"audio\":")?;
    let value = message[key + 8..].trim_ascii_start().strip_prefix(b"\"")?;
    let text = &value[..value.iter().position(|byte| *byte == b'"')?];
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    Some((text.len() / 4 * 3).checked_sub(padding)? as u64 / 2)
}
