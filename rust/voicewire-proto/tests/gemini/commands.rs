//! What is written for each command, and what becomes of its receipt.

use serde_json::{json, Map, Value};
use voicewire_proto::{Command, Error, Protocol};

use crate::support::{audio, interrupted, kinds, newest, oldest, realtime_only, turn_complete, Session, RATE};

fn turns(texts: &[&str], turn_complete: bool) -> Value {
    let turn = |text: &&str| json!({"role": "user", "parts": [{"text": text}]});
    let turns: Vec<Value> = texts.iter().map(turn).collect();
    json!({"clientContent": {"turns": turns, "turnComplete": turn_complete}})
}

fn typed(text: &str) -> Value {
    json!({"realtimeInput": {"text": text}})
}

fn image() -> Value {
    json!({"type": "input_image", "image_url": "data:image/png;base64,aWNvbg=="})
}

fn parts(parts: Value, respond: bool) -> Command {
    Command::SendContent { parts: parts.as_array().unwrap().clone(), respond }
}

fn respond() -> Command {
    Command::CreateResponse(Map::new())
}

fn by_hand() -> Session {
    oldest().with(json!({"turn_detection": null})).open()
}

/// A session of a model that has spoken and takes no more turns.
fn spoken() -> Session {
    let mut session = realtime_only().open();
    session.receive_all([audio(1), turn_complete()]);
    session
}

/// A session in which `seconds` of an answer have come at time 0.
fn speaking(seconds: usize) -> Session {
    let mut session = oldest().open();
    session.receive(audio(seconds * RATE));
    session
}

#[test]
fn a_text_is_a_turn_that_asks_for_an_answer() {
    let mut session = oldest().open();

    session.say("Hi");

    assert_eq!(session.written(), [turns(&["Hi"], true)]);
}

#[test]
fn the_receipt_of_a_text_hangs_on_its_message() {
    let mut session = oldest().open();

    let receipt = session.say("Hi");

    assert_eq!(session.protocol.poll_transmit(session.now()).unwrap().settles, Some(receipt));
    assert!(session.settled().is_empty());
}

