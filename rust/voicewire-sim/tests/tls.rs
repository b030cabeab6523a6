//! TLS: a client that trusts the file of the authority gets a session, another does not.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use futures_util::StreamExt;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{json, Value};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::TlsConnector;
use voicewire_sim::Simulator;

fn secure() -> Simulator {
    start_with(|config| config.tls = true)
}

fn authority(simulator: &Simulator) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(simulator.ca_file().unwrap()).unwrap()).unwrap();
    roots
}

async fn connect(
    simulator: &Simulator,
    roots: RootCertStore,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let address = simulator.url().replace("wss://", "").replace("/v1", "");
    let tcp = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), tcp).await
}

#[tokio::test]
async fn sessions_and_requests_run_over_tls() {
    let simulator = secure();
    assert!(simulator.url().starts_with("wss://127.0.0.1:") && simulator.http_url().starts_with("https://"));

    let stream = connect(&simulator, authority(&simulator), "localhost").await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/v1/realtime?model=m", stream).await.unwrap();
    let created: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    let mut stream = connect(&simulator, authority(&simulator), "127.0.0.1").await.unwrap();
    stream.write_all(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();

    assert_eq!(created["type"], "session.created");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn the_certificate_is_good_for_each_name_of_this_machine() {
    let simulator = secure();
    for name in ["localhost", "127.0.0.1", "::1"] {
        connect(&simulator, authority(&simulator), name).await.unwrap();
    }
    assert!(connect(&simulator, authority(&simulator), "example.com").await.is_err());
    assert!(connect(&simulator, authority(&secure()), "localhost").await.is_err(), "each has its own authority");
}

#[tokio::test]
async fn faults_strike_under_tls() {
    let simulator = start_with(|config| {
        config.tls = true;
        config.faults = faults(json!([{"kind": "drop", "how": "rst", "after_events": 1}]));
    });
    let stream = connect(&simulator, authority(&simulator), "localhost").await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/v1/realtime?model=m", stream).await.unwrap();

    socket.next().await.unwrap().unwrap();

    assert!(!matches!(socket.next().await, Some(Ok(_))));
}

#[test]
fn the_file_is_gone_when_the_simulator_stops() {
    let simulator = secure();
    let path = simulator.ca_file().unwrap().to_owned();
    assert!(path.exists());

    simulator.stop();

    assert!(!path.parent().unwrap().exists());
    assert_eq!(start().ca_file(), None);
}
