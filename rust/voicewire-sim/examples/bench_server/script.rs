//! The messages of one response, as WebSocket frames, in the shapes of OpenAI's GA dialect.

use base64::prelude::{Engine as _, BASE64_STANDARD};
use serde_json::{json, Value};

use crate::server::now;

const SAMPLE_RATE: u64 = 24_000;
/// Different pieces of sound, so that no client profits from one message that stays in its cache.
const VARIETY: usize = 16;
/// Recordings of the service have one transcript delta to 0.4 s of audio.
const MS_PER_TRANSCRIPT: u64 = 400;
const WORDS: [&str; 8] = ["The", " weather", " in", " Lisbon", " is", " mild", " today", ","];
const STAMP: &str = "event_00000000000000000000";
/// What stands before the digits of the stamp.
const KEY: &[u8] = b"\"event_id\":\"event_";
const RESPONSE: &str = "resp_E6U0bench00000000000000";
const ITEM: &str = "item_E6U0bench00000000000000";

pub(crate) struct Script {
    delta_ms: u64,
    audio: Vec<Vec<u8>>,
    /// Sum of the samples of each delta: what a client proves its decoding by.
    sums: Vec<i64>,
    transcript: Vec<Vec<u8>>,
}

impl Script {
    pub(crate) fn new(delta_ms: u64) -> Self {
        let sounds: Vec<Vec<i16>> = (0..VARIETY).map(|index| sound(index, samples_of(delta_ms))).collect();
        let delta = |kind: &str, text: &str| frame(&in_part(kind, &json!({"delta": text})));
        let audio = |samples: &Vec<i16>| {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            delta("response.output_audio.delta", &BASE64_STANDARD.encode(bytes))
        };
        Self {
            delta_ms,
            audio: sounds.iter().map(audio).collect(),
            sums: sounds.iter().map(|samples| samples.iter().copied().map(i64::from).sum()).collect(),
            transcript: WORDS.iter().map(|word| delta("response.output_audio_transcript.delta", word)).collect(),
        }
    }

    /// Appends delta `index` and, where a word is due, its transcript.
    pub(crate) fn append(&self, index: u64, out: &mut Vec<u8>) {
        let words = |index: u64| index * self.delta_ms / MS_PER_TRANSCRIPT;
        for word in words(index)..words(index + 1) {
            out.extend_from_slice(&self.transcript[word as usize % WORDS.len()]);
        }
        out.extend_from_slice(&self.audio[index as usize % VARIETY]);
    }

    pub(crate) fn opening(&self) -> Vec<u8> {
        let begun = item("in_progress", json!([]));
        let part = json!({"part": {"type": "audio", "transcript": ""}});
        frames(&[
            event(
                "response.created",
                &json!({"response": response("in_progress", json!([]), Value::Null, Value::Null)}),
            ),
            event("response.output_item.added", &json!({"response_id": RESPONSE, "output_index": 0, "item": begun})),
            event("conversation.item.added", &json!({"previous_item_id": null, "item": begun})),
            in_part("response.content_part.added", &part),
        ])
    }

    /// Appends all that ends a response; its metadata tells what a client must have decoded.
    pub(crate) fn append_closing(&self, count: u64, out: &mut Vec<u8>) {
        let sum: i64 = (0..count as usize).map(|index| self.sums[index % VARIETY]).sum();
        let samples = count * samples_of(self.delta_ms) as u64;
        let told = json!({
            "audio_events": count.to_string(), "samples": samples.to_string(), "sum": sum.to_string(),
        });
        let text = "and so on";
        let done = item("completed", json!([{"type": "output_audio", "transcript": text}]));
        let part = json!({"part": {"type": "audio", "transcript": text}});
        out.extend(frames(&[
            in_part("response.output_audio.done", &json!({})),
            in_part("response.output_audio_transcript.done", &json!({"transcript": text})),
            in_part("response.content_part.done", &part),
            event("conversation.item.done", &json!({"previous_item_id": null, "item": done})),
            event("response.output_item.done", &json!({"response_id": RESPONSE, "output_index": 0, "item": done})),
            event("response.done", &json!({"response": response("completed", json!([done]), told, usage())})),
        ]));
    }
}

