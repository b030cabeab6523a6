//! TLS under the upgrade, against a server whose certificates are made here.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
mod server;

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rcgen::date_time_ymd;
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use tokio_tungstenite::tungstenite::Message;
use voicewire_net::connect_error::ConnectErrorKind;
use voicewire_net::socket::{close_after_error, open, Opened, Stream};
use voicewire_net::target::{Target, TlsOptions};

use server::{ca, connect, params, raw_peer, target, Identity, Server, TemporaryFile};

#[tokio::test]
async fn self_signed_certificate_is_refused() {
    let server = Server::start(Identity::of("localhost")).await;

    let error = server.connect("localhost", TlsOptions::default()).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Tls);
    assert!(error.message.starts_with("certificate not trusted: localhost (unknown issuer"));
}

#[tokio::test]
async fn ca_as_text_makes_a_certificate_trusted() {
    let server = Server::start(Identity::of("localhost")).await;

    let opened = server.connect("localhost", ca(&server.identity.certificate)).await.unwrap();

    let Stream::Tls(tls) = opened.websocket.get_ref() else { panic!("not TLS") };
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn ca_as_path_makes_a_certificate_trusted() {
    let server = Server::start(Identity::of("localhost")).await;
    let file = TemporaryFile::new("ca", &server.identity.certificate);

    server.connect("localhost", ca(&file.path)).await.unwrap();
}

#[tokio::test]
async fn renewed_file_at_the_same_path_is_read_again() {
    let (old, renewed) = (Identity::of("localhost"), Identity::of("localhost"));
    let file = TemporaryFile::new("renewed", &old.certificate);
    let server = Server::start(renewed).await;
    server.connect("localhost", ca(&file.path)).await.unwrap_err();

    std::fs::write(&file.path, &server.identity.certificate).unwrap();

    server.connect("localhost", ca(&file.path)).await.unwrap();
}

#[tokio::test]
async fn ca_signs_for_its_servers() {
    let authority = Identity::authority(&["Voicewire Test CA"]);
    let server = Server::start(authority.issue("localhost")).await;

    server.connect("localhost", ca(&authority.certificate)).await.unwrap();
}

#[tokio::test]
async fn ca_certificate_used_by_the_server_itself_is_trusted_when_named() {
    let server = Server::start(Identity::authority(&["localhost"])).await;

    server.connect("localhost", ca(&server.identity.certificate)).await.unwrap();
}

#[tokio::test]
async fn ca_certificate_used_by_the_server_itself_is_refused_otherwise() {
    let server = Server::start(Identity::authority(&["localhost"])).await;
    let other = Identity::authority(&["localhost"]);

    for options in [TlsOptions::default(), ca(&other.certificate)] {
        let error = server.connect("localhost", options).await.unwrap_err();
        assert!(error.message.starts_with("certificate not trusted: localhost"), "{error}");
    }
}

#[tokio::test]
async fn ca_certificate_used_by_the_server_itself_must_name_the_host() {
    let server = Server::start(Identity::authority(&["else.example"])).await;

    let error = server.connect("localhost", ca(&server.identity.certificate)).await.unwrap_err();

    assert!(error.message.starts_with("certificate is for another host: localhost"), "{error}");
}

#[tokio::test]
async fn expired_ca_certificate_used_by_the_server_itself_is_refused() {
    let mut params = Identity::authority(&["localhost"]).params;
    params.not_after = date_time_ymd(2021, 1, 1);
    let server = Server::start(Identity::from(params)).await;

    let error = server.connect("localhost", ca(&server.identity.certificate)).await.unwrap_err();

    assert!(error.message.starts_with("certificate expired: localhost"), "{error}");
}

#[tokio::test]
async fn certificate_for_another_host_is_refused() {
    let server = Server::start(Identity::of("else.example")).await;

    let error = server.connect("localhost", ca(&server.identity.certificate)).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Tls);
    assert!(error.message.starts_with("certificate is for another host: localhost"), "{error}");
    assert!(error.message.contains("else.example"), "{error}");
}

#[tokio::test]
async fn expired_certificate_is_refused() {
    let mut params = params(&["localhost"]);
    params.not_after = date_time_ymd(2021, 1, 1);
    let server = Server::start(Identity::from(params)).await;

    let error = server.connect("localhost", ca(&server.identity.certificate)).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Tls);
    assert!(error.message.starts_with("certificate expired: localhost"), "{error}");
}

#[tokio::test]
async fn certificate_of_the_future_is_refused() {
    let mut params = params(&["localhost"]);
    params.not_before = date_time_ymd(2090, 1, 1);
    let server = Server::start(Identity::from(params)).await;

    let error = server.connect("localhost", ca(&server.identity.certificate)).await.unwrap_err();

    assert!(error.message.starts_with("certificate not yet valid: localhost"), "{error}");
}

#[tokio::test]
async fn address_in_the_certificate_is_enough() {
    let server = Server::start(Identity::of("127.0.0.1")).await;

    server.connect("127.0.0.1", ca(&server.identity.certificate)).await.unwrap();
}

