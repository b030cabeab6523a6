//! The plain client on Gemini Live's paths.

use base64::prelude::{Engine, BASE64_STANDARD};
use futures_util::SinkExt;
use serde_json::{json, Value};
use tokio_tungstenite::tungstenite::Message;
use voicewire_sim::Simulator;

use super::Client;

pub const STUDIO: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
pub const VERTEX: &str = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent";
pub const MODEL_2_5: &str = "models/gemini-2.5-flash-native-audio-preview-12-2025";
pub const MODEL_3_1: &str = "models/gemini-3.1-flash-live-preview";
pub const MODEL_3_8: &str = "models/gemini-3.8-live";

/// A client of Gemini Live.
pub struct Gemini(pub Client);

impl Gemini {
    /// A connection before its setup.
    pub async fn open(simulator: &Simulator) -> Gemini {
        Gemini::at(simulator, STUDIO).await
    }

    pub async fn at(simulator: &Simulator, path: &str) -> Gemini {
        Gemini(Client::at(simulator, path, &[]).await.unwrap())
    }

    /// A session past `setupComplete`; `extra` are fields of the setup.
    pub async fn session(simulator: &Simulator, model: &str, extra: Value) -> Gemini {
        let mut client = Gemini::open(simulator).await;
        client.set_up(model, extra).await;
        client
    }

    /// A session of written answers without thoughts, of a model without manners.
    pub async fn text(simulator: &Simulator) -> Gemini {
        Gemini::session(simulator, "models/gemini-2.0-flash-live-001", text_setup()).await
    }

    pub async fn set_up(&mut self, model: &str, extra: Value) {
        self.send(setup(model, extra)).await;
        let first = self.next().await;
        assert!(first["setupComplete"].is_object(), "{first}");
    }

    pub async fn send(&mut self, message: Value) {
        self.0.send(message).await;
    }

    /// The next message, which has to be a binary frame.
    pub async fn next(&mut self) -> Value {
        match self.0.message().await {
            Some(Ok(Message::Binary(bytes))) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Messages up to and with the first that has something at this JSON pointer.
    pub async fn until(&mut self, pointer: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            messages.push(self.next().await);
            if messages.last().unwrap().pointer(pointer).is_some() {
                return messages;
            }
        }
    }

    /// Messages of a whole turn.
    pub async fn turn(&mut self) -> Vec<Value> {
        self.until("/serverContent/turnComplete").await
    }

    pub async fn say(&mut self, text: &str) {
        self.send(content(&[("user", text)], true)).await;
    }

    pub async fn ask(&mut self, text: &str) -> Vec<Value> {
        self.say(text).await;
        self.turn().await
    }

    pub async fn speak(&mut self, samples: &[i16]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let audio = json!({"data": BASE64_STANDARD.encode(bytes), "mimeType": "audio/pcm;rate=16000"});
        self.send(json!({"realtimeInput": {"audio": audio}})).await;
    }

    pub async fn closed(&mut self) -> (u16, String) {
        self.0.closed().await.expect("a close frame")
    }

    pub async fn leave(mut self) {
        let _ = self.0.socket.close(None).await;
        let _ = self.0.socket.flush().await;
    }
}

pub fn setup(model: &str, extra: Value) -> Value {
    let mut setup = extra;
    setup["model"] = model.into();
    json!({ "setup": setup })
}

pub fn text_setup() -> Value {
    json!({"generationConfig": {"responseModalities": ["TEXT"], "thinkingConfig": {"thinkingBudget": 0}}})
}

/// Functions without parameters.
pub fn functions(declarations: Value) -> Value {
    json!({"tools": [{"functionDeclarations": declarations}]})
}

pub fn content(turns: &[(&str, &str)], complete: bool) -> Value {
    let turns: Vec<_> = turns.iter().map(|(role, text)| json!({"role": role, "parts": [{"text": text}]})).collect();
    json!({"clientContent": {"turns": turns, "turnComplete": complete}})
}

fn parts(messages: &[Value]) -> impl Iterator<Item = &Value> {
    messages.iter().filter_map(|message| message["serverContent"]["modelTurn"]["parts"].as_array()).flatten()
}

/// Written words, without thoughts.
pub fn written(messages: &[Value]) -> String {
    parts(messages).filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str()).collect()
}

pub fn thoughts(messages: &[Value]) -> String {
    parts(messages).filter(|part| part["thought"] == true).filter_map(|part| part["text"].as_str()).collect()
}

/// Samples of each chunk.
pub fn chunks(messages: &[Value]) -> Vec<usize> {
    let data = parts(messages).filter_map(|part| part["inlineData"]["data"].as_str());
    data.map(|text| BASE64_STANDARD.decode(text).unwrap().len() / 2).collect()
}

/// The transcript of the model, or of the user.
pub fn transcript(messages: &[Value], key: &str) -> String {
    messages.iter().filter_map(|message| message["serverContent"][key]["text"].as_str()).collect()
}

/// What messages are, runs told once: the key, and of content what is in it.
pub fn kinds(messages: &[Value]) -> Vec<String> {
    let mut kinds: Vec<String> = messages.iter().map(kind).collect();
    kinds.dedup();
    kinds
}

fn kind(message: &Value) -> String {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join("+");
    match &message["serverContent"] {
        Value::Object(_) => keys(&message["serverContent"]),
        _ => keys(message),
    }
}

/// A voice at the rate of the input.
pub fn voice(ms: usize) -> Vec<i16> {
    (0..ms * 16).map(|index| ((index as f64 * 0.117_8).sin() * 8192.0) as i16).collect()
}

pub fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 16]
}
