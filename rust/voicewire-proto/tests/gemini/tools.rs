//! Calls of the model and the results that go back.

use serde_json::{json, Value};
use voicewire_proto::{Body, Command, Event, Protocol, Text, TurnStatus};

use crate::support::{
    audio, call, content, ends, generated, heard, interrupted, kinds, oldest, said, turn_complete, vertex, Session,
};

const COMPLETED: TurnStatus = TurnStatus::Completed;
const CANCELLED: TurnStatus = TurnStatus::Cancelled;

/// A session in which the model has called "weather" as `id`.
fn called(id: &str) -> Session {
    let mut session = oldest().open();
    session.receive(call(id, "weather"));
    session
}

fn result(call_id: &str, name: Option<&str>, scheduling: Option<&str>) -> Command {
    Command::ToolOutput {
        call_id: call_id.into(),
        output: "fog".into(),
        name: name.map(str::to_owned),
        scheduling: scheduling.map(str::to_owned),
    }
}

/// The one function response that was written.
fn response(session: &mut Session) -> Value {
    let mut written = session.written();
    assert_eq!(written.len(), 1, "{written:?}");
    written[0]["toolResponse"]["functionResponses"][0].take()
}

/// Id, name and arguments of the calls, in their order.
fn calls(events: &[Event]) -> Vec<[String; 3]> {
    let text = |event: &Event, text: &Text| event.resolve(text).unwrap().to_owned();
    let fields = |event: &Event| match &event.body {
        Body::ToolCall { call_id, name, arguments } => Some([call_id, name, arguments].map(|field| text(event, field))),
        _ => None,
    };
    events.iter().filter_map(fields).collect()
}

