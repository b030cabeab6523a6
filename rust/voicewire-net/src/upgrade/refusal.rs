//! What a server says that does not agree to the upgrade: status, body, when to come back.

use std::time::{Duration, Instant, SystemTime};

use tokio::io::AsyncReadExt;
use url::Url;

use crate::clock::timeout_at;
use crate::connect_error::ConnectError;
use crate::socket::Stream;
use crate::target::Target;
use crate::upgrade::Head;

/// The most of a body that is kept.
const MAX_BODY: usize = 64 * 1024;
/// The longest chunk size line, extensions included.
const MAX_CHUNK_LINE: usize = 4096;
const READ: usize = 4096;
/// A body is a kindness: nobody waits for it until the deadline.
const BODY_PATIENCE: Duration = Duration::from_secs(2);

/// How the end of a body is known (RFC 9112, section 6.3), with the bytes still to come.
enum Framing {
    Length(usize),
    Chunked(usize),
    UntilClose,
}

/// Reads the rest of a refusal; a body that stalls or breaks off counts as far as it came.
pub(crate) async fn read(
    stream: &mut Stream,
    target: &Target,
    head: &Head,
    wire: Vec<u8>,
    deadline: Instant,
) -> ConnectError {
    let mut body = Vec::new();
    let patience = deadline.min(Instant::now() + BODY_PATIENCE);
    // Late or broken, what came is told.
    let _ = timeout_at(patience, read_body(stream, Framing::of(head), wire, &mut body)).await;
    ConnectError {
        status: Some(head.status),
        body: Some(String::from_utf8_lossy(&body).into_owned()),
        retry_after: retry_after(head, SystemTime::now()),
        ..ConnectError::http(message(target, head))
    }
}

async fn read_body(stream: &mut Stream, mut framing: Framing, mut wire: Vec<u8>, body: &mut Vec<u8>) {
    while !framing.absorb(&mut wire, body) {
        wire.reserve(READ);
        match stream.read_buf(&mut wire).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

impl Framing {
    fn of(head: &Head) -> Self {
        if matches!(head.status, 204 | 304) {
            return Self::Length(0);
        }
        if head.lists("Transfer-Encoding", "chunked") {
            return Self::Chunked(0);
        }
        let length = head.values("Content-Length").next().and_then(|value| value.parse().ok());
        length.map_or(Self::UntilClose, Self::Length)
    }

    /// Moves what `wire` has of the body to `body`; true when no more is to come or to be kept.
    fn absorb(&mut self, wire: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
        let ended = match self {
            Self::Length(left) => {
                take(wire, left, body);
                *left == 0
            }
            Self::Chunked(left) => take_chunks(wire, left, body),
            Self::UntilClose => {
                body.append(wire);
                false
            }
        };
        body.truncate(MAX_BODY);
        ended || body.len() == MAX_BODY
    }
}

fn take(wire: &mut Vec<u8>, left: &mut usize, body: &mut Vec<u8>) {
    let size = wire.len().min(*left);
    body.extend(wire.drain(..size));
    *left -= size;
}

/// Takes chunk after chunk; true at the last one, and at what is none.
fn take_chunks(wire: &mut Vec<u8>, left: &mut usize, body: &mut Vec<u8>) -> bool {
    loop {
        take(wire, left, body);
        let line = wire.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(wire.len());
        if *left > 0 || line == wire.len() {
            return false;
        }
        match httparse::parse_chunk_size(&wire[line..]) {
            Ok(httparse::Status::Complete((start, size))) if size > 0 => {
                *left = usize::try_from(size).unwrap_or(usize::MAX);
                wire.drain(..line + start);
            }
            Ok(httparse::Status::Partial) => return wire.len() > MAX_CHUNK_LINE,
            Ok(_) | Err(_) => return true,
        }
    }
}

fn message(target: &Target, head: &Head) -> String {
    let status = format!("HTTP {} {}", head.status, head.reason);
    let status = status.trim_end();
    let peer = target.peer();
    match head.values("Location").next().filter(|_| (300..400).contains(&head.status)) {
        Some(to) => format!("redirect not followed: {status} from {peer} to {}", place(target, to)),
        None => format!("upgrade refused: {status} from {peer}"),
    }
}

/// The host that a `Location` leads to; the rest of it may hold secrets.
fn place(target: &Target, location: &str) -> String {
    let scheme = if target.tls { "https" } else { "http" };
    let base = Url::parse(&format!("{scheme}://{}/", target.host_header));
    let url = base.and_then(|base| base.join(location));
    match url.as_ref().map(|url| (url.scheme(), url.host_str(), url.port())) {
        Ok((scheme, Some(host), Some(port))) => format!("{scheme}://{host}:{port}"),
        Ok((scheme, Some(host), None)) => format!("{scheme}://{host}"),
        _ => "an unreadable address".to_owned(),
    }
}

/// Seconds to wait: `retry-after-ms` (OpenAI, Azure), else `Retry-After` (RFC 9110, 10.2.3).
fn retry_after(head: &Head, now: SystemTime) -> Option<f64> {
    let number = |text: &str| text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
    if let Some(ms) = head.values("retry-after-ms").find_map(number) {
        return Some(ms / 1000.0);
    }
    let value = head.values("Retry-After").next()?;
    number(value).or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(now).unwrap_or_default().as_secs_f64())
    })
}
