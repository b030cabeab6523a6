//! Opens a WebSocket (addresses, TCP, TLS, upgrade) under one deadline, and ends one that broke.

mod read_ahead;

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{lookup_host, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::WebSocketStream;

use crate::clock::{sleep, timeout, timeout_at};
use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::target::Target;
use crate::{tls, upgrade};

pub use read_ahead::ReadAhead;

/// How long one address has for itself before the next is tried beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How long unacknowledged data may wait before the kernel gives the connection up.
#[cfg(target_os = "linux")]
const USER_TIMEOUT_MS: u32 = 10_000;
/// How long the end of a broken connection may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// 16 KiB: tungstenite zero-fills this much before every read (performance.md, 3.8).
const READ_BUFFER: usize = 16 * 1024;
/// The driver feeds 1 MiB at a time; only a single message of the user is longer.
const MAX_WRITE_BUFFER: usize = 256 << 20;

/// A WebSocket that is ready for messages.
pub struct Opened {
    /// The message stream, positioned behind the upgrade.
    pub websocket: WebSocketStream<Stream>,
    /// The subprotocol that the server chose, one of those on offer.
    pub subprotocol: Option<String>,
    /// The headers of the 101 answer, in order.
    pub headers: Vec<(String, String)>,
}

/// The bytes below a WebSocket.
#[derive(Debug)]
pub enum Stream {
    /// TCP alone (`ws`), and the bytes read from it behind the upgrade.
    Plain(TcpStream, u64),
    /// TLS over TCP (`wss`).
    Tls(Box<TlsStream<ReadAhead>>),
}

/// Opens a WebSocket to `target`, or says why not by `deadline`.
///
/// Dropping the future abandons the attempt and closes what it had opened.
///
/// # Errors
/// [`ConnectError`], whose kind names the step that failed.
pub async fn open(target: &Target, deadline: Instant) -> Result<Opened, ConnectError> {
    upgrade::check_request(target)?;
    let tcp = connect(target, deadline).await?;
    let mut stream = secure(target, tcp, deadline).await?;
    let upgraded = upgrade::upgrade(&mut stream, target, deadline).await?;
    if let Stream::Plain(_, taken) = &mut stream {
        *taken = upgraded.leftover.len() as u64;
    }
    let config = websocket_config(target.max_message_bytes);
    let websocket = WebSocketStream::from_partially_read(stream, upgraded.leftover, Role::Client, Some(config));
    Ok(Opened { websocket: websocket.await, subprotocol: upgraded.subprotocol, headers: upgraded.headers })
}

/// Tells the peer by a close frame what it did wrong, then ends the stream; takes 1 s at most.
///
/// Returns the close code that fits `error`: 1002 for broken frames, 1007 for broken UTF-8, 1009
/// for a message over the limit, and 1006 when the connection itself is gone and nothing is sent.
/// What the peer has still sent is read away, since dropping a socket with unread input resets it
/// and may cost the peer our close frame.
pub async fn close_after_error(ws: &mut WebSocketStream<Stream>, error: &WsError) -> u16 {
    let code = close_code(error);
    if let Some(code) = code {
        // A peer that does not take the frame in time has lost its claim to it.
        let _ = timeout(CLOSE_PATIENCE, end(ws, code)).await;
    }
    code.map_or(u16::from(CloseCode::Abnormal), u16::from)
}

/// The code that tells the peer about `error`; none when nothing can be told any more.
fn close_code(error: &WsError) -> Option<CloseCode> {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        WsError::Capacity(_) => Some(CloseCode::Size),
        WsError::Utf8(_) => Some(CloseCode::Invalid),
        WsError::Protocol(ResetWithoutClosingHandshake) => None,
        WsError::Protocol(_) | WsError::AttackAttempt => Some(CloseCode::Protocol),
        _ => None,
    }
}

async fn end(ws: &mut WebSocketStream<Stream>, code: CloseCode) -> Result<(), WsError> {
    // Room first: a full write buffer would swallow the close frame.
    ws.flush().await?;
    let reason = "".into();
    ws.close(Some(CloseFrame { code, reason })).await?;
    let stream = ws.get_mut();
    // RFC 6455, section 7.1.1: the server ends TCP first. One that does not sees our end.
    let ended = timeout(CLOSE_PATIENCE / 2, read_away(stream)).await;
    stream.shutdown().await?;
    if ended.is_err() {
        read_away(stream).await;
    }
    Ok(())
}

