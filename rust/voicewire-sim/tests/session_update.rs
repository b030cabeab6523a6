//! `session.update`: strict, all or nothing.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;

async fn refused(session: Value) -> Value {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let before = client.next().await["session"].clone();

    client.send(json!({"type": "session.update", "event_id": "mine", "session": session})).await;

    let error = client.next().await;
    assert_eq!(error["type"], "error", "{error}");
    assert_eq!(error["error"]["type"], "invalid_request_error");
    assert_eq!(error["error"]["event_id"], "mine");
    assert_eq!(client.update(json!({})).await["session"], before, "nothing is changed by a refused update");
    error["error"].clone()
}

#[tokio::test]
async fn one_unknown_field_refuses_the_whole_update() {
    let audio = json!({"input": {"turn_detection": null}, "foo": 1});
    let error = refused(json!({"type": "realtime", "instructions": "new", "audio": audio})).await;

    assert_eq!((&error["code"], &error["param"]), (&json!("unknown_parameter"), &json!("session.audio.foo")));
}

#[tokio::test]
async fn beta_fields_are_unknown() {
    let error = refused(json!({"type": "realtime", "modalities": ["text"]})).await;

    assert_eq!(error["param"], "session.modalities");
}

#[tokio::test]
async fn wrong_types_are_refused_with_their_path() {
    let tools = json!([{"type": "function", "name": "a"}, {"type": "function", "name": 7}]);
    let error = refused(json!({"type": "realtime", "tools": tools})).await;

    assert_eq!((&error["code"], &error["param"]), (&json!("invalid_type"), &json!("session.tools[1].name")));
}

#[tokio::test]
async fn values_out_of_range_are_refused() {
    for (path, session) in [
        ("session.audio.output.speed", json!({"audio": {"output": {"speed": 2.0}}})),
        ("session.max_output_tokens", json!({"max_output_tokens": 5000})),
        ("session.output_modalities", json!({"output_modalities": ["text", "audio"]})),
        ("session.tool_choice", json!({"tool_choice": "sometimes"})),
        (
            "session.audio.input.format.rate",
            json!({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}),
        ),
        (
            "session.audio.input.turn_detection.idle_timeout_ms",
            json!({"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 10}}}}),
        ),
    ] {
        let mut session = session;
        session["type"] = "realtime".into();
        let error = refused(session).await;
        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_value"), &json!(path)));
    }
}

#[tokio::test]
async fn the_type_of_the_session_is_required() {
    let error = refused(json!({"instructions": "x"})).await;

    assert_eq!((&error["code"], &error["param"]), (&json!("missing_required_parameter"), &json!("session.type")));
}

#[tokio::test]
async fn updates_merge_deeply() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;

    client.update(json!({"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}})).await;
    let detection = json!({"type": "server_vad", "silence_duration_ms": 900});
    let input = json!({"turn_detection": detection, "transcription": {"model": "whisper-1"}});
    let updated = client.update(json!({"audio": {"input": input, "output": {"voice": "cedar"}}})).await;

    let audio = &updated["session"]["audio"];
    assert_eq!(audio["input"]["turn_detection"]["threshold"], 0.7);
    assert_eq!(audio["input"]["turn_detection"]["silence_duration_ms"], 900);
    assert_eq!(audio["input"]["transcription"], json!({"model": "whisper-1", "language": null, "prompt": null}));
    assert_eq!(audio["output"]["voice"], "cedar");
    assert_eq!(audio["output"]["format"], json!({"type": "audio/pcm", "rate": 24000}));
}

#[tokio::test]
async fn the_voice_is_fixed_once_heard() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.ask("hi").await;

    let session = json!({"type": "realtime", "audio": {"output": {"voice": "cedar"}}});
    client.send(json!({"type": "session.update", "session": session})).await;

    let error = client.until("error").await.pop().unwrap();
    assert_eq!(error["error"]["code"], "cannot_update_voice");
}

#[tokio::test]
async fn transcription_sessions_hear_and_do_not_answer() {
    let simulator = start();
    let mut client = Client::with(&simulator, "/realtime?intent=transcription", &[]).await.unwrap();
    assert_eq!(client.next().await["session"]["type"], "transcription");
    let input = json!({"transcription": {"model": "gpt-realtime-whisper"}});
    let session = json!({"type": "transcription", "audio": {"input": input}});
    client.send(json!({"type": "session.update", "session": session})).await;

    client.append(&[voice(800), silence(400)].concat()).await;
    let events = client.until("conversation.item.input_audio_transcription.completed").await;
    client.send(json!({"type": "response.create"})).await;

    assert!(of_type(&events, "response.created").is_empty());
    assert_eq!(client.next().await["type"], "error");
}
