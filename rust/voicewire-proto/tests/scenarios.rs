//! Scenarios of a session: messages, commands and times in, events, messages and settlements out.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Map, Value};
use support::{created, done, kinds, refusal, types, Session, RATE};
use voicewire_proto::{Body, Command, Error, Kind, Outcome, Protocol, TurnStatus};

#[test]
fn the_configuration_goes_out_behind_the_greeting() {
    let mut session = Session::new(json!({"voice": "marin", "turn_detection": null, "temperature": 0.5}));
    assert!(session.written(0).is_empty());

    let events = session.receive(1, json!({"type": "session.created", "session": {"id": "sess_1"}}));

    assert_eq!(kinds(&events), ["open", "config_mismatch"]);
    assert_eq!(session.protocol.session_id(), Some("sess_1"));
    let sent = session.written(1);
    let audio = json!({"output": {"voice": "marin"}, "input": {"turn_detection": null}});
    assert_eq!(sent[0]["session"], json!({"type": "realtime", "audio": audio}));
}

#[test]
fn an_error_in_place_of_a_greeting_is_a_refusal() {
    let mut session = Session::new(json!({}));

    let events = session.receive(1, json!({"type": "error", "error": {"code": "invalid_api_key", "message": "Bad."}}));

    assert!(events.is_empty());
    assert!(matches!(session.protocol.refusal(), Some(Error::Server(error)) if error.message == "Bad."));
}

#[test]
fn a_command_without_an_answer_times_out_from_when_it_was_written() {
    let mut session = Session::open();
    let (receipt, _) = session.send(Command::ClearAudio);
    session.protocol.handle_timeout(session.at(20_000));
    assert!(session.settled().is_empty());

    session.written(20_000);
    assert_eq!(session.protocol.poll_timeout(), Some(session.at(30_000)));
    session.protocol.handle_timeout(session.at(29_999));
    assert!(session.settled().is_empty());
    session.protocol.handle_timeout(session.at(30_000));

    let settled = session.settled();
    assert_eq!(settled[0].0, receipt);
    assert!(
        matches!(&settled[0].1, Outcome::Failed(Error::AckTimeout { command, .. }) if command == "input_audio_buffer.clear")
    );
}

#[test]
fn answers_go_to_the_commands_in_their_order() {
    let mut session = Session::open();
    let receipts: Vec<u64> = (0..3).map(|_| session.send(Command::CommitAudio).0).collect();
    session.written(0);

    for number in 0..3 {
        session.receive(1, json!({"type": "input_audio_buffer.committed", "item_id": format!("item_{number}")}));
    }

    let settled: Vec<u64> = session.settled().into_iter().map(|(receipt, _)| receipt).collect();
    assert_eq!(settled, receipts);
}

#[test]
fn a_refusal_reaches_its_command_and_is_told_once() {
    let mut session = Session::open();
    let (receipt, event_id) = session.send(Command::SendText { text: "Hi".into(), respond: true });
    let sent = session.written(0);
    assert_eq!(types(&sent), ["conversation.item.create", "response.create"]);

    let events = session.receive(1, refusal("invalid_value", &format!("{event_id}_item")));

    assert_eq!(kinds(&events), ["error"]);
    let settled = session.settled();
    assert_eq!(settled.len(), 1);
    assert_eq!(settled[0].0, receipt);
    assert!(matches!(&settled[0].1, Outcome::Failed(Error::Rejected(error)) if error.param.as_deref() == Some("p")));
}

#[test]
fn a_second_request_for_a_response_waits_for_the_end_of_the_first() {
    let mut session = Session::open();
    session.send(Command::SendText { text: "One".into(), respond: true });
    session.send(Command::SendText { text: "Two".into(), respond: true });
    let first = ["conversation.item.create", "response.create", "conversation.item.create"];
    assert_eq!(types(&session.written(0)), first);

    session.receive(1, created("resp_1"));
    assert!(session.written(1).is_empty());
    session.receive(2, done("resp_1", "completed"));

    assert_eq!(types(&session.written(2)), ["response.create"]);
}

