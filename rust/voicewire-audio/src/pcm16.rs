//! Step "send_audio()": floats and bytes to and from int16 samples.

use thiserror::Error;

/// Full scale: −1.0 is −32,768.
const SCALE: f32 = 32_768.0;

/// A float that is no sample.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("sample is NaN at index {index}")]
pub struct NotANumber {
    /// Where.
    pub index: usize,
}

/// Bytes that end within a sample.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("odd byte count: {len}")]
pub struct OddLength {
    /// How many bytes came.
    pub len: usize,
}

/// Appends floats (−1…1) as samples: ×32,768, rounded to nearest even, saturating; infinities saturate.
///
/// # Errors
/// [`NotANumber`] for the first NaN; nothing is appended then.
pub fn float_to_pcm16(floats: &[f32], out: &mut Vec<i16>) -> Result<(), NotANumber> {
    // No early exit: this form compiles to vector code.
    if floats.iter().fold(false, |found, float| found | float.is_nan()) {
        let index = floats.iter().position(|float| float.is_nan()).unwrap_or_default();
        return Err(NotANumber { index });
    }
    out.extend(floats.iter().map(|&float| to_sample(float * SCALE)));
    Ok(())
}

/// Appends samples as floats: /32,768.
pub fn pcm16_to_float(samples: &[i16], out: &mut Vec<f32>) {
    out.extend(samples.iter().map(|&sample| f32::from(sample) / SCALE));
}

/// Appends the mean of each pair of samples, left and right, rounded to nearest even; a last one alone is left out.
pub fn mix_pairs(samples: &[i16], out: &mut Vec<i16>) {
    out.extend(samples.chunks_exact(2).map(|pair| {
        let sum = i32::from(pair[0]) + i32::from(pair[1]);
        let lower = sum >> 1;
        (lower + (sum & lower & 1)) as i16
    }));
}

/// Reads little-endian bytes.
///
/// # Errors
/// [`OddLength`] where half a sample is left over.
pub fn from_le_bytes(bytes: &[u8]) -> Result<Vec<i16>, OddLength> {
    if bytes.len() % 2 == 1 {
        return Err(OddLength { len: bytes.len() });
    }
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// Writes little-endian bytes.
pub fn to_le_bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The sample nearest to a value at int16 scale; of two, the even one. Saturates.
#[inline]
pub(crate) fn to_sample(value: f32) -> i16 {
    // At this size a float has no fraction: adding rounds, and the low bits are the integer. `round_ties_even` is a call
    // into the C library where the target has no instruction for it.
    const INTEGERS: f32 = 12_582_912.0;
    (value.clamp(-SCALE, SCALE - 1.0) + INTEGERS).to_bits() as i16
}