#[tokio::test]
async fn ipv6_literal_works_with_and_without_brackets() {
    let server = Server::start_at("[::1]:0", Identity::of("::1")).await;

    for host in ["::1", "[::1]"] {
        server.connect(host, ca(&server.identity.certificate)).await.unwrap();
    }
}

#[tokio::test]
async fn client_certificate_is_shown() {
    let client = Identity::of("client.example");
    let identity = Identity::of("localhost");
    let server = Server::start_with("127.0.0.1:0", identity, Some(&client)).await;
    let (chain, key) = (TemporaryFile::new("chain", &client.certificate), TemporaryFile::new("key", &client.key));
    let anonymous = ca(&server.identity.certificate);
    let known = TlsOptions { client_cert: Some((chain.path.clone(), key.path.clone())), ..anonymous.clone() };

    server.connect("localhost", known).await.unwrap();

    let error = server.connect("localhost", anonymous).await.unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Tls);
}

#[tokio::test]
async fn unreadable_material_is_told_apart() {
    let server = Server::start(Identity::of("localhost")).await;
    let begin = "-----BEGIN CERTIFICATE-----\n";
    for (options, start) in [
        (ca("/does/not/exist.pem"), "ca not readable: /does/not/exist.pem"),
        (ca(&format!("{begin}!!!\n-----END CERTIFICATE-----\n")), "ca is not valid PEM"),
        (ca(&server.identity.key), "ca holds no PEM certificate"),
    ] {
        let error = server.connect("localhost", options).await.unwrap_err();
        assert_eq!(error.kind, ConnectErrorKind::Tls);
        assert!(error.message.starts_with(start), "{error}");
    }
}

#[tokio::test]
async fn second_connection_resumes_the_session() {
    let server = Server::start(Identity::of("localhost")).await;
    let options = ca(&server.identity.certificate);

    let first = server.connect("localhost", options.clone()).await.unwrap();
    let second = server.connect("localhost", options).await.unwrap();

    assert_eq!(handshake_kind(&first), Some(HandshakeKind::Full));
    assert_eq!(handshake_kind(&second), Some(HandshakeKind::Resumed));
}

#[tokio::test]
async fn messages_of_every_size_come_through() {
    let server = Server::start(Identity::of("localhost")).await;
    let mut opened = server.connect("localhost", ca(&server.identity.certificate)).await.unwrap();

    for size in [0, 1, 4_000, 6_600, 16_384, 65_536, 1_000_003, 5] {
        let message: Vec<u8> = (0..size).map(|i: u32| (i % 251) as u8).collect();
        opened.websocket.send(Message::Binary(message.clone().into())).await.unwrap();
        let echo = opened.websocket.next().await.unwrap().unwrap();
        assert_eq!(echo.into_data(), message, "{size}");
    }
}

#[tokio::test]
async fn close_code_arrives_over_tls() {
    let server = Server::start(Identity::of("localhost")).await;
    let options = ca(&server.identity.certificate);
    let target = Target { max_message_bytes: 10, ..server.target("localhost", options) };
    let mut opened = connect(&target).await.unwrap();
    opened.websocket.send(Message::Binary(vec![0; 11].into())).await.unwrap();

    let error = opened.websocket.next().await.unwrap().unwrap_err();

    assert_eq!(close_after_error(&mut opened.websocket, &error).await, 1009);
    drop(opened);
    assert_eq!(server.next_close_code().await, Some(1009));
}

#[tokio::test]
async fn peer_without_tls_is_told() {
    let port = raw_peer(|mut tcp| async move {
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tcp
    })
    .await;

    let error = connect(&target("localhost", port, TlsOptions::default())).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Tls);
    assert!(error.message.starts_with("peer does not speak TLS: localhost:"), "{error}");
}

#[tokio::test]
async fn peer_with_tls_is_told_when_none_is_spoken() {
    let server = Server::start(Identity::of("localhost")).await;
    let target = Target { tls: false, ..server.target("localhost", TlsOptions::default()) };

    let error = connect(&target).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Http);
    assert!(error.message.contains("the peer speaks TLS: use wss"), "{error}");
}

#[tokio::test]
async fn silent_peer_times_out_in_the_tls_handshake() {
    let port = raw_peer(|tcp| async move {
        std::future::pending::<()>().await;
        drop(tcp);
    })
    .await;
    let target = target("localhost", port, TlsOptions::default());

    let error = open(&target, Instant::now() + Duration::from_millis(100)).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Timeout);
    assert!(error.message.contains("TLS handshake"), "{error}");
}

#[tokio::test]
async fn peer_that_hangs_up_in_the_handshake_is_a_reset() {
    let port = raw_peer(|mut tcp| async move {
        tcp.read_u8().await.unwrap();
    })
    .await;

    let error = connect(&target("localhost", port, TlsOptions::default())).await.unwrap_err();

    assert_eq!(error.kind, ConnectErrorKind::Reset);
    assert!(error.message.contains("TLS handshake"), "{error}");
}

fn handshake_kind(opened: &Opened) -> Option<HandshakeKind> {
    match opened.websocket.get_ref() {
        Stream::Tls(tls) => tls.get_ref().1.handshake_kind(),
        Stream::Plain(..) => None,
    }
}
