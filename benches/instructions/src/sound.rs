//! Audio that is the same in every run.

/// Hz of what the services send.
pub(crate) const RATE: usize = 24_000;

/// Noise as loud as speech: `ms` milliseconds at `rate` Hz.
pub(crate) fn samples(rate: usize, ms: usize) -> Vec<i16> {
    let mut noise = 0x2545_f491_u32;
    let sample = |_| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 18) as i16 - 8192
    };
    (0..rate * ms / 1000).map(sample).collect()
}

/// The same at 24 kHz, as base64.
pub(crate) fn base64(ms: usize) -> String {
    let mut text = Vec::new();
    voicewire_audio::base64::encode_pcm16(&samples(RATE, ms), &mut text);
    String::from_utf8(text).expect("base64 is ASCII")
}
