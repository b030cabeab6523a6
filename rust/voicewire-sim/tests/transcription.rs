//! Transcription of the user's audio: models that tell early, late, in segments, with figures, or fail.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use voicewire_sim::Simulator;

const DELTA: &str = "conversation.item.input_audio_transcription.delta";
const SEGMENT: &str = "conversation.item.input_audio_transcription.segment";
const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";
const FAILED: &str = "conversation.item.input_audio_transcription.failed";

fn told(rule: Value) -> Simulator {
    start_with(|config| config.script = script(json!([rule])))
}

async fn open(simulator: &Simulator, model: &str, include: Value) -> Client {
    let mut client = Client::open(simulator).await;
    client.update(json!({"audio": {"input": {"transcription": {"model": model}}}, "include": include})).await;
    client
}

/// A second of speech by appends of 100 ms, and the events up to the end of its transcription.
async fn speak(client: &mut Client, end: &str) -> Vec<Value> {
    for chunk in [silence(500), voice(1200), silence(500)].concat().chunks(2400) {
        client.append(chunk).await;
    }
    client.until(end).await
}

#[tokio::test]
async fn a_model_that_listens_along_tells_words_before_the_speech_ends() {
    let simulator = told(json!({"when": {"audio": true}, "transcript": "How are you today, my friend?"}));
    let mut client = open(&simulator, "gpt-realtime-whisper", json!(null)).await;

    let events = speak(&mut client, COMPLETED).await;

    let stopped = events.iter().position(|event| event["type"] == "input_audio_buffer.speech_stopped").unwrap();
    let (before, after) = events.split_at(stopped);
    assert!(!text(before, DELTA).is_empty() && !text(after, DELTA).is_empty(), "{:?}", types(&events));
    assert_eq!(text(&events, DELTA), "How are you today, my friend?");
    let item_id = &one(&events, "input_audio_buffer.speech_started")["item_id"];
    let deltas = of_type(&events, DELTA);
    assert!(deltas.iter().all(|delta| delta["item_id"] == *item_id && delta["content_index"] == 0));
    assert!(deltas.iter().all(|delta| delta["obfuscation"].is_string() && delta.get("logprobs").is_none()));
    assert_eq!(one(&events, COMPLETED)["usage"], json!({"type": "duration", "seconds": 2}));
}

#[tokio::test]
async fn early_words_of_unscripted_speech_fit_the_whole() {
    let simulator = start();
    let mut client = open(&simulator, "gpt-realtime-whisper", json!(null)).await;

    let events = speak(&mut client, COMPLETED).await;

    assert_eq!(text(&events, DELTA), one(&events, COMPLETED)["transcript"]);
}

#[tokio::test]
async fn other_models_tell_words_after_the_commit_and_count_tokens() {
    let simulator = told(json!({"when": {"audio": true}, "transcript": "How are you?"}));
    let mut client = open(&simulator, "gpt-4o-transcribe", json!(null)).await;

    let events = speak(&mut client, COMPLETED).await;

    let committed = events.iter().position(|event| event["type"] == "input_audio_buffer.committed").unwrap();
    assert!(of_type(&events[..committed], DELTA).is_empty());
    assert_eq!(of_type(&events, DELTA).len(), 4);
    let usage = &one(&events, COMPLETED)["usage"];
    assert_eq!((&usage["type"], &usage["output_tokens"]), (&json!("tokens"), &json!(3)));
    assert_eq!(usage["input_tokens"], usage["input_token_details"]["audio_tokens"]);
}

#[tokio::test]
async fn whisper_tells_all_at_once() {
    let simulator = told(json!({"when": {"audio": true}, "transcript": "How are you?"}));
    let mut client = open(&simulator, "whisper-1", json!(null)).await;

    let events = speak(&mut client, COMPLETED).await;

    assert_eq!(one(&events, DELTA)["delta"], "How are you?");
    assert_eq!(one(&events, COMPLETED)["usage"]["type"], "duration");
}

