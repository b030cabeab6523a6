//! Changes of the configuration in a running session.

use serde_json::{json, Value};
use voicewire_proto::{Body, Command, Error, Protocol};

use crate::support::{audio, kinds, newest, oldest, realtime_only, turn_complete, vertex, words, Scene, Session};

fn tools(name: &str) -> Value {
    json!([{"type": "function", "name": name}])
}

/// A session that has taken the changes, with the receipt of them.
fn updated(scene: Scene, changes: Value) -> (Session, u64) {
    let mut session = scene.open();
    let receipt = session.update(changes);
    (session, receipt)
}

#[test]
fn instructions_and_tools_change_in_place_where_the_model_takes_them() {
    let (mut session, receipt) = updated(newest(), json!({"instructions": "Be brief.", "tools": tools("clock")}));

    let update = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": {"tools": [{"functionDeclarations": [{"name": "clock"}]}]},
    });
    assert_eq!(session.written(), [json!({"contextUpdate": update})]);
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
    assert!(!session.wants_switch());
}

#[test]
fn an_empty_list_takes_the_tools_away() {
    let (mut session, _) = updated(newest().with(json!({"tools": tools("clock")})), json!({"tools": []}));

    assert_eq!(session.written(), [json!({"contextUpdate": {"tools": {"tools": []}}})]);
}

#[test]
fn what_has_not_changed_is_not_sent() {
    let scene = newest().with(json!({"instructions": "Be brief.", "voice": "Kore"}));

    let (mut session, receipt) = updated(scene, json!({"instructions": "Be brief.", "voice": "Kore"}));

    assert!(session.written().is_empty());
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
}

#[test]
fn instructions_change_by_a_turn_of_context() {
    let (mut session, receipt) = updated(oldest(), json!({"instructions": "Be brief."}));

    let turns = json!([{"parts": [{"text": "Be brief."}]}]);
    assert_eq!(session.written(), [json!({"clientContent": {"turns": turns, "turnComplete": false}})]);
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
}

#[test]
fn the_turn_has_the_role_that_the_service_heeds() {
    let (mut session, _) = updated(vertex(), json!({"instructions": "Be brief."}));

    assert_eq!(session.written()[0]["clientContent"]["turns"][0]["role"], "model");
}

#[test]
fn instructions_by_turn_wait_for_the_end_of_the_answer() {
    let mut session = oldest().open();
    session.receive(audio(1));

    session.update(json!({"instructions": "Be brief."}));
    assert!(session.written().is_empty());
    session.receive(turn_complete());

    assert_eq!(session.written().len(), 1);
}

#[test]
fn the_rest_changes_with_a_new_connection() {
    let (mut session, receipt) = updated(oldest(), json!({"voice": "Kore", "instructions": "Be brief."}));
    assert!(session.wants_switch());
    assert!(session.written().is_empty() && session.settled().is_empty());

    session.leave();
    let (setup, events, _) = session.greet();

    assert_eq!(setup["systemInstruction"], json!({"parts": [{"text": "Be brief."}]}));
    let voice = &setup["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"];
    assert_eq!(voice["voiceName"], "Kore");
    assert_eq!(kinds(&events), ["server"]);
    assert_eq!(session.settled(), [(receipt, "acknowledged", vec![])]);
    assert!(!session.wants_switch());
}

#[test]
fn a_model_without_updates_changes_everything_with_a_new_connection() {
    let (session, _) = updated(realtime_only(), json!({"instructions": "Be brief."}));

    assert!(session.wants_switch());
}

#[test]
fn several_changes_share_a_new_connection() {
    let mut session = oldest().open();
    let first = session.update(json!({"voice": "Kore"}));
    let second = session.update(json!({"temperature": 0.5}));

    session.leave();
    let (setup, ..) = session.greet();

    assert_eq!(setup["generationConfig"]["temperature"], 0.5);
    let settled = session.settled();
    assert_eq!(settled, [(first, "acknowledged", vec![]), (second, "acknowledged", vec![])]);
}

#[test]
fn a_change_that_may_not_reconnect_is_refused_and_forgotten() {
    let (mut session, receipt) = updated(oldest().for_good(), json!({"voice": "Kore"}));

    let events = session.events();
    assert_eq!(kinds(&events), ["error"]);
    let Body::Error { error, fatal: false } = &events[0].body else { panic!("{events:?}") };
    assert!(matches!(&**error, Error::Rejected(error) if error.code.as_deref() == Some("reconnect_is_off")));
    assert!(error.to_string().contains("generationConfig"), "{error}");
    assert_eq!(session.settled(), [(receipt, "failed", vec![])]);

    let again = session.update(json!({"voice": "Kore"}));
    assert_eq!(session.settled(), [(again, "failed", vec![])]);
}

#[test]
fn options_that_the_service_has_no_words_for_are_told() {
    let (mut session, receipt) = updated(
        newest().with(json!({"noise_reduction": "near_field"})),
        json!({"speed": 1.5, "instructions": "Be brief.", "turn_detection": {"idle_timeout_ms": 5}}),
    );

    let ignored = vec!["turn_detection.idle_timeout_ms".to_owned(), "speed".to_owned()];
    let events = session.events();
    assert_eq!(kinds(&events), ["config_mismatch"]);
    assert!(matches!(&events[0].body, Body::ConfigMismatch(options) if *options == ignored));
    assert_eq!(session.settled(), [(receipt, "done", ignored)]);
}

#[test]
fn a_new_rate_of_the_input_goes_into_the_messages_of_audio() {
    let (mut session, receipt) = updated(oldest(), json!({"input_format": {"type": "pcm16", "rate": 8000}}));

    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
}

#[test]
fn what_was_ignored_is_told_with_the_receipt_of_a_new_connection() {
    let (mut session, receipt) = updated(oldest(), json!({"voice": "Kore", "speed": 1.5}));

    session.leave();
    session.greet();

    assert_eq!(session.settled(), [(receipt, "acknowledged", vec!["speed".to_owned()])]);
}

#[test]
fn turns_by_hand_begin_with_the_connection_that_has_them() {
    let (mut session, _) = updated(oldest(), json!({"turn_detection": null}));

    session.protocol.audio_goes_out();
    session.send(Command::CommitAudio);
    assert_eq!(session.written(), [json!({"realtimeInput": {"audioStreamEnd": true}})]);
    session.leave();
    session.greet();
    session.protocol.audio_goes_out();

    assert_eq!(session.written(), [json!({"realtimeInput": {"activityStart": {}}})]);
}

#[test]
fn an_update_keeps_what_was_said() {
    let (mut session, _) = updated(newest(), json!({"instructions": "Be brief."}));

    let events = session.receive_all([crate::support::said("Fine.")]);

    assert_eq!(words(&events), ["Fine."]);
}
