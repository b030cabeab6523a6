//! Audio as it stands on the wire, and sounds that are no voice: tone, WAV, resampling.

use std::f64::consts::TAU;
use std::sync::Arc;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::{json, Value};

use crate::g711::{self, Law};

/// Rate of the simulator's own sounds.
pub(crate) const VOICE_RATE: u32 = 24_000;
const TONE_HZ: f64 = 440.0;

/// The sound of a scripted reply.
#[derive(Clone, Debug)]
pub(crate) enum Sound {
    /// The words, spoken.
    Speech,
    /// A sine of 440 Hz, as long as the words would take.
    Tone,
    /// The user's last audio.
    Echo,
    /// A recording, mono at `VOICE_RATE`.
    Recording(Arc<[i16]>),
}

/// An audio format of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// PCM16 of so many samples a second: 24,000 at OpenAI, other rates in other dialects.
    Pcm(u32),
    G711(Law),
}

impl Sound {
    /// Read a WAV of any rate; channels are mixed.
    pub(crate) fn read_wav(path: &str) -> Result<Sound, String> {
        let problem = |error: hound::Error| format!("expected speech, tone, echo or a readable WAV ({error})");
        let mut reader = hound::WavReader::open(path).map_err(problem)?;
        let spec = reader.spec();
        let samples: Vec<f64> = match spec.sample_format {
            hound::SampleFormat::Float => {
                reader.samples::<f32>().map(|s| s.map(f64::from)).collect::<Result<_, _>>().map_err(problem)?
            }
            hound::SampleFormat::Int => {
                let scale = 2f64.powi(i32::from(spec.bits_per_sample) - 1);
                let read = reader.samples::<i32>().map(|s| s.map(|s| f64::from(s) / scale));
                read.collect::<Result<_, _>>().map_err(problem)?
            }
        };
        let channels = usize::from(spec.channels.max(1));
        let mix = |frame: &[f64]| (frame.iter().sum::<f64>() / frame.len() as f64 * 32768.0) as i16;
        let mono: Vec<i16> = samples.chunks(channels).map(mix).collect();
        Ok(Sound::Recording(resample(&mono, spec.sample_rate, VOICE_RATE).into()))
    }
}

impl Default for Format {
    fn default() -> Self {
        Format::Pcm(VOICE_RATE)
    }
}

impl Format {
    /// Of a session's `format` object; its shape is checked already.
    pub(crate) fn from_json(format: &Value) -> Self {
        match format["type"].as_str() {
            Some("audio/pcmu") => Format::G711(Law::Mu),
            Some("audio/pcma") => Format::G711(Law::A),
            _ => Format::Pcm(format["rate"].as_u64().map_or(VOICE_RATE, |rate| rate as u32)),
        }
    }

    pub(crate) fn to_json(self) -> Value {
        match self {
            Format::Pcm(rate) => json!({"type": "audio/pcm", "rate": rate}),
            Format::G711(Law::Mu) => json!({"type": "audio/pcmu"}),
            Format::G711(Law::A) => json!({"type": "audio/pcma"}),
        }
    }

    pub(crate) fn sample_rate(self) -> u32 {
        match self {
            Format::Pcm(rate) => rate,
            Format::G711(_) => 8_000,
        }
    }

    /// Base64 text of samples at this format's rate.
    pub(crate) fn encode(self, samples: &[i16]) -> String {
        let mut bytes = Vec::with_capacity(samples.len() * 2);
        match self {
            Format::Pcm(_) => samples.iter().for_each(|sample| bytes.extend_from_slice(&sample.to_le_bytes())),
            Format::G711(law) => {
                bytes.extend(samples.iter().map(|sample| g711::encode(law, *sample)));
            }
        }
        BASE64_STANDARD.encode(bytes)
    }

    /// Samples of base64 text; None if it is no base64 or holds half a sample.
    pub(crate) fn decode(self, text: &str) -> Option<Vec<i16>> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        match self {
            Format::Pcm(_) if bytes.len() % 2 == 1 => None,
            Format::Pcm(_) => Some(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()),
            Format::G711(law) => Some(bytes.iter().map(|byte| g711::decode(law, *byte)).collect()),
        }
    }
}

/// A sine at half scale.
pub(crate) fn tone(seconds: f64) -> Vec<i16> {
    let count = (seconds * f64::from(VOICE_RATE)) as usize;
    let step = TAU * TONE_HZ / f64::from(VOICE_RATE);
    (0..count).map(|index| ((index as f64 * step).sin() * 16_384.0) as i16).collect()
}

/// Linear resampling, averaging first where the rate falls: enough for an echo over a telephone format.
pub(crate) fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let span = (from / to).max(1) as usize;
    let smooth: Vec<f64> = (0..samples.len())
        .map(|at| {
            let window = &samples[at..(at + span).min(samples.len())];
            window.iter().map(|sample| f64::from(*sample)).sum::<f64>() / window.len() as f64
        })
        .collect();
    let count = (samples.len() as u64 * u64::from(to) / u64::from(from)) as usize;
    let step = f64::from(from) / f64::from(to);
    (0..count)
        .map(|index| {
            let place = index as f64 * step;
            let (at, part) = (place as usize, place.fract());
            let next = smooth.get(at + 1).unwrap_or(&smooth[at]);
            (smooth[at] * (1.0 - part) + next * part).round() as i16
        })
        .collect()
}
