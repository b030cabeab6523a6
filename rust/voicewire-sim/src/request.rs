//! The head of an HTTP request and the responses to it: between the socket and the gate.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::stream::Stream;

/// Larger heads are refused with 431.
const HEAD_LIMIT: usize = 32 << 10;
/// Larger bodies are refused with 413.
const BODY_LIMIT: usize = 1 << 20;

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query as they came.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// A response that is no upgrade.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Request {
    /// Read a head; bytes behind it belong to the WebSocket. None if it is no HTTP or too large.
    pub(crate) async fn read(stream: &mut Stream) -> io::Result<Option<(Request, Vec<u8>)>> {
        let mut bytes = Vec::with_capacity(1024);
        loop {
            if let Some(end) = find_end(&bytes) {
                let rest = bytes.split_off(end);
                return Ok(Request::parse(&bytes).map(|request| (request, rest)));
            }
            if bytes.len() > HEAD_LIMIT {
                return Ok(None);
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Read the body, which begins with what came behind the head; the status of the refusal if it cannot be had.
    pub(crate) async fn read_body(&self, stream: &mut Stream, mut body: Vec<u8>) -> io::Result<Result<Vec<u8>, u16>> {
        if self.header("transfer-encoding").is_some() {
            return Ok(Err(411));
        }
        let length = match self.header("content-length").map(str::parse::<usize>) {
            None => 0,
            Some(Ok(length)) if length <= BODY_LIMIT => length,
            Some(Ok(_)) => return Ok(Err(413)),
            Some(Err(_)) => return Ok(Err(400)),
        };
        while body.len() < length {
            if stream.read_buf(&mut body).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        body.truncate(length);
        Ok(Ok(body))
    }

    /// It asks for a WebSocket, rightly or not.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    fn parse(bytes: &[u8]) -> Option<Request> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        words.next().filter(|version| *version == "HTTP/1.1")?;
        let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        });
        Some(Request { method: method.to_owned(), target: target.to_owned(), headers: headers.collect::<Option<_>>()? })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A query parameter, percent-decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| percent_decode(value))
        })
    }

    pub(crate) fn subprotocols(&self) -> impl Iterator<Item = &str> {
        let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("sec-websocket-protocol");
        self.headers.iter().filter(named).flat_map(|(_, value)| value.split(',').map(str::trim))
    }

    /// The key of the WebSocket handshake, if this asks for an upgrade that RFC 6455 section 4.2.1 allows.
    pub(crate) fn upgrade_key(&self) -> Option<&str> {
        let asks = self.is_upgrade();
        let connection = self.header("connection").unwrap_or_default();
        let connected = connection.split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade"));
        let version = self.header("sec-websocket-version") == Some("13");
        let key = self.header("sec-websocket-key").filter(|key| key.len() == 24);
        key.filter(|_| asks && connected && version && self.method == "GET")
    }
}

impl Response {
    pub(crate) fn json(status: u16, body: String) -> Self {
        Response { status, content_type: "application/json", body, headers: Vec::new() }
    }

    pub(crate) async fn write(self, stream: &mut Stream) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        head += &format!("Content-Type: {}\r\nConnection: close\r\n", self.content_type);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
        stream.shutdown().await
    }
}

/// Write the 101; `realtime` is the only subprotocol ever selected.
pub(crate) async fn write_upgrade(stream: &mut Stream, key: &str, realtime: bool) -> io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let mut head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".to_owned();
    head += &format!("Sec-WebSocket-Accept: {accept}\r\n");
    if realtime {
        head += "Sec-WebSocket-Protocol: realtime\r\n";
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], escaped) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
