//! A plain HTTP client for tests: one request a connection.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use voicewire_sim::Simulator;

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The `error.code` of a refusal.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(prefix.as_str()))
    }
}

pub async fn post(simulator: &Simulator, path: &str, body: &Value) -> Answer {
    post_as(simulator, path, "sk-right", "application/json", &body.to_string()).await
}

pub async fn post_as(simulator: &Simulator, path: &str, key: &str, kind: &str, body: &str) -> Answer {
    let head = format!("Authorization: Bearer {key}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
    exchange(simulator, "POST", path, &head, body).await
}

pub async fn exchange(simulator: &Simulator, method: &str, path: &str, head: &str, body: &str) -> Answer {
    let address = simulator.http_url().trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: simulator\r\n{head}\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
