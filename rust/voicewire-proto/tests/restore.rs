//! What a session of the OpenAI family is told again on another connection, and what ends with the one that was lost.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};

use serde_json::{json, Map, Value};
use support::{created, done, types, Back, Session, RATE};
use voicewire_proto::item::{ItemChange, ItemFields};
use voicewire_proto::openai::{BETA, GA};
use voicewire_proto::{
    Body, Command, Conversation, Error, Event, Outcome, Protocol, Recovery, ServerError, TurnStatus,
};

fn raw(kind: &str, payload: Value) -> Command {
    let Value::Object(payload) = payload else { panic!("a payload is an object") };
    Command::Raw { kind: kind.to_owned(), payload }
}

fn text(words: &str, respond: bool) -> Command {
    Command::SendText { text: words.to_owned(), respond }
}

fn turns(events: &[Event]) -> Vec<(TurnStatus, bool)> {
    let turns = events.iter().filter_map(|event| match &event.body {
        Body::TurnComplete(turn) => Some((turn.status, turn.is_final)),
        _ => None,
    });
    turns.collect()
}

fn texts(back: &Back) -> Vec<&str> {
    back.items().into_iter().map(|item| item["content"][0]["text"].as_str().unwrap()).collect()
}

fn asks(back: &Back) -> usize {
    types(&back.sent).iter().filter(|kind| **kind == "response.create").count()
}

#[test]
fn the_configuration_comes_first_then_the_conversation_then_what_waits() {
    let mut session = Session::new(json!({"instructions": "Be brief."}));
    session.receive(0, json!({"type": "session.created", "session": {"id": "sess_1"}}));
    session.written(0);
    session.receive(0, json!({"type": "session.updated", "session": {"instructions": "Be brief."}}));
    session.hear("item_user", Some("Who are you?"));
    session.answer("resp_1", "item_model", "A model.");
    session.send(text("And now?", true));
    session.written(0);

    let back = session.back();

    let expected = ["session.update", "conversation.item.create", "conversation.item.create"];
    let waiting = ["conversation.item.create", "response.create"];
    assert_eq!(types(&back.sent), [&expected[..], &waiting].concat());
    assert_eq!(back.sent[0]["session"]["instructions"], "Be brief.");
    assert_eq!(texts(&back), ["Who are you?", "A model.", "And now?"]);
    assert_eq!([&back.items()[0]["id"], &back.items()[1]["id"]], ["item_user", "item_model"]);
    assert_eq!(session.protocol.restored(), "replayed");
}

#[test]
fn changes_of_the_session_are_merged_and_those_without_an_answer_follow() {
    let config = |options: Value| {
        let Value::Object(options) = options else { panic!("options are an object") };
        Command::UpdateSession(Box::new(voicewire_proto::SessionConfig::from_options(options).unwrap()))
    };
    let mut session = Session::open();
    for options in [json!({"voice": "marin", "tools": [{"name": "a"}]}), json!({"instructions": "Sing."})] {
        session.send(config(options));
        session.written(0);
        session.receive(0, json!({"type": "session.updated", "session": {}}));
    }
    session.settled();
    let (waiting, event_id) = session.send(config(json!({"tools": [{"name": "b"}]})));
    session.written(0);

    let back = session.back();

    assert_eq!(types(&back.sent), ["session.update", "session.update"]);
    let standing = &back.sent[0]["session"];
    assert_eq!((&standing["instructions"], &standing["tools"]), (&json!("Sing."), &json!([{"name": "a"}])));
    assert_eq!(standing["audio"]["output"]["voice"], "marin");
    assert_eq!(
        (&back.sent[1]["event_id"], &back.sent[1]["session"]["tools"]),
        (&json!(event_id), &json!([{"name": "b"}]))
    );
    session.receive(0, json!({"type": "session.updated", "session": standing}));
    assert!(session.settled().is_empty());
    session.receive(0, json!({"type": "session.updated", "session": {}}));
    assert_eq!(session.settled()[0].0, waiting);
}

#[test]
fn a_change_that_was_refused_is_not_told_again() {
    let mut session = Session::open();
    let (_, event_id) = session.send(raw("session.update", json!({"session": {"instructions": "Shout."}})));
    session.written(0);
    session.receive(0, support::refusal("invalid_value", &event_id));

    assert!(session.back().sent.is_empty());
}

