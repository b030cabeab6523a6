//! What is cut where when the user or the application speaks over an answer.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::{created, done, kinds, types, Session, RATE};
use voicewire_proto::{Body, Command, Event, Outcome};

fn speech() -> Value {
    json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 10, "item_id": "user"})
}

fn heard(events: &[Event]) -> (Option<i64>, bool) {
    let found = events.iter().find_map(|event| match event.body {
        Body::Interrupted { heard_ms, estimated } => Some((heard_ms, estimated)),
        _ => None,
    });
    found.unwrap()
}

fn cut(messages: &[Value]) -> &Value {
    messages.iter().find(|message| message["type"] == "conversation.item.truncate").unwrap()
}

fn played(item: &str, samples: u64) -> Command {
    Command::ReportPlayed { item_id: item.to_owned(), samples }
}

/// A session in which `seconds` of audio have come for item "a" at time 0.
fn speaking(seconds: usize) -> Session {
    let mut session = Session::open();
    session.receive(0, created("r"));
    session.audio(0, "r", "a", seconds * RATE);
    session
}

#[test]
fn barge_in_truncates_at_the_milliseconds_that_the_clock_tells() {
    let mut session = speaking(3);

    let events = session.receive(1_000, speech());

    assert_eq!(kinds(&events), ["speech_started", "interrupted"]);
    assert_eq!(heard(&events), (Some(1_000), true));
    let sent = session.written(1_000);
    assert_eq!(types(&sent), ["conversation.item.truncate"]);
    assert_eq!((&sent[0]["item_id"], &sent[0]["content_index"]), (&json!("a"), &json!(0)));
    assert_eq!(sent[0]["audio_end_ms"], 1_000);
}

#[test]
fn barge_in_truncates_at_samples_heard() {
    let mut session = speaking(3);
    session.send(played("a", 12_001));

    let events = session.receive(2_000, speech());

    assert_eq!(heard(&events), (Some(500), false));
    assert_eq!(cut(&session.written(2_000))["audio_end_ms"], 500);
}

#[test]
fn a_report_beyond_what_came_counts_as_all_of_it() {
    let mut session = speaking(1);
    session.send(played("a", 1_000_000));

    let events = session.receive(100, speech());

    assert_eq!(heard(&events), (Some(1_000), false));
    assert!(session.written(100).is_empty());
}

#[test]
fn reports_only_go_forward() {
    let mut session = speaking(3);
    session.send(played("a", 24_000));
    session.send(played("a", 12_000));

    session.receive(100, speech());

    assert_eq!(cut(&session.written(100))["audio_end_ms"], 1_000);
}

#[test]
fn nothing_is_cut_at_zero() {
    let mut session = speaking(3);

    let events = session.receive(0, speech());

    assert_eq!(heard(&events), (Some(0), true));
    assert!(session.written(0).is_empty());
}

#[test]
fn a_clock_in_doubt_cuts_only_what_is_well_short() {
    let mut session = speaking(1);

    let events = session.receive(850, speech());

    assert_eq!(heard(&events), (Some(850), true));
    assert!(session.written(850).is_empty());
}

#[test]
fn a_player_s_report_cuts_to_the_millisecond() {
    let mut session = speaking(1);
    session.send(played("a", RATE as u64 - 48));

    session.receive(990, speech());

    assert_eq!(cut(&session.written(990))["audio_end_ms"], 998);
}

#[test]
fn an_answer_without_audio_is_interrupted_and_not_cut() {
    let mut session = Session::open();
    session.receive(0, created("r"));

    let events = session.receive(100, speech());

    assert_eq!(heard(&events), (None, true));
    assert!(session.written(100).is_empty());
}

#[test]
fn an_interruption_is_told_once() {
    let mut session = speaking(3);
    session.receive(1_000, speech());

    let again = session.receive(1_100, speech());
    let end = json!({"type": "response.done", "response": {"id": "r", "status": "cancelled",
        "status_details": {"type": "cancelled", "reason": "turn_detected"}}});
    let ended = session.receive(1_200, end);

    assert_eq!(kinds(&again), ["speech_started"]);
    assert_eq!(kinds(&ended), ["turn_complete"]);
}

#[test]
fn late_audio_of_an_answer_that_was_spoken_over_is_dropped() {
    let mut session = speaking(3);
    session.receive(1_000, speech());

    let late = session.audio(1_010, "r", "a", RATE);

    assert!(matches!(late[0].body, Body::Wire));
}

#[test]
fn audio_of_the_next_answer_plays() {
    let mut session = speaking(3);
    session.receive(1_000, speech());
    session.receive(1_100, done("r", "cancelled"));
    session.receive(1_200, created("r2"));

    let events = session.audio(1_300, "r2", "b", RATE);

    assert_eq!(kinds(&events), ["audio"]);
    assert_eq!(heard(&session.receive(1_800, speech())), (Some(500), true));
}

#[test]
fn a_second_item_plays_behind_the_first() {
    let mut session = speaking(1);
    session.audio(0, "r", "b", 2 * RATE);

    let events = session.receive(1_500, speech());

    assert_eq!(events[1].resolve(&events[1].item_id), Some("b"));
    assert_eq!(heard(&events), (Some(500), true));
}

#[test]
fn a_pause_in_the_stream_does_not_count_as_heard() {
    let mut session = speaking(1);
    session.audio(5_000, "r", "a", 2 * RATE);

    assert_eq!(heard(&session.receive(5_500, speech())), (Some(1_500), true));
}

