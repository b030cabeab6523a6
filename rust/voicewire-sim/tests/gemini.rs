//! Gemini Live: who is let in, the setup, typed turns and what models do differently.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::gemini::*;
use support::{script, start, start_with, Client};
use tokio_tungstenite::tungstenite::{Error, Message};

async fn status(simulator: &voicewire_sim::Simulator, path: &str, headers: &[(&str, &str)]) -> u16 {
    match Client::at(simulator, path, headers).await {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
    }
}

async fn refusal(message: Value) -> (u16, String) {
    let simulator = start();
    let mut client = Gemini::open(&simulator).await;
    client.send(message).await;
    client.closed().await
}

#[tokio::test]
async fn keys_are_taken_wherever_clients_put_them() {
    let simulator = start_with(|config| config.api_key = Some("auth_tokens/k".to_owned()));
    let constrained = format!("/{STUDIO}Constrained");

    assert_eq!(status(&simulator, &format!("{STUDIO}?key=auth_tokens/k"), &[]).await, 101);
    assert_eq!(status(&simulator, STUDIO, &[("x-goog-api-key", "auth_tokens/k")]).await, 101);
    assert_eq!(status(&simulator, &format!("{constrained}?access_token=auth_tokens%2Fk"), &[]).await, 101);
    assert_eq!(status(&simulator, &constrained, &[("authorization", "Token auth_tokens/k")]).await, 101);
    assert_eq!(status(&simulator, VERTEX, &[("authorization", "Bearer auth_tokens/k")]).await, 101);
}

#[tokio::test]
async fn a_wrong_key_is_403_and_none_401() {
    let simulator = start_with(|config| config.api_key = Some("k".to_owned()));

    assert_eq!(status(&simulator, &format!("{STUDIO}?key=other"), &[]).await, 403);
    assert_eq!(status(&simulator, STUDIO, &[]).await, 401);
    assert!(simulator.connections()[0].path.ends_with("?key=***"));
}

#[tokio::test]
async fn a_wrong_key_may_be_told_by_a_close_frame() {
    let simulator = start_with(|config| {
        config.api_key = Some("k".to_owned());
        config.refusal = voicewire_sim::Refusal::Event;
    });
    let mut client = Gemini::open(&simulator).await;

    assert_eq!(client.closed().await.0, 1007);
}

#[tokio::test]
async fn the_setup_is_completed_by_both_services() {
    let simulator = start();
    let mut studio = Gemini::open(&simulator).await;
    let mut vertex = Gemini::at(&simulator, VERTEX).await;

    studio.send(setup(MODEL_2_5, json!({}))).await;
    vertex.send(setup("publishers/google/models/gemini-live-2.5-flash-native-audio", json!({}))).await;

    assert_eq!(studio.next().await, json!({"setupComplete": {}}));
    assert!(vertex.next().await["setupComplete"]["sessionId"].is_string());
    assert_eq!(simulator.received()[0], setup(MODEL_2_5, json!({})).to_string());
}

#[tokio::test]
async fn messages_may_be_text_frames() {
    let simulator = start_with(|config| config.gemini.text_frames = true);
    let mut client = Gemini::open(&simulator).await;

    client.send(setup(MODEL_2_5, json!({}))).await;

    assert!(matches!(client.0.message().await, Some(Ok(Message::Text(_)))));
}

#[tokio::test]
async fn what_is_wrong_with_a_setup_closes_with_1007() {
    assert_eq!(refusal(content(&[("user", "hi")], true)).await.0, 1007);
    let text_only = setup(MODEL_3_8, text_setup());
    assert_eq!(refusal(text_only).await.0, 1007);
    let (code, reason) = refusal(setup("models/palm", json!({}))).await;
    assert_eq!((code, reason.starts_with("models/palm is not found")), (1007, true));
    let bad =
        json!({"name": "f", "parameters": {"type": "OBJECT", "properties": {"a_rather_long_name": {"type": "ARRAY"}}}});
    let (code, reason) = refusal(setup(MODEL_2_5, functions(json!([bad])))).await;
    assert_eq!((code, reason.len()), (1007, 123), "{reason}");
    assert_eq!(refusal(json!({"setup": {"model": MODEL_2_5}, "clientContent": {}})).await.0, 1007);
}