#[test]
fn every_kind_of_item_is_made_again_in_order_with_its_own_id() {
    let mut session = Session::open();
    let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,AA=="});
    session.send(Command::SendContent { parts: vec![picture.clone()], respond: false });
    let sent = session.written(0)[0]["item"].clone();
    session.item(json!({"id": sent["id"], "type": "message", "role": "user", "content": [{"type": "input_image"}]}));
    session.hear("item_spoken", Some("How warm is it?"));
    session.receive(0, created("resp_1"));
    let arguments = r#"{"city": "Rome"}"#;
    let call = json!({"id": "item_call", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": arguments});
    session.item(call.clone());
    session.receive(0, done("resp_1", "completed"));
    session.send(Command::ToolOutput { call_id: "call_1".into(), output: "warm".into(), name: None, scheduling: None });
    let output = session.written(0)[0]["item"].clone();
    session.item(output.clone());
    session.answer("resp_2", "item_answer", "It is warm.");
    session.item(json!({"id": "item_system", "type": "message", "role": "system",
        "content": [{"type": "input_text", "text": "Be kind."}]}));

    let back = session.back();

    let spoken = json!({"id": "item_spoken", "type": "message", "role": "user",
        "content": [{"type": "input_text", "text": "How warm is it?"}]});
    let answer = json!({"id": "item_answer", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "It is warm."}]});
    let system = json!({"id": "item_system", "type": "message", "role": "system",
        "content": [{"type": "input_text", "text": "Be kind."}]});
    assert_eq!(back.items(), [&sent, &spoken, &call, &output, &answer, &system]);
    assert_eq!(sent["content"][0], picture);
    assert_eq!(asks(&back), 0);
    assert_eq!(session.protocol.restored(), "replayed");
}

#[test]
fn an_assistants_words_are_written_as_the_dialect_has_them() {
    let mut session = Session::of(&BETA, json!({}));
    session.receive(0, json!({"type": "session.created", "session": {"id": "sess_1"}}));
    session.answer("resp_1", "item_1", "Hello.");

    assert_eq!(session.back().items()[0]["content"], json!([{"type": "text", "text": "Hello."}]));
}

#[test]
fn a_spoken_turn_without_words_is_told_as_lost() {
    let mut session = Session::open();
    session.hear("item_1", None);
    session.answer("resp_1", "item_2", "Yes.");

    let back = session.back();

    assert!(texts(&back)[0].contains("lost with the connection"));
    assert_eq!(session.protocol.restored(), "partial");
}

#[test]
fn a_spoken_turn_without_words_is_told_by_its_sound_where_that_is_kept() {
    let mut kept = Conversation::new(60.0);
    let item = json!({"id": "item_1", "type": "message", "role": "user"});
    let told = ItemChange::Told(Box::new(ItemFields::read(&item, &Value::Null).unwrap()));
    let session = Session::open();
    kept.apply(&Event { change: Some(Box::new(told)), ..Event::ours(Body::Wire, session.at(0)) });
    kept.attach("item_1", &[1, 2], RATE as u32);
    let mut session = Session::of(&GA, json!({}));
    session.retain(Arc::new(Mutex::new(kept)));
    session.receive(0, json!({"type": "session.created", "session": {"id": "sess_1"}}));
    session.hear("item_1", None);
    session.answer("resp_1", "item_2", "Yes.");

    let back = session.back();

    assert_eq!(back.items()[0]["content"], json!([{"type": "input_audio", "audio": "AQACAA=="}]));
    assert_eq!(session.protocol.restored(), "replayed");
}

#[test]
fn an_interrupted_answer_ends_where_its_listener_stopped_hearing_it() {
    let mut session = Session::open();
    session.answering("resp_1", "item_1", "one two three four");
    session.audio(0, "resp_1", "item_1", RATE);
    session.receive(0, done("resp_1", "completed"));
    session.receive(
        0,
        json!({"type": "conversation.item.truncated", "item_id": "item_1", "content_index": 0, "audio_end_ms": 500}),
    );

    let back = session.back();

    assert_eq!(texts(&back), ["one two"]);
    assert_eq!(back.items()[0]["status"], "incomplete");
    assert_eq!(session.protocol.restored(), "replayed");
}