#[test]
fn a_response_that_the_server_began_itself_is_waited_for() {
    let mut session = Session::open();
    let (receipt, event_id) = session.send(Command::CreateResponse(Map::new()));
    session.written(0);

    let events = session.receive(1, refusal("conversation_already_has_active_response", &event_id));
    assert_eq!(kinds(&events), ["wire"]);
    assert!(matches!(&session.settled()[..], [(settled, Outcome::Done)] if *settled == receipt));
    session.receive(2, created("resp_vad"));
    assert!(session.written(2).is_empty());
    session.receive(3, done("resp_vad", "completed"));

    assert_eq!(types(&session.written(3)), ["response.create"]);
}

#[test]
fn a_response_outside_of_the_conversation_waits_for_nobody() {
    let mut session = Session::open();
    session.receive(0, created("resp_1"));

    let Value::Object(overrides) = json!({"conversation": "none", "modalities": ["text"]}) else { unreachable!() };
    session.send(Command::CreateResponse(overrides));

    let sent = session.written(1);
    assert_eq!(sent[0]["response"], json!({"conversation": "none", "output_modalities": ["text"]}));
}

#[test]
fn late_audio_of_a_cancelled_response_is_for_wire_handlers_only() {
    let mut session = Session::open();
    session.receive(0, created("resp_1"));
    assert_eq!(kinds(&session.audio(1, "resp_1", "item_1", 10)), ["audio"]);
    // Ten samples are less than a millisecond: nothing to cut.
    let (receipt, _) = session.send(Command::CancelResponse { truncate: Some(("item_1".into(), 250)) });
    assert_eq!(types(&session.written(2)), ["response.cancel"]);

    assert_eq!(kinds(&session.audio(3, "resp_1", "item_1", 10)), ["wire"]);
    assert_eq!(session.protocol.dropped_samples(), 10);
    let events = session.receive(4, done("resp_1", "cancelled"));

    assert!(matches!(&events[0].body, Body::TurnComplete(turn) if turn.status == TurnStatus::Cancelled));
    assert!(matches!(&session.settled()[..], [(settled, Outcome::Acknowledged(_))] if *settled == receipt));
    assert_eq!(kinds(&session.audio(5, "resp_2", "item_2", 10)), ["audio"]);
}

#[test]
fn what_was_heard_is_clamped_to_what_was_received() {
    let mut session = Session::open();
    session.receive(0, created("resp_1"));
    session.audio(1_000, "resp_1", "item_1", RATE / 2);

    let events = session.receive(9_000, json!({"type": "input_audio_buffer.speech_started", "item_id": "user"}));

    assert_eq!(kinds(&events), ["speech_started", "interrupted"]);
    assert!(matches!(events[1].body, Body::Interrupted { heard_ms: Some(500), estimated: true }));
    assert_eq!(events[1].resolve(&events[1].item_id), Some("item_1"));
    let again = session.receive(9_001, json!({"type": "input_audio_buffer.speech_started"}));
    assert_eq!(kinds(&again), ["speech_started"]);
}

#[test]
fn speech_after_all_was_heard_interrupts_nothing() {
    let mut session = Session::open();
    session.receive(0, created("resp_1"));
    session.audio(0, "resp_1", "item_1", RATE);
    session.receive(10, done("resp_1", "completed"));

    let early = json!({"type": "input_audio_buffer.speech_started"});
    assert_eq!(kinds(&session.receive(1_000, early)), ["speech_started"]);
}

#[test]
fn an_odd_byte_is_told_once_a_response_and_shifts_nothing() {
    let mut session = Session::open();
    let delta = |data: &str| json!({"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": data});

    let first = session.receive(1, delta("AQACAAM="));
    let second = session.receive(2, delta("BAAFAAY="));

    assert_eq!(kinds(&first), ["audio", "error"]);
    assert_eq!(kinds(&second), ["audio"]);
    assert!(matches!(&second[0].body, Body::Audio { samples, .. } if samples == &[4, 5]));
}

