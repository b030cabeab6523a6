//! Faults strike when they should, once, and unknown ones are refused.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{json, Value};
use support::*;
use tokio_tungstenite::tungstenite::{Error, Message};
use voicewire_sim::{Dialect, Fault, Script, Simulator};

const EXPIRED: &str = "Your session hit the maximum duration of 60 minutes.";

fn faulty(list: Value) -> Simulator {
    start_with(|config| config.faults = faults(list))
}

#[tokio::test]
async fn drop_ends_the_connection_after_exactly_n_events() {
    for how in ["fin", "rst"] {
        let simulator = faulty(json!([{"kind": "drop", "after_events": 2, "how": how}]));
        let mut client = Client::open(&simulator).await;
        client.next().await;
        client.say("hello").await;
        assert_eq!(client.next().await["type"], "conversation.item.added");
        assert_eq!(client.closed().await, None);

        let mut second = Client::open(&simulator).await;
        second.ask("the fault is used up").await;
    }
}

#[tokio::test]
async fn close_sends_its_code_on_its_connection() {
    let simulator = faulty(json!([{"kind": "close", "after_events": 1, "code": 1012, "connection": 1}]));
    let mut first = Client::open(&simulator).await;
    let mut second = Client::open(&simulator).await;

    assert_eq!(second.closed().await.unwrap().0, 1012);
    first.ask("still here").await;
}

#[tokio::test]
async fn faults_can_be_set_while_a_session_is_idle() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.next().await;

    simulator.set_faults(faults(json!([{"kind": "close", "after_ms": 0}])));

    assert_eq!(client.closed().await.unwrap().0, 1011);
}

#[tokio::test]
async fn garbage_is_no_json_and_the_session_goes_on() {
    let simulator = faulty(json!([{"kind": "garbage", "after_events": 1}]));
    let mut client = Client::open(&simulator).await;
    client.next().await;

    let Some(Ok(Message::Text(text))) = client.message().await else {
        panic!("expected text");
    };
    assert!(serde_json::from_str::<Value>(&text).is_err());
    client.ask("go on").await;
}

#[tokio::test]
async fn cut_mid_message_leaves_half_a_frame() {
    let simulator = faulty(json!([{"kind": "cut_mid_message", "after_events": 1}]));
    let mut client = Client::open(&simulator).await;
    client.next().await;
    client.say("hello").await;

    let end = client.message().await;

    assert!(matches!(end, Some(Err(Error::Protocol(_) | Error::Io(_)))), "{end:?}");
}

#[tokio::test]
async fn http_refuses_one_upgrade() {
    let simulator = faulty(json!([{"kind": "http", "code": 429}]));

    let refused = Client::with(&simulator, "/realtime?model=x", &[]).await;

    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 429));
    Client::open(&simulator).await.next().await;
}

#[tokio::test]
async fn session_expired_is_told_then_closed_1001() {
    let simulator = faulty(json!([{"kind": "session_expired", "after_events": 1}]));
    let mut client = Client::open(&simulator).await;
    client.next().await;

    assert_eq!(client.next().await["error"]["code"], "session_expired");
    let (code, reason) = client.closed().await.unwrap();
    assert_eq!(code, 1001);
    assert!(reason.contains("60 minutes"));
}

#[tokio::test]
async fn session_expired_comes_in_every_dialect() {
    let after = json!([{"kind": "session_expired", "after_ms": 20}]);
    for dialect in Dialect::ALL {
        let simulator = start_with(|config| {
            config.dialect = Some(dialect);
            config.faults = faults(after.clone());
        });
        let mut client = Client::open(&simulator).await;

        let error = client.until("error").await.pop().unwrap()["error"].take();

        assert_eq!((&error["code"], &error["type"]), (&json!("session_expired"), &json!("invalid_request_error")));
        assert_eq!(error["message"], EXPIRED);
        assert_eq!(client.closed().await, Some((1001, EXPIRED.to_owned())));
    }
}

#[tokio::test]
async fn a_session_tells_that_it_lasts_an_hour() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut client = Client::open(&start()).await;

    let left = client.next().await["session"]["expires_at"].as_u64().unwrap() - now;

    assert!((3600..=3605).contains(&left), "{left}");
}

#[tokio::test]
async fn rate_limit_fails_one_response() {
    let simulator = faulty(json!([{"kind": "rate_limit"}]));
    let mut client = Client::open_text(&simulator).await;

    let first = client.ask("one").await;
    let second = client.ask("two").await;

    assert_eq!(first.last().unwrap()["response"]["status_details"]["error"]["code"], "rate_limit_exceeded");
    assert_eq!(second.last().unwrap()["response"]["status"], "completed");
}

#[tokio::test]
async fn a_stalled_session_still_answers_pings() {
    let simulator = faulty(json!([{"kind": "stall", "after_events": 1}]));
    let mut client = Client::open(&simulator).await;
    client.next().await;
    client.say("hello").await;

    futures_util::SinkExt::send(&mut client.socket, Message::Ping(vec![7].into())).await.unwrap();

    assert!(matches!(client.message().await, Some(Ok(Message::Pong(_)))));
    assert_eq!(simulator.wait_received(0, Duration::from_secs(5)), 1);
}

#[tokio::test]
async fn a_half_open_session_is_silent() {
    let simulator = faulty(json!([{"kind": "half_open", "after_events": 1}]));
    let mut client = Client::open(&simulator).await;
    client.next().await;

    let ping = Message::Ping(vec![7].into());
    futures_util::SinkExt::send(&mut client.socket, ping).await.unwrap();

    let answer = tokio::time::timeout(Duration::from_millis(100), client.message()).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn a_slow_session_waits_before_each_event() {
    let simulator = faulty(json!([{"kind": "slow", "after_events": 1}]));
    let mut client = Client::open(&simulator).await;
    client.next().await;
    client.say("hello").await;
    client.until("conversation.item.added").await;
    let begun = std::time::Instant::now();

    client.until("conversation.item.done").await;

    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[test]
fn unknown_faults_and_rules_name_the_field_and_the_value() {
    for (list, expected) in [
        (json!([{"kind": "go_away", "code": 1}]), "faults[0].code: unknown key for go_away: 1"),
        (json!([{"kind": "flood"}]), "faults[0].kind: unknown kind of fault: \"flood\""),
        (json!([{"kind": "http", "after_ms": 5}]), "faults[0].after_ms: unknown key for http: 5"),
        (json!([{"kind": "drop", "how": "bang"}]), "faults[0].how: expected rst or fin: \"bang\""),
        (json!([{"kind": "close", "code": 1006}]), "faults[0].code: code not allowed on the wire: 1006"),
    ] {
        assert_eq!(Fault::list_from_json(&list.to_string()).unwrap_err().to_string(), expected);
    }
    for (rules, expected) in [
        (json!([{"sya": "x"}]), "rules[0].sya: unknown key: \"x\""),
        (json!([{}, {"when": {"text": "("}}]), "rules[1].when.text: not a regular expression: \"(\""),
        (json!([{"status": "fine"}]), "rules[0].status: expected completed, failed, incomplete or cancelled: \"fine\""),
    ] {
        assert_eq!(Script::from_json(&rules.to_string()).unwrap_err().to_string(), expected);
    }
    let missing = Script::from_json(r#"[{"audio": "/no/such.wav"}]"#).unwrap_err().to_string();
    assert!(missing.starts_with("rules[0].audio: ") && missing.ends_with("\"/no/such.wav\""), "{missing}");
}
