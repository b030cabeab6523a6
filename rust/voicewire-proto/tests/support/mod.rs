//! What scenarios are written with: a session that is fed messages, commands and times.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{json, Value};
use voicewire_proto::openai::{Dialect, OpenAi, SessionType, Settings, GA};
use voicewire_proto::{Command, CommandId, Conversation, Event, Message, Outcome, Protocol, Secrets, SessionConfig};

pub(crate) const RATE: usize = 24_000;

pub(crate) struct Session {
    pub(crate) protocol: OpenAi,
    dialect: &'static Dialect,
    settings: Settings,
    start: Instant,
    receipts: u64,
    /// Milliseconds at which commands are sent.
    pub(crate) clock: u64,
}

impl Session {
    pub(crate) fn new(options: Value) -> Self {
        Self::of(&GA, options)
    }

    /// A session that speaks a dialect.
    pub(crate) fn of(dialect: &'static Dialect, options: Value) -> Self {
        let Value::Object(options) = options else { panic!("options are an object") };
        let mut secrets = Secrets::default();
        secrets.add("sk-very-secret");
        let settings = Settings {
            config: SessionConfig::from_options(options).unwrap(),
            joins_call: false,
            session_type: SessionType::Realtime,
            auto_truncate: true,
            reconnects: true,
            retained: None,
            ack_timeout: Duration::from_secs(10),
            secrets,
            max_depth: 128,
        };
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        Self { protocol: OpenAi::new(dialect, settings.clone()), dialect, settings, start, receipts: 0, clock: 0 }
    }

    /// The same with an application that keeps audio there; before anything happens.
    pub(crate) fn retain(&mut self, retained: Arc<Mutex<Conversation>>) {
        let settings = Settings { retained: Some(retained), ..self.settings.clone() };
        self.protocol = OpenAi::new(self.dialect, settings);
    }

    /// A session that has been greeted.
    pub(crate) fn open() -> Self {
        let mut session = Self::new(json!({}));
        session.receive(0, json!({"type": "session.created", "session": {"id": "sess_1"}}));
        session
    }

    pub(crate) fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    pub(crate) fn receive(&mut self, ms: u64, message: Value) -> Vec<Event> {
        let now = self.at(ms);
        self.protocol.receive(Message::new(Bytes::from(message.to_string())), now);
        std::iter::from_fn(|| self.protocol.poll_event()).collect()
    }

    pub(crate) fn audio(&mut self, ms: u64, response: &str, item: &str, samples: usize) -> Vec<Event> {
        let mut delta = Vec::new();
        voicewire_audio::base64::encode_pcm16(&vec![1; samples], &mut delta);
        let delta = String::from_utf8(delta).unwrap();
        let kind = "response.output_audio.delta";
        self.receive(ms, json!({"type": kind, "response_id": response, "item_id": item, "delta": delta}))
    }

    pub(crate) fn send(&mut self, command: Command) -> (u64, String) {
        self.receipts += 1;
        let id = CommandId { receipt: self.receipts, event_id: format!("evt_{}", self.receipts) };
        let now = self.at(self.clock);
        self.protocol.send(command, id.clone(), now);
        (id.receipt, id.event_id)
    }

    pub(crate) fn written(&mut self, ms: u64) -> Vec<Value> {
        let now = self.at(ms);
        let texts = std::iter::from_fn(|| self.protocol.poll_transmit(now));
        texts.map(|transmit| serde_json::from_str(&transmit.text).unwrap()).collect()
    }

    pub(crate) fn settled(&mut self) -> Vec<(u64, Outcome)> {
        let settled = std::iter::from_fn(|| self.protocol.poll_settled());
        settled.map(|settled| (settled.receipt, settled.outcome)).collect()
    }
}

pub(crate) fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind().name()).collect()
}

pub(crate) fn types(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["type"].as_str().unwrap()).collect()
}

pub(crate) fn created(id: &str) -> Value {
    json!({"type": "response.created", "response": {"id": id, "conversation_id": "conv"}})
}

pub(crate) fn done(id: &str, status: &str) -> Value {
    json!({"type": "response.done", "response": {"id": id, "status": status, "status_details": null}})
}

pub(crate) fn refusal(code: &str, event_id: &str) -> Value {
    json!({"type": "error", "error": {"type": "t", "code": code, "message": "No.", "param": "p", "event_id": event_id}})
}

/// What a second connection is told, and how the application hears of it.
pub(crate) struct Back {
    /// What was told when the connection was lost.
    pub(crate) told: Vec<Event>,
    pub(crate) settled: Vec<(u64, Outcome)>,
    /// What the new session is sent behind its greeting.
    pub(crate) sent: Vec<Value>,
}

impl Back {
    /// The items that were made again.
    pub(crate) fn items(&self) -> Vec<&Value> {
        let made = self.sent.iter().filter(|message| message["type"] == "conversation.item.create");
        made.map(|message| &message["item"]).collect()
    }
}

impl Session {
    /// Loses the connection and gets another.
    pub(crate) fn back(&mut self) -> Back {
        let now = self.at(self.clock);
        self.protocol.leave(now);
        let told = std::iter::from_fn(|| self.protocol.poll_event()).collect();
        let settled = self.settled();
        self.protocol.start(now);
        self.receive(self.clock, json!({"type": "session.created", "session": {"id": "sess_2"}}));
        Back { told, settled, sent: self.written(self.clock) }
    }

    /// A spoken turn of the user, with its words where they are known.
    pub(crate) fn hear(&mut self, item: &str, transcript: Option<&str>) {
        self.receive(0, json!({"type": "input_audio_buffer.speech_started", "item_id": item, "audio_start_ms": 0}));
        self.receive(0, json!({"type": "input_audio_buffer.speech_stopped", "item_id": item, "audio_end_ms": 500}));
        self.receive(0, json!({"type": "input_audio_buffer.committed", "item_id": item}));
        let content = json!([{"type": "input_audio", "transcript": null}]);
        self.item(json!({"id": item, "type": "message", "role": "user", "status": "completed", "content": content}));
        let kind = "conversation.item.input_audio_transcription.completed";
        if let Some(words) = transcript {
            self.receive(0, json!({"type": kind, "item_id": item, "transcript": words}));
        }
    }

    /// An item that the service tells as whole.
    pub(crate) fn item(&mut self, item: Value) {
        for kind in ["conversation.item.added", "conversation.item.done"] {
            self.receive(0, json!({"type": kind, "item": item}));
        }
    }

    /// The beginning of an answer by voice.
    pub(crate) fn answering(&mut self, response: &str, item: &str, words: &str) {
        self.receive(0, created(response));
        let content = json!([]);
        let told =
            json!({"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": content});
        self.receive(0, json!({"type": "conversation.item.added", "item": told}));
        let kind = "response.output_audio_transcript.delta";
        self.receive(0, json!({"type": kind, "response_id": response, "item_id": item, "delta": words}));
    }

    /// A whole answer by voice.
    pub(crate) fn answer(&mut self, response: &str, item: &str, words: &str) {
        self.answering(response, item, words);
        let content = json!([{"type": "output_audio", "transcript": words}]);
        let whole =
            json!({"id": item, "type": "message", "role": "assistant", "status": "completed", "content": content});
        self.receive(0, json!({"type": "conversation.item.done", "item": whole}));
        self.receive(0, done(response, "completed"));
    }
}
