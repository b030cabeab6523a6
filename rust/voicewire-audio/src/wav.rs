//! WAV files as bytes: any usual kind in, mono PCM16 out.

use std::io::Cursor;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use thiserror::Error;

use crate::pcm16::float_to_pcm16;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// Hz.
    pub sample_rate: u32,
    /// Channels of the file.
    pub channels: u16,
    /// Mono: several channels are mixed by their mean.
    pub samples: Vec<i16>,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WavError {
    /// It is something else.
    #[error("no RIFF/WAVE header, or a damaged one")]
    NotWav,
    /// It is a WAV of a kind that we cannot read.
    #[error("unsupported kind of WAV: {0}")]
    Unsupported(String),
    /// It holds no sample.
    #[error("no samples in it")]
    Empty,
}

/// Reads 8 to 32-bit integers or 32-bit floats, any rate, any number of channels.
///
/// A data chunk that claims to be longer than the file, as streamed files do, ends with the file.
///
/// # Errors
/// [`WavError`].
pub fn read_wav(bytes: &[u8]) -> Result<Wav, WavError> {
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return Err(WavError::NotWav);
    }
    let bytes = with_true_length(bytes)?;
    let reader = WavReader::new(Cursor::new(bytes)).map_err(|error| refusal(&error))?;
    let WavSpec { channels, sample_rate, .. } = reader.spec();
    if channels == 0 || sample_rate == 0 {
        return Err(WavError::NotWav);
    }
    let samples = mix(&interleaved(reader)?, usize::from(channels));
    if samples.is_empty() {
        return Err(WavError::Empty);
    }
    Ok(Wav { sample_rate, channels, samples })
}

fn interleaved(mut reader: WavReader<Cursor<Vec<u8>>>) -> Result<Vec<i16>, WavError> {
    let WavSpec { bits_per_sample, sample_format, .. } = reader.spec();
    if sample_format == SampleFormat::Float {
        let floats: Result<Vec<f32>, _> = reader.samples::<f32>().collect();
        let mut samples = Vec::new();
        float_to_pcm16(&floats.map_err(|error| refusal(&error))?, &mut samples)
            .map_err(|error| WavError::Unsupported(error.to_string()))?;
        return Ok(samples);
    }
    let bits = u32::from(bits_per_sample);
    let samples: Result<Vec<i32>, _> = reader.samples::<i32>().collect();
    let scaled = |sample: i32| if bits >= 16 { sample >> (bits - 16) } else { sample << (16 - bits) };
    Ok(samples.map_err(|error| refusal(&error))?.into_iter().map(|sample| scaled(sample) as i16).collect())
}

fn mix(interleaved: &[i16], channels: usize) -> Vec<i16> {
    if channels == 1 {
        return interleaved.to_vec();
    }
    let mean = |frame: &[i16]| (frame.iter().map(|&sample| i32::from(sample)).sum::<i32>() / frame.len() as i32) as i16;
    interleaved.chunks_exact(channels).map(mean).collect()
}

/// A copy of the file whose data chunk ends, on a whole frame, where the file does.
fn with_true_length(bytes: &[u8]) -> Result<Vec<u8>, WavError> {
    let mut copy = bytes.to_vec();
    let (mut at, mut frame) = (12, 1);
    while at + 8 <= copy.len() {
        let declared = u32::from_le_bytes([copy[at + 4], copy[at + 5], copy[at + 6], copy[at + 7]]) as usize;
        let left = copy.len() - at - 8;
        match &copy[at..at + 4] {
            b"fmt " if left >= 14 => frame = usize::from(u16::from_le_bytes([copy[at + 20], copy[at + 21]])).max(1),
            b"data" => {
                let length = declared.min(left) / frame * frame;
                copy[at + 4..at + 8].copy_from_slice(&(length as u32).to_le_bytes());
                return Ok(copy);
            }
            _ => {}
        }
        at = at.saturating_add(8).saturating_add(declared).saturating_add(declared % 2);
    }
    Err(WavError::NotWav)
}

fn refusal(error: &hound::Error) -> WavError {
    match error {
        hound::Error::Unsupported => WavError::Unsupported("not integer PCM of 8 to 32 bits or 32-bit float".into()),
        _ => WavError::NotWav,
    }
}

/// Writes mono PCM16.
///
/// # Errors
/// [`WavError::Unsupported`] for more samples than a WAV can hold.
pub fn write_wav(samples: &[i16], sample_rate: u32) -> Result<Vec<u8>, WavError> {
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let written = WavWriter::new(&mut bytes, spec).and_then(|mut writer| {
        samples.iter().try_for_each(|&sample| writer.write_sample(sample))?;
        writer.finalize()
    });
    written.map_err(|error| WavError::Unsupported(error.to_string()))?;
    Ok(bytes.into_inner())
}
