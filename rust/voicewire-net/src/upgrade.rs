//! Turns a byte stream into a WebSocket: our request, and what must hold of the answer.
//!
//! RFC 6455, section 4, by hand, since tungstenite's own client refuses `Connection: keep-alive,
//! Upgrade` and answers in small segments, takes extensions nobody asked for, and hides the body
//! of a refusal.

mod refusal;

use std::io;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::clock::timeout_at;
use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::socket::Stream;
use crate::target::Target;
use crate::tls;

/// The largest answer head taken, all interim answers together.
const MAX_HEAD: usize = 64 * 1024;
const READ: usize = 4096;
const STEP: &str = "WebSocket upgrade";
const OUR_HEADERS: [&str; 5] = ["host", "connection", "upgrade", "content-length", "transfer-encoding"];

/// What a server that agreed has said.
#[derive(Debug)]
pub(crate) struct Upgraded {
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// Bytes behind the head: the first frames.
    pub(crate) leftover: Vec<u8>,
}

/// The status line and headers of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) reason: String,
    http_1_0: bool,
    pub(crate) headers: Vec<(String, String)>,
}

/// Asks for the upgrade and reads the answer.
pub(crate) async fn upgrade(stream: &mut Stream, target: &Target, deadline: Instant) -> Result<Upgraded, ConnectError> {
    let key = generate_key();
    let exchanged = timeout_at(deadline, exchange(stream, target, &key));
    let (head, leftover) = exchanged.await.map_err(|_| ConnectError::timeout(STEP, &target.peer()))??;
    if head.status != 101 {
        return Err(refusal::read(stream, target, &head, leftover, deadline).await);
    }
    check(&head, &derive_accept_key(key.as_bytes()))
        .map_err(|why| ConnectError::http(format!("upgrade not valid: {} ({why})", target.peer())))?;
    let subprotocol = chosen_subprotocol(&head, &target.subprotocols)
        .map_err(|why| ConnectError::http(format!("upgrade not valid: {} ({why})", target.peer())))?;
    Ok(Upgraded { subprotocol, headers: head.headers, leftover })
}

/// Refuses what would break out of its line or contradict the upgrade, before a byte is sent.
pub(crate) fn check_request(target: &Target) -> Result<(), ConnectError> {
    let refuse = |what: String| Err(ConnectError::http(format!("request not allowed: {what}")));
    if !target.path_and_query.starts_with('/') || !target.path_and_query.bytes().all(is_visible) {
        return refuse("path with a space, control or non-ASCII character".to_owned());
    }
    if target.host_header.is_empty() || !target.host_header.bytes().all(is_visible) {
        return refuse("host with a space, control or non-ASCII character".to_owned());
    }
    if target.subprotocols.iter().any(|name| !is_token(name)) {
        return refuse("subprotocol that is no HTTP token".to_owned());
    }
    for (name, value) in &target.headers {
        if !is_token(name) {
            return refuse(format!("header name {name:?}"));
        }
        let lower = name.to_ascii_lowercase();
        if OUR_HEADERS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
            return refuse(format!("header {name} belongs to the upgrade"));
        }
        if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return refuse(format!("line break or NUL in the value of header {name}"));
        }
    }
    Ok(())
}

fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}

async fn exchange(stream: &mut Stream, target: &Target, key: &str) -> Result<(Head, Vec<u8>), ConnectError> {
    let broken = |error: io::Error| tls::stream_error(STEP, target, &error);
    stream.write_all(request(target, key).as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    read_head(stream, target).await
}

fn request(target: &Target, key: &str) -> String {
    let mut text = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n",
        target.path_and_query, target.host_header,
    );
    if !target.subprotocols.is_empty() {
        text += &format!("Sec-WebSocket-Protocol: {}\r\n", target.subprotocols.join(", "));
    }
    for (name, value) in &target.headers {
        text += &format!("{name}: {value}\r\n");
    }
    text + "\r\n"
}

/// Reads up to the first answer that is not interim; returns it and the bytes behind it.
async fn read_head(stream: &mut Stream, target: &Target) -> Result<(Head, Vec<u8>), ConnectError> {
    let mut bytes = Vec::new();
    let mut searched = 0;
    let mut interim = 0;
    loop {
        check_is_http(&bytes, target)?;
        if let Some(end) = head_end(&bytes, searched) {
            let head = parse(&bytes[..end], target)?;
            bytes.drain(..end);
            searched = 0;
            if head.status >= 200 || head.status == 101 {
                return Ok((head, bytes));
            }
            interim += end;
            continue;
        }
        searched = bytes.len().saturating_sub(3);
        if interim + bytes.len() >= MAX_HEAD {
            let message = format!("answer head too long: {} (over 64 KiB)", target.peer());
            return Err(ConnectError::http(message));
        }
        fill(stream, target, &mut bytes, MAX_HEAD - interim).await?;
    }
}

