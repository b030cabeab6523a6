//! Step "base64 → message": wraps samples for the wire without a JSON writer.

use voicewire_audio::base64;
use voicewire_audio::codec::Codec;

/// Writes audio messages: a constant prefix, base64, a constant suffix.
#[derive(Clone, Copy, Debug)]
pub struct AudioEncoder {
    prefix: &'static str,
    suffix: &'static str,
    /// How samples are written on the wire.
    pub codec: Codec,
    /// Hz of the samples on the wire.
    pub sample_rate: u32,
}

impl AudioEncoder {
    /// An encoder whose messages are `prefix` base64 `suffix`, of PCM16.
    pub const fn new(prefix: &'static str, suffix: &'static str, sample_rate: u32) -> Self {
        Self { prefix, suffix, codec: Codec::Pcm16, sample_rate }
    }

    /// The same with another codec.
    pub const fn with_codec(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }

    /// Appends the message for `samples` to `out`.
    pub fn encode(&self, samples: &[i16], out: &mut Vec<u8>) {
        self.wrap(samples.len() * 2, out, |out| self.codec.encode_base64(samples, out));
    }

    /// Appends the message for bytes that are encoded already.
    pub fn encode_bytes(&self, bytes: &[u8], out: &mut Vec<u8>) {
        self.wrap(bytes.len(), out, |out| base64::encode_bytes(bytes, out));
    }

    fn wrap(&self, length: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.reserve(self.prefix.len() + self.suffix.len() + length * 4 / 3 + 4);
        out.extend_from_slice(self.prefix.as_bytes());
        write(out);
        out.extend_from_slice(self.suffix.as_bytes());
    }
}
