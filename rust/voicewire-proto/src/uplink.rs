//! Step "base64 → message": wraps samples for the wire without a JSON writer.

use voicewire_audio::base64;

/// Writes audio messages: a constant prefix, base64, a constant suffix.
#[derive(Clone, Copy, Debug)]
pub struct AudioEncoder {
    prefix: &'static str,
    suffix: &'static str,
    /// Hz of the samples on the wire.
    pub sample_rate: u32,
}

impl AudioEncoder {
    /// An encoder whose messages are `prefix` base64 `suffix`.
    pub const fn new(prefix: &'static str, suffix: &'static str, sample_rate: u32) -> Self {
        Self { prefix, suffix, sample_rate }
    }

    /// Appends the message for `samples` to `out`.
    pub fn encode(&self, samples: &[i16], out: &mut Vec<u8>) {
        out.reserve(self.prefix.len() + self.suffix.len() + samples.len() * 8 / 3 + 4);
        out.extend_from_slice(self.prefix.as_bytes());
        base64::encode_pcm16(samples, out);
        out.extend_from_slice(self.suffix.as_bytes());
    }
}