/// Reads once, never to more than `limit` bytes: an endless head ends at the limit.
async fn fill(stream: &mut Stream, target: &Target, bytes: &mut Vec<u8>, limit: usize) -> Result<(), ConnectError> {
    bytes.reserve(READ);
    let room = (limit - bytes.len()) as u64;
    match (&mut *stream).take(room).read_buf(bytes).await {
        Ok(0) => Err(hung_up(target, bytes.is_empty())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(hung_up(target, bytes.is_empty())),
        Err(error) => Err(tls::stream_error(STEP, target, &error)),
    }
}

fn hung_up(target: &Target, silent: bool) -> ConnectError {
    let when = if silent { "before an answer" } else { "in the middle of the answer's head" };
    let message = format!("connection closed in the {STEP}: {} ({when})", target.peer());
    ConnectError::new(ConnectErrorKind::Reset, message)
}

/// Tells other protocols by their first bytes, so that nobody waits for a head that never ends.
fn check_is_http(bytes: &[u8], target: &Target) -> Result<(), ConnectError> {
    const START: &[u8] = b"HTTP/1.";
    let size = bytes.len().min(START.len());
    if bytes[..size] == START[..size] {
        return Ok(());
    }
    // A TLS alert or handshake record (RFC 8446, section 5.1).
    let hint = match bytes {
        [0x15 | 0x16, 0x03, ..] => "the peer speaks TLS: use wss".to_owned(),
        _ => format!("it begins {:?}", bytes[..bytes.len().min(16)].escape_ascii().to_string()),
    };
    Err(ConnectError::http(format!("answer is not HTTP/1.1: {} ({hint})", target.peer())))
}

/// The index behind the empty line, looked for from `from` on.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = &bytes[from..];
    let crlf = tail.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
    let lf = tail.windows(2).position(|window| window == b"\n\n").map(|at| at + 2);
    [crlf, lf].into_iter().flatten().min().map(|at| from + at)
}

fn parse(bytes: &[u8], target: &Target) -> Result<Head, ConnectError> {
    // One slot per line is always enough.
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let mut slots = vec![httparse::EMPTY_HEADER; lines];
    let mut response = httparse::Response::new(&mut slots);
    let failed = |why: String| ConnectError::http(format!("answer head not readable: {} ({why})", target.peer()));
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(failed("line endings are mixed".to_owned())),
        Err(error) => return Err(failed(error.to_string())),
    }
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers.iter();
    Ok(Head {
        status: response.code.unwrap_or_default(),
        reason: response.reason.unwrap_or_default().to_owned(),
        http_1_0: response.version == Some(0),
        headers: headers.map(|header| (header.name.to_owned(), text(header.value))).collect(),
    })
}

impl Head {
    /// The values of `name`, in order.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim())
    }

    /// Whether a comma-separated list, in one header or several, holds `token` in any case.
    pub(crate) fn lists(&self, name: &str, token: &str) -> bool {
        self.values(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

/// RFC 6455, section 4.1, the client's checks 2 to 5.
fn check(head: &Head, accept_key: &str) -> Result<(), &'static str> {
    if head.http_1_0 {
        return Err("it is HTTP/1.0");
    }
    if !head.lists("Upgrade", "websocket") {
        return Err("Upgrade does not name websocket");
    }
    if !head.lists("Connection", "upgrade") {
        return Err("Connection does not name upgrade");
    }
    let mut accepts = head.values("Sec-WebSocket-Accept");
    if accepts.next() != Some(accept_key) || accepts.next().is_some() {
        return Err("Sec-WebSocket-Accept does not fit our key");
    }
    if head.values("Sec-WebSocket-Extensions").any(|value| !value.is_empty()) {
        return Err("it names an extension, and none was asked for");
    }
    Ok(())
}

/// RFC 6455, section 4.1, check 6: at most one, and one of ours. None at all is the server's right.
fn chosen_subprotocol(head: &Head, offered: &[String]) -> Result<Option<String>, &'static str> {
    let mut chosen = head.values("Sec-WebSocket-Protocol");
    let Some(name) = chosen.next() else {
        return Ok(None);
    };
    if chosen.next().is_some() || name.contains(',') {
        return Err("it names several subprotocols");
    }
    match offered.iter().any(|offer| offer == name) {
        true => Ok(Some(name.to_owned())),
        false => Err("it names a subprotocol that was not offered"),
    }
}
