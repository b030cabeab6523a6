//! The upgrade against peers written by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod ending;
mod peer;
mod refusal;

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use voicewire_net::connect_error::ConnectErrorKind;
use voicewire_net::socket::open;
use voicewire_net::target::{Target, TlsOptions};

use peer::{agreement, connect, connect_to_agreement, key, next_text, peer, refusal, target};

#[tokio::test]
async fn request_says_what_the_target_says() {
    let (port, peer) = peer(|mut tcp, request| async move {
        tcp.write_all(agreement(&request, "").as_bytes()).await.unwrap();
        request
    })
    .await;
    let mut target = target(port);
    target.headers = vec![("Authorization".into(), "Bearer k".into())];
    target.subprotocols = vec!["realtime".into(), "other".into()];

    connect(&target).await.unwrap();

    let request = peer.await.unwrap();
    assert!(request.starts_with("GET /v1/realtime?model=m HTTP/1.1\r\n"), "{request}");
    for line in [
        "Host: localhost:1234",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: realtime, other",
        "Authorization: Bearer k",
    ] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line} in {request}");
    }
    assert_eq!(key(&request).len(), 24);
    assert!(!request.contains("Extensions"));
}

#[tokio::test]
async fn connection_may_list_keep_alive_beside_upgrade() {
    let answer = "HTTP/1.1 101 OK\r\nconnection: keep-alive, Upgrade\r\nUPGRADE: WebSocket\r\n";
    let (port, _peer) = peer(move |mut tcp, request| async move {
        let accept = derive_accept_key(key(&request).as_bytes());
        let text = format!("{answer}sec-websocket-accept: {accept}\r\n\r\n");
        tcp.write_all(text.as_bytes()).await.unwrap();
    })
    .await;

    connect(&target(port)).await.unwrap();
}

#[tokio::test]
async fn connection_tokens_may_stand_in_several_headers() {
    let opened = connect_to_agreement("Connection: keep-alive\r\nX-Trace: 7\r\n").await.unwrap();

    assert!(opened.headers.contains(&("X-Trace".to_owned(), "7".to_owned())));
    assert_eq!(opened.subprotocol, None);
}

#[tokio::test]
async fn answer_may_come_byte_by_byte() {
    let (port, _peer) = peer(|mut tcp, request| async move {
        tcp.set_nodelay(true).unwrap();
        for byte in agreement(&request, "").as_bytes().iter().chain(b"\x81\x02hi") {
            tcp.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        tcp
    })
    .await;

    let mut opened = connect(&target(port)).await.unwrap();

    assert_eq!(next_text(&mut opened).await, "hi");
}

#[tokio::test]
async fn frames_in_the_segment_of_the_answer_are_delivered() {
    let (port, _peer) = peer(|mut tcp, request| async move {
        let bytes = [agreement(&request, "").as_bytes(), b"\x81\x05first\x81\x06second"].concat();
        tcp.write_all(&bytes).await.unwrap();
        tcp
    })
    .await;

    let mut opened = connect(&target(port)).await.unwrap();

    assert_eq!(next_text(&mut opened).await, "first");
    assert_eq!(next_text(&mut opened).await, "second");
}

#[tokio::test]
async fn interim_answers_are_skipped() {
    let (port, _peer) = peer(|mut tcp, request| async move {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n";
        let text = format!("{interim}{}", agreement(&request, ""));
        tcp.write_all(text.as_bytes()).await.unwrap();
    })
    .await;

    connect(&target(port)).await.unwrap();
}

#[tokio::test]
async fn extension_nobody_asked_for_is_refused() {
    let error = connect_to_agreement("Sec-WebSocket-Extensions: permessage-deflate\r\n").await;

    let error = error.unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Http);
    assert!(error.message.contains("extension"), "{error}");
}

#[tokio::test]
async fn accept_of_another_key_is_refused() {
    let (port, _peer) = peer(|mut tcp, _| async move {
        let text = agreement("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", "");
        tcp.write_all(text.as_bytes()).await.unwrap();
    })
    .await;

    let error = connect(&target(port)).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Http);
    assert!(error.message.contains("Sec-WebSocket-Accept"), "{error}");
}

#[tokio::test]
async fn missing_upgrade_is_refused() {
    let error = refusal("HTTP/1.1 101 OK\r\nConnection: Upgrade\r\n\r\n").await;

    assert_eq!(error.kind, ConnectErrorKind::Http);
    assert!(error.message.contains("Upgrade does not name websocket"), "{error}");
}

#[tokio::test]
async fn subprotocol_on_offer_is_reported() {
    let opened = connect_to_agreement("Sec-WebSocket-Protocol: realtime\r\n").await.unwrap();

    assert_eq!(opened.subprotocol.as_deref(), Some("realtime"));
}

