//! Steps "message → event" and "resample → base64": how samples are written on the wire.

use crate::base64::{self, DecodeError, Decoded};
use crate::g711::{self, Law};

/// How samples are written on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Two bytes a sample, little-endian.
    #[default]
    Pcm16,
    /// A byte a sample.
    G711(Law),
}

impl Codec {
    /// The codec with that public name: "pcm16", "g711_ulaw" or "g711_alaw".
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "pcm16" => Some(Self::Pcm16),
            "g711_ulaw" => Some(Self::G711(Law::Ulaw)),
            "g711_alaw" => Some(Self::G711(Law::Alaw)),
            _ => None,
        }
    }

    /// The public name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcm16 => "pcm16",
            Self::G711(Law::Ulaw) => "g711_ulaw",
            Self::G711(Law::Alaw) => "g711_alaw",
        }
    }

    /// The media type, without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pcm16 => "audio/pcm",
            Self::G711(Law::Ulaw) => "audio/pcmu",
            Self::G711(Law::Alaw) => "audio/pcma",
        }
    }

    /// Appends the base64 of `samples` to `out`.
    pub fn encode_base64(self, samples: &[i16], out: &mut Vec<u8>) {
        match self {
            Self::Pcm16 => base64::encode_pcm16(samples, out),
            Self::G711(law) => {
                let mut bytes = Vec::with_capacity(samples.len());
                g711::encode(law, samples, &mut bytes);
                base64::encode_bytes(&bytes, out);
            }
        }
    }

    /// Decodes base64 to samples.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but padded standard base64.
    pub fn decode_base64(self, text: &[u8]) -> Result<Decoded, DecodeError> {
        match self {
            Self::Pcm16 => base64::decode_pcm16(text),
            Self::G711(law) => {
                let bytes = base64::decode_bytes(text)?;
                let mut samples = Vec::with_capacity(bytes.len());
                g711::decode(law, &bytes, &mut samples);
                Ok(Decoded { samples, odd_byte: false })
            }
        }
    }
}
