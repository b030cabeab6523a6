//! What the user says by voice: when it begins, when it is a turn, and its words.

use serde_json::{json, Value};
use voicewire_proto::{Body, Command, Event, Protocol};

use crate::support::{
    activity, audio, call, content, generated, interrupted, kinds, neutral, newest, oldest, said, turn_complete,
    user_said, vertex, words,
};

fn item_ids(events: &[Event], kinds: &[&str]) -> Vec<String> {
    let of_kind = events.iter().filter(|event| kinds.contains(&event.kind().name()));
    of_kind.map(|event| event.resolve(&event.item_id).unwrap().to_owned()).collect()
}

/// Words that were told as whole.
fn whole(events: &[Event]) -> Vec<&str> {
    let is_whole = |event: &&Event| matches!(event.body, Body::InputTranscript { is_final: true, .. });
    events.iter().filter(is_whole).flat_map(|event| words(std::slice::from_ref(event))).collect()
}

fn count(events: &[Event], kind: &str) -> usize {
    kinds(events).iter().filter(|known| **known == kind).count()
}

fn finished() -> Value {
    content(json!({"inputTranscription": {"finished": true}}))
}

#[test]
fn the_server_s_word_on_speech_is_passed_on() {
    let mut session = newest().open();
    session.protocol.audio_goes_out();

    let events = session.receive_all([
        activity("ACTIVITY_START", "1.880s"),
        user_said("My name is Ann."),
        activity("ACTIVITY_END", "5s"),
        audio(1),
        turn_complete(),
    ]);

    let speech = ["speech_started", "input_transcript", "speech_stopped", "input_transcript", "input_committed"];
    assert_eq!(kinds(&events), [&speech[..], &["response_started", "audio", "turn_complete"]].concat());
    assert!(matches!(events[0].body, Body::SpeechStarted(Some(1_880))));
    assert!(matches!(events[2].body, Body::SpeechStopped(Some(5_000))));
    assert_eq!(whole(&events), ["My name is Ann."]);
}

#[test]
fn all_of_a_spoken_turn_is_one_item() {
    let mut session = newest().open();

    let events = session.receive_all([
        activity("ACTIVITY_START", "1s"),
        user_said("Hi."),
        activity("ACTIVITY_END", "2s"),
        activity("ACTIVITY_START", "9s"),
    ]);

    let ids = item_ids(&events, &["speech_started", "input_transcript", "speech_stopped", "input_committed"]);
    assert!(ids[..5].iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_ne!(ids[5], ids[0]);
}

#[test]
fn the_older_signal_of_speech_counts_too() {
    let mut session = vertex().open();
    let signal = |kind: &str| json!({"voiceActivityDetectionSignal": {"vadSignalType": kind}});

    let events = session.receive_all([signal("VAD_SIGNAL_TYPE_SOS"), signal("VAD_SIGNAL_TYPE_EOS")]);

    assert_eq!(kinds(&events), ["speech_started", "speech_stopped", "input_committed"]);
}

#[test]
fn speech_that_nobody_tells_is_inferred_from_the_interruption_and_the_answer() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();
    session.receive_all([audio(24_000)]);

    let spoken = session.receive_all([interrupted(), turn_complete()]);
    let answered = session.receive_all([audio(1)]);

    assert_eq!(kinds(&spoken), ["speech_started", "interrupted", "turn_complete"]);
    assert!(matches!(spoken[0].body, Body::SpeechStarted(None)));
    assert_eq!(kinds(&answered), ["speech_stopped", "input_committed", "response_started", "audio"]);
}

#[test]
fn an_interruption_is_no_speech_where_the_server_tells_of_speech() {
    let mut session = newest().open();
    session.receive(audio(24_000));

    assert_eq!(kinds(&session.receive_all([interrupted()])), ["interrupted"]);
}

#[test]
fn a_text_that_stops_an_answer_is_no_speech() {
    let mut session = oldest().open();
    session.receive(audio(24_000));
    session.say("Stop that.");

    let events = session.receive_all([interrupted(), turn_complete(), audio(1)]);

    assert_eq!(kinds(&events), ["interrupted", "turn_complete", "response_started", "audio"]);
}

#[test]
fn pieces_of_the_user_s_words_are_joined_as_they_come_and_told_whole_once() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();

    let events = session.receive_all([
        user_said("Hel"),
        user_said("lo"),
        user_said(","),
        user_said(" you"),
        audio(1),
        turn_complete(),
    ]);

    assert_eq!(words(&events)[..4], ["Hel", "lo", ",", " you"]);
    assert_eq!(whole(&events), ["Hello, you"]);
    assert_eq!(count(&events, "input_committed"), 1);
}

#[test]
fn words_are_whole_where_the_server_says_so() {
    let mut session = vertex().open();

    let events = session.receive_all([user_said("Hello"), finished(), finished(), audio(1), turn_complete()]);

    assert_eq!(whole(&events), ["Hello"]);
}

#[test]
fn words_that_come_behind_are_told_again_as_a_whole() {
    let mut session = newest().open();
    session.receive_all([activity("ACTIVITY_START", "0s"), user_said("Hello"), activity("ACTIVITY_END", "1s")]);

    let events = session.receive_all([user_said(", you"), audio(1), turn_complete()]);

    assert_eq!(whole(&events), ["Hello, you"]);
    assert_eq!(count(&events, "input_committed"), 0);
}

