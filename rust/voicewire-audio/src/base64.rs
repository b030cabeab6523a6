//! Steps "message → event" and "resample → base64": PCM16 to and from base64, without a buffer in between.
//!
//! The standard alphabet with padding, and nothing else: no white space, no URL-safe letters, no missing padding, no stray
//! bits behind the last byte. One file hides the SIMD crate.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;

use base64_simd::{AsOut, STANDARD};
use thiserror::Error;

/// What a text decodes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Whole samples.
    pub samples: Vec<i16>,
    /// Whether half a sample was left over at the end; it is dropped.
    pub odd_byte: bool,
}

/// A text that is not base64.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not base64 (standard alphabet, padded): {reason}")]
pub struct DecodeError {
    reason: String,
}

/// Appends the base64 of `samples`, little-endian, to `out`.
pub fn encode_pcm16(samples: &[i16], out: &mut Vec<u8>) {
    if cfg!(target_endian = "little") {
        encode_bytes(bytemuck::cast_slice(samples), out);
    } else {
        encode_bytes(&crate::pcm16::to_le_bytes(samples), out);
    }
}

/// Appends the base64 of `bytes` to `out`.
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    STANDARD.encode_append(bytes, out);
}

/// Decodes little-endian PCM16 straight into the memory of its samples.
///
/// # Errors
/// [`DecodeError`] for anything but padded standard base64.
pub fn decode_pcm16(text: &[u8]) -> Result<Decoded, DecodeError> {
    let length = decoded_length(text)?;
    let mut samples = vec![0i16; length.div_ceil(2)];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut samples);
    decode(text, &mut bytes[..length])?;
    samples.truncate(length / 2);
    if cfg!(target_endian = "big") {
        samples.iter_mut().for_each(|sample| *sample = sample.swap_bytes());
    }
    Ok(Decoded { samples, odd_byte: length % 2 == 1 })
}

/// Decodes to bytes.
///
/// # Errors
/// [`DecodeError`] for anything but padded standard base64.
pub fn decode_bytes(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = vec![0; decoded_length(text)?];
    decode(text, &mut bytes)?;
    Ok(bytes)
}

/// Decodes the bulk in wide vectors where the machine has them, the end by the library, which also finds what is wrong.
fn decode(text: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    let letters = bulk(text, out);
    let rest = &mut out[letters / 4 * 3..];
    STANDARD.decode(&text[letters..], rest.as_out()).map(|_| ()).map_err(|_| diagnose(text))
}

/// Letters decoded, whole groups of four.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn bulk(text: &[u8], out: &mut [u8]) -> usize {
    if !is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the machine has AVX2.
    unsafe { avx2::decode(text, out) }
}

#[cfg(not(target_arch = "x86_64"))]
fn bulk(_text: &[u8], _out: &mut [u8]) -> usize {
    0
}

fn decoded_length(text: &[u8]) -> Result<usize, DecodeError> {
    if text.len() % 4 != 0 {
        return Err(diagnose(text));
    }
    let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    Ok(text.len() / 4 * 3 - padding)
}

/// Says what is wrong with a text that was refused.
fn diagnose(text: &[u8]) -> DecodeError {
    let body = text.len() - text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let stranger = text[..body].iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"+/".contains(byte)));
    let reason = match stranger {
        Some(at) => format!("byte {:?} at {at}", char::from(text[at])),
        None if text.len() % 4 != 0 => format!("length {} is no multiple of 4", text.len()),
        None => "bits are left over behind the last byte".to_owned(),
    };
    DecodeError { reason }
}