#[test]
fn a_deleted_item_is_not_made_again() {
    let mut session = Session::open();
    session.hear("item_1", Some("Hello."));
    session.answer("resp_1", "item_2", "Hi.");
    session.receive(0, json!({"type": "conversation.item.deleted", "item_id": "item_1"}));

    assert_eq!(texts(&session.back()), ["Hi."]);
}

#[test]
fn an_answer_that_was_cut_is_asked_for_again_as_it_was_asked_for() {
    let mut session = Session::open();
    session.hear("item_1", Some("Count."));
    session.send(Command::CreateResponse(Map::from_iter([("instructions".into(), "Loudly.".into())])));
    session.written(0);
    session.answering("resp_1", "item_2", "One, two");

    let back = session.back();

    assert_eq!(turns(&back.told), [(TurnStatus::Cancelled, false)]);
    assert_eq!(texts(&back), ["Count."]);
    assert_eq!(asks(&back), 1);
    assert_eq!(back.sent.last().unwrap()["response"], json!({"instructions": "Loudly."}));
}

#[test]
fn an_answer_that_was_cut_is_asked_for_once() {
    let mut session = Session::open();
    session.hear("item_1", Some("Count."));
    session.answering("resp_1", "item_2", "One, two");
    assert_eq!(asks(&session.back()), 1);
    session.answer("resp_2", "item_3", "One, two, three.");

    let back = session.back();

    assert_eq!((asks(&back), turns(&back.told)), (0, vec![]));
    assert_eq!(texts(&back), ["Count.", "One, two, three."]);
}

#[test]
fn a_spoken_turn_that_nobody_has_answered_is_asked_about() {
    let mut session = Session::open();
    session.hear("item_1", Some("Who are you?"));

    assert_eq!(asks(&session.back()), 1);
}

#[test]
fn nobody_asks_where_the_application_asks_for_answers() {
    let mut session = Session::new(json!({"turn_detection": {"type": "server_vad", "create_response": false}}));
    session.receive(0, json!({"type": "session.created", "session": {"id": "sess_1"}}));
    session.hear("item_1", Some("Who are you?"));
    assert_eq!(asks(&session.back()), 0);

    let mut written = Session::open();
    written.send(text("A remark.", false));
    let item = written.written(0)[0]["item"].clone();
    written.item(item);
    assert_eq!(asks(&written.back()), 0);
}

#[test]
fn nobody_asks_while_the_user_speaks() {
    let mut session = Session::open();
    session.hear("item_1", Some("Who are you?"));
    session
        .receive(0, json!({"type": "input_audio_buffer.speech_started", "item_id": "item_2", "audio_start_ms": 900}));

    assert_eq!(asks(&session.back()), 0);
}

#[test]
fn a_call_that_was_whole_is_made_again_and_its_answer_is_left_to_the_application() {
    let mut session = Session::open();
    session.hear("item_1", Some("How warm is it?"));
    session.receive(0, created("resp_1"));
    let item =
        json!({"id": "item_2", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""});
    session.receive(0, json!({"type": "response.output_item.added", "response_id": "resp_1", "item": item}));
    session.receive(0, json!({"type": "conversation.item.added", "item": item}));
    let kind = "response.function_call_arguments";
    let fields = json!({"response_id": "resp_1", "item_id": "item_2", "call_id": "call_1"});
    let with = |key: &str, value: &str| {
        let mut message = fields.clone();
        message[key] = value.into();
        message
    };
    let mut delta = with("delta", "{}");
    delta["type"] = format!("{kind}.delta").into();
    let mut whole = with("arguments", "{}");
    whole["type"] = format!("{kind}.done").into();
    whole["name"] = "weather".into();
    session.receive(0, delta);
    session.receive(0, whole);

    let back = session.back();

    assert_eq!(back.items()[1]["arguments"], "{}");
    assert_eq!((turns(&back.told), asks(&back)), (vec![(TurnStatus::Incomplete, true)], 0));
}

