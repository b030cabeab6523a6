//! The handle: records, waiting, CPU time, stopping; many sessions at once.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::*;
use tokio_tungstenite::tungstenite::Message;
use voicewire_sim::{Simulator, SimulatorConfig, SimulatorError};

#[tokio::test]
async fn received_and_connections_tell_what_clients_sent() {
    let simulator = start();
    let mut first = Client::open(&simulator).await;
    let mut second = Client::open(&simulator).await;

    first.say("one").await;
    assert_eq!(simulator.wait_received(0, Duration::from_secs(5)), 1);
    second.say("two").await;
    assert_eq!(simulator.wait_received(1, Duration::from_secs(5)), 2);

    let received = simulator.received();
    let connections = simulator.connections();
    assert!(received[0].contains("one") && received[1].contains("two"));
    assert_eq!(connections.len(), 2);
    assert_eq!(connections[1].path, "/v1/realtime?model=gpt-realtime");
    assert_eq!(connections[1].received, received[1..]);
    assert!(connections[0].headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")));
    assert_eq!(simulator.wait_received(2, Duration::ZERO), 2);
}

#[tokio::test]
async fn many_sessions_answer_at_once() {
    let simulator = start();
    let mut sessions = Vec::new();
    for index in 0..100 {
        let mut client = Client::open(&simulator).await;
        sessions.push(tokio::spawn(async move { client.ask(&format!("number {index}")).await }));
    }
    for (index, session) in sessions.into_iter().enumerate() {
        let events = session.await.unwrap();
        let transcript = &one(&events, "response.output_audio_transcript.done")["transcript"];
        assert_eq!(*transcript, format!("You said: number {index}."));
    }
    assert!(simulator.cpu_time() > Duration::ZERO);
}

#[tokio::test]
async fn appends_are_read_while_a_reply_streams() {
    let simulator = start_with(|config| {
        config.pace = 4.0;
        config.script = script(json!([{"say": "A story long enough to be told while somebody else talks."}]));
    });
    let mut client = Client::open(&simulator).await;
    client.update(json!({"audio": {"input": {"turn_detection": null}}})).await;
    client.say("tell").await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.output_audio.delta").await;

    client.append(&voice(200)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;

    let events = client.until("response.done").await;
    assert_eq!(of_type(&events, "input_audio_buffer.committed").len(), 1);
    assert_eq!(events.last().unwrap()["response"]["status"], "completed");
}

#[tokio::test]
async fn pace_is_a_multiple_of_real_time() {
    let simulator = start_with(|config| {
        config.pace = 8.0;
        config.script = script(json!([{"say": "Exactly four seconds of speech, as it is measured here.."}]));
    });
    let mut client = Client::open(&simulator).await;
    client.say("go").await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.output_audio.delta").await;
    let begun = Instant::now();
    client.until("response.output_audio.done").await;

    let elapsed = begun.elapsed().as_secs_f64();
    assert!((0.4..1.5).contains(&elapsed), "4 s at 8 times real time took {elapsed} s");
}

#[tokio::test]
async fn latency_delays_each_event() {
    let simulator = start_with(|config| config.latency_ms = 80);
    let begun = Instant::now();
    let mut client = Client::open(&simulator).await;
    client.next().await;

    assert!(begun.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn stop_ends_connections_and_frees_the_port() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.next().await;

    simulator.stop();
    simulator.stop();

    assert_eq!(client.closed().await, None);
    let port = simulator.url().rsplit(':').next().unwrap().trim_end_matches("/v1").parse().unwrap();
    Simulator::start(SimulatorConfig { port, ..SimulatorConfig::default() }).unwrap();
}

#[test]
fn a_taken_port_and_a_wrong_option_are_told() {
    let simulator = start();
    let port = simulator.url().rsplit(':').next().unwrap().trim_end_matches("/v1").parse().unwrap();

    let taken = Simulator::start(SimulatorConfig { port, ..SimulatorConfig::default() }).unwrap_err();
    let wrong = Simulator::start(SimulatorConfig { pace: f64::NAN, ..SimulatorConfig::default() }).unwrap_err();

    assert!(matches!(taken, SimulatorError::Listen { .. }));
    assert_eq!(wrong.to_string(), "pace: out of range: NaN");
}

#[tokio::test]
async fn a_close_is_answered() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.next().await;

    client.socket.close(None).await.unwrap();

    assert!(matches!(client.message().await, Some(Ok(Message::Close(_)))));
    assert!(client.message().await.is_none());
}
