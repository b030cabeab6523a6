//! Samples: PCM16, G.711, base64, resampling, rings, WAV. No I/O, no async, no Python.
//!
//! A sample is an `i16`, a chunk is a slice of them, audio is mono.
#![deny(unsafe_code)] // but for the vectors of `dot` and `base64`

pub mod base64;
pub mod chunk;
pub mod codec;
pub mod dot;
pub mod g711;
pub mod pcm16;
pub mod resample;
pub mod ring;
pub mod speech;
pub mod tape;
pub mod wav;
