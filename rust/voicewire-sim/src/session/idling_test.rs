//! The idle timeout with time as an argument.

use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::{Origin, Session};
use crate::gate::Admission;
use crate::ids::Ids;
use crate::listener::Shared;
use crate::outbox::Outbox;
use crate::SimulatorConfig;

fn events(session: &mut Session) -> Vec<Value> {
    std::iter::from_fn(|| session.poll_transmit()).map(|text| serde_json::from_str(&text).unwrap()).collect()
}

fn run(session: &mut Session, now: Instant) -> Vec<Value> {
    while session.poll_timeout().is_some_and(|due| due <= now) {
        session.handle_timeout(now);
    }
    events(session)
}

#[test]
fn silence_after_the_playback_makes_a_turn() {
    let shared = Shared::new(SimulatorConfig { pace: 0.0, ..SimulatorConfig::default() });
    let admission = Admission::new("m", false);
    let outbox = Outbox::new(Ids::new(0, 0));
    let mut session = Session::open(Origin { admission, unix_seconds: 0 }, outbox, &shared);
    let start = Instant::now();
    let detection = json!({"type": "server_vad", "idle_timeout_ms": 5000});
    let input = json!({"turn_detection": detection, "transcription": {"model": "gpt-4o-transcribe"}});
    let update = json!({"type": "realtime", "audio": {"input": input}});
    session.receive(&json!({"type": "session.update", "session": update}).to_string(), start);
    session.receive(r#"{"type":"response.create"}"#, start);
    let answered = run(&mut session, start);
    assert_eq!(answered.last().unwrap()["type"], "rate_limits.updated");

    // "Hello, this is the simulator." is 29 characters: 2.07 s.
    let early = run(&mut session, start + Duration::from_millis(7_000));
    let late = run(&mut session, start + Duration::from_millis(7_100));

    assert!(early.is_empty(), "{early:?}");
    let types: Vec<_> = late.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "input_audio_buffer.timeout_triggered",
        "conversation.item.added",
        "conversation.item.done",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ];
    assert_eq!(types[..7], expected);
    assert_eq!(late[1]["item"]["role"], "system");
    assert_eq!(late[3]["previous_item_id"], late[1]["item"]["id"]);
    assert_eq!(late[3]["item_id"], late[0]["item_id"]);
    let completed = late.iter().find(|event| event["transcript"].is_string() && event["usage"].is_object()).unwrap();
    assert_eq!((&completed["transcript"], &completed["item_id"]), (&json!(""), &late[0]["item_id"]));
    let said: String = late.iter().filter_map(|event| event["part"]["transcript"].as_str()).collect();
    assert_eq!(said, "Are you still there?");
}