#[tokio::test]
async fn subprotocol_not_on_offer_is_refused() {
    let error = connect_to_agreement("Sec-WebSocket-Protocol: graphql\r\n").await.unwrap_err();

    assert!(error.message.contains("not offered"), "{error}");
}

#[tokio::test]
async fn two_subprotocols_are_refused() {
    let error = connect_to_agreement("Sec-WebSocket-Protocol: realtime, other\r\n").await;

    let error = error.unwrap_err();
    assert!(error.message.contains("several subprotocols"), "{error}");
}

#[tokio::test]
async fn head_over_64_kib_is_refused() {
    let (port, _peer) = peer(|mut tcp, _| async move {
        tcp.write_all(b"HTTP/1.1 101 OK\r\n").await.unwrap();
        while tcp.write_all(&[b"X-Filler: ", &[b'x'; 1000][..], b"\r\n"].concat()).await.is_ok() {}
    })
    .await;

    let error = connect(&target(port)).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Http);
    assert!(error.message.contains("head too long"), "{error}");
}

#[tokio::test]
async fn silent_peer_times_out_in_the_upgrade() {
    let (port, _peer) = peer(|tcp, _| async move {
        std::future::pending::<()>().await;
        drop(tcp);
    })
    .await;

    let error = open(&target(port), Instant::now() + Duration::from_millis(50)).await;

    let error = error.unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Timeout);
    assert!(error.message.contains("WebSocket upgrade"), "{error}");
}

#[tokio::test]
async fn peer_that_hangs_up_in_the_head_is_a_reset() {
    let error = refusal("HTTP/1.1 101 Switch").await;

    assert_eq!(error.kind, ConnectErrorKind::Reset);
    assert!(error.message.contains("in the middle of the answer's head"), "{error}");
}

#[tokio::test]
async fn peer_that_speaks_something_else_is_told_at_once() {
    let (port, _peer) = peer(|mut tcp, _| async move {
        tcp.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;

    let error = connect(&target(port)).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Http);
    assert!(error.message.contains("SSH-2.0"), "{error}");
}

#[tokio::test]
async fn closed_port_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);

    let error = connect(&target(port)).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Refused);
    let start = format!("connection refused: 127.0.0.1:{port} ");
    assert!(error.message.starts_with(&start), "{error}");
}

#[tokio::test]
async fn unknown_host_is_a_dns_error() {
    let target = Target { host: "does-not-exist.invalid".into(), ..target(80) };

    let error = connect(&target).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Dns);
    assert!(error.message.starts_with("host not found: does-not-exist.invalid"), "{error}");
}

#[tokio::test]
async fn every_address_of_a_host_is_tried() {
    let (port, _peer) = peer(|mut tcp, request| async move {
        tcp.write_all(agreement(&request, "").as_bytes()).await.unwrap();
    })
    .await;
    // Where ::1 comes first, the peer, which listens on 127.0.0.1 alone, refuses it.
    let target = Target { host: "localhost".into(), ..target(port) };

    connect(&target).await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_that_breaks_out_of_its_line() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = target(listener.local_addr().unwrap().port());
    let header = |name: &str, value: &str| Target { headers: vec![(name.into(), value.into())], ..base.clone() };
    for target in [
        header("X-A", "secret\r\nX-B: 1"),
        header("X-A", "secret\n"),
        header("X-A", "secret\0"),
        header("X-A\r\n", "1"),
        header("Host", "elsewhere"),
        header("sec-websocket-key", "mine"),
        Target { path_and_query: "/ HTTP/1.1\r\nX: 1".into(), ..base.clone() },
        Target { host_header: "a\r\nb".into(), ..base.clone() },
        Target { subprotocols: vec!["a, b".into()], ..base.clone() },
    ] {
        let error = connect(&target).await.unwrap_err();
        assert!(error.message.starts_with("request not allowed: "), "{error}");
        assert!(!error.message.contains("secret"), "{error}");
    }
    assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
}

#[test]
fn debug_text_of_a_target_has_no_secrets() {
    let target = Target {
        path_and_query: "/v1?key=secret".into(),
        headers: vec![("Authorization".into(), "Bearer secret".into())],
        subprotocols: vec!["openai-insecure-api-key.secret".into()],
        tls_options: TlsOptions { ca: Some("secret".into()), client_cert: Some(("secret".into(), "secret".into())) },
        ..target(443)
    };

    let text = format!("{target:?}");

    assert!(text.contains("Authorization") && !text.contains("secret"), "{text}");
}
