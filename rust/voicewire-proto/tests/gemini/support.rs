//! What scenarios are written with: a session that is fed messages, commands and times, and the messages.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{json, Value};
use voicewire_proto::gemini::{Backend, Gemini, Profile, Settings, GEMINI, VERTEX};
use voicewire_proto::{
    Body, Command, CommandId, Event, Kind, Message, Outcome, Protocol, Secrets, SessionConfig, Text, TurnStatus,
};

pub(crate) const RATE: usize = 24_000;

/// How a scenario's session differs from one with the oldest model.
pub(crate) struct Scene {
    backend: &'static Backend,
    flags: Value,
    options: Value,
    reconnects: bool,
    max_depth: usize,
}

/// A model of the 2.5 generation.
pub(crate) fn oldest() -> Scene {
    let flags = json!({"instructions_by_turn": true, "thinking": "budget"});
    Scene { backend: &GEMINI, flags, options: json!({}), reconnects: true, max_depth: 128 }
}

/// A model that takes no turns once it has spoken.
pub(crate) fn realtime_only() -> Scene {
    let flags = json!({
        "client_content_mid_session": false, "history_config": true, "needs_nudge": true, "thinking": "level",
    });
    Scene { flags, ..oldest() }
}

/// A model that takes updates in place and tells when the user speaks.
pub(crate) fn newest() -> Scene {
    let flags = json!({
        "context_update": true, "speech_events": true, "history_config": true, "needs_nudge": true,
        "tools_nonblocking_default": true,
    });
    Scene { flags, ..oldest() }
}

/// The model of the 2.5 generation behind Vertex.
pub(crate) fn vertex() -> Scene {
    let flags = json!({"instructions_by_turn": true, "instructions_role": "model", "thinking": "budget"});
    Scene { backend: &VERTEX, flags, ..oldest() }
}

impl Scene {
    pub(crate) fn with(self, options: Value) -> Self {
        Self { options, ..self }
    }

    pub(crate) fn for_good(self) -> Self {
        Self { reconnects: false, ..self }
    }

    pub(crate) fn at_most(self, max_depth: usize) -> Self {
        Self { max_depth, ..self }
    }

    /// A session whose connection has not been made.
    pub(crate) fn session(self) -> Session {
        let mut secrets = Secrets::default();
        secrets.add("very-secret-key");
        let settings = Settings {
            config: config(self.options),
            model: "models/test-live".into(),
            profile: Profile::read(&self.flags),
            reconnects: self.reconnects,
            id_prefix: String::new(),
            secrets,
            max_depth: self.max_depth,
        };
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        Session { protocol: Gemini::new(self.backend, settings), start, receipts: 0, clock: 0 }
    }

    /// A session that has been greeted; its setup and greeting are taken.
    pub(crate) fn open(self) -> Session {
        let mut session = self.session();
        session.greet();
        session
    }

    /// The `setup` that the session begins with.
    pub(crate) fn setup(self) -> Value {
        let mut session = self.session();
        session.start();
        session.written().remove(0)["setup"].take()
    }
}

pub(crate) struct Session {
    pub(crate) protocol: Gemini,
    start: Instant,
    receipts: u64,
    /// Milliseconds at which everything happens.
    pub(crate) clock: u64,
}

impl Session {
    pub(crate) fn start(&mut self) {
        let now = self.now();
        self.protocol.start(now);
    }

    /// Makes a connection: the setup that was sent, the events of its acceptance, and what was sent on it.
    pub(crate) fn greet(&mut self) -> (Value, Vec<Event>, Vec<Value>) {
        self.start();
        let setup = self.written().remove(0)["setup"].take();
        let events = self.receive(json!({"setupComplete": {}}));
        (setup, events, self.written())
    }

    /// The connection ends; the events of it.
    pub(crate) fn leave(&mut self) -> Vec<Event> {
        let now = self.now();
        self.protocol.leave(now);
        self.events()
    }

    pub(crate) fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    pub(crate) fn now(&self) -> Instant {
        self.at(self.clock)
    }

    pub(crate) fn receive(&mut self, message: Value) -> Vec<Event> {
        self.receive_text(&message.to_string())
    }

    pub(crate) fn receive_text(&mut self, message: &str) -> Vec<Event> {
        let now = self.now();
        self.protocol.receive(Message::new(Bytes::from(message.to_owned())), now);
        self.events()
    }

