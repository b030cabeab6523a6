//! Server VAD on real energy, barge-in, and the errors of the input buffer.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use voicewire_sim::SimulatorConfig;

#[tokio::test]
async fn vad_times_are_within_one_window() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client
        .update(json!({"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": false}}}}))
        .await;
    let utterance = [silence(1234), voice(1000), silence(400), voice(700), silence(600)].concat();

    // Chunks that share no factor with the window.
    for chunk in utterance.chunks(1111) {
        client.append(chunk).await;
    }

    let first = client.until("conversation.item.done").await;
    let second = client.until("conversation.item.done").await;
    let start = |events: &[Value]| one(events, "input_audio_buffer.speech_started")["audio_start_ms"].as_i64().unwrap();
    let stop = |events: &[Value]| one(events, "input_audio_buffer.speech_stopped")["audio_end_ms"].as_i64().unwrap();
    assert!((start(&first) - 934).abs() <= 10, "{first:?}");
    assert!((stop(&first) - 2434).abs() <= 10, "{first:?}");
    // 2634 − 300 would reach into the first turn's audio, which is committed.
    assert!((start(&second) - 2434).abs() <= 10, "{second:?}");
    assert!((stop(&second) - 3534).abs() <= 10, "{second:?}");
}

#[tokio::test]
async fn prefix_and_silence_follow_the_settings() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let detection = json!({
        "type": "server_vad", "prefix_padding_ms": 100, "silence_duration_ms": 500, "create_response": false
    });
    client.update(json!({"audio": {"input": {"turn_detection": detection}}})).await;

    client.append(&[silence(1000), voice(500), silence(300), voice(500), silence(700)].concat()).await;

    let events = client.until("conversation.item.done").await;
    let near = |found: &Value, expected: i64| (found.as_i64().unwrap() - expected).abs() <= 10;
    assert!(near(&one(&events, "input_audio_buffer.speech_started")["audio_start_ms"], 900));
    assert!(near(&one(&events, "input_audio_buffer.speech_stopped")["audio_end_ms"], 2800));
}

#[tokio::test]
async fn quiet_noise_and_clicks_are_no_speech() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.next().await;
    let hiss: Vec<i16> = (0..48_000i32).map(|index| ((index * 7919) % 101 - 50) as i16).collect();

    client.append(&[hiss, voice(15), silence(500)].concat()).await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;

    assert_eq!(client.next().await["type"], "input_audio_buffer.cleared");
}

#[tokio::test]
async fn barge_in_cancels_the_running_response() {
    let simulator = start_with(|config: &mut SimulatorConfig| {
        config.pace = 1.0;
        config.script = script(json!([{"say": "A long story that takes its time to be told, word by word by word."}]));
    });
    let mut client = Client::open(&simulator).await;
    client.say("tell me").await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.output_audio.delta").await;

    client.append(&voice(200)).await;

    let events = client.until("response.done").await;
    let started = events.iter().position(|event| event["type"] == "input_audio_buffer.speech_started").unwrap();
    let tail = [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types(&events[started..]), tail);
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["status_details"], json!({"type": "cancelled", "reason": "turn_detected"}));
    assert_eq!(response["output"][0]["status"], "incomplete");
}

#[tokio::test]
async fn commit_needs_a_tenth_of_a_second() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.update(json!({"audio": {"input": {"turn_detection": null}}})).await;

    client.send(json!({"type": "input_audio_buffer.commit", "event_id": "c1"})).await;
    let empty = client.next().await;
    client.append(&voice(50)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    let short = client.next().await;

    assert_eq!(empty["error"]["code"], "input_audio_buffer_commit_empty");
    assert_eq!(empty["error"]["event_id"], "c1");
    assert!(short["error"]["message"].as_str().unwrap().contains("only has 50.00ms"), "{short}");
}

#[tokio::test]
async fn bad_audio_is_refused_and_the_session_goes_on() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.next().await;

    client.send(json!({"type": "input_audio_buffer.append", "audio": "no base64!"})).await;

    assert_eq!(client.next().await["error"]["param"], "audio");
    client.update(json!({})).await;
}

#[tokio::test]
async fn g711_is_heard_and_spoken() {
    let rules = json!([{"when": {"audio": true}, "audio": "echo", "say": "echo"}]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut client = Client::open(&simulator).await;
    let format = json!({"type": "audio/pcmu"});
    let audio = json!({"input": {"format": format, "turn_detection": null}, "output": {"format": format}});
    client.update(json!({"audio": audio})).await;

    // 0x80 and 0x00 are the largest values of μ-law: a square wave of 1 kHz.
    let square: Vec<u8> = (0..4000).map(|index| if index % 8 < 4 { 0x80 } else { 0x00 }).collect();
    let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &square);
    client.send(json!({"type": "input_audio_buffer.append", "audio": text})).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("response.done").await;

    let deltas = of_type(&events, "response.output_audio.delta").into_iter();
    let text: Vec<_> = deltas.map(|event| event["delta"].as_str().unwrap().to_owned()).collect();
    let decode = |text: &String| base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).unwrap();
    assert_eq!(text.iter().flat_map(decode).collect::<Vec<u8>>(), square);
}

fn talking() -> voicewire_sim::Simulator {
    start_with(|config| {
        config.pace = 6.0;
        config.script = script(json!([{"when": {"turn": 1}, "say": "A long story that takes its time to be told."}]));
    })
}

#[tokio::test]
async fn a_user_may_talk_over_an_answer_that_is_not_to_be_interrupted() {
    let simulator = talking();
    let mut client = Client::open(&simulator).await;
    let detection = json!({"type": "server_vad", "interrupt_response": false, "create_response": false});
    client.update(json!({"audio": {"input": {"turn_detection": detection}}})).await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.output_audio.delta").await;

    client.append(&[voice(400), silence(300)].concat()).await;

    let events = client.until("response.done").await;
    let heard =
        ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed"];
    assert!(heard.iter().all(|kind| types(&events).contains(kind)), "{:?}", types(&events));
    assert_eq!(events.last().unwrap()["response"]["status"], "completed");
}

#[tokio::test]
async fn semantic_detection_makes_turns_and_is_told_in_full() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let detection = json!({"type": "semantic_vad", "eagerness": "high"});

    let updated = client.update(json!({"audio": {"input": {"turn_detection": detection}}})).await;
    client.append(&[voice(600), silence(600)].concat()).await;

    let expected =
        json!({"type": "semantic_vad", "eagerness": "high", "create_response": true, "interrupt_response": true});
    assert_eq!(updated["session"]["audio"]["input"]["turn_detection"], expected);
    let events = client.until("response.done").await;
    assert_eq!(types(&events)[0], "input_audio_buffer.speech_started");
}

#[tokio::test]
async fn pressed_keys_are_told_without_an_event_id() {
    let list =
        json!([{"kind": "dtmf", "event": "5", "after_events": 1}, {"kind": "dtmf", "event": "#", "after_ms": 1}]);
    let simulator = start_with(|config| config.faults = faults(list));
    let mut client = Client::open(&simulator).await;
    client.next().await;

    let mut keys = [client.next().await, client.next().await];

    keys.sort_by_key(|key| key["event"].to_string());
    assert_eq!((&keys[0]["event"], &keys[1]["event"]), (&json!("#"), &json!("5")));
    assert!(keys.iter().all(|key| key["type"] == "input_audio_buffer.dtmf_event_received"));
    assert!(keys.iter().all(|key| key["received_at"].is_u64() && key.get("event_id").is_none()));
    client.update(json!({})).await;
}
