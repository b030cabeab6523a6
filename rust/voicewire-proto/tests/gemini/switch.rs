//! From one connection to the next: when it is time, what is told, and what the next one is told.

use serde_json::{json, Value};
use voicewire_proto::{Body, Command, Protocol, Recovery, TurnStatus};

use crate::support::{
    activity, audio, call, ends, generated, go_away, handle, kinds, neutral, newest, oldest, realtime_only, said,
    turn_complete, user_said, Scene, Session, RATE,
};

/// A session that has been told to go in 50 s, at time 0.
fn going(scene: Scene) -> Session {
    let mut session = scene.open();
    session.receive(go_away("50s"));
    session
}

/// A session with the handle "h1" in which the user asked and the model answered by voice.
fn talked(scene: Scene) -> Session {
    let mut session = scene.open();
    session.receive(handle("h1"));
    session.receive_all([user_said("Who are you?"), said("A model."), turn_complete()]);
    session
}

/// Calls the timer as often as it asks for, at most a hundred times.
fn run_timer(session: &mut Session) -> usize {
    let mut calls = 0;
    while let Some(due) = session.protocol.poll_timeout().filter(|_| calls < 100) {
        let now = session.now().max(due);
        session.protocol.handle_timeout(now);
        calls += 1;
    }
    calls
}

fn cancelled_calls(session: &mut Session) -> Vec<String> {
    let ids = session.leave().into_iter().filter_map(|event| match event.body {
        Body::ToolCallCancelled(ids) => Some(ids),
        _ => None,
    });
    ids.flatten().collect()
}

#[test]
fn a_session_that_goes_on_wants_no_switch() {
    let session = talked(oldest());

    assert!(!session.wants_switch());
    assert_eq!(session.protocol.poll_timeout(), None);
}

#[test]
fn a_quiet_session_goes_at_once() {
    assert!(going(oldest()).wants_switch());
}

#[test]
fn a_session_that_may_not_reconnect_stays() {
    let session = going(oldest().for_good());

    assert!(!session.wants_switch());
    assert_eq!(session.protocol.poll_timeout(), None);
}

#[test]
fn a_session_stays_while_the_model_answers_and_while_that_plays() {
    let mut session = going(oldest());
    session.receive(audio(2 * RATE));
    assert!(!session.wants_switch());
    assert_eq!(session.protocol.poll_timeout(), Some(session.at(45_000)));

    session.receive_all([generated(), turn_complete()]);
    assert!(!session.wants_switch());
    assert_eq!(session.protocol.poll_timeout(), Some(session.at(2_000)));

    session.clock = 2_000;
    assert!(session.wants_switch());
}

#[test]
fn a_session_goes_five_seconds_before_it_must() {
    let mut session = going(oldest());
    session.receive(audio(100 * RATE));
    session.clock = 44_999;
    assert!(!session.wants_switch());

    session.clock = 45_000;

    assert!(session.wants_switch());
}

#[test]
fn a_change_of_the_configuration_waits_eight_seconds_for_quiet() {
    let mut session = oldest().open();
    session.receive(audio(100 * RATE));
    session.update(json!({"voice": "Kore"}));
    assert!(!session.wants_switch());

    session.clock = 8_000;

    assert!(session.wants_switch());
}

#[test]
fn a_session_stays_while_something_is_awaited() {
    let mut asked = going(oldest());
    asked.say("Hi");
    let mut called = going(oldest());
    called.receive_all([call("c1", "weather"), turn_complete()]);
    let mut speaking = going(newest());
    speaking.receive(activity("ACTIVITY_START", "1s"));
    let mut unanswered = going(newest());
    unanswered.receive_all([activity("ACTIVITY_START", "1s"), activity("ACTIVITY_END", "2s")]);
    let mut stale = going(oldest());
    stale.receive(handle("h1"));
    stale.receive(json!({"sessionResumptionUpdate": {"resumable": false}}));

    for session in [asked, called, speaking, unanswered, stale] {
        assert!(!session.wants_switch());
    }
}

#[test]
fn a_session_stays_while_speech_by_hand_is_unanswered() {
    let mut session = going(oldest().with(json!({"turn_detection": null})));

    session.protocol.audio_goes_out();
    assert!(!session.wants_switch());
    session.send(Command::CommitAudio);
    assert!(!session.wants_switch());
    session.receive_all([audio(0), turn_complete()]);

    assert!(session.wants_switch());
}

#[test]
fn a_newer_handle_makes_a_stale_session_quiet() {
    let mut session = going(oldest());
    session.receive(handle("h1"));
    session.receive(json!({"sessionResumptionUpdate": {"resumable": false}}));

    session.receive(handle("h2"));

    assert!(session.wants_switch());
}

#[test]
fn a_timer_that_nobody_heeds_falls_silent() {
    let quiet = going(oldest());
    let mut speaking = going(oldest());
    speaking.receive(audio(2 * RATE));
    let mut played = going(oldest());
    played.receive_all([audio(2 * RATE), turn_complete()]);
    let mut reported = going(oldest());
    let item_id = {
        let events = reported.receive_all([audio(2 * RATE), turn_complete()]);
        events[1].resolve(&events[1].item_id).unwrap().to_owned()
    };
    reported.send(Command::ReportPlayed { item_id, samples: 10 });
    reported.clock = 10_000;
    let mut cancelled = going(oldest());
    cancelled.receive(audio(RATE));
    cancelled.send(Command::Interrupt);

    for mut session in [quiet, speaking, played, reported, cancelled] {
        assert!(run_timer(&mut session) <= 4);
        assert_eq!(session.protocol.poll_timeout(), None);
    }
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
    assert_eq!(sent, [json!({"clientContent": {"turns": turns, "turnComplete": false}})]);
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

#[test]
fn the_end_of_a_connection_s_life_and_troubles_of_the_network_are_recovered_from() {
    let session = oldest().open();

    for code in [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014] {
        assert_eq!(session.protocol.recovery(code), Recovery::Reconnect, "{code}");
    }
    for code in [1002, 1003, 1007, 1009, 4000] {
        assert_eq!(session.protocol.recovery(code), Recovery::Never, "{code}");
    }
    assert_eq!(oldest().for_good().open().protocol.recovery(1006), Recovery::Never);
}

#[test]
fn a_close_by_policy_is_forgiven_once_until_a_turn_has_ended() {
    let mut session = oldest().open();

    assert_eq!(session.protocol.recovery(1008), Recovery::Reconnect);
    assert_eq!(session.protocol.recovery(1008), Recovery::Never);
    session.receive_all([audio(1), turn_complete()]);

    assert_eq!(session.protocol.recovery(1008), Recovery::Reconnect);
}

#[test]
fn a_session_forgets_its_switch_once_it_is_made() {
    let mut session = going(oldest());

    session.leave();
    session.greet();

    assert!(!session.wants_switch());
    assert_eq!(session.protocol.poll_timeout(), None);
}

#[test]
fn a_session_that_is_not_ready_wants_no_switch() {
    let mut session = going(oldest());

    session.leave();
    session.start();

    assert!(!session.wants_switch());
    assert_eq!(session.protocol.poll_timeout(), None);
}