#[test]
fn a_call_that_was_not_whole_is_not_made_again_at_any_cut() {
    let mut session = Session::open();
    session.hear("item_1", Some("How warm is it?"));
    session.receive(0, created("resp_1"));
    let item =
        json!({"id": "item_2", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""});
    session.receive(0, json!({"type": "conversation.item.added", "item": item}));
    let kind = "response.function_call_arguments.delta";
    session.receive(0, json!({"type": kind, "response_id": "resp_1", "item_id": "item_2", "delta": "{\"ci"}));
    session.send(Command::CancelResponse { truncate: None });
    session.written(0);

    assert_eq!(texts(&session.back()), ["How warm is it?"]);
    session.receive(0, created("resp_2"));
    assert_eq!(texts(&session.back()), ["How warm is it?"]);
}

#[test]
fn what_a_response_gave_is_whole_once_it_has_ended() {
    let mut session = Session::open();
    session.answering("resp_1", "item_1", "Hello.");
    session.receive(0, done("resp_1", "completed"));

    assert_eq!(session.back().items()[0]["status"], "completed");
}

#[test]
fn a_response_that_was_stopped_is_told_as_cancelled_and_not_asked_for_again() {
    let mut session = Session::open();
    session.answering("resp_1", "item_1", "One, two");
    let (receipt, _) = session.send(Command::CancelResponse { truncate: None });
    session.written(0);

    let back = session.back();

    assert_eq!(turns(&back.told), [(TurnStatus::Cancelled, true)]);
    assert!(matches!(&back.settled[..], [(id, Outcome::Acknowledged(_))] if *id == receipt));
    assert_eq!(asks(&back), 0);
    assert_eq!(back.items()[0]["status"], "incomplete");
}

#[test]
fn a_response_ends_once_also_where_its_end_comes_late() {
    let mut session = Session::open();
    session.answering("resp_1", "item_1", "One");
    session.back();

    assert!(turns(&session.receive(0, done("resp_1", "completed"))).is_empty());
}

#[test]
fn a_request_for_a_response_is_sent_once_more_and_then_fails() {
    let mut session = Session::open();
    let (receipt, event_id) = session.send(text("Hello.", true));
    session.written(0);

    let back = session.back();
    assert_eq!(back.sent.last().unwrap()["event_id"], event_id);
    assert!(back.settled.is_empty());

    let back = session.back();
    assert_eq!(asks(&back), 0);
    assert!(matches!(&back.settled[..], [(id, Outcome::Failed(Error::ConnectionClosed { .. }))] if *id == receipt));
}

#[test]
fn an_item_that_was_confirmed_is_not_sent_twice() {
    let mut session = Session::open();
    session.send(text("Hello.", true));
    let item = session.written(0)[0]["item"].clone();
    session.item(item);

    let back = session.back();

    assert_eq!(types(&back.sent), ["conversation.item.create", "response.create"]);
}

#[test]
fn requests_that_waited_for_their_turn_go_out_behind_the_answer_that_is_asked_for_again() {
    let mut session = Session::open();
    session.hear("item_1", Some("Count."));
    session.answering("resp_1", "item_2", "One");
    let (_, waiting) = session.send(Command::CreateResponse(Map::new()));
    assert!(session.written(0).is_empty());

    let back = session.back();
    assert_eq!(asks(&back), 1);
    assert_ne!(back.sent.last().unwrap()["event_id"], waiting);
    session.receive(0, created("resp_2"));
    session.receive(0, done("resp_2", "completed"));

    assert_eq!(session.written(0)[0]["event_id"], waiting);
}