#[tokio::test]
async fn a_written_turn_reflects_words_and_instructions() {
    let simulator = start();
    let mut setup = text_setup();
    setup["system_instruction"] = json!({"parts": [{"text": "Be brief."}]});
    let mut client = Gemini::session(&simulator, "models/gemini-2.0-flash-live-001", setup).await;

    let first = client.ask("I like trains").await;
    let second = client.ask("I like tea").await;

    assert_eq!(written(&first), "You said: I like trains. My instructions are: Be brief.");
    assert!(written(&second).contains("Before that you said: I like trains."));
    assert_eq!(kinds(&first), ["modelTurn", "generationComplete", "turnComplete"]);
    let usage = &first.last().unwrap()["usageMetadata"];
    assert_eq!(usage["promptTokensDetails"][0]["modality"], "TEXT");
    assert_eq!(
        usage["totalTokenCount"].as_u64().unwrap(),
        usage["promptTokenCount"].as_u64().unwrap() + usage["responseTokenCount"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn a_spoken_turn_of_2_5_has_one_thing_in_each_message() {
    let simulator = start_with(|config| config.script = script(json!([{"say": "One, two."}])));
    let mut client = Gemini::session(&simulator, MODEL_2_5, json!({"outputAudioTranscription": {}})).await;

    let turn = client.ask("count").await;

    assert_eq!(
        kinds(&turn),
        [
            "modelTurn",
            "outputTranscription",
            "modelTurn",
            "outputTranscription",
            "modelTurn",
            "generationComplete",
            "turnComplete"
        ]
    );
    assert!(thoughts(&turn).starts_with("**"));
    assert_eq!(transcript(&turn, "outputTranscription"), "One, two.");
    assert_eq!(chunks(&turn).iter().sum::<usize>(), 9 * 1714);
    let usage = &turn.last().unwrap()["usageMetadata"];
    assert_eq!(usage["responseTokensDetails"], json!([{"modality": "AUDIO", "tokenCount": 17}]));
    assert!(usage["thoughtsTokenCount"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn without_being_asked_it_tells_no_transcript() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL_2_5, json!({})).await;

    let turn = client.ask("hello").await;

    assert_eq!(transcript(&turn, "outputTranscription"), "");
    assert!(!chunks(&turn).is_empty());
}

#[tokio::test]
async fn a_turn_of_3_1_bundles_and_begins_with_one_sample() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL_3_1, json!({"outputAudioTranscription": {}})).await;
    let handle = client.next().await;

    let turn = client.ask("hello").await;

    assert_eq!(handle["sessionResumptionUpdate"]["resumable"], true);
    assert_eq!(kinds(&turn)[..2], ["sessionResumptionUpdate", "modelTurn+outputTranscription"]);
    assert_eq!(chunks(&turn)[0], 1);
    assert_eq!(thoughts(&turn), "");
}

#[tokio::test]
async fn content_after_a_turn_of_3_1_is_refused_unless_allowed() {
    let strict = start();
    let mut client = Gemini::session(&strict, MODEL_3_1, json!({})).await;
    client.ask("hello").await;
    client.say("again").await;
    assert_eq!(client.closed().await.0, 1007);

    let lenient = start_with(|config| config.gemini.content_mid_session = Some(true));
    let mut client = Gemini::session(&lenient, MODEL_3_1, json!({})).await;
    client.ask("hello").await;
    assert_eq!(client.ask("again").await.last().unwrap()["serverContent"]["turnComplete"], true);
}

#[tokio::test]
async fn a_turn_of_3_8_is_full_of_messages_that_say_nothing() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL_3_8, json!({"outputAudioTranscription": {}})).await;
    client.next().await;

    let turn = client.ask("hello").await;

    assert_eq!(turn[1..4], [json!({}), json!({"serverContent": {}}), turn[3].clone()]);
    assert!(turn[3]["serverContent"]["modelTurn"].is_object());
    assert_eq!(turn[4], json!({}));
}

