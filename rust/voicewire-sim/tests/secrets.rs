//! Ephemeral keys: how they are made, what they open, and what the session begins with.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::http::*;
use support::*;
use tokio_tungstenite::tungstenite::Error;
use voicewire_sim::{Beta, Dialect, Simulator};

const SECRETS: &str = "/v1/realtime/client_secrets";

fn locked() -> Simulator {
    start_with(|config| config.api_key = Some("sk-right".to_owned()))
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

async fn mint(simulator: &Simulator, body: &Value) -> String {
    let answer = post(simulator, SECRETS, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_has_a_value_a_time_and_a_session() {
    let simulator = locked();
    let body = json!({
        "expires_after": {"anchor": "created_at", "seconds": 7200},
        "session": {"type": "realtime", "model": "gpt-realtime-mini", "instructions": "Be brief."},
    });

    let secret = post(&simulator, SECRETS, &body).await.json();
    let default = post(&simulator, SECRETS, &json!({})).await.json();

    assert!(secret["value"].as_str().unwrap().starts_with("ek_"));
    let left = |secret: &Value| secret["expires_at"].as_u64().unwrap() - now();
    assert!((7190..=7200).contains(&left(&secret)) && (590..=600).contains(&left(&default)));
    assert_eq!(secret["session"]["model"], "gpt-realtime-mini");
    assert_eq!(secret["session"]["instructions"], "Be brief.");
    assert_eq!(default["session"]["type"], "realtime");
    assert_ne!(secret["value"], default["value"]);
}

#[tokio::test]
async fn wrong_bodies_are_refused_as_in_a_session() {
    let simulator = locked();
    let expiry = |seconds: u64| json!({"expires_after": {"anchor": "created_at", "seconds": seconds}});
    for (body, code, param) in [
        (expiry(9), "invalid_value", "expires_after.seconds"),
        (expiry(7_201), "invalid_value", "expires_after.seconds"),
        (json!({"expires_after": {"anchor": "now"}}), "invalid_value", "expires_after.anchor"),
        (json!({"session": {"model": "m"}}), "missing_required_parameter", "session.type"),
        (json!({"session": {"type": "realtime", "modalities": ["text"]}}), "unknown_parameter", "session.modalities"),
        (json!({"session": {"type": "translation"}}), "invalid_value", "session.type"),
        (json!({"model": "m"}), "unknown_parameter", "model"),
    ] {
        let answer = post(&simulator, SECRETS, &body).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"], &error["param"]), (400, &json!(code), &json!(param)), "{body}");
    }
    let answer = post_as(&simulator, SECRETS, "sk-right", "application/json", "{").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_json"));
}

#[tokio::test]
async fn a_secret_opens_a_session_that_begins_with_its_settings() {
    let simulator = locked();
    let session = json!({
        "type": "realtime",
        "model": "gpt-realtime-mini",
        "instructions": "Be brief.",
        "output_modalities": ["text"],
        "audio": {"input": {"turn_detection": null}},
    });
    let value = mint(&simulator, &json!({ "session": session })).await;
    let bearer = format!("Bearer {value}");
    let protocols = format!("realtime, openai-insecure-api-key.{value}");

    for header in [("authorization", bearer.as_str()), ("sec-websocket-protocol", protocols.as_str())] {
        let mut client = Client::with(&simulator, "/realtime", &[header]).await.unwrap();
        let created = client.next().await["session"].clone();
        assert_eq!((&created["model"], &created["instructions"]), (&json!("gpt-realtime-mini"), &json!("Be brief.")));
        assert_eq!(created["audio"]["input"]["turn_detection"], Value::Null);
        let events = client.ask("Hi").await;
        assert!(text(&events, "response.output_text.delta").contains("My instructions are: Be brief."));
    }
    assert!(!format!("{:?}", simulator.connections()).contains(&value));
}

#[tokio::test]
async fn a_secret_opens_a_transcription_session() {
    let simulator = locked();
    let value = mint(&simulator, &json!({"session": {"type": "transcription"}})).await;
    let bearer = format!("Bearer {value}");

    let mut client = Client::with(&simulator, "/realtime", &[("authorization", &bearer)]).await.unwrap();

    assert_eq!(client.next().await["session"]["type"], "transcription");
    client.append(&voice(300)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    let events = client.until("conversation.item.input_audio_transcription.completed").await;
    assert_eq!(events.last().unwrap()["transcript"], "(speech, 0.3 s)");
}

#[tokio::test]
async fn a_secret_without_a_session_leaves_a_dialect_its_defaults() {
    let simulator = start_with(|config| {
        config.api_key = Some("sk-right".to_owned());
        config.dialect = Some(Dialect::Xai);
    });
    let value = mint(&simulator, &json!({"expires_after": {"seconds": 300}})).await;
    let protocols = format!("xai-client-secret.{value}, realtime");

    let header = [("sec-websocket-protocol", protocols.as_str())];
    let mut client = Client::with(&simulator, "/realtime?model=grok", &header).await.unwrap();

    assert_eq!(client.next().await["session"]["voice"], "ara");
}

#[tokio::test]
async fn an_unknown_secret_opens_nothing() {
    let simulator = locked();

    let refused = Client::with(&simulator, "/realtime?model=m", &[("authorization", "Bearer ek_unknown")]).await;

    assert!(matches!(refused.map(|_| ()), Err(Error::Http(response)) if response.status() == 401));
}

#[tokio::test]
async fn a_secret_makes_no_secrets() {
    let simulator = locked();
    let value = mint(&simulator, &json!({})).await;

    let answer = post_as(&simulator, SECRETS, &value, "application/json", "{}").await;

    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"));
}

#[tokio::test]
async fn the_beta_way_needs_a_simulator_that_allows_beta() {
    let body =
        json!({"model": "gpt-4o-realtime-preview", "voice": "verse", "modalities": ["text"], "temperature": 0.7});
    let refused = post(&start(), "/v1/realtime/sessions", &body).await;
    let simulator = start_with(|config| {
        config.beta = Beta::Allow;
        config.api_key = Some("sk-right".to_owned());
    });

    let session = post(&simulator, "/v1/realtime/sessions", &body).await.json();

    assert_eq!((refused.status, refused.code().as_str()), (400, "beta_api_shape_disabled"));
    assert_eq!((&session["voice"], &session["temperature"]), (&json!("verse"), &json!(0.7)));
    assert_eq!((&session["object"], &session["model"]), (&json!("realtime.session"), &body["model"]));
    assert!((50..=60).contains(&(session["client_secret"]["expires_at"].as_u64().unwrap() - now())));
    let bearer = format!("Bearer {}", session["client_secret"]["value"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("openai-beta", "realtime=v1")];
    let mut client = Client::with(&simulator, "/realtime", &headers).await.unwrap();
    let created = client.next().await["session"].clone();
    assert_eq!((&created["voice"], &created["modalities"]), (&json!("verse"), &json!(["text"])));
    let wrong = post(&simulator, "/v1/realtime/sessions", &json!({"output_modalities": ["text"]})).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "unknown_parameter"));
    let transcription = post(&simulator, "/v1/realtime/transcription_sessions", &json!({})).await.json();
    assert_eq!(transcription["object"], "realtime.transcription_session");
    assert!(transcription["client_secret"]["value"].as_str().unwrap().starts_with("ek_"));
}
