//! Stages of the way in: scan, events of both protocols, inbox, conversation.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{json, Value};
use voicewire_net::{Delivery, Inbox, Item};
use voicewire_proto::gemini::{self, Gemini, Profile, GEMINI};
use voicewire_proto::openai::{self, OpenAi, SessionType, GA};
use voicewire_proto::scan::Fields;
use voicewire_proto::{Conversation, Event, Message, Protocol, Secrets, SessionConfig};

use crate::sound::base64;
use crate::{Stage, Work};

pub(crate) const STAGES: &[Stage] = &[
    ("scan.audio_delta_100ms", || scan(&audio_delta())),
    ("scan.transcript_delta", || scan(&transcript_delta())),
    ("scan.response_done", || scan(&response_done())),
    ("openai.audio_delta_100ms", || decode(openai(), &[audio_delta()])),
    ("openai.transcript_delta", || decode(openai(), &[transcript_delta()])),
    ("openai.response", || decode(openai(), &[response_created(), response_done()])),
    ("gemini.audio_100ms", || decode(gemini(), &[gemini_audio()])),
    ("gemini.transcript", || decode(gemini(), &[gemini_transcript()])),
    ("inbox.64_events", through_inbox),
    ("conversation.audio_delta", || converse(&audio_delta())),
    ("conversation.transcript_delta", || converse(&transcript_delta())),
];

const RESPONSE: &str = "resp_E6U0instructions0000000";
const ITEM: &str = "item_E6U0instructions0000000";

/// How deep a message may be nested: the default.
const DEPTH: usize = 128;

fn scan(message: &Value) -> Work {
    let text = message.to_string();
    Box::new(move || drop(black_box(Fields::read(black_box(text.as_bytes()), DEPTH))))
}

/// From the bytes of messages to all their events.
fn decode(mut protocol: impl Protocol + 'static, messages: &[Value]) -> Work {
    let texts: Vec<Bytes> = messages.iter().map(|message| message.to_string().into()).collect();
    let now = Instant::now();
    Box::new(move || {
        for text in &texts {
            protocol.receive(Message::new(text.clone()), now);
            while let Some(event) = protocol.poll_event() {
                black_box(event);
            }
        }
    })
}

/// A batch of 64 events into the inbox, its wake, and out again; the events are made beforehand.
fn through_inbox() -> Work {
    let inbox = Arc::new(Inbox::new().expect("a descriptor"));
    let deliver = |event| Delivery { session: 1, weight: 1, item: Item::Event(Box::new(event)) };
    let mut batch: Vec<Delivery> = (0..64).map(|_| deliver(event_of(&transcript_delta()))).collect();
    let mut taken = VecDeque::new();
    Box::new(move || {
        inbox.push(&mut batch, Duration::ZERO);
        inbox.drain(&mut taken);
        batch.extend(taken.drain(..));
    })
}

fn converse(message: &Value) -> Work {
    let event = event_of(message);
    let mut conversation = Conversation::new(0.0);
    conversation.apply(&event_of(&item_added()));
    Box::new(move || drop(black_box(conversation.apply(black_box(&event)))))
}

/// The one event that a message of OpenAI's makes.
fn event_of(message: &Value) -> Event {
    let mut protocol = openai();
    protocol.receive(Message::new(message.to_string().into()), Instant::now());
    protocol.poll_event().expect("an event")
}

fn openai() -> OpenAi {
    let settings = openai::Settings {
        config: SessionConfig::default(),
        joins_call: false,
        session_type: SessionType::Realtime,
        auto_truncate: true,
        reconnects: true,
        retained: None,
        ack_timeout: Duration::from_secs(10),
        secrets: Secrets::default(),
        max_depth: DEPTH,
    };
    let mut protocol = OpenAi::new(&GA, settings);
    greet(&mut protocol, &json!({"type": "session.created", "event_id": "event_0", "session": {"id": "sess_0"}}));
    protocol
}

fn gemini() -> Gemini {
    let settings = gemini::Settings {
        config: SessionConfig::default(),
        model: "models/instructions".into(),
        profile: Profile::read(&json!({})),
        reconnects: true,
        id_prefix: String::new(),
        secrets: Secrets::default(),
        max_depth: DEPTH,
    };
    let mut protocol = Gemini::new(&GEMINI, settings);
    greet(&mut protocol, &json!({"setupComplete": {}}));
    protocol
}

fn greet(protocol: &mut impl Protocol, greeting: &Value) {
    let now = Instant::now();
    protocol.start(now);
    while protocol.poll_transmit(now).is_some() {}
    protocol.receive(Message::new(greeting.to_string().into()), now);
    while protocol.poll_event().is_some() {}
    assert!(protocol.is_ready(), "greeted");
}

fn audio_delta() -> Value {
    delta("response.output_audio.delta", &base64(100))
}

fn transcript_delta() -> Value {
    delta("response.output_audio_transcript.delta", " and so on")
}

fn delta(kind: &str, delta: &str) -> Value {
    json!({
        "type": kind, "event_id": "event_E6U0instructions000000", "response_id": RESPONSE, "item_id": ITEM,
        "output_index": 0, "content_index": 0, "delta": delta,
    })
}

fn item_added() -> Value {
    let item = item("in_progress", json!([]));
    json!({"type": "conversation.item.added", "previous_item_id": null, "item": item})
}

fn response_created() -> Value {
    let response = response("in_progress", json!([]), Value::Null);
    json!({"type": "response.created", "event_id": "event_E6U0instructions000001", "response": response})
}

fn response_done() -> Value {
    let usage = json!({
        "total_tokens": 150, "input_tokens": 50, "output_tokens": 100,
        "input_token_details": {"text_tokens": 50, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
    });
    let content = json!([{"type": "output_audio", "transcript": "one two three and so on"}]);
    let response = response("completed", json!([item("completed", content)]), usage);
    json!({"type": "response.done", "event_id": "event_E6U0instructions000002", "response": response})
}

fn item(status: &str, content: Value) -> Value {
    json!({"id": ITEM, "type": "message", "status": status, "role": "assistant", "content": content})
}

fn response(status: &str, output: Value, usage: Value) -> Value {
    json!({
        "object": "realtime.response", "id": RESPONSE, "status": status, "status_details": null, "output": output,
        "conversation_id": "conv_E6U0instructions0000000", "output_modalities": ["audio"], "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"}},
        "usage": usage, "metadata": null,
    })
}

fn gemini_audio() -> Value {
    let part = json!({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64(100)}});
    json!({"serverContent": {"modelTurn": {"parts": [part]}}})
}

fn gemini_transcript() -> Value {
    json!({"serverContent": {"outputTranscription": {"text": " and so on"}}})
}
