//! Stages that know samples only: base64, resampler, G.711, floats, the ring.

use std::hint::black_box;

use voicewire_audio::g711::{self, Law};
use voicewire_audio::resample::Resampler;
use voicewire_audio::ring::{ring, Overflow};
use voicewire_audio::{base64, pcm16};

use crate::sound::{self, samples, RATE};
use crate::{Stage, Work};

pub(crate) const STAGES: &[Stage] = &[
    ("base64.decode_100ms", decode),
    ("base64.encode_20ms", encode),
    ("resample.24_to_16_20ms", || resample(24_000, 16_000)),
    ("resample.48_to_24_20ms", || resample(48_000, 24_000)),
    ("resample.16_to_24_20ms", || resample(16_000, 24_000)),
    ("resample.44_to_24_20ms", || resample(44_100, 24_000)),
    ("g711.encode_20ms", to_g711),
    ("g711.decode_20ms", from_g711),
    ("pcm16.from_float_20ms", from_float),
    ("ring.write_read_20ms", through_ring),
];

/// Hz of a telephone.
const TELEPHONY: usize = 8_000;

fn decode() -> Work {
    let text = sound::base64(100);
    Box::new(move || drop(black_box(base64::decode_pcm16(black_box(text.as_bytes())))))
}

fn encode() -> Work {
    let (chunk, mut out) = (samples(RATE, 20), Vec::new());
    Box::new(move || {
        out.clear();
        base64::encode_pcm16(black_box(&chunk), &mut out);
        black_box(&out);
    })
}

fn resample(from: u32, to: u32) -> Work {
    let (chunk, mut out) = (samples(from as usize, 20), Vec::new());
    let mut resampler = Resampler::new(from, to).expect("rates within range");
    Box::new(move || {
        out.clear();
        resampler.process(black_box(&chunk), &mut out);
        black_box(&out);
    })
}

fn to_g711() -> Work {
    let (chunk, mut out) = (samples(TELEPHONY, 20), Vec::new());
    Box::new(move || {
        out.clear();
        g711::encode(Law::Ulaw, black_box(&chunk), &mut out);
        black_box(&out);
    })
}

fn from_g711() -> Work {
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    g711::encode(Law::Ulaw, &samples(TELEPHONY, 20), &mut bytes);
    Box::new(move || {
        out.clear();
        g711::decode(Law::Ulaw, black_box(&bytes), &mut out);
        black_box(&out);
    })
}

fn from_float() -> Work {
    let (mut floats, mut out) = (Vec::new(), Vec::new());
    pcm16::pcm16_to_float(&samples(RATE, 20), &mut floats);
    Box::new(move || {
        out.clear();
        pcm16::float_to_pcm16(black_box(&floats), &mut out).expect("no NaN");
        black_box(&out);
    })
}

fn through_ring() -> Work {
    let chunk = samples(RATE, 20);
    let mut out = vec![0; chunk.len()];
    // A capacity that is no multiple of the chunk: some chunks lie across the edge.
    let (mut writer, reader) = ring(RATE, Overflow::DropOldest);
    Box::new(move || {
        writer.write(black_box(&chunk));
        black_box(reader.read(&mut out));
    })
}
