//! What cannot be read is told with the place of it, and the session goes on.

use voicewire_proto::{Body, Error, Event, Malformed};

use crate::support::{audio, kinds, oldest, Scene};

fn fault(scene: Scene, text: &str) -> (Malformed, String) {
    let events = scene.open().receive_text(text);
    assert_eq!(kinds(&events), ["error"], "{text}");
    fault_of(&events[0])
}

fn fault_of(event: &Event) -> (Malformed, String) {
    let Body::Error { error, fatal: false } = &event.body else { panic!("{event:?}") };
    let Error::Malformed { kind, message, .. } = &**error else { panic!("{error:?}") };
    (*kind, message.clone())
}

fn place(text: &str) -> String {
    let (kind, message) = fault(oldest(), text);
    assert_eq!(kind, Malformed::BadEvent, "{message}");
    message.split(": ").nth(1).unwrap_or_default().to_owned()
}

#[test]
fn what_is_no_json_is_told_and_the_session_goes_on() {
    let mut session = oldest().open();

    let events = session.receive_text(r#"{"serverContent":"#);

    assert_eq!(fault_of(&events[0]).0, Malformed::BadJson);
    assert_eq!(session.receive_all([audio(1)]).len(), 2);
    assert_eq!(fault(oldest(), "").0, Malformed::BadJson);
    assert_eq!(fault(oldest(), r#"{"serverContent":{}} {}"#).0, Malformed::BadJson);
}

#[test]
fn what_is_no_object_is_no_event() {
    for text in ["[]", "null", "7", r#""serverContent""#, r#"[{"sessionId":"x"}]"#] {
        assert_eq!(fault(oldest(), text), (Malformed::BadEvent, "event is not a JSON object".into()), "{text}");
    }
}

#[test]
fn a_field_that_does_not_fit_is_named_by_its_path() {
    assert_eq!(place(r#"{"serverContent":5}"#), "serverContent");
    assert_eq!(place(r#"{"serverContent":[]}"#), "serverContent");
    assert_eq!(place(r#"{"serverContent":{"turnComplete":"yes"}}"#), "serverContent.turnComplete");
    assert_eq!(place(r#"{"serverContent":{"modelTurn":{"parts":{}}}}"#), "serverContent.modelTurn.parts");
    assert_eq!(
        place(r#"{"serverContent":{"modelTurn":{"parts":[{},{"text":7}]}}}"#),
        "serverContent.modelTurn.parts[1].text"
    );
    assert_eq!(place(r#"{"toolCall":{"functionCalls":[{"name":[]}]}}"#), "toolCall.functionCalls[0].name");
    assert_eq!(place(r#"{"goAway":{"timeLeft":50}}"#), "goAway.timeLeft");
    assert_eq!(place(r#"{"usageMetadata":{"totalTokenCount":-1}}"#), "usageMetadata.totalTokenCount");
    assert_eq!(place(r#"{"usageMetadata":{"totalTokenCount":"many"}}"#), "usageMetadata.totalTokenCount");
}

#[test]
fn a_key_that_comes_twice_does_not_fit() {
    assert_eq!(fault(oldest(), r#"{"goAway":{},"goAway":{}}"#).0, Malformed::BadEvent);
}

#[test]
fn a_message_is_no_deeper_than_allowed() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"toolCall":{{"functionCalls":[{{"name":"f","args":{{"a":{open}{close}}}}}]}}}}"#)
    };

    assert_eq!(fault(oldest().at_most(8), &nested(4)).0, Malformed::TooDeep);
    assert_eq!(fault(oldest(), &nested(200)).0, Malformed::TooDeep);
    assert!(kinds(&oldest().at_most(8).open().receive_text(&nested(3))).contains(&"tool_call"));
}

#[test]
fn an_unknown_message_is_no_deeper_than_allowed_either() {
    let text = format!(r#"{{"somethingNew":{}{}}}"#, "[".repeat(200), "]".repeat(200));

    assert_eq!(fault(oldest(), &text).0, Malformed::TooDeep);
}

#[test]
fn a_report_shows_the_start_of_the_message_without_secrets() {
    let events = oldest().open().receive_text(r#"{"goAway":{"timeLeft":["very-secret-key"]}}"#);

    let Body::Error { error, .. } = &events[0].body else { panic!("{events:?}") };
    let Error::Malformed { excerpt, .. } = &**error else { panic!("{error:?}") };
    assert!(excerpt.starts_with(r#"{"goAway":"#) && !excerpt.contains("very-secret-key"));
}
