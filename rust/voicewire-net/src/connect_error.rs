//! Why a connection could not be opened: the kind, a sentence for people, and what the server said.

use std::fmt;
use std::io;

/// The step or party that made an attempt fail; stable words for callers to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The host name did not resolve.
    Dns,
    /// No address of the host accepted the connection, or none could be reached.
    Refused,
    /// The peer accepted and then hung up before the upgrade was complete.
    Reset,
    /// The deadline passed; the message names the step that was waited for.
    Timeout,
    /// The TLS handshake or the check of the certificate failed.
    Tls,
    /// The server answered, but not with a valid upgrade; `status` is set when it spoke HTTP.
    Http,
    /// The proxy on the way refused.
    Proxy,
}

impl ConnectErrorKind {
    /// The word under which callers know this kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Proxy => "proxy",
        }
    }
}

impl fmt::Display for ConnectErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed attempt to open a WebSocket.
///
/// The message carries no header values, query parameters or subprotocols of the request. The body
/// is the server's own text: whoever knows the secrets masks it before it is shown.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    /// What failed, in a word.
    pub kind: ConnectErrorKind,
    /// What happened, to what, then the value.
    pub message: String,
    /// The HTTP status, when the server answered with one other than 101.
    pub status: Option<u16>,
    /// What came of the answer's body, at most 64 KiB, as UTF-8 with replacements.
    pub body: Option<String>,
    /// Seconds the server asks to wait, from `Retry-After` or `retry-after-ms`.
    pub retry_after: Option<f64>,
}

impl ConnectError {
    pub(crate) fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None, body: None, retry_after: None }
    }

    pub(crate) fn http(message: impl Into<String>) -> Self {
        Self::new(ConnectErrorKind::Http, message)
    }

    pub(crate) fn tls(message: impl Into<String>) -> Self {
        Self::new(ConnectErrorKind::Tls, message)
    }

    /// The deadline passed while `step` (a noun phrase) was under way.
    pub(crate) fn timeout(step: &str, peer: &str) -> Self {
        Self::new(ConnectErrorKind::Timeout, format!("connect timed out in the {step}: {peer}"))
    }

    /// An operating system error of an established connection.
    pub(crate) fn broken(step: &str, peer: &str, error: &io::Error) -> Self {
        let (kind, what) = match error.kind() {
            io::ErrorKind::TimedOut => (ConnectErrorKind::Timeout, "connection timed out"),
            io::ErrorKind::ConnectionReset => (ConnectErrorKind::Reset, "connection reset"),
            io::ErrorKind::UnexpectedEof => (ConnectErrorKind::Reset, "connection closed"),
            _ => (ConnectErrorKind::Reset, "connection broken"),
        };
        Self::new(kind, format!("{what} in the {step}: {peer} ({error})"))
    }
}
