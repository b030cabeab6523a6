//! The beta shape is strict: what it refuses, and in which words.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::*;
use voicewire_sim::{Beta, Simulator};

fn allowing() -> Simulator {
    start_with(|config| config.beta = Beta::Allow)
}

#[tokio::test]
async fn unknown_fields_refuse_the_whole_update() {
    let simulator = allowing();
    let mut client = Client::open_beta(&simulator).await;
    for (session, code, param) in [
        (json!({"voice": "echo", "output_modalities": ["text"]}), "unknown_parameter", "session.output_modalities"),
        (json!({"type": "realtime"}), "unknown_parameter", "session.type"),
        (json!({"audio": {}}), "unknown_parameter", "session.audio"),
        (json!({"temperature": 0.5}), "invalid_value", "session.temperature"),
        (json!({"temperature": 1.3}), "invalid_value", "session.temperature"),
        (json!({"modalities": ["audio"]}), "invalid_value", "session.modalities"),
        (json!({"input_audio_format": "pcm"}), "invalid_value", "session.input_audio_format"),
        (json!({"voice": 1}), "invalid_type", "session.voice"),
        (
            json!({"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}),
            "unknown_parameter",
            "session.turn_detection.idle_timeout_ms",
        ),
        (json!({"tools": [{"type": "mcp", "server_label": "x"}]}), "invalid_value", "session.tools[0].type"),
    ] {
        let error = client.refused(json!({"type": "session.update", "event_id": "mine", "session": session})).await;
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{error}");
        assert_eq!(error["event_id"], "mine");
    }
    let session = client.update_as_is(json!({})).await;
    assert_eq!((&session["voice"], &session["temperature"]), (&json!("alloy"), &json!(0.8)));
}

#[tokio::test]
async fn events_of_the_other_shape_are_refused() {
    let simulator = allowing();
    let mut beta = Client::open_beta(&simulator).await;
    let wanted = json!({"output_modalities": ["text"]});
    let error = beta.refused(json!({"type": "response.create", "response": wanted})).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("unknown_parameter"), &json!("response.output_modalities")));
    let content = json!([{"type": "output_text", "text": "x"}]);
    let item = json!({"type": "message", "role": "assistant", "content": content});
    let error = beta.refused(json!({"type": "conversation.item.create", "item": item})).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("invalid_value"), &json!("item.content[0].type")));

    let mut ga = Client::open(&simulator).await;
    ga.next().await;
    let error = ga.refused(json!({"type": "session.update", "session": {"modalities": ["text"]}})).await;
    assert_eq!(error["param"], "session.modalities");
    let error = ga.refused(json!({"type": "transcription_session.update", "session": {}})).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("invalid_value"), &json!("type")));
}

#[tokio::test]
async fn errors_of_the_session_blame_beta_names() {
    let simulator = allowing();
    let mut client = Client::open_beta(&simulator).await;
    client.ask("Hi").await;

    let error =
        client.refused(json!({"type": "session.update", "session": {"voice": "echo", "temperature": 1.0}})).await;

    assert_eq!((&error["code"], &error["param"]), (&json!("cannot_update_voice"), &json!("session.voice")));
    let item = json!({"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": "x"}]});
    let error = client.refused(json!({"type": "conversation.item.create", "item": item})).await;
    assert_eq!(error["message"], "Invalid value: 'input_text'. Supported values are: 'text', 'audio'.");
    assert_eq!(client.update_as_is(json!({})).await["temperature"], 0.8, "a refused update changes nothing");
}

#[tokio::test]
async fn what_is_no_json_is_an_error_in_beta_too() {
    let simulator = allowing();
    let mut client = Client::open_beta(&simulator).await;

    let error = client.refused(json!(1)).await;

    assert_eq!(error["code"], "missing_required_parameter");
}
