//! One socket: the HTTP request, messages in, frames out.

use std::io::{self, Read, Write};

use bytes::{Buf, BytesMut};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::script::{control_frame, number};
use crate::stream::Stream;

pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
const LONGEST: usize = 16 << 20;

pub(crate) struct Connection {
    pub(crate) query: Query,
    pub(crate) is_asked: bool,
    stream: Stream,
    received: BytesMut,
    /// What the socket has not taken yet.
    backlog: BytesMut,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    Http,
    Session,
    Closing,
}

/// What the URL asks for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Query {
    pub(crate) is_paced: bool,
    pub(crate) is_counted: bool,
    pub(crate) count: u64,
    pub(crate) delta_ms: u64,
}

pub(crate) enum Request {
    Summary,
    Session,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            query: Query::default(),
            is_asked: false,
            stream,
            received: BytesMut::new(),
            backlog: BytesMut::new(),
            stage: Stage::Http,
        }
    }

    /// Reads all there is; false once the client has closed.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 64 << 10];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands whole frames to the socket; what it does not take waits for `flush`. Errors show at the next read.
    pub(crate) fn send(&mut self, frames: &[u8]) {
        let taken = if self.is_written() { self.stream.write(frames).unwrap_or(0) } else { 0 };
        self.backlog.extend_from_slice(&frames[taken..]);
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stream.push()?;
        while self.stream.is_written() && !self.backlog.is_empty() {
            match self.stream.write(&self.backlog) {
                Ok(taken) => self.backlog.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) fn close(&mut self, payload: &[u8]) {
        self.send(&control_frame(CLOSE, payload));
        self.stage = Stage::Closing;
    }

    /// Answers the HTTP request, once it is whole, with the upgrade.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        if self.stage != Stage::Http {
            return None;
        }
        let end = self.received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let request = String::from_utf8_lossy(&self.received.split_to(end)).into_owned();
        let target = request.split(' ').nth(1).unwrap_or_default();
        if target == "/summary" {
            return Some(Request::Summary);
        }
        let Some(key) = header(&request, "sec-websocket-key") else {
            self.send(&http("426 Upgrade Required", "Content-Length: 0\r\nConnection: close\r\n", ""));
            self.stage = Stage::Closing;
            return None;
        };
        let accept = derive_accept_key(key.as_bytes());
        let upgrade = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n");
        self.send(&http("101 Switching Protocols", &upgrade, ""));
        self.query = Query::of(target);
        self.stage = Stage::Session;
        Some(Request::Session)
    }

    /// Takes one whole masked message, opcode and payload (RFC 6455 section 5.2); fragments are refused.
    pub(crate) fn take_message(&mut self) -> io::Result<Option<(u8, BytesMut)>> {
        let (&[first, second, ..], Stage::Session) = (&self.received[..], &self.stage) else { return Ok(None) };
        let (header, length) = match second & 0x7f {
            126 => (4, self.received.get(2..4).map(number)),
            127 => (10, self.received.get(2..10).map(number)),
            length => (2, Some(usize::from(length))),
        };
        let Some(length) = length else { return Ok(None) };
        if first & 0x80 == 0 || second & 0x80 == 0 || length > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "frame fragmented, unmasked or too long"));
        }
        if self.received.len() < header + 4 + length {
            return Ok(None);
        }
        self.received.advance(header);
        let mask = self.received.split_to(4);
        let mut payload = self.received.split_to(length);
        payload.chunks_mut(4).for_each(|word| word.iter_mut().zip(&mask[..]).for_each(|(byte, mask)| *byte ^= mask));
        Ok(Some((first & 0x0f, payload)))
    }

    pub(crate) fn is_session(&self) -> bool {
        self.stage == Stage::Session
    }

    pub(crate) fn is_written(&self) -> bool {
        self.backlog.is_empty() && self.stream.is_written()
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.stage == Stage::Closing && self.is_written()
    }
}

impl Query {
    fn of(target: &str) -> Self {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, text)| text)
        };
        let number = |name: &str| value(name).and_then(|text| text.parse::<f64>().ok());
        let delta_ms = number("delta_ms").unwrap_or(100.0).max(1.0);
        let is_paced = value("mode") == Some("paced");
        let paced = (number("seconds").unwrap_or(5.0) * 1000.0 / delta_ms).round();
        let count = if is_paced { paced } else { number("count").unwrap_or(1000.0) };
        Self {
            is_paced,
            is_counted: value("warm_up") != Some("1"),
            count: count.max(1.0) as u64,
            delta_ms: delta_ms as u64,
        }
    }
}

pub(crate) fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}").into_bytes()
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = request.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