#[tokio::test]
async fn the_diarizing_model_tells_who_spoke() {
    let simulator = told(json!({"when": {"audio": true}, "transcript": "Hello there. Hi!"}));
    let mut client = open(&simulator, "gpt-4o-transcribe-diarize", json!(null)).await;

    let events = speak(&mut client, COMPLETED).await;

    let segments = of_type(&events, SEGMENT);
    let spoken: Vec<_> =
        segments.iter().map(|one| (one["speaker"].as_str().unwrap(), one["text"].as_str().unwrap())).collect();
    assert_eq!(spoken, [("A", "Hello there."), ("B", "Hi!")]);
    assert_eq!(segments[0]["end"], segments[1]["start"]);
    assert!(segments[1]["end"].as_f64().unwrap() > 1.0);
}

#[tokio::test]
async fn logprobs_come_when_they_are_included() {
    let simulator = told(json!({"when": {"audio": true}, "transcript": "Hi you"}));
    let include = json!(["item.input_audio_transcription.logprobs"]);
    let mut client = open(&simulator, "gpt-4o-transcribe", include).await;

    let events = speak(&mut client, COMPLETED).await;

    let delta = &of_type(&events, DELTA)[0]["logprobs"];
    assert_eq!((&delta[0]["token"], &delta[0]["bytes"]), (&json!("Hi"), &json!([72, 105])));
    assert_eq!(one(&events, COMPLETED)["logprobs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_failed_transcription_is_no_error_of_the_session() {
    let missing = json!({"code": "DeploymentNotFound", "message": "No such deployment."});
    for (failure, kind, code) in [
        (json!("failed"), "transcription_error", "audio_unintelligible"),
        (json!({"error": missing}), "transcription_error", "DeploymentNotFound"),
    ] {
        let simulator = told(json!({"when": {"audio": true}, "transcription": failure, "say": "Yes?"}));
        let mut client = open(&simulator, "gpt-realtime-whisper", json!(null)).await;

        let events = speak(&mut client, FAILED).await;

        assert!(of_type(&events, DELTA).is_empty() && of_type(&events, "error").is_empty());
        let failed = one(&events, FAILED);
        assert_eq!(failed["item_id"], one(&events, "input_audio_buffer.committed")["item_id"]);
        assert_eq!((&failed["error"]["type"], &failed["error"]["code"]), (&json!(kind), &json!(code)));
    }
}

#[tokio::test]
async fn the_transcript_is_kept_with_the_item() {
    let simulator = told(json!({"when": {"audio": true}, "transcript": "How are you?"}));
    let mut client = open(&simulator, "gpt-4o-transcribe", json!(null)).await;
    let events = speak(&mut client, COMPLETED).await;

    let item_id = &one(&events, COMPLETED)["item_id"];
    client.send(json!({"type": "conversation.item.retrieve", "item_id": item_id})).await;

    let retrieved = client.until("conversation.item.retrieved").await.pop().unwrap();
    assert_eq!(retrieved["item"]["content"][0]["transcript"], "How are you?");
    assert!(retrieved["item"]["content"][0]["audio"].is_string());
}

#[tokio::test]
async fn turns_of_a_transcription_session_are_counted_and_use_up_rules() {
    let rules = json!([
        {"transcript": "First.", "once": true},
        {"when": {"turn": 2}, "transcript": "Second."},
        {"transcript": "Later."},
    ]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut client = Client::with(&simulator, "/realtime?intent=transcription", &[]).await.unwrap();
    let input = json!({"transcription": {"model": "gpt-realtime-whisper"}});
    let session = json!({"type": "transcription", "audio": {"input": input}});
    client.send(json!({"type": "session.update", "session": session})).await;

    let mut spoken = Vec::new();
    for _ in 0..3 {
        let events = speak(&mut client, COMPLETED).await;
        spoken.push((text(&events, DELTA), one(&events, COMPLETED)["transcript"].clone()));
    }

    let expected = ["First.", "Second.", "Later."].map(|words| (words.to_owned(), json!(words)));
    assert_eq!(spoken, expected);
}