#[test]
fn a_text_becomes_an_item_of_the_conversation() {
    let mut session = oldest().open();
    session.say("Hi");

    let events = session.events();

    assert_eq!(kinds(&events), ["wire"]);
    assert!(format!("{:?}", events[0].change).contains(r#"text: "Hi""#));
}

#[test]
fn context_goes_out_at_once_where_nothing_runs() {
    let mut session = oldest().open();

    let receipt = session.note("By the way");

    assert_eq!(session.written(), [turns(&["By the way"], false)]);
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
}

#[test]
fn context_waits_for_the_end_of_the_answer() {
    let mut session = speaking(1);

    session.note("One");
    session.note("Two");
    assert!(session.written().is_empty());
    session.receive(turn_complete());

    assert_eq!(session.written(), [turns(&["One", "Two"], false)]);
}

#[test]
fn context_goes_with_the_next_text() {
    let mut session = speaking(1);
    session.note("One");

    session.say("Two");
    session.receive_all([interrupted(), turn_complete()]);

    assert_eq!(session.written(), [turns(&["One", "Two"], true)]);
}

#[test]
fn context_waits_while_an_answer_is_awaited() {
    let mut session = oldest().open();
    session.say("Hi");
    session.written();

    session.note("One");
    assert!(session.written().is_empty());
    session.receive_all([audio(1), turn_complete()]);

    assert_eq!(session.written(), [turns(&["One"], false)]);
}

#[test]
fn context_waits_behind_speech_by_hand_for_its_answer() {
    let mut session = by_hand();
    session.protocol.audio_goes_out();
    session.send(Command::CommitAudio);
    session.written();

    session.note("One");

    assert!(session.written().is_empty());
}

#[test]
fn a_model_that_takes_no_more_turns_is_typed_to() {
    let mut session = realtime_only().open();
    session.say("First");
    session.receive_all([audio(1), turn_complete()]);

    session.say("Second");

    assert_eq!(session.written(), [turns(&["First"], true), typed("Second")]);
}

#[test]
fn context_for_a_model_that_takes_no_more_turns_goes_with_the_next_words() {
    let mut session = spoken();

    let receipt = session.note("One");
    assert!(session.written().is_empty());
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
    session.say("Two");
    session.note("Three");
    session.receive_all([audio(1), turn_complete()]);
    session.send(respond());

    assert_eq!(session.written(), [typed("One\nTwo"), typed("Three")]);
}

#[test]
fn all_words_of_context_are_kept_for_later() {
    let mut session = realtime_only().open();
    session.receive(audio(1));
    let texts = json!([{"type": "input_text", "text": "One"}, {"type": "input_text", "text": "Two"}]);
    session.send(parts(texts, false));
    session.receive(turn_complete());

    session.say("Three");

    assert_eq!(session.written(), [typed("One\nTwo\nThree")]);
}

#[test]
fn pictures_and_sound_are_parts_of_a_turn() {
    let mut session = oldest().open();
    let content = json!([{"type": "input_text", "text": "Look"}, image(), {"type": "input_audio", "audio": "AQA="}]);

    session.send(parts(content, true));

    let expected = json!([
        {"text": "Look"},
        {"inlineData": {"mimeType": "image/png", "data": "aWNvbg=="}},
        {"inlineData": {"mimeType": "audio/pcm;rate=16000", "data": "AQA="}},
    ]);
    assert_eq!(session.written()[0]["clientContent"]["turns"][0]["parts"], expected);
}

#[test]
fn pictures_and_sound_are_shown_to_a_model_that_takes_no_more_turns() {
    let mut session = spoken();

    session.send(parts(json!([image(), {"type": "input_audio", "audio": "AQA="}]), true));

    let video = json!({"realtimeInput": {"video": {"mimeType": "image/png", "data": "aWNvbg=="}}});
    let sound = json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AQA="}}});
    assert_eq!(session.written(), [video, sound, typed(" ")]);
}

#[test]
fn speech_by_hand_is_opened_once_and_closed_by_the_commit() {
    let mut session = by_hand();

    session.protocol.audio_goes_out();
    session.protocol.audio_goes_out();
    session.send(Command::CommitAudio);

    let edge = |name: &str| json!({"realtimeInput": {name: {}}});
    assert_eq!(session.written(), [edge("activityStart"), edge("activityEnd")]);
}

#[test]
fn a_commit_of_nothing_writes_nothing() {
    let mut session = by_hand();

    let receipt = session.send(Command::CommitAudio);

    assert!(session.written().is_empty());
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
}

#[test]
fn a_request_behind_a_commit_writes_nothing() {
    let mut session = by_hand();
    session.protocol.audio_goes_out();
    session.send(Command::CommitAudio);
    session.written();

    let receipt = session.send(respond());

    assert!(session.written().is_empty());
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
}

#[test]
fn speech_by_hand_is_a_turn_once_it_is_answered() {
    let mut session = by_hand();
    session.protocol.audio_goes_out();
    session.send(Command::CommitAudio);

    let events = session.receive_all([audio(1), turn_complete()]);

    assert_eq!(kinds(&events), ["input_committed", "response_started", "audio", "turn_complete"]);
}

#[test]
fn a_commit_where_the_server_finds_turns_flushes_its_ear() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();

    session.send(Command::CommitAudio);

    assert_eq!(session.written(), [json!({"realtimeInput": {"audioStreamEnd": true}})]);
}

#[test]
fn a_request_for_a_response_needs_no_turns() {
    let mut session = oldest().open();

    session.send(respond());

    assert_eq!(session.written(), [json!({"clientContent": {"turnComplete": true}})]);
}

#[test]
fn a_request_nudges_the_models_that_need_it() {
    let mut fresh = newest().open();
    let mut typed_to = spoken();

    fresh.send(respond());
    typed_to.send(respond());

    // Both would be two questions.
    assert_eq!(fresh.written(), [typed(" ")]);
    assert_eq!(typed_to.written(), [typed(" ")]);
}

#[test]
fn a_second_request_waits_with_the_first() {
    let mut session = oldest().open();
    session.send(respond());
    session.written();

    session.send(respond());

    assert!(session.written().is_empty());
    assert_eq!(session.settled().len(), 1);
}

#[test]
fn a_message_of_the_user_s_own_goes_out_under_its_key() {
    let mut session = oldest().open();
    let Value::Object(payload) = json!({"turnComplete": true}) else { panic!() };

    session.send(Command::Raw { kind: "clientContent".into(), payload });
    session.note("Later");

    assert_eq!(session.written(), [json!({"clientContent": {"turnComplete": true}})]);
}

#[test]
fn audio_that_was_sent_is_not_taken_back() {
    let mut session = oldest().open();

    let receipt = session.send(Command::ClearAudio);

    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
    assert!(session.written().is_empty());
}

#[test]
fn the_end_of_the_session_settles_what_waits() {
    let mut session = speaking(1);
    let cancelled = session.send(Command::Interrupt);
    let unsent = session.say("Hi");
    let planned = session.update(json!({"voice": "Kore"}));

    session.protocol.close(Error::ConnectionClosed { code: 1000, reason: String::new() });

    let mut settled = session.settled();
    settled.sort();
    let failed = [cancelled, unsent, planned].map(|receipt| (receipt, "failed", vec![]));
    assert_eq!(settled, failed);
}
