//! Who is let in: keys, models, paths, the beta header.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Error;
use voicewire_sim::{Beta, Refusal, Simulator};

const PATH: &str = "/realtime?model=gpt-realtime";
const BETA_PROTOCOLS: (&str, &str) = ("sec-websocket-protocol", "realtime, openai-beta.realtime-v1");

fn locked(refusal: Refusal) -> Simulator {
    start_with(|config| {
        config.api_key = Some("sk-right".to_owned());
        config.refusal = refusal;
        config.models = Some(vec!["gpt-realtime".to_owned()]);
    })
}

/// Status and JSON body of a refused upgrade.
async fn refused(simulator: &Simulator, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    match Client::with(simulator, path, headers).await {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (response.status().as_u16(), serde_json::from_slice(&body).unwrap())
        }
        other => panic!("expected a refusal, got {:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn the_right_key_is_taken_from_each_place() {
    let simulator = locked(Refusal::Http);
    for header in [
        ("authorization", "Bearer sk-right"),
        ("api-key", "sk-right"),
        ("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-right"),
    ] {
        let mut client = Client::with(&simulator, PATH, &[header]).await.unwrap();
        assert_eq!(client.next().await["type"], "session.created");
        assert_eq!(client.subprotocol.is_some(), header.0.starts_with("sec"));
    }
    let shown = format!("{:?}", simulator.connections());
    assert!(!shown.contains("sk-right"), "{shown}");
}

#[tokio::test]
async fn wrong_key_is_refused_by_http() {
    let simulator = locked(Refusal::Http);

    let (status, body) = refused(&simulator, PATH, &[("authorization", "Bearer sk-wrong")]).await;
    let (missing, _) = refused(&simulator, PATH, &[]).await;

    assert_eq!((status, missing), (401, 401));
    assert_eq!(body["error"]["code"], "invalid_api_key");
    assert!(!body.to_string().contains("sk-wrong"));
}

#[tokio::test]
async fn wrong_key_is_refused_by_event() {
    let simulator = locked(Refusal::Event);
    let mut client = Client::with(&simulator, PATH, &[("api-key", "sk-wrong")]).await.unwrap();

    assert_eq!(client.next().await["error"]["code"], "invalid_api_key");
    let (code, reason) = client.closed().await.unwrap();
    assert_eq!((code, reason.as_str()), (4000, "invalid_request_error.invalid_api_key"));
}

#[tokio::test]
async fn unknown_model_is_refused_both_ways() {
    let key = [("api-key", "sk-right")];
    let (status, body) = refused(&locked(Refusal::Http), "/realtime?model=gpt-9", &key).await;
    let simulator = locked(Refusal::Event);
    let mut client = Client::with(&simulator, "/realtime?model=gpt-9", &key).await.unwrap();

    assert_eq!((status, &body["error"]["code"]), (404, &json!("model_not_found")));
    assert_eq!(client.next().await["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn beta_clients_are_closed_with_4000() {
    let simulator = start();
    let mut client = Client::with(&simulator, PATH, &[("openai-beta", "realtime=v1")]).await.unwrap();
    assert_eq!(client.next().await["error"]["code"], "beta_api_shape_disabled");
    let (code, reason) = client.closed().await.unwrap();
    assert_eq!((code, reason.as_str()), (4000, "invalid_request_error.beta_api_shape_disabled"));

    let mut client = Client::with(&simulator, PATH, &[BETA_PROTOCOLS]).await.unwrap();
    assert_eq!(client.next().await["error"]["code"], "beta_api_shape_disabled");
}

#[tokio::test]
async fn beta_clients_are_served_in_their_shape_if_allowed() {
    let lenient = start_with(|config| config.beta = Beta::Allow);
    for header in [("openai-beta", "realtime=v1"), BETA_PROTOCOLS] {
        let mut client = Client::with(&lenient, PATH, &[header]).await.unwrap();
        assert_eq!(client.next().await["session"]["modalities"], json!(["text", "audio"]));
    }
    let mut client = Client::with(&lenient, PATH, &[]).await.unwrap();
    assert_eq!(client.next().await["session"]["output_modalities"], json!(["audio"]));
}

#[tokio::test]
async fn other_paths_and_plain_requests_are_told_so_in_json() {
    let simulator = start();
    let (status, body) = refused(&simulator, "/elsewhere", &[]).await;
    assert_eq!((status, &body["error"]["type"]), (404, &json!("invalid_request_error")));
    let (status, _) = refused(&simulator, "/realtime", &[]).await;
    assert_eq!(status, 400, "a model is required");

    let address = simulator.http_url().replace("http://", "").replace("/v1", "");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /v1/realtime?model=x HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
}
