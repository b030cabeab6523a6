//! Peers that play one part over one connection, and targets that lead to them.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use voicewire_net::connect_error::ConnectError;
use voicewire_net::socket::{open, Opened};
use voicewire_net::target::{Target, TlsOptions};

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn connect_to_agreement(extra: &'static str) -> Result<Opened, ConnectError> {
    let (port, _peer) = peer(move |mut tcp, request| async move {
        tcp.write_all(agreement(&request, extra).as_bytes()).await.unwrap();
    })
    .await;
    let subprotocols = vec!["realtime".into(), "other".into()];
    connect(&Target { subprotocols, ..target(port) }).await
}

/// The error that `answer`, followed by the end of the stream, gives.
pub(crate) async fn refusal(answer: impl Into<Vec<u8>>) -> ConnectError {
    let answer = answer.into();
    let (port, _peer) = peer(|mut tcp, _| async move {
        tcp.write_all(&answer).await.unwrap();
    })
    .await;
    connect(&target(port)).await.unwrap_err()
}

pub(crate) async fn connect(target: &Target) -> Result<Opened, ConnectError> {
    open(target, Instant::now() + PATIENCE).await
}

pub(crate) async fn next_text(opened: &mut Opened) -> String {
    let message = timeout(PATIENCE, opened.websocket.next()).await.unwrap();
    message.unwrap().unwrap().into_text().unwrap().to_string()
}

/// Accepts one connection, reads the request's head and plays `part`; returns the port.
pub(crate) async fn peer<F, P>(part: P) -> (u16, JoinHandle<F::Output>)
where
    P: FnOnce(TcpStream, String) -> F + Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(tcp.read_buf(&mut request).await.unwrap(), 0);
        }
        part(tcp, String::from_utf8(request).unwrap()).await
    });
    (port, task)
}

pub(crate) fn agreement(request: &str, extra: &str) -> String {
    let accept = derive_accept_key(key(request).as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\n{extra}Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

pub(crate) fn key(request: &str) -> String {
    let line = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    line.unwrap().to_owned()
}

pub(crate) fn target(port: u16) -> Target {
    Target {
        host: "127.0.0.1".into(),
        port,
        tls: false,
        path_and_query: "/v1/realtime?model=m".into(),
        host_header: "localhost:1234".into(),
        headers: Vec::new(),
        subprotocols: Vec::new(),
        tls_options: TlsOptions::default(),
        max_message_bytes: 1 << 20,
    }
}