#[test]
fn commits_clears_and_retrievals_fail_and_deletions_are_sent_again() {
    let mut session = Session::open();
    session.send(Command::CommitAudio);
    session.send(Command::ClearAudio);
    session.send(raw("conversation.item.retrieve", json!({"item_id": "item_1"})));
    let (_, deletion) = session.send(raw("conversation.item.delete", json!({"item_id": "item_1"})));
    session.written(0);

    let back = session.back();

    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(Error::ConnectionClosed { .. }));
    assert_eq!(back.settled.iter().map(|(receipt, _)| *receipt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(back.settled.iter().all(|(_, outcome)| failed(outcome)));
    assert_eq!(back.sent[0]["event_id"], deletion);
}

#[test]
fn a_cut_whose_answer_was_lost_holds_for_what_is_told_again() {
    let mut session = Session::open();
    session.answering("resp_1", "item_1", "one two three four");
    session.audio(0, "resp_1", "item_1", RATE);
    session.receive(0, done("resp_1", "completed"));
    let cut = json!({"item_id": "item_1", "content_index": 0, "audio_end_ms": 500});
    let (receipt, _) = session.send(raw("conversation.item.truncate", cut));
    session.written(0);

    let back = session.back();

    assert!(matches!(&back.settled[..], [(id, Outcome::Done)] if *id == receipt));
    assert_eq!(texts(&back), ["one two"]);
}

#[test]
fn what_was_told_as_text_is_cut_here_and_not_at_the_service() {
    let mut session = Session::open();
    session.answer("resp_1", "item_1", "one two three four");
    session.back();
    let cut = json!({"item_id": "item_1", "content_index": 0, "audio_end_ms": 500});
    let (receipt, _) = session.send(raw("conversation.item.truncate", cut));

    assert!(session.written(0).is_empty());
    assert!(matches!(&session.settled()[..], [(id, Outcome::Done)] if *id == receipt));
}

#[test]
fn what_the_new_session_says_of_items_that_it_was_told_changes_nothing() {
    let mut session = Session::open();
    session.answer("resp_1", "item_1", "Hello.");
    session.back();
    let told = json!({"id": "item_1", "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello."}]});

    let events = session.receive(0, json!({"type": "conversation.item.added", "item": told}));

    assert!(events.iter().all(|event| event.change.is_none()));
}

#[test]
fn the_greeting_of_another_connection_is_no_second_beginning() {
    let mut session = Session::open();
    session.protocol.leave(session.at(0));

    let events = session.receive(0, json!({"type": "session.created", "session": {"id": "sess_2"}}));

    assert_eq!(support::kinds(&events), ["server"]);
    assert_eq!(session.protocol.session_id(), Some("sess_2"));
    assert_eq!(session.protocol.restored(), "none");
}

#[test]
fn losses_of_the_network_and_the_service_are_recovered_from() {
    let session = Session::open();
    let recovers = |code: &u16| session.protocol.recovery(*code) == Recovery::Reconnect;
    let all = (999..1020).chain([3000, 4000, 4008, 4999]);

    assert_eq!(all.filter(recovers).collect::<Vec<u16>>(), [1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015]);
}

#[test]
fn nothing_is_recovered_from_once_the_account_is_at_fault() {
    for code in ["insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached"] {
        let mut told = Session::open();
        told.receive(0, json!({"type": "error", "error": {"type": "t", "code": code, "message": "No."}}));
        assert_eq!(told.protocol.recovery(1006), Recovery::Never, "{code}");

        let mut failed = Session::open();
        failed.receive(0, created("resp_1"));
        let details = json!({"type": "failed", "error": {"code": code, "message": "No."}});
        let response = json!({"id": "resp_1", "status": "failed", "status_details": details});
        failed.receive(0, json!({"type": "response.done", "response": response}));
        assert_eq!(failed.protocol.recovery(1006), Recovery::Never, "{code}");
    }
}

#[test]
fn a_command_with_a_model_that_is_not_there_says_nothing_of_the_next_connection() {
    let mut session = Session::open();

    session.receive(0, support::refusal("model_not_found", "evt_1"));

    assert_eq!(session.protocol.recovery(1006), Recovery::Reconnect);
}

#[test]
fn a_service_that_turns_us_away_is_asked_again_unless_the_account_or_the_request_is_at_fault() {
    let session = Session::open();
    let forgives = |kind: &str, code: &str| {
        let error = ServerError { kind: Some(kind.into()), code: Some(code.into()), ..ServerError::default() };
        session.protocol.forgives(&Error::Server(error))
    };

    assert!(forgives("server_error", "internal_error"));
    assert!(!forgives("server_error", "insufficient_quota"));
    assert!(!forgives("server_error", "model_not_found"));
    assert!(!forgives("invalid_request_error", "unknown_parameter"));
}

#[test]
fn an_expired_session_is_an_error_that_ends_nothing_where_another_follows() {
    let mut session = Session::open();

    let events =
        session.receive(0, json!({"type": "error", "error": {"code": "session_expired", "message": "60 minutes."}}));

    let Body::Error { error, fatal } = &events[0].body else { panic!("an error") };
    assert!(matches!(**error, Error::SessionExpired(_)) && !fatal);
    assert_eq!(session.protocol.recovery(1001), Recovery::Reconnect);
}
