//! Calls: offers and their answers, what can be done to a call, and sessions beside it; the REST interface in general.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::http::*;
use support::*;
use tokio_tungstenite::tungstenite::Error;
use voicewire_sim::Simulator;

const CALLS: &str = "/v1/realtime/calls";
const OFFER: &str = "v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
                     a=rtpmap:111 opus/48000/2\r\n";

fn locked() -> Simulator {
    start_with(|config| config.api_key = Some("sk-right".to_owned()))
}

fn form(session: &Value) -> (String, String) {
    let part = |name: &str, content: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let body = format!("{}{}--b--\r\n", part("sdp", OFFER), part("session", &session.to_string()));
    ("multipart/form-data; boundary=b".to_owned(), body)
}

/// Id of a call that was begun with this session.
async fn call(simulator: &Simulator, session: &Value) -> String {
    let (kind, body) = form(session);
    let answer = post_as(simulator, CALLS, "sk-right", &kind, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.header("Location").unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn join(simulator: &Simulator, id: &str) -> Result<Client, Error> {
    Client::with(simulator, &format!("/realtime?call_id={id}"), &[("authorization", "Bearer sk-right")]).await
}

/// The session object, by an update that changes nothing.
async fn settings(client: &mut Client) -> Value {
    client.send(json!({"type": "session.update", "session": {"type": "realtime"}})).await;
    client.next().await["session"].clone()
}

#[tokio::test]
async fn an_offer_is_answered_with_a_call() {
    let simulator = locked();
    let (kind, body) = form(&json!({"type": "realtime", "model": "gpt-realtime"}));

    let answer = post_as(&simulator, CALLS, "sk-right", &kind, &body).await;

    assert_eq!(answer.status, 201);
    assert!(answer.header("Location").unwrap().starts_with("/v1/realtime/calls/rtc_"));
    assert_eq!(answer.header("Content-Type"), Some("application/sdp"));
    assert!(answer.body.starts_with("v=0\r\n") && answer.body.contains("m=audio 9"), "{}", answer.body);
}

#[tokio::test]
async fn a_browser_calls_with_its_secret_and_the_bare_offer() {
    let simulator = locked();
    let session = json!({"type": "realtime", "instructions": "Be brief."});
    let secret = post(&simulator, "/v1/realtime/client_secrets", &json!({ "session": session })).await.json();

    let answer = post_as(&simulator, CALLS, secret["value"].as_str().unwrap(), "application/sdp", OFFER).await;

    assert_eq!(answer.status, 201);
    let id = answer.header("Location").unwrap().rsplit('/').next().unwrap();
    let mut client = join(&simulator, id).await.unwrap();
    assert_eq!(settings(&mut client).await["instructions"], "Be brief.");
}

#[tokio::test]
async fn what_is_no_offer_is_refused() {
    let simulator = locked();
    let bad_sdp = post_as(&simulator, CALLS, "sk-right", "application/sdp", "hello").await;
    let bad_form = post_as(&simulator, CALLS, "sk-right", "multipart/form-data; boundary=b", "--b").await;
    let (kind, body) = form(&json!({"type": "realtime", "modalities": ["text"]}));
    let bad_session = post_as(&simulator, CALLS, "sk-right", &kind, &body).await;

    assert_eq!((bad_sdp.status, bad_sdp.code().as_str()), (400, "invalid_offer"));
    assert_eq!((bad_form.status, bad_form.code().as_str()), (400, "invalid_body"));
    assert_eq!((bad_session.status, bad_session.code().as_str()), (400, "unknown_parameter"));
}

#[tokio::test]
async fn a_session_beside_a_call_needs_no_model() {
    let simulator = locked();
    let id =
        call(&simulator, &json!({"type": "realtime", "model": "gpt-realtime-mini", "output_modalities": ["text"]}))
            .await;

    let mut client = join(&simulator, &id).await.unwrap();

    let created = settings(&mut client).await;
    assert_eq!((&created["model"], &created["output_modalities"]), (&json!("gpt-realtime-mini"), &json!(["text"])));
    client.ask("Hi").await;
}

#[tokio::test]
async fn a_call_that_was_made_elsewhere_can_be_joined_and_directed() {
    let simulator = locked();
    let mut client = join(&simulator, "rtc_elsewhere").await.unwrap();
    // Nobody is greeted: the session was created for its caller.
    assert_eq!(settings(&mut client).await["type"], "realtime");

    let answer =
        post(&simulator, &format!("{CALLS}/rtc_elsewhere/refer"), &json!({"target_uri": "tel:+15550100"})).await;

    assert_eq!(answer.status, 200);
    let refused = join(&simulator, "sess_1").await.map(|_| ());
    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 404));
}

