//! When a connection is to be replaced, and when it may be.

use serde_json::json;
use voicewire_proto::{Command, Protocol, Recovery};

use crate::support::{
    activity, audio, call, generated, go_away, handle, newest, oldest, said, turn_complete, user_said, Scene, Session,
    RATE,
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