#[test]
fn words_behind_the_end_of_an_interrupted_turn_belong_to_the_next_one() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();
    session.receive_all([user_said("Tell me a story."), audio(48_000), generated()]);

    let events =
        session.receive_all([interrupted(), turn_complete(), user_said(" Hello"), user_said(" there"), audio(1)]);
    let after = session.receive_all([turn_complete()]);

    let told = ["input_transcript", "speech_started", "interrupted", "turn_complete"];
    let next =
        ["input_transcript", "input_transcript", "speech_stopped", "input_committed", "response_started", "audio"];
    assert_eq!(kinds(&events), [&told[..], &next].concat());
    assert_eq!((whole(&events), whole(&after)), (vec!["Tell me a story."], vec![" Hello there"]));
    let ids = item_ids(&events[1..], &["speech_started", "input_transcript", "speech_stopped", "input_committed"]);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn the_words_of_the_turn_before_an_interruption_are_whole_there() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();
    session.receive_all([user_said("Tell me a story."), audio(48_000)]);

    assert_eq!(whole(&session.receive_all([interrupted()])), ["Tell me a story."]);
}

#[test]
fn a_spoken_turn_without_words_is_committed_all_the_same() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();

    let events = session.receive_all([audio(1), audio(1), turn_complete()]);

    assert_eq!(kinds(&events), ["input_committed", "response_started", "audio", "audio", "turn_complete"]);
}

#[test]
fn an_answer_to_a_text_is_no_spoken_turn() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();
    session.say("Hi");

    assert_eq!(kinds(&session.receive_all([audio(1)])), ["response_started", "audio"]);
}

#[test]
fn what_the_model_goes_on_with_is_no_spoken_turn() {
    let mut session = vertex().open();
    session.say("What is the weather?");
    session.receive(call("c1", "weather"));
    session.answer("c1", "fog");
    session.protocol.audio_goes_out();
    session.receive_all([generated(), turn_complete()]);

    assert_eq!(kinds(&session.receive_all([said("It is foggy.")])), ["response_started", "transcript"]);
}

#[test]
fn an_answer_that_a_late_result_brings_is_no_spoken_turn() {
    let mut session = oldest().open();
    session.receive_all([call("c1", "weather"), turn_complete()]);
    session.protocol.audio_goes_out();
    session.answer("c1", "fog");

    assert_eq!(kinds(&session.receive_all([said("It is foggy.")])), ["response_started", "transcript"]);
}

#[test]
fn a_spoken_turn_behind_a_cancelled_answer_is_an_item_of_its_own() {
    let mut session = oldest().open();
    session.protocol.audio_goes_out();
    let first = session.receive_all([user_said("One."), audio(24_000)]);
    session.send(Command::CancelResponse { truncate: None });
    let told = session.receive_all([interrupted(), turn_complete()]);

    session.protocol.audio_goes_out();
    let second = session.receive_all([user_said("Two."), audio(1), turn_complete()]);

    assert_eq!(whole(&told), ["One."]);
    assert_eq!(whole(&second), ["Two."]);
    assert_eq!(count(&second, "input_committed"), 1);
    assert_ne!(item_ids(&first, &["input_transcript"]), item_ids(&second, &["input_committed"]));
}

#[test]
fn speech_that_ended_before_the_interrupted_turn_did_is_answered_once() {
    let mut session = newest().open();
    session.protocol.audio_goes_out();
    session.receive(audio(48_000));

    let spoken = session.receive_all([
        activity("ACTIVITY_START", "1s"),
        interrupted(),
        user_said("Stop."),
        activity("ACTIVITY_END", "2s"),
        turn_complete(),
        audio(1),
        turn_complete(),
    ]);

    assert_eq!(count(&spoken, "input_committed"), 1);
    assert_eq!(whole(&spoken), ["Stop."]);
}

#[test]
fn speech_that_does_not_interrupt_becomes_a_turn_with_its_answer() {
    let options = json!({"turn_detection": {"type": "server_vad", "interrupt_response": false}});
    let mut session = oldest().with(options).open();
    session.receive(audio(48_000));
    session.protocol.audio_goes_out();

    let during = session.receive_all([user_said("Wait"), turn_complete()]);
    let answered = session.receive_all([user_said(" a bit."), audio(1), turn_complete()]);

    assert_eq!(whole(&during), [""; 0]);
    assert_eq!(whole(&answered), ["Wait a bit."]);
    assert_eq!(count(&answered, "input_committed"), 1);
}

#[test]
fn the_conversation_s_item_of_a_spoken_turn_has_its_words() {
    let mut session = oldest().open();
    session.receive_all([user_said("Hello"), audio(1)]);

    let events = session.receive(turn_complete());

    let changes: Vec<String> = events.iter().map(|event| format!("{:?}", event.change)).collect();
    let told = r#"role: Some("user"), status: Some("completed"), text: "", transcript: "Hello""#;
    assert!(changes.iter().any(|change| change.contains(told)), "{changes:?}");
    assert_eq!(neutral(events).len(), 2);
}
