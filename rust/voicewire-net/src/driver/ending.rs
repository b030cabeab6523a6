//! How a connection ends, and what the application is told of it.

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::Error as WsError;
use voicewire_proto::{Error, Malformed, Secrets};

use super::Driver;
use crate::clock;
use crate::inbox::ConnectFailure;
use crate::link::Link;
use crate::socket;

/// How a connection ended.
pub(crate) struct End {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) clean: bool,
    pub(crate) error: Option<Error>,
    /// Why there is no other connection, where that is another reason.
    pub(crate) failure: Option<Box<ConnectFailure>>,
}

impl End {
    /// An end that is no error.
    pub(crate) fn of(code: u16, reason: &str, clean: bool) -> Self {
        Self { code, reason: reason.to_owned(), clean, error: None, failure: None }
    }
}

/// What tungstenite makes of a close code that may not be sent, and answers with.
const FORBIDDEN_CODE: (u16, &str) = (1002, "Protocol violation");

impl Driver {
    pub(super) async fn peer_closed(&mut self, link: &mut Link, frame: Option<CloseFrame>) -> End {
        let (code, reason) = close_words(frame, &self.secrets);
        // tungstenite has queued the answer; a dead peer cannot hold us up.
        let flushed = clock::timeout(self.timeouts.close, link.websocket.flush());
        let _ = flushed.await;
        if link.deadline.is_some() {
            return End::of(1000, "", true);
        }
        if (code, reason.as_str()) == FORBIDDEN_CODE {
            let message = "peer broke the WebSocket protocol: its close code is not allowed on the wire".to_owned();
            return Self::violation(code, message);
        }
        End::of(code, &reason, true)
    }

    fn violation(code: u16, message: String) -> End {
        let error = Error::Malformed { kind: Malformed::BadMessage, message: message.clone(), excerpt: String::new() };
        End { error: Some(error), ..End::of(code, &message, false) }
    }

    pub(super) fn lost(&self, link: &Link, reason: &str) -> End {
        if link.deadline.is_some() {
            return End::of(1000, "", false);
        }
        End::of(1006, reason, false)
    }

    /// The WebSocket is broken: says so to the peer where it is his fault.
    pub(super) async fn broken(&mut self, link: &mut Link, error: WsError) -> End {
        if matches!(error, WsError::Io(_) | WsError::ConnectionClosed | WsError::AlreadyClosed) || is_cut(&error) {
            return self.lost(link, &format!("connection lost: {error}"));
        }
        let code = socket::close_after_error(&mut link.websocket, &error).await;
        let message = match &error {
            WsError::Capacity(_) => {
                let limit = self.shared.limits.max_message_bytes;
                format!("message is over the limit of {limit} bytes: {error}")
            }
            _ => format!("peer broke the WebSocket protocol: {error}"),
        };
        Self::violation(code, message)
    }
}

pub(super) fn close_words(frame: Option<CloseFrame>, secrets: &Secrets) -> (u16, String) {
    frame.map_or((1005, String::new()), |frame| (frame.code.into(), secrets.mask(&frame.reason)))
}

/// Whether the peer vanished without goodbye.
fn is_cut(error: &WsError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(error, WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake))
}
