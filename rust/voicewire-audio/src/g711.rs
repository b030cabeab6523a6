//! Steps "message → event" and "resample → base64": G.711, a byte per sample, by tables.
//!
//! Bit for bit what ITU-T G.191 computes (`ulaw_compress`, `alaw_compress` and their `_expand`) for left-justified 16-bit
//! samples. Negative samples are ones' complements there: −1 is the negative zero, and −32,768 saturates as 32,767 does.

use std::str::FromStr;
use std::sync::OnceLock;

use thiserror::Error;

/// Which of the two curves of G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law: North America and Japan. Silence is 0xFF.
    Ulaw,
    /// A-law: everywhere else. Silence is 0xD5.
    Alaw,
}

/// A name that is no law.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("neither \"ulaw\" nor \"alaw\": {0:?}")]
pub struct UnknownLaw(pub String);

/// Hz of G.711: it has one rate everywhere.
pub const SAMPLE_RATE: u32 = 8_000;

/// Appends a byte for each sample.
pub fn encode(law: Law, samples: &[i16], out: &mut Vec<u8>) {
    let table = law.codes();
    out.extend(samples.iter().map(|&sample| table[usize::from(sample as u16)]));
}

/// Appends a sample for each byte.
pub fn decode(law: Law, bytes: &[u8], out: &mut Vec<i16>) {
    let table = law.samples();
    out.extend(bytes.iter().map(|&byte| table[usize::from(byte)]));
}

impl Law {
    /// "ulaw" or "alaw".
    pub fn name(self) -> &'static str {
        match self {
            Self::Ulaw => "ulaw",
            Self::Alaw => "alaw",
        }
    }

    /// The sample of each byte: 512 bytes, computed by the compiler.
    fn samples(self) -> &'static [i16; 256] {
        static ULAW: [i16; 256] = samples_of(Law::Ulaw);
        static ALAW: [i16; 256] = samples_of(Law::Alaw);
        match self {
            Self::Ulaw => &ULAW,
            Self::Alaw => &ALAW,
        }
    }

    /// The byte of each sample, taken as u16: 64 KiB, computed on first use.
    fn codes(self) -> &'static [u8; CODES] {
        static ULAW: OnceLock<Box<[u8; CODES]>> = OnceLock::new();
        static ALAW: OnceLock<Box<[u8; CODES]>> = OnceLock::new();
        match self {
            Self::Ulaw => ULAW.get_or_init(|| codes_of(compress_ulaw)),
            Self::Alaw => ALAW.get_or_init(|| codes_of(compress_alaw)),
        }
    }
}

impl FromStr for Law {
    type Err = UnknownLaw;

    fn from_str(name: &str) -> Result<Self, UnknownLaw> {
        [Self::Ulaw, Self::Alaw].into_iter().find(|law| law.name() == name).ok_or_else(|| UnknownLaw(name.to_owned()))
    }
}

/// Values of a sample.
const CODES: usize = 1 << 16;
/// What µ-law adds to a 14-bit magnitude, so that every segment begins at a power of two.
const BIAS: u16 = 33;

fn codes_of(compress: fn(i16) -> u8) -> Box<[u8; CODES]> {
    let mut codes = Box::new([0; CODES]);
    for (code, sample) in codes.iter_mut().zip(0..=u16::MAX) {
        *code = compress(sample as i16);
    }
    codes
}

const fn samples_of(law: Law) -> [i16; 256] {
    let mut samples = [0; 256];
    let mut code = 0;
    while code < 256 {
        samples[code] = match law {
            Law::Ulaw => expand_ulaw(code as u8),
            Law::Alaw => expand_alaw(code as u8),
        };
        code += 1;
    }
    samples
}

/// The bits of a sample without its sign, negative ones complemented.
fn magnitude(sample: i16) -> u16 {
    (if sample < 0 { !sample } else { sample }) as u16
}

fn compress_ulaw(sample: i16) -> u8 {
    let biased = ((magnitude(sample) >> 2) + BIAS).min(0x1FFF);
    // 33 has its leading one at bit 5: that is segment 0.
    let segment = biased.ilog2() - 5;
    let code = (segment << 4) as u8 | ((biased >> (segment + 1)) & 0xF) as u8;
    !(code | if sample < 0 { 0x80 } else { 0 })
}

fn compress_alaw(sample: i16) -> u8 {
    let linear = magnitude(sample) >> 4;
    // The first two segments have the same step: the code is the value.
    let code = match linear.checked_ilog2() {
        Some(top @ 5..) => ((top - 3) << 4) as u8 | ((linear >> (top - 4)) & 0xF) as u8,
        _ => linear as u8,
    };
    (code | if sample < 0 { 0 } else { 0x80 }) ^ 0x55
}

const fn expand_ulaw(code: u8) -> i16 {
    let (segment, step) = ((!code >> 4) & 7, (!code & 0xF) as i16);
    let value = (((step * 2 + BIAS as i16) << segment) - BIAS as i16) * 4;
    if code < 0x80 {
        -value
    } else {
        value
    }
}

const fn expand_alaw(code: u8) -> i16 {
    let (segment, step) = (((code ^ 0x55) >> 4) & 7, ((code ^ 0x55) & 0xF) as i16);
    let value = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code < 0x80 {
        -value
    } else {
        value
    }
}
