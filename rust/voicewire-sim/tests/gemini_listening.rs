//! Gemini Live's ears: detection, push-to-talk, interruption, transcripts.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::gemini::*;
use support::{script, start, start_with};
use voicewire_sim::Simulator;

fn hearing() -> Value {
    json!({"inputAudioTranscription": {}, "outputAudioTranscription": {}})
}

fn with_input(config: Value) -> Value {
    let mut setup = hearing();
    setup["realtimeInputConfig"] = config;
    setup
}

fn told(words: &str, pace: f64) -> Simulator {
    start_with(|config| {
        config.pace = pace;
        config.script = script(json!([{"when": {"audio": true}, "transcript": words}]));
    })
}

async fn utter(client: &mut Gemini) {
    client.speak(&voice(400)).await;
    client.speak(&silence(900)).await;
}

#[tokio::test]
async fn speech_that_ends_is_answered() {
    let simulator = told("Hello, my name is Ada.", 0.0);
    let mut client = Gemini::session(&simulator, MODEL_2_5, hearing()).await;

    utter(&mut client).await;

    let turn = client.turn().await;
    let pieces: Vec<_> =
        turn.iter().filter_map(|message| message["serverContent"]["inputTranscription"]["text"].as_str()).collect();
    assert_eq!(pieces, ["Hello", ",", " my", " name", " is", " Ada", "."]);
    assert!(transcript(&turn, "outputTranscription").starts_with("You said: Hello, my name is Ada."));
    let details = &turn.last().unwrap()["usageMetadata"]["promptTokensDetails"];
    assert_eq!(details[0]["modality"], "AUDIO");
}

#[tokio::test]
async fn unscripted_speech_is_told_by_its_length() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL_3_1, hearing()).await;

    utter(&mut client).await;

    assert_eq!(transcript(&client.turn().await, "inputTranscription"), "(speech, 0.9 s)");
}

#[tokio::test]
async fn the_newest_model_tells_of_activity_with_times() {
    let simulator = told("Good day.", 0.0);
    let mut client = Gemini::session(&simulator, MODEL_3_8, hearing()).await;
    client.next().await;
    client.speak(&silence(100)).await;

    utter(&mut client).await;

    let start = client.next().await;
    assert_eq!(start, json!({"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.100s"}}));
    assert_eq!(client.next().await["serverContent"]["inputTranscription"]["text"], "Good day.");
    assert_eq!(client.next().await, json!({"voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "1s"}}));
}

#[tokio::test]
async fn silence_of_the_clients_length_ends_a_turn() {
    let simulator = start();
    let detection = json!({"automaticActivityDetection": {"silence_duration_ms": 100, "prefixPaddingMs": 50}});
    let mut client = Gemini::session(&simulator, MODEL_2_5, with_input(detection)).await;
    client.speak(&silence(200)).await;

    client.speak(&voice(400)).await;
    client.speak(&silence(120)).await;

    // 400 ms of voice, 100 ms of silence, 50 ms before.
    assert_eq!(transcript(&client.turn().await, "inputTranscription"), "(speech, 0.6 s)");
}

#[tokio::test]
async fn the_end_of_the_stream_ends_a_turn() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL_2_5, hearing()).await;
    client.speak(&voice(500)).await;

    client.send(json!({"realtimeInput": {"audioStreamEnd": true}})).await;
    let first = client.turn().await;
    utter(&mut client).await;

    assert_eq!(transcript(&first, "inputTranscription"), "(speech, 0.5 s)");
    assert_eq!(transcript(&client.turn().await, "inputTranscription"), "(speech, 0.9 s)");
}

#[tokio::test]
async fn push_to_talk_is_heard_between_its_ends() {
    let simulator = start();
    let manual = json!({"automatic_activity_detection": {"disabled": true}});
    let mut client = Gemini::session(&simulator, MODEL_2_5, with_input(manual)).await;
    client.speak(&voice(300)).await;

    client.send(json!({"realtimeInput": {"activityStart": {}}})).await;
    client.speak(&voice(700)).await;
    client.send(json!({"realtimeInput": {"activityEnd": {}}})).await;

    assert_eq!(transcript(&client.turn().await, "inputTranscription"), "(speech, 0.7 s)");
    client.send(json!({"realtimeInput": {"activityEnd": {}}})).await;
    assert_eq!(client.closed().await.0, 1007);
}

#[tokio::test]
async fn push_to_talk_under_detection_is_1007() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL_2_5, hearing()).await;

    client.send(json!({"realtimeInput": {"activityStart": {}}})).await;

    let (code, reason) = client.closed().await;
    assert_eq!((code, reason.starts_with("Explicit activity control")), (1007, true));
}

#[tokio::test]
async fn speech_interrupts_a_turn_that_still_plays() {
    let simulator = told("Stop.", 1.0);
    let mut client = Gemini::session(&simulator, MODEL_2_5, hearing()).await;
    client.say("tell me more").await;
    client.until("/serverContent/generationComplete").await;

    utter(&mut client).await;

    let end = client.turn().await;
    assert_eq!(kinds(&end), ["interrupted", "turnComplete"]);
    assert_eq!(client.next().await["serverContent"]["inputTranscription"]["text"], "Stop");
}

#[tokio::test]
async fn speech_does_not_interrupt_where_the_client_wants_none() {
    let simulator = start_with(|config| {
        config.pace = 4.0;
        config.script = script(json!([{"say": "One."}]));
    });
    let mut client =
        Gemini::session(&simulator, MODEL_2_5, with_input(json!({"activityHandling": "NO_INTERRUPTION"}))).await;
    client.say("count").await;

    utter(&mut client).await;

    let (first, second) = (client.turn().await, client.turn().await);
    assert!(!kinds(&first).contains(&"interrupted".to_owned()));
    assert!(kinds(&first).contains(&"inputTranscription".to_owned()));
    assert_eq!(transcript(&second, "outputTranscription"), "One.");
}

#[tokio::test]
async fn dead_chunks_are_refused_by_their_name() {
    let chunk = json!({"data": "AAAA", "mime_type": "audio/pcm;rate=16000"});
    let message = json!({"realtime_input": {"media_chunks": [chunk]}});
    let simulator = start();
    let mut old = Gemini::session(&simulator, MODEL_2_5, hearing()).await;
    let mut new = Gemini::session(&simulator, MODEL_3_8, hearing()).await;

    old.send(message.clone()).await;
    new.send(message).await;

    let expected = "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.";
    assert_eq!(new.closed().await, (1007, expected.to_owned()));
    assert!(!old.ask("still there?").await.is_empty());
}

#[tokio::test]
async fn a_model_that_only_transcribes_answers_nothing() {
    let simulator = told("Dictation.", 0.0);
    let mut client = Gemini::session(&simulator, "models/gemini-3.5-transcribe-live", json!({})).await;

    utter(&mut client).await;

    let heard = transcript(&client.until("/serverContent/inputTranscription").await, "inputTranscription");
    assert_eq!(heard, "Dictation");
    client.send(json!({"realtimeInput": {"mediaChunks": []}})).await;
    client.closed().await;
}
