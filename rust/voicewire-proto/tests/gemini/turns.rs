//! When responses begin and end, and what they cost.

use serde_json::{json, Value};
use voicewire_proto::{Body, Event, TurnStatus};

use crate::support::{
    audio, call, content, ends, generated, heard, interrupted, kinds, newest, oldest, said, turn_complete, vertex,
    Session, RATE,
};

const COMPLETED: TurnStatus = TurnStatus::Completed;
const CANCELLED: TurnStatus = TurnStatus::Cancelled;

fn ids(events: &[Event]) -> Vec<(&'static str, String)> {
    let id = |event: &Event| event.resolve(&event.response_id).unwrap_or_default().to_owned();
    events.iter().map(|event| (event.kind().name(), id(event))).collect()
}

fn tokens(total: u64) -> Value {
    json!({"totalTokenCount": total})
}

fn told_tokens(events: &[Event]) -> Vec<u64> {
    let total = |event: &Event| match &event.body {
        Body::Usage(usage) => Some(usage.total_tokens),
        _ => None,
    };
    events.iter().filter_map(total).collect()
}

/// A session in which `seconds` of an answer have come at time 0.
fn speaking(seconds: usize) -> Session {
    let mut session = oldest().open();
    session.receive(audio(seconds * RATE));
    session
}

#[test]
fn a_turn_begins_once_and_ends_once_under_one_id() {
    let mut session = oldest().open();

    let events = session.receive_all([audio(1), said("Hi."), generated(), turn_complete()]);

    let told = ids(&events);
    assert_eq!(kinds(&events), ["response_started", "audio", "transcript", "turn_complete"]);
    assert!(told.iter().all(|(_, id)| *id == told[0].1 && !id.is_empty()));
    assert_eq!(ends(&events), [(COMPLETED, true)]);
}

#[test]
fn two_turns_have_two_ids() {
    let mut session = oldest().open();

    let first = session.receive_all([audio(1), turn_complete()]);
    let second = session.receive_all([audio(1), turn_complete()]);

    assert_ne!(ids(&first)[0], ids(&second)[0]);
}

