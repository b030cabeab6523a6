//! What ends with a connection, and what the next one knows of it.

use serde_json::{json, Value};
use voicewire_proto::{Body, Command, Protocol, TurnStatus};

use crate::support::{
    activity, audio, call, ends, generated, handle, kinds, neutral, newest, oldest, realtime_only, said, turn_complete,
    user_said, Scene, Session, RATE,
};

/// A session with the handle "h1" in which the user asked and the model answered by voice.
fn talked(scene: Scene) -> Session {
    let mut session = scene.open();
    session.receive(handle("h1"));
    session.receive_all([user_said("Who are you?"), said("A model."), turn_complete()]);
    session
}

fn cancelled_calls(session: &mut Session) -> Vec<String> {
    let ids = session.leave().into_iter().filter_map(|event| match event.body {
        Body::ToolCallCancelled(ids) => Some(ids),
        _ => None,
    });
    ids.flatten().collect()
}

#[test]
fn a_session_that_a_handle_takes_up_knows_everything() {
    let mut session = talked(oldest());
    session.receive(handle("h2"));

    session.leave();
    let (setup, events, sent) = session.greet();

    assert_eq!(setup["sessionResumption"], json!({"handle": "h2"}));
    assert_eq!(session.protocol.restored(), "resumed");
    assert!(setup.get("systemInstruction").is_none() && setup.get("historyConfig").is_none());
    assert!(sent.is_empty());
    assert_eq!(kinds(&events), ["server"]);
}

#[test]
fn a_handle_that_is_not_resumable_leaves_the_last_good_one() {
    let mut session = talked(oldest());
    session.receive(json!({"sessionResumptionUpdate": {"newHandle": "", "resumable": false}}));
    session.receive(json!({"sessionResumptionUpdate": {"newHandle": "bad", "resumable": false}}));

    session.leave();

    assert_eq!(session.greet().0["sessionResumption"], json!({"handle": "h1"}));
}

#[test]
fn a_resumed_session_announces_no_history() {
    let history = json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}]);
    let mut session = talked(newest().with(json!({"history": history})));

    session.leave();
    let (setup, _, sent) = session.greet();

    assert!(setup.get("historyConfig").is_none());
    assert!(sent.is_empty());
}

#[test]
fn a_handle_that_was_refused_gives_way_to_the_history_as_instructions() {
    let mut session = talked(oldest().with(json!({"instructions": "Be brief."})));
    session.leave();
    session.start();
    session.written();

    assert!(session.protocol.leave(session.now()), "the next attempt asks for something else");
    let (setup, _, sent) = session.greet();

    assert_eq!(setup["sessionResumption"], json!({}));
    let history = "The conversation so far:\nUser: Who are you?\nYou: A model.";
    assert_eq!(setup["systemInstruction"]["parts"], json!([{"text": "Be brief."}, {"text": history}]));
    assert!(sent.is_empty());
    assert_eq!(session.protocol.restored(), "replayed");
}

#[test]
fn a_handle_survives_one_cut_before_the_greeting() {
    let mut session = talked(oldest());
    session.leave();
    let mut cut = || {
        session.start();
        let handle = session.written()[0]["setup"]["sessionResumption"].take();
        session.protocol.recovery(1006);
        session.leave();
        handle
    };

    let handles = [cut(), cut(), cut()];

    assert_eq!(handles, [json!({"handle": "h1"}), json!({"handle": "h1"}), json!({})]);
}

#[test]
fn a_connection_that_lived_and_was_cut_does_not_count_against_the_handle() {
    let mut session = talked(oldest());
    session.protocol.recovery(1006);
    session.leave();
    session.start();
    session.written();

    assert!(session.protocol.leave(session.now()));
}

#[test]
fn a_model_that_takes_history_is_sent_it_as_turns() {
    let mut session = realtime_only().open();
    session.receive_all([user_said("Who are you?"), said("A model."), turn_complete()]);

    session.leave();
    let (setup, _, sent) = session.greet();

    assert_eq!(setup["historyConfig"], json!({"initialHistoryInClientContent": true}));
    let turns = json!([
        {"role": "user", "parts": [{"text": "Who are you?"}]},
        {"role": "model", "parts": [{"text": "A model."}]},
    ]);
    // Announced history ends with a whole turn, which asks for nothing.
    assert_eq!(sent, [json!({"clientContent": {"turns": turns, "turnComplete": true}})]);
}