#[tokio::test]
async fn vertex_has_words_of_its_own() {
    let simulator = start();
    let mut client = Gemini::at(&simulator, VERTEX).await;
    client.set_up("publishers/google/models/gemini-live-2.5-flash", json!({"outputAudioTranscription": {}})).await;

    let turn = client.ask("hello").await;

    let end = turn[turn.len() - 4..].to_vec();
    assert_eq!(end[0]["serverContent"], json!({"outputTranscription": {"finished": true}}));
    assert_eq!(end[1]["serverContent"], json!({"groundingMetadata": {}}));
    assert_eq!(end[2]["serverContent"], json!({"generationComplete": true}));
    let usage = end[3]["usageMetadata"].as_object().unwrap();
    assert!(usage.contains_key("candidatesTokenCount") && usage.contains_key("candidatesTokensDetails"));
}

#[tokio::test]
async fn typed_input_is_a_turn_too() {
    let simulator = start();
    let mut client = Gemini::text(&simulator).await;

    client.send(json!({"realtime_input": {"text": "quick"}})).await;

    assert_eq!(written(&client.turn().await), "You said: quick.");
}

#[tokio::test]
async fn context_is_remembered_and_not_answered() {
    let simulator = start();
    let mut client = Gemini::text(&simulator).await;
    client.send(content(&[("user", "I am Ada"), ("model", "Hello Ada.")], false)).await;

    let turn = client.ask("who am I?").await;

    assert_eq!(written(&turn), "You said: who am I? Before that you said: I am Ada.");
}

#[tokio::test]
async fn seeded_history_waits_for_live_input() {
    let simulator = start();
    let seeded = json!({"historyConfig": {"initialHistoryInClientContent": true}, "outputAudioTranscription": {}});
    let mut client = Gemini::session(&simulator, MODEL_3_1, seeded).await;
    client.send(content(&[("user", "I am Ada"), ("model", "Hello Ada.")], true)).await;

    client.send(json!({"realtimeInput": {"text": "who am I?"}})).await;

    let said = transcript(&client.turn().await, "outputTranscription");
    assert!(said.contains("Before that you said: I am Ada"), "{said}");
}

#[tokio::test]
async fn new_content_interrupts_a_generation() {
    let simulator = start_with(|config| config.pace = 1.0);
    let mut client = Gemini::session(&simulator, MODEL_2_5, json!({"outputAudioTranscription": {}})).await;
    client.say("hello").await;
    client.until("/serverContent/outputTranscription").await;

    client.say("stop that").await;

    let end = client.turn().await;
    let kinds = kinds(&end);
    assert_eq!(kinds[kinds.len() - 2..], ["interrupted", "turnComplete"]);
    assert!(!kinds.contains(&"generationComplete".to_owned()));
    assert!(end.last().unwrap()["usageMetadata"].is_object());
}

#[tokio::test]
async fn context_stops_a_generation_and_starts_none() {
    let simulator = start_with(|config| config.pace = 1.0);
    let mut client = Gemini::session(&simulator, MODEL_2_5, json!({})).await;
    client.say("hello").await;
    client.until("/serverContent/modelTurn").await;

    client.send(json!({"clientContent": {"turnComplete": false}})).await;

    assert!(kinds(&client.turn().await).contains(&"interrupted".to_owned()));
}

#[tokio::test]
async fn a_failed_answer_is_1011() {
    let simulator = start_with(|config| config.script = script(json!([{"status": "failed"}])));
    let mut client = Gemini::text(&simulator).await;

    client.say("hello").await;

    assert_eq!(client.closed().await, (1011, "Internal error occurred.".to_owned()));
}

#[tokio::test]
async fn context_is_updated_where_the_model_can() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL_3_8, json!({"outputAudioTranscription": {}})).await;
    let update = json!({"systemInstruction": {"parts": [{"text": "Be kind."}]}, "tools": {"tools": []}});
    client.send(json!({ "contextUpdate": update })).await;
    let said = transcript(&client.ask("hello").await, "outputTranscription");
    assert!(said.ends_with("My instructions are: Be kind."), "{said}");

    let mut older = Gemini::session(&simulator, MODEL_2_5, json!({})).await;
    older.send(json!({"contextUpdate": {}})).await;
    assert_eq!(older.closed().await.0, 1007);
}