    /// Receives several messages; the neutral events of all.
    pub(crate) fn receive_all(&mut self, messages: impl IntoIterator<Item = Value>) -> Vec<Event> {
        messages.into_iter().flat_map(|message| neutral(self.receive(message))).collect()
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.protocol.poll_event()).collect()
    }

    pub(crate) fn send(&mut self, command: Command) -> u64 {
        self.receipts += 1;
        let id = CommandId { receipt: self.receipts, event_id: format!("evt_{}", self.receipts) };
        let now = self.now();
        self.protocol.send(command, id, now);
        self.receipts
    }

    pub(crate) fn say(&mut self, text: &str) -> u64 {
        self.send(Command::SendText { text: text.into(), respond: true })
    }

    pub(crate) fn note(&mut self, text: &str) -> u64 {
        self.send(Command::SendText { text: text.into(), respond: false })
    }

    pub(crate) fn update(&mut self, changes: Value) -> u64 {
        self.send(Command::UpdateSession(Box::new(config(changes))))
    }

    pub(crate) fn answer(&mut self, call_id: &str, output: &str) -> u64 {
        self.send(Command::ToolOutput { call_id: call_id.into(), output: output.into(), name: None, scheduling: None })
    }

    pub(crate) fn timeout(&mut self) -> Vec<Event> {
        let now = self.now();
        self.protocol.handle_timeout(now);
        self.events()
    }

    pub(crate) fn wants_switch(&self) -> bool {
        self.protocol.wants_switch(self.now())
    }

    pub(crate) fn written(&mut self) -> Vec<Value> {
        let now = self.now();
        let texts = std::iter::from_fn(|| self.protocol.poll_transmit(now));
        texts.map(|transmit| serde_json::from_str(&transmit.text).unwrap()).collect()
    }

    /// Receipts that are settled, with "acknowledged", "done" or "failed", and what was ignored.
    pub(crate) fn settled(&mut self) -> Vec<(u64, &'static str, Vec<String>)> {
        let settled = std::iter::from_fn(|| self.protocol.poll_settled());
        let word = |outcome| match outcome {
            Outcome::Acknowledged(_) => "acknowledged",
            Outcome::Done => "done",
            Outcome::Failed(_) => "failed",
        };
        settled.map(|settled| (settled.receipt, word(settled.outcome), settled.ignored)).collect()
    }
}

pub(crate) fn config(options: Value) -> SessionConfig {
    let Value::Object(options) = options else { panic!("options are an object") };
    SessionConfig::from_options(options).unwrap()
}

pub(crate) fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind().name()).collect()
}

/// Without those that map to no neutral event.
pub(crate) fn neutral(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().filter(|event| !matches!(event.kind(), Kind::Server | Kind::Wire)).collect()
}

/// The texts in the bodies of events, in their order.
pub(crate) fn words(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(|event| event.resolve(words_in(&event.body)?)).collect()
}

fn words_in(body: &Body) -> Option<&Text> {
    match body {
        Body::TextDelta(text) | Body::Transcript(text) | Body::Thought(text) => Some(text),
        Body::InputTranscript { text, .. } => Some(text),
        _ => None,
    }
}

/// Status and finality of the turns that end, in their order.
pub(crate) fn ends(events: &[Event]) -> Vec<(TurnStatus, bool)> {
    let end = |event: &Event| match &event.body {
        Body::TurnComplete(turn) => Some((turn.status, turn.is_final)),
        _ => None,
    };
    events.iter().filter_map(end).collect()
}

/// Milliseconds heard of what was interrupted, and whether that is a guess.
pub(crate) fn heard(events: &[Event]) -> Vec<(Option<i64>, bool)> {
    let heard = |event: &Event| match event.body {
        Body::Interrupted { heard_ms, estimated } => Some((heard_ms, estimated)),
        _ => None,
    };
    events.iter().filter_map(heard).collect()
}

pub(crate) fn content(content: Value) -> Value {
    json!({"serverContent": content})
}

/// A piece of the model's voice.
pub(crate) fn audio(samples: usize) -> Value {
    let mut data = Vec::new();
    voicewire_audio::base64::encode_pcm16(&vec![1; samples], &mut data);
    sound("audio/pcm;rate=24000", &String::from_utf8(data).unwrap())
}

pub(crate) fn sound(mime_type: &str, data: &str) -> Value {
    content(json!({"modelTurn": {"parts": [{"inlineData": {"mimeType": mime_type, "data": data}}]}}))
}

/// A piece of what the model says.
pub(crate) fn said(text: &str) -> Value {
    content(json!({"outputTranscription": {"text": text}}))
}

/// A piece of what the user said.
pub(crate) fn user_said(text: &str) -> Value {
    content(json!({"inputTranscription": {"text": text}}))
}

pub(crate) fn generated() -> Value {
    content(json!({"generationComplete": true}))
}

pub(crate) fn interrupted() -> Value {
    content(json!({"interrupted": true}))
}

pub(crate) fn turn_complete() -> Value {
    content(json!({"turnComplete": true}))
}

pub(crate) fn activity(kind: &str, offset: &str) -> Value {
    json!({"voiceActivity": {"type": kind, "audioOffset": offset}})
}

pub(crate) fn call(id: &str, name: &str) -> Value {
    json!({"toolCall": {"functionCalls": [{"id": id, "name": name, "args": {"city": "London"}}]}})
}

pub(crate) fn handle(name: &str) -> Value {
    json!({"sessionResumptionUpdate": {"newHandle": name, "resumable": true}})
}

pub(crate) fn go_away(left: &str) -> Value {
    json!({"goAway": {"timeLeft": left}})
}
