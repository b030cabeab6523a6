//! Stages of the way out: samples to a message, the outbox, what is kept for another connection.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use voicewire_proto::gemini::GEMINI;
use voicewire_proto::openai::GA;
use voicewire_proto::{AudioEncoder, SessionConfig};

use crate::outbox::{Outbox, Phase};
use crate::replay::Replay;
use crate::settings::{Limits, ReplayAudio};
use crate::sound::{samples, RATE};
use crate::{Stage, Work};

pub(crate) const STAGES: &[Stage] = &[
    ("encode.openai_20ms", || encode(GA.audio_encoder(&SessionConfig::default()), 20)),
    ("encode.openai_100ms", || encode(GA.audio_encoder(&SessionConfig::default()), 100)),
    ("encode.gemini_20ms", || encode(GEMINI.audio_encoder(&SessionConfig::default()), 20)),
    ("outbox.push_pop_20ms", through_outbox),
    ("outbox.keep_samples_20ms", keep_samples),
    ("replay.write_20ms", keep_messages),
];

/// A message of its own for each chunk, as the outbox takes it.
fn encode(encoder: AudioEncoder, ms: usize) -> Work {
    let chunk = samples(encoder.sample_rate as usize, ms);
    Box::new(move || {
        let mut message = Vec::new();
        encoder.encode(black_box(&chunk), &mut message);
        black_box(Bytes::from(message));
    })
}

fn through_outbox() -> Work {
    let (message, count) = message_20ms();
    let mut outbox = Outbox::new(LIMITS);
    outbox.phase = Phase::Open;
    Box::new(move || {
        outbox.admits_audio().expect("room");
        outbox.push_audio(message.clone(), count);
        black_box(outbox.pop());
    })
}

/// Without a session: the ring of samples is full after the first second, and drops.
fn keep_samples() -> Work {
    let chunk = samples(RATE, 20);
    let mut outbox = Outbox::new(LIMITS);
    outbox.begin(GA.audio_encoder(&SessionConfig::default()));
    Box::new(move || {
        black_box(outbox.push_samples(black_box(&chunk)));
    })
}

fn keep_messages() -> Work {
    let (message, count) = message_20ms();
    let mut replay = Replay::new(ReplayAudio::Turn, LIMITS.input_ring_ms);
    replay.connected(RATE as u32, false);
    let (now, mut number) = (Instant::now(), 0);
    Box::new(move || {
        replay.written(black_box(&message), count);
        number += 1;
        replay.asked(number, now);
        replay.answered(number);
    })
}

fn message_20ms() -> (Bytes, usize) {
    let (chunk, mut message) = (samples(RATE, 20), Vec::new());
    GA.audio_encoder(&SessionConfig::default()).encode(&chunk, &mut message);
    (Bytes::from(message), chunk.len())
}

/// The defaults, but for a ring that is full before a stage has run a hundred times.
const LIMITS: Limits = Limits {
    max_message_bytes: 16 << 20,
    inbox_bytes: 16 << 20,
    outbox_bytes: 1 << 20,
    input_ring_ms: 1_000,
    json_depth: 128,
};
