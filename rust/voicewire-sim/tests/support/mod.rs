//! A plain WebSocket client for tests: knows JSON and nothing of the protocol.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod gemini;
pub mod http;

use std::time::Duration;

use base64::prelude::{Engine, BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{json, Value};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{client_async, WebSocketStream};
use voicewire_sim::{Fault, Script, Simulator, SimulatorConfig};

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
    pub subprotocol: Option<String>,
}

pub fn start() -> Simulator {
    start_with(|_| {})
}

/// Without waits: most tests need order, not time.
pub fn start_with(change: impl FnOnce(&mut SimulatorConfig)) -> Simulator {
    let mut config = SimulatorConfig { pace: 0.0, ..SimulatorConfig::default() };
    change(&mut config);
    Simulator::start(config).unwrap()
}

pub fn script(rules: Value) -> Script {
    Script::from_json(&rules.to_string()).unwrap()
}

pub fn faults(list: Value) -> Vec<Fault> {
    Fault::list_from_json(&list.to_string()).unwrap()
}

impl Client {
    pub async fn open(simulator: &Simulator) -> Client {
        Client::with(simulator, "/realtime?model=gpt-realtime", &[]).await.unwrap()
    }

    pub async fn with(simulator: &Simulator, path: &str, headers: &[(&str, &str)]) -> Result<Client, Error> {
        Client::at(simulator, &format!("/v1{path}"), headers).await
    }

    /// A connection to a path of its own.
    pub async fn at(simulator: &Simulator, path: &str, headers: &[(&str, &str)]) -> Result<Client, Error> {
        let url = format!("{}{path}", simulator.url().trim_end_matches("/v1"));
        let mut request = url.as_str().into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap().to_owned();
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, response) = client_async(request, stream).await?;
        let subprotocol = response.headers().get("sec-websocket-protocol");
        Ok(Client { socket, subprotocol: subprotocol.map(|value| value.to_str().unwrap().to_owned()) })
    }

    /// A session of the beta shape, past its greeting.
    pub async fn open_beta(simulator: &Simulator) -> Client {
        let header = [("openai-beta", "realtime=v1")];
        let mut client = Client::with(simulator, "/realtime?model=gpt-realtime", &header).await.unwrap();
        client.until("conversation.created").await;
        client
    }

    /// Send a session update as it is; the session that answers.
    pub async fn update_as_is(&mut self, session: Value) -> Value {
        self.send(json!({"type": "session.update", "session": session})).await;
        self.until("session.updated").await.pop().unwrap()["session"].take()
    }

    /// Send an event that is refused; the error.
    pub async fn refused(&mut self, event: Value) -> Value {
        self.send(event).await;
        self.until("error").await.pop().unwrap()["error"].take()
    }

    /// A session of text, past `session.updated`.
    pub async fn open_text(simulator: &Simulator) -> Client {
        let mut client = Client::open(simulator).await;
        client.update(json!({"output_modalities": ["text"]})).await;
        client
    }

    pub async fn update(&mut self, mut session: Value) -> Value {
        session["type"] = "realtime".into();
        self.send(json!({"type": "session.update", "session": session})).await;
        self.until("session.updated").await.pop().unwrap()
    }

    pub async fn send(&mut self, event: Value) {
        self.socket.send(Message::text(event.to_string())).await.unwrap();
    }

    pub async fn say(&mut self, text: &str) {
        let content = json!([{"type": "input_text", "text": text}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        self.send(json!({"type": "conversation.item.create", "item": item})).await;
    }

    pub async fn ask(&mut self, text: &str) -> Vec<Value> {
        self.say(text).await;
        self.send(json!({"type": "response.create"})).await;
        self.until("response.done").await
    }

    /// A response to what the conversation holds already.
    pub async fn ask_nothing(&mut self) -> Vec<Value> {
        self.send(json!({"type": "response.create"})).await;
        self.until("response.done").await
    }

    pub async fn append(&mut self, samples: &[i16]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.send(json!({"type": "input_audio_buffer.append", "audio": BASE64_STANDARD.encode(bytes)})).await;
    }

    pub async fn message(&mut self) -> Option<Result<Message, Error>> {
        tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message within the test's patience")
    }

    pub async fn next(&mut self) -> Value {
        match self.message().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected an event, got {other:?}"),
        }
    }

    /// Events up to and with the first of this type.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await);
            if events.last().unwrap()["type"] == kind {
                return events;
            }
        }
    }

    /// Events before the error that names this client event.
    pub async fn until_mark(&mut self, event_id: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            match self.next().await {
                event if event["error"]["event_id"] == event_id => return events,
                event => events.push(event),
            }
        }
    }

    /// Code and reason of the close frame; None if there was none.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// Types in order, runs of one type told once.
pub fn types(events: &[Value]) -> Vec<&str> {
    let mut types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    types.dedup();
    types
}

pub fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

pub fn one<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let found = of_type(events, kind);
    assert_eq!(found.len(), 1, "{kind} in {:?}", types(events));
    found[0]
}

pub fn audio(events: &[Value]) -> Vec<i16> {
    let deltas = of_type(events, "response.output_audio.delta");
    let bytes = deltas.iter().flat_map(|event| BASE64_STANDARD.decode(event["delta"].as_str().unwrap()).unwrap());
    let bytes: Vec<u8> = bytes.collect();
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

pub fn text(events: &[Value], kind: &str) -> String {
    of_type(events, kind).iter().map(|event| event["delta"].as_str().unwrap()).collect()
}

pub fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 24]
}

/// A sine of 300 Hz at −12 dBFS.
pub fn voice(ms: usize) -> Vec<i16> {
    (0..ms * 24).map(|index| ((index as f64 * 0.078_539_8).sin() * 8192.0) as i16).collect()
}
