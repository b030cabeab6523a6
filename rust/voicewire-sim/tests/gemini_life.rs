//! Gemini Live's connections: handles, announced ends, faults.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::gemini::*;
use support::{faults, start, start_with};

const MODEL: &str = "models/gemini-2.0-flash-live-001";

fn resuming(handle: Value) -> Value {
    let mut setup = text_setup();
    setup["sessionResumption"] = handle;
    setup
}

async fn handle_after(client: &mut Gemini, text: &str) -> Value {
    client.say(text).await;
    client.until("/sessionResumptionUpdate/newHandle").await.pop().unwrap()["sessionResumptionUpdate"].take()
}

#[tokio::test]
async fn a_handle_follows_each_turn_and_none_is_good_meanwhile() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL, resuming(json!({}))).await;

    client.say("I am Ada").await;

    let turn = client.until("/sessionResumptionUpdate/newHandle").await;
    assert_eq!(turn[0], json!({"sessionResumptionUpdate": {"resumable": false}}));
    assert_eq!(turn[turn.len() - 2]["serverContent"]["turnComplete"], true);
    let update = &turn.last().unwrap()["sessionResumptionUpdate"];
    assert_eq!((update["resumable"].clone(), update.as_object().unwrap().len()), (json!(true), 2));
}

#[tokio::test]
async fn a_resumed_session_remembers_and_may_change_its_settings() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL, resuming(json!({}))).await;
    let handle = handle_after(&mut client, "I am Ada").await["newHandle"].clone();
    client.leave().await;

    let mut settings = resuming(json!({"handle": handle}));
    settings["systemInstruction"] = json!({"parts": [{"text": "Be kind."}]});
    let mut resumed = Gemini::session(&simulator, MODEL, settings).await;
    let first = resumed.next().await;
    let turn = resumed.ask("who am I?").await;

    assert_eq!(first["sessionResumptionUpdate"]["resumable"], true);
    let expected = "You said: who am I? Before that you said: I am Ada. My instructions are: Be kind.";
    assert_eq!(written(&turn), expected);
}

#[tokio::test]
async fn another_model_or_handle_is_refused_before_the_setup_completes() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL, resuming(json!({}))).await;
    let handle = handle_after(&mut client, "hello").await["newHandle"].clone();

    let mut other = Gemini::open(&simulator).await;
    other.send(setup("models/gemini-2.5-other", resuming(json!({"handle": handle})))).await;
    let mut unknown = Gemini::open(&simulator).await;
    unknown.send(setup(MODEL, resuming(json!({"handle": "nothing"})))).await;

    assert_eq!(other.closed().await.0, 1007);
    assert_eq!(unknown.closed().await.0, 1008);
}

#[tokio::test]
async fn a_transparent_handle_tells_what_was_consumed() {
    let simulator = start();
    let mut client = Gemini::session(&simulator, MODEL, resuming(json!({"transparent": true}))).await;

    let update = handle_after(&mut client, "hello").await;

    assert_eq!(update["lastConsumedClientMessageIndex"], "1");
}

#[tokio::test]
async fn the_end_of_a_connection_is_announced() {
    let simulator = start_with(|config| {
        config.faults = faults(json!([{"kind": "go_away", "after_events": 1, "time_left_ms": 20}]));
    });
    let mut client = Gemini::session(&simulator, MODEL, text_setup()).await;

    assert_eq!(client.next().await, json!({"goAway": {"timeLeft": "0.020s"}}));
    assert_eq!(client.closed().await, (1000, "The operation was cancelled.".to_owned()));
}

#[tokio::test]
async fn time_is_left_for_a_last_turn() {
    let simulator = start_with(|config| config.faults = faults(json!([{"kind": "go_away", "after_events": 1}])));
    let mut client = Gemini::session(&simulator, MODEL, text_setup()).await;
    assert_eq!(client.next().await, json!({"goAway": {"timeLeft": "50s"}}));

    let turn = client.ask("quick").await;

    assert_eq!(written(&turn), "You said: quick.");
}

#[tokio::test]
async fn faults_of_the_service_have_its_words() {
    let closes = |fault: Value| async move {
        let simulator = start_with(|config| config.faults = faults(json!([fault])));
        let mut client = Gemini::session(&simulator, MODEL, text_setup()).await;
        client.say("hello").await;
        client.closed().await
    };

    let (code, reason) = closes(json!({"kind": "close", "after_events": 2, "code": 1011})).await;
    assert_eq!((code, reason.as_str()), (1011, "Internal error occurred."));
    let (code, reason) = closes(json!({"kind": "session_expired", "after_events": 1})).await;
    assert_eq!((code, reason.as_str()), (1000, "The operation was cancelled."));
    let (code, reason) = closes(json!({"kind": "rate_limit", "after_events": 1})).await;
    assert_eq!((code, reason.as_str()), (1011, "Resource has been exhausted (e.g. check quota)."));
}