#[test]
fn odd_shapes_of_other_services_are_read() {
    let mut session = Session::open();

    let text = session.receive(1, json!({"type": "error", "error": "overloaded"}));
    let usage =
        json!({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_tokens_details": {"text_tokens": 3}});
    let response = json!({"id": "r", "status": "completed", "status_details": "unimplemented", "usage": {}});
    let done = session.receive(2, json!({"type": "response.done", "response": response, "usage": usage}));

    assert!(matches!(&text[0].body, Body::Error { error, .. } if error.to_string() == "overloaded"));
    assert!(matches!(&done[0].body, Body::Usage(usage) if usage.total_tokens == 7 && usage.input_text_tokens == 3));
    assert_eq!(kinds(&done), ["usage", "turn_complete"]);
    assert!(done[0].leads && !done[1].leads);
}

#[test]
fn secrets_are_masked_in_what_the_server_says() {
    let mut session = Session::open();

    let told = session.receive(1, json!({"type": "error", "error": {"message": "Key sk-very-secret is bad"}}));
    let broken = session.receive(2, json!(["sk-very-secret"]));

    for event in told.iter().chain(&broken) {
        assert_eq!(event.kind(), Kind::Error);
        assert!(!format!("{:?}", event.body).contains("sk-very-secret"));
    }
}

#[test]
fn the_end_settles_what_is_open() {
    let mut session = Session::open();
    let receipts = [session.send(Command::ClearAudio).0, session.send(Command::CommitAudio).0];
    session.written(1);

    session.protocol.close(Error::ConnectionClosed { code: 1006, reason: "cut".into() });

    let settled = session.settled();
    assert_eq!(settled.iter().map(|(receipt, _)| *receipt).collect::<Vec<_>>(), receipts);
    assert!(settled
        .iter()
        .all(|(_, outcome)| matches!(outcome, Outcome::Failed(Error::ConnectionClosed { code: 1006, .. }))));
}

#[test]
fn qwen_s_pieces_of_a_transcript_are_under_text() {
    let mut session = Session::open();
    let kind = "conversation.item.input_audio_transcription.delta";

    let events = session.receive(0, json!({"type": kind, "item_id": "u", "text": "Good", "stash": " mor"}));

    assert!(matches!(&events[0].body, Body::InputTranscript { text, .. } if events[0].resolve(text) == Some("Good")));
}

fn unnamed(code: &str) -> Value {
    json!({"type": "error", "error": {"type": "t", "code": code, "message": "No.", "event_id": null}})
}

#[test]
fn an_active_response_without_an_event_id_holds_the_request_back() {
    let mut session = Session::open();
    session.send(Command::CreateResponse(Map::new()));
    assert_eq!(types(&session.written(0)), ["response.create"]);

    let events = session.receive(1, unnamed("conversation_already_has_active_response"));
    let again = session.receive(2, done("theirs", "completed"));

    assert_eq!((kinds(&events), kinds(&again)), (vec!["wire"], vec!["turn_complete"]));
    assert_eq!(types(&session.written(2)), ["response.create"]);
}

#[test]
fn a_late_cancel_without_an_event_id_resolves() {
    let mut session = Session::open();
    let (receipt, _) = session.send(Command::CancelResponse { truncate: None });
    session.written(0);

    let events = session.receive(1, unnamed("response_cancel_not_active"));

    assert_eq!(kinds(&events), ["wire"]);
    assert!(matches!(session.settled()[..], [(settled, Outcome::Done)] if settled == receipt));
}

#[test]
fn a_race_that_nobody_asked_for_is_no_error() {
    let mut session = Session::open();

    assert_eq!(kinds(&session.receive(0, unnamed("conversation_already_has_active_response"))), ["wire"]);
}

#[test]
fn a_request_that_lost_the_race_to_the_services_own_response_goes_out_again() {
    let mut session = Session::open();
    let (_, event_id) = session.send(Command::CreateResponse(Map::new()));
    session.written(0);

    // The service began a response by itself, and refuses ours behind it.
    session.receive(1, created("by_itself"));
    let events = session.receive(2, refusal("conversation_already_has_active_response", &event_id));
    assert_eq!((kinds(&events), session.written(2).len()), (vec!["wire"], 0));
    session.receive(3, done("by_itself", "completed"));

    assert_eq!(types(&session.written(3)), ["response.create"]);
}