#[test]
fn the_item_of_an_answer_is_whole_at_its_end() {
    let mut session = oldest().open();
    session.receive_all([audio(1), said("Hi "), said("there.")]);

    let events = session.receive(turn_complete());

    let told = format!("{:?}", events.iter().find_map(|event| event.change.as_ref()).unwrap());
    assert!(told.contains(r#"transcript: "Hi there.""#) && told.contains("is_done: true"), "{told}");
    assert!(told.contains(r#"status: Some("completed")"#));
}

#[test]
fn usage_stands_before_the_end_of_its_turn_and_in_it() {
    let mut session = oldest().open();
    let end = json!({"serverContent": {"turnComplete": true}, "usageMetadata": tokens(7)});

    let events = session.receive_all([audio(1), end]);

    assert_eq!(kinds(&events), ["response_started", "audio", "usage", "turn_complete"]);
    assert_eq!(ids(&events)[2].1, ids(&events)[0].1);
    let Body::TurnComplete(turn) = &events[3].body else { panic!("{:?}", events[3]) };
    assert_eq!(turn.usage.map(|usage| usage.total_tokens), Some(7));
}

#[test]
fn usage_told_in_the_midst_of_a_turn_counts_once_at_its_end() {
    let mut session = oldest().open();
    let midst =
        |total| json!({"serverContent": {"outputTranscription": {"text": "a"}}, "usageMetadata": tokens(total)});

    let untold = session.receive_all([midst(3), json!({"usageMetadata": tokens(5)}), turn_complete()]);
    let next = session.receive_all([said("b"), turn_complete()]);

    assert_eq!(told_tokens(&untold), [5]);
    assert_eq!(told_tokens(&next), [0; 0]);
}

#[test]
fn usage_at_the_end_replaces_that_of_the_midst() {
    let mut session = oldest().open();
    let end = json!({"serverContent": {"turnComplete": true}, "usageMetadata": tokens(9)});

    assert_eq!(told_tokens(&session.receive_all([audio(1), json!({"usageMetadata": tokens(5)}), end])), [9]);
}

#[test]
fn usage_outside_of_turns_is_told_at_once() {
    assert_eq!(told_tokens(&oldest().open().receive(json!({"usageMetadata": tokens(5)}))), [5]);
}

#[test]
fn usage_of_a_turn_that_its_connection_takes_along_is_told() {
    let mut session = speaking(1);
    session.receive(json!({"usageMetadata": tokens(5)}));

    let events = session.leave();

    assert_eq!(told_tokens(&events), [5]);
    assert_eq!(ends(&events), [(CANCELLED, true)]);
}

#[test]
fn an_interruption_during_the_generation_cancels_the_turn() {
    let mut session = speaking(3);
    session.clock = 1_000;

    let events = session.receive_all([interrupted(), turn_complete()]);

    assert_eq!(kinds(&events), ["speech_started", "interrupted", "turn_complete"]);
    assert_eq!(heard(&events), [(Some(1_000), true)]);
    assert_eq!(ends(&events), [(CANCELLED, true)]);
}

#[test]
fn an_interruption_behind_the_generation_cancels_the_turn_too() {
    let mut session = speaking(3);
    session.receive(generated());
    session.clock = 2_500;

    let events = session.receive_all([interrupted(), turn_complete()]);

    assert_eq!(kinds(&events), ["speech_started", "interrupted", "turn_complete"]);
    assert_eq!(heard(&events), [(Some(2_500), true)]);
    assert_eq!(ends(&events), [(CANCELLED, true)]);
}

#[test]
fn an_interruption_is_told_once_a_turn() {
    let mut session = speaking(3);

    let events = session.receive_all([interrupted(), interrupted(), turn_complete()]);

    assert_eq!(heard(&events).len(), 1);
}

#[test]
fn an_interruption_of_nothing_flushes_what_plays_and_makes_no_turn() {
    let mut session = oldest().open();

    let events = session.receive_all([interrupted(), turn_complete()]);

    assert_eq!(kinds(&events), ["speech_started", "interrupted"]);
    assert_eq!(heard(&events), [(None, true)]);
}

#[test]
fn an_answer_that_was_stopped_before_it_began_is_cancelled() {
    let mut session = newest().open();
    session.say("Hello");

    let events = session.receive_all([interrupted(), turn_complete()]);

    assert_eq!(kinds(&events), ["interrupted", "response_started", "turn_complete"]);
    assert_eq!(ends(&events), [(CANCELLED, true)]);
}

#[test]
fn an_interruption_between_turns_leaves_the_next_one_whole() {
    let mut session = speaking(3);
    session.receive_all([generated(), turn_complete(), interrupted()]);

    let events = session.receive_all([audio(1), turn_complete()]);

    assert_eq!(ends(&events), [(COMPLETED, true)]);
    assert!(kinds(&events).starts_with(&["speech_stopped"]));
}

#[test]
fn a_turn_that_says_nothing_begins_and_ends() {
    let mut session = oldest().open();
    session.say("Say nothing.");

    let events = session.receive_all([turn_complete()]);

    assert_eq!(kinds(&events), ["response_started", "turn_complete"]);
}

#[test]
fn the_doubled_end_of_a_call_s_turn_is_not_the_last_one() {
    let mut session = vertex().open();
    session.receive(call("c1", "weather"));
    session.answer("c1", "fog");

    let finished = content(json!({"outputTranscription": {"finished": true}}));
    let first = session.receive_all([finished, generated(), turn_complete()]);
    let second = session.receive_all([said("It is foggy."), audio(1), generated(), turn_complete()]);

    assert_eq!(ends(&first), [(COMPLETED, false)]);
    assert_eq!(kinds(&second), ["response_started", "transcript", "audio", "turn_complete"]);
    assert_eq!(ends(&second), [(COMPLETED, true)]);
}

#[test]
fn an_answer_behind_a_call_in_one_turn_ends_once() {
    let mut session = oldest().open();
    session.receive(call("c1", "weather"));
    session.answer("c1", "fog");

    let events = session.receive_all([audio(1), generated(), turn_complete()]);

    assert_eq!(kinds(&events), ["audio", "turn_complete"]);
    assert_eq!(ends(&events), [(COMPLETED, true)]);
}

#[test]
fn sound_that_follows_a_call_belongs_to_its_response() {
    let mut session = oldest().open();

    let events = session.receive_all([audio(1), call("c1", "weather"), audio(1)]);

    assert_eq!(kinds(&events), ["response_started", "audio", "tool_call", "audio"]);
    assert!(ids(&events).iter().all(|(_, id)| *id == ids(&events)[0].1));
}

#[test]
fn a_model_that_is_still_at_work_has_not_ended() {
    let mut session = newest().open();
    let end = |status: &str| content(json!({"turnComplete": true, "interactionStatus": status}));

    let first = session.receive_all([said("Let me see."), end("IN_PROGRESS")]);
    let second = session.receive_all([said("Found it."), end("IDLE")]);

    assert_eq!(ends(&first), [(COMPLETED, false)]);
    assert_eq!(ends(&second), [(COMPLETED, true)]);
}

#[test]
fn a_turn_that_ends_for_a_reason_is_incomplete() {
    let mut session = oldest().open();
    let mut status = |reason: Value| {
        ends(&session.receive_all([audio(1), content(json!({"turnComplete": true, "turnCompleteReason": reason}))]))
    };

    assert_eq!(status(json!("PROHIBITED_CONTENT")), [(TurnStatus::Incomplete, true)]);
    assert_eq!(status(json!("NEED_MORE_INPUT")), [(COMPLETED, true)]);
    assert_eq!(status(json!("TURN_COMPLETE_REASON_UNSPECIFIED")), [(COMPLETED, true)]);
    assert_eq!(status(Value::Null), [(COMPLETED, true)]);
}