/// `session.created` or `session.updated`, as a frame.
pub(crate) fn session(kind: &str) -> Vec<u8> {
    let pcm = json!({"type": "audio/pcm", "rate": SAMPLE_RATE});
    let turns = json!({
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
        "idle_timeout_ms": null, "create_response": true, "interrupt_response": true,
    });
    frame(&event(
        kind,
        &json!({"session": {
            "type": "realtime", "object": "realtime.session", "id": "sess_E6U0bench00000000000000", "model": "bench",
            "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null,
            "expires_at": 4_102_444_800_u64, "include": null,
            "audio": {
                "input": {"format": pcm, "transcription": null, "noise_reduction": null, "turn_detection": turns},
                "output": {"format": pcm, "voice": "marin", "speed": 1.0},
            },
        }}),
    ))
}

/// Writes the time of this moment into every frame.
pub(crate) fn stamped(frames: &mut [u8]) -> &[u8] {
    let digits = format!("{:020}", now());
    let mut rest = &mut *frames;
    while let [_, short, ..] = *rest {
        let (header, length) = match short {
            126 => (4, number(&rest[2..4])),
            127 => (10, number(&rest[2..10])),
            _ => (2, usize::from(short)),
        };
        let (frame, behind) = rest.split_at_mut(header + length);
        // The id is the second key of every event.
        let head = &mut frame[..(header + length).min(140)];
        if let Some(key) = head.windows(KEY.len()).position(|window| window == KEY) {
            let value = key + KEY.len();
            head[value..value + 20].copy_from_slice(digits.as_bytes());
        }
        rest = behind;
    }
    frames
}

pub(crate) fn control_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, payload.len() as u8], payload].concat()
}

pub(crate) fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

fn frames(events: &[Value]) -> Vec<u8> {
    events.iter().flat_map(frame).collect()
}

/// One unmasked text frame (RFC 6455 section 5.2).
fn frame(event: &Value) -> Vec<u8> {
    let text = event.to_string();
    let mut bytes = vec![0x81];
    match text.len() {
        length @ 0..=125 => bytes.push(length as u8),
        length @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// An event with its keys in the service's order: type, id, the rest.
fn event(kind: &str, rest: &Value) -> Value {
    let mut event = json!({"type": kind, "event_id": STAMP});
    for (key, value) in rest.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
    event
}

/// An event about the one content part of the one item.
fn in_part(kind: &str, rest: &Value) -> Value {
    let mut place = json!({"response_id": RESPONSE, "item_id": ITEM, "output_index": 0, "content_index": 0});
    for (key, value) in rest.as_object().into_iter().flatten() {
        place[key] = value.clone();
    }
    event(kind, &place)
}

fn response(status: &str, output: Value, metadata: Value, usage: Value) -> Value {
    json!({
        "object": "realtime.response", "id": RESPONSE, "status": status, "status_details": null, "output": output,
        "conversation_id": "conv_E6U0bench00000000000000", "output_modalities": ["audio"], "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": SAMPLE_RATE}, "voice": "marin"}},
        "usage": usage, "metadata": metadata,
    })
}

fn item(status: &str, content: Value) -> Value {
    json!({"id": ITEM, "type": "message", "status": status, "role": "assistant", "content": content})
}

fn usage() -> Value {
    json!({
        "total_tokens": 150, "input_tokens": 50, "output_tokens": 100,
        "input_token_details": {"text_tokens": 50, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
    })
}

fn samples_of(delta_ms: u64) -> usize {
    (SAMPLE_RATE * delta_ms / 1000) as usize
}

/// Two tones and noise, as loud as speech; `index` moves the pitch.
fn sound(index: usize, count: usize) -> Vec<i16> {
    let mut noise = 0x2545_f491_u32.wrapping_add(index as u32);
    let sample = |at: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let time = at as f64 / SAMPLE_RATE as f64 * std::f64::consts::TAU;
        let pitch = 110.0 + 7.0 * index as f64;
        let tones = 6000.0 * (time * pitch).sin() + 3000.0 * (time * pitch * 4.1).sin();
        tones as i16 + (noise >> 22) as i16 - 512
    };
    (0..count).map(sample).collect()
}
