//! Samples.
pub mod base64;
pub mod pcm16;
pub mod resample;
pub mod wav;
