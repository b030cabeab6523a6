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
    /// Mono: several channels are mixed by their mean, rounded to nearest even.
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
    let samples = mono(reader)?;
    if samples.is_empty() {
        return Err(WavError::Empty);
    }
    Ok(Wav { sample_rate, channels, samples })
}

fn mono(mut reader: WavReader<Cursor<Vec<u8>>>) -> Result<Vec<i16>, WavError> {
    let WavSpec { channels, bits_per_sample, sample_format, .. } = reader.spec();
    if sample_format == SampleFormat::Int {
        let samples: Result<Vec<i32>, _> = reader.samples::<i32>().collect();
        return Ok(mixed(&samples.map_err(|error| refusal(&error))?, channels, bits_per_sample));
    }
    let floats: Result<Vec<f32>, _> = reader.samples::<f32>().collect();
    let mut samples = Vec::new();
    float_to_pcm16(&floats.map_err(|error| refusal(&error))?, &mut samples)
        .map_err(|error| WavError::Unsupported(error.to_string()))?;
    Ok(mixed(&samples, channels, 16))
}

/// The mean of each frame, at 16 bits; rounded once, to nearest even, and saturating.
fn mixed<T: Copy + Into<i64>>(samples: &[T], channels: u16, bits: u16) -> Vec<i16> {
    let (up, divisor) = (16u16.saturating_sub(bits), i64::from(channels) << bits.saturating_sub(16));
    let sum = |frame: &[T]| frame.iter().map(|&sample| sample.into()).sum::<i64>();
    samples.chunks_exact(usize::from(channels)).map(|frame| nearest(sum(frame) << up, divisor)).collect()
}

/// A quotient rounded to the nearest integer, of two to the even one; `divisor` is positive.
fn nearest(dividend: i64, divisor: i64) -> i16 {
    let (lower, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    let is_up = 2 * rest > divisor || (2 * rest == divisor && lower % 2 != 0);
    (lower + i64::from(is_up)).clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
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