#[test]
fn audio_that_plays_on_after_the_response_is_cut_too() {
    let mut session = speaking(3);
    session.receive(10, done("r", "completed"));

    let events = session.receive(1_000, speech());

    assert_eq!(heard(&events), (Some(1_000), true));
    assert_eq!(cut(&session.written(1_000))["audio_end_ms"], 1_000);
}

#[test]
fn a_session_whose_speech_does_not_interrupt_goes_on() {
    let mut session = speaking(3);
    session.receive(
        1,
        json!({"type": "session.updated", "session":
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": false}}}}}),
    );

    let events = session.receive(1_000, speech());

    assert_eq!(kinds(&events), ["speech_started"]);
    assert_eq!(kinds(&session.audio(1_010, "r", "a", 10)), ["audio"]);
}

#[test]
fn interrupt_cancels_the_active_response_by_its_id_and_cuts() {
    let mut session = speaking(3);
    session.clock = 1_000;

    let (receipt, _) = session.send(Command::Interrupt);

    let sent = session.written(1_000);
    assert_eq!(types(&sent), ["response.cancel", "conversation.item.truncate"]);
    assert_eq!((&sent[0]["response_id"], &sent[1]["audio_end_ms"]), (&json!("r"), &json!(1_000)));
    let events = session.receive(1_100, done("r", "cancelled"));
    assert_eq!(kinds(&events), ["interrupted", "turn_complete"]);
    assert!(matches!(session.settled()[..], [(settled, Outcome::Acknowledged(_))] if settled == receipt));
}

#[test]
fn interrupt_without_a_response_only_cuts() {
    let mut session = speaking(3);
    session.receive(10, done("r", "completed"));
    session.clock = 1_000;

    let (receipt, _) = session.send(Command::Interrupt);

    assert_eq!(types(&session.written(1_000)), ["conversation.item.truncate"]);
    session.receive(1_050, json!({"type": "conversation.item.truncated", "item_id": "a", "audio_end_ms": 1_000}));
    assert!(matches!(session.settled()[..], [(settled, Outcome::Acknowledged(_))] if settled == receipt));
}

#[test]
fn interrupt_of_nothing_sends_nothing_and_resolves() {
    let mut session = Session::open();

    let (receipt, _) = session.send(Command::Interrupt);

    assert!(session.written(0).is_empty());
    assert!(matches!(session.settled()[..], [(settled, Outcome::Done)] if settled == receipt));
}

#[test]
fn cancel_clamps_the_cut_to_what_came() {
    let mut session = speaking(1);

    session.send(Command::CancelResponse { truncate: Some(("a".to_owned(), 10 * RATE as u64)) });

    let sent = session.written(0);
    assert_eq!(types(&sent), ["response.cancel", "conversation.item.truncate"]);
    assert_eq!(sent[1]["audio_end_ms"], 1_000);
}

#[test]
fn cancel_cuts_no_item_without_audio_and_none_at_zero() {
    let mut session = speaking(1);

    session.send(Command::CancelResponse { truncate: Some(("unknown".to_owned(), 24_000)) });
    session.send(Command::CancelResponse { truncate: Some(("a".to_owned(), 23)) });

    assert_eq!(types(&session.written(0)), ["response.cancel", "response.cancel"]);
}

#[test]
fn a_second_cut_does_not_go_beyond_the_first() {
    let mut session = speaking(3);
    session.receive(1_000, speech());
    session.written(1_000);

    session.send(Command::CancelResponse { truncate: Some(("a".to_owned(), 2 * RATE as u64)) });

    assert_eq!(cut(&session.written(1_000))["audio_end_ms"], 1_000);
}

#[test]
fn a_refused_cut_of_our_own_is_no_error_to_the_user() {
    let mut session = speaking(3);
    session.receive(1_000, speech());
    let id = session.written(1_000)[0]["event_id"].as_str().unwrap().to_owned();

    let events = session.receive(1_100, support::refusal("invalid_value", &id));

    assert_eq!(kinds(&events), ["wire"]);
}

#[test]
fn audio_without_ids_is_interrupted_each_time_and_never_cut() {
    let mut session = Session::open();
    for (at, response) in [(0, "r1"), (10_000, "r2")] {
        session.receive(at, created(response));
        session.audio(at, response, "", 3 * RATE);
        let events = session.receive(at + 1_000, speech());
        assert_eq!(heard(&events), (Some(1_000), true));
        session.receive(at + 1_100, done(response, "cancelled"));
    }
    assert!(session.written(20_000).is_empty());
}

#[test]
fn responses_without_ids_are_interrupted_once_each_and_the_next_one_plays() {
    let mut session = Session::open();
    let nameless = |kind: &str| json!({"type": kind, "response": {"status": "cancelled"}});
    for at in [0, 10_000] {
        session.receive(at, nameless("response.created"));
        let audio = session.audio(at, "", "", 3 * RATE);
        assert_eq!(kinds(&audio), ["audio"]);
        assert_eq!(heard(&session.receive(at + 1_000, speech())), (Some(1_000), true));
        assert_eq!(kinds(&session.receive(at + 1_100, speech())), ["speech_started"]);
        session.receive(at + 1_200, nameless("response.done"));
    }
}

#[test]
fn absurd_counts_do_no_harm() {
    let mut session = speaking(1);
    session.send(played("a", u64::MAX));
    session.send(Command::CancelResponse { truncate: Some(("a".to_owned(), u64::MAX)) });

    assert_eq!(cut(&session.written(0))["audio_end_ms"], 1_000);
}
