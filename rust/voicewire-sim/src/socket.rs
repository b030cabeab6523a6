//! The WebSocket of one connection: polls for receiving and sending, the close handshake, limits; under the connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{Sink, Stream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::WebSocketStream;

use crate::line::Line;
use crate::stream::Stream as Transport;

/// How long a close frame waits for its answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The service allows 15 MiB of audio in one append, 20 MiB as base64.
const MESSAGE_LIMIT: usize = 24 << 20;

/// The server's end of a WebSocket.
pub(crate) type Socket = WebSocketStream<Transport>;

/// Why a wait ended.
#[derive(Debug)]
pub(crate) enum Step {
    Received(Message),
    /// A timer is due, a fault changed, or an event left.
    Tick,
    Ended,
}

/// Take the next message.
pub(crate) fn poll_receive(socket: &mut Socket, cx: &mut Context<'_>) -> Poll<Step> {
    match Pin::new(socket).poll_next(cx) {
        Poll::Ready(Some(Ok(message))) => Poll::Ready(Step::Received(message)),
        Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Step::Ended),
        Poll::Pending => Poll::Pending,
    }
}

/// Send the first event of the line if it has arrived; flushing also carries pongs.
pub(crate) fn poll_send(socket: &mut Socket, line: &mut Line, binary: bool, cx: &mut Context<'_>) -> Poll<Step> {
    let mut socket = Pin::new(socket);
    match socket.as_mut().poll_flush(cx) {
        Poll::Ready(Ok(())) => {}
        Poll::Ready(Err(_)) => return Poll::Ready(Step::Ended),
        Poll::Pending => return Poll::Pending,
    }
    match line.pop(Instant::now()).map(|event| socket.start_send(data(event, binary))) {
        Some(Ok(())) => Poll::Ready(Step::Tick),
        Some(Err(_)) => Poll::Ready(Step::Ended),
        None => Poll::Pending,
    }
}

/// A message with this text.
pub(crate) fn data(event: String, binary: bool) -> Message {
    if binary {
        Message::binary(event.into_bytes())
    } else {
        Message::text(event)
    }
}

/// The header of an unmasked frame (RFC 6455 section 5.2) and half of its payload.
pub(crate) fn half_frame(event: &str, binary: bool) -> Vec<u8> {
    let length = event.len() as u64;
    let mut frame = vec![if binary { 0x82 } else { 0x81 }];
    match length {
        0..=125 => frame.push(length as u8),
        126..=65_535 => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(&event.as_bytes()[..event.len() / 2]);
    frame
}

/// Send a message and flush it.
pub(crate) async fn send(socket: &mut Socket, message: Message) -> Result<(), Error> {
    let mut socket = Pin::new(socket);
    poll_fn(|cx| socket.as_mut().poll_ready(cx)).await?;
    socket.as_mut().start_send(message)?;
    poll_fn(|cx| socket.as_mut().poll_flush(cx)).await
}

/// Send a close frame and wait for its answer.
pub(crate) async fn close(socket: &mut Socket, code: u16, reason: &str) {
    // A close frame holds 123 bytes of reason.
    let reason = reason.get(..123).unwrap_or(reason).to_owned();
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    let _ = send(socket, Message::Close(Some(frame))).await;
    let answered = poll_fn(|cx| loop {
        match Pin::new(&mut *socket).poll_next(cx) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    });
    let _ = timeout(CLOSE_TIMEOUT, answered).await;
}

/// A small buffer for each of many sessions; each event is written when it is sent.
pub(crate) fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT))
}