#[test]
fn calls_and_results_are_history_too() {
    let mut session = realtime_only().open();
    session.say("Weather?");
    session.receive(call("c1", "weather"));
    session.answer("c1", "fog");
    session.receive_all([said("Fog."), turn_complete()]);
    session.written();

    session.leave();
    let (_, _, sent) = session.greet();

    let turns = json!([
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {"role": "model", "parts": [{"text": r#"[called weather with {"city":"London"}]"#}]},
        {"role": "user", "parts": [{"text": "[tool gave fog]"}]},
        {"role": "model", "parts": [{"text": "Fog."}]},
    ]);
    assert_eq!(sent[0]["clientContent"]["turns"], turns);
}

#[test]
fn a_spoken_turn_without_words_makes_the_history_partial() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();
    session.receive_all([said("A model."), turn_complete()]);

    session.leave();
    session.greet();

    assert_eq!(session.protocol.restored(), "partial");
}

#[test]
fn words_that_nobody_answered_are_history() {
    let mut session = newest().open();
    session.receive_all([activity("ACTIVITY_START", "0s"), user_said("Who are you?")]);

    let events = neutral(session.leave());
    let (_, _, sent) = session.greet();

    assert_eq!(kinds(&events), ["input_transcript"]);
    assert_eq!(sent[0]["clientContent"]["turns"], json!([{"role": "user", "parts": [{"text": "Who are you?"}]}]));
}

#[test]
fn speech_that_nobody_answered_makes_the_history_partial() {
    let mut session = newest().open();
    session.say("Hi");
    session.receive(activity("ACTIVITY_START", "0s"));

    session.leave();
    session.greet();

    assert_eq!(session.protocol.restored(), "partial");
}

#[test]
fn words_that_were_told_twice_are_history_once() {
    let mut session = newest().open();
    session.receive_all([activity("ACTIVITY_START", "0s"), user_said("Who"), activity("ACTIVITY_END", "1s")]);
    session.receive_all([user_said(" are you?"), said("A model."), turn_complete()]);

    session.leave();
    let (_, _, sent) = session.greet();

    let parts = json!([{"text": "Who"}, {"text": " are you?"}]);
    assert_eq!(sent[0]["clientContent"]["turns"][0]["parts"], parts);
}

#[test]
fn a_session_of_which_nothing_is_known_begins_anew() {
    let mut session = oldest().open();

    session.leave();
    session.greet();

    assert_eq!(session.protocol.restored(), "none");
}

#[test]
fn an_answer_ends_with_its_connection() {
    let mut session = oldest().open();
    session.receive(audio(RATE));

    let events = session.leave();

    assert_eq!(kinds(&neutral(events.clone())), ["turn_complete"]);
    assert_eq!(ends(&events), [(TurnStatus::Cancelled, true)]);
}

#[test]
fn an_answer_that_was_generated_is_complete_all_the_same() {
    let mut session = oldest().open();
    session.receive_all([audio(RATE), generated()]);

    assert_eq!(ends(&session.leave()), [(TurnStatus::Completed, true)]);
}

#[test]
fn a_cancellation_is_settled_by_the_end_of_the_connection() {
    let mut session = oldest().open();
    session.receive(audio(RATE));
    let receipt = session.send(Command::Interrupt);
    session.written();

    session.leave();

    assert_eq!(session.settled(), [(receipt, "acknowledged", vec![])]);
    assert_eq!(session.protocol.poll_timeout(), None);
}

#[test]
fn calls_that_the_handle_does_not_know_of_are_lost() {
    let mut session = talked(oldest());
    session.receive(call("c1", "weather"));
    session.receive(handle("h2"));
    session.receive(call("c2", "clock"));

    assert_eq!(cancelled_calls(&mut session), ["c2"]);
    session.greet();
    session.answer("c2", "noon");
    session.answer("c1", "fog");

    let sent = session.written();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["toolResponse"]["functionResponses"][0]["id"], "c1");
}

#[test]
fn all_calls_are_lost_without_a_handle() {
    let mut session = oldest().open();
    session.receive_all([call("c1", "weather"), call("c2", "clock")]);

    assert_eq!(cancelled_calls(&mut session), ["c1", "c2"]);
}

#[test]
fn a_refused_handle_loses_the_calls_that_it_knew_of() {
    let mut session = oldest().open();
    session.receive_all([call("c1", "weather"), handle("h1")]);
    assert!(cancelled_calls(&mut session).is_empty());
    session.start();

    assert_eq!(cancelled_calls(&mut session), ["c1"]);
}

#[test]
fn a_result_that_was_not_taken_is_sent_again() {
    let mut session = oldest().open();
    session.receive_all([call("c1", "weather"), handle("h1")]);
    session.answer("c1", "fog");
    let before = session.written();

    session.leave();
    let (_, _, sent) = session.greet();

    assert_eq!(sent, before);
    session.receive_all([said("Fog."), turn_complete()]);
    session.leave();
    assert!(session.greet().2.is_empty());
}

#[test]
fn what_was_not_written_fails_with_its_connection() {
    let mut session = oldest().open();
    let receipt = session.say("Hi");

    session.leave();

    assert_eq!(session.settled(), [(receipt, "failed", vec![])]);
    assert_eq!(session.greet().2, [Value::Null; 0]);
}

#[test]
fn context_that_waited_goes_out_on_a_resumed_connection() {
    let mut session = talked(oldest());
    session.receive(audio(RATE));
    session.note("By the way");

    session.leave();
    let (_, _, sent) = session.greet();

    let turns = json!([{"role": "user", "parts": [{"text": "By the way"}]}]);
    assert_eq!(sent, [json!({"clientContent": {"turns": turns, "turnComplete": false}})]);
}

#[test]
fn context_that_waited_is_part_of_the_history_of_a_fresh_connection() {
    let mut session = newest().open();
    session.receive(said("A model."));
    session.note("By the way");

    session.leave();
    let (_, _, sent) = session.greet();

    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to_string().matches("By the way").count(), 1);
}

#[test]
fn a_model_that_has_spoken_is_typed_to_where_it_resumes() {
    let mut session = talked(realtime_only());

    session.leave();
    session.greet();
    session.say("Hi");

    assert_eq!(session.written(), [json!({"realtimeInput": {"text": "Hi"}})]);
}

#[test]
fn speech_by_hand_is_opened_again_on_the_next_connection() {
    let mut session = oldest().with(json!({"turn_detection": null})).open();
    session.protocol.audio_goes_out();
    session.written();

    session.leave();
    session.greet();
    session.protocol.audio_goes_out();

    assert_eq!(session.written(), [json!({"realtimeInput": {"activityStart": {}}})]);
}