#[test]
fn a_call_begins_a_response_and_is_an_item_of_its_own() {
    let mut session = oldest().open();

    let events = session.receive_all([call("c1", "weather")]);

    assert_eq!(kinds(&events), ["response_started", "tool_call"]);
    assert_eq!(calls(&events), [["c1", "weather", r#"{"city":"London"}"#]]);
    assert!(format!("{:?}", events[1].change).contains(r#"kind: "function_call""#));
}

#[test]
fn a_message_may_hold_several_calls() {
    let mut session = oldest().open();
    let two = json!([{"id": "c1", "name": "a", "args": null}, {"id": "c2", "name": "b"}]);

    let events = session.receive_all([json!({"toolCall": {"functionCalls": two}})]);

    assert_eq!(calls(&events), [["c1", "a", "{}"], ["c2", "b", "{}"]]);
}

#[test]
fn arguments_that_are_no_object_are_told() {
    let mut session = oldest().open();
    let odd = json!({"toolCall": {"functionCalls": [{"id": "c1", "name": "a", "args": [1]}]}});

    assert_eq!(kinds(&session.receive_all([odd])), ["response_started", "tool_call", "error"]);
}

#[test]
fn a_result_goes_back_under_the_id_and_the_name_of_its_call() {
    let mut session = called("c1");

    let receipt = session.answer("c1", "fog");

    assert_eq!(session.protocol.poll_transmit(session.now()).map(|message| message.settles), Some(Some(receipt)));
    session.answer("c1", "fog");
    assert_eq!(response(&mut session), json!({"id": "c1", "name": "weather", "response": {"output": "fog"}}));
}

#[test]
fn a_call_without_an_id_gets_one_that_is_not_sent_back() {
    let mut session = vertex().open();
    let nameless = json!({"toolCall": {"functionCalls": [{"name": "weather", "args": {}}]}});
    let id = calls(&session.receive_all([nameless]))[0][0].to_owned();
    assert!(!id.is_empty());

    session.answer(&id, "fog");

    assert_eq!(response(&mut session), json!({"name": "weather", "response": {"output": "fog"}}));
}

#[test]
fn a_result_of_a_call_that_is_not_known_goes_under_the_names_given() {
    let mut session = oldest().open();

    session.send(result("c9", Some("clock"), None));

    assert_eq!(response(&mut session), json!({"id": "c9", "name": "clock", "response": {"output": "fog"}}));
}

#[test]
fn a_schedule_stands_beside_the_response() {
    let mut session = called("c1");

    session.send(result("c1", None, Some("WHEN_IDLE")));

    assert_eq!(response(&mut session)["scheduling"], "WHEN_IDLE");
}

#[test]
fn objects_go_back_as_they_are_and_the_rest_as_output() {
    let mut session = called("c1");
    let mut sent = |output: &str| {
        session.answer("c1", output);
        response(&mut session)["response"].take()
    };

    assert_eq!(sent(r#"{"degrees": 4}"#), json!({"degrees": 4}));
    assert_eq!(sent(r#"{"error": "no such city"}"#), json!({"error": "no such city"}));
    assert_eq!(sent("[1, 2]"), json!({"output": [1, 2]}));
    assert_eq!(sent("4.5"), json!({"output": 4.5}));
    assert_eq!(sent("true"), json!({"output": true}));
    assert_eq!(sent("fog over London"), json!({"output": "fog over London"}));
    assert_eq!(sent(r#""quoted""#), json!({"output": r#""quoted""#}));
    assert_eq!(sent(""), json!({"output": ""}));
}

#[test]
fn a_result_becomes_an_item_of_the_conversation() {
    let mut session = called("c1");
    session.answer("c1", "fog");

    let events = session.events();

    let change = format!("{:?}", events[0].change);
    assert!(change.contains("function_call_output") && change.contains(r#"output: Some("fog")"#), "{change}");
}

#[test]
fn calls_that_were_taken_back_are_told_and_their_results_not_sent() {
    let mut session = called("c1");

    let events = session.receive(json!({"toolCallCancellation": {"ids": ["c1"]}}));
    let receipt = session.answer("c1", "fog");

    assert_eq!(kinds(&events), ["tool_call_cancelled"]);
    assert!(matches!(&events[0].body, Body::ToolCallCancelled(ids) if *ids == ["c1"]));
    assert!(session.written().is_empty());
    assert_eq!(session.settled(), [(receipt, "done", vec![])]);
    assert!(session.events().is_empty());
}

#[test]
fn a_call_that_the_user_spoke_over_ends_its_turn() {
    let mut session = called("c1");
    let cancellation = json!({"toolCallCancellation": {"ids": ["c1"]}});

    let events = session.receive_all([cancellation, interrupted(), turn_complete()]);

    assert_eq!(kinds(&events), ["tool_call_cancelled", "speech_started", "interrupted", "turn_complete"]);
    assert_eq!(ends(&events), [(CANCELLED, true)]);
}

#[test]
fn a_result_that_interrupts_is_nobody_s_speech_and_not_the_end() {
    let mut session = called("c1");
    session.receive_all([said("One moment."), audio(24_000), generated()]);
    session.send(result("c1", None, Some("INTERRUPT")));
    session.clock = 400;

    let stopped = session.receive_all([interrupted(), turn_complete()]);
    let answer = session.receive_all([said("It is foggy."), generated(), turn_complete()]);

    assert_eq!(kinds(&stopped), ["interrupted", "turn_complete"]);
    assert_eq!(heard(&stopped), [(Some(400), true)]);
    assert_eq!(ends(&stopped), [(CANCELLED, false)]);
    assert_eq!(kinds(&answer), ["response_started", "transcript", "turn_complete"]);
    assert_eq!(ends(&answer), [(COMPLETED, true)]);
}

#[test]
fn a_silent_result_does_not_hold_up_the_end() {
    let mut session = called("c1");
    session.receive(said("One moment."));
    session.send(result("c1", None, Some("SILENT")));

    assert_eq!(ends(&session.receive_all([turn_complete()])), [(COMPLETED, true)]);
}

#[test]
fn a_result_behind_the_end_of_its_turn_is_answered_by_another() {
    let mut session = called("c1");
    let first = session.receive_all([said("One moment."), turn_complete()]);
    session.send(result("c1", None, Some("WHEN_IDLE")));

    let second = session.receive_all([said("It is foggy."), turn_complete()]);

    assert_eq!(ends(&first), [(COMPLETED, true)]);
    assert_eq!(kinds(&second), ["response_started", "transcript", "turn_complete"]);
}

#[test]
fn calls_that_nobody_answers_do_not_pile_up() {
    let mut session = oldest().open();
    for number in 0..100 {
        session.receive(call(&format!("c{number}"), "weather"));
    }

    let lost = session.leave().into_iter().find_map(|event| match event.body {
        Body::ToolCallCancelled(ids) => Some(ids),
        _ => None,
    });

    let lost = lost.unwrap();
    assert_eq!((lost.len(), lost[0].as_str(), lost[63].as_str()), (64, "c36", "c99"));
}

#[test]
fn searches_of_the_service_s_own_are_no_calls() {
    let mut session = oldest().open();
    let code = content(json!({"modelTurn": {"parts": [{"executableCode": {"code": "1+1"}}]}}));

    assert_eq!(kinds(&session.receive_all([code, said("Two.")])), ["response_started", "transcript"]);
}