/// Drops what comes until nothing more can.
async fn read_away(stream: &mut Stream) {
    let mut unread = [0; 4096];
    while matches!(stream.read(&mut unread).await, Ok(1..)) {}
}

fn websocket_config(max_message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}

async fn connect(target: &Target, deadline: Instant) -> Result<TcpStream, ConnectError> {
    let peer = target.peer();
    let addresses =
        timeout_at(deadline, resolve(target)).await.map_err(|_| ConnectError::timeout("DNS lookup", &peer))??;
    let tcp = timeout_at(deadline, connect_any(&peer, addresses))
        .await
        .map_err(|_| ConnectError::timeout("TCP connect", &peer))??;
    set_options(&tcp).map_err(|error| ConnectError::broken("TCP connect", &peer, &error))?;
    Ok(tcp)
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
    let host = target.bare_host();
    let not_found = |why: String| ConnectError::new(ConnectErrorKind::Dns, format!("host not found: {host} ({why})"));
    let addresses = lookup_host((host, target.port)).await.map_err(|e| not_found(e.to_string()))?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    if addresses.is_empty() {
        return Err(not_found("the name has no address".to_owned()));
    }
    Ok(addresses)
}

/// Connects to whichever address answers first, starting them one after another.
async fn connect_any(peer: &str, addresses: Vec<SocketAddr>) -> Result<TcpStream, ConnectError> {
    let mut waiting = addresses.into_iter().peekable();
    let mut attempts = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        attempts.extend(waiting.next().map(attempt));
        tokio::select! {
            Some(result) = attempts.next() => match result {
                Ok(tcp) => return Ok(tcp),
                Err(failure) => failures.push(failure),
            },
            () = sleep(ATTEMPT_DELAY), if waiting.peek().is_some() => {}
            else => return Err(unreachable_peer(peer, &failures)),
        }
    }
}

async fn attempt(address: SocketAddr) -> Result<TcpStream, (SocketAddr, io::Error)> {
    TcpStream::connect(address).await.map_err(|error| (address, error))
}

fn unreachable_peer(peer: &str, failures: &[(SocketAddr, io::Error)]) -> ConnectError {
    let all = |kind| failures.iter().all(|(_, error)| error.kind() == kind);
    let (kind, what) = if all(io::ErrorKind::TimedOut) {
        (ConnectErrorKind::Timeout, "connect timed out")
    } else if all(io::ErrorKind::ConnectionReset) {
        (ConnectErrorKind::Reset, "connection reset")
    } else if failures.iter().any(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused) {
        (ConnectErrorKind::Refused, "connection refused")
    } else {
        (ConnectErrorKind::Refused, "host unreachable")
    };
    let reason = |(address, error): &(SocketAddr, io::Error)| match address.to_string() {
        address if address == peer => error.to_string(),
        address => format!("{address}: {error}"),
    };
    let tried: Vec<String> = failures.iter().map(reason).collect();
    ConnectError::new(kind, format!("{what}: {peer} ({})", tried.join("; ")))
}

fn set_options(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(tcp, USER_TIMEOUT_MS)?;
    Ok(())
}

async fn secure(target: &Target, tcp: TcpStream, deadline: Instant) -> Result<Stream, ConnectError> {
    if !target.tls {
        return Ok(Stream::Plain(tcp, 0));
    }
    let tls = timeout_at(deadline, tls::handshake(target, ReadAhead::new(tcp)))
        .await
        .map_err(|_| ConnectError::timeout("TLS handshake", &target.peer()))??;
    Ok(Stream::Tls(Box::new(tls)))
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("subprotocol", &self.subprotocol).finish_non_exhaustive()
    }
}

impl Stream {
    /// Bytes handed to the WebSocket; None under TLS, which keeps some for itself.
    pub(crate) fn taken(&self) -> Option<u64> {
        match self {
            Self::Plain(_, taken) => Some(*taken),
            Self::Tls(_) => None,
        }
    }

    /// Whether the socket has nothing to read; wakes the task when it has.
    pub(crate) fn is_dry(&self, cx: &mut Context<'_>) -> bool {
        self.tcp().poll_read_ready(cx).is_pending()
    }

    /// The TCP socket underneath, for options and addresses.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp, _) => tcp,
            Self::Tls(tls) => tls.get_ref().0.tcp(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp, taken) => {
                let before = out.filled().len();
                let read = Pin::new(tcp).poll_read(cx, out);
                *taken += (out.filled().len() - before) as u64;
                read
            }
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp, _) => Pin::new(tcp).poll_write(cx, data),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp, _) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp, _) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp, _) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp, _) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