#[tokio::test]
async fn an_accepted_call_has_the_settings_it_was_accepted_with() {
    let simulator = locked();
    let id = call(&simulator, &json!({"type": "realtime"})).await;

    let wrong = post(&simulator, &format!("{CALLS}/{id}/accept"), &json!({"type": "realtime", "voice": "echo"})).await;
    let accepted =
        post(&simulator, &format!("{CALLS}/{id}/accept"), &json!({"type": "realtime", "instructions": "Hi."})).await;

    assert_eq!((wrong.status, &wrong.json()["error"]["param"]), (400, &json!("voice")));
    assert_eq!(accepted.status, 200);
    let mut client = join(&simulator, &id).await.unwrap();
    assert_eq!(settings(&mut client).await["instructions"], "Hi.");
}

#[tokio::test]
async fn hanging_up_closes_the_session_beside_the_call_and_no_other() {
    let simulator = locked();
    let (first, second) = (call(&simulator, &json!({"type": "realtime"})).await, "rtc_other");
    let (mut client, mut other) = (join(&simulator, &first).await.unwrap(), join(&simulator, second).await.unwrap());
    settings(&mut client).await;
    settings(&mut other).await;

    let answer = post(&simulator, &format!("{CALLS}/{first}/hangup"), &Value::Null).await;

    assert_eq!(answer.status, 200);
    assert_eq!(client.closed().await.unwrap().0, 1000);
    other.ask("Hi").await;
    assert!(join(&simulator, &first).await.is_err(), "the call is over");
    let again = post(&simulator, &format!("{CALLS}/{first}/hangup"), &Value::Null).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn a_rejected_call_is_over() {
    let simulator = locked();
    let id = call(&simulator, &json!({"type": "realtime"})).await;

    let wrong = post(&simulator, &format!("{CALLS}/{id}/reject"), &json!({"status_code": 20})).await;
    let rejected = post(&simulator, &format!("{CALLS}/{id}/reject"), &json!({"status_code": 486})).await;

    assert_eq!((wrong.status, rejected.status), (400, 200));
    assert!(join(&simulator, &id).await.is_err());
}

#[tokio::test]
async fn unknown_calls_are_told_in_json() {
    let simulator = locked();
    for (action, body) in [
        ("accept", json!({"type": "realtime"})),
        ("reject", json!({})),
        ("refer", json!({"target_uri": "tel:1"})),
        ("hangup", Value::Null),
    ] {
        let answer = post(&simulator, &format!("{CALLS}/rtc_none/{action}"), &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "call_id_not_found"), "{action}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_told_in_json() {
    let simulator = start();
    let get = exchange(&simulator, "GET", "/v1/realtime/client_secrets", "", "").await;
    assert_eq!((get.status, get.code().as_str(), get.header("Allow")), (405, "method_not_allowed", Some("POST")));
    let other = exchange(&simulator, "POST", "/v1/realtime/elsewhere", "", "").await;
    assert_eq!((other.status, &other.json()["error"]["type"]), (404, &json!("invalid_request_error")));
    let large = exchange(&simulator, "POST", CALLS, "Content-Length: 99999999\r\n", "").await;
    assert_eq!(large.status, 413);
    let chunked = exchange(&simulator, "POST", CALLS, "Transfer-Encoding: chunked\r\n", "").await;
    assert_eq!(chunked.status, 411);
}

#[tokio::test]
async fn every_request_needs_the_key() {
    let simulator = locked();
    for path in ["/v1/realtime/client_secrets", CALLS, "/v1/realtime/calls/rtc_x/hangup"] {
        let missing = exchange(&simulator, "POST", path, "", "").await;
        let wrong = post_as(&simulator, path, "sk-wrong", "application/json", "{}").await;
        assert_eq!((missing.status, wrong.status), (401, 401), "{path}");
        assert_eq!(wrong.code(), "invalid_api_key");
    }
}

#[tokio::test]
async fn requests_are_recorded_with_their_bodies() {
    let simulator = locked();
    let id = call(&simulator, &json!({"type": "realtime"})).await;
    post(&simulator, &format!("{CALLS}/{id}/reject?token=secret"), &json!({"status_code": 486})).await;

    let requests = simulator.requests();

    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str(), requests[0].status), ("POST", CALLS, 201));
    let body: Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body, json!({"sdp": OFFER, "session": {"type": "realtime"}}));
    assert_eq!(requests[1].path, format!("{CALLS}/{id}/reject?token=***"));
    assert_eq!(requests[1].body, r#"{"status_code":486}"#);
    assert!(simulator.connections().is_empty(), "a request is no connection");
}
