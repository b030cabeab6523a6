//! How an answer is stopped: by us, by the user's voice, or by our patience.

use serde_json::json;
use voicewire_proto::{Body, Command, Event, Protocol, TurnStatus};

use crate::support::{
    activity, audio, ends, generated, heard, interrupted, kinds, neutral, newest, oldest, realtime_only, said,
    turn_complete, Session, RATE,
};

/// A session in which `seconds` of an answer have come at time 0.
fn speaking(seconds: usize) -> Session {
    let mut session = oldest().open();
    session.receive(audio(seconds * RATE));
    session
}

/// A session of a model that has spoken and takes no more turns.
fn spoken() -> Session {
    let mut session = realtime_only().open();
    session.receive_all([audio(1), turn_complete()]);
    session
}

#[test]
fn a_cancelled_answer_is_mute_until_the_server_ends_it() {
    let mut session = speaking(1);
    session.clock = 400;
    let receipt = session.send(Command::CancelResponse { truncate: None });
    assert_eq!(session.written(), [json!({"clientContent": {"turnComplete": false}})]);

    let late = session.receive_all([audio(480), interrupted()]);
    assert!(late.is_empty());
    assert_eq!(session.protocol.dropped_samples(), 480);
    assert!(session.settled().is_empty());

    assert_eq!(ends(&session.receive_all([turn_complete()])), [(TurnStatus::Cancelled, true)]);
    assert_eq!(session.settled(), [(receipt, "acknowledged", vec![])]);
    assert_eq!(session.protocol.poll_timeout(), None);
}

#[test]
fn an_interrupted_answer_tells_what_was_heard() {
    let mut session = speaking(3);
    session.clock = 700;

    session.send(Command::Interrupt);

    assert_eq!(heard(&session.events()), [(Some(700), true)]);
}

#[test]
fn an_interruption_counts_the_samples_that_a_player_reports() {
    let mut session = speaking(3);
    let item_id = item_of(&session.receive(said("Hi")));
    let receipt = session.send(Command::ReportPlayed { item_id, samples: 12_000 });
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
    session.clock = 2_000;

    let events = session.receive_all([interrupted()]);

    assert_eq!(heard(&events), [(Some(500), false)]);
}

fn item_of(events: &[Event]) -> String {
    let event = events.last().unwrap();
    event.resolve(&event.item_id).unwrap().to_owned()
}

#[test]
fn a_cancelled_answer_that_nobody_ends_is_given_up() {
    let mut session = speaking(1);
    let receipt = session.send(Command::Interrupt);
    session.events();
    assert_eq!(session.protocol.poll_timeout(), Some(session.at(3_000)));
    session.clock = 3_000;

    let events = session.timeout();

    assert_eq!(kinds(&neutral(events.clone())), ["turn_complete"]);
    assert_eq!(ends(&events), [(TurnStatus::Cancelled, true)]);
    assert_eq!(session.settled(), [(receipt, "acknowledged", vec![])]);
    assert_eq!(session.protocol.poll_timeout(), None);
}

#[test]
fn the_late_end_of_a_given_up_answer_makes_no_second_one() {
    let mut session = speaking(1);
    session.send(Command::Interrupt);
    session.clock = 3_000;
    session.timeout();

    let late = json!({"serverContent": {"turnComplete": true}, "usageMetadata": {"totalTokenCount": 9}});
    let events = session.receive_all([interrupted(), late]);
    let next = session.receive_all([audio(1), turn_complete()]);

    assert_eq!(kinds(&events), ["usage"]);
    assert_eq!(ends(&next), [(TurnStatus::Completed, true)]);
}

#[test]
fn cancelling_twice_stops_once_and_settles_both() {
    let mut session = speaking(1);

    session.send(Command::Interrupt);
    session.send(Command::CancelResponse { truncate: None });
    assert_eq!(session.written().len(), 1);
    session.receive(turn_complete());

    assert_eq!(session.settled().len(), 2);
}

#[test]
fn cancelling_nothing_is_done_at_once() {
    let mut session = oldest().open();

    let receipt = session.send(Command::CancelResponse { truncate: None });

    assert!(session.written().is_empty());
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
}

#[test]
fn an_answer_that_has_ended_and_still_plays_can_be_interrupted() {
    let mut session = speaking(3);
    session.receive_all([generated(), turn_complete()]);
    session.clock = 1_000;

    session.send(Command::Interrupt);

    assert_eq!(heard(&session.events()), [(Some(1_000), true)]);
    assert!(session.written().is_empty());
}

#[test]
fn a_model_that_takes_no_more_turns_is_muted_without_a_word() {
    let mut session = spoken();
    session.receive(audio(RATE));

    let receipt = session.send(Command::Interrupt);
    let late = session.receive_all([audio(10), turn_complete()]);

    assert!(session.written().is_empty());
    assert_eq!(kinds(&late), ["interrupted", "turn_complete"]);
    assert_eq!(session.settled(), [(receipt, "acknowledged", vec![])]);
}

#[test]
fn speech_that_the_server_heard_is_no_interruption_of_ours() {
    let mut session = newest().open();
    session.receive(audio(RATE));

    let events = session.receive_all([activity("ACTIVITY_START", "1s"), interrupted()]);

    assert_eq!(kinds(&events), ["speech_started", "interrupted"]);
    assert!(matches!(events[1].body, Body::Interrupted { .. }));
}
